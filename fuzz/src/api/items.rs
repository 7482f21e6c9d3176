//! Calls of the API on a store's items, by the embedder or in a host function.

use rotifer::{
    AsContext, AsContextMut, Extern, Global, Instance, Memory, Module, Mutability, StoreContextMut, Table,
    ValType,
};

use super::{
    calls, host, look, modules,
    pool::{Data, Item},
    values,
};
use crate::case::FUEL_GLOBAL;

type Ctx<'a, 'b> = &'a mut StoreContextMut<'b, Data>;

/// Adds an item of this store to the pool.
pub(super) fn add(ctx: &StoreContextMut<'_, Data>, item: impl Into<Item>) {
    let Data { shared, dice, number, .. } = ctx.data();
    shared.add(dice, *number, item.into());
}

fn find<T>(ctx: &StoreContextMut<'_, Data>, strict: bool, kind: impl Fn(Item) -> Option<T>) -> Option<T> {
    let Data { shared, dice, number, .. } = ctx.data();
    shared.find(dice, *number, strict, kind)
}

macro_rules! finders {
    ($( $name:ident $kind:ident ),*) => {$(
        /// Such an item; if `strict`, one of this store.
        pub(super) fn $name(ctx: &StoreContextMut<'_, Data>, strict: bool) -> Option<$kind> {
            find(ctx, strict, |item| if let Item::$kind(item) = item { Some(item) } else { None })
        }
    )*};
}

finders! { memory Memory, table Table, global Global, instance Instance }

/// Makes a call of the API.
pub(super) fn step(ctx: Ctx<'_, '_>) {
    match ctx.data().dice.below(26) {
        0 => new_item(ctx),
        1 => use_memory(ctx),
        2 => use_table(ctx),
        3 => use_global(ctx),
        4 => use_instance(ctx),
        5 => use_func(ctx),
        6..=8 => instantiate(ctx),
        9 => fuel(ctx),
        10..=16 => calls::call(ctx),
        17..=20 => calls::start(ctx),
        21 | 22 => calls::resume(ctx),
        23 | 24 => go_back(ctx),
        _ => interrupt(ctx),
    }
}

fn new_item(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    match dice.below(6) {
        0 => {
            let func = host::func(&mut *ctx, &dice);
            add(ctx, Extern::Func(func));
        }
        1 => {
            if let Some(memory) = look::result(Memory::new(&mut *ctx, values::memory_type(&dice))) {
                add(ctx, Extern::Memory(memory));
            }
        }
        2 => {
            let ty = values::table_type(&dice);
            let init = values::element(ctx, ty.element());
            if let Some(table) = look::result(Table::new(&mut *ctx, ty, init)) {
                add(ctx, Extern::Table(table));
            }
        }
        3 => {
            let ty = dice.pick(&values::TYPES);
            // A value of another store is a documented panic.
            let value = match values::of_type(ctx, ty) {
                value if value.as_ref().is_none_or(|value| value.is_null()) => value,
                _ => rotifer::Val::default_for_ty(ty),
            };
            let mutability = dice.pick(&[Mutability::Var, Mutability::Const]);
            let global = Global::new(&mut *ctx, value, mutability);
            add(ctx, Extern::Global(global));
        }
        _ => drop(values::of_types(ctx, &values::TYPES)),
    }
}

