//! Calls that stop and go on: where they can stop, what may happen meanwhile, and what is refused.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use rotifer::{
    AsContextMut, Caller, Config, Engine, Error, ErrorKind, Extern, F64, Func, FuncType, Instance, Linker,
    Nullable, Ref, ResumableCall, Store, SuspendReason, SuspendedCall, TrapCode, TypedFunc,
    TypedResumableCall, Val, ValType,
};

use super::{engines, engines_with, load};

/// With each dispatcher: without fuel, with fuel, and interruptible.
fn all_engines() -> Vec<Engine> {
    let mut all = engines();
    all.extend(engines_with(|config| {
        config.consume_fuel(true);
    }));
    all.extend(engines_with(|config| {
        config.interruptible(true);
    }));
    all
}

fn fuel_engines() -> Vec<Engine> {
    engines_with(|config| {
        config.consume_fuel(true);
    })
}

/// More than any test needs, if fuel is counted.
fn give_plenty<T>(store: &mut Store<T>) {
    let _ = store.set_fuel(1 << 40);
}

fn i64_to_i64() -> FuncType {
    FuncType::new([ValType::I64], [ValType::I64])
}

#[track_caller]
fn suspended(call: Result<ResumableCall, Error>) -> SuspendedCall {
    match call.unwrap() {
        ResumableCall::Suspended(call) => call,
        ResumableCall::Finished => panic!("the call has returned"),
    }
}

#[track_caller]
fn finished(call: Result<ResumableCall, Error>) {
    let call = call.unwrap();
    assert!(matches!(call, ResumableCall::Finished), "{call:?}");
}

/// Its functions are called by [`MAIN`] from another instance.
const LIB: &str = r#"(module
    (type $f (func (param i64) (result i64)))
    (import "host" "ask" (func $ask (type $f)))
    (table (export "table") 2 10 funcref)
    (elem (i32.const 0) $local)
    (func $local (type $f) (i64.add (call $ask (local.get 0)) (i64.const 1)))
    (func (export "direct") (type $f) (i64.mul (call $ask (local.get 0)) (i64.const 2)))
    (func (export "tail") (type $f) (return_call $ask (local.get 0))))"#;

/// `deep(n, how)` adds up `n` to 1 by recursion and below that calls the host in one of [`WAYS`].
const MAIN: &str = r#"(module
    (type $f (func (param i64) (result i64)))
    (import "lib" "direct" (func $direct (type $f)))
    (import "lib" "tail" (func $tail (type $f)))
    (import "host" "ask" (func $ask (type $f)))
    (import "lib" "table" (table 2 funcref))
    (func $deep (export "deep") (param $n i64) (param $how i32) (result i64)
        (if (i64.eqz (local.get $n))
            (then
                (block $6 (block $5 (block $4 (block $3 (block $2 (block $1 (block $0
                    (br_table $0 $1 $2 $3 $4 $5 $6 (local.get $how)))
                    (return (call $direct (i64.const 100))))
                    (return (call $tail (i64.const 100))))
                    (return (call_indirect (type $f) (i64.const 100) (i32.const 0))))
                    (return_call $tail (i64.const 100)))
                    (return_call_indirect (type $f) (i64.const 100) (i32.const 0)))
                    (return_call $ask (i64.const 100)))
                (return (call $ask (i64.const 100)))))
        (i64.add (local.get $n) (call $deep (i64.sub (local.get $n) (i64.const 1)) (local.get $how)))))"#;

/// What the ways make of the host's result `r`: `r * factor + summand`.
const WAYS: [(i64, i64); 7] = [(2, 0), (1, 0), (1, 1), (1, 0), (1, 1), (1, 0), (1, 0)];

type Deep = TypedFunc<(i64, i32), i64>;

fn link<T: 'static>(store: &mut Store<T>, linker: &mut Linker<T>) -> (Deep, Instance, Instance) {
    let engine = store.engine().clone();
    let lib = linker.instantiate(&mut *store, &load(&engine, LIB)).unwrap();
    linker.instance(&mut *store, "lib", lib).unwrap();
    let main = linker.instantiate(&mut *store, &load(&engine, MAIN)).unwrap();
    (main.get_typed_func(&*store, "deep").unwrap(), lib, main)
}

fn sum(n: i64) -> i64 {
    n * (n + 1) / 2
}

