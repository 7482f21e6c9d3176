//! Ways to keep the states of an instance, for the set `history`: Rotifer's histories, and what one does without them.
//! All of them have the same instance in Rotifer; where nobody asks what was written, it does not note that.

use crate::engine::{Engine, Keeper, Loader, TickWrites};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rotifer::{Config, History, HistoryConfig, Instance, Memory, Module, SnapshotStore, Store, TypedFunc};
use std::{
    collections::{HashMap, VecDeque},
    rc::Rc,
};
use xxhash_rust::xxh3::xxh3_128;

/// How many ticks others than Rotifer keep: as many as fit comfortably. Rotifer keeps as many as it does by default.
const RING: usize = 16;

const PAGE: usize = 4096;

/// A way to keep states.
pub struct Keeping {
    name: &'static str,
    track: bool,
    keep: fn() -> Box<dyn Keep>,
}

impl Keeping {
    /// A history of an instance whose engine tracks writes.
    pub fn history(name: &'static str) -> Self {
        Self { name, track: true, keep: || Box::new(History::new(HistoryConfig::default())) }
    }

    /// The same, with a store that makes equal pages one.
    pub fn shared(name: &'static str) -> Self {
        let keep = || {
            let history = History::with_store(HistoryConfig::default(), &SnapshotStore::new());
            Box::new(history) as Box<dyn Keep>
        };
        Self { name, track: true, keep }
    }

    /// The same as [`Keeping::history`], with the hash of each state.
    pub fn hashed(name: &'static str) -> Self {
        Self { name, track: true, keep: || Box::new(Hashed(History::new(HistoryConfig::default()))) }
    }

    /// A history of an instance whose engine does not.
    pub fn untracked(name: &'static str) -> Self {
        Self { track: false, ..Self::history(name) }
    }

    /// A copy of the memory for each tick.
    pub fn copies(name: &'static str) -> Self {
        Self { name, track: false, keep: || Box::new(Copies::default()) }
    }

    /// The pages of the memory whose hashes have changed.
    pub fn scan(name: &'static str) -> Self {
        Self { name, track: false, keep: || Box::new(Scan::default()) }
    }
}

impl Engine for Keeping {
    fn name(&self) -> &str {
        self.name
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        bail!("this is no engine but a way to keep states");
    }

    fn keeper(&self, wasm: &[u8]) -> Result<Box<dyn Keeper>> {
        let engine = rotifer::Engine::new(Config::new().track_writes(self.track));
        let module = Module::new(&engine, wasm).map_err(error)?;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).map_err(error)?;
        let memory = instance.get_memory(&store, "memory").context("no memory")?;
        let fill = instance.get_typed_func::<(), ()>(&store, "fill").map_err(error)?;
        fill.call(&mut store, ()).map_err(error)?;
        let tick = instance.get_typed_func(&store, "tick").map_err(error)?;
        Ok(Box::new(Player { subject: Subject { store, instance, memory }, tick, keep: (self.keep)() }))
    }
}

fn error(error: rotifer::Error) -> anyhow::Error {
    anyhow!("{error}")
}

/// An instance whose states are kept.
struct Subject {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

/// An instance, and what keeps its states.
struct Player {
    subject: Subject,
    tick: TypedFunc<(i32, i32), ()>,
    keep: Box<dyn Keep>,
}

impl Keeper for Player {
    fn play(&mut self, tick: u64, writes: TickWrites) -> Result<()> {
        let sparse = i32::from(writes == TickWrites::Sparse);
        self.tick.call(&mut self.subject.store, (tick as i32, sparse)).map_err(error)
    }

    fn record(&mut self, tick: u64) -> Result<()> {
        self.keep.record(&mut self.subject, tick)
    }

    fn rollback(&mut self, tick: u64) -> Result<()> {
        self.keep.rollback(&mut self.subject, tick)
    }

    fn digest(&mut self) -> u64 {
        xxh3_128(self.subject.memory.data(&self.subject.store)) as u64
    }

    fn old_tick_bytes(&mut self) -> Result<f64> {
        let (ticks, bytes) = (self.keep.len(), self.keep.bytes());
        self.keep.drop_oldest(ticks / 2);
        ensure!(ticks / 2 > 0, "nothing was recorded");
        Ok((bytes - self.keep.bytes()) as f64 / (ticks / 2) as f64)
    }
}

/// What keeps states.
trait Keep {
    fn record(&mut self, subject: &mut Subject, tick: u64) -> Result<()>;
    fn rollback(&mut self, subject: &mut Subject, tick: u64) -> Result<()>;
    fn len(&self) -> usize;
    fn bytes(&self) -> usize;
    fn drop_oldest(&mut self, count: usize);
}

impl Keep for History {
    fn record(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        History::record(self, &mut subject.store, subject.instance, tick).map_err(error)
    }

