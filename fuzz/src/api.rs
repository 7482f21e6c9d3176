//! The target `api`: random sequences of calls of the public API. Whatever the order and the arguments, there is a
//! result or a typed error, never a panic but where a doc comment announces one, and memory is accounted for.
//!
//! A [`World`] has engines, stores and linkers. Everything else (handles of items, modules, suspended calls) is in a
//! [`Pool`](pool::Pool) that all stores share, so that things are also used with the wrong store and engine. Host
//! functions make calls of the API, too: the same ones, in the middle of a call.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use rotifer::{Engine, Linker, Store};

use crate::{Finding, execute::Done, random::Random};

mod calls;
mod config;
mod host;
mod items;
mod kit;
mod limiter;
mod linkers;
mod look;
mod modules;
mod pool;
mod stores;
mod values;

use pool::{Data, Dice, Shared};

/// What a host function unwinds with; any other panic is a finding.
struct HostPanic;

/// A store, and whether its engine counts fuel.
struct Slot {
    store: Store<Data>,
    number: u64,
}

/// What a sequence of calls works on.
struct World {
    dice: Dice,
    shared: Shared,
    slots: Vec<Slot>,
    linkers: Vec<Linker<Data>>,
    stores_so_far: u64,
}

/// The most live objects of a kind.
const MOST: usize = 4;

impl World {
    fn new(random: Random) -> Self {
        let dice = Dice::new(random);
        Self { shared: Shared::default(), dice, slots: vec![], linkers: vec![], stores_so_far: 0 }
    }

    /// An engine: a new one, or one that is there.
    fn engine(&mut self) -> Engine {
        let known = self.shared.engines();
        if !known.is_empty() && (known.len() >= MOST || !self.dice.one_in(6)) {
            return self.dice.pick_of(&known);
        }
        let engine = config::engine(&self.dice);
        self.shared.with(|pool| pool.engines.push(engine.clone()));
        engine
    }

    fn new_store(&mut self) {
        let engine = self.engine();
        self.stores_so_far += 1;
        let number = self.stores_so_far;
        let store = stores::store(&engine, &self.dice, &self.shared, number);
        self.slots.push(Slot { store, number });
    }

    /// One call of the API, or a few that belong together.
    fn step(&mut self) -> Result<(), Finding> {
        if self.slots.is_empty() {
            self.new_store();
        }
        match self.dice.below(40) {
            0..=3 => {
                let engine = self.engine();
                modules::load(&engine, &self.dice, &self.shared)?;
            }
            4 => {
                if self.slots.len() < MOST {
                    self.new_store();
                }
            }
            5 => self.drop_something(),
            6..=11 => {
                let engine = self.engine();
                linkers::step(&engine, &self.dice, &self.shared, &mut self.linkers, &mut self.slots);
            }
            12 => modules::look(&self.dice, &self.shared),
            13 => stores::check_usage(&self.shared, &self.slots)?,
            14..=17 => {
                let slot = self.dice.below(self.slots.len() as u64) as usize;
                stores::step(&mut self.slots[slot].store, &self.dice, &self.shared);
            }
            _ => {
                let slot = self.dice.below(self.slots.len() as u64) as usize;
                stores::refuel(&mut self.slots[slot].store, &self.dice);
                let mut ctx = rotifer::AsContextMut::as_context_mut(&mut self.slots[slot].store);
                ctx.data_mut().depth = 0;
                items::step(&mut ctx);
            }
        }
        Ok(())
    }

    fn drop_something(&mut self) {
        let at = |dice: &Dice, len: usize| dice.below(len.max(1) as u64) as usize;
        match self.dice.below(6) {
            0 if !self.slots.is_empty() => {
                let at = at(&self.dice, self.slots.len());
                let slot = self.slots.swap_remove(at);
                if self.dice.one_in(2) {
                    let data = slot.store.into_data();
                    assert_eq!(data.number, slot.number, "the data is that of the store");
                }
            }
            1 if !self.linkers.is_empty() => {
                let at = at(&self.dice, self.linkers.len());
                self.linkers.swap_remove(at);
            }
            2 => self.shared.with(|pool| {
                if !pool.engines.is_empty() {
                    pool.engines.swap_remove(at(&self.dice, pool.engines.len()));
                }
            }),
            3 => {
                // Outside of the pool: what is dropped may be the last user of much.
                let call = self.shared.with(|pool| {
                    (!pool.calls.is_empty()).then(|| pool.calls.swap_remove(at(&self.dice, pool.calls.len())))
                });
                drop(call);
            }
            4 => {
                let module = self.shared.with(|pool| {
                    let len = pool.modules.len();
                    (len > 0).then(|| pool.modules.swap_remove(at(&self.dice, len)))
                });
                drop(module);
            }
            _ => self.shared.with(|pool| pool.items.truncate(at(&self.dice, pool.items.len() + 1))),
        }
    }

    /// Drops everything in any order. What engines say they hold is 0 then.
    fn end(mut self) -> Result<(), Finding> {
        let engines = self.shared.engines();
        while !self.slots.is_empty() || !self.linkers.is_empty() {
            self.drop_something();
        }
        self.shared.with(std::mem::take).drop_in_order(&self.dice);
        for engine in engines {
            let usage = engine.memory_usage();
            let held = usage.total() + usage.modules + usage.stores + usage.module_memory.functions;
            if held != 0 {
                return Err(Finding::new("usage", format!("everything is dropped, but there is {usage:?}")));
            }
            let weak = engine.weak();
            drop(engine);
            if weak.upgrade().is_some() {
                return Err(Finding::new("usage", "all is dropped, but the engine lives"));
            }
        }
        Ok(())
    }
}

/// Runs a sequence that follows from a seed, the first decisions from bytes.
pub fn run(seed: u64, input: &[u8]) -> Result<Done, Finding> {
    let mut world = World::new(Random::with_input(seed, input));
    let steps = world.dice.pick(&[20, 60, 200]);
    let mut done = Done::default();
    for number in 0..steps {
        crate::execute::CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if std::env::var_os("ROTIFER_FUZZ_TRACE").is_some() {
            eprintln!("step {number}");
        }
        match catch_unwind(AssertUnwindSafe(|| world.step())) {
            Ok(result) => result?,
            Err(panic) if panic.is::<HostPanic>() => done.traps += 1,
            Err(panic) => {
                // Dropping it could panic once more.
                std::mem::forget(world);
                resume_unwind(panic);
            }
        }
        done.calls += 1;
    }
    (done.returns, done.suspensions) = world.shared.with(|pool| (pool.returns, pool.suspensions));
    world.end()?;
    Ok(done)
}
