//! Guests that try to get out.

use rotifer::{Engine, Instance, Store, TrapCode};

use super::{engines, load};

#[test]
fn accesses_beyond_the_end_trap_in_every_form() {
    for engine in engines() {
        let module = load(
            &engine,
            r#"(module
                (memory 1)
                (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
                (func (export "load_offset") (param i32) (result i32) (i32.load offset=0xffffffff (local.get 0)))
                (func (export "load8") (param i32) (result i32) (i32.load8_u (local.get 0)))
                (func (export "store") (param i32) (result i32) (i64.store (local.get 0) (i64.const -1)) (i32.const 0))
                (func (export "fill") (param i32) (result i32)
                    (memory.fill (local.get 0) (i32.const 1) (i32.const 5)) (i32.const 0))
                (func (export "copy") (param i32) (result i32)
                    (memory.copy (i32.const 0) (local.get 0) (i32.const 5)) (i32.const 0)))"#,
        );
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        for (name, last) in
            [("load", 0xFFFC), ("load8", 0xFFFF), ("store", 0xFFF8), ("fill", 0xFFFB), ("copy", 0xFFFB)]
        {
            let func = instance.get_typed_func::<u32, i32>(&store, name).unwrap();
            assert!(func.call(&mut store, last).is_ok(), "{name}");
            for address in [last + 1, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFB, 0xFFFF_FFFF] {
                let error = func.call(&mut store, address).unwrap_err();
                assert_eq!(error.as_trap_code(), Some(TrapCode::MemoryOutOfBounds), "{name} {address:#x}");
            }
        }
        let func = instance.get_typed_func::<u32, i32>(&store, "load_offset").unwrap();
        for address in [0, 1, 0xFFFF_FFFF] {
            assert!(func.call(&mut store, address).is_err());
        }
    }
}

#[test]
fn indirect_calls_check_everything() {
    for engine in engines() {
        let module = load(
            &engine,
            r#"(module
                (type $i (func (result i32)))
                (table 3 funcref)
                (elem (i32.const 0) $good $bad)
                (func $good (result i32) (i32.const 1))
                (func $bad (result i64) (i64.const 1))
                (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
                (func (export "tail") (param i32) (result i32) (return_call_indirect (type $i) (local.get 0))))"#,
        );
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        for name in ["run", "tail"] {
            let run = instance.get_typed_func::<u32, i32>(&store, name).unwrap();
            assert_eq!(run.call(&mut store, 0).unwrap(), 1);
            let mut trap = |index| run.call(&mut store, index).unwrap_err().as_trap_code().unwrap();
            assert_eq!(trap(1), TrapCode::BadSignature);
            assert_eq!(trap(2), TrapCode::IndirectCallToNull);
            assert_eq!(trap(3), TrapCode::UndefinedElement);
            assert_eq!(trap(u32::MAX), TrapCode::UndefinedElement);
        }
    }
}

#[test]
fn equal_types_of_different_modules_are_equal() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let one = load(
        &engine,
        r#"(module (type (func)) (type (func (param f32)))
            (func (export "f") (param i32 i64) (result i32) (local.get 0)))"#,
    );
    let one = Instance::new(&mut store, &one, &[]).unwrap();
    let f = one.get_export(&store, "f").unwrap();
    let two = load(
        &engine,
        r#"(module (type $t (func (param i32 i64) (result i32))) (import "" "" (func $f (type $t)))
            (table funcref (elem $f))
            (func (export "run") (result i32)
                (call_indirect (type $t) (i32.const 9) (i64.const 0) (i32.const 0))))"#,
    );
    let two = Instance::new(&mut store, &two, &[f]).unwrap();
    let run = two.get_typed_func::<(), i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 9);
}
