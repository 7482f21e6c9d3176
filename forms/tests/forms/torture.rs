//! Torture: every form in a loop, on a native stack so small that one lost tail call fills it at once.
//!
//! Each handler is to jump to the next. If one calls instead, the native stack grows with every cell it executes, and
//! 64 KiB are full after some thousand. The loop is in WebAssembly, so that the dispatcher is never left.
//!
//! `ROTIFER_TORTURE` says how often each form is executed; `cargo xtask torture` sets it to ten millions, in a release
//! build.

use crate::{
    FUEL, Kind,
    subject::{Load, Meter, Way, engine_with, load},
};
use rotifer::{Caller, Dispatch, Error, Instance, Linker, Store, Val};
use rotifer_forms::{Form, forms};
use rotifer_oracle::{Event, Module, Oracle, Run, Subject, Value, ValueType, script};
use std::{env, fmt::Write as _, thread};

/// Enough for calls of the interpreter from outside.
const NATIVE_STACK: usize = 64 << 10;

/// More than a stack of this size has room for return addresses.
const TIMES: u32 = 10_000;

/// Code that pays nothing and leaves NaNs alone, and code that does both: together they have all handlers.
const KINDS: [Kind; 2] = [Kind::ALL[0], Kind::ALL[2]];

fn times() -> u32 {
    let setting = env::var("ROTIFER_TORTURE").map(|text| text.parse().expect("ROTIFER_TORTURE is a number"));
    setting.unwrap_or(TIMES)
}

/// A function that executes a form so many times: its export is that of the form with a bang.
fn driver(form: &Form) -> String {
    let Form { name, params, results, .. } = form;
    let (mut list, mut arguments) = (String::new(), String::new());
    for param in params {
        write!(list, " (param ${} {})", param.name, param.ty).expect("strings take everything");
        write!(arguments, " (local.get ${})", param.name).expect("strings take everything");
    }
    let drops = "(drop) ".repeat(results.split_whitespace().count());
    format!(
        "(func (export \"{name}!\") (param $times i32){list}
            (loop (call ${name}{arguments}) {drops}
                (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1))))))\n"
    )
}

/// A call of each form that returns, if there is one.
fn calls(forms: &[Form], module: &Module<'_>) -> Vec<(String, Vec<Value>)> {
    let mut oracle = Oracle::new(module, Kind::ALL[0].options());
    oracle.instantiate(0);
    let mut returns = |form: &Form| {
        let func = module.exported_func(&form.name).expect("every form is exported");
        let types = &module.signature(func).params;
        form.arguments().into_iter().find_map(|arguments| {
            let values: Vec<Value> =
                types.iter().zip(arguments).map(|(&ty, bits)| Value::new(ty, bits)).collect();
            let events = oracle.invoke(&Run::new(func, &form.name, values.clone(), FUEL));
            matches!(events.last(), Some(Event::Return { .. })).then_some((format!("{}!", form.name), values))
        })
    };
    forms.iter().filter_map(&mut returns).collect()
}

fn value(value: &Value) -> Val {
    match value.ty {
        ValueType::I32 => Val::I32(value.bits as i32),
        ValueType::I64 => Val::I64(value.bits as i64),
        ValueType::F32 => Val::F32(rotifer::F32::from_bits(value.bits as u32)),
        ValueType::F64 => Val::F64(rotifer::F64::from_bits(value.bits)),
        other => panic!("no form has a parameter of type {other:?}"),
    }
}

/// Instantiates a module whose host function `log` gives its argument back, and whose `catch` calls the export `trap`
/// and expects it to fail.
fn instantiate(wasm: &[u8], kind: Kind, dispatch: Dispatch) -> (Store<()>, Instance) {
    let engine = engine_with(kind.meter, Way { load: Load::Eager, dispatch }, &kind.options());
    let module = load(&engine, Load::Eager, wasm).expect("the module is valid");
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "log", |number: i32| number).expect("the name is free");
    let catch = |mut caller: Caller<'_, ()>| -> Result<(), Error> {
        let export = caller.get_export("trap").and_then(rotifer::Extern::into_func).expect("it is exported");
        export.call(&mut caller, &[], &mut []).expect_err("it traps");
        Ok(())
    };
    linker.func_wrap("host", "catch", catch).expect("the name is free");
    if kind.meter == Meter::Fuel {
        store.set_fuel(u64::MAX).expect("fuel is counted");
    }
    let instance = linker.instantiate(&mut store, &module).expect("the imports are there");
    (store, instance)
}

/// Calls a function on a small native stack. Should that overflow, the message of Rust's runtime names the thread.
fn call(store: &mut Store<()>, instance: Instance, name: &str, arguments: &[Val]) {
    let call = || {
        let func = instance.get_func(&*store, name).expect("it is exported");
        func.call(&mut *store, arguments, &mut []).unwrap_or_else(|error| panic!("{name}: {error}"));
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(NATIVE_STACK);
        let running = thread.spawn_scoped(scope, call).expect("threads can be made");
        running.join().expect("the call returns");
    });
}

fn torture(dispatch: Dispatch) {
    let forms = forms();
    let functions: String = forms.iter().flat_map(|form| [form.text(), driver(form)]).collect();
    let wasm = script::wasm(&rotifer_forms::module(&functions)).expect("the generator writes valid text");
    let calls = calls(&forms, &Module::read(&wasm).expect("the generator makes valid modules"));
    assert!(calls.len() + 1 >= forms.len(), "all forms but `unreachable` return");
    let times = times();
    for kind in KINDS {
        let (mut store, instance) = instantiate(&wasm, kind, dispatch);
        for (name, arguments) in &calls {
            let arguments: Vec<Val> =
                [Val::I32(times as i32)].into_iter().chain(arguments.iter().map(value)).collect();
            call(&mut store, instance, name, &arguments);
        }
        let (mut store, instance) = instantiate(&script::wasm(TRAPS).expect("valid text"), kind, dispatch);
        call(&mut store, instance, "catch!", &[Val::I32(times as i32)]);
    }
}

/// Traps that the host catches.
const TRAPS: &str = r#"(module
    (import "host" "catch" (func $catch))
    (func (export "trap") (unreachable))
    (func (export "catch!") (param $times i32)
        (loop
            (call $catch)
            (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))))"#;

#[test]
fn forms_in_loops_take_no_native_stack_with_the_default_dispatcher() {
    torture(Dispatch::available()[0]);
}

#[test]
fn forms_in_loops_take_no_native_stack_with_the_other_dispatcher() {
    if let Some(&dispatch) = Dispatch::available().get(1) {
        torture(dispatch);
    }
}
