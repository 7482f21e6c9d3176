//! Fuel, and calls that stop for lack of it (docs/FUEL.md).

use rotifer::{
    Caller, Config, Dispatch, Engine, Error, Linker, Module, ResumableCall, Store, TrapCode,
    TypedResumableCall, Val,
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
    Module::new(engine, &wat::parse_str(wat).unwrap()).unwrap()
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
