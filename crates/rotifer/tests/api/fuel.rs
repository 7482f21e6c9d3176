//! Fuel, and calls that stop for lack of it (docs/FUEL.md).

use std::panic::{AssertUnwindSafe, catch_unwind};

use rotifer::{
    AsContext, AsContextMut, Caller, Config, Dispatch, Engine, Error, Extern, Instance, Linker, Module,
    ResourceLimiter, ResumableCall, Store, TrapCode, TypedResumableCall, Val,
};

/// Engines that count fuel, one for each dispatcher.
pub(crate) fn engines() -> impl Iterator<Item = Engine> {
    Dispatch::available().iter().map(|&dispatch| {
        let mut config = Config::default();
        config.dispatch(dispatch).consume_fuel(true);
        Engine::new(&config)
    })
}

fn load(engine: &Engine, wat: &str) -> Module {
    Module::new(engine, wat::parse_str(wat).unwrap()).unwrap()
}

const COUNT: &str = r#"(module
    (func (export "count") (param $n i32) (result i32) (local $i i32)
        (loop $again
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
        (local.get $i)))"#;

#[test]
fn a_loop_costs_what_its_instructions_cost() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, COUNT)).unwrap();
        let count = instance.get_typed_func::<i32, i32>(&store, "count").unwrap();
        // The loop, 8 instructions a round, and one behind it.
        for (n, cost) in [(1, 1 + 8 + 1), (10, 1 + 80 + 1), (1_000, 1 + 8_000 + 1)] {
            store.set_fuel(cost).unwrap();
            assert_eq!(count.call(&mut store, n).unwrap(), n);
            assert_eq!(store.get_fuel().unwrap(), 0);
            store.set_fuel(cost - 1).unwrap();
            let error = count.call(&mut store, n).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::OutOfFuel));
            assert_eq!(error.required_fuel(), Some(1));
            assert_eq!(store.get_fuel().unwrap(), 0);
        }
    }
}

#[test]
fn a_call_goes_on_with_more_fuel() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, COUNT)).unwrap();
        let count = instance.get_typed_func::<i32, i32>(&store, "count").unwrap();
        for extra in [0, 7, 1_000] {
            store.set_fuel(0).unwrap();
            let mut call = count.call_resumable(&mut store, 100).unwrap();
            let mut stops = 0;
            let mut given = 0;
            let result = loop {
                match call {
                    TypedResumableCall::Finished(result) => break result,
                    TypedResumableCall::Suspended(suspended) => {
                        let required = suspended.required_fuel().unwrap();
                        let left = store.get_fuel().unwrap();
                        assert!(left < required);
                        given += required + extra - left;
                        store.set_fuel(required + extra).unwrap();
                        stops += 1;
                        call = suspended.resume(&mut store).unwrap();
                    }
                }
            };
            assert_eq!(result, 100);
            assert_eq!(given - store.get_fuel().unwrap(), 802);
            assert!(extra > 0 || stops == 101, "{stops}");
        }
    }
}

#[test]
fn host_functions_see_exact_fuel() {
    for engine in engines() {
        let mut store = Store::new(&engine, Vec::new());
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("", "f", |mut caller: Caller<'_, Vec<u64>>, n: i32| -> Result<i32, Error> {
                let fuel = caller.get_fuel()?;
                caller.data_mut().push(fuel);
                caller.set_fuel(fuel + 10)?;
                Ok(n + 1)
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "f" (func $f (param i32) (result i32)))
                (func (export "run") (result i32)
                    (i32.add (call $f (i32.const 1)) (call $f (i32.const 2)))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
        store.set_fuel(100).unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 5);
        assert_eq!(*store.data(), [98, 106]);
        assert_eq!(store.get_fuel().unwrap(), 115);
    }
}

