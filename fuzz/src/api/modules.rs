//! Modules: loading in all modes, and everything that can be asked of one.

use std::sync::Arc;

use rotifer::{Engine, LoadMode, Module};

use super::{
    kit, look,
    pool::{Dice, Loaded, Shared},
};
use crate::{Finding, generate, validate};

/// Bytes of a module, and whether what is valid in them ends by itself.
fn bytes(dice: &Dice) -> (Vec<u8>, bool) {
    let (mut wasm, mut terminates) = match dice.below(10) {
        0..=3 => (kit::KIT.clone(), true),
        4 => (kit::STARTS.clone(), true),
        5 => (kit::ENDLESS.clone(), false),
        _ => match generate::module_of_seed(dice.bits()) {
            Ok(generated) => (generated.case.wasm, generated.counts_fuel),
            Err(_) => (kit::KIT.clone(), true),
        },
    };
    if dice.one_in(6) {
        validate::mutate(&mut wasm, &mut dice.random());
        terminates = false;
    }
    (wasm, terminates)
}

/// Loads a module in some way.
pub(super) fn load(engine: &Engine, dice: &Dice, shared: &Shared) -> Result<(), Finding> {
    let (wasm, terminates) = bytes(dice);
    let verdict = Module::validate(engine, &wasm);
    let mode = dice.pick(&[LoadMode::Eager, LoadMode::Checked, LoadMode::Partial]);
    let valid = verdict.is_ok();
    look::done(verdict);
    let shared_bytes: Arc<[u8]> = wasm.clone().into();
    let result = match dice.below(6) {
        0 => Module::new(engine, &wasm),
        1 => Module::new_with_mode(engine, &wasm, mode),
        2 => Module::from_shared(engine, wasm),
        3 => Module::from_shared_with_mode(engine, shared_bytes, mode),
        // SAFETY: the module was found to be valid with this engine's configuration.
        4 if valid => unsafe { Module::new_unchecked(engine, &wasm) },
        // SAFETY: the module was found to be valid with this engine's configuration.
        5 if valid => unsafe { Module::from_shared_unchecked(engine, shared_bytes) },
        _ => Module::new_with_mode(engine, wasm.into_boxed_slice(), LoadMode::Partial),
    };
    if valid && let Err(error) = &result {
        return Err(Finding::new("load", format!("a valid module is refused: {error}")));
    }
    let Some(module) = look::result(result) else { return Ok(()) };
    shared.with(|pool| {
        let loaded = Loaded { module, terminates: terminates && valid };
        if pool.modules.len() < 12 {
            pool.modules.push(loaded);
        } else {
            let at = dice.below(12) as usize;
            pool.modules[at] = loaded;
        }
    });
    Ok(())
}

/// Asks a module everything.
pub(super) fn look(dice: &Dice, shared: &Shared) {
    let Some(Loaded { module, .. }) = some(dice, shared) else { return };
    for import in module.imports() {
        let _ = (import.module(), import.name(), format!("{import:?}"));
        look::extern_type(import.ty());
    }
    assert_eq!(module.imports().len(), module.imports().count());
    for export in module.exports() {
        look::extern_type(export.ty());
        assert_eq!(module.get_export(export.name()).as_ref(), Some(export.ty()));
    }
    assert_eq!(module.exports().len(), module.exports().count());
    for section in module.custom_sections() {
        let _ = (section.name(), section.data().len());
    }
    assert_eq!(module.custom_sections().len(), module.custom_sections().count());
    assert_eq!(module.has_start(), module.start_function().is_some());
    let _ = (module.counts(), module.name().map(str::len), module.code_size(), format!("{module:?}"));
    let func = dice.below(30) as u32;
    let _ = (module.func_name(func).map(str::len), module.func_name(u32::MAX), module.bytes().len());
    let before = module.memory_usage();
    match dice.below(5) {
        0 => look::done(module.validate_all()),
        1 => look::done(module.translate_all()),
        2 => drop(look::result(module.bytecode(func)).map(|cells| format!("{cells:?}"))),
        3 => {
            if let Some(freed) = look::result(module.evict_code()) {
                let after = module.memory_usage();
                assert_eq!(before.code + before.tables - freed, after.code + after.tables);
                assert_eq!((after.functions, after.evicted), (0, after.code + after.tables));
                return;
            }
        }
        _ => {}
    }
    let after = module.memory_usage();
    if module.engine().config().get_code_budget().is_none() {
        assert!(before.total() <= after.total(), "{before:?} {after:?}");
        assert!(before.functions <= after.functions, "{before:?} {after:?}");
    }
    assert!(module.engine().memory_usage().module_memory.total() >= after.total());
}

/// Some module.
pub(super) fn some(dice: &Dice, shared: &Shared) -> Option<Loaded> {
    let all = shared.with(|pool| pool.modules.clone());
    (!all.is_empty()).then(|| dice.pick_of(&all))
}
