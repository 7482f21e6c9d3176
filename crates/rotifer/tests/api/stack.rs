//! Exhaustion of stacks: a trap, at the same call everywhere, and never of the native stack.

use std::thread;

use rotifer::{Caller, Error, Extern, Instance, Linker, Store, TrapCode};

use super::{MODES, engines, engines_with, load, wasm};

/// Runs on a small native stack.
fn on_small_stack<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, run).unwrap();
        thread.join().unwrap()
    })
}

const RECURSIVE: &str = r#"(module
    (type $f (func (param i64) (result i64)))
    (table funcref (elem $indirect))
    (global $depth (export "depth") (mut i32) (i32.const 0))
    (func $count (global.set $depth (i32.add (global.get $depth) (i32.const 1))))
    (func $direct (export "direct") (param i64) (result i64)
        (call $count)
        (i64.add (call $direct (i64.add (local.get 0) (i64.const 1))) (i64.const 1)))
    (func $indirect (export "indirect") (param i64) (result i64)
        (call $count)
        (i64.add (call_indirect (type $f) (local.get 0) (i32.const 0)) (i64.const 1)))
    (func $large (export "large") (param i64) (result i64)
        (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
        (call $count)
        (i64.add (call $large (local.get 0)) (local.get 5)))
    (func $ping (export "ping") (param i64) (result i64)
        (call $count)
        (i64.add (call $pong (local.get 0)) (i64.const 1)))
    (func $pong (param i64) (result i64) (call $count) (call $ping (local.get 0)) (i64.const 1) i64.add)
    (func $tail (export "tail") (param i64) (result i64)
        (if (result i64) (i64.eqz (local.get 0))
            (then (i64.const 7))
            (else (return_call $tail (i64.sub (local.get 0) (i64.const 1)))))))"#;

#[test]
fn infinite_recursion_traps() {
    for engine in engines() {
        for mode in MODES {
            let module = rotifer::Module::new_with_mode(&engine, wasm(RECURSIVE), mode).unwrap();
            on_small_stack(|| {
                let mut store = Store::new(&engine, ());
                let instance = Instance::new(&mut store, &module, &[]).unwrap();
                for name in ["direct", "indirect", "large", "ping"] {
                    let func = instance.get_typed_func::<i64, i64>(&store, name).unwrap();
                    for _ in 0..2 {
                        let error = func.call(&mut store, 0).unwrap_err();
                        assert_eq!(error.as_trap_code(), Some(TrapCode::StackOverflow), "{name}");
                        assert!(error.backtrace().frames().len() >= 10);
                    }
                }
                let tail = instance.get_typed_func::<i64, i64>(&store, "tail").unwrap();
                assert_eq!(tail.call(&mut store, 1_000_000).unwrap(), 7);
            });
        }
    }
}

#[test]
fn stacks_end_at_the_same_call_in_every_mode() {
    for (bytes, depth) in [(1 << 20, 10_000), (1 << 20, 100), (10_000, 10_000), (1 << 24, 1_000_000)] {
        let mut depths = Vec::new();
        for engine in engines_with(|config| {
            config.max_stack_size(bytes).max_call_depth(depth);
        }) {
            for mode in MODES {
                let module = rotifer::Module::new_with_mode(&engine, wasm(RECURSIVE), mode).unwrap();
                let mut store = Store::new(&engine, ());
                let reached: Vec<i32> = ["direct", "indirect", "large", "ping", "direct"]
                    .map(|name| {
                        let instance = Instance::new(&mut store, &module, &[]).unwrap();
                        let func = instance.get_func(&store, name).unwrap();
                        func.typed::<i64, i64>(&store).unwrap().call(&mut store, 0).unwrap_err();
                        instance.get_global(&store, "depth").unwrap().get(&store).i32().unwrap()
                    })
                    .into();
                assert_eq!(reached[0], reached[4], "what was translated before does not matter");
                depths.push(reached);
            }
        }
        assert!(depths.iter().all(|reached| *reached == depths[0]), "{bytes} {depth}: {depths:?}");
        assert!(depths[0][0] > 0);
    }
}