#[test]
fn host_functions_suspend_deep_in_recursion_and_across_instances() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 5).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        give_plenty(&mut store);
        for (how, (factor, summand)) in WAYS.into_iter().enumerate() {
            for n in [0, 1, 2, 100, 5_000] {
                let call = deep.call_resumable(&mut store, (n, how as i32)).unwrap();
                let TypedResumableCall::Suspended(call) = call else { panic!("{how}, {n}") };
                assert!(matches!(call.reason(), SuspendReason::HostRequest));
                assert_eq!(call.tag(&store), Some(5));
                assert_eq!(call.host_arg(&store, 0).unwrap().i64(), Some(100));
                assert!(call.host_arg(&store, 1).is_none());
                assert_eq!(call.required_fuel(), None);
                assert!(call.host_error().is_none());
                let frames = call.backtrace(&store).frames().len();
                // A tail call leaves no frame; at most 64 are shown.
                let tail = matches!(how, 3 | 5) as i64;
                let extra = matches!(how, 0 | 2) as i64;
                assert_eq!(frames as i64, (n + 1 + extra - tail).min(64), "{how}, {n}");
                let call = call.resume_with(&mut store, &[Val::I64(1_000)]).unwrap();
                let TypedResumableCall::Finished(result) = call else { panic!("{how}, {n}") };
                assert_eq!(result, sum(n) + 1_000 * factor + summand, "{how}, {n}");
            }
        }
    }
}

#[test]
fn fuel_runs_out_at_every_point() {
    for engine in fuel_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "ask", |n: i64| n * 10).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        for (how, (factor, summand)) in WAYS.into_iter().enumerate() {
            let params = (7, how as i32);
            let expected = sum(7) + 1_000 * factor + summand;
            store.set_fuel(1 << 40).unwrap();
            assert_eq!(deep.call(&mut store, params).unwrap(), expected);
            let total = (1 << 40) - store.get_fuel().unwrap();
            assert!(total > 50);
            for first in 0..=total + 1 {
                store.set_fuel(first).unwrap();
                let mut call = deep.call_resumable(&mut store, params).unwrap();
                if let TypedResumableCall::Suspended(suspended) = call {
                    assert!(first < total);
                    let left = store.get_fuel().unwrap();
                    let required = suspended.required_fuel().unwrap();
                    assert!(left < required);
                    // Too little changes nothing.
                    store.set_fuel(required - 1).unwrap();
                    let again = suspended.resume(&mut store).unwrap();
                    let TypedResumableCall::Suspended(suspended) = again else { panic!() };
                    assert_eq!(suspended.required_fuel(), Some(required));
                    assert_eq!(store.get_fuel().unwrap(), required - 1);
                    // What it still needs, exactly.
                    store.set_fuel(total - first + left).unwrap();
                    call = suspended.resume(&mut store).unwrap();
                } else {
                    assert!(first >= total);
                    store.set_fuel(first - total).unwrap();
                }
                let TypedResumableCall::Finished(result) = call else { panic!("{how}, {first}: {call:?}") };
                assert_eq!(result, expected);
                assert_eq!(store.get_fuel().unwrap(), first.saturating_sub(total));
            }
        }
    }
}

