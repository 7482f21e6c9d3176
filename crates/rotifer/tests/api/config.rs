//! Engines: what they can be configured with, and what they say of themselves.

use rotifer::{Config, Dispatch, Engine, ErrorKind, Features, Limits, LoadMode, Module, build_info};

use super::{DISPATCHERS, MODES, engines, wasm};

#[test]
fn dispatchers_are_known() {
    let info = build_info();
    assert_eq!(info.dispatchers, Dispatch::available());
    for engine in engines() {
        assert_eq!(engine.dispatch(), engine.config().get_dispatch());
    }
    assert_eq!(Engine::default().dispatch(), DISPATCHERS[0]);
    assert!(info.to_string().starts_with("rotifer 0."));
}

#[test]
fn proposals_are_switched() {
    for (wat, switch) in [
        ("(module (func (drop (f32.const 0))))", Config::floats as fn(&mut Config, bool) -> &mut Config),
        ("(module (global (export \"\") (mut i32) (i32.const 0)))", Config::wasm_mutable_global),
        ("(module (func (drop (i32.extend8_s (i32.const 0)))))", Config::wasm_sign_extension),
        ("(module (func (drop (i32.trunc_sat_f32_s (f32.const 0)))))", Config::wasm_saturating_float_to_int),
        ("(module (func (result i32 i32) (i32.const 0) (i32.const 0)))", Config::wasm_multi_value),
        (
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
            Config::wasm_bulk_memory,
        ),
        ("(module (func (param externref)))", Config::wasm_reference_types),
        ("(module (func $f (return_call $f)))", Config::wasm_tail_call),
        ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", Config::wasm_extended_const),
        ("(module (memory 1) (memory 1))", Config::wasm_multi_memory),
        ("(module (memory i64 1))", Config::wasm_memory64),
        ("(module (memory 1 2 (pagesize 1)))", Config::wasm_custom_page_sizes),
        (
            "(module (func (i64.mul_wide_s (i64.const 0) (i64.const 0)) (drop) (drop)))",
            Config::wasm_wide_arithmetic,
        ),
    ] {
        let bytes = wasm(wat);
        for enable in [true, false] {
            let mut config = Config::new();
            switch(&mut config, enable);
            let engine = Engine::new(&config);
            let checked = Module::new(&engine, &bytes);
            assert_eq!(checked.is_ok(), enable, "{wat}: {checked:?}");
            // A body that uses what is switched off fails on its first call in partial mode.
            let partial = Module::new_with_mode(&engine, &bytes, LoadMode::Partial);
            assert_eq!(partial.and_then(|module| module.validate_all()).is_ok(), enable, "{wat}");
        }
    }
}

#[test]
fn features_can_be_set_at_once() {
    let mut config = Config::new();
    config.features(Features::MVP);
    let engine = Engine::new(&config);
    let error = Module::new(&engine, wasm("(module (memory i64 1))")).unwrap_err();
    assert!(matches!(
        error.kind(),
        ErrorKind::Unsupported(_) | ErrorKind::Invalid(_) | ErrorKind::Malformed(_)
    ));
    assert_eq!(*engine.config().get_features(), Features::MVP);
}

#[test]
fn limits_hold_in_every_mode() {
    let mut limits = Limits::strict();
    limits.functions = 2;
    let mut config = Config::new();
    config.limits(limits);
    let engine = Engine::new(&config);
    for mode in MODES {
        Module::new_with_mode(&engine, wasm("(module (func) (func))"), mode).unwrap();
        let error = Module::new_with_mode(&engine, wasm("(module (func) (func) (func))"), mode).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
    }
    assert_eq!(engine.config().get_limits().functions, 2);
}
