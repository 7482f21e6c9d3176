//! Interrupts and deadlines.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use rotifer::{
    Config, Engine, F64, FuncType, InterruptHandle, Linker, ResumableCall, Store, SuspendReason, TrapCode,
    TypedResumableCall, Val, ValType,
};

use super::{engines, engines_with, load};

/// With each dispatcher: interruptible without fuel, and with fuel.
fn all_engines() -> Vec<Engine> {
    let mut all = engines_with(|config: &mut Config| {
        config.interruptible(true);
    });
    all.extend(engines_with(|config| {
        config.consume_fuel(true);
    }));
    all
}

/// What never ends, in all ways.
const ENDLESS: &str = r#"(module
    (import "" "host" (func $host (param i32) (result i32)))
    (memory (export "memory") 1)
    (global $g (export "g") (mut i32) (i32.const 0))
    (type $f (func))
    (table funcref (elem $indirect))
    (func (export "loop") (loop $again (br $again)))
    (func (export "counting") (local i64)
        (loop $again (br_if $again (i64.ne (local.tee 0 (i64.add (local.get 0) (i64.const 2))) (i64.const 1)))))
    (func (export "table")
        (loop $again (block $out (br_table $again $again $out (i32.and (i32.load (i32.const 0)) (i32.const 1)))) (br $again)))
    (func $tail (export "tail") (return_call $tail))
    (func $indirect (export "indirect") (return_call_indirect (type $f) (i32.const 0)))
    (func $fib (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
            (then (i32.const 1))
            (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
    (func (export "recursion") (drop (call $fib (i32.const 90))))
    (func (export "host") (local i32) (loop $again (local.set 0 (call $host (local.get 0))) (br $again)))
    (func (export "bulk") (loop $again (memory.fill (i32.const 0) (i32.const 0) (i32.const 1000)) (br $again)))
    (func (export "grow") (loop $again (drop (memory.grow (i32.const 0))) (br $again)))
    (func (export "grow table") (loop $again (drop (table.grow (ref.null func) (i32.const 0))) (br $again)))
    (func (export "short") (result i32) (i32.const 5))
    (func (export "long") (param i32) (result i32)
        (loop $again
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (global.get $g)))"#;

const NAMES: [&str; 10] =
    ["loop", "counting", "table", "tail", "indirect", "recursion", "host", "bulk", "grow", "grow table"];

fn endless(engine: &Engine) -> (Store<()>, rotifer::Instance) {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func_wrap("", "host", |n: i32| n.wrapping_add(1)).unwrap();
    let instance = linker.instantiate(&mut store, &load(engine, ENDLESS)).unwrap();
    // Whoever has fuel may run forever.
    let _ = store.set_fuel(u64::MAX);
    (store, instance)
}

/// A thread that interrupts whenever it is asked to, after a while.
fn interrupter(handle: InterruptHandle) -> (mpsc::Sender<()>, thread::JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        while receiver.recv().is_ok() {
            thread::sleep(Duration::from_millis(3));
            handle.interrupt();
        }
    });
    (sender, thread)
}

#[test]
fn other_threads_stop_what_never_ends() {
    for engine in all_engines() {
        let (mut store, instance) = endless(&engine);
        let (ask, thread) = interrupter(store.interrupt_handle().unwrap());
        for name in NAMES {
            let func = instance.get_typed_func::<(), ()>(&store, name).unwrap();
            ask.send(()).unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::Interrupted), "{name}");
            assert!(!error.backtrace().frames().is_empty());
            // Again and again in a call that goes on.
            ask.send(()).unwrap();
            let mut call = func.call_resumable(&mut store, ()).unwrap();
            for _ in 0..3 {
                let TypedResumableCall::Suspended(suspended) = call else { panic!("{name} has ended") };
                assert!(matches!(suspended.reason(), SuspendReason::Interrupted), "{name}");
                assert!(!suspended.backtrace(&store).frames().is_empty());
                ask.send(()).unwrap();
                call = suspended.resume(&mut store).unwrap();
            }
        }
        drop(ask);
        thread.join().unwrap();
        let short = instance.get_typed_func::<(), i32>(&store, "short").unwrap();
        assert_eq!(short.call(&mut store, ()).unwrap(), 5);
    }
}

