//! Loading by several threads, and validation in the background: verdicts are those of one thread, and no thread is left.

use std::{
    ops::Range,
    panic,
    sync::{Barrier, OnceLock},
    thread,
};

use rotifer::{Config, Engine, Error, Instance, LoadMode, Module, Store};

use super::{wasm, with_threads};

/// How many functions [`large`] has.
const FUNCTIONS: usize = 4_000;

/// A module with enough functions for several threads, and a data section behind them. `fN(x)` is exported for every
/// hundredth N and gives `x + N`.
pub(crate) fn large() -> &'static [u8] {
    static LARGE: OnceLock<Vec<u8>> = OnceLock::new();
    LARGE.get_or_init(|| {
        let mut text = String::from("(module (memory 1)\n");
        for n in 0..FUNCTIONS {
            let export = if n % 100 == 0 { format!("(export \"f{n}\")") } else { String::new() };
            text += &format!("(func {export} (param i32) (result i32) (local i64 i32)\n");
            for step in 0..10 {
                let address = n % 64 * 8;
                text += &format!(
                    "(local.set 1 (i64.add (i64.load offset={address} (i32.const {step})) (local.get 1)))
                     (if (i64.eqz (local.get 1)) (then (local.set 2 (i32.const {n}))))\n"
                );
            }
            text += "(i32.add (local.get 0) (local.get 2)))\n";
        }
        text += "(data (i32.const 60000) \"behind all functions\"))";
        wasm(&text)
    })
}

/// The place of all bodies in [`large`].
fn code() -> Range<usize> {
    let end = large().windows(6).rposition(|window| window == b"behind").unwrap();
    end - 700_000..end
}

/// Changes one to three bytes, nearly always in the code.
fn mutated(seed: u64) -> Vec<u8> {
    let mut bytes = large().to_vec();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..=random(3) {
        let range = if random(10) == 0 { 8..bytes.len() } else { code() };
        let at = range.start + random(range.len());
        bytes[at] = random(256) as u8;
    }
    bytes
}

fn text(result: Result<(), Error>) -> String {
    result.map_or_else(|error| error.to_string(), |()| String::from("valid"))
}

#[test]
fn the_error_does_not_depend_on_threads() {
    let engines = [1, 2, 8].map(|threads| with_threads(threads, LoadMode::Checked));
    let mut invalid = 0;
    for seed in 0..60 {
        let bytes = mutated(seed);
        let expected = text(Module::validate(&engines[0], &bytes));
        invalid += usize::from(expected != "valid");
        for engine in &engines[1..] {
            assert_eq!(text(Module::validate(engine, &bytes)), expected, "{seed}");
        }
        for engine in &engines {
            let mode = if seed % 2 == 0 { LoadMode::Checked } else { LoadMode::Eager };
            let loaded = Module::new_with_mode(engine, &bytes, mode);
            assert_eq!(text(loaded.map(drop)), expected, "{seed} {mode:?}");
        }
    }
    assert!(invalid > 30, "{invalid}");
}

#[test]
fn an_error_behind_the_code_is_the_last_one() {
    for threads in [1, 2, 8] {
        let engine = with_threads(threads, LoadMode::Checked);
        let mut bytes = large().to_vec();
        // The data section has no memory of this number.
        let flags = large().windows(6).rposition(|window| window == b"behind").unwrap() - 7;
        assert_eq!(bytes[flags], 0);
        bytes[flags] = 9;
        let error = Module::new(&engine, &bytes).unwrap_err();
        assert_eq!(error.as_module_error().unwrap().offset().0 as usize, flags);
        // `end` of the last function.
        let end = flags - 4;
        assert_eq!(bytes[end], 0x0B);
        bytes[end] = 0x0A;
        let error = Module::new(&engine, &bytes).unwrap_err();
        assert!(error.as_module_error().unwrap().func().is_some(), "{error}");
    }
}

/// Calls what is exported.
fn calls(engine: &Engine, module: &Module) -> Vec<String> {
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[]).unwrap();
    let names = (0..FUNCTIONS).step_by(100).map(|n| format!("f{n}"));
    let call = |name: String| {
        let func = instance.get_typed_func::<i32, i32>(&store, &name).unwrap();
        match func.call(&mut store, 7) {
            Ok(result) => result.to_string(),
            Err(error) => error.to_string(),
        }
    };
    names.map(call).collect()
}