#[test]
fn bulk_operators_run_out_of_fuel_and_go_on() {
    const BULK: &str = r#"(module
        (memory (export "memory") 1 40)
        (table (export "table") 100 1000 funcref)
        (data $data "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz")
        (elem $elem func $run $run $run $run $run $run $run $run $run $run)
        (func $run (export "run") (param $n i32) (result i32)
            (local $i i32)
            (loop $again
                (memory.fill (i32.const 64) (local.get $i) (i32.const 1000))
                (memory.copy (i32.const 5000) (i32.const 64) (i32.const 300))
                (memory.init $data (i32.const 9000) (i32.const 1) (i32.const 70))
                (drop (memory.grow (i32.const 1)))
                (drop (memory.grow (i32.const 1000)))
                (table.fill (i32.const 3) (ref.func $run) (i32.const 20))
                (table.copy (i32.const 40) (i32.const 3) (i32.const 20))
                (table.init $elem (i32.const 70) (i32.const 0) (i32.const 9))
                (drop (table.grow (ref.null func) (i32.const 17)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
            (i32.add (i32.load8_u (i32.const 5005)) (i32.mul (memory.size) (i32.const 1000)))))"#;
    for engine in fuel_engines() {
        let module = load(&engine, BULK);
        let run = |extra: Option<u64>| {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
            let Some(extra) = extra else {
                store.set_fuel(1 << 40).unwrap();
                let result = run.call(&mut store, 5).unwrap();
                return (result, (1 << 40) - store.get_fuel().unwrap());
            };
            let mut given = 0;
            let mut call = run.call_resumable(&mut store, 5).unwrap();
            loop {
                match call {
                    TypedResumableCall::Finished(result) => {
                        return (result, given - store.get_fuel().unwrap());
                    }
                    TypedResumableCall::Suspended(suspended) => {
                        let left = store.get_fuel().unwrap();
                        assert!(!suspended.backtrace(&store).frames().is_empty());
                        let fuel = suspended.required_fuel().unwrap() + extra;
                        given += fuel - left;
                        store.set_fuel(fuel).unwrap();
                        call = suspended.resume(&mut store).unwrap();
                    }
                }
            }
        };
        let (result, total) = run(None);
        assert_eq!(result, 6_004);
        for extra in 0..60 {
            assert_eq!(run(Some(extra)), (result, total), "{extra}");
        }
    }
}

#[test]
fn calls_nest_and_suspend_on_their_own() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, Vec::<SuspendedCall>::new());
        let mut linker = Linker::new(&engine);
        // Calls back; if the inner call is suspended, it is kept and this one is suspended, too.
        linker
            .func_wrap("host", "nest", |mut caller: Caller<'_, Vec<_>>, n: i64| -> Result<i64, Error> {
                if n == 0 {
                    return Err(Error::suspend());
                }
                let run = caller.get_export("run").and_then(Extern::into_func).unwrap();
                let mut results = [Val::I64(0)];
                match run.call_resumable(&mut caller, &[Val::I64(n - 1)], &mut results)? {
                    ResumableCall::Finished => Ok(results[0].i64().unwrap()),
                    ResumableCall::Suspended(call) => {
                        caller.data_mut().push(call);
                        Err(Error::suspend())
                    }
                }
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module (import "host" "nest" (func $nest (param i64) (result i64)))
                (func $run (export "run") (param i64) (result i64)
                    (i64.add (i64.mul (call $nest (local.get 0)) (i64.const 10)) (local.get 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_func(&store, "run").unwrap();
        give_plenty(&mut store);
        let run_of = |n: i64, nest: i64| nest.wrapping_mul(10).wrapping_add(n);
        for (n, backwards) in [(1, false), (3, false), (3, true), (90, false), (90, true)] {
            let mut results = [Val::I64(0)];
            let outermost = suspended(run.call_resumable(&mut store, &[Val::I64(n)], &mut results));
            let mut calls: Vec<(i64, SuspendedCall)> = (0..).zip(std::mem::take(store.data_mut())).collect();
            calls.push((n, outermost));
            assert_eq!(calls.len() as i64, n + 1);
            if backwards {
                calls.reverse();
            }
            let mut value = 7;
            for (n, call) in calls {
                assert_eq!(call.host_arg(&store, 0).unwrap().i64(), Some(n));
                finished(call.resume_with(&mut store, &[Val::I64(value)], &mut results));
                assert_eq!(results[0].i64(), Some(run_of(n, value)));
                value = run_of(n, value);
            }
        }
        // Deeper than calls may nest.
        let call = run.call_resumable(&mut store, &[Val::I64(200)], &mut [Val::I64(0)]);
        assert!(matches!(suspended(call).reason(), SuspendReason::HostRequest));
        let innermost = store.data_mut().remove(0);
        assert_eq!(innermost.host_error().and_then(Error::as_trap_code), Some(TrapCode::StackOverflow));
        assert_eq!(store.data().len(), 98);
    }
}

#[test]
fn calls_go_on_in_other_threads() {
    for engine in fuel_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        store.set_fuel(0).unwrap();
        let mut call = deep.call_resumable(&mut store, (30, 2)).unwrap();
        let mut hops = 0;
        let result = loop {
            let suspended = match call {
                TypedResumableCall::Finished(result) => break result,
                TypedResumableCall::Suspended(suspended) => suspended,
            };
            hops += 1;
            // Both move there and come back.
            (store, call) = thread::spawn(move || {
                let call = match suspended.required_fuel() {
                    Some(required) => {
                        store.set_fuel(required + 20).unwrap();
                        suspended.resume(&mut store)
                    }
                    None => suspended.resume_with(&mut store, &[Val::I64(11)]),
                };
                let call = call.unwrap();
                (store, call)
            })
            .join()
            .unwrap();
        };
        assert_eq!(result, sum(30) + 12);
        assert!(hops > 10);
    }
}

#[test]
fn calls_go_on_in_host_functions() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, Vec::<SuspendedCall>::new());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
        // Resumes the call that was suspended last.
        linker
            .func_wrap("host", "resume", |mut caller: Caller<'_, Vec<_>>, n: i64| -> Result<i64, Error> {
                let Some(call) = caller.data_mut().pop() else { return Ok(n) };
                let call: SuspendedCall = call;
                let mut results = [Val::I64(0)];
                finished(call.resume_with(&mut caller, &[Val::I64(n)], &mut results));
                Ok(results[0].i64().unwrap())
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module
                (import "host" "ask" (func $ask (param i64) (result i64)))
                (import "host" "resume" (func $resume (param i64) (result i64)))
                (func $deep (param i32) (param i64) (result i64)
                    (if (result i64) (local.get 0)
                        (then (i64.add (call $deep (i32.sub (local.get 0) (i32.const 1)) (local.get 1)) (i64.const 1)))
                        (else (local.get 1))))
                (func (export "wait") (param i64) (result i64)
                    ;; 1 is added before, and what the next suspended call makes of it.
                    (call $resume (i64.add (call $ask (local.get 0)) (i64.const 1))))
                (func (export "go") (param i64) (result i64)
                    (call $deep (i32.const 500) (call $resume (local.get 0)))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let [wait, go] = ["wait", "go"].map(|name| instance.get_func(&store, name).unwrap());
        give_plenty(&mut store);
        let mut results = [Val::I64(0)];
        for calls in [1, 2, 20, 60] {
            for n in 0..calls {
                let call = suspended(wait.call_resumable(&mut store, &[Val::I64(n)], &mut results));
                store.data_mut().push(call);
            }
            // One host function resumes a call in which another resumes the next, and so on.
            go.call(&mut store, &[Val::I64(1_000)], &mut results).unwrap();
            assert_eq!(results[0].i64(), Some(1_000 + calls + 500));
            assert!(store.data().is_empty());
        }
        // More than may nest: the call that cannot go on ends, and with it all that wait for it.
        for n in 0..200 {
            let call = suspended(wait.call_resumable(&mut store, &[Val::I64(n)], &mut results));
            store.data_mut().push(call);
        }
        let failing =
            catch_unwind(AssertUnwindSafe(|| go.call(&mut store, &[Val::I64(0)], &mut [Val::I64(0)])));
        assert!(failing.is_err(), "`finished` panics in the innermost host function");
        let left = store.data().len();
        assert!((95..=101).contains(&left), "{left}");
        store.data_mut().clear();
        go.call(&mut store, &[Val::I64(1)], &mut results).unwrap();
        assert_eq!(results[0].i64(), Some(501));
    }
}

#[test]
fn everything_may_change_meanwhile() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("", "ask", FuncType::new([], []), 0).unwrap();
        let module = load(
            &engine,
            r#"(module
                (import "" "ask" (func $ask))
                (memory (export "memory") 1 1000)
                (global $g (export "g") (mut i64) (i64.const 1))
                (table (export "table") 1 100 funcref)
                (type $f (func (result i64)))
                (elem declare func $two)
                (func (export "one") (type $f) (i64.const 1))
                (func $two (export "two") (type $f) (i64.const 2))
                (func (export "run") (result i64 i64 i64 i64 i64 i64)
                    (local $g i64)
                    (local.set $g (global.get $g))
                    (i64.store (i32.const 8) (i64.const 5))
                    (table.set (i32.const 0) (ref.func $two))
                    (call $ask)
                    (i64.load (i32.const 8))
                    (i64.load (i32.const 0x500000))
                    (i64.extend_i32_u (memory.size))
                    (i64.add (global.get $g) (local.get $g))
                    (i64.extend_i32_u (table.size))
                    (call_indirect (type $f) (i32.const 0))
                    ;; Stores go to where the memory is now.
                    (i64.store (i32.const 16) (i64.const 77)))
                (func (export "spin") (result i64)
                    ;; Until somebody writes; in a loop that keeps everything in registers.
                    (loop $again
                        (br_if $again (i64.eqz (i64.load (i32.const 24)))))
                    (i64.add (i64.load (i32.const 24)) (i64.load (i32.const 0x900000)))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        let table = instance.get_table(&store, "table").unwrap();
        let global = instance.get_global(&store, "g").unwrap();
        let [run, one] = ["run", "one"].map(|name| instance.get_func(&store, name).unwrap());
        give_plenty(&mut store);
        let mut results = vec![Val::I32(0); 6];
        let call = suspended(run.call_resumable(&mut store, &[], &mut results));
        let before = memory.data_ptr(&store);
        assert_eq!(memory.data(&store)[8], 5);
        let mut blockers = vec![];
        while memory.data_ptr(&store) == before || memory.size(&store) < 100 {
            memory.grow(&mut store, 40).unwrap();
            blockers.push(vec![1u8; 4 << 20]);
        }
        memory.write(&mut store, 8, &6u64.to_le_bytes()).unwrap();
        memory.write(&mut store, 0x50_0000, &9u64.to_le_bytes()).unwrap();
        global.set(&mut store, Val::I64(100)).unwrap();
        table.grow(&mut store, 50, Ref::null(rotifer::RefType::FUNCREF)).unwrap();
        table.set(&mut store, 0, Ref::from(one)).unwrap();
        finished(call.resume(&mut store, &mut results));
        let results: Vec<i64> = results.iter().map(|result| result.i64().unwrap()).collect();
        assert_eq!(results, [6, 9, memory.size(&store) as i64, 101, 51, 1]);
        assert_eq!(memory.data(&store)[16], 77);

        // The same where fuel runs out.
        if store.get_fuel().is_err() {
            continue;
        }
        let spin = instance.get_typed_func::<(), i64>(&store, "spin").unwrap();
        store.set_fuel(10_000).unwrap();
        let TypedResumableCall::Suspended(call) = spin.call_resumable(&mut store, ()).unwrap() else {
            panic!()
        };
        store.set_fuel(10_000).unwrap();
        let TypedResumableCall::Suspended(call) = call.resume(&mut store).unwrap() else { panic!() };
        let before = memory.data_ptr(&store);
        while memory.data_ptr(&store) == before || memory.size(&store) < 200 {
            memory.grow(&mut store, 60).unwrap();
            blockers.push(vec![1u8; 8 << 20]);
        }
        memory.write(&mut store, 24, &30u64.to_le_bytes()).unwrap();
        memory.write(&mut store, 0x90_0000, &12u64.to_le_bytes()).unwrap();
        store.set_fuel(100).unwrap();
        let TypedResumableCall::Finished(result) = call.resume(&mut store).unwrap() else { panic!() };
        assert_eq!(result, 42);
    }
}

#[test]
fn other_calls_are_made_meanwhile() {
    for engine in fuel_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        // Hundreds of calls that are stopped and go on in turn.
        let mut calls = vec![];
        for n in 0..300 {
            store.set_fuel(n as u64 % 50).unwrap();
            calls.push((n, deep.call_resumable(&mut store, (n, n as i32 % 7)).unwrap()));
        }
        let mut turn = 0;
        while !calls.is_empty() {
            turn += 1;
            let mut next = vec![];
            for (n, call) in calls {
                match call {
                    TypedResumableCall::Finished(result) => {
                        let (factor, summand) = WAYS[n as usize % 7];
                        assert_eq!(result, sum(n) + n * 3 * factor + summand);
                    }
                    TypedResumableCall::Suspended(call) => {
                        let call = match call.required_fuel() {
                            Some(required) => {
                                store.set_fuel(required + turn * 40).unwrap();
                                call.resume(&mut store)
                            }
                            None => call.resume_with(&mut store, &[Val::I64(n * 3)]),
                        };
                        next.push((n, call.unwrap()));
                    }
                }
            }
            calls = next;
        }
        assert!(turn > 5);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let ty = FuncType::new([ValType::I32], [ValType::I64, ValType::FUNCREF]);
        linker.func_suspend("", "ask", ty, 3).unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "ask" (func $ask (param i32) (result i64 funcref)))
                (func (export "run") (result i64 funcref) (call $ask (i32.const 1))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_func(&store, "run").unwrap();
        let mut other = Store::new(&engine, ());
        let foreign = Func::wrap(&mut other, || ());
        give_plenty(&mut store);
        give_plenty(&mut other);
        let null = || Val::FuncRef(Nullable::Null);
        let mut results = vec![Val::I32(0); 2];
        let call = |store: &mut Store<()>| suspended(run.call_resumable(store, &[], &mut [null(), null()]));

        let error = call(&mut store).resume(&mut other, &mut results).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WrongStore), "{error}");
        let error =
            call(&mut store).resume_with(&mut other, &[Val::I64(1), null()], &mut results).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WrongStore), "{error}");
        let reference = Val::FuncRef(Nullable::Val(foreign));
        let error =
            call(&mut store).resume_with(&mut store, &[Val::I64(1), reference], &mut results).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WrongStore), "{error}");
        for (given, outputs, message) in [
            (vec![], 2, "the function has 2 results, but 0 were given"),
            (vec![Val::I64(1)], 2, "the function has 2 results, but 1 were given"),
            (vec![Val::I64(1), null(), null()], 2, "the function has 2 results, but 3 were given"),
            (vec![Val::I32(1), null()], 2, "result 0 has type i64, but the value given has type i32"),
            (
                vec![Val::F64(F64::from(1.0)), null()],
                2,
                "result 0 has type i64, but the value given has type f64",
            ),
            (vec![Val::I64(1), null()], 1, "the function has 2 results, but 1 were given"),
            (vec![Val::I64(1), null()], 3, "the function has 2 results, but 3 were given"),
        ] {
            let mut outputs = vec![Val::I32(0); outputs];
            let error = call(&mut store).resume_with(&mut store, &given, &mut outputs).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Signature(_)), "{error}");
            assert_eq!(error.to_string(), message);
        }
        let looks: [fn(&SuspendedCall, &Store<()>); 4] = [
            |call, store| assert!(call.tag(store).is_some()),
            |call, store| assert!(call.host_arg(store, 0).is_some()),
            |call, store| assert_eq!(call.host_args(store).count(), 1),
            |call, store| assert_eq!(call.backtrace(store).frames().len(), 1),
        ];
        let suspended = call(&mut store);
        for look in looks {
            assert!(catch_unwind(AssertUnwindSafe(|| look(&suspended, &other))).is_err());
            look(&suspended, &store);
        }
        // Wrong arguments of the call itself.
        assert!(run.call_resumable(&mut store, &[Val::I32(0)], &mut results).is_err());
        assert!(run.call_resumable(&mut store, &[], &mut []).is_err());
        assert!(run.call_resumable(&mut other, &[], &mut results).is_err());
        // And after all that it still works.
        finished(suspended.resume_with(&mut store, &[Val::I64(4), Val::from(run)], &mut results));
        assert_eq!(results[0].i64(), Some(4));

        // What runs out of fuel takes no results.
        if store.set_fuel(0).is_ok() {
            let call = call(&mut store);
            assert!(matches!(call.reason(), SuspendReason::OutOfFuel { .. }));
            assert!(call.host_func().is_none() && call.tag(&store).is_none());
            assert!(call.host_arg(&store, 0).is_none());
            assert_eq!(call.host_args(&store).count(), 0);
            give_plenty(&mut store);
            let error = call.resume_with(&mut store, &[Val::I64(1)], &mut results).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Signature(_)), "{error}");
        }
    }
}

