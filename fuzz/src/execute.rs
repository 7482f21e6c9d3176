//! The oracles `execute`, `modes` and `suspend`: engines run the same calls in lockstep and must agree in all that
//! can be seen.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicU64, Ordering},
};

use rotifer::{Config, Dispatch, Engine, Features, FuelCosts, LoadMode, Module};

#[cfg(feature = "reference")]
use crate::backend::reference;
use crate::{
    Finding,
    backend::{Backend, ours},
    case::{Case, FUEL_GLOBAL},
    generate::FUEL,
    random::Random,
    value::{Outcome, Stop, Value},
};

/// Counts calls of backends, so that others can see whether one of them does not end.
pub static CALLS: AtomicU64 = AtomicU64::new(0);

/// How a module is loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    Eager,
    Checked,
    Partial,
    Unchecked,
}

pub(crate) const LOADS: [Load; 4] = [Load::Eager, Load::Checked, Load::Partial, Load::Unchecked];

/// How much may be called, and how deeply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stack {
    /// No call that a reference makes overflows.
    Large,
    /// Overflows are frequent.
    Small,
}

/// What engines count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Meter {
    Off,
    Interruptible,
    Fuel,
    /// Fuel with costs that differ between instructions, of which many are 0.
    Costs,
}

/// The fuel that suffices for everything but the greatest lengths of bulk operators: modules for `modes` and `suspend`
/// terminate by themselves.
pub(crate) const PLENTY: u64 = 1 << 63;

/// What kinds of engines there are; the last says whether NaNs are made canonical.
pub(crate) type Kind = (Stack, Meter, bool);

/// How much a comparison covers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Nan {
    /// All bits are the same.
    Exact,
    /// A NaN is a NaN, in results and globals.
    Any,
    /// The engines make them canonical, and all bits are the same.
    Canonical,
}

thread_local! {
    static ENGINES: RefCell<(u32, Vec<(Kind, Engine)>)> = const { RefCell::new((0, Vec::new())) };
}

#[cfg(feature = "reference")]
thread_local! {
    /// Without and with canonical NaNs.
    static REFERENCES: [wasmtime::Engine; 2] = [reference::engine(false), reference::engine(true)];
}

/// All features that are implemented.
pub fn all_features() -> Features {
    Features { custom_page_sizes: true, wide_arithmetic: true, ..Features::default() }
}

pub(crate) fn engines(kind: Kind) -> Vec<Engine> {
    let (stack, meter, canonical_nans) = kind;
    ENGINES.with_borrow_mut(|(uses, engines)| {
        // Engines remember the types of all modules.
        *uses += 1;
        if *uses > 2_000 {
            (*uses, *engines) = (0, vec![]);
        }
        if !engines.iter().any(|(of, _)| *of == kind) {
            for &dispatch in Dispatch::available() {
                let mut config = Config::default();
                config.features(all_features()).dispatch(dispatch).canonical_nans(canonical_nans);
                // These make no difference that can be seen: tracked writes, instances that can be reset, and code that
                // is dropped now and then.
                config.track_writes(canonical_nans).evictable_code(!canonical_nans);
                config.resettable(meter != Meter::Off);
                if stack == Stack::Small {
                    config.code_budget(Some(2_000));
                }
                match stack {
                    Stack::Large => config.max_stack_size(64 << 20).max_call_depth(100_000),
                    Stack::Small => config.max_stack_size(3_000).max_call_depth(40),
                };
                // A suspended call's error has none, so that they could not be compared.
                config.host_error_backtrace(false);
                match meter {
                    Meter::Off => &mut config,
                    Meter::Interruptible => config.interruptible(true),
                    Meter::Fuel => config.consume_fuel(true),
                    Meter::Costs => config.consume_fuel(true).fuel_costs(costs()),
                };
                engines.push((kind, Engine::try_new(&config).expect("the dispatcher is available")));
            }
        }
        engines.iter().filter(|(of, _)| *of == kind).map(|(_, engine)| engine.clone()).collect()
    })
}

