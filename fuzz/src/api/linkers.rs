//! Linkers and prepared instances.

use rotifer::{AsContextMut, Engine, Linker, Store};

use super::{
    MOST, Slot, host, items, look, modules,
    pool::{Data, Dice, Shared},
    stores,
};

/// Makes a call on a linker, or on a prepared instance.
pub(super) fn step(
    engine: &Engine,
    dice: &Dice,
    shared: &Shared,
    linkers: &mut Vec<Linker<Data>>,
    slots: &mut [Slot],
) {
    if linkers.is_empty() || linkers.len() < MOST && dice.one_in(10) {
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(!dice.one_in(4));
        look::done(host::define(&mut linker, dice));
        linkers.push(linker);
    }
    let at = dice.below(linkers.len() as u64) as usize;
    let linker = &mut linkers[at];
    let store = &mut slots[dice.below(slots.len() as u64) as usize].store;
    stores::refuel(store, dice);
    store.data_mut().depth = 0;
    match dice.below(12) {
        0 => look::done(host::define(linker, dice)),
        1 => define_item(linker, dice, store),
        2 => {
            if let Some(instance) = items::instance(&store.as_context_mut(), true) {
                look::done(linker.instance(&*store, "kit", instance));
            }
        }
        3 => look::done(linker.alias_module(dice.pick(&["host", "kit", "nothing"]), "copy")),
        4 => {
            let item = linker.get(&mut *store, "host", dice.pick(&["unary", "none", "nothing"]));
            if let Some(rotifer::Extern::Func(func)) = item {
                // It belongs to the linker's store or to this one.
                if func.typed::<i32, i32>(&*store).is_ok() {
                    items::add(&store.as_context_mut(), rotifer::Extern::Func(func));
                }
            }
            let _ = (linker.engine().dispatch(), format!("{linker:?}"));
        }
        5 => {
            if let Some(loaded) = modules::some(dice, shared) {
                look::done(linker.define_unknown_imports_as_traps(&loaded.module));
            }
        }
        6 => {
            let clone = linker.clone();
            linkers[at] = clone;
        }
        7 | 8 => prepare(linker, dice, shared),
        9 => instantiate_prepared(dice, shared, store),
        _ => instantiate(linker, dice, shared, store),
    }
}

/// Defines an item of a store, perhaps for a name that a module imports.
fn define_item(linker: &mut Linker<Data>, dice: &Dice, store: &mut Store<Data>) {
    let ctx = store.as_context_mut();
    let name = dice.pick(&["memory", "global", "table", "unary"]);
    let module = dice.pick(&["kit", "host", ""]);
    if dice.one_in(3) {
        let global = rotifer::Global::new(
            &mut *store,
            rotifer::Val::I32(dice.below(9) as i32),
            rotifer::Mutability::Const,
        );
        look::done(linker.define("host", "global", global));
    } else if let (Some(memory), true) = (items::memory(&ctx, false), dice.one_in(2)) {
        look::done(linker.define(module, name, memory));
    } else if let Some(table) = items::table(&ctx, false) {
        look::done(linker.define(module, name, table));
    } else if let Some(global) = items::global(&ctx, false) {
        look::done(linker.define(module, name, global));
    }
}

fn prepare(linker: &Linker<Data>, dice: &Dice, shared: &Shared) {
    let Some(loaded) = modules::some(dice, shared) else { return };
    let Some(prepared) = look::result(linker.instantiate_pre(&loaded.module)) else { return };
    let _ = (prepared.module().counts(), format!("{prepared:?}"));
    let replaced = shared.with(|pool| {
        pool.prepared.push((prepared.clone(), loaded.terminates));
        (pool.prepared.len() > 6).then(|| pool.prepared.swap_remove(0))
    });
    drop(replaced);
}

fn instantiate_prepared(dice: &Dice, shared: &Shared, store: &mut Store<Data>) {
    let all = shared.with(|pool| pool.prepared.clone());
    if all.is_empty() {
        return;
    }
    let (prepared, terminates) = dice.pick_of(&all);
    if !items::may_run(&store.as_context_mut(), terminates) {
        return;
    }
    let instance = match dice.below(3) {
        0 => prepared.instantiate(&mut *store),
        1 => prepared.start(&mut *store),
        _ => prepared.ensure_no_start(&mut *store),
    };
    if let Some(instance) = look::result(instance) {
        items::adopt(&store.as_context_mut(), instance);
    }
}

fn instantiate(linker: &mut Linker<Data>, dice: &Dice, shared: &Shared, store: &mut Store<Data>) {
    let Some(loaded) = modules::some(dice, shared) else { return };
    if !items::may_run(&store.as_context_mut(), loaded.terminates) {
        return;
    }
    if dice.one_in(2) {
        look::done(linker.define_unknown_imports_as_traps(&loaded.module));
    }
    let instance = if dice.one_in(2) {
        linker.instantiate(&mut *store, &loaded.module)
    } else {
        linker.instantiate_and_start(&mut *store, &loaded.module)
    };
    if let Some(instance) = look::result(instance) {
        items::adopt(&store.as_context_mut(), instance);
    }
}
