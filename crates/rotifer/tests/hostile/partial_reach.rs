//! An invalid function in partial mode, reached in every way in which functions are reached.

use rotifer::{
    Caller, Engine, Error, Extern, Func, Instance, Linker, LoadMode, Module, ResumableCall, Store, Val,
};

use crate::engines;

/// What a store starts with.
const FUEL: u64 = 1_000;

/// Callers of `$bad`, which drops an operand that is not there. Each does something first; nothing behind the call is
/// done.
const CALLERS: &str = r#"
    (global $g (export "g") (mut i32) (i32.const 0))
    (memory (export "memory") 1)
    (table (export "table") 2 funcref)
    (elem (table 0) (i32.const 0) func $bad $good)
    (func $good (export "good") (result i32) (i32.const 42))
    (func $bad (export "bad") (result i32)
        (global.set $g (i32.const 99)) (i32.store (i32.const 0) (i32.const 99))
        (table.set (i32.const 1) (ref.null func))
        (drop) (i32.const 1))
    (func (export "call") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (call $bad)
        (global.set $g (i32.const 77)))
    (func (export "call_indirect") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (call_indirect (result i32) (i32.const 0))
        (global.set $g (i32.const 77)))
    (func (export "return_call") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (return_call $bad))
    (func (export "return_call_indirect") (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (return_call_indirect (result i32) (i32.const 0)))
    (func $deep (export "deep") (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
            (else (call $bad))))
    (func (export "either") (param i32) (result i32)
        (if (result i32) (local.get 0) (then (call $bad)) (else (call $good))))
"#;

/// What the callers cost, up to and with their call: `global.get`, `i32.const`, `i32.add`, `global.set`, perhaps
/// the index, and the call.
const COSTS: [(&str, u64); 4] =
    [("call", 5), ("call_indirect", 6), ("return_call", 5), ("return_call_indirect", 6)];

/// The module, which the text format does not validate.
fn wasm(before: &str, behind: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {before} {CALLERS} {behind})")).unwrap()
}

/// A partial module and the error of its function, as the other modes give it.
fn partial(engine: &Engine, wasm: &[u8]) -> (Module, String) {
    let error = Module::new_with_mode(engine, wasm, LoadMode::Checked).unwrap_err();
    let module = error.as_module_error().unwrap();
    assert!(module.func().is_some() && module.message().starts_with("type mismatch"), "{error}");
    let eager = Module::new_with_mode(engine, wasm, LoadMode::Eager).unwrap_err();
    assert_eq!(eager.to_string(), error.to_string());
    (Module::new_with_mode(engine, wasm, LoadMode::Partial).unwrap(), error.to_string())
}

fn store(engine: &Engine) -> Store<()> {
    let mut store = Store::new(engine, ());
    store.set_fuel(FUEL).unwrap();
    store
}

fn get(store: &Store<()>, instance: Instance) -> i32 {
    instance.get_global(store, "g").unwrap().get(store).i32().unwrap()
}

/// Nothing that the invalid body would have done has happened.
fn assert_untouched(store: &Store<()>, instance: Instance) {
    assert!(get(store, instance) < 50);
    assert!(instance.get_memory(store, "memory").unwrap().data(store).iter().all(|byte| *byte == 0));
    let table = instance.get_table(store, "table").unwrap();
    assert!(matches!(table.get(store, 1), Some(reference) if !reference.is_null()));
}

#[test]
fn by_calls_of_every_kind() {
    for engine in engines() {
        let (module, expected) = partial(&engine, &wasm("", ""));
        let mut store = store(&engine);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let good = instance.get_typed_func::<(), i32>(&store, "good").unwrap();
        let mut calls = 0;
        for _ in 0..3 {
            for (name, cost) in COSTS {
                store.set_fuel(FUEL).unwrap();
                let caller = instance.get_typed_func::<(), i32>(&store, name).unwrap();
                let error = caller.call(&mut store, ()).unwrap_err();
                calls += 1;
                assert_eq!(error.to_string(), expected, "{name}");
                assert_eq!(store.get_fuel().unwrap(), FUEL - cost, "{name}");
                // The caller has done what comes before the call.
                assert_eq!(get(&store, instance), calls, "{name}");
                assert_untouched(&store, instance);
                assert_eq!(good.call(&mut store, ()).unwrap(), 42);
            }
            store.set_fuel(FUEL).unwrap();
            let bad = instance.get_typed_func::<(), i32>(&store, "bad").unwrap();
            assert_eq!(bad.call(&mut store, ()).unwrap_err().to_string(), expected);
            assert_eq!(store.get_fuel().unwrap(), FUEL);
            let deep = instance.get_typed_func::<i32, i32>(&store, "deep").unwrap();
            assert_eq!(deep.call(&mut store, 50).unwrap_err().to_string(), expected);
            assert_untouched(&store, instance);
            let either = instance.get_typed_func::<i32, i32>(&store, "either").unwrap();
            assert_eq!(either.call(&mut store, 0).unwrap(), 42);
            assert_eq!(either.call(&mut store, 1).unwrap_err().to_string(), expected);
        }
    }
}

/// Through a table that the host reads, and as a reference that it holds.
#[test]
fn by_the_host() {
    for engine in engines() {
        let (module, expected) = partial(&engine, &wasm("", ""));
        let mut store = store(&engine);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let table = instance.get_table(&store, "table").unwrap();
        let reference = table.get(&store, 0).unwrap();
        let func = *reference.as_func().unwrap().val().unwrap();
        for _ in 0..3 {
            let error = func.call(&mut store, &[], &mut [Val::I32(0)]).unwrap_err();
            assert_eq!(error.to_string(), expected);
            let Err(error) = func.call_resumable(&mut store, &[], &mut [Val::I32(0)]) else {
                panic!("it is not valid");
            };
            assert_eq!(error.to_string(), expected);
        }
        assert_eq!(store.get_fuel().unwrap(), FUEL);
        assert_untouched(&store, instance);
    }
}