#[test]
fn calls_outlive_their_store() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        give_plenty(&mut store);
        let TypedResumableCall::Suspended(call) = deep.call_resumable(&mut store, (3, 0)).unwrap() else {
            panic!()
        };
        drop((store, linker));
        let call = call.into_untyped();
        assert!(matches!(call.reason(), SuspendReason::HostRequest));
        assert!(format!("{call:?}").contains("HostRequest"));
        let mut other = Store::new(&engine, ());
        let error = call.resume_with(&mut other, &[Val::I64(0)], &mut [Val::I64(0)]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::WrongStore));
    }
}

#[test]
fn errors_of_host_functions_suspend() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let fail = |n: i64| -> Result<i64, Error> { Err(Error::i32_exit(n as i32)) };
        linker.func_wrap("host", "ask", fail).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        give_plenty(&mut store);
        for (how, (factor, summand)) in WAYS.into_iter().enumerate() {
            let mut call = || {
                let call = deep.call_resumable(&mut store, (20, how as i32)).unwrap();
                let TypedResumableCall::Suspended(call) = call else { panic!() };
                assert_eq!(call.host_error().and_then(Error::i32_exit_status), Some(100));
                assert!(matches!(call.reason(), SuspendReason::HostError(_)));
                assert_eq!(call.tag(&store), None);
                call
            };
            let [one, two] = [call(), call()];
            assert_eq!(one.into_error().i32_exit_status(), Some(100));
            // The error is replaced by a result.
            let call = two.resume_with(&mut store, &[Val::I64(6)]).unwrap();
            let TypedResumableCall::Finished(result) = call else { panic!() };
            assert_eq!(result, sum(20) + 6 * factor + summand);
            let error = deep.call(&mut store, (20, how as i32)).unwrap_err();
            assert_eq!(error.i32_exit_status(), Some(100));
        }
    }
}