/// [`large`] with an invalid body in two exported functions: `f3000` and `f200`.
fn with_invalid_bodies() -> Vec<u8> {
    let mut bytes = large().to_vec();
    for n in [3_000_u32, 200] {
        // local.set 2 (i32.const n), in its first occurrence.
        let number = [0x41, n as u8 & 0x7F | 0x80, (n >> 7) as u8, 0x21, 2];
        let at = bytes.windows(5).position(|window| window == number).unwrap();
        bytes[at + 4] = 1;
    }
    bytes
}

#[test]
fn background_mode_calls_as_partial_mode_does() {
    for bytes in [large().to_vec(), with_invalid_bodies()] {
        let engine = with_threads(1, LoadMode::Partial);
        let partial = Module::new(&engine, &bytes).unwrap();
        let (expected, verdict) = (calls(&engine, &partial), text(partial.validate_all()));
        assert_eq!(text(partial.wait_validated()), verdict);
        assert_eq!(text(Module::validate(&engine, &bytes)), verdict);
        for threads in [0, 1, 2, 8] {
            let engine = with_threads(threads, LoadMode::Background);
            for wait_first in [false, true] {
                let module = Module::new(&engine, &bytes).unwrap();
                if wait_first {
                    assert_eq!(text(module.wait_validated()), verdict);
                }
                assert_eq!(calls(&engine, &module), expected);
                assert_eq!(text(module.wait_validated()), verdict);
                assert_eq!(text(module.validate_all()), verdict);
                // Nor does the verdict change what calls do.
                assert_eq!(calls(&engine, &module), expected);
            }
        }
    }
}

#[test]
fn several_wait_for_the_same_verdict() {
    let bytes = with_invalid_bodies();
    for threads in [1, 4] {
        let engine = with_threads(threads, LoadMode::Background);
        let module = Module::new(&engine, &bytes).unwrap();
        let verdict = text(Module::validate(&engine, &bytes));
        let barrier = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    barrier.wait();
                    assert_eq!(text(module.wait_validated()), verdict);
                });
            }
        });
    }
}

#[test]
fn a_section_that_is_invalid_is_found_at_load() {
    let mut bytes = large().to_vec();
    bytes.extend([0, 100]);
    let partial = Module::new(&with_threads(2, LoadMode::Partial), &bytes).unwrap_err();
    let background = Module::new(&with_threads(2, LoadMode::Background), &bytes).unwrap_err();
    assert_eq!(background.to_string(), partial.to_string());
}

#[test]
fn small_modules_have_a_verdict_too() {
    for mode in [LoadMode::Eager, LoadMode::Checked, LoadMode::Partial, LoadMode::Background] {
        let engine = with_threads(8, mode);
        Module::new(&engine, wasm("(module)")).unwrap().wait_validated().unwrap();
        Module::new(&engine, wasm("(module (func))")).unwrap().wait_validated().unwrap();
    }
}

#[test]
fn modules_can_be_dropped_while_they_are_validated() {
    let engine = with_threads(4, LoadMode::Background);
    for round in 0..30 {
        let module = Module::new(&engine, large()).unwrap();
        if round % 3 == 1 {
            thread::yield_now();
        }
        if round % 3 == 2 {
            let other = module.clone();
            drop(module);
            other.wait_validated().unwrap();
            continue;
        }
        // As when the embedder panics.
        let dropped = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let _module = module;
            if round % 2 == 0 {
                panic::resume_unwind(Box::new("a reason"));
            }
        }));
        assert_eq!(dropped.is_err(), round % 2 == 0);
    }
    assert_eq!(engine.memory_usage().modules, 0);
    assert_eq!(engine.memory_usage().total(), 0);
}

#[test]
fn the_number_of_threads_is_configured() {
    assert_eq!(Config::new().get_load_threads(), 0);
    assert_eq!(with_threads(3, LoadMode::Checked).config().get_load_threads(), 3);
}