/// Costs of all sizes: many instructions are free, some are dear.
fn costs() -> FuelCosts {
    FuelCosts::default().all(0).entity(3).load(2).store(255).call(67)
}

/// The dispatchers of this build, for reports.
pub fn dispatchers() -> String {
    Dispatch::available().iter().map(|dispatch| dispatch.name()).collect::<Vec<_>>().join(", ")
}

/// Validates a valid module.
pub(crate) fn check_valid(engine: &Engine, case: &Case) -> Result<(), Finding> {
    Module::validate(engine, &case.wasm)
        .map_err(|error| Finding::new("load", format!("a valid module is refused: {error}")))
}

/// Loads a module that [`check_valid`] accepts. `name` is whose it is.
pub(crate) fn load_valid(engine: &Engine, case: &Case, mode: Load, name: &str) -> Result<Module, Finding> {
    load(engine, &case.wasm, mode)
        .map_err(|error| Finding::new("load", format!("{name}: a valid module is refused: {error}")))
}

fn load(engine: &Engine, wasm: &[u8], load: Load) -> Result<Module, rotifer::Error> {
    match load {
        Load::Eager => Module::new_with_mode(engine, wasm, LoadMode::Eager),
        Load::Checked => Module::new_with_mode(engine, wasm, LoadMode::Checked),
        Load::Partial => Module::new_with_mode(engine, wasm, LoadMode::Partial),
        // SAFETY: loaded in checked mode before (`ours`), which gave no error.
        Load::Unchecked => unsafe { Module::new_unchecked(engine, wasm) },
    }
}

/// Instances in some load modes and all dispatchers. With `former_lives`, for modules that terminate by themselves, half
/// of the instances had one.
fn all_ours(
    case: &Case,
    kind: Kind,
    loads: &[Load],
    former_lives: bool,
) -> Result<Vec<Box<dyn Backend>>, Finding> {
    let meter = kind.1;
    let mut backends: Vec<Box<dyn Backend>> = vec![];
    for engine in engines(kind) {
        check_valid(&engine, case)?;
        for &mode in loads {
            let name = format!("{mode:?} {} {meter:?}", engine.dispatch().name()).to_lowercase();
            let module = load_valid(&engine, case, mode, &name)?;
            let mut random = Random::named(case.seed, &name);
            if former_lives && random.one_in(2) {
                former_life(case, &module, &mut random);
            }
            let extra = ours::Extra::default();
            backends.push(Box::new(ours::Runner::new(name, &module, case.seed, PLENTY, extra)));
        }
    }
    Ok(backends)
}

/// Uses an instance and drops its store. The module keeps it for the next store, where nothing of this must show.
fn former_life(case: &Case, module: &Module, random: &mut Random) {
    let name = String::new();
    let mut runner = ours::Runner::new(name, module, random.bits(), PLENTY, ours::Extra::default());
    if runner.start().is_err() {
        return;
    }
    // As in `lockstep`: nobody knows what comes after an overflow.
    call_all(&mut runner, random, case.seed.is_multiple_of(2));
}

/// Calls a function, with what fuel of its own the module counts.
pub(crate) fn call_once(backend: &mut dyn Backend, function: usize, params: &[Value]) -> Outcome {
    backend.set_global(FUEL_GLOBAL, FUEL as i32);
    CALLS.fetch_add(1, Ordering::Relaxed);
    backend.call(function, params)
}

/// Whether nobody knows what comes after a call.
pub(crate) fn is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Err(Stop::StackOverflow | Stop::OutOfFuel))
}

/// Calls all functions of a module that terminates by itself, perhaps until the stack overflows.
pub(crate) fn call_all(backend: &mut dyn Backend, random: &mut Random, until_overflow: bool) {
    for (index, function) in backend.functions().iter().enumerate() {
        let params: Vec<Value> = function.params.iter().map(|ty| Value::random(*ty, random)).collect();
        let outcome = call_once(backend, index, &params);
        if is_unknown(&outcome) && until_overflow {
            return;
        }
    }
}