#[test]
fn what_cannot_be_suspended_fails() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", FuncType::new([], []), 0).unwrap();
        let module = load(
            &engine,
            r#"(module (import "host" "ask" (func $ask)) (export "ask" (func $ask))
                (func (export "run") (call $ask)))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        give_plenty(&mut store);
        for name in ["run", "ask"] {
            let func = instance.get_func(&store, name).unwrap();
            let error = func.call(&mut store, &[], &mut []).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Suspend), "{error}");
        }
        // A host function that the embedder calls itself.
        let ask = instance.get_func(&store, "ask").unwrap();
        let error = ask.call_resumable(&mut store, &[], &mut []).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Suspend), "{error}");
        let start = load(&engine, r#"(module (import "host" "ask" (func $ask)) (start $ask))"#);
        let error = linker.instantiate(&mut store, &start).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Suspend), "{error}");
        let start = load(&engine, r#"(module (func $f (loop $l (br $l))) (start $f))"#);
        if store.set_fuel(1_000).is_ok() {
            let error = linker.instantiate(&mut store, &start).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::OutOfFuel));
            assert_eq!(error.required_fuel(), Some(1));
        }
    }
}

#[test]
fn traps_are_the_same_after_suspension() {
    const TRAPS: &str = r#"(module
        (import "" "ask" (func $ask (result i32)))
        (memory 1) (table 2 funcref)
        (global $depth (export "depth") (mut i32) (i32.const 0))
        (func (export "divide") (result i32) (i32.div_s (i32.const 5) (call $ask)))
        (func (export "load") (result i32) (i32.load offset=65530 (i32.mul (i32.const 10) (i32.add (i32.const 1) (call $ask)))))
        (func (export "call") (result i32) (call_indirect (result i32) (call $ask)))
        (func (export "unreachable") (result i32) (drop (call $ask)) (i32.add (i32.const 1) (unreachable)))
        (func $down (result i32)
            (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
            (i32.add (call $down) (i32.const 1)))
        (func (export "recurse") (result i32) (i32.add (call $ask) (call $down))))"#;
    for engine in all_engines() {
        let run = |name: &str, step: Option<u64>| {
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new(&engine);
            linker
                .func_wrap("", "ask", move || if step.is_some() { Err(Error::suspend()) } else { Ok(0) })
                .unwrap();
            let instance = linker.instantiate(&mut store, &load(&engine, TRAPS)).unwrap();
            let func = instance.get_func(&store, name).unwrap();
            let mut given = 1 << 40;
            let counts_fuel = store.set_fuel(given).is_ok();
            let mut results = [Val::I32(0)];
            let error = if let Some(step) = step {
                given = 0;
                let _ = store.set_fuel(0);
                let mut call = func.call_resumable(&mut store, &[], &mut results);
                while let Ok(ResumableCall::Suspended(suspended)) = call {
                    call = match suspended.required_fuel() {
                        Some(required) => {
                            let left = store.get_fuel().unwrap();
                            given += required + step - left;
                            store.set_fuel(required + step).unwrap();
                            suspended.resume(&mut store, &mut results)
                        }
                        None => suspended.resume_with(&mut store, &[Val::I32(0)], &mut results),
                    };
                }
                call.unwrap_err()
            } else {
                func.call(&mut store, &[], &mut results).unwrap_err()
            };
            let spent = if counts_fuel { given - store.get_fuel().unwrap() } else { 0 };
            let depth = instance.get_global(&store, "depth").unwrap().get(&store).i32();
            (error.as_trap_code(), format!("{}", error.backtrace()), spent, depth)
        };
        for name in ["divide", "load", "call", "unreachable", "recurse"] {
            let expected = run(name, None);
            assert!(expected.0.is_some(), "{name}");
            for step in [0, 1, 7, 1_000] {
                assert_eq!(run(name, Some(step)), expected, "{name}, {step}");
            }
        }
    }
}

