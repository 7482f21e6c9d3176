//! Generated modules, run by the oracle and in every way by the engine: with plenty of fuel and with too
//! little, and everything that can be seen must be the same.
//!
//! `ROTIFER_ORACLE_MODULES` says how many modules of each kind, `ROTIFER_ORACLE_SEED` where to begin.

use crate::{
    fuzz::structured,
    random::Random,
    shapes,
    subject::{Manner, Meter, Runner, Way, engine_with, load, ways},
    value::{self, Type},
};
use arbitrary::Unstructured;
use rotifer::{Error, FuelCosts};
use rotifer_oracle::{Event, Module, Options, Oracle, Refuel, Run, State, Subject, Value, ValueType};
use std::{env, num::NonZeroU32};
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices};

/// Modules that see the bits of NaNs.
const CANONICAL: &str = "canonical";

/// How often a call is refuelled before it is given up.
const REFUELS: usize = 60;

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

#[test]
fn modules_of_wasm_smith_agree() {
    // Without canonical NaNs, the modules see to it that their bits do not matter.
    check_all("smith", 80, |random| smith(random, false).map(Generated::Module));
}

#[test]
fn modules_of_wasm_smith_agree_with_canonical_nans() {
    check_all(CANONICAL, 80, |random| smith(random, true).map(Generated::Module));
}

#[test]
fn modules_like_compiled_code_agree() {
    check_all("structured", 100, |random| {
        Some(Generated::Module(structured::module(random.bits(), &[]).0.wasm))
    });
}

#[test]
fn shapes_of_control_agree() {
    check_all("shapes", 150, |random| Some(Generated::Module(shapes::module(random))));
}

#[test]
fn modules_in_two_agree() {
    check_all("split", 80, |random| Some(Generated::Split(shapes::split(random))));
}

/// What is run.
enum Generated {
    Module(Vec<u8>),
    /// The oracle runs the whole, the engine the parts.
    Split(shapes::Split),
}

/// Checks so many modules of a generator, and stops at the first difference.
fn check_all(kind: &str, default: u64, generate: impl Fn(&mut Random) -> Option<Generated>) {
    let first = setting("ROTIFER_ORACLE_SEED", 0);
    let mut totals = Totals::default();
    for seed in first..first + setting("ROTIFER_ORACLE_MODULES", default) {
        let random = &mut Random::named(seed, kind);
        let Some(generated) = generate(random) else { continue };
        if let Err(difference) = check(&generated, kind == CANONICAL || random.one_in(4), random, &mut totals)
        {
            let wasm = generated.whole();
            let path = env::temp_dir().join(format!("rotifer-oracle-{kind}-{seed}.wasm"));
            std::fs::write(&path, wasm).unwrap();
            panic!("{kind} {seed}, {}: {difference}", path.display());
        }
    }
    println!("{kind}: {totals:?}");
    assert!(totals.events > totals.modules, "{totals:?}");
}

impl Generated {
    fn whole(&self) -> &[u8] {
        match self {
            Self::Module(whole) | Self::Split(shapes::Split { whole, .. }) => whole,
        }
    }

    /// Of events of the oracle, what the engine can be asked for.
    fn comparable(&self, mut events: Vec<Event>) -> Vec<Event> {
        if let Self::Split(_) = self {
            for event in &mut events {
                let (place, callers) = match event {
                    Event::OutOfFuel { place, callers, .. } => (Some(place), callers),
                    Event::Trap { place, callers, .. } => (place.as_mut(), callers),
                    _ => continue,
                };
                place.into_iter().chain(callers).for_each(|place| place.offset = 0);
            }
        }
        events
    }

    /// The module in the engine, and its library if it has one.
    fn load(
        &self,
        engine: &rotifer::Engine,
        way: Way,
    ) -> Result<(rotifer::Module, Option<rotifer::Module>), Error> {
        Ok(match self {
            Self::Module(wasm) => (load(engine, way.load, wasm)?, None),
            Self::Split(split) => {
                let library = load(engine, way.load, &split.library)?;
                (load(engine, way.load, &split.program)?, Some(library))
            }
        })
    }
}

/// What was compared.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    modules: u64,
    instances: u64,
    runs: u64,
    events: u64,
    out_of_fuel: u64,
    traps: u64,
}

impl Totals {
    fn count(&mut self, events: &[Event]) {
        self.runs += 1;
        self.events += events.len() as u64;
        for event in events {
            self.out_of_fuel += u64::from(matches!(event, Event::OutOfFuel { .. }));
            self.traps += u64::from(matches!(event, Event::Trap { .. }));
        }
    }
}

/// What is done and what happens then.
struct Expected {
    run: Run,
    events: Vec<Event>,
    state: State,
}