fn use_memory(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    let Some(memory) = memory(ctx, false) else { return };
    let (at, mut buffer) = (dice.size() as usize, vec![0; dice.pick(&[0, 1, 100, 70_000])]);
    match dice.below(4) {
        0 => look::done(memory.read(&*ctx, at, &mut buffer)),
        1 => look::done(memory.write(&mut *ctx, at, &buffer)),
        2 => look::done(memory.grow(&mut *ctx, dice.size())),
        _ => {}
    }
    let Some(memory) = self::memory(ctx, true) else { return };
    let (ty, size) = (memory.ty(&*ctx), memory.size(&*ctx));
    assert_eq!(ty.minimum(), size);
    assert!(ty.maximum().is_none_or(|maximum| size <= maximum), "{ty} has {size} pages");
    assert_eq!(memory.data(&*ctx).len(), memory.data_size(&*ctx));
    assert_eq!(memory.data_size(&*ctx) as u64, size * ty.page_size());
    let _ = (memory.data_ptr(&*ctx), ty.is_64(), format!("{memory:?} {ty} {ty:?}"));
    let (mut split, _) = memory.split(&mut *ctx);
    if let Some(bytes) = look::result(split.slice_mut(dice.size() as usize..dice.size() as usize)) {
        bytes.fill(7);
    }
    look::done(split.write(dice.size() as usize, &[1, 2, 3]));
    look::done(split.read(dice.size() as usize, &mut buffer));
    assert_eq!(split.data().len(), split.size());
    let (bytes, data) = memory.data_and_store_mut(&mut *ctx);
    let number = data.number;
    if let Some(byte) = bytes.get_mut(dice.below(70_000) as usize) {
        *byte = number as u8;
    }
    if let Some(byte) = memory.data_mut(&mut *ctx).last_mut() {
        *byte ^= 1;
    }
}

fn use_table(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    let (Some(table), Some(own)) = (table(ctx, false), table(ctx, true)) else { return };
    let ty = own.ty(&*ctx);
    let (at, len, value) = (dice.size(), dice.size(), values::element(ctx, ty.element()));
    match dice.below(5) {
        0 => look::done(table.set(&mut *ctx, at, value)),
        1 => look::done(table.fill(&mut *ctx, at, value, len)),
        2 => look::done(table.grow(&mut *ctx, len, value)),
        3 => look::done(Table::copy(&mut *ctx, &table, at, &own, dice.size(), len)),
        _ => {}
    }
    let size = own.size(&*ctx);
    assert_eq!(own.ty(&*ctx).minimum(), size);
    assert!(ty.maximum().is_none_or(|maximum| size <= maximum), "{ty} has {size} elements");
    assert_eq!(own.get(&*ctx, at).is_some(), at < size);
    if let Some(element) = own.get(&*ctx, size.wrapping_sub(1)) {
        assert_eq!(element.ty(), ty.element());
        values::look(&[element.into()], ctx);
    }
    let _ = (ty.is_64(), format!("{own:?} {ty} {ty:?}"));
}

fn use_global(ctx: Ctx<'_, '_>) {
    let (Some(global), Some(own)) = (global(ctx, false), global(ctx, true)) else { return };
    let ty = own.ty(&*ctx);
    let content = if ctx.data().dice.one_in(10) { rotifer::ValType::I64 } else { ty.content() };
    let value = values::of_type(ctx, content);
    look::done(global.set(&mut *ctx, value));
    assert_eq!(own.get(&*ctx).ty(), ty.content());
    let _ = (ty.mutability() == Mutability::Var, format!("{own:?} {ty} {ty:?}"));
    let value = own.get(&*ctx);
    values::look(&[value], ctx);
}

/// Takes an instance back, of this store or not, takes and restores snapshots, of this module or not.
fn go_back(ctx: Ctx<'_, '_>) {
    let Data { dice, shared, .. } = ctx.data();
    let (dice, shared) = (dice.clone(), shared.clone());
    let Some(instance) = instance(ctx, false) else { return };
    let snapshots = shared.with(|pool| pool.snapshots.clone());
    match dice.below(5) {
        0 => look::done(instance.reset(&mut *ctx)),
        1 => look::done(instance.reset_with_fuel(&mut *ctx)),
        2 if !snapshots.is_empty() => {
            let snapshot = dice.pick_of(&snapshots);
            if look::result(instance.restore(&mut *ctx, &snapshot)).is_some() {
                let again = instance.snapshot(&mut *ctx).expect("it has a state that a snapshot had");
                assert!(again.diff(&snapshot).is_empty());
            }
        }
        3 if !snapshots.is_empty() => {
            let all = shared.with(|pool| pool.prepared.clone());
            if all.is_empty() {
                return;
            }
            let (prepared, _) = dice.pick_of(&all);
            let begun = dice.pick_of(&snapshots).instantiate(&prepared, &mut *ctx);
            if let Some(instance) = look::result(begun) {
                adopt(ctx, instance);
            }
        }
        _ => {
            let Some(snapshot) = look::result(instance.snapshot(&mut *ctx)) else { return };
            assert_eq!(instance.snapshot(&mut *ctx).ok().as_ref(), Some(&snapshot));
            let (size, mut byte) = (snapshot.memory_size(0), [0]);
            assert!(size.is_some() || !snapshot.read_memory(0, dice.size() as usize, &mut byte));
            let _ = (snapshot.bytes(), format!("{snapshot:?}"));
            if let Some(other) = snapshots.last() {
                assert_eq!(snapshot.diff(other), other.diff(&snapshot));
            }
            shared.with(|pool| {
                pool.snapshots.push(snapshot);
                if pool.snapshots.len() > 6 {
                    pool.snapshots.remove(0);
                }
            });
        }
    }
}

