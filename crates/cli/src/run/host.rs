//! What programs find around them: the store with its limits, and what modules may import.

use super::wasi;
use crate::{format::quoted, values};
use anyhow::{Result, bail};
use clap::ValueEnum;
use rotifer::{Error, ExternType, ImportType, Linker, Module, Store, StoreLimits, Val};
use rotifer_wasi::WasiCtx;
use rotifer_wast::Print;
use std::{io::Write, sync::Arc};

/// What a function is that is imported and not provided.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(super) enum UnknownImports {
    /// The module is refused.
    #[default]
    Refuse,
    /// A call ends the program.
    Trap,
    /// A call does nothing and returns zeros and null references.
    Zero,
}

/// What belongs to a store.
pub(super) struct State {
    pub(super) limits: StoreLimits,
    pub(super) wasi: WasiCtx,
}

/// Everything that the module imports, if it can be provided. The limits of the store count from then on.
pub(super) fn linker(
    store: &mut Store<State>,
    module: &Module,
    unknown: UnknownImports,
) -> Result<Linker<State>> {
    let mut linker = Linker::new(store.engine());
    rotifer_wast::define_spectest(&mut linker, store, &print())?;
    if wasi::is_imported(module) {
        rotifer_wasi::add_to_linker(&mut linker, |state: &mut State| &mut state.wasi)?;
    }
    match unknown {
        UnknownImports::Refuse => {}
        UnknownImports::Trap => linker.define_unknown_imports_as_traps(module)?,
        UnknownImports::Zero => define_unknown_as_zero(&mut linker, store, module)?,
    }
    check_imports(&linker, store, module)?;
    store.limiter(|state| &mut state.limits);
    Ok(linker)
}

/// Prints a line for each call of a function of `spectest`.
fn print() -> Print {
    Arc::new(|vals| {
        let line: Vec<String> = vals.iter().map(values::show).collect();
        // The program goes on if nobody reads what it prints. `main` holds the lock, in the same thread.
        let _ = writeln!(std::io::stdout(), "{}", line.join(" "));
    })
}

/// Imports that nothing is defined for.
fn missing<'module>(
    linker: &Linker<State>,
    store: &mut Store<State>,
    module: &'module Module,
) -> Vec<ImportType<'module>> {
    module
        .imports()
        .filter(|import| linker.get(&mut *store, import.module(), import.name()).is_none())
        .collect()
}

/// Defines every function that is missing as one that returns zeros.
fn define_unknown_as_zero(
    linker: &mut Linker<State>,
    store: &mut Store<State>,
    module: &Module,
) -> Result<(), Error> {
    for import in missing(linker, store, module) {
        let ExternType::Func(ty) = import.ty() else {
            continue;
        };
        // The same function may be imported twice.
        if linker.get(&mut *store, import.module(), import.name()).is_some() {
            continue;
        }
        let zeros: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
        linker.func_new(import.module(), import.name(), ty.clone(), move |_, _, results| {
            results.clone_from_slice(&zeros);
            Ok(())
        })?;
    }
    Ok(())
}

/// Names every import that nothing is defined for, not only the first.
fn check_imports(linker: &Linker<State>, store: &mut Store<State>, module: &Module) -> Result<()> {
    let missing = missing(linker, store, module);
    if missing.is_empty() {
        return Ok(());
    }
    let list: String = missing
        .iter()
        .map(|import| format!("\n  {} {}: {}", quoted(import.module()), quoted(import.name()), import.ty()))
        .collect();
    bail!(
        "the module imports what this command does not provide:{list}\n\
         it provides WASI preview 1 and the printing functions of `spectest`; --unknown-imports stands in for other functions",
    )
}
