//! Code that is dropped while its module lives: when it is freed, and that nobody notices.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rotifer::{
    Caller, Config, Engine, Error, Instance, Linker, LoadMode, Module, Store, SuspendReason, TrapCode,
    TypedResumableCall,
};

use super::{engines, engines_with, wasm};

/// A chain of functions, each of which calls the next: `f0` with x gives x + 64.
fn chain() -> Vec<u8> {
    let mut text = String::from("(module (import \"host\" \"last\" (func $last (param i32) (result i32)))\n");
    for i in 0..64 {
        let next = if i == 63 { "$last".into() } else { format!("$f{}", i + 1) };
        text += &format!(
            "(func $f{i} (export \"f{i}\") (param i32) (result i32)
               (call {next} (i32.add (local.get 0) (i32.const 1))))\n"
        );
    }
    wasm(&(text + ")"))
}

fn evictable() -> Vec<Engine> {
    engines_with(|config| {
        config.evictable_code(true);
    })
}

/// An instance of the chain whose last function does something.
fn instance<T: 'static>(
    store: &mut Store<T>,
    module: &Module,
    last: impl Fn(Caller<'_, T>, i32) -> Result<i32, Error> + Send + Sync + 'static,
) -> Instance {
    let mut linker = Linker::new(module.engine());
    linker.func_wrap("host", "last", last).unwrap();
    linker.instantiate_and_start(store, module).unwrap()
}

fn identity<T>(_: Caller<'_, T>, x: i32) -> Result<i32, Error> {
    Ok(x)
}

#[test]
fn engines_that_keep_code_say_so() {
    for engine in engines() {
        let module = Module::new(&engine, chain()).unwrap();
        let error = module.evict_code().unwrap_err().to_string();
        assert!(error.contains("evictable_code"), "{error}");
    }
}

#[test]
fn code_that_nobody_runs_is_freed_and_comes_back() {
    for engine in evictable() {
        for mode in [LoadMode::Eager, LoadMode::Checked, LoadMode::Partial] {
            let module = Module::new_with_mode(&engine, chain(), mode).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = instance(&mut store, &module, identity);
            let f0 = instance.get_typed_func::<i32, i32>(&store, "f0").unwrap();
            let before = engine.memory_usage().module_memory;
            assert_eq!(before.functions, if mode == LoadMode::Eager { 64 } else { 0 });
            for _ in 0..3 {
                assert_eq!(f0.call(&mut store, 1).unwrap(), 65);
                let used = module.memory_usage();
                assert_eq!((used.functions, used.evicted), (64, 0));
                assert_eq!(module.evict_code().unwrap(), used.code + used.tables);
                let unused = module.memory_usage();
                assert_eq!((unused.functions, unused.evicted, unused.code, unused.tables), (0, 0, 0, 0));
                let all = engine.memory_usage().module_memory;
                assert_eq!((all.functions, all.code, all.tables), (0, 0, 0));
                assert_eq!(all.metadata, unused.metadata);
            }
            assert_eq!(module.evict_code().unwrap(), 0);
            drop((store, module));
            assert_eq!(engine.memory_usage().total(), 0);
        }
    }
}

#[test]
fn an_invalid_function_stays_invalid() {
    for engine in evictable() {
        let mut bytes = wasm("(module (func (export \"bad\") (result i32) (i32.const 0x5afe)))");
        let at = bytes.windows(4).position(|window| window == [0x41, 0xFE, 0xB5, 0x01]).unwrap();
        bytes[at] = 0x42;
        let module = Module::new_with_mode(&engine, &bytes, LoadMode::Partial).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let bad = instance.get_typed_func::<(), i32>(&store, "bad").unwrap();
        let first = bad.call(&mut store, ()).unwrap_err().to_string();
        assert_eq!(module.evict_code().unwrap(), 0);
        assert_eq!(bad.call(&mut store, ()).unwrap_err().to_string(), first);
    }
}