/// Has some instances used and brings them back.
fn excursions(case: &Case, round: u64, backends: &mut [Box<dyn Backend>]) {
    for backend in backends {
        let mut random = Random::named(case.seed ^ round << 48, &backend.name());
        if random.one_in(3) {
            let until_overflow = random.one_in(2);
            backend.excursion(&mut random, round == 0, &mut |backend, random| {
                call_all(backend, random, until_overflow);
            });
        }
    }
}

#[cfg(feature = "reference")]
fn in_reference(case: &Case, nan: Nan) -> Option<Box<dyn Backend>> {
    REFERENCES.with(|engines| {
        let module = wasmtime::Module::new(&engines[usize::from(nan == Nan::Canonical)], &case.wasm).ok()?;
        Some(Box::new(reference::Runner::new(&module, case.seed)) as Box<dyn Backend>)
    })
}

/// What a comparison did.
#[derive(Clone, Copy, Default, Debug)]
pub struct Done {
    pub calls: u64,
    pub traps: u64,
    pub returns: u64,
    pub inconclusive: u64,
    /// Modules that the reference does not accept.
    pub refused: u64,
    /// How often calls were suspended and resumed.
    pub suspensions: u64,
}

/// Rotifer in all load modes and dispatchers against wasmtime.
#[cfg(feature = "reference")]
pub fn execute(case: &Case, nan: Nan) -> Result<Done, Finding> {
    // What the reference does not accept cannot be compared; `validate` looks at verdicts.
    let Some(reference) = in_reference(case, nan) else {
        return Ok(Done { refused: 1, ..Done::default() });
    };
    if matches!(reference.start(), Err(Stop::OutOfFuel | Stop::StackOverflow)) {
        return Ok(Done { inconclusive: 1, ..Done::default() });
    }
    let mut backends = vec![reference];
    let kind = (Stack::Large, Meter::Off, nan == Nan::Canonical);
    backends.append(&mut all_ours(case, kind, &LOADS, false)?);
    lockstep(case, backends, 1, nan)
}

/// All load modes and dispatchers against each other: also the places of traps, and stack overflows. The module
/// counts its fuel.
pub fn modes(case: &Case, nan: Nan) -> Result<Done, Finding> {
    let stack = if case.seed.is_multiple_of(3) { Stack::Large } else { Stack::Small };
    let kind = |meter| (stack, meter, nan == Nan::Canonical);
    let mut backends = all_ours(case, kind(Meter::Off), &LOADS, true)?;
    let one = [LOADS[(case.seed >> 8) as usize % LOADS.len()]];
    backends.append(&mut all_ours(case, kind(Meter::Interruptible), &one, true)?);
    let fuel = if case.seed.is_multiple_of(5) { Meter::Costs } else { Meter::Fuel };
    backends.append(&mut all_ours(case, kind(fuel), &LOADS, true)?);
    lockstep(case, backends, 0, nan)
}

/// Calls that are made in steps against calls that are not. The module counts its fuel.
pub fn suspend(case: &Case, nan: Nan) -> Result<Done, Finding> {
    let mut backends: Vec<Box<dyn Backend>> = vec![];
    let mut random = Random::new(case.seed ^ 0x5059);
    let fuel = if random.one_in(5) { Meter::Costs } else { Meter::Fuel };
    let mode = random.pick(&LOADS);
    for (meter, stepping) in [(fuel, false), (fuel, true), (fuel, true), (Meter::Interruptible, true)] {
        for engine in engines((Stack::Large, meter, nan == Nan::Canonical)) {
            check_valid(&engine, case)?;
            let extra = if stepping { ours::Extra::stepping(random.bits()) } else { ours::Extra::default() };
            let (dispatch, number) = (engine.dispatch().name(), backends.len());
            let name = format!("{number}: {dispatch} {meter:?}{}", if stepping { " in steps" } else { "" });
            let module = load_valid(&engine, case, mode, &name)?;
            let mut runner = ours::Runner::new(name, &module, case.seed, PLENTY, extra);
            if stepping {
                // In some load mode with each dispatcher.
                let others = engines((Stack::Large, meter, nan == Nan::Canonical)).into_iter();
                let others = others.filter_map(|engine| load(&engine, &case.wasm, random.pick(&LOADS)).ok());
                runner.travels_to(others.collect());
            }
            backends.push(Box::new(runner));
        }
    }
    lockstep(case, backends, 0, nan)
}