/// Calls of host functions that call WebAssembly take native stack, so they are counted.
#[test]
fn nesting_of_host_and_guest_is_limited() {
    for engine in engines() {
        let mut linker = Linker::<u32>::new(&engine);
        linker
            .func_wrap("", "nest", |mut caller: Caller<'_, u32>| -> Result<(), Error> {
                *caller.data_mut() += 1;
                let run = caller.get_export("run").and_then(Extern::into_func).unwrap();
                run.typed::<(), ()>(&caller)?.call(&mut caller, ())
            })
            .unwrap();
        let module =
            load(&engine, r#"(module (import "" "nest" (func $nest)) (func (export "run") (call $nest)))"#);
        on_small_stack(|| {
            let mut store = Store::new(&engine, 0);
            let instance = linker.instantiate(&mut store, &module).unwrap();
            let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
            for round in 1..4 {
                let error = run.call(&mut store, ()).unwrap_err();
                assert_eq!(error.as_trap_code(), Some(TrapCode::StackOverflow));
                assert_eq!(*store.data(), round * 100);
            }
        });
    }
}

/// The guest's depth is counted across nested activations.
#[test]
fn guest_depth_is_counted_across_host_calls() {
    for engine in engines_with(|config| {
        config.max_call_depth(50);
    }) {
        let mut linker = Linker::<u32>::new(&engine);
        linker
            .func_wrap("", "nest", |mut caller: Caller<'_, u32>| -> Result<(), Error> {
                *caller.data_mut() += 1;
                let run = caller.get_export("run").and_then(Extern::into_func).unwrap();
                run.typed::<(), ()>(&caller)?.call(&mut caller, ())
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "nest" (func $nest))
                (func $inner (call $nest))
                (func (export "run") (call $inner)))"#,
        );
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
        assert!(run.call(&mut store, ()).is_err());
        let first = *store.data();
        assert!((20..=25).contains(&first), "{first}");
        assert!(run.call(&mut store, ()).is_err());
        assert_eq!(*store.data(), 2 * first);
    }
}

/// How deep calls nest is defined in WebAssembly terms (`StackLimits`), and computed here from the definition: with
/// P parameters, L other locals, H operands at the greatest height and B below the arguments of the call, a frame
/// has P + 2 + L + H slots, and the next one begins P + 2 + L + B slots behind it.
#[test]
fn stacks_end_where_the_definition_says() {
    const BYTES: usize = 10_000;
    let count = "(global.set $depth (i32.add (global.get $depth) (i32.const 1)))";
    let shapes: [(&str, [usize; 4]); 5] = [
        ("(i64.add (call $f (i64.add (local.get 0) (i64.const 1))) (i64.const 1))", [1, 0, 2, 0]),
        // Operands that optimisation keeps out of slots count all the same.
        (
            "(i64.const 1) (i64.const 2) (local.get 0) (call $f (local.get 0)) i64.add i64.add i64.add",
            [1, 0, 4, 3],
        ),
        // What is folded away was there.
        (
            "(i64.add (i64.const 1) (i64.add (i64.const 2) (i64.add (i64.const 3) (i64.const 4)))) drop
             (call $f (local.get 0))",
            [1, 0, 4, 0],
        ),
        // Operands of code that cannot be reached were not.
        (
            "(block (br 0) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4) unreachable)
             (call $f (local.get 0))",
            [1, 0, 2, 0],
        ),
        ("(local i64 i32 f64 i64 i64 i64 i64 i64 i64 i64) (call $f (local.get 0))", [1, 10, 2, 0]),
    ];
    for engine in engines_with(|config| {
        config.max_stack_size(BYTES).max_call_depth(1_000_000);
    }) {
        for (body, [p, l, h, b]) in shapes {
            let (locals, body) = match body.strip_prefix("(local") {
                Some(_) => body.split_at(body.find(')').unwrap() + 1),
                None => ("", body),
            };
            let wat = format!(
                r#"(module (global $depth (export "depth") (mut i32) (i32.const 0))
                    (func $f (export "f") (param i64) (result i64) {locals} {count} {body}))"#
            );
            let module = load(&engine, &wat);
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let func = instance.get_typed_func::<i64, i64>(&store, "f").unwrap();
            assert!(func.call(&mut store, 0).is_err());
            let depth = instance.get_global(&store, "depth").unwrap().get(&store).i32().unwrap();
            let (frame, next) = (p + 2 + l + h, p + 2 + l + b);
            assert_eq!(depth as usize, (BYTES / 8 - frame) / next + 1, "{body}");
        }
    }
}
