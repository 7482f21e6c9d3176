//! What is tested: something that runs a module and tells what happened. The oracle is one such thing.

use crate::{Event, Host, HostError, Machine, Module, Options, Outcome, Value, ValueType};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What happens when fuel runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refuel {
    /// The run is over.
    Never,
    /// There will be as much as is required.
    Exact,
    /// There will be so much more than is required.
    Plus(u64),
    /// So much is added, which may be too little.
    Add(u64),
}

impl Refuel {
    /// The fuel to go on with.
    pub fn apply(self, fuel: u64, required: u64) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::Exact => Some(required),
            Self::Plus(more) => Some(required.saturating_add(more)),
            Self::Add(more) => Some(fuel.saturating_add(more)),
        }
    }
}

/// A call from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The index of an exported function.
    pub func: u32,
    /// The name under which it is exported.
    pub name: String,
    /// Arguments; references are null.
    pub args: Vec<Value>,
    /// The fuel at the start.
    pub fuel: u64,
    /// What happens when it runs out.
    pub refuel: Refuel,
    /// How often, at most.
    pub refuels: usize,
}

/// Something that runs a module.
pub trait Subject {
    /// Makes a new instance, runs its start function with this fuel, and tells what happened: without a start
    /// function, that nothing was returned.
    fn instantiate(&mut self, fuel: u64) -> Vec<Event>;

    /// Calls a function of the instance and tells what happened.
    fn invoke(&mut self, run: &Run) -> Vec<Event>;

    /// What the instance exports.
    fn state(&mut self) -> State;
}

/// What can be seen of an instance: its exports, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// The fuel.
    pub fuel: u64,
    /// Size in bytes and a hash of the contents.
    pub memories: Vec<(String, usize, u64)>,
    /// Values.
    pub globals: Vec<(String, Value)>,
    /// Sizes.
    pub tables: Vec<(String, usize)>,
}

/// A hash of a memory's contents.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The fuel that is left behind a call of the host: `set_fuel` sets it, `charge` takes some, other functions
/// do not change it.
pub fn fuel_after(name: &str, args: &[Value], fuel: u64) -> u64 {
    match (name, args) {
        ("set_fuel", [set]) => set.bits,
        ("charge", [charge]) => fuel.saturating_sub(charge.bits),
        _ => fuel,
    }
}

/// What a host function returns: `fuel` the fuel, `fail` fails, others something that depends on their
/// arguments.
///
/// # Errors
/// The function is `fail`.
pub fn host_results(
    name: &str,
    args: &[Value],
    results: &[ValueType],
    fuel: u64,
) -> Result<Vec<u64>, HostError> {
    match name {
        "fail" => Err(HostError),
        "fuel" => Ok(vec![fuel]),
        _ => {
            let sum = args
                .iter()
                .fold(1u64, |sum, arg| sum.wrapping_mul(31).wrapping_add(arg.without_payload().bits));
            let number = |(index, ty): (usize, &ValueType)| {
                let number = sum.wrapping_add(index as u64);
                match ty {
                    ValueType::I32 => number & 0xFFFF_FFFF,
                    ValueType::I64 => number,
                    ValueType::F32 => ((number % 1_000) as f32).to_bits().into(),
                    ValueType::F64 => ((number % 1_000) as f64).to_bits(),
                    ValueType::Func => 0,
                    ValueType::Extern => number % 4,
                }
            };
            Ok(results.iter().enumerate().map(number).collect())
        }
    }
}

/// The oracle as a subject.
pub struct Oracle<'m> {
    module: &'m Module<'m>,
    options: Options,
    machine: Option<Machine<'m>>,
}

/// The host: it writes down who calls it.
struct Recorder<'m> {
    module: &'m Module<'m>,
    events: Vec<Event>,
}

impl Host for Recorder<'_> {
    fn call(&mut self, import: u32, args: &[Value], fuel: &mut u64) -> Result<Vec<u64>, HostError> {
        let name = self.module.imported_funcs()[import as usize].1;
        self.events.push(Event::Host { import, args: args.to_vec(), fuel: *fuel });
        let results = host_results(name, args, &self.module.signature(import).results, *fuel);
        *fuel = fuel_after(name, args, *fuel);
        results
    }
}

impl<'m> Oracle<'m> {
    /// A subject that runs `module`.
    pub fn new(module: &'m Module<'m>, options: Options) -> Self {
        Self { module, options, machine: None }
    }

    /// The instance.
    ///
    /// # Panics
    /// There is none yet.
    pub fn machine(&self) -> &Machine<'m> {
        self.machine.as_ref().expect("an instance was made")
    }

    fn run(&mut self, func: u32, run: &Run) -> Vec<Event> {
        let mut recorder = Recorder { module: self.module, events: Vec::new() };
        let machine = self.machine.as_mut().expect("an instance was made");
        machine.set_fuel(run.fuel);
        let args: Vec<u64> = run.args.iter().map(|arg| arg.bits).collect();
        let mut outcome = machine.call(func, &args, &mut recorder);
        let mut refuels = run.refuels;
        loop {
            let fuel = machine.fuel();
            recorder.events.push(event(&outcome, machine));
            let Outcome::OutOfFuel { required, .. } = outcome else { break };
            match run.refuel.apply(fuel, required) {
                Some(fuel) if refuels > 0 => machine.set_fuel(fuel),
                _ => break,
            }
            refuels -= 1;
            outcome = machine.resume(&mut recorder);
        }
        recorder.events
    }
}

fn event(outcome: &Outcome, machine: &Machine<'_>) -> Event {
    let (fuel, callers) = (machine.fuel(), machine.callers());
    match outcome {
        Outcome::Returned(values) => Event::Return { values: values.clone(), fuel },
        &Outcome::Trapped(code, None) => Event::Trap { code, place: None, callers: vec![], fuel },
        &Outcome::Trapped(code, place) => Event::Trap { code, place, callers, fuel },
        &Outcome::OutOfFuel { required, place } => Event::OutOfFuel { required, place, callers, fuel },
        Outcome::HostFailed => Event::HostFailed { fuel },
    }
}

impl Subject for Oracle<'_> {
    fn instantiate(&mut self, fuel: u64) -> Vec<Event> {
        self.machine = None;
        match Machine::new(self.module, self.options.clone(), fuel) {
            Ok(machine) => self.machine = Some(machine),
            Err(code) => return vec![Event::Trap { code, place: None, callers: vec![], fuel }],
        }
        match self.module.start() {
            Some(start) => self.run(start, &Run::new(start, "", vec![], fuel)),
            None => vec![Event::Return { values: vec![], fuel }],
        }
    }

    fn invoke(&mut self, run: &Run) -> Vec<Event> {
        self.run(run.func, run)
    }

    fn state(&mut self) -> State {
        let Some(machine) = &self.machine else { return State::default() };
        let memory = |(name, index): (&str, u32)| {
            let bytes = machine.memory(index);
            (name.to_owned(), bytes.len(), hash(bytes))
        };
        State {
            fuel: machine.fuel(),
            memories: self.module.exported_memories().map(memory).collect(),
            globals: self
                .module
                .exported_globals()
                .map(|(name, index)| (name.into(), machine.global(index)))
                .collect(),
            tables: self
                .module
                .exported_tables()
                .map(|(name, index)| (name.into(), machine.table_size(index)))
                .collect(),
        }
    }
}

impl Run {
    /// A call that is over when fuel runs out.
    pub fn new(func: u32, name: &str, args: Vec<Value>, fuel: u64) -> Self {
        Self { func, name: name.to_owned(), args, fuel, refuel: Refuel::Never, refuels: 10_000 }
    }
}