/// Runs the calls of a case. Of the backends the first is compared with all others; from `ours` on they are
/// rotifer's and agree in the places of traps.
fn lockstep(
    case: &Case,
    mut backends: Vec<Box<dyn Backend>>,
    ours: usize,
    nan: Nan,
) -> Result<Done, Finding> {
    let mut done = Done::default();
    compare("instantiating", backends.as_slice(), &|backend| backend.start().map(|()| vec![]), nan)?;
    compare_places("instantiating", &backends[ours..])?;
    if backends[0].start().is_err() {
        done.traps += 1;
        return Ok(done);
    }
    compare_state("instantiating", &mut backends, nan)?;
    compare_fuel("instantiating", &backends)?;
    let functions = backends[0].functions();
    let trace = std::env::var_os("ROTIFER_FUZZ_TRACE").is_some();
    for round in 0..3u64 {
        // Without a reference modules terminate by themselves.
        if ours == 0 {
            excursions(case, round, &mut backends);
            compare_state("after excursions", &mut backends, nan)?;
            compare_fuel("after excursions", &backends)?;
        }
        for (index, function) in functions.iter().enumerate() {
            let mut random = Random::named(case.seed ^ round << 56, &function.name);
            let params: Vec<Value> =
                function.params.iter().map(|ty| Value::random(*ty, &mut random)).collect();
            let what = format!("round {round}: calling {:?}{params:?}", function.name);
            let mut outcomes: Vec<Outcome> = vec![];
            for backend in &mut backends {
                if trace {
                    eprintln!("{what} in {}", backend.name());
                }
                let outcome = call_once(&mut **backend, index, &params);
                let unknown = match outcome {
                    Err(Stop::StackOverflow) => ours == 1,
                    Err(Stop::OutOfFuel) => true,
                    _ => false,
                };
                outcomes.push(outcome);
                // Nobody knows whether this terminates.
                if unknown {
                    done.inconclusive += 1;
                    return Ok(done);
                }
            }
            done.calls += 1;
            if outcomes[0].is_ok() {
                done.returns += 1
            } else {
                done.traps += 1
            }
            let outcome = |backend: &dyn Backend| {
                let of = backends.iter().position(|other| other.name() == backend.name());
                outcomes[of.expect("one of them")].clone()
            };
            compare(&what, &backends, &outcome, nan)?;
            compare_places(&what, &backends[ours..])?;
            compare_fuel(&what, &backends)?;
            compare_state(&what, &mut backends, nan)?;
        }
    }
    done.suspensions = backends.iter().map(|backend| backend.suspensions()).sum();
    Ok(done)
}

pub(crate) fn same(a: &Outcome, b: &Outcome, nan: Nan) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => same_values(a, b, nan),
        (Err(a), Err(b)) => a == b,
        _ => false,
    }
}

fn same_values(a: &[Value], b: &[Value], nan: Nan) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.matches(b, nan == Nan::Any))
}

fn compare(
    what: &str,
    backends: &[Box<dyn Backend>],
    outcome: &dyn Fn(&dyn Backend) -> Outcome,
    nan: Nan,
) -> Result<(), Finding> {
    let expected = outcome(&*backends[0]);
    let wrong: Vec<String> = backends[1..]
        .iter()
        .filter(|backend| !same(&expected, &outcome(&***backend), nan))
        .map(|backend| format!("{}: {:?}", backend.name(), outcome(&**backend)))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let text = format!("{what}: {}: {expected:?}; but {}", backends[0].name(), wrong.join("; "));
    Err(Finding::new("outcome", text))
}