fn check(
    generated: &Generated,
    canonical_nans: bool,
    random: &mut Random,
    totals: &mut Totals,
) -> Result<(), String> {
    let module =
        Module::read(generated.whole()).map_err(|error| format!("the generator is wrong: {error}"))?;
    let options = Options { canonical_nans, ..options(random) };
    let start_fuel = random.pick(&[0, 5, 100, 1_000_000]);
    let mut plan = plan(generated, &module, &options, start_fuel, runs(&module, random));
    totals.modules += 1;
    totals.instances += u64::from(!plan.runs.is_empty());
    plan.runs.iter().for_each(|expected| totals.count(&expected.events));
    for way in ways() {
        compare(generated, &module, Meter::Fuel, way, &options, &plan)?;
    }
    if random.one_in(3) {
        plan.without_fuel();
        for (way, meter) in
            ways().into_iter().flat_map(|way| [(way, Meter::Interrupts), (way, Meter::Nothing)])
        {
            compare(generated, &module, meter, way, &options, &plan)?;
        }
    }
    Ok(())
}

/// All that is done with a module, and what happens then.
struct Plan {
    start_fuel: u64,
    start: Vec<Event>,
    runs: Vec<Expected>,
}

fn plan(
    generated: &Generated,
    read: &Module<'_>,
    options: &Options,
    start_fuel: u64,
    runs: Vec<Run>,
) -> Plan {
    let mut oracle = Oracle::new(read, options.clone());
    let mut start = oracle.instantiate(start_fuel);
    forget_payloads(&mut start, options);
    let is_instance = matches!(start.last(), Some(Event::Return { .. }));
    let expected = runs.into_iter().take_while(|_| is_instance).map(|run| {
        let mut events = generated.comparable(oracle.invoke(&run));
        forget_payloads(&mut events, options);
        let mut state = oracle.state();
        forget_payloads_of_state(&mut state, options);
        Expected { run, events, state }
    });
    let runs = expected.collect();
    Plan { start_fuel, start, runs }
}

impl Plan {
    /// What happens up to the first run that ends for lack of fuel, if none is counted.
    fn without_fuel(&mut self) {
        let is_complete = |events: &[Event]| !matches!(events.last(), Some(Event::OutOfFuel { .. }));
        if !is_complete(&self.start) {
            (self.start, self.runs) = (vec![], vec![]);
        }
        let count = self.runs.iter().take_while(|run| is_complete(&run.events)).count();
        self.runs.truncate(count);
        forget_fuel(&mut self.start);
        for expected in &mut self.runs {
            forget_fuel(&mut expected.events);
            expected.state.fuel = 0;
        }
    }
}

/// Forgets bits of NaNs that the specification leaves open.
fn forget_payloads(events: &mut [Event], options: &Options) {
    if !options.canonical_nans {
        for event in events {
            if let Event::Host { args: values, .. } | Event::Return { values, .. } = event {
                values.iter_mut().for_each(|value| *value = value.without_payload());
            }
        }
    }
}

fn forget_payloads_of_state(state: &mut State, options: &Options) {
    if !options.canonical_nans {
        state.globals.iter_mut().for_each(|global| global.1 = global.1.without_payload());
    }
}

fn forget_fuel(events: &mut Vec<Event>) {
    events.retain(|event| !matches!(event, Event::OutOfFuel { .. }));
    for event in events {
        match event {
            Event::Host { fuel, .. }
            | Event::OutOfFuel { fuel, .. }
            | Event::Trap { fuel, .. }
            | Event::HostFailed { fuel }
            | Event::Return { fuel, .. } => *fuel = 0,
        }
    }
}

fn compare(
    generated: &Generated,
    read: &Module<'_>,
    meter: Meter,
    way: Way,
    options: &Options,
    plan: &Plan,
) -> Result<(), String> {
    let engine = engine_with(meter, way, options);
    let (module, library) = generated.load(&engine, way).map_err(|error| error.to_string())?;
    // Functions are translated in the first round.
    for round in [Manner::Plain, Manner::Disturbed] {
        if plan.start.is_empty() {
            continue;
        }
        let name = format!("{way:?} {meter:?} {round:?}");
        let mut runner = Runner::new(&module, read, options, round);
        if let Some(library) = &library {
            runner = runner.with_library(library);
        }
        let mut events = runner.instantiate(plan.start_fuel);
        forget_payloads(&mut events, options);
        if events != plan.start {
            return Err(format!("{name}, start with {}: {}", plan.start_fuel, first(&plan.start, &events)));
        }
        for Expected { run, events, state } in &plan.runs {
            let mut got = runner.invoke(run);
            forget_payloads(&mut got, options);
            if got != *events {
                return Err(format!("{name}, {run:?}: {}", first(events, &got)));
            }
            let mut got = runner.state();
            forget_payloads_of_state(&mut got, options);
            if got != *state {
                return Err(format!("{name}, after {run:?}: expected {state:?}, got {got:?}"));
            }
        }
    }
    Ok(())
}

/// The first event that differs.
fn first(expected: &[Event], got: &[Event]) -> String {
    let same = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let before = expected[..same].last();
    format!("event {same} should be {:?} and is {:?}, behind {before:?}", expected.get(same), got.get(same))
}

fn options(random: &mut Random) -> Options {
    let mut options = Options {
        max_call_depth: random.pick(&[3, 10, 50]),
        max_memory_bytes: 5 << 16,
        max_table_elements: 200,
        refused_growth_traps: random.one_in(8),
        ..Options::default()
    };
    if random.one_in(2) {
        options.costs = costs(random);
    }
    options
}

