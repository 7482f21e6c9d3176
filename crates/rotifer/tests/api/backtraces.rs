//! Backtraces of errors that are no traps, and the names in them.

use rotifer::{Caller, Config, Engine, Error, Extern, Linker, Store, TrapCode, TypedResumableCall};

use super::{engines, engines_with, load};

const LIB: &str = r#"(module $lib
    (import "host" "fail" (func $fail (param i32)))
    (func (export "through") (param i32) (call $fail (local.get 0)))
    (func (export "tail") (param i32) (return_call $fail (local.get 0))))"#;

const MAIN: &str = r#"(module
    (import "lib" "through" (func $through (param i32)))
    (import "lib" "tail" (func $tail (param i32)))
    (import "host" "fail" (func $fail (param i32)))
    (func $inner (param i32) (call $fail (local.get 0)))
    (func (export "direct") (param i32) (call $inner (local.get 0)))
    (func (export "cross") (param i32) (call $through (local.get 0)))
    (func (export "cross_tail") (param i32) (call $tail (local.get 0)))
    (func (export "tail") (param i32) (return_call $fail (local.get 0)))
    (func $deep (export "deep") (param i32 i32)
        (if (local.get 1)
            (then (call $deep (local.get 0) (i32.sub (local.get 1) (i32.const 1))))
            (else (call $fail (local.get 0)))))
    (func (export "trap") (param i32) (unreachable)))"#;

/// Fails in one of several ways.
fn fail(mut caller: Caller<'_, ()>, how: i32) -> Result<(), Error> {
    Err(match how {
        0 => Error::new("in words"),
        1 => TrapCode::Interrupted.into(),
        2 => Error::i32_exit(3),
        3 => Error::suspend(),
        // The error of a call that this function has made.
        _ => {
            let trap = caller.get_export("trap").and_then(Extern::into_func).unwrap();
            trap.typed::<i32, ()>(&caller)?.call(&mut caller, 0).unwrap_err()
        }
    })
}

fn link(engine: &Engine) -> (Store<()>, rotifer::Instance) {
    let mut store = Store::new(engine, ());
    let _ = store.set_fuel(1 << 30);
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "fail", fail).unwrap();
    let lib = linker.instantiate(&mut store, &load(engine, LIB)).unwrap();
    linker.instance(&mut store, "lib", lib).unwrap();
    let main = linker.instantiate(&mut store, &load(engine, MAIN)).unwrap();
    (store, main)
}

/// The functions of a backtrace: names, and whether the offset is known.
fn frames(error: &Error) -> Vec<&str> {
    let frames = error.backtrace().frames();
    assert!(frames.iter().all(|frame| frame.module_offset().is_some()));
    frames.iter().map(|frame| frame.func_name().unwrap()).collect()
}

#[test]
fn errors_of_host_functions_have_one() {
    let mut all = engines();
    all.extend(engines_with(|config| {
        config.consume_fuel(true);
    }));
    for engine in all {
        let (mut store, main) = link(&engine);
        let mut call = |name: &str, how: i32| {
            main.get_typed_func::<i32, ()>(&store, name).unwrap().call(&mut store, how).unwrap_err()
        };
        for how in [0, 1] {
            assert_eq!(frames(&call("direct", how)), ["inner", "direct"]);
            // The name of an export is better than none.
            assert_eq!(frames(&call("cross", how)), ["through", "cross"]);
            assert_eq!(frames(&call("cross_tail", how)), ["cross_tail"]);
            assert_eq!(frames(&call("tail", how)), [""; 0]);
        }
        let error = call("direct", 0);
        assert_eq!(error.to_string(), "in words");
        assert!(format!("{error:?}").contains("\n  0: function 3 `inner` (at offset 0x"), "{error:?}");
        // An end that was wished for has none.
        for how in [2, 3] {
            assert_eq!(frames(&call("direct", how)), [""; 0]);
        }
        // That of the innermost call stays.
        assert_eq!(frames(&call("direct", 4)), ["trap"]);
        let deep = main.get_typed_func::<(i32, i32), ()>(&store, "deep").unwrap();
        let error = deep.call(&mut store, (0, 9)).unwrap_err();
        assert_eq!(frames(&error), ["deep"; 10]);
        let error = deep.call(&mut store, (0, 900)).unwrap_err();
        assert_eq!(frames(&error), ["deep"; 64]);
    }
}

#[test]
fn they_can_be_switched_off() {
    for engine in engines_with(|config| {
        config.host_error_backtrace(false);
    }) {
        let (mut store, main) = link(&engine);
        let call = |store: &mut Store<()>, name: &str| {
            main.get_typed_func::<i32, ()>(&*store, name).unwrap().call(store, 0).unwrap_err()
        };
        assert!(call(&mut store, "direct").backtrace().frames().is_empty());
        assert_eq!(frames(&call(&mut store, "trap")), ["trap"]);
    }
    assert!(Config::new().get_host_error_backtrace());
}

#[test]
fn suspended_calls_have_their_own() {
    for engine in engines() {
        let (mut store, main) = link(&engine);
        let direct = main.get_typed_func::<i32, ()>(&store, "direct").unwrap();
        let call = direct.call_resumable(&mut store, 0).unwrap();
        let TypedResumableCall::Suspended(call) = call else { panic!() };
        assert_eq!(call.backtrace(&store).frames().len(), 2);
        assert!(call.into_error().backtrace().frames().is_empty());
    }
}