/// Code is evicted by a host function that 64 functions wait for: none of it is freed before they have returned.
#[test]
fn code_that_is_running_waits() {
    for engine in evictable() {
        let module = Module::new(&engine, chain()).unwrap();
        let mut store = Store::new(&engine, module.clone());
        let instance = instance(&mut store, &module, |caller: Caller<'_, Module>, x| {
            let module = caller.data();
            let before = module.memory_usage();
            assert_eq!(module.evict_code()?, 0);
            let after = module.memory_usage();
            assert_eq!((after.functions, after.evicted), (0, before.code + before.tables));
            assert_eq!((after.code, after.tables), (before.code, before.tables));
            Ok(x)
        });
        let f0 = instance.get_typed_func::<i32, i32>(&store, "f0").unwrap();
        for _ in 0..3 {
            assert_eq!(f0.call(&mut store, 1).unwrap(), 65);
            let waiting = module.memory_usage();
            assert_eq!((waiting.functions, waiting.evicted), (0, waiting.code + waiting.tables));
            assert_eq!(module.evict_code().unwrap(), waiting.evicted);
            assert_eq!(module.code_size(), 0);
        }
    }
}

/// The same from another store: its call does not end before the first one's.
#[test]
fn a_call_of_any_store_keeps_code() {
    for engine in evictable() {
        let module = Module::new(&engine, chain()).unwrap();
        let mut other = Store::new(&engine, ());
        let f60 = instance(&mut other, &module, identity).get_typed_func::<i32, i32>(&other, "f60").unwrap();
        assert_eq!(f60.call(&mut other, 0).unwrap(), 4);
        let other = std::sync::Mutex::new(other);
        let mut store = Store::new(&engine, module.clone());
        let instance = instance(&mut store, &module, move |caller: Caller<'_, Module>, x| {
            let module = caller.data();
            module.evict_code()?;
            let waiting = module.memory_usage().evicted;
            // Translated anew, used, and evicted with the pin of the outer store raised all the time.
            f60.call(&mut *other.lock().unwrap(), 0)?;
            assert_eq!(module.memory_usage().functions, 4);
            module.evict_code()?;
            assert!(module.memory_usage().evicted > waiting);
            Ok(x)
        });
        let f0 = instance.get_typed_func::<i32, i32>(&store, "f0").unwrap();
        assert_eq!(f0.call(&mut store, 1).unwrap(), 65);
        assert!(module.evict_code().unwrap() > 0);
        assert_eq!(module.code_size(), 0);
    }
}

#[test]
fn a_suspended_call_keeps_its_code() {
    for engine in engines_with(|config| {
        config.evictable_code(true).consume_fuel(true);
    }) {
        let module = Module::new(&engine, chain()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = instance(&mut store, &module, identity);
        let f0 = instance.get_typed_func::<i32, i32>(&store, "f0").unwrap();
        let mut plain = Store::new(&engine, ());
        let plain_f0 =
            self::instance(&mut plain, &module, identity).get_typed_func::<i32, i32>(&plain, "f0").unwrap();

        // In steps of little fuel, with all code evicted and translated again for others in between.
        let mut call = f0.call_resumable(&mut store, 1).unwrap();
        let mut stops = 0;
        let result = loop {
            let suspended = match call {
                TypedResumableCall::Finished(result) => break result,
                TypedResumableCall::Suspended(suspended) => suspended,
            };
            stops += 1;
            let SuspendReason::OutOfFuel { required } = suspended.reason() else { panic!("no fuel is left") };
            assert_eq!(module.evict_code().unwrap(), 0, "all of it was there while the call stood");
            plain.set_fuel(1 << 20).unwrap();
            assert_eq!(plain_f0.call(&mut plain, 2).unwrap(), 66);
            let usage = module.memory_usage();
            assert_eq!(usage.functions, 64);
            let trace = suspended.backtrace(&store);
            assert!(
                trace.frames().iter().rev().enumerate().all(|(i, frame)| frame.func_index() == i as u32 + 1),
                "{trace}"
            );
            store.set_fuel(required).unwrap();
            call = suspended.resume(&mut store).unwrap();
        };
        assert_eq!(result, 65);
        assert!(stops >= 64, "{stops}");
        assert!(module.evict_code().unwrap() > 0);
        assert_eq!(module.code_size(), 0);

        // A call that is dropped keeps nothing.
        store.set_fuel(3).unwrap();
        let TypedResumableCall::Suspended(suspended) = f0.call_resumable(&mut store, 1).unwrap() else {
            panic!("there is fuel for one call only")
        };
        module.evict_code().unwrap();
        assert!(module.memory_usage().evicted > 0);
        drop(store);
        drop(suspended);
        assert!(module.evict_code().unwrap() > 0);
        assert_eq!(module.code_size(), 0);
    }
}

/// The offset of a frame is found by walking over the body again, also when the code is gone.
#[test]
fn backtraces_do_not_need_code() {
    for engine in engines_with(|config| {
        config.evictable_code(true).consume_fuel(true);
    }) {
        let traces = [false, true].map(|evict| {
            let module = Module::new(&engine, chain()).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = instance(&mut store, &module, identity);
            let f0 = instance.get_typed_func::<i32, i32>(&store, "f0").unwrap();
            store.set_fuel(40).unwrap();
            let error = f0.call(&mut store, 1).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::OutOfFuel));
            if evict {
                assert!(module.evict_code().unwrap() > 0);
                // Other code may be where it was.
                store.set_fuel(1 << 20).unwrap();
                let f40 = instance.get_typed_func::<i32, i32>(&store, "f40").unwrap();
                f40.call(&mut store, 1).unwrap();
            }
            error.backtrace().to_string()
        });
        assert_eq!(traces[0], traces[1]);
        assert!(traces[0].lines().count() > 5, "{}", traces[0]);
    }
}