fn use_instance(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    let Some(instance) = instance(ctx, true) else { return };
    let exports: Vec<(String, Extern)> = instance
        .exports(&*ctx)
        .map(|export| {
            look::extern_type(&export.ty(&*ctx));
            let _ = export.into_func().map(drop);
            let _ = export.into_table().map(drop);
            let _ = export.into_memory().map(drop);
            let _ = export.into_global().map(drop);
            (export.name().to_string(), export.into_extern())
        })
        .collect();
    assert_eq!(instance.exports(&*ctx).len(), exports.len());
    if exports.is_empty() {
        return;
    }
    let (name, item) = dice.pick_of(&exports);
    look::extern_type(&item.ty(&*ctx));
    look::extern_item(item);
    let found = [
        instance.get_export(&*ctx, &name).is_some(),
        instance.get_func(&*ctx, &name).is_some()
            || instance.get_global(&*ctx, &name).is_some()
            || instance.get_table(&*ctx, &name).is_some()
            || instance.get_memory(&*ctx, &name).is_some(),
    ];
    assert_eq!(found, [true, true], "the export {name:?} is there");
    assert!(instance.get_export(&*ctx, "no such export").is_none());
    let typed = instance.get_typed_func::<i32, i32>(&*ctx, &name);
    if let Some(func) = look::result(typed) {
        let result = func.call(&mut *ctx, 5);
        look::done(result);
    }
}

fn use_func(ctx: Ctx<'_, '_>) {
    let Some(func) = values::func(ctx, true) else { return };
    let ty = func.ty(&*ctx);
    let _ = format!("{func:?} {ty} {ty:?}");
    look::extern_type(&Extern::Func(func).ty(&*ctx));
}

/// Whether a global is one that modules count fuel in.
fn holds_fuel(ctx: &StoreContextMut<'_, Data>, global: Global) -> bool {
    let ty = global.ty(ctx.as_context());
    ty.content() == ValType::I32 && ty.is_mutable()
}

/// Remembers what an instance exports.
pub(super) fn adopt(ctx: &StoreContextMut<'_, Data>, instance: Instance) {
    add(ctx, Item::Instance(instance));
    let exports: Vec<(bool, Extern)> = instance
        .exports(ctx.as_context())
        .map(|export| (export.name() == FUEL_GLOBAL, export.into_extern()))
        .collect();
    for (is_fuel, item) in exports {
        match item {
            // Of a module that was changed, anything may have that name.
            Extern::Global(global) if is_fuel && holds_fuel(ctx, global) => {
                ctx.data().shared.with(|pool| pool.fuel.push((ctx.data().number, global)));
            }
            item => add(ctx, item),
        }
    }
}

impl From<Instance> for Item {
    fn from(instance: Instance) -> Self {
        Self::Instance(instance)
    }
}

