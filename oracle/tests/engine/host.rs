//! Fuel as host functions see it, through the typed API, for every amount of fuel.

use crate::subject::{engine, load, ways};
use rotifer::{Caller, Error, Extern, Instance, Linker, Store, TypedFunc, TypedResumableCall};
use rotifer_oracle::{Event, Module, Options, Oracle, Refuel, Run, Subject, script};
use std::time::{Duration, Instant};

const CHATTY: &str = r#"(module
    (import "host" "fuel" (func $fuel (result i64)))
    (import "host" "set_fuel" (func $set_fuel (param i64)))
    (import "host" "charge" (func $charge (param i64)))
    (import "host" "nothing" (func $nothing))
    (memory (export "memory") 1)
    (func (export "run") (param $i i32) (result i64)
        (local $sum i64)
        (loop $l
            (i64.store (i32.shl (local.get $i) (i32.const 3)) (call $fuel))
            (if (i32.and (local.get $i) (i32.const 1))
                (then (call $charge (i64.extend_i32_u (local.get $i))))
                (else (call $nothing)))
            (local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 3)) (call $fuel)))
            (if (i32.eq (local.get $i) (i32.const 3)) (then (call $set_fuel (i64.const 40))))
            (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (local.get $sum)))"#;

fn linker(engine: &rotifer::Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("host", "fuel", |caller: Caller<'_, ()>| Ok::<i64, Error>(caller.get_fuel()? as i64))
        .unwrap();
    let set_fuel = |mut caller: Caller<'_, ()>, fuel: i64| caller.set_fuel(fuel as u64);
    linker.func_wrap("host", "set_fuel", set_fuel).unwrap();
    let charge = |mut caller: Caller<'_, ()>, charge: i64| -> Result<(), Error> {
        let fuel = caller.get_fuel()?.saturating_sub(charge as u64);
        caller.set_fuel(fuel)
    };
    linker.func_wrap("host", "charge", charge).unwrap();
    linker.func_wrap("host", "nothing", || {}).unwrap();
    linker
}

/// The result of the oracle, what the fuel is then, and what was required in between.
fn expected(oracle: &mut Oracle<'_>, run: &Run) -> (i64, u64, Vec<u64>) {
    let events = oracle.invoke(run);
    let required = |event: &Event| match event {
        Event::OutOfFuel { required, .. } => Some(*required),
        _ => None,
    };
    let all: Vec<u64> = events.iter().filter_map(required).collect();
    match events.last() {
        Some(Event::Return { values, fuel }) => (values[0].bits as i64, *fuel, all),
        other => panic!("the oracle's run ends with {other:?}"),
    }
}

/// The same of the engine.
fn resumed(func: &TypedFunc<i32, i64>, store: &mut Store<()>, times: i32) -> (i64, u64, Vec<u64>) {
    let mut all = Vec::new();
    let mut call = func.call_resumable(&mut *store, times).unwrap();
    loop {
        match call {
            TypedResumableCall::Finished(result) => return (result, store.get_fuel().unwrap(), all),
            TypedResumableCall::Suspended(suspended) => {
                let required = suspended.required_fuel().unwrap();
                assert!(store.get_fuel().unwrap() < required);
                all.push(required);
                store.set_fuel(required).unwrap();
                call = suspended.resume(&mut *store).unwrap();
            }
        }
    }
}

#[test]
fn host_functions_see_the_same_fuel_whatever_there_is() {
    let wasm = script::wasm(CHATTY).unwrap();
    let read = Module::read(&wasm).unwrap();
    let options = Options::default();
    for way in ways() {
        let engine = engine(way, &options);
        let module = load(&engine, way.load, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker(&engine).instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<i32, i64>(&store, "run").unwrap();
        let memory = instance.get_memory(&store, "memory").unwrap();
        let mut oracle = Oracle::new(&read, options.clone());
        oracle.instantiate(0);
        let index = read.exported_func("run").unwrap();
        for fuel in 0..250 {
            let arg = rotifer_oracle::Value::new(rotifer_oracle::ValueType::I32, 6);
            let mut plan = Run::new(index, "run", vec![arg], fuel);
            plan.refuel = Refuel::Exact;
            let expected = expected(&mut oracle, &plan);
            store.set_fuel(fuel).unwrap();
            assert_eq!(resumed(&run, &mut store, 6), expected, "{way:?}, {fuel}");
            assert_eq!(memory.data(&store)[..64], oracle.machine().memory(0)[..64], "{way:?}, {fuel}");
            // A deadline that is far away is looked at, and changes nothing.
            store.set_deadline(Some(Instant::now() + Duration::from_secs(3_600))).unwrap();
        }
    }
}

const NESTED: &str = r#"(module
    (import "host" "nest" (func $nest (param i32) (result i32)))
    (func $spin (export "spin") (param i32) (result i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.const 5))
    (func (export "run") (param i32) (result i32)
        (nop)
        (i32.add (call $nest (local.get 0)) (i32.const 1))))"#;

/// `spin(n)` costs 5 n + 2; `run` costs 3 up to the call and 2 behind it.
#[test]
fn calls_of_host_functions_into_webassembly_use_the_same_fuel() {
    let wasm = script::wasm(NESTED).unwrap();
    for way in ways() {
        let engine = engine(way, &Options::default());
        let module = load(&engine, way.load, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::<()>::new(&engine);
        let nest = |mut caller: Caller<'_, ()>, times: i32| -> Result<i32, Error> {
            let before = caller.get_fuel()?;
            let spin = caller.get_export("spin").and_then(Extern::into_func).unwrap();
            let result = spin.typed::<i32, i32>(&caller)?.call(&mut caller, times)?;
            assert_eq!(before - caller.get_fuel()?, 5 * times as u64 + 2);
            Ok(result)
        };
        linker.func_wrap("host", "nest", nest).unwrap();
        let instance: Instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        for times in 1..20 {
            let cost = 5 * times as u64 + 7;
            store.set_fuel(cost).unwrap();
            assert_eq!(run.call(&mut store, times).unwrap(), 6);
            assert_eq!(store.get_fuel().unwrap(), 0);
            // The host's call is out of fuel before its last region; what it needs is for that, and all else
            // is paid.
            store.set_fuel(cost - 3).unwrap();
            let error = run.call(&mut store, times).unwrap_err();
            assert_eq!((error.required_fuel(), store.get_fuel().unwrap()), (Some(1), 0), "{way:?}");
            // The host's call is paid, but not what comes behind it.
            store.set_fuel(cost - 1).unwrap();
            let error = run.call(&mut store, times).unwrap_err();
            assert_eq!((error.required_fuel(), store.get_fuel().unwrap()), (Some(2), 1), "{way:?}");
        }
    }
}
