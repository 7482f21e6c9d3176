//! Stores: what only the embedder can do with one.

use std::time::{Duration, Instant};

use rotifer::{AsContextMut, Engine, ProfiledFunc, Profiler, Store, SuspendedProfile};

use super::{
    Slot, items,
    limiter::Limiter,
    look,
    pool::{Data, Dice, Shared},
};
use crate::Finding;

/// The fuel of a call, at most.
const FUEL: u64 = 50_000;

/// A store with a limiter.
pub(super) fn store(engine: &Engine, dice: &Dice, shared: &Shared, number: u64) -> Store<Data> {
    let mut data = Data {
        number,
        metered: false,
        dice: dice.clone(),
        shared: shared.clone(),
        limiter: Limiter::new(dice),
        depth: 0,
        budget: 300,
    };
    data.metered = Store::new(engine, ()).get_fuel().is_ok();
    let mut store = Store::new(engine, data);
    store.limiter(|data| &mut data.limiter);
    assert!(Engine::same(store.engine(), engine));
    assert_eq!(store.data().number, number);
    store
}

/// Before a call: fuel, of whoever counts it.
pub(super) fn refuel(store: &mut Store<Data>, dice: &Dice) {
    if store.data().metered {
        let fuel = dice.pick(&[0, 10, 1_000, FUEL]);
        assert!(store.set_fuel(fuel).is_ok(), "the engine counts fuel");
        assert_eq!(store.get_fuel().ok(), Some(fuel));
    }
    items::refill(&mut store.as_context_mut());
}

/// Makes a call on a store.
pub(super) fn step(store: &mut Store<Data>, dice: &Dice, shared: &Shared) {
    match dice.below(8) {
        0 => {
            if let Some(handle) = look::result(store.interrupt_handle()) {
                shared.with(|pool| {
                    pool.handles.push(handle.clone());
                    if pool.handles.len() > 8 {
                        pool.handles.swap_remove(0);
                    }
                });
            }
        }
        1 => {
            let deadline = match dice.below(3) {
                0 => Some(Instant::now()),
                1 => Instant::now().checked_add(Duration::from_secs(3_600)),
                _ => None,
            };
            look::done(store.set_deadline(deadline));
        }
        2 => {
            let profiler: Option<Box<dyn Profiler + Send + Sync>> = match dice.below(4) {
                0 => None,
                1 => Some(shared.with(|pool| pool.profile.recorder())),
                2 => Some(Box::new(Depth { active: 0, keeps: true })),
                _ => Some(Box::new(Depth { active: 0, keeps: false })),
            };
            look::done(store.set_profiler(profiler));
            let profile = shared.with(|pool| pool.profile.clone());
            for times in profile.functions() {
                let _ = format!("{times:?} {profile:?}");
            }
        }
        3 => store.data_mut().limiter = Limiter::new(dice),
        4 => {
            let limiter = dice.one_in(8);
            if limiter {
                store.limiter(|data| &mut data.limiter);
            }
        }
        5 => look::done(store.check_interrupt()),
        6 => {
            let left = store.get_fuel();
            if let Some(left) = look::result(left) {
                let _ = look::result(store.consume_fuel(left.wrapping_add(dice.below(3))));
            }
        }
        _ => {
            let usage = store.memory_usage();
            assert!(usage.total() >= usage.memories + usage.tables, "{usage:?}");
            let _ = format!("{:?}", store.as_context_mut());
        }
    }
}

/// A profiler that counts: calls nest, and end as often as they begin.
struct Depth {
    active: usize,
    keeps: bool,
}

impl Profiler for Depth {
    fn enter(&mut self, func: ProfiledFunc<'_>) {
        let _ = (func.func_index(), func.func_name(), func.module_name(), func.module_id());
        let _ = format!("{func:?}");
        self.active += 1;
    }

    fn leave(&mut self, _: ProfiledFunc<'_>) {
        self.active -= 1;
    }

    fn unwind(&mut self, count: usize) {
        assert!(count <= self.active, "{count} functions of {} are unwound", self.active);
        self.active -= count;
    }

    fn suspend(&mut self, count: usize) -> Option<SuspendedProfile> {
        assert!(count <= self.active, "{count} functions of {} are suspended", self.active);
        self.active -= count;
        self.keeps.then(|| Box::new(count) as SuspendedProfile)
    }

    fn resume(&mut self, count: usize, state: Option<SuspendedProfile>) {
        assert_eq!(state.is_some(), self.keeps);
        if let Some(state) = state {
            assert_eq!(state.downcast_ref::<usize>(), Some(&count));
        }
        self.active += count;
    }
}

/// The sums of what stores say they hold are what their engines say.
pub(super) fn check_usage(shared: &Shared, slots: &[Slot]) -> Result<(), Finding> {
    for engine in shared.engines() {
        let usage = engine.memory_usage();
        let own =
            || slots.iter().map(|slot| &slot.store).filter(|store| Engine::same(store.engine(), &engine));
        let sum =
            |what: fn(&rotifer::StoreMemory) -> usize| own().map(|store| what(&store.memory_usage())).sum();
        let (stores, memories, tables): (usize, usize, usize) =
            (own().count(), sum(|usage| usage.memories), sum(|usage| usage.tables));
        let held = usage.store_memory;
        if (stores, memories, tables) != (usage.stores, held.memories, held.tables) {
            let text = format!("stores hold {stores}, {memories}, {tables}; the engine says {usage:?}");
            return Err(Finding::new("usage", text));
        }
        let _ = usage.total();
    }
    Ok(())
}