#[test]
fn code_stays_within_a_budget() {
    let size = {
        let engine = &evictable()[0];
        let module = Module::new_with_mode(engine, chain(), LoadMode::Eager).unwrap();
        module.code_size()
    };
    for engine in engines_with(|config| {
        config.code_budget(Some(size / 4));
    }) {
        // One call after the other needs few functions each.
        let module = Module::new(&engine, chain()).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = instance(&mut store, &module, identity);
        for i in (0..64).rev().chain(0..64) {
            let f = instance.get_typed_func::<i32, i32>(&store, &format!("f{i}")).unwrap();
            assert_eq!(f.call(&mut store, 1).unwrap(), 65 - i);
        }
        // Two rounds of calls that each need more than the budget: they get it, and what they had goes afterwards.
        let f0 = instance.get_typed_func::<i32, i32>(&store, "f0").unwrap();
        let f63 = instance.get_typed_func::<i32, i32>(&store, "f63").unwrap();
        for _ in 0..4 {
            assert_eq!(f0.call(&mut store, 1).unwrap(), 65);
            assert!(module.code_size() <= 2 * size, "{} of {size}", module.code_size());
            module.evict_code().unwrap();
            assert_eq!(module.code_size(), 0);
            assert_eq!(f63.call(&mut store, 1).unwrap(), 2);
            assert!(module.code_size() <= size / 4);
        }
        // What is translated eagerly is within the budget, too.
        let module = Module::new_with_mode(&engine, chain(), LoadMode::Eager).unwrap();
        assert!(module.code_size() <= size / 4 && module.code_size() > size / 8);
    }
}

/// Four threads call while two evict, with and without a budget that is too small.
#[test]
fn threads_that_call_do_not_notice_threads_that_evict() {
    let budgets = |config: &mut Config| {
        config.evictable_code(true).code_budget(Some(2_000));
    };
    for engine in evictable().into_iter().chain(engines_with(budgets)) {
        let module = Module::new_with_mode(&engine, chain(), LoadMode::Partial).unwrap();
        let done = AtomicBool::new(false);
        let barrier = Barrier::new(6);
        thread::scope(|scope| {
            let callers: Vec<_> = (0..4)
                .map(|thread| {
                    let (engine, module, barrier) = (&engine, &module, &barrier);
                    scope.spawn(move || {
                        barrier.wait();
                        let mut store = Store::new(engine, ());
                        let instance = instance(&mut store, module, identity);
                        for round in 0..400 {
                            let i = (round * 7 + thread * 16) % 64;
                            let f = instance.get_typed_func::<i32, i32>(&store, &format!("f{i}")).unwrap();
                            assert_eq!(f.call(&mut store, round).unwrap(), round + 64 - i);
                        }
                    })
                })
                .collect();
            for _ in 0..2 {
                let (module, done, barrier) = (&module, &done, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    while !done.load(Ordering::Relaxed) {
                        module.evict_code().unwrap();
                        thread::yield_now();
                    }
                });
            }
            let results: Vec<_> = callers.into_iter().map(|caller| caller.join()).collect();
            done.store(true, Ordering::Relaxed);
            results.into_iter().for_each(|result| result.unwrap());
        });
        module.evict_code().unwrap();
        assert_eq!(module.code_size(), 0);
    }
}
