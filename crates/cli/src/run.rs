//! `rotifer run`: loads a module and calls one of its functions.

use crate::{
    exit::{Exit, UsageError},
    module_file,
    options::{self, EngineOptions, ModeOption},
    values,
};
use anyhow::{Context, Result, bail};
use rotifer::{ExternType, FuncType, Instance, Linker, Module, Store, Val};
use rotifer_wast::Print;
use std::{io::Write, path::PathBuf, sync::Arc};

/// Runs a function of a module and prints its results, one per line.
///
/// Without --invoke that is `_start`, else `main`, else the only exported function. A module may import the
/// printing functions of the test suite's module `spectest`, and nothing else yet.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The module, binary or text; `-` is standard input.
    file: PathBuf,
    /// The exported function to call.
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// When functions are validated and translated.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeOption,
    #[command(flatten)]
    engine: EngineOptions,
    /// Arguments, by the function's parameters: -7 0xff 1e-3 inf nan:0x200000 null.
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    args: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    let engine = args.engine.engine()?;
    let wasm = module_file::read(&args.file)?;
    let shown = args.file.display();
    let module = options::load(&engine, &wasm, args.mode).with_context(|| format!("cannot load {shown}"))?;
    // Before anything of the module runs, its start function included.
    let (name, ty) = choose(&module, args.invoke.as_deref())?;
    let params = parse_args(&name, &ty, &args.args)?;

    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    rotifer_wast::define_spectest(&mut linker, &mut store, &print())?;
    check_imports(&linker, &mut store, &module).with_context(|| format!("cannot instantiate {shown}"))?;
    let instance: Instance =
        linker.instantiate(&mut store, &module).with_context(|| format!("cannot instantiate {shown}"))?;
    let func = instance.get_func(&store, &name).context("an exported function is not in the instance")?;
    let mut results: Vec<Val> = ty.results().iter().map(|ty| Val::default_for_ty(*ty)).collect();
    func.call(&mut store, &params, &mut results).with_context(|| format!("`{name}` failed"))?;
    for result in &results {
        writeln!(output, "{}", values::show(result))?;
    }
    Ok(Exit::Success)
}

/// Prints a line for each call of a function of `spectest`.
fn print() -> Print {
    Arc::new(|vals| {
        let line: Vec<String> = vals.iter().map(values::show).collect();
        // The program goes on if nobody reads what it prints. `main` holds the lock, in the same thread.
        let _ = writeln!(std::io::stdout(), "{}", line.join(" "));
    })
}

/// The function to call: name and type.
fn choose(module: &Module, invoke: Option<&str>) -> Result<(String, FuncType)> {
    let funcs: Vec<(&str, FuncType)> = module
        .exports()
        .filter_map(|export| match export.ty() {
            ExternType::Func(ty) => Some((export.name(), ty.clone())),
            _ => None,
        })
        .collect();
    let find = |wanted: &str| funcs.iter().find(|(name, _)| *name == wanted);
    let chosen = match invoke {
        Some(name) => find(name),
        None => find("_start").or_else(|| find("main")).or(match &*funcs {
            [only] => Some(only),
            _ => None,
        }),
    };
    if let Some((name, ty)) = chosen {
        return Ok(((*name).to_owned(), ty.clone()));
    }
    let problem = match invoke {
        Some(name) => format!("the module exports no function `{name}`"),
        None if funcs.is_empty() => "the module exports no function".to_owned(),
        None => {
            "say with --invoke which function to call: the module has neither `_start` nor `main`".to_owned()
        }
    };
    let mut message = problem;
    if !funcs.is_empty() {
        message.push_str("; it exports");
        for (name, ty) in &funcs {
            message.push_str(&format!("\n  {name}: {ty}"));
        }
    }
    bail!(UsageError(message))
}

/// The arguments as values of the parameters' types.
fn parse_args(name: &str, ty: &FuncType, args: &[String]) -> Result<Vec<Val>> {
    let params = ty.params();
    if params.len() != args.len() {
        let takes = match params.len() {
            1 => "1 argument".to_owned(),
            count => format!("{count} arguments"),
        };
        let mut message = format!("`{name}`: {ty} takes {takes}, but {} were given", args.len());
        if args.iter().any(|arg| arg.starts_with("--")) {
            message.push_str("; options must come before the first argument");
        }
        bail!(UsageError(message));
    }
    let parse = |(place, (arg, ty)): (usize, (&String, _))| {
        values::parse(arg, ty)
            .map_err(|error| UsageError(format!("argument {} of `{name}`: {error}", place + 1)).into())
    };
    args.iter().zip(params.iter().copied()).enumerate().map(parse).collect()
}

/// Names every import that nothing is defined for, not only the first.
fn check_imports(linker: &Linker<()>, store: &mut Store<()>, module: &Module) -> Result<()> {
    let missing: Vec<String> = module
        .imports()
        .filter(|import| linker.get(&mut *store, import.module(), import.name()).is_none())
        .map(|import| {
            let kind = match import.ty() {
                ExternType::Func(ty) => format!("function {ty}"),
                ExternType::Table(ty) => format!("table {ty}"),
                ExternType::Memory(ty) => format!("memory {ty}"),
                ExternType::Global(ty) => format!("global {ty:?}"),
            };
            format!("\n  {} {}: {kind}", import.module(), import.name())
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "the module imports what this command does not provide:{}\n\
         it provides the functions print, print_i32, print_i64, print_f32, print_f64, print_i32_f32 and \
         print_f64_f64 of the module `spectest`",
        missing.concat()
    )
}