#[test]
fn panics_leave_suspended_calls_alone() {
    for engine in fuel_engines() {
        let mut store = Store::new(&engine, None);
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("host", "ask", |mut caller: Caller<'_, Option<u64>>, n: i64| -> Result<i64, Error> {
                let fuel = caller.get_fuel()?;
                if caller.data_mut().replace(fuel).is_none() {
                    return Err(Error::suspend());
                }
                if fuel % 2 == 0 { panic!("host panic {n}") } else { Ok(n) }
            })
            .unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        for (how, (factor, summand)) in WAYS.into_iter().enumerate() {
            let params = (40, how as i32);
            store.set_fuel(1_000_000).unwrap();
            *store.data_mut() = None;
            let TypedResumableCall::Suspended(waiting) = deep.call_resumable(&mut store, params).unwrap()
            else {
                panic!()
            };
            let spent = 1_000_000 - store.get_fuel().unwrap();
            for _ in 0..20 {
                // In a call, in a call that can be suspended, and in one that was.
                let even = 1_000_000 + spent % 2;
                store.set_fuel(even).unwrap();
                assert!(catch_unwind(AssertUnwindSafe(|| deep.call(&mut store, params))).is_err());
                assert_eq!(store.get_fuel().unwrap(), even - spent);
                assert_eq!(*store.data(), Some(even - spent));
                store.set_fuel(even).unwrap();
                let call = catch_unwind(AssertUnwindSafe(|| deep.call_resumable(&mut store, params)));
                assert!(call.is_err());
                assert_eq!(store.get_fuel().unwrap(), even - spent);
                store.set_fuel(5).unwrap();
                let TypedResumableCall::Suspended(call) = deep.call_resumable(&mut store, params).unwrap()
                else {
                    panic!()
                };
                let missing = 5 - store.get_fuel().unwrap();
                store.set_fuel(even - missing).unwrap();
                assert!(catch_unwind(AssertUnwindSafe(|| call.resume(&mut store))).is_err());
                assert_eq!(store.get_fuel().unwrap(), even - spent);
                // And without a panic.
                store.set_fuel(even + 1).unwrap();
                assert_eq!(deep.call(&mut store, params).unwrap(), sum(40) + 100 * factor + summand);
            }
            let call = waiting.resume_with(&mut store, &[Val::I64(3)]).unwrap();
            let TypedResumableCall::Finished(result) = call else { panic!() };
            assert_eq!(result, sum(40) + 3 * factor + summand);
        }
    }
}

