//! An instance that goes back to earlier states in every way there is.

use std::fmt;

use rotifer::{
    ErrorKind, History, HistoryConfig, HistoryError, Instance, Linker, Module, Snapshot, SnapshotError,
    SnapshotStore, StateHash, state::State,
};

use super::{Extra, Runner, steps};
use crate::backend::Backend;
use crate::random::Random;
use crate::value::HostCall;

/// An instance, perhaps a second one with the same imports, and their histories.
pub struct Rewinding {
    pub runner: Runner,
    /// In the order in which they were made.
    instances: Vec<Instance>,
    histories: Vec<History>,
    /// The last one: none is used twice, so that a point is never taken for another.
    tick: u64,
    /// Where a reset goes back to, if it is where both instances have begun.
    base: Option<Point>,
}

/// A state to go back to.
#[derive(Clone)]
pub struct Point {
    kept: Kept,
    /// The calls of host functions until then: what the host does depends on how many there were.
    host_calls: Vec<HostCall>,
}

/// How the state is kept, for each instance.
#[derive(Clone)]
enum Kept {
    /// The one that instances begin with.
    Base,
    Snapshots(Vec<Snapshot>),
    Bytes(Vec<Vec<u8>>),
    Tick(u64),
}

/// How an instance came to its state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// It is the same instance.
    Back,
    /// There are other instances, in another store.
    Elsewhere,
}

impl Rewinding {
    /// Instantiates a module, perhaps twice: what is imported belongs to both instances then.
    pub fn new(name: String, module: &Module, seed: u64, fuel: u64, twice: bool) -> Self {
        let mut runner = Runner::new(name, module, seed, fuel, Extra::default());
        let mut instances: Vec<Instance> = runner.instance.into_iter().collect();
        let host_calls = runner.host_calls().len();
        if twice
            && !instances.is_empty()
            && let Ok(second) = Instance::new(&mut runner.store, module, &runner.imports)
        {
            runner.look_at(second);
            instances.push(second);
        }
        // While the second one begins, the host may call functions of the first one.
        let together = runner.host_calls().len() == host_calls;
        let base = together.then(|| Point { kept: Kept::Base, host_calls: runner.host_calls().to_vec() });
        let mut random = Random::new(seed);
        let histories = instances.iter().map(|_| history(&mut random)).collect();
        Self { runner, instances, histories, tick: 0, base }
    }

    /// The hashes of the states, unless they refer to the host's objects.
    pub fn hashes(&mut self) -> Option<Vec<StateHash>> {
        let Self { runner, instances, .. } = self;
        instances.iter().map(|instance| instance.state_hash(&mut runner.store).ok()).collect()
    }

    /// The states, as data.
    pub fn states(&mut self) -> Vec<State> {
        self.snapshots().unwrap_or_default().iter().map(|snapshot| snapshot.state().clone()).collect()
    }

    /// The state in which the instances are now, kept in some way, unless it refers to the host's objects.
    pub fn keep(&mut self, random: &mut Random) -> Option<Point> {
        let snapshots = self.snapshots()?;
        let kept = match random.below(3) {
            0 => Kept::Snapshots(snapshots),
            1 => Kept::Bytes(snapshots.iter().map(|snapshot| self.write(snapshot)).collect()),
            _ => Kept::Tick(self.record(random)),
        };
        Some(Point { kept, host_calls: self.runner.host_calls().to_vec() })
    }

    /// The state in which the instances are now, as snapshots.
    pub fn here(&mut self) -> Option<Point> {
        let kept = Kept::Snapshots(self.snapshots()?);
        Some(Point { kept, host_calls: self.runner.host_calls().to_vec() })
    }

    fn snapshots(&mut self) -> Option<Vec<Snapshot>> {
        let Self { runner, instances, .. } = self;
        instances.iter().map(|instance| instance.snapshot(&mut runner.store).ok()).collect()
    }

    fn write(&self, snapshot: &Snapshot) -> Vec<u8> {
        let bytes = snapshot.serialize();
        let read = Snapshot::deserialize(&self.runner.module, &bytes).expect("these are its bytes");
        assert!(read == *snapshot, "what is read is what was written");
        bytes
    }

    fn record(&mut self, random: &mut Random) -> u64 {
        self.tick += 1 + random.below(3);
        for (history, instance) in self.histories.iter_mut().zip(&self.instances) {
            let result = history.record(&mut self.runner.store, *instance, self.tick);
            if let Err(error) = result {
                let too_large = matches!(
                    error.kind(),
                    ErrorKind::Snapshot(SnapshotError::History(HistoryError::TooLarge { .. }))
                );
                assert!(too_large, "a state that was just taken is recorded: {error}");
            }
        }
        if random.one_in(8) {
            let before = self.tick.saturating_sub(random.below(6));
            self.histories.iter_mut().for_each(|history| history.truncate_before(before));
        }
        self.tick
    }

    /// The snapshots of a point, if they are still there.
    fn snapshots_of(&self, point: &Point) -> Option<Vec<Snapshot>> {
        match &point.kept {
            Kept::Base => None,
            Kept::Snapshots(snapshots) => Some(snapshots.clone()),
            Kept::Bytes(all) => Some(all.iter().map(|bytes| self.read(bytes)).collect()),
            Kept::Tick(tick) => self.histories.iter().map(|history| history.get(*tick).ok()).collect(),
        }
    }