    fn rollback(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        History::rollback(self, &mut subject.store, subject.instance, tick).map_err(error)
    }

    fn len(&self) -> usize {
        History::len(self)
    }

    fn bytes(&self) -> usize {
        History::bytes(self)
    }

    fn drop_oldest(&mut self, count: usize) {
        let first_kept = self.ticks().nth(count);
        self.truncate_before(first_kept.unwrap_or(u64::MAX));
    }
}

/// A history that hashes each state that it records.
struct Hashed(History);

impl Keep for Hashed {
    fn record(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        Keep::record(&mut self.0, subject, tick)?;
        std::hint::black_box(self.0.get(tick)?.state_hash());
        Ok(())
    }

    fn rollback(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        Keep::rollback(&mut self.0, subject, tick)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn drop_oldest(&mut self, count: usize) {
        self.0.drop_oldest(count);
    }
}

/// Copies of the whole memory. Their buffers are used again: a new one would cost page faults besides.
#[derive(Default)]
struct Copies {
    copies: VecDeque<(u64, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

impl Keep for Copies {
    fn record(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        if self.copies.len() == RING {
            self.drop_oldest(1);
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(subject.memory.data(&subject.store));
        self.copies.push_back((tick, copy));
        Ok(())
    }

    fn rollback(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        while let Some((_, later)) = self.copies.pop_back_if(|(newest, _)| *newest > tick) {
            self.spare.push(later);
        }
        let (_, copy) = self.copies.back().context("the tick is not there")?;
        subject.memory.data_mut(&mut subject.store).copy_from_slice(copy);
        Ok(())
    }

    fn len(&self) -> usize {
        self.copies.len()
    }

    fn bytes(&self) -> usize {
        self.copies.iter().map(|(_, copy)| copy.len()).sum()
    }

    fn drop_oldest(&mut self, count: usize) {
        self.spare.extend(self.copies.drain(..count).map(|(_, copy)| copy));
    }
}

/// A page with its hash.
type Page = (u128, Rc<[u8; PAGE]>);

/// Hashes all pages each tick, and keeps each contents once.
#[derive(Default)]
struct Scan {
    ticks: VecDeque<(u64, Vec<Page>)>,
    pages: HashMap<u128, Rc<[u8; PAGE]>>,
}

impl Scan {
    /// Drops the states that were taken out, and the pages that nobody has then.
    fn forget(&mut self, dropped: Vec<(u64, Vec<Page>)>) {
        for (key, page) in dropped.into_iter().flat_map(|(_, pages)| pages) {
            // Here, and among all pages.
            if Rc::strong_count(&page) == 2 {
                self.pages.remove(&key);
            }
        }
    }
}

impl Keep for Scan {
    fn record(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        if self.ticks.len() == RING {
            self.drop_oldest(1);
        }
        let (pages, _) = subject.memory.data(&subject.store).as_chunks::<PAGE>();
        let last = self.ticks.back().map_or(&[][..], |(_, pages)| pages);
        let state = pages.iter().enumerate().map(|(index, page)| {
            let key = xxh3_128(page);
            match last.get(index) {
                Some(last) if last.0 == key => last.clone(),
                _ => (key, self.pages.entry(key).or_insert_with(|| Rc::new(*page)).clone()),
            }
        });
        let state = state.collect();
        self.ticks.push_back((tick, state));
        Ok(())
    }

    fn rollback(&mut self, subject: &mut Subject, tick: u64) -> Result<()> {
        let kept = self.ticks.partition_point(|(earlier, _)| *earlier <= tick);
        let later = self.ticks.drain(kept..).collect();
        let (_, state) = self.ticks.back().context("the tick is not there")?;
        let (pages, _) = subject.memory.data_mut(&mut subject.store).as_chunks_mut::<PAGE>();
        for (page, (key, old)) in pages.iter_mut().zip(state) {
            if xxh3_128(page) != *key {
                *page = **old;
            }
        }
        self.forget(later);
        Ok(())
    }

    fn len(&self) -> usize {
        self.ticks.len()
    }

    fn bytes(&self) -> usize {
        let lists: usize = self.ticks.iter().map(|(_, pages)| size_of_val(&**pages)).sum();
        lists + self.pages.len() * (PAGE + size_of::<Page>())
    }

    fn drop_oldest(&mut self, count: usize) {
        let dropped = self.ticks.drain(..count).collect();
        self.forget(dropped);
    }
}
