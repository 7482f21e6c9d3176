//! The oracle `states`: an instance that goes back to earlier states is what a new one becomes by the same calls.
//!
//! One instance goes back and forth in time: by resets, snapshots, histories, serialized states and instances that begin
//! with one. It is compared with one in another engine that has never been anywhere else: each time the first one goes
//! back, a new instance makes the calls that led to that state. Their states have the same hash, and they go on alike.

use rotifer::{
    Module,
    state::{Pages, State},
};

use crate::{
    Finding,
    backend::{
        Backend,
        ours::{Point, Rewinding, Runner, Way},
    },
    case::Case,
    execute::{
        Done, LOADS, Meter, Nan, PLENTY, Stack, call_all, call_once, check_valid, compare_seen, engines,
        is_unknown, load_valid, same,
    },
    random::Random,
    value::{Outcome, Value},
};

/// A call that was made.
#[derive(Clone)]
struct Call {
    function: usize,
    params: Vec<Value>,
}

impl Call {
    fn make(&self, runner: &mut Runner) -> Outcome {
        call_once(runner, self.function, &self.params)
    }
}

/// The instances, and what led to where they are.
struct States<'c> {
    case: &'c Case,
    nan: Nan,
    random: Random,
    ours: Rewinding,
    /// The one that never goes back.
    other: Rewinding,
    other_module: Module,
    twice: bool,
    /// The calls since the module was instantiated.
    path: Vec<Call>,
    /// States to go back to, and the calls that led to them.
    points: Vec<(Point, Vec<Call>)>,
    base: Vec<Call>,
    done: Done,
    /// Whether to say what happens.
    traces: bool,
}

/// How many things happen.
const STEPS: u64 = 16;

/// Goes back and forth.
pub fn states(case: &Case, nan: Nan) -> Result<Done, Finding> {
    let mut random = Random::new(case.seed ^ 0x57a7_e500);
    let twice = random.one_in(3);
    let make = |random: &mut Random, name: &str| -> Result<(Rewinding, Module), Finding> {
        let meter = random.pick(&[Meter::Off, Meter::Interruptible, Meter::Fuel, Meter::Costs]);
        let engines = engines((Stack::Large, meter, nan == Nan::Canonical));
        let engine = &engines[random.below(engines.len() as u64) as usize];
        check_valid(engine, case)?;
        let name = format!("{name}: {} {meter:?}", engine.dispatch().name());
        let module = load_valid(engine, case, random.pick(&LOADS), &name)?;
        Ok((Rewinding::new(name, &module, case.seed, PLENTY, twice), module))
    };
    let (ours, _) = make(&mut random, "there and back")?;
    let (other, other_module) = make(&mut random, "never back")?;
    let mut states = States {
        case,
        nan,
        random,
        ours,
        other,
        other_module,
        twice,
        path: vec![],
        points: vec![],
        base: vec![],
        done: Done::default(),
        traces: std::env::var_os("ROTIFER_FUZZ_TRACE").is_some(),
    };
    states.run()?;
    Ok(states.done)
}