    fn read(&self, bytes: &[u8]) -> Snapshot {
        Snapshot::deserialize(&self.runner.module, bytes).expect("these are its bytes")
    }

    /// Goes back, if the point is still there.
    pub fn go_back(&mut self, point: &Point, random: &mut Random) -> Option<Way> {
        let mut way = Way::Back;
        match &point.kept {
            Kept::Base => self.reset(),
            Kept::Tick(tick) if random.one_in(2) => self.roll_back(*tick)?,
            _ => {
                let snapshots = self.snapshots_of(point)?;
                if random.one_in(3) && self.begin_with(&snapshots) {
                    way = Way::Elsewhere;
                } else {
                    self.restore(&snapshots, random.one_in(2));
                }
            }
        }
        self.runner.backtrace.clear();
        self.runner.store.data_mut().log.calls.clone_from(&point.host_calls);
        self.runner.store.data_mut().log.depth = 0;
        Some(way)
    }

    /// Where a reset goes back to, if there can be one.
    pub fn base(&self) -> Option<Point> {
        self.base.clone().filter(|_| self.runner.store.engine().config().get_resettable())
    }

    fn reset(&mut self) {
        for instance in &self.instances {
            instance.reset(&mut self.runner.store).expect("nothing runs");
        }
    }

    fn restore(&mut self, snapshots: &[Snapshot], with_fuel: bool) {
        let store = &mut self.runner.store;
        for (instance, snapshot) in self.instances.iter().zip(snapshots) {
            if !with_fuel {
                instance.restore(&mut *store, snapshot).expect("the module is the same");
                continue;
            }
            instance.restore_with_fuel(&mut *store, snapshot).expect("the module is the same");
            if let (Some(fuel), Ok(left)) = (snapshot.state().fuel, store.get_fuel()) {
                assert_eq!(left, fuel, "the fuel that was left");
            }
        }
    }

    fn roll_back(&mut self, tick: u64) -> Option<()> {
        if self.histories.iter().any(|history| history.get(tick).is_err()) {
            return None;
        }
        for (history, instance) in self.histories.iter_mut().zip(&self.instances) {
            history.rollback(&mut self.runner.store, *instance, tick).expect("the tick is there");
        }
        Some(())
    }

    /// Makes new instances in a store of their own. Says whether that is possible.
    fn begin_with(&mut self, snapshots: &[Snapshot]) -> bool {
        let Runner { name, module, fuel, .. } = &self.runner;
        let seed = self.runner.store.data().log.seed;
        let mut runner = Runner::without_instance(name.clone(), module, seed, *fuel, Extra::default());
        let mut linker = Linker::new(module.engine());
        for (import, item) in module.imports().zip(&runner.imports) {
            // Two imports may have the same name and different types.
            if linker.define(import.module(), import.name(), *item).is_err() {
                return false;
            }
        }
        let Ok(pre) = linker.instantiate_pre(module) else { return false };
        let mut instances = vec![];
        for snapshot in snapshots {
            let instance =
                snapshot.instantiate(&pre, &mut runner.store).expect("the imports are those of before");
            runner.look_at(instance);
            instances.push(instance);
        }
        runner.instance = instances.first().copied();
        steps::set_fuel(&mut runner.store, *fuel);
        (self.runner, self.instances) = (runner, instances);
        true
    }

    /// The point becomes that to which a reset goes back: instances have begun with it.
    pub fn rebase(&mut self, host_calls: Vec<HostCall>) {
        self.base = Some(Point { kept: Kept::Base, host_calls });
    }

    /// The state of the first instance as bytes.
    pub fn bytes_of(&self, point: &Point) -> Option<Vec<u8>> {
        Some(self.snapshots_of(point)?.first()?.serialize())
    }

    /// Reads bytes that may be anything. What is accepted is what would be written, but for sections that may be skipped,
    /// and instances can have it.
    pub fn try_bytes(&mut self, bytes: &[u8], skips_sections: bool) -> bool {
        let Ok(snapshot) = Snapshot::deserialize_within(&self.runner.module, bytes, 1 << 26) else {
            return false;
        };
        let written = snapshot.serialize();
        let read = Snapshot::deserialize(&self.runner.module, &written).expect("these are its bytes");
        assert!(read == snapshot, "what is read is what was written");
        if written != bytes && !skips_sections {
            let at = written.iter().zip(bytes).position(|(a, b)| a != b);
            panic!("accepted are {bytes:x?}, which would be written otherwise, from {at:?} on: {written:x?}");
        }
        let Some(instance) = self.instances.first() else { return false };
        // Memories and tables that are imported have maxima of their own.
        instance.restore(&mut self.runner.store, &snapshot).is_ok()
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = match &self.kept {
            Kept::Base => "the beginning",
            Kept::Snapshots(_) => "a snapshot",
            Kept::Bytes(_) => "a serialized state",
            Kept::Tick(tick) => return write!(f, "tick {tick}"),
        };
        f.write_str(kept)
    }
}

impl Point {
    /// The calls of host functions until then.
    pub fn host_calls(&self) -> &[HostCall] {
        &self.host_calls
    }
}

/// An empty history with small bounds.
fn history(random: &mut Random) -> History {
    let config = HistoryConfig {
        capacity: random.range(2, 8) as usize,
        max_bytes: random.pick(&[20_000, 500_000, usize::MAX]),
        dense: random.range(1, 3) as usize,
    };
    if random.one_in(2) { History::new(config) } else { History::with_store(config, &SnapshotStore::new()) }
}