#[test]
fn the_native_stack_does_not_grow_with_the_guest() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        give_plenty(&mut store);
        // Translates everything.
        for how in 0..7 {
            drop(deep.call_resumable(&mut store, (1, how)).unwrap());
        }
        let (mut store, results) = thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || {
                let mut results = vec![];
                for how in 0..7 {
                    let counts_fuel = store.set_fuel(0).is_ok();
                    let mut call = deep.call_resumable(&mut store, (9_900, how)).unwrap();
                    loop {
                        match call {
                            TypedResumableCall::Finished(result) => break results.push(result),
                            TypedResumableCall::Suspended(suspended) => {
                                call = match suspended.required_fuel() {
                                    Some(required) => {
                                        assert!(counts_fuel);
                                        store.set_fuel(required + 100).unwrap();
                                        suspended.resume(&mut store).unwrap()
                                    }
                                    None => suspended.resume_with(&mut store, &[Val::I64(0)]).unwrap(),
                                }
                            }
                        }
                    }
                }
                (store, results)
            })
            .unwrap()
            .join()
            .unwrap();
        let expected: Vec<i64> = WAYS.iter().map(|(_, summand)| sum(9_900) + summand).collect();
        assert_eq!(results, expected);
        // Too deep.
        give_plenty(&mut store);
        let error = deep.call_resumable(&mut store, (10_001, 0)).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::StackOverflow));
    }
}