#[test]
fn deadlines_stop_calls() {
    for engine in all_engines() {
        let (mut store, instance) = endless(&engine);
        for name in NAMES {
            let func = instance.get_typed_func::<(), ()>(&store, name).unwrap();
            let start = Instant::now();
            store.set_deadline(Some(start + Duration::from_millis(4))).unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::DeadlineExceeded), "{name}");
            assert!(start.elapsed() >= Duration::from_millis(4));
            // It has passed: the next call stops soon.
            let TypedResumableCall::Suspended(call) = func.call_resumable(&mut store, ()).unwrap() else {
                panic!("{name} has ended")
            };
            assert!(matches!(call.reason(), SuspendReason::DeadlineExceeded));
            let now = Instant::now();
            store.set_deadline(Some(now + Duration::from_millis(2))).unwrap();
            let TypedResumableCall::Suspended(call) = call.resume(&mut store).unwrap() else {
                panic!("{name} has ended")
            };
            assert!(now.elapsed() >= Duration::from_millis(2));
            let error = call.into_error();
            assert_eq!(error.as_trap_code(), Some(TrapCode::DeadlineExceeded));
        }
        store.set_deadline(None).unwrap();
        let long = instance.get_typed_func::<i32, i32>(&store, "long").unwrap();
        assert_eq!(long.call(&mut store, 500_000).unwrap(), 500_000);
        // One that is far away.
        store.set_deadline(Some(Instant::now() + Duration::from_secs(3_600))).unwrap();
        assert_eq!(long.call(&mut store, 500_000).unwrap(), 1_000_000);
    }
}

#[test]
fn one_interrupt_stops_one_call() {
    for engine in all_engines() {
        let (mut store, instance) = endless(&engine);
        let handle = store.interrupt_handle().unwrap();
        let spin = instance.get_typed_func::<(), ()>(&store, "loop").unwrap();
        let long = instance.get_typed_func::<i32, i32>(&store, "long").unwrap();
        // Several before a call are one.
        handle.interrupt();
        handle.clone().interrupt();
        store.interrupt_handle().unwrap().interrupt();
        let error = spin.call(&mut store, ()).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::Interrupted));
        assert_eq!(long.call(&mut store, 1_000_000).unwrap(), 1_000_000);
        // One that is taken back.
        handle.interrupt();
        handle.clear();
        assert_eq!(long.call(&mut store, 1_000_000).unwrap(), 2_000_000);
        // A call goes on where it was interrupted.
        handle.interrupt();
        let mut call = long.call_resumable(&mut store, 1_000_000).unwrap();
        let mut stops = 0;
        let result = loop {
            match call {
                TypedResumableCall::Finished(result) => break result,
                TypedResumableCall::Suspended(suspended) => {
                    assert!(matches!(suspended.reason(), SuspendReason::Interrupted));
                    stops += 1;
                    // One that comes before the call goes on stops it at once.
                    if stops % 2 == 1 {
                        handle.interrupt();
                    }
                    call = suspended.resume(&mut store).unwrap();
                }
            }
        };
        assert_eq!(result, 3_000_000);
        assert_eq!(stops, 2);
        let g = instance.get_global(&store, "g").unwrap();
        handle.interrupt();
        let TypedResumableCall::Suspended(call) = long.call_resumable(&mut store, 9).unwrap() else {
            panic!()
        };
        assert_eq!(g.get(&store).i32(), Some(3_000_000));
        handle.interrupt();
        let TypedResumableCall::Suspended(call) = call.resume(&mut store).unwrap() else { panic!() };
        assert_eq!(g.get(&store).i32(), Some(3_000_000));
        let TypedResumableCall::Finished(result) = call.resume(&mut store).unwrap() else { panic!() };
        assert_eq!(result, 3_000_009);
        // However short the next call is.
        handle.interrupt();
        let short = instance.get_typed_func::<(), i32>(&store, "short").unwrap();
        let error = short.call(&mut store, ()).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::Interrupted));
        assert_eq!(short.call(&mut store, ()).unwrap(), 5);
        // Handles may outlive stores.
        drop(store);
        handle.interrupt();
    }
}