#[test]
fn host_functions_suspend_calls() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let ty = rotifer::FuncType::new([rotifer::ValType::I32], [rotifer::ValType::I64]);
        linker.func_suspend("", "ask", ty, 42).unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "ask" (func $ask (param i32) (result i64)))
                (func $deep (param i32) (result i64)
                    (if (result i64) (local.get 0)
                        (then (i64.add (i64.const 1) (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                        (else (call $ask (i32.const 7)))))
                (func (export "run") (param i32) (result i64) (call $deep (local.get 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_func(&store, "run").unwrap();
        store.set_fuel(100_000).unwrap();
        let mut results = [Val::I64(0)];
        let ResumableCall::Suspended(call) =
            run.call_resumable(&mut store, &[Val::I32(50)], &mut results).unwrap()
        else {
            panic!()
        };
        assert_eq!(call.tag(&store), Some(42));
        assert_eq!(call.host_args(&store).map(|arg| arg.i32()).collect::<Vec<_>>(), [Some(7)]);
        assert_eq!(call.backtrace(&store).frames().len(), 52);
        let done = call.resume_with(&mut store, &[Val::I64(1_000)], &mut results).unwrap();
        assert!(matches!(done, ResumableCall::Finished));
        assert_eq!(results[0].i64(), Some(1_050));
    }
}

#[test]
fn fuel_that_is_off_is_an_error() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let message = "fuel is not counted: switch on Config::consume_fuel";
    assert_eq!(store.get_fuel().unwrap_err().to_string(), message);
    assert_eq!(store.set_fuel(1).unwrap_err().to_string(), message);
    assert!(store.as_context().get_fuel().is_err());
    assert!(store.as_context_mut().get_fuel().is_err());
    assert!(store.as_context_mut().set_fuel(1).is_err());
    let host =
        |mut caller: Caller<'_, ()>| assert!(caller.get_fuel().is_err() && caller.set_fuel(1).is_err());
    let func = rotifer::Func::wrap(&mut store, host);
    func.call(&mut store, &[], &mut []).unwrap();
    // On, a store starts with none.
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        assert_eq!(store.get_fuel().unwrap(), 0);
        store.set_fuel(7).unwrap();
        assert_eq!(store.as_context().get_fuel().unwrap(), 7);
        store.as_context_mut().set_fuel(8).unwrap();
        assert_eq!(store.as_context_mut().get_fuel().unwrap(), 8);
    }
}

/// Fuel counts from the largest number down, beyond where a signed one would be negative.
#[test]
fn all_amounts_of_fuel_are_counted() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &load(&engine, COUNT)).unwrap();
        let count = instance.get_typed_func::<i32, i32>(&store, "count").unwrap();
        let i64_max = i64::MAX as u64;
        for handle in [false, true] {
            if handle {
                store.interrupt_handle().unwrap();
            }
            for first in
                [u64::MAX, i64_max + 2, i64_max + 1, i64_max, i64_max - 1, i64_max + 5_000, 1 << 17, 1 << 32]
            {
                store.set_fuel(first).unwrap();
                for round in 1..=3 {
                    assert_eq!(count.call(&mut store, 1_000).unwrap(), 1_000);
                    assert_eq!(store.get_fuel().unwrap(), first - round * 8_002);
                }
            }
        }
    }
}

#[test]
fn fuel_is_exact_in_nested_host_calls() {
    for engine in engines() {
        let mut store = Store::new(&engine, Vec::<u64>::new());
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("", "again", |mut caller: Caller<'_, Vec<u64>>, n: i32| -> Result<i32, Error> {
                let fuel = caller.get_fuel()?;
                caller.data_mut().push(fuel);
                if n == 0 {
                    return Ok(0);
                }
                let run = caller.get_export("run").and_then(Extern::into_func).unwrap();
                // Calls of both kinds, in turn.
                let result = if n % 2 == 0 {
                    run.typed::<i32, i32>(&caller)?.call(&mut caller, n - 1)?
                } else {
                    match run.typed::<i32, i32>(&caller)?.call_resumable(&mut caller, n - 1)? {
                        TypedResumableCall::Finished(result) => result,
                        TypedResumableCall::Suspended(call) => return Err(call.into_error()),
                    }
                };
                let fuel = caller.get_fuel()?;
                caller.data_mut().push(fuel);
                Ok(result + 1)
            })
            .unwrap();
        // 2 before and with the call, 3 behind it.
        let module = load(
            &engine,
            r#"(module (import "" "again" (func $again (param i32) (result i32)))
                (func (export "run") (param i32) (result i32)
                    (call $again (local.get 0)) (drop) (i32.add (i32.const 3) (local.get 0))))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for depth in [0, 1, 5, 40] {
            store.data_mut().clear();
            let cost = (depth as u64 + 1) * 6;
            store.set_fuel(10_000).unwrap();
            assert_eq!(run.call(&mut store, depth).unwrap(), depth + 3);
            assert_eq!(store.get_fuel().unwrap(), 10_000 - cost);
            let down = (0..=depth as u64).map(|n| 10_000 - 2 * (n + 1));
            let up = (0..depth as u64).map(|n| 10_000 - 2 * (depth as u64 + 1) - 4 * (n + 1));
            assert_eq!(*store.data(), down.chain(up).collect::<Vec<_>>());
            // It runs out somewhere inside of it all.
            for fuel in 0..cost {
                store.set_fuel(fuel).unwrap();
                let error = run.call(&mut store, depth).unwrap_err();
                assert_eq!(error.as_trap_code(), Some(TrapCode::OutOfFuel));
                assert!(store.get_fuel().unwrap() < error.required_fuel().unwrap());
            }
            store.set_fuel(cost).unwrap();
            run.call(&mut store, depth).unwrap();
            assert_eq!(store.get_fuel().unwrap(), 0);
        }
    }
}