/// An item for an import: mostly one that fits.
fn import(ctx: Ctx<'_, '_>, ty: &rotifer::ExternType) -> Option<Extern> {
    let dice = ctx.data().dice.clone();
    if dice.one_in(30) {
        return find(ctx, false, |item| match item {
            Item::Func(func) => Some(func.into()),
            Item::Memory(memory) => Some(memory.into()),
            Item::Table(table) => Some(table.into()),
            Item::Global(global) => Some(global.into()),
            _ => None,
        });
    }
    match ty {
        rotifer::ExternType::Func(ty) => Some(host::func_of_type(&mut *ctx, &dice, ty).into()),
        rotifer::ExternType::Memory(ty) => match memory(ctx, false) {
            Some(memory) if dice.one_in(3) => Some(memory.into()),
            _ => look::result(Memory::new(&mut *ctx, *ty)).map(Extern::from),
        },
        rotifer::ExternType::Table(ty) => match table(ctx, false) {
            Some(table) if dice.one_in(3) => Some(table.into()),
            _ => look::result(Table::new(&mut *ctx, *ty, rotifer::Ref::null(ty.element()))).map(Extern::from),
        },
        rotifer::ExternType::Global(ty) => {
            let value = rotifer::Val::default_for_ty(ty.content());
            Some(Global::new(&mut *ctx, value, ty.mutability()).into())
        }
    }
}

/// Whether a store can run what a module does.
pub(super) fn may_run(ctx: &StoreContextMut<'_, Data>, terminates: bool) -> bool {
    terminates || ctx.data().metered
}

fn instantiate(ctx: Ctx<'_, '_>) {
    let (dice, shared) = (ctx.data().dice.clone(), ctx.data().shared.clone());
    let Some(loaded) = modules::some(&dice, &shared) else { return };
    if !may_run(ctx, loaded.terminates) {
        return;
    }
    let module: Module = loaded.module;
    let mut imports = vec![];
    for ty in module.imports() {
        let Some(item) = import(ctx, ty.ty()) else { break };
        imports.push(item);
    }
    if dice.one_in(40) {
        imports.pop();
    }
    if let Some(instance) = look::result(Instance::new(&mut *ctx, &module, &imports)) {
        adopt(ctx, instance);
    }
}

fn fuel(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    let metered = ctx.data().metered;
    let left = ctx.get_fuel();
    assert_eq!(left.is_ok(), metered);
    assert_eq!(ctx.as_context().get_fuel().is_ok(), metered);
    let taken = dice.size();
    match (left, ctx.consume_fuel(taken)) {
        (Ok(left), Ok(now)) => assert_eq!(left.checked_sub(taken), Some(now)),
        (Ok(left), Err(error)) => {
            assert!(left < taken && error.required_fuel() == Some(taken), "{error:?}");
            look::error(error);
        }
        (Err(error), result) => {
            look::error(error);
            look::done(result);
        }
    }
    if !metered {
        look::done(ctx.set_fuel(5));
        return;
    }
    // Inside of calls only less: they shall end.
    let left = ctx.get_fuel().expect("the engine counts fuel");
    look::done(ctx.set_fuel(u64::MAX));
    assert_eq!(ctx.get_fuel().ok(), Some(u64::MAX));
    look::done(ctx.set_fuel(if dice.one_in(4) { left / 2 } else { left }));
}

fn interrupt(ctx: Ctx<'_, '_>) {
    let dice = ctx.data().dice.clone();
    let handle = ctx.data().shared.with(|pool| {
        let len = pool.handles.len() as u64;
        (len > 0).then(|| pool.handles[dice.below(len) as usize].clone())
    });
    if let Some(handle) = handle {
        if dice.one_in(2) { handle.interrupt() } else { handle.clear() }
    }
    if dice.one_in(2) {
        look::done(ctx.check_interrupt());
    }
}

/// The fuel that modules count themselves comes back, as much as they may have.
pub(super) fn refill(ctx: Ctx<'_, '_>) {
    let number = ctx.data().number;
    let globals: Vec<Global> = ctx
        .data()
        .shared
        .with(|pool| pool.fuel.iter().filter(|(of, _)| *of == number).map(|(_, global)| *global).collect());
    for global in globals {
        let fuel = rotifer::Val::I32(crate::generate::FUEL as i32);
        global.set(ctx.as_context_mut(), fuel).expect("a mutable global of type i32");
    }
}
