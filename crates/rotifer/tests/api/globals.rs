//! Globals of hosts and modules: types, reads and writes.

use rotifer::{
    ErrorKind, Extern, F64, Global, GlobalType, Instance, Mutability, Nullable, Store, Val, ValType,
};

use super::{instantiate, load};

#[test]
fn globals_are_read_and_written() {
    let (mut store, instance) = instantiate(
        r#"(module
            (global (export "i32") (mut i32) (i32.const -1))
            (global (export "i64") (mut i64) (i64.const 0x1122334455667788))
            (global (export "f64") f64 (f64.const 1.5))
            (global (export "func") (mut funcref) (ref.func $f))
            (func $f (export "f"))
            (func (export "get") (result i32) global.get 0))"#,
    );
    let global = instance.get_global(&store, "i32").unwrap();
    assert_eq!(global.ty(&store), GlobalType::new(ValType::I32, Mutability::Var));
    assert_eq!(global.get(&store).i32(), Some(-1));
    global.set(&mut store, Val::I32(7)).unwrap();
    let get = instance.get_typed_func::<(), i32>(&store, "get").unwrap();
    assert_eq!(get.call(&mut store, ()).unwrap(), 7);

    let global = instance.get_global(&store, "i64").unwrap();
    assert_eq!(global.get(&store).i64(), Some(0x1122_3344_5566_7788));
    let global = instance.get_global(&store, "func").unwrap();
    let func = instance.get_func(&store, "f").unwrap();
    assert_eq!(global.get(&store).funcref(), Some(Nullable::Val(&func)));
    global.set(&mut store, Val::FuncRef(Nullable::Null)).unwrap();
    assert_eq!(global.get(&store).funcref(), Some(Nullable::Null));
    let global = instance.get_global(&store, "f64").unwrap();
    assert_eq!(global.get(&store).f64(), Some(F64::from(1.5)));
}

#[test]
fn constants_and_other_types_are_refused() {
    let mut store = Store::<()>::default();
    let constant = Global::new(&mut store, Val::I32(1), Mutability::Const);
    let variable = Global::new(&mut store, Val::I32(1), Mutability::Var);
    let error = constant.set(&mut store, Val::I32(2)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Access(_)), "{error}");
    let error = variable.set(&mut store, Val::I64(2)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Access(_)), "{error}");
    assert_eq!(constant.get(&store).i32(), Some(1));
    assert_eq!(variable.get(&store).i32(), Some(1));
}

#[test]
fn imported_globals_are_shared() {
    let mut store = Store::<()>::default();
    let engine = store.engine().clone();
    let module = load(
        &engine,
        r#"(module
            (import "" "" (global $base i32))
            (import "" "" (global $count (mut i64)))
            (global (export "last") i32
                (i32.sub (i32.add (global.get $base) (i32.mul (i32.const 3) (i32.const 5))) (i32.const 1)))
            (func (export "increment")
                (global.set $count (i64.add (global.get $count) (i64.const 1)))))"#,
    );
    let base = Global::new(&mut store, Val::I32(100), Mutability::Const);
    let count = Global::new(&mut store, Val::I64(i64::MAX), Mutability::Var);
    let imports = [Extern::from(base), Extern::from(count)];
    let one = Instance::new(&mut store, &module, &imports).unwrap();
    let two = Instance::new(&mut store, &module, &imports).unwrap();
    assert_eq!(one.get_global(&store, "last").unwrap().get(&store).i32(), Some(114));
    for instance in [one, two] {
        instance.get_func(&store, "increment").unwrap().call(&mut store, &[], &mut []).unwrap();
    }
    assert_eq!(count.get(&store).i64(), Some(i64::MIN + 1));
}
