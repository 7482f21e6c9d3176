//! What host functions that take long owe the embedder: looking for interrupts, and paying.

use std::time::{Duration, Instant};

use rotifer::{AsContextMut, Caller, Error, Linker, Store, StoreContextMut, TrapCode};

use super::{engines, engines_with, load};

const WAITING: &str = r#"(module
    (import "host" "wait" (func $wait (param i64)))
    (func (export "run") (param i64) (call $wait (local.get 0))))"#;

#[test]
fn host_functions_look_whether_to_stop() {
    let mut all = engines_with(|config| {
        config.interruptible(true);
    });
    all.extend(engines_with(|config| {
        config.consume_fuel(true);
    }));
    for engine in all {
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("host", "wait", |mut caller: Caller<'_, ()>, most: i64| -> Result<(), Error> {
                let end = Instant::now() + Duration::from_secs(most as u64);
                while Instant::now() < end {
                    caller.check_interrupt()?;
                }
                Ok(())
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let _ = store.set_fuel(1_000);
        let instance = linker.instantiate(&mut store, &load(&engine, WAITING)).unwrap();
        let run = instance.get_typed_func::<i64, ()>(&store, "run").unwrap();
        store.check_interrupt().unwrap();
        store.set_deadline(Some(Instant::now() + Duration::from_millis(20))).unwrap();
        let error = run.call(&mut store, 60).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::DeadlineExceeded));
        assert_eq!(error.backtrace().frames().len(), 1);
        // It stays in the past.
        for _ in 0..2 {
            let error = store.as_context_mut().check_interrupt().unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::DeadlineExceeded));
        }
        store.set_deadline(None).unwrap();
        let handle = store.interrupt_handle().unwrap();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            handle.interrupt();
        });
        let error = run.call(&mut store, 60).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::Interrupted));
        thread.join().unwrap();
        // It has been taken note of.
        store.check_interrupt().unwrap();
        run.call(&mut store, 0).unwrap();
    }
    // Nothing can be pending where nothing can interrupt.
    for engine in engines() {
        Store::new(&engine, ()).check_interrupt().unwrap();
    }
}

#[test]
fn host_functions_pay() {
    for engine in engines_with(|config| {
        config.consume_fuel(true);
    }) {
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("host", "wait", |mut caller: Caller<'_, ()>, cost: i64| -> Result<(), Error> {
                let before = caller.get_fuel()?;
                let left = caller.consume_fuel(cost as u64)?;
                assert_eq!(left, before - cost as u64);
                assert_eq!(caller.get_fuel()?, left);
                Ok(())
            })
            .unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &load(&engine, WAITING)).unwrap();
        let run = instance.get_typed_func::<i64, ()>(&store, "run").unwrap();
        store.set_fuel(100).unwrap();
        run.call(&mut store, 0).unwrap();
        let cost = 100 - store.get_fuel().unwrap();
        store.set_fuel(100).unwrap();
        run.call(&mut store, 50).unwrap();
        assert_eq!(store.get_fuel().unwrap(), 50 - cost);
        // Nothing is taken if it does not suffice.
        let error = run.call(&mut store, 50).unwrap_err();
        assert_eq!((error.as_trap_code(), error.required_fuel()), (Some(TrapCode::OutOfFuel), Some(50)));
        assert_eq!(store.get_fuel().unwrap(), 50 - 2 * cost);
        let mut context: StoreContextMut<'_, ()> = store.as_context_mut();
        assert_eq!(context.consume_fuel(0).unwrap(), 50 - 2 * cost);
        assert_eq!(context.consume_fuel(50 - 2 * cost).unwrap(), 0);
        assert_eq!(store.consume_fuel(1).unwrap_err().required_fuel(), Some(1));
        assert_eq!(store.consume_fuel(u64::MAX).unwrap_err().required_fuel(), Some(u64::MAX));
    }
    for engine in engines() {
        assert!(Store::new(&engine, ()).consume_fuel(0).is_err());
    }
}