impl States<'_> {
    fn run(&mut self) -> Result<(), Finding> {
        self.compare("instantiating")?;
        if self.ours.runner.start().is_err() {
            self.done.traps += 1;
            return Ok(());
        }
        for step in 0..STEPS {
            let ends = match self.random.below(8) {
                0..4 => self.call()?,
                4 => {
                    self.keep();
                    false
                }
                5 | 6 => self.go_back(step)?,
                _ => {
                    self.read_anything()?;
                    false
                }
            };
            if ends {
                self.done.inconclusive += 1;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Calls a function of both. Says whether nobody knows what comes after.
    fn call(&mut self) -> Result<bool, Finding> {
        let functions = self.ours.runner.functions();
        if functions.is_empty() {
            return Ok(false);
        }
        let function = self.random.below(functions.len() as u64) as usize;
        let types = &functions[function].params;
        let params: Vec<Value> = types.iter().map(|ty| Value::random(*ty, &mut self.random)).collect();
        let call = Call { function, params };
        let before = self.spent();
        let a = call.make(&mut self.ours.runner);
        let b = call.make(&mut self.other.runner);
        if is_unknown(&a) || is_unknown(&b) {
            return Ok(true);
        }
        self.done.calls += 1;
        if a.is_ok() {
            self.done.returns += 1;
        } else {
            self.done.traps += 1;
        }
        let what = format!("calling {:?}{:?}", functions[function].name, call.params);
        if !same(&a, &b, self.nan) {
            return Err(Finding::new("outcome", format!("{what}: {a:?}; never back: {b:?}")));
        }
        let places = (self.ours.runner.backtrace(), self.other.runner.backtrace());
        if places.0 != places.1 {
            return Err(Finding::new(
                "place",
                format!("{what}: {:x?}; never back: {:x?}", places.0, places.1),
            ));
        }
        if let (Some(before), Some(after)) = (before, self.spent()) {
            let spent = (after.0.wrapping_sub(before.0), after.1.wrapping_sub(before.1));
            if spent.0 != spent.1 {
                return Err(Finding::new("fuel", format!("{what}: {}; never back: {}", spent.0, spent.1)));
            }
        }
        self.path.push(call);
        self.compare(&what)?;
        Ok(false)
    }

    /// The fuel that both have spent, if both count it with the same costs.
    fn spent(&self) -> Option<(u64, u64)> {
        let (ours, other) = (&self.ours.runner, &self.other.runner);
        let meter = |runner: &Runner| runner.name().rsplit(' ').next().map(str::to_owned);
        if meter(ours) != meter(other) {
            return None;
        }
        Some((ours.spent()?.0, other.spent()?.0))
    }

    fn keep(&mut self) {
        if let Some(point) = self.ours.keep(&mut self.random) {
            self.points.push((point, self.path.clone()));
        }
    }

    fn go_back(&mut self, step: u64) -> Result<bool, Finding> {
        let base = self.ours.base().filter(|_| self.random.one_in(3));
        let (point, path) = match base {
            Some(point) => (point, self.base.clone()),
            None if self.points.is_empty() => return Ok(false),
            None => self.points[self.random.below(self.points.len() as u64) as usize].clone(),
        };
        if !self.put_back(&point, &path) {
            return Ok(false);
        }
        self.path = path;
        self.replay(step)
    }

    /// Puts our instances into an earlier state, if it is still there.
    fn put_back(&mut self, point: &Point, path: &[Call]) -> bool {
        let way = self.ours.go_back(point, &mut self.random);
        if self.traces {
            eprintln!("{way:?} to {point:?}");
        }
        if way == Some(Way::Elsewhere) {
            self.base = path.to_vec();
            self.ours.rebase(point.host_calls().to_vec());
        }
        way.is_some()
    }

    /// Has a new instance make the calls that led here.
    fn replay(&mut self, step: u64) -> Result<bool, Finding> {
        let name = self.other.runner.name();
        self.other = Rewinding::new(name, &self.other_module, self.case.seed, PLENTY, self.twice);
        for call in &self.path {
            if is_unknown(&call.make(&mut self.other.runner)) {
                return Ok(true);
            }
        }
        self.compare(&format!("step {step}: going back to what {} calls have made", self.path.len()))?;
        Ok(false)
    }

    /// Reads a serialized state that was changed, and uses what comes out.
    fn read_anything(&mut self) -> Result<(), Finding> {
        let Some(here) = self.ours.here() else { return Ok(()) };
        let Some(mut bytes) = self.ours.bytes_of(&here) else { return Ok(()) };
        for _ in 0..self.random.range(1, 3) {
            let at = self.random.below(bytes.len() as u64) as usize;
            match self.random.below(4) {
                0 => bytes[at] ^= 1 << self.random.below(8),
                1 => bytes[at] = self.random.bits() as u8,
                2 => bytes[at] = bytes[at].wrapping_add(1),
                _ if self.random.one_in(4) => bytes.truncate(at.max(1)),
                _ => bytes[at] = 0,
            }
        }
        let skips_sections = seal(&mut bytes);
        if !self.ours.try_bytes(&bytes, skips_sections) {
            return Ok(());
        }
        if self.traces {
            eprintln!("using a state that was changed");
        }
        // Whatever it does, it does not break anything.
        call_all(&mut self.ours.runner, &mut self.random, true);
        let path = self.path.clone();
        assert!(self.put_back(&here, &path), "a snapshot does not go away");
        self.compare("going back from a state that somebody has changed")
    }

    /// Compares what can be seen, and the hashes of all that is there.
    fn compare(&mut self, what: &str) -> Result<(), Finding> {
        if self.traces {
            eprintln!("{what}");
        }
        let (ours, other) = (&mut self.ours.runner, &mut self.other.runner);
        if ours.start() != other.start() {
            let text = format!("{what}: {:?}; never back: {:?}", ours.start(), other.start());
            return Err(Finding::new("outcome", text));
        }
        let seen = (ours.globals(), ours.tables());
        compare_seen(what, ours, &seen, other, self.nan)?;
        // What NaNs there may be in globals does not show, but in hashes.
        if self.nan != Nan::Any && self.ours.hashes() != self.other.hashes() {
            let text = format!("{what}: {}", difference(&self.ours.states(), &self.other.states()));
            return Err(Finding::new("hash", text));
        }
        Ok(())
    }
}

/// What differs in the states of instances.
fn difference(ours: &[State], other: &[State]) -> String {
    let mut parts = vec![format!("{} instances and {}", ours.len(), other.len())];
    for (number, (a, b)) in ours.iter().zip(other).enumerate() {
        for (x, y) in a.globals.iter().zip(&*b.globals).filter(|(x, y)| x != y) {
            parts.push(format!("instance {number}: {x:?}, never back: {y:?}"));
        }
        for (x, y) in a.tables.iter().zip(&*b.tables).filter(|(x, y)| x != y) {
            parts.push(format!("instance {number}: {x:?}, never back: {y:?}"));
        }
        for (x, y) in a.memories.iter().zip(&*b.memories).filter(|(x, y)| x != y) {
            let ranges = x.contents.diff(&y.contents);
            let start = ranges.first().map_or(0, |range| range.start);
            let word = |pages: &Pages| {
                let mut word = vec![0; 8.min(pages.len().saturating_sub(start))];
                pages.read(start, &mut word);
                word
            };
            let (ours, other) = (word(&x.contents), word(&y.contents));
            let sizes = (x.contents.len(), y.contents.len());
            parts.push(format!(
                "instance {number}: {:?}, {sizes:?} bytes, {ranges:x?}: {ours:x?}, never back: {other:x?}",
                x.index
            ));
        }
        if (&a.dropped_data, &a.dropped_elements) != (&b.dropped_data, &b.dropped_elements) {
            parts.push(format!("instance {number}: dropped segments"));
        }
    }
    parts.join("; ")
}

/// Gives a serialized state the hashes of what it has become (docs/SNAPSHOT.md), as far as it has a header. Says whether
/// it has sections that a reader may skip.
fn seal(bytes: &mut [u8]) -> bool {
    const NUMBER: usize = 88;
    const SECTIONS: usize = NUMBER + 4;
    const SECTION: usize = 48;
    const HASH: usize = 32;
    let Some(number) = bytes.get(NUMBER..).and_then(|rest| rest.first_chunk()) else { return false };
    let number = u32::from_le_bytes(*number).min(64) as usize;
    let end = SECTIONS + number * SECTION;
    if bytes.len() < end + HASH {
        return false;
    }
    let (mut start, mut skips_sections) = (end + HASH, false);
    for section in 0..number {
        let entry = SECTIONS + section * SECTION;
        skips_sections |= bytes[entry + 4] & 1 == 0;
        let len = bytes[entry + 8..].first_chunk().map_or(0, |len| u64::from_le_bytes(*len));
        let after = usize::try_from(len).ok().and_then(|len| start.checked_add(len));
        let Some(contents) = after.and_then(|after| bytes.get(start..after)) else { break };
        let hash = blake3::hash(contents);
        start += contents.len();
        bytes[entry + 16..entry + SECTION].copy_from_slice(hash.as_bytes());
    }
    let hash = blake3::hash(&bytes[..end]);
    bytes[end..end + HASH].copy_from_slice(hash.as_bytes());
    skips_sections
}