/// Costs of classes, or of each instruction another one.
fn costs(random: &mut Random) -> FuelCosts {
    let cost = |random: &mut Random| random.pick(&[0, 1, 1, 2, 5, 255]);
    let mut costs = FuelCosts::default();
    if random.one_in(2) {
        costs = costs.all(cost(random)).entity(cost(random)).load(cost(random));
        costs = costs.store(cost(random)).call(cost(random));
    } else {
        for opcode in (0..0x100).chain(0xFC00..0xFC20) {
            // Some numbers are those of no instruction, and some instructions must cost something.
            costs = costs.clone().opcode(opcode, random.below(40) as u8).unwrap_or(costs);
        }
    }
    let lengths = [1, 7, 64, 1_000].map(|number| NonZeroU32::new(number).unwrap());
    costs.bytes_per_fuel(random.pick(&lengths)).elements_per_fuel(random.pick(&lengths))
}

/// Calls of all exported functions, with much fuel and with little.
fn runs(module: &Module<'_>, random: &mut Random) -> Vec<Run> {
    let mut runs = Vec::new();
    let names: Vec<(&str, u32)> = module.exported_funcs().collect();
    let much = if random.one_in(30) { 300_000 } else { 3_000 };
    let plans = [
        (much, Refuel::Never),
        (0, Refuel::Exact),
        (random.below(50), Refuel::Never),
        (random.below(3_000), Refuel::Never),
        (random.below(50), Refuel::Plus(7)),
        (random.below(2_000), Refuel::Add(1_000)),
        (random.below(200), Refuel::Add(1 + random.below(20))),
    ];
    for &(name, func) in names.iter().take(12) {
        for (fuel, refuel) in plans {
            let types = &module.signature(func).params;
            let args = types.iter().map(|&ty| value(ty, random)).collect();
            let mut run = Run::new(func, name, args, fuel);
            run.refuel = refuel;
            run.refuels = REFUELS;
            runs.push(run);
        }
    }
    runs
}

fn value(ty: ValueType, random: &mut Random) -> Value {
    let kind = match ty {
        ValueType::I32 => Type::I32,
        ValueType::I64 => Type::I64,
        ValueType::F32 => Type::F32,
        ValueType::F64 => Type::F64,
        ValueType::Func => Type::Func,
        ValueType::Extern => Type::Extern,
    };
    let bits = match value::Value::random(kind, random) {
        value::Value::I32(number) => number as u32 as u64,
        value::Value::I64(number) => number as u64,
        value::Value::F32(bits) => bits.into(),
        value::Value::F64(bits) => bits,
        // Arguments are null where they are functions.
        value::Value::Func(_) | value::Value::Extern(None) => 0,
        value::Value::Extern(Some(number)) => u64::from(number) + 1,
    };
    Value::new(ty, bits)
}

fn smith(random: &mut Random, canonical_nans: bool) -> Option<Vec<u8>> {
    let pages = random.pick(&[1, 2, 4]);
    let mut kinds = vec![
        InstructionKind::Numeric,
        InstructionKind::Reference,
        InstructionKind::Parametric,
        InstructionKind::Variable,
        InstructionKind::Table,
        InstructionKind::Memory,
        InstructionKind::Control,
    ];
    if random.one_in(2) {
        kinds.retain(|_| !random.one_in(4));
    }
    let config = Config {
        allowed_instructions: InstructionKinds::new(&kinds),
        bulk_memory_enabled: true,
        canonicalize_nans: !canonical_nans,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: random.one_in(8),
        disallow_traps: random.one_in(8),
        exceptions_enabled: false,
        export_everything: true,
        gc_enabled: false,
        generate_custom_sections: false,
        max_data_segments: 4,
        max_element_segments: 4,
        max_elements: 10,
        max_exports: 20,
        max_funcs: random.pick(&[2, 3, 8]),
        min_funcs: 2,
        min_types: 2,
        max_globals: random.pick(&[0, 4, 10]),
        max_imports: random.pick(&[0, 0, 5, 10]),
        max_instructions: random.pick(&[10, 30, 100, 300]),
        max_memories: random.pick(&[1, 1, 3]),
        max_memory32_bytes: pages << 16,
        max_memory64_bytes: u128::from(pages) << 16,
        max_table_elements: 100,
        max_tables: 3,
        max_type_size: 100,
        max_types: random.pick(&[2, 10, 20]),
        memory64_enabled: random.one_in(3),
        memory_max_size_required: random.one_in(2),
        memory_offset_choices: MemoryOffsetChoices(75, 24, 1),
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: false,
        saturating_float_to_int_enabled: true,
        shared_everything_threads_enabled: false,
        sign_extension_ops_enabled: true,
        simd_enabled: false,
        table_max_size_required: random.one_in(2),
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: random.one_in(4),
        ..Config::default()
    };
    let len = random.pick(&[500, 2_000, 6_000, 20_000]);
    let bytes = random.bytes(len);
    let module = wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    Some(module.to_bytes())
}