#[test]
fn host_functions_take_fuel_away() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_wrap("", "empty", |mut caller: Caller<'_, ()>| caller.set_fuel(0)).unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "empty" (func $empty))
                (func (export "run") (result i32) (call $empty) (i32.const 1) (i32.const 2) (i32.add))
                (func (export "tail") (return_call $empty)))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
        store.set_fuel(1_000_000).unwrap();
        let error = run.call(&mut store, ()).unwrap_err();
        assert_eq!(error.required_fuel(), Some(3));
        store.set_fuel(1_000_000).unwrap();
        let TypedResumableCall::Suspended(call) = run.call_resumable(&mut store, ()).unwrap() else {
            panic!()
        };
        assert_eq!((call.required_fuel(), store.get_fuel().unwrap()), (Some(3), 0));
        store.set_fuel(4).unwrap();
        assert!(matches!(call.resume(&mut store).unwrap(), TypedResumableCall::Finished(3)));
        assert_eq!(store.get_fuel().unwrap(), 1);
        let tail = instance.get_typed_func::<(), ()>(&store, "tail").unwrap();
        store.set_fuel(1).unwrap();
        tail.call(&mut store, ()).unwrap();
        assert_eq!(store.get_fuel().unwrap(), 0);
    }
}

/// A limiter that asks for fuel, and may refuse and panic.
#[derive(Default)]
struct Toll {
    asked: Vec<(usize, usize)>,
    refuse: bool,
    panic: bool,
}

impl ResourceLimiter for Toll {
    fn memory_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool, Error> {
        Ok(!self.refuse)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> Result<bool, Error> {
        Ok(!self.refuse)
    }

    fn memory_growth_fuel(&mut self, current: usize, desired: usize) -> u64 {
        assert!(!self.panic, "the limiter panics");
        self.asked.push((current, desired));
        ((desired - current) / 65_536 * 500) as u64
    }

    fn table_growth_fuel(&mut self, current: usize, desired: usize) -> u64 {
        assert!(!self.panic, "the limiter panics");
        self.asked.push((current, desired));
        (desired - current) as u64 * 30
    }
}

#[test]
fn growth_costs_what_the_limiter_says() {
    for engine in engines() {
        let mut store = Store::new(&engine, Toll::default());
        store.limiter(|toll| toll);
        let module = load(
            &engine,
            r#"(module (memory 1 10) (table 1 100 funcref)
                (func (export "memory") (param i32) (result i32) (memory.grow (local.get 0)))
                (func (export "table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#,
        );
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        assert!(store.data().asked.is_empty(), "new memories cost nothing");
        let names = ["memory", "table"];
        let [memory, table] = names.map(|name| instance.get_typed_func::<i32, i32>(&store, name).unwrap());
        // 2 or 3 instructions; a page is 1,024 times 64 bytes; elements by 8.
        for (func, by, cost, result) in [
            (memory, 2, 2 + 2 * 1_024 + 2 * 500, 1),
            (memory, 0, 2, 3),
            (memory, 8, 2, -1),
            (table, 9, 3 + 2 + 9 * 30, 1),
            (table, 91, 3, -1),
        ] {
            store.data_mut().asked.clear();
            store.set_fuel(1_000_000).unwrap();
            if result >= 0 && by > 0 {
                // Refused, growth has its price all the same.
                store.data_mut().refuse = true;
                assert_eq!(func.call(&mut store, by).unwrap(), -1);
                assert_eq!(store.get_fuel().unwrap(), 1_000_000 - cost);
                store.data_mut().refuse = false;
                // A panic of the limiter costs nothing beyond the instructions.
                store.data_mut().panic = true;
                store.set_fuel(1_000_000).unwrap();
                assert!(catch_unwind(AssertUnwindSafe(|| func.call(&mut store, by))).is_err());
                assert!((999_997..=999_998).contains(&store.get_fuel().unwrap()), "{:?}", store.get_fuel());
                store.data_mut().panic = false;
            }
            // Not enough, by 1.
            store.set_fuel(cost - 1).unwrap();
            let TypedResumableCall::Suspended(call) = func.call_resumable(&mut store, by).unwrap() else {
                panic!()
            };
            let required = call.required_fuel().unwrap();
            assert_eq!(store.get_fuel().unwrap(), required - 1);
            store.set_fuel(required).unwrap();
            let TypedResumableCall::Finished(grown) = call.resume(&mut store).unwrap() else { panic!() };
            assert_eq!((grown, store.get_fuel().unwrap()), (result, 0));
            assert_eq!(store.data().asked.is_empty(), result < 0);
        }
    }
}
