//! The four load modes agree on valid modules, and say what they promise about invalid ones.

use rotifer::{Engine, ErrorKind, Instance, LoadMode, Module, Store};

use super::{MODES, engines, wasm};

const FACTORIAL: &str = r#"(module
    (func $factorial (export "factorial") (param i64) (result i64)
        (if (result i64) (i64.eqz (local.get 0))
            (then (i64.const 1))
            (else (i64.mul (local.get 0) (call $factorial (i64.sub (local.get 0) (i64.const 1)))))))
    (func (export "unused") (result i32) (i32.const 5)))"#;

/// A module in each mode, the unchecked one included.
pub(crate) fn modules(engine: &Engine, bytes: &[u8]) -> Vec<Module> {
    let mut modules: Vec<Module> =
        MODES.iter().map(|&mode| Module::new_with_mode(engine, bytes, mode).unwrap()).collect();
    // SAFETY: the module was just validated.
    modules.push(unsafe { Module::new_unchecked(engine, bytes) }.unwrap());
    modules
}

#[test]
fn all_modes_run_valid_modules() {
    for engine in engines() {
        for module in modules(&engine, &wasm(FACTORIAL)) {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let factorial = instance.get_typed_func::<i64, i64>(&store, "factorial").unwrap();
            for _ in 0..2 {
                assert_eq!(factorial.call(&mut store, 20).unwrap(), 2_432_902_008_176_640_000);
            }
            module.validate_all().unwrap();
        }
    }
}

#[test]
fn code_is_made_when_the_mode_says() {
    let engine = Engine::default();
    let sizes: Vec<usize> = modules(&engine, &wasm(FACTORIAL)).iter().map(Module::code_size).collect();
    assert!(sizes[0] > 0);
    assert_eq!(sizes[1..], [0, 0, 0]);
    let lazy = Module::new(&engine, wasm(FACTORIAL)).unwrap();
    lazy.translate_all().unwrap();
    assert_eq!(lazy.code_size(), sizes[0]);
}

/// `f` adds an i32 and an i64; the others are valid.
fn with_invalid_body() -> Vec<u8> {
    let mut bytes = wasm(
        r#"(module
            (global $g (export "g") (mut i32) (i32.const 0))
            (func (export "before") (result i32) (i32.const 1))
            (func $bad (export "bad") (param i32 i64) (result i32)
                (global.set $g (i32.const 1))
                (i32.add (local.get 0) (local.get 0)))
            (func (export "after") (result i32) (i32.const 2))
            (func (export "call_bad") (result i32)
                (global.set $g (i32.add (global.get $g) (i32.const 10)))
                (call $bad (i32.const 0) (i64.const 0))))"#,
    );
    // local.get 0, local.get 0, i32.add: the second becomes local.get 1, which is an i64.
    let at = bytes.windows(5).position(|window| window == [0x20, 0, 0x20, 0, 0x6A]).unwrap();
    bytes[at + 3] = 1;
    bytes
}

#[test]
fn eager_and_checked_find_an_invalid_body_at_load() {
    for engine in engines() {
        let bytes = with_invalid_body();
        let eager = Module::new_with_mode(&engine, &bytes, LoadMode::Eager).unwrap_err();
        let checked = Module::new_with_mode(&engine, &bytes, LoadMode::Checked).unwrap_err();
        let validated = Module::validate(&engine, &bytes).unwrap_err();
        assert!(matches!(eager.kind(), ErrorKind::Invalid(_)), "{eager}");
        let error = eager.as_module_error().unwrap();
        assert_eq!(error.func().map(|func| func.0), Some(1));
        assert!(error.message().starts_with("type mismatch"), "{eager}");
        assert_eq!(eager.to_string(), checked.to_string());
        assert_eq!(eager.to_string(), validated.to_string());
    }
}

#[test]
fn partial_mode_finds_an_invalid_body_at_its_call() {
    for engine in engines() {
        let bytes = with_invalid_body();
        let at_load = Module::validate(&engine, &bytes).unwrap_err().to_string();
        let module = Module::new_with_mode(&engine, &bytes, LoadMode::Partial).unwrap();
        let mut store = Store::new(&engine, ());
        let one = Instance::new(&mut store, &module, &[]).unwrap();
        let two = Instance::new(&mut store, &module, &[]).unwrap();
        for round in 1..4 {
            for instance in [one, two] {
                let get = |store: &Store<()>, name| instance.get_typed_func::<(), i32>(store, name).unwrap();
                assert_eq!(get(&store, "before").call(&mut store, ()).unwrap(), 1);
                let bad = instance.get_typed_func::<(i32, i64), i32>(&store, "bad").unwrap();
                let error = bad.call(&mut store, (0, 0)).unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::Invalid(_)), "{error}");
                assert_eq!(error.to_string(), at_load);
                let error = get(&store, "call_bad").call(&mut store, ()).unwrap_err();
                assert_eq!(error.to_string(), at_load);
                assert_eq!(get(&store, "after").call(&mut store, ()).unwrap(), 2);
                // Nothing of the invalid body has run.
                let global = instance.get_global(&store, "g").unwrap();
                assert_eq!(global.get(&store).i32(), Some(10 * round));
            }
        }
        for _ in 0..2 {
            assert_eq!(module.validate_all().unwrap_err().to_string(), at_load);
        }
        assert_eq!(module.translate_all().unwrap_err().to_string(), at_load);
    }
}

#[test]
fn the_error_with_the_lowest_offset_is_reported() {
    let engine = Engine::default();
    // A section that comes behind the code is cut off: the bad body is still what is reported.
    let mut bytes = with_invalid_body();
    let body = Module::new(&engine, &bytes).unwrap_err().to_string();
    bytes.extend([0, 100]);
    for mode in [LoadMode::Eager, LoadMode::Checked] {
        assert_eq!(Module::new_with_mode(&engine, &bytes, mode).unwrap_err().to_string(), body);
    }
    let partial = Module::new_with_mode(&engine, &bytes, LoadMode::Partial).unwrap_err();
    assert!(matches!(partial.kind(), ErrorKind::Malformed(_)), "{partial}");
}

#[test]
fn an_unchecked_module_can_be_validated_later() {
    let engine = Engine::default();
    let bytes = with_invalid_body();
    // SAFETY: nothing of the module is executed.
    let module = unsafe { Module::new_unchecked(&engine, &bytes) }.unwrap();
    let expected = Module::validate(&engine, &bytes).unwrap_err().to_string();
    assert_eq!(module.validate_all().unwrap_err().to_string(), expected);
}