/// The start function calls it, or is invalid itself.
#[test]
fn by_a_start_function() {
    for engine in engines() {
        for (start, cost) in [
            ("(func $start (drop (call $bad))) (start $start)", 1),
            ("(func $start (drop)) (start $start)", 0),
        ] {
            let wasm = wasm("", start);
            let module = Module::new_with_mode(&engine, &wasm, LoadMode::Partial).unwrap();
            let start = module.start_function().unwrap();
            let expected = if cost == 1 { None } else { Some(start) };
            let errors = [0; 3].map(|_| {
                let mut store = store(&engine);
                let error = Instance::new(&mut store, &module, &[]).unwrap_err();
                assert_eq!(store.get_fuel().unwrap(), FUEL - cost);
                let func = error.as_module_error().unwrap().func().unwrap().0;
                assert!(expected.is_none_or(|expected| func == expected));
                error.to_string()
            });
            assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
            if cost == 1 {
                assert_eq!(errors[0], Module::validate(&engine, &wasm).unwrap_err().to_string());
            }
        }
    }
}

/// WebAssembly calls the host, which calls the invalid function and may hand the error on or not.
#[test]
fn as_a_callback() {
    let import = r#"(import "host" "callback" (func $callback (param i32) (result i32)))"#;
    let behind = r#"(func (export "run") (param i32) (result i32)
        (global.set $g (i32.add (global.get $g) (i32.const 1)))
        (i32.add (call $callback (local.get 0)) (i32.const 1)))"#;
    for engine in engines() {
        let (module, expected) = partial(&engine, &wasm(import, behind));
        let mut linker = Linker::new(&engine);
        let callback = |mut caller: Caller<'_, ()>, hand_on: i32| -> Result<i32, Error> {
            let bad = caller.get_export("bad").and_then(Extern::into_func).unwrap();
            let fuel = caller.get_fuel()?;
            let error = bad.call(&mut caller, &[], &mut [Val::I32(0)]).unwrap_err();
            assert_eq!(caller.get_fuel()?, fuel);
            if hand_on != 0 { Err(error) } else { Ok(error.to_string().len() as i32) }
        };
        linker.func_wrap("host", "callback", callback).unwrap();
        let mut store = store(&engine);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for round in 1..4 {
            let error = run.call(&mut store, 1).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert_eq!(run.call(&mut store, 0).unwrap(), expected.len() as i32 + 1);
            assert_eq!(get(&store, instance), 2 * round);
            assert_untouched(&store, instance);
        }
    }
}

/// From another instance, of another module that is valid.
#[test]
fn through_an_import() {
    let importer = r#"(module
        (import "lib" "bad" (func $bad (result i32)))
        (import "lib" "table" (table 2 funcref))
        (func (export "direct") (result i32) (i32.add (call $bad) (i32.const 1)))
        (func (export "tail") (result i32) (return_call $bad))
        (func (export "indirect") (param i32) (result i32) (call_indirect (result i32) (local.get 0))))"#;
    for engine in engines() {
        let (module, expected) = partial(&engine, &wasm("", ""));
        let mut store = store(&engine);
        let lib = Instance::new(&mut store, &module, &[]).unwrap();
        let imports = ["bad", "table"].map(|name| lib.get_export(&store, name).unwrap());
        let importer = Module::new(&engine, wat::parse_str(importer).unwrap()).unwrap();
        let importer = Instance::new(&mut store, &importer, &imports).unwrap();
        let indirect = importer.get_typed_func::<i32, i32>(&store, "indirect").unwrap();
        for _ in 0..3 {
            for (name, cost) in [("direct", 1), ("tail", 1)] {
                store.set_fuel(FUEL).unwrap();
                let func = importer.get_typed_func::<(), i32>(&store, name).unwrap();
                assert_eq!(func.call(&mut store, ()).unwrap_err().to_string(), expected);
                assert_eq!(store.get_fuel().unwrap(), FUEL - cost, "{name}");
            }
            assert_eq!(indirect.call(&mut store, 0).unwrap_err().to_string(), expected);
            assert_eq!(indirect.call(&mut store, 1).unwrap(), 42);
            assert_untouched(&store, lib);
        }
    }
}

/// A call that was suspended and goes on to the invalid function: it ends with the error, and the store goes on.
#[test]
fn after_a_suspension() {
    let import = r#"(import "host" "ask" (func $ask (result i32)))"#;
    let behind =
        r#"(func (export "run") (result i32) (if (call $ask) (then (return (call $bad)))) (i32.const 5))"#;
    for engine in engines() {
        let (module, expected) = partial(&engine, &wasm(import, behind));
        let mut store = store(&engine);
        let ask = Func::wrap(&mut store, || -> Result<i32, Error> { Err(Error::suspend()) });
        let instance = Instance::new(&mut store, &module, &[ask.into()]).unwrap();
        let run = instance.get_func(&store, "run").unwrap();
        for answer in [1, 0, 1] {
            let mut results = [Val::I32(0)];
            let call = run.call_resumable(&mut store, &[], &mut results).unwrap();
            let ResumableCall::Suspended(call) = call else { panic!("it asks") };
            let end = call.resume_with(&mut store, &[Val::I32(answer)], &mut results);
            if answer == 0 {
                assert!(matches!(end, Ok(ResumableCall::Finished)));
                assert_eq!(results[0].i32(), Some(5));
            } else {
                let Err(error) = end else { panic!("it is not valid") };
                assert_eq!(error.to_string(), expected);
            }
            assert_untouched(&store, instance);
        }
    }
}