fn compare_places(what: &str, backends: &[Box<dyn Backend>]) -> Result<(), Finding> {
    let expected = backends[0].backtrace();
    for backend in &backends[1..] {
        let actual = backend.backtrace();
        if expected != actual {
            let (a, b) = (backends[0].name(), backend.name());
            let text = format!("{what}: {a} traps at {expected:x?}; but {b} at {actual:x?}");
            return Err(Finding::new("place", text));
        }
    }
    Ok(())
}

fn compare_fuel(what: &str, backends: &[Box<dyn Backend>]) -> Result<(), Finding> {
    let mut counting = backends.iter().filter_map(|backend| Some((backend, backend.spent()?)));
    let Some((first, expected)) = counting.next() else { return Ok(()) };
    for (backend, actual) in counting {
        if expected == actual {
            continue;
        }
        let (a, b) = (first.name(), backend.name());
        let at = expected.1.iter().zip(actual.1).position(|(a, b)| a != b);
        let (c, d) = at.map_or((expected.0, actual.0), |at| (expected.1[at], actual.1[at]));
        let text = format!("{what}: {a} has spent {c}; but {b} {d} (at host call {at:?})");
        return Err(Finding::new("fuel", text));
    }
    Ok(())
}

fn compare_state(what: &str, backends: &mut [Box<dyn Backend>], nan: Nan) -> Result<(), Finding> {
    let (first, others) = backends.split_first_mut().expect("there are several");
    let seen = (first.globals(), first.tables());
    others.iter_mut().try_for_each(|actual| compare_seen(what, &**first, &seen, &mut **actual, nan))
}

/// Compares a backend with one whose globals and tables are known.
pub(crate) fn compare_seen(
    what: &str,
    first: &dyn Backend,
    (globals, tables): &(Vec<Value>, Vec<Vec<Value>>),
    actual: &mut dyn Backend,
    nan: Nan,
) -> Result<(), Finding> {
    let (a, b) = (first.name(), actual.name());
    let their_globals = actual.globals();
    if !same_values(globals, &their_globals, nan) {
        let text = format!("{what}: globals of {a}: {globals:?}; but of {b}: {their_globals:?}");
        return Err(Finding::new("globals", text));
    }
    compare_memories(what, first, actual)?;
    let their_tables = actual.tables();
    if *tables != their_tables {
        let text = format!("{what}: tables of {a}: {tables:?}; of {b}: {their_tables:?}");
        return Err(Finding::new("tables", text));
    }
    if !same_calls(first.host_calls(), actual.host_calls(), nan) {
        let (c, d) = (first.host_calls(), actual.host_calls());
        let at = c.iter().zip(d).position(|(c, d)| c != d).unwrap_or(c.len().min(d.len()));
        let text = format!("{what}: host call {at} of {a}: {:?}; of {b}: {:?}", c.get(at), d.get(at));
        return Err(Finding::new("host", text));
    }
    Ok(())
}

fn compare_memories(what: &str, expected: &dyn Backend, actual: &dyn Backend) -> Result<(), Finding> {
    let (a, b) = (expected.name(), actual.name());
    for (i, (c, d)) in expected.memories().into_iter().zip(actual.memories()).enumerate() {
        if c.len() != d.len() {
            let text = format!("{what}: memory {i} of {a} has {} bytes; of {b} {}", c.len(), d.len());
            return Err(Finding::new("memory", text));
        }
        if c != d {
            let at = c.iter().zip(d).position(|(c, d)| c != d).expect("they differ");
            let end = (at + 8).min(c.len());
            let (c, d) = (&c[at..end], &d[at..end]);
            let text = format!("{what}: memory {i} at {at:#x} of {a}: {c:x?}; of {b}: {d:x?}");
            return Err(Finding::new("memory", text));
        }
    }
    Ok(())
}

fn same_calls(a: &[crate::value::HostCall], b: &[crate::value::HostCall], nan: Nan) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| a.import == b.import && same_values(&a.params, &b.params, nan))
}
