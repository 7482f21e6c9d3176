//! Numbers that are large: fuel near the limits of its types, and regions that cost more than is handed out
//! at once.

use crate::subject::{Manner, Runner, engine, load, ways};
use rotifer_oracle::{Event, Module, Options, Oracle, Refuel, Run, Subject, Value, ValueType, script};

/// A loop whose body costs more than 2^17 if everything costs 255.
fn module() -> String {
    let nops = "(nop) ".repeat(600);
    format!(
        r#"(module
            (import "host" "log" (func $log (param i32) (result i32)))
            (memory 1)
            (func (export "run") (param i32) (result i32)
                (loop
                    {nops}
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
                (call $log (local.get 0))
                {nops}
                (if (i32.eqz (i32.load offset=65536 (local.get 0))) (then {nops}) (else (nop)))))"#
    )
}

fn check(text: &str, options: &Options, runs: &[Run]) {
    let wasm = script::wasm(text).unwrap();
    let read = Module::read(&wasm).unwrap();
    let mut oracle = Oracle::new(&read, options.clone());
    oracle.instantiate(0);
    let expected: Vec<Vec<Event>> = runs.iter().map(|run| oracle.invoke(run)).collect();
    for way in ways() {
        let module = load(&engine(way, options), way.load, &wasm).unwrap();
        for manner in [Manner::Plain, Manner::Disturbed] {
            let mut runner = Runner::new(&module, &read, options, manner);
            runner.instantiate(0);
            for (run, expected) in runs.iter().zip(&expected) {
                assert_eq!(runner.invoke(run), *expected, "{way:?} {manner:?} {run:?}");
            }
        }
    }
}

fn run(times: u64, fuel: u64, refuel: Refuel) -> Run {
    let arg = Value::new(ValueType::I32, times);
    Run { refuel, ..Run::new(1, "run", vec![arg], fuel) }
}

/// Around every power of two that a type or a sign could end at.
fn amounts() -> impl Iterator<Item = u64> {
    let powers = [16, 17, 18, 24, 31, 32, 33, 48, 63].map(|bits| 1u64 << bits);
    let around = |power: u64| [power - 2, power - 1, power, power + 1, power + 1_000];
    powers.into_iter().flat_map(around).chain([u64::MAX - 1, u64::MAX])
}

#[test]
fn any_amount_of_fuel_is_counted() {
    let mut text = module().replace("(nop) ", "");
    text = text.replace("(else )", "(else (nop))");
    let runs: Vec<Run> = amounts().map(|fuel| run(3, fuel, Refuel::Never)).collect();
    check(&text, &Options::default(), &runs);
}

#[test]
fn regions_may_cost_more_than_a_slice() {
    let mut options = Options::default();
    options.costs = options.costs.all(255);
    let mut runs: Vec<Run> = amounts().map(|fuel| run(3, fuel, Refuel::Never)).collect();
    runs.extend(amounts().take_while(|&fuel| fuel < 1 << 30).map(|fuel| run(3, fuel, Refuel::Exact)));
    runs.extend([run(2, 0, Refuel::Plus(1 << 17)), run(2, 0, Refuel::Plus((1 << 17) - 1))]);
    runs.extend([
        run(2, 0, Refuel::Add(1 << 14)),
        run(2, 5, Refuel::Add(1 << 17)),
        run(2, 0, Refuel::Add(1 << 32)),
    ]);
    check(&module(), &options, &runs);
}

/// Many units between two looks at the clock, so that fuel is handed out in slices.
#[test]
fn long_runs_are_counted() {
    let text = r#"(module (func) (func (export "run") (param i32) (result i32)
        (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (i32.const 9)))"#;
    let cost = |times: u64| 5 * times + 2;
    let mut runs = Vec::new();
    for times in [26_213, 26_214, 26_215, 52_428, 52_429, 100_000] {
        for less in 0..7 {
            runs.push(run(times, cost(times) - less, Refuel::Never));
        }
        runs.push(run(times, 131_071, Refuel::Exact));
        runs.push(run(times, 3, Refuel::Add(65_537)));
        runs.iter_mut().for_each(|run| run.refuels = 20);
    }
    check(text, &Options::default(), &runs);
}
