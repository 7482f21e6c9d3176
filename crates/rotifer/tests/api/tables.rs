//! Tables: access, growth, and references that outlive what made them.

use rotifer::{
    ErrorKind, Extern, ExternRef, Func, Global, Instance, Mutability, Nullable, Ref, RefType, Store, Table,
    TableType, TrapCode, Val,
};

use super::load;

fn null() -> Ref {
    Ref::Func(Nullable::Null)
}

#[test]
fn types_that_no_table_has_are_errors() {
    let mut store = Store::<()>::default();
    let bad = TableType { minimum: 3, maximum: Some(2), element: RefType::FUNCREF, table64: false };
    let error = Table::new(&mut store, bad, null()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Access(_)), "{error}");
}

#[test]
fn tables_are_read_written_and_grown() {
    let mut store = Store::<()>::default();
    let func = Func::wrap(&mut store, || 42);
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, Some(5)), null()).unwrap();
    assert_eq!(table.size(&store), 2);
    assert_eq!(table.get(&store, 1), Some(null()));
    assert_eq!(table.get(&store, 2), None);
    table.set(&mut store, 1, func.into()).unwrap();
    assert_eq!(table.get(&store, 1), Some(func.into()));
    assert_eq!(table.grow(&mut store, 2, func.into()).unwrap(), 2);
    assert_eq!(table.ty(&store), TableType::new(RefType::FUNCREF, 4, Some(5)));
    assert!(table.grow(&mut store, 2, null()).is_err());
    table.fill(&mut store, 0, func.into(), 4).unwrap();
    table.set(&mut store, 0, null()).unwrap();
    Table::copy(&mut store, &table, 1, &table, 0, 3).unwrap();
    let nulls: Vec<bool> = (0..4).map(|i| table.get(&store, i).unwrap().is_null()).collect();
    assert_eq!(nulls, [true, true, false, false]);

    for error in [
        table.set(&mut store, 4, null()).unwrap_err(),
        table.fill(&mut store, 3, null(), 2).unwrap_err(),
        table.fill(&mut store, u64::MAX, null(), 2).unwrap_err(),
        Table::copy(&mut store, &table, 2, &table, 0, 3).unwrap_err(),
        table.set(&mut store, 0, Ref::Extern(Nullable::Null)).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::Access(_)), "{error}");
    }
}

#[test]
fn tables_hold_objects_of_the_host() {
    let mut store = Store::<()>::default();
    let engine = store.engine().clone();
    let module = load(
        &engine,
        r#"(module
            (table (export "table") 2 externref)
            (func (export "swap") (param externref) (result externref)
                (table.get (i32.const 0))
                (table.set (i32.const 0) (local.get 0))))"#,
    );
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let table = instance.get_table(&store, "table").unwrap();
    let (one, two) = (ExternRef::new(&mut store, "one"), ExternRef::new(&mut store, 2u8));
    assert_ne!(one, two);
    table.set(&mut store, 0, one.into()).unwrap();
    let swap = instance.get_typed_func::<Nullable<ExternRef>, Option<ExternRef>>(&store, "swap").unwrap();
    assert_eq!(swap.call(&mut store, two.into()).unwrap(), Some(one));
    assert_eq!(swap.call(&mut store, Nullable::Null).unwrap(), Some(two));
    assert_eq!(swap.call(&mut store, Nullable::Null).unwrap(), None);
    assert_eq!(one.data(&store).downcast_ref::<&str>(), Some(&"one"));
    assert_eq!(two.data(&store).downcast_ref::<u8>(), Some(&2));
}

#[test]
fn segments_are_written_in_order_until_one_does_not_fit() {
    let mut store = Store::<()>::default();
    let engine = store.engine().clone();
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 4, None), null()).unwrap();
    let module = load(
        &engine,
        r#"(module
            (import "" "" (table 4 funcref))
            (func $f (result i32) (table.init 2 (i32.const 0) (i32.const 0) (i32.const 2)) (i32.const 5))
            (elem (i32.const 1) $f)
            (elem (i32.const 3) $f $f)
            (elem (i32.const 0) $f $f))"#,
    );
    let error = Instance::new(&mut store, &module, &[Extern::from(table)]).unwrap_err();
    assert_eq!(error.as_trap_code(), Some(TrapCode::TableOutOfBounds));
    let written: Vec<bool> = (0..4).map(|i| !table.get(&store, i).unwrap().is_null()).collect();
    assert_eq!(written, [false, true, false, false]);
    // The function outlives the instance that failed, and so do the segments that were not reached.
    let Some(Ref::Func(Nullable::Val(func))) = table.get(&store, 1) else { panic!("a function was written") };
    assert_eq!(func.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), 5);
    assert_eq!(table.get(&store, 0), Some(func.into()));
}

#[test]
fn elements_are_constant_expressions() {
    let mut store = Store::<()>::default();
    let engine = store.engine().clone();
    let module = load(
        &engine,
        r#"(module
            (import "" "" (global $g funcref))
            (func $f (export "f"))
            (table (export "table") 4 funcref)
            (elem (i32.const 1) funcref (global.get $g) (ref.null func) (ref.func $f))
            (elem $passive funcref (ref.func $f) (global.get $g))
            (func (export "init") (table.init $passive (i32.const 0) (i32.const 1) (i32.const 1))))"#,
    );
    let host = Func::wrap(&mut store, || {});
    let global = Global::new(&mut store, Val::from(host), Mutability::Const);
    let instance = Instance::new(&mut store, &module, &[global.into()]).unwrap();
    let func = instance.get_func(&store, "f").unwrap();
    let table = instance.get_table(&store, "table").unwrap();
    let elements = |store: &Store<()>| [0, 1, 2, 3].map(|i| table.get(store, i).unwrap());
    assert_eq!(elements(&store), [null(), host.into(), null(), func.into()]);
    instance.get_func(&store, "init").unwrap().call(&mut store, &[], &mut []).unwrap();
    assert_eq!(elements(&store)[0], host.into());
}
