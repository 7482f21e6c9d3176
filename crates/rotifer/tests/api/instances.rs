//! Instances: exports, start functions, segments, what a failure leaves behind.

use rotifer::{Engine, Extern, ExternType, FuncType, Instance, MemoryType, Store, TrapCode, ValType};

use super::{engines, instantiate, load};

const EXPORTS: &str = r#"(module
    (func $f (export "z") (export "a") (param i32) (result i32) (local.get 0))
    (memory (export "memory") 1 2)
    (table (export "table") 1 funcref)
    (global (export "") i64 (i64.const 3)))"#;

#[test]
fn exports_are_found_and_listed() {
    let (store, instance) = instantiate(EXPORTS);
    let names: Vec<&str> = instance.exports(&store).map(|export| export.name()).collect();
    assert_eq!(names, ["z", "a", "memory", "table", ""]);
    assert_eq!(instance.exports(&store).len(), 5);
    for export in instance.exports(&store) {
        assert_eq!(instance.get_export(&store, export.name()), Some(export.into_extern()));
    }
    assert_eq!(instance.get_func(&store, "a"), instance.get_func(&store, "z"));
    for missing in ["b", "A", "memory ", "zz"] {
        assert_eq!(instance.get_export(&store, missing), None);
    }
    assert_eq!(instance.get_func(&store, "memory"), None);
    assert!(instance.get_typed_func::<i32, i32>(&store, "b").is_err());
    let ty = instance.get_export(&store, "z").unwrap().ty(&store);
    assert_eq!(ty, ExternType::Func(FuncType::new([ValType::I32], [ValType::I32])));
    assert!(matches!(instance.get_export(&store, "table"), Some(Extern::Table(_))));
}

#[test]
fn modules_know_their_exports_and_imports() {
    let engine = Engine::default();
    let module = load(&engine, EXPORTS);
    let names: Vec<&str> = module.exports().map(|export| export.name()).collect();
    assert_eq!(names, ["z", "a", "memory", "table", ""]);
    assert_eq!(module.get_export("memory"), Some(MemoryType::new(1, Some(2)).into()));
    assert_eq!(module.get_export("none"), None);
    assert_eq!(module.imports().len(), 0);
    let module =
        load(&engine, r#"(module (import "m" "f" (func (param i64))) (import "n" "g" (global (mut f32))))"#);
    let imports: Vec<String> = module
        .imports()
        .map(|import| format!("{} {} {}", import.module(), import.name(), import.ty()))
        .collect();
    assert_eq!(imports, ["m f function [i64] -> []", "n g global (mut f32)"]);
}

#[test]
fn instances_have_their_own_state() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let module = load(
            &engine,
            r#"(module
                (global $g (mut i32) (i32.const 0))
                (memory 1)
                (data $d "x")
                (func (export "count") (result i32)
                    (global.set $g (i32.add (global.get $g) (i32.const 1)))
                    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 10)))
                    (i32.add (global.get $g) (i32.load (i32.const 0))))
                (func (export "init") (memory.init $d (i32.const 8) (i32.const 0) (i32.const 1)))
                (func (export "drop") (data.drop $d)))"#,
        );
        let instances: Vec<Instance> =
            (0..3).map(|_| Instance::new(&mut store, &module, &[]).unwrap()).collect();
        for round in 1..4 {
            for instance in &instances {
                let count = instance.get_typed_func::<(), i32>(&store, "count").unwrap();
                assert_eq!(count.call(&mut store, ()).unwrap(), 11 * round);
            }
        }
        instances[1].get_func(&store, "drop").unwrap().call(&mut store, &[], &mut []).unwrap();
        let outcomes: Vec<_> = instances
            .iter()
            .map(|instance| {
                let init = instance.get_func(&store, "init").unwrap();
                init.call(&mut store, &[], &mut []).map_err(|error| error.as_trap_code())
            })
            .collect();
        assert_eq!(outcomes, [Ok(()), Err(Some(TrapCode::MemoryOutOfBounds)), Ok(())]);
    }
}

#[test]
fn calls_between_instances_return_to_their_callers() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = rotifer::Linker::new(&engine);
        let callee = load(
            &engine,
            r#"(module
                (global $g i32 (i32.const 1000))
                (func (export "f") (param i32) (result i32) (i32.add (local.get 0) (global.get $g)))
                (func (export "trap") unreachable))"#,
        );
        let callee = linker.instantiate(&mut store, &callee).unwrap();
        linker.instance(&store, "callee", callee).unwrap();
        let caller = load(
            &engine,
            r#"(module
                (import "callee" "f" (func $f (param i32) (result i32)))
                (import "callee" "trap" (func $trap))
                (global $g i32 (i32.const 1))
                (func (export "run") (param i32) (result i32)
                    (local i32)
                    (loop
                        (local.set 1 (i32.add (local.get 1) (i32.add (call $f (local.get 0)) (global.get $g))))
                        (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                    (local.get 1))
                (func $tail (export "tail") (param i32) (result i32) (return_call $f (local.get 0)))
                (func (export "trap") (call $trap)))"#,
        );
        let caller = linker.instantiate(&mut store, &caller).unwrap();
        let run = caller.get_typed_func::<i32, i32>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, 100).unwrap(), 5050 + 100 * 1001);
        let tail = caller.get_typed_func::<i32, i32>(&store, "tail").unwrap();
        assert_eq!(tail.call(&mut store, 5).unwrap(), 1005);
        let error = caller.get_func(&store, "trap").unwrap().call(&mut store, &[], &mut []).unwrap_err();
        assert_eq!(error.backtrace().frames().len(), 2);
    }
}
