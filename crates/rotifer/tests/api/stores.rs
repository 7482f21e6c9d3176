//! Items of several stores, and what may be sent between threads.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rotifer::{
    Caller, Engine, EngineWeak, Error, ErrorKind, Extern, ExternRef, Func, Global, HostFunc, Instance,
    InstancePre, Linker, Memory, MemoryType, Module, Mutability, Nullable, Ref, RefType, Store, StoreContext,
    StoreContextMut, Table, TableType, TypedFunc, Val, WasmBacktrace,
};

use super::load;

#[track_caller]
fn assert_wrong_store<R>(result: Result<R, Error>) {
    let Err(error) = result else { panic!("the item belongs to another store") };
    assert!(matches!(error.kind(), ErrorKind::WrongStore), "{error:?}");
}

#[track_caller]
fn assert_panics<R>(call: impl FnOnce() -> R) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else {
        panic!("the item belongs to another store")
    };
    let message = payload.downcast_ref::<String>().unwrap();
    assert!(message.contains("another store"), "{message}");
}

#[test]
fn items_of_another_store_are_errors_or_panics() {
    let engine = Engine::default();
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let func = Func::wrap(&mut one, |x: i32| x);
    let memory = Memory::new(&mut one, MemoryType::new(1, None)).unwrap();
    let null = Ref::Func(Nullable::Null);
    let table_type = TableType::new(RefType::FUNCREF, 1, None);
    let table = Table::new(&mut one, table_type, null).unwrap();
    let global = Global::new(&mut one, Val::I32(1), Mutability::Var);
    let object = ExternRef::new(&mut one, 1u8);
    let module = load(&engine, r#"(module (func (export "f")))"#);
    let instance = Instance::new(&mut one, &module, &[]).unwrap();
    let own_table = Table::new(&mut two, table_type, null).unwrap();

    assert_wrong_store(func.call(&mut two, &[Val::I32(1)], &mut [Val::I32(0)]));
    assert_wrong_store(func.typed::<i32, i32>(&two));
    assert_wrong_store(func.typed::<i32, i32>(&one).unwrap().call(&mut two, 1));
    assert_wrong_store(memory.grow(&mut two, 1));
    assert_wrong_store(memory.read(&two, 0, &mut [0]));
    assert_wrong_store(memory.write(&mut two, 0, &[0]));
    assert_wrong_store(table.grow(&mut two, 1, null));
    assert_wrong_store(table.set(&mut two, 0, null));
    assert_wrong_store(own_table.set(&mut two, 0, func.into()));
    assert_wrong_store(own_table.fill(&mut two, 0, func.into(), 1));
    assert_wrong_store(Table::new(&mut two, table_type, func.into()));
    assert_wrong_store(Table::copy(&mut two, &own_table, 0, &table, 0, 1));
    assert_wrong_store(global.set(&mut two, Val::I32(1)));
    let take = Func::wrap(&mut two, |_: Option<ExternRef>| {});
    assert_wrong_store(take.call(&mut two, &[Val::from(object)], &mut []));
    assert_wrong_store(take.typed::<Option<ExternRef>, ()>(&two).unwrap().call(&mut two, Some(object)));
    let import = load(&engine, r#"(module (import "" "" (func (param i32) (result i32))))"#);
    assert_wrong_store(Instance::new(&mut two, &import, &[func.into()]));
    // Of the wrong kind, too.
    for item in [Extern::from(memory), table.into(), global.into()] {
        assert_wrong_store(Instance::new(&mut two, &import, &[item]));
    }
    let memory_import = load(&engine, r#"(module (import "" "" (memory 0)))"#);
    assert_wrong_store(Instance::new(&mut two, &memory_import, &[func.into()]));
    let mut linker = Linker::new(&engine);
    linker.define("", "", func).unwrap();
    assert_wrong_store(linker.instantiate(&mut two, &import));
    linker.instantiate(&mut one, &import).unwrap();

    assert_panics(|| func.ty(&two));
    assert_panics(|| memory.size(&two));
    assert_panics(|| memory.data(&two).len());
    assert_panics(|| memory.data_mut(&mut two).len());
    assert_panics(|| table.get(&two, 0));
    assert_panics(|| table.size(&two));
    assert_panics(|| global.get(&two));
    assert_panics(|| Global::new(&mut two, Val::from(func), Mutability::Var));
    assert_panics(|| object.data(&two).is::<u8>());
    assert_panics(|| instance.get_export(&two, "f"));
    assert_panics(|| Extern::from(memory).ty(&two));
}

/// A host function must not smuggle an item of another store into its own.
#[test]
fn results_of_another_store_are_errors() {
    let engine = Engine::default();
    let (mut one, mut two) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let foreign = Func::wrap(&mut one, || {});
    let typed = Func::wrap(&mut two, move || Some(foreign));
    assert_wrong_store(typed.typed::<(), Option<Func>>(&two).unwrap().call(&mut two, ()));
    let ty = typed.ty(&two);
    let dynamic = Func::new(&mut two, ty, move |_, _, results| {
        results[0] = Val::from(foreign);
        Ok(())
    });
    assert_wrong_store(dynamic.call(&mut two, &[], &mut [Val::I32(0)]));
}

#[test]
fn modules_of_another_engine_are_refused() {
    let (one, two) = (Engine::default(), Engine::default());
    assert!(Engine::same(&one, &one.clone()));
    assert!(!Engine::same(&one, &two));
    let module = load(&one, "(module)");
    let error = Instance::new(Store::new(&two, ()), &module, &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WrongEngine), "{error}");
    let linker = Linker::new(&two);
    assert!(linker.instantiate(Store::new(&two, ()), &module).is_err());
}

#[test]
fn engines_are_kept_alive_by_what_uses_them() {
    let engine = Engine::default();
    let weak = engine.weak();
    let module = load(&engine, "(module)");
    drop(engine);
    assert!(Engine::same(&weak.upgrade().unwrap(), module.engine()));
    let store = Store::new(module.engine(), ());
    drop(module);
    assert!(weak.upgrade().is_some());
    drop(store);
    assert!(weak.upgrade().is_none());
}

/// Compiles or does not.
#[test]
fn what_may_be_sent_and_shared() {
    fn is_send<T: Send>() {}
    fn is_sync<T: Sync>() {}
    fn both<T: Send + Sync>() {}
    both::<Engine>();
    both::<EngineWeak>();
    both::<Module>();
    both::<Linker<()>>();
    both::<Linker<std::rc::Rc<()>>>();
    both::<InstancePre<std::rc::Rc<()>>>();
    both::<HostFunc<std::rc::Rc<()>>>();
    both::<Store<()>>();
    both::<Error>();
    both::<WasmBacktrace>();
    both::<Func>();
    both::<TypedFunc<(i32, Option<Func>), ()>>();
    both::<Memory>();
    both::<Table>();
    both::<Global>();
    both::<Instance>();
    both::<Extern>();
    both::<Val>();
    is_send::<Store<std::cell::Cell<u32>>>();
    is_send::<StoreContextMut<'_, std::cell::Cell<u32>>>();
    is_send::<Caller<'_, std::cell::Cell<u32>>>();
    is_sync::<StoreContext<'_, ()>>();
}
