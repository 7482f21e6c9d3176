//! What stores share: randomness, handles, modules, suspended calls.

use std::{cell::RefCell, rc::Rc};

use rotifer::{
    Engine, Extern, ExternRef, Func, FunctionProfile, Global, Instance, InstancePre, InterruptHandle, Memory,
    Module, Snapshot, SuspendedCall, Table,
};

use super::limiter::Limiter;
use crate::random::Random;

/// Randomness that many share.
#[derive(Clone)]
pub(super) struct Dice(Rc<RefCell<Random>>);

impl Dice {
    pub(super) fn new(random: Random) -> Self {
        Self(Rc::new(RefCell::new(random)))
    }

    pub(super) fn bits(&self) -> u64 {
        self.0.borrow_mut().bits()
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.0.borrow_mut().below(end)
    }

    pub(super) fn one_in(&self, n: u64) -> bool {
        self.0.borrow_mut().one_in(n)
    }

    pub(super) fn pick<T: Copy>(&self, things: &[T]) -> T {
        self.0.borrow_mut().pick(things)
    }

    /// One of some things that are cloned.
    pub(super) fn pick_of<T: Clone>(&self, things: &[T]) -> T {
        things[self.below(things.len() as u64) as usize].clone()
    }

    /// A generator of its own.
    pub(super) fn random(&self) -> Random {
        Random::new(self.bits())
    }

    /// A number of any size, more often a small one.
    pub(super) fn size(&self) -> u64 {
        match self.below(10) {
            0..=4 => self.below(5),
            5 | 6 => self.below(70_000),
            7 => 1u64.checked_shl(self.below(64) as u32).unwrap_or(0).wrapping_sub(self.below(2)),
            8 => u64::MAX - self.below(3),
            _ => self.bits(),
        }
    }
}

/// An item of a store.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    Func(Func),
    Memory(Memory),
    Table(Table),
    Global(Global),
    Instance(Instance),
    Object(ExternRef),
}

impl From<Extern> for Item {
    fn from(item: Extern) -> Self {
        match item {
            Extern::Func(func) => Self::Func(func),
            Extern::Memory(memory) => Self::Memory(memory),
            Extern::Table(table) => Self::Table(table),
            Extern::Global(global) => Self::Global(global),
        }
    }
}

/// A module, and whether its calls end without fuel of the engine.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) module: Module,
    pub(super) terminates: bool,
}

/// What stores share. Items and calls are kept with the number of their store.
#[derive(Default)]
pub(super) struct Pool {
    pub(super) engines: Vec<Engine>,
    pub(super) modules: Vec<Loaded>,
    pub(super) items: Vec<(u64, Item)>,
    /// Globals that count the fuel of modules; nobody else gets them.
    pub(super) fuel: Vec<(u64, Global)>,
    pub(super) calls: Vec<(u64, SuspendedCall)>,
    pub(super) handles: Vec<InterruptHandle>,
    pub(super) prepared: Vec<(InstancePre<Data>, bool)>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) profile: FunctionProfile,
    pub(super) returns: u64,
    pub(super) suspensions: u64,
}

impl Pool {
    /// Drops what there is, one kind after the other.
    pub(super) fn drop_in_order(mut self, dice: &Dice) {
        for _ in 0..8 {
            match dice.below(4) {
                0 => self.calls.clear(),
                1 => self.modules.clear(),
                2 => self.prepared.clear(),
                _ => self.engines.clear(),
            }
        }
    }
}

/// The pool, for all that share it.
#[derive(Clone, Default)]
pub(super) struct Shared(Rc<RefCell<Pool>>);

impl Shared {
    /// Looks at the pool; `look` must not call into a store.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut Pool) -> R) -> R {
        look(&mut self.0.borrow_mut())
    }

    pub(super) fn engines(&self) -> Vec<Engine> {
        self.with(|pool| pool.engines.clone())
    }

    /// Adds an item; there are never many.
    pub(super) fn add(&self, dice: &Dice, number: u64, item: Item) {
        let at = dice.below(300) as usize;
        self.with(|pool| {
            if pool.items.len() < 300 {
                pool.items.push((number, item))
            } else {
                pool.items[at] = (number, item)
            }
        });
    }

    /// An item of a kind that mostly, if `strict` always, is one of the store with this number.
    pub(super) fn find<T>(
        &self,
        dice: &Dice,
        number: u64,
        strict: bool,
        kind: impl Fn(Item) -> Option<T>,
    ) -> Option<T> {
        let own = strict || !dice.one_in(15);
        let (start, all) = (dice.bits(), self.with(|pool| pool.items.clone()));
        let len = all.len();
        let mut from = (0..len).map(|i| all[(start as usize % len + i) % len]);
        from.find_map(|(owner, item)| if owner == number || !own { kind(item) } else { None })
    }
}

/// The embedder's data of a store.
pub(super) struct Data {
    pub(super) number: u64,
    pub(super) metered: bool,
    pub(super) dice: Dice,
    pub(super) shared: Shared,
    pub(super) limiter: Limiter,
    /// How many host functions are active.
    pub(super) depth: u32,
    /// How much host functions may still do.
    pub(super) budget: u32,
}
