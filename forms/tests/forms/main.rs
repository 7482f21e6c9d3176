//! Every op in every form, run by the engine with each dispatcher, in each kind of code, and by the oracle, which must
//! agree. In a build with the feature `count-ops` (`cargo xtask op-coverage`), the test also finds out whether all ops
//! were executed.

mod coverage;
#[allow(dead_code, reason = "the oracle's own tests use more of it")]
#[path = "../../../oracle/tests/engine/subject.rs"]
mod subject;
mod torture;

use crate::subject::{Load, Manner, Meter, Runner, Way, engine_with, load};
use rotifer::Dispatch;
use rotifer_forms::{ACROSS, Form, forms};
use rotifer_oracle::{Event, Module, Options, Oracle, Refuel, Run, State, Subject, Value, script};

/// A kind of code that an engine can be asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    meter: Meter,
    canonical_nans: bool,
}

impl Kind {
    const fn new(meter: Meter, canonical_nans: bool) -> Self {
        Self { meter, canonical_nans }
    }

    pub(crate) const ALL: [Self; 5] = [
        Self::new(Meter::Nothing, false),
        Self::new(Meter::Nothing, true),
        Self::new(Meter::Fuel, true),
        // Untracked, as the first: streams pay and note, one without the other.
        Self::new(Meter::Fuel, false),
        Self::new(Meter::Interrupts, false),
    ];

    pub(crate) fn options(self) -> Options {
        Options { canonical_nans: self.canonical_nans, ..Options::default() }
    }
}

/// What the names of forms contain that are to run out of fuel in the middle and go on: loops whose registers hold more
/// than their slots say.
const PAUSED: [&str; 3] = ["stream", "carried.", "sum."];

/// Fuel that suffices for any form.
const FUEL: u64 = 1_000_000;

/// What the oracle says about a run, and about the state behind it.
struct Expected {
    run: Run,
    events: Vec<Event>,
    state: Option<State>,
}

/// All calls of the forms' functions.
fn runs<'f>(forms: &'f [Form], module: &Module<'_>, kind: Kind) -> Vec<(Run, &'f Form)> {
    let mut runs = Vec::new();
    for form in forms {
        let func = module.exported_func(&form.name).expect("every form is exported");
        let types = &module.signature(func).params;
        for arguments in form.arguments() {
            let values = types.iter().zip(arguments).map(|(&ty, bits)| Value::new(ty, bits)).collect();
            let run = Run::new(func, &form.name, values, FUEL);
            // Rounds that are not dispatched: the fuel ends before one of them, and in the next they go on.
            if kind.meter == Meter::Fuel && PAUSED.iter().any(|what| form.name.contains(what)) {
                let little = Run { fuel: 50, refuels: 5, ..run.clone() };
                runs.push((Run { refuel: Refuel::Plus(35), ..little.clone() }, form));
                runs.push((Run { refuel: Refuel::Add(29), ..little }, form));
            }
            runs.push((run, form));
        }
    }
    runs
}

/// What the oracle does, as far as this kind of code can be asked for it.
fn expect(module: &Module<'_>, forms: &[Form], kind: Kind) -> Vec<Expected> {
    let mut oracle = Oracle::new(module, kind.options());
    oracle.instantiate(0);
    let mut expect = |(run, form): (Run, &Form)| {
        let events = comparable(oracle.invoke(&run), kind);
        let state = form.writes.then(|| oracle.state());
        Expected { run, events, state: state.map(|state| State { fuel: 0, ..state }) }
    };
    runs(forms, module, kind).into_iter().map(&mut expect).collect()
}

/// Without bits of NaNs that the specification leaves open, and without fuel where none is counted.
fn comparable(mut events: Vec<Event>, kind: Kind) -> Vec<Event> {
    for event in &mut events {
        match event {
            Event::Host { args: values, .. } | Event::Return { values, .. } if !kind.canonical_nans => {
                values.iter_mut().for_each(|value| *value = value.without_payload());
            }
            _ => {}
        }
        match event {
            Event::Host { fuel, .. }
            | Event::OutOfFuel { fuel, .. }
            | Event::Trap { fuel, .. }
            | Event::HostFailed { fuel }
            | Event::Return { fuel, .. }
                if kind.meter != Meter::Fuel =>
            {
                *fuel = 0;
            }
            _ => {}
        }
    }
    events
}

/// Calls everything in an engine. The first differences as text.
fn differences(wasm: &[u8], read: &Module<'_>, way: Way, kind: Kind, expected: &[Expected]) -> Vec<String> {
    let options = kind.options();
    let module =
        load(&engine_with(kind.meter, way, &options), way.load, wasm).expect("the oracle validated it");
    let mut runner = Runner::new(&module, read, &options, Manner::Plain);
    runner.instantiate(0);
    let mut differences = Vec::new();
    for Expected { run, events, state } in expected {
        let got = comparable(runner.invoke(run), kind);
        if got != *events {
            let Run { name, args, .. } = run;
            differences.push(format!("{way:?} {kind:?} {name} {args:?}: {got:?} instead of {events:?}"));
        }
        if let Some(state) = state {
            let got = State { fuel: 0, ..runner.state() };
            if got != *state {
                differences.push(format!("{way:?} {kind:?} after {run:?}: {got:?} instead of {state:?}"));
                break;
            }
        }
    }
    differences
}

#[test]
fn every_form_does_what_the_oracle_does() {
    let forms = forms();
    let functions: String = forms.iter().map(Form::text).collect();
    let wasm = script::wasm(&rotifer_forms::module(&functions)).expect("the generator writes valid text");
    let read = Module::read(&wasm).expect("the generator makes valid modules");
    let mut failures = Vec::new();
    for kind in Kind::ALL {
        let expected = expect(&read, &forms, kind);
        for &dispatch in Dispatch::available() {
            let way = Way { load: Load::Eager, dispatch };
            failures.extend(differences(&wasm, &read, way, kind, &expected));
        }
    }
    let shown = failures.len().min(20);
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures[..shown].join("\n"));
    across_instances();
    coverage::check();
}

/// Calls and returns between instances.
fn across_instances() {
    let wasm = script::wasm(ACROSS).expect("the module is valid text");
    let read = Module::read(&wasm).expect("the module is valid");
    let func = read.exported_func("across").expect("the function is exported");
    for kind in Kind::ALL {
        let options = kind.options();
        let mut oracle = Oracle::new(&read, options.clone());
        oracle.instantiate(0);
        for &dispatch in Dispatch::available() {
            let way = Way { load: Load::Eager, dispatch };
            let module = load(&engine_with(kind.meter, way, &options), way.load, &wasm).expect("it is valid");
            let mut runner = Runner::new(&module, &read, &options, Manner::Disturbed);
            runner.instantiate(0);
            for number in 0..8 {
                let run =
                    Run::new(func, "across", vec![Value::new(rotifer_oracle::ValueType::I32, number)], FUEL);
                let expected = comparable(oracle.invoke(&run), kind);
                assert_eq!(comparable(runner.invoke(&run), kind), expected, "{way:?} {kind:?} {run:?}");
            }
        }
    }
}