#[test]
fn interrupts_wait_for_host_functions() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, None::<InterruptHandle>);
        let mut linker = Linker::<Option<InterruptHandle>>::new(&engine);
        let ty = FuncType::new([ValType::F64], [ValType::F64, ValType::I32]);
        linker
            .func_new("", "host", ty, |caller, params, results| {
                caller.data().as_ref().unwrap().interrupt();
                results[0] = Val::F64(F64::from(params[0].f64().map(f64::from).unwrap() + 0.5));
                results[1] = Val::I32(3);
                Ok(())
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "host" (func $host (param f64) (result f64 i32)))
                (func (export "run") (param f64) (result f64)
                    (call $host (local.get 0)) (f64.convert_i32_s) (f64.add))
                (func (export "tail") (param f64) (result f64 i32) (return_call $host (local.get 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let handle = store.interrupt_handle().unwrap();
        *store.data_mut() = Some(handle);
        let _ = store.set_fuel(1_000);
        for (name, first) in [("run", 4.5), ("tail", 1.5)] {
            let func = instance.get_func(&store, name).unwrap();
            let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
            let params = [Val::F64(F64::from(1.0))];
            let error = func.call(&mut store, &params, &mut results).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::Interrupted));
            // The results of the host function are kept.
            let call = func.call_resumable(&mut store, &params, &mut results).unwrap();
            let ResumableCall::Suspended(call) = call else { panic!() };
            assert!(matches!(call.reason(), SuspendReason::Interrupted));
            assert!(call.host_func().is_none());
            let call = call.resume(&mut store, &mut results).unwrap();
            assert!(matches!(call, ResumableCall::Finished));
            assert_eq!(results[0].f64().map(f64::from), Some(first));
        }
    }
}

#[test]
fn interrupts_cost_no_fuel() {
    for engine in engines_with(|config| {
        config.consume_fuel(true);
    }) {
        let (mut store, instance) = endless(&engine);
        let long = instance.get_typed_func::<i32, i32>(&store, "long").unwrap();
        store.set_fuel(1 << 40).unwrap();
        long.call(&mut store, 100_000).unwrap();
        let total = (1 << 40) - store.get_fuel().unwrap();
        let handle = store.interrupt_handle().unwrap();
        for given in [total, total + 5, 1 << 40] {
            store.set_fuel(given).unwrap();
            handle.interrupt();
            let mut call = long.call_resumable(&mut store, 100_000).unwrap();
            let mut stops = 0;
            while let TypedResumableCall::Suspended(suspended) = call {
                assert!(matches!(suspended.reason(), SuspendReason::Interrupted), "{suspended:?}");
                assert_eq!(store.get_fuel().unwrap(), given);
                stops += 1;
                if stops < 5 {
                    handle.interrupt();
                }
                call = suspended.resume(&mut store).unwrap();
            }
            assert_eq!(stops, 5);
            assert_eq!(store.get_fuel().unwrap(), given - total);
        }
        // An interrupt comes first; and then fuel is missing, until an interrupt comes first again.
        for first in (0..1_000).step_by(7) {
            store.set_fuel(first).unwrap();
            handle.interrupt();
            let TypedResumableCall::Suspended(call) = long.call_resumable(&mut store, 100_000).unwrap()
            else {
                panic!()
            };
            assert!(matches!(call.reason(), SuspendReason::Interrupted));
            assert_eq!(store.get_fuel().unwrap(), first);
            let TypedResumableCall::Suspended(call) = call.resume(&mut store).unwrap() else { panic!() };
            let left = store.get_fuel().unwrap();
            assert!(left < call.required_fuel().unwrap());
            handle.interrupt();
            let TypedResumableCall::Suspended(call) = call.resume(&mut store).unwrap() else { panic!() };
            assert!(matches!(call.reason(), SuspendReason::Interrupted));
            store.set_fuel(total - first + left).unwrap();
            let TypedResumableCall::Finished(_) = call.resume(&mut store).unwrap() else { panic!() };
            assert_eq!(store.get_fuel().unwrap(), 0);
        }
    }
}

#[test]
fn what_was_not_switched_on_is_refused() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        assert!(store.interrupt_handle().is_err());
        assert!(store.set_deadline(Some(Instant::now())).is_err());
        let error = store.set_deadline(None).unwrap_err();
        assert!(error.to_string().contains("Config::interruptible"), "{error}");
    }
    // Stores do not share interrupts.
    for engine in all_engines() {
        let (mut one, instance) = endless(&engine);
        let (mut two, _) = endless(&engine);
        two.interrupt_handle().unwrap().interrupt();
        one.interrupt_handle().unwrap();
        let long = instance.get_typed_func::<i32, i32>(&one, "long").unwrap();
        assert_eq!(long.call(&mut one, 1_000_000).unwrap(), 1_000_000);
    }
}