#[test]
fn dropped_calls_leave_nothing_behind() {
    for engine in fuel_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
        let (deep, ..) = link(&mut store, &mut linker);
        let run = |store: &mut Store<()>, stops: usize| {
            store.set_fuel(0).unwrap();
            let mut call = deep.call_resumable(&mut *store, (20, 2)).unwrap();
            for _ in 0..stops {
                let suspended = match call {
                    TypedResumableCall::Finished(result) => return Some(result),
                    TypedResumableCall::Suspended(suspended) => suspended,
                };
                call = match suspended.required_fuel() {
                    Some(required) => {
                        store.set_fuel(required).unwrap();
                        suspended.resume(&mut *store).unwrap()
                    }
                    None => suspended.resume_with(&mut *store, &[Val::I64(0)]).unwrap(),
                };
            }
            None
        };
        let all = (0..).find(|stops| run(&mut store, *stops).is_some()).unwrap();
        assert!(all > 60, "{all}");
        assert_eq!(run(&mut store, all), Some(sum(20) + 1));
    }
}

#[test]
fn all_types_come_back_from_host_functions() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let types = [
            ValType::F64,
            ValType::I32,
            ValType::F32,
            ValType::I64,
            ValType::FUNCREF,
            ValType::EXTERNREF,
            ValType::F64,
        ];
        linker.func_suspend("", "ask", FuncType::new(types, types), 0).unwrap();
        let module = load(
            &engine,
            r#"(module
                (type $f (func (param f64 i32 f32 i64 funcref externref f64) (result f64 i32 f32 i64 funcref externref f64)))
                (import "" "ask" (func $ask (type $f)))
                (func (export "call") (type $f)
                    (call $ask (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)))
                (func (export "tail") (type $f)
                    (return_call $ask (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6)))
                (func (export "first") (param f64 i32 f32 i64 funcref externref f64) (result f64)
                    (call $ask (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6))
                    (drop) (drop) (drop) (drop) (drop) (drop)
                    (f64.add (f64.const 0.25))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        give_plenty(&mut store);
        let object = rotifer::ExternRef::new(&mut store, 17u8);
        let func = instance.get_func(&store, "first").unwrap();
        let values = |float: f64| {
            [
                Val::F64(F64::from(float)),
                Val::I32(-1),
                Val::F32(rotifer::F32::from_bits(0x7FA0_0001)),
                Val::I64(i64::MIN),
                Val::FuncRef(Nullable::Val(func)),
                Val::ExternRef(Nullable::Val(object)),
                Val::F64(F64::from(-0.0)),
            ]
        };
        let show = |values: &[Val]| format!("{values:?}");
        for name in ["call", "tail"] {
            let func = instance.get_func(&store, name).unwrap();
            let mut results = vec![Val::I32(0); 7];
            let call = suspended(func.call_resumable(&mut store, &values(1.5), &mut results));
            let args: Vec<Val> = call.host_args(&store).collect();
            assert_eq!(show(&args), show(&values(1.5)));
            finished(call.resume_with(&mut store, &values(2.5), &mut results));
            assert_eq!(show(&results), show(&values(2.5)));
        }
        // The first result comes in the accumulator.
        let mut results = vec![Val::I32(0)];
        let call = suspended(func.call_resumable(&mut store, &values(1.5), &mut results));
        finished(call.resume_with(&mut store.as_context_mut(), &values(7.5), &mut results));
        assert_eq!(results[0].f64().map(f64::from), Some(7.75));
    }
}

#[test]
fn limits_hold_for_suspended_calls() {
    for (bytes, depth) in [(1 << 20, 50), (4_000, 10_000)] {
        for engine in engines_with(|config: &mut Config| {
            config.max_stack_size(bytes).max_call_depth(depth).consume_fuel(true);
        }) {
            let mut store = Store::new(&engine, ());
            let mut linker = Linker::new(&engine);
            linker.func_suspend("host", "ask", i64_to_i64(), 0).unwrap();
            let (deep, ..) = link(&mut store, &mut linker);
            let overflows = |store: &mut Store<()>, n: i64, fuel: u64| {
                store.set_fuel(fuel).unwrap();
                let mut call = deep.call_resumable(&mut *store, (n, 6));
                loop {
                    match call {
                        Err(error) => {
                            assert_eq!(error.as_trap_code(), Some(TrapCode::StackOverflow));
                            break true;
                        }
                        Ok(TypedResumableCall::Suspended(suspended)) => match suspended.required_fuel() {
                            Some(required) => {
                                store.set_fuel(required).unwrap();
                                call = suspended.resume(&mut *store);
                            }
                            None => break false,
                        },
                        Ok(TypedResumableCall::Finished(_)) => panic!("it waits for the host"),
                    }
                }
            };
            let deepest = (0..).find(|n| overflows(&mut store, *n, 1 << 30)).unwrap();
            assert!((20..300).contains(&deepest), "{deepest}");
            assert!(overflows(&mut store, deepest, 0));
            assert!(!overflows(&mut store, deepest - 1, 0));
        }
    }
}
