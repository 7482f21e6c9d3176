//! [`Usage`]: how much memory the modules and stores of an engine hold.
//!
//! Counted where memory is allocated or freed in any case: when a module is made or dropped, code is published, a
//! memory, a table or a stack gets a new block. Nothing is counted while code runs.

use alloc::sync::Arc;
use core::{
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

/// What is counted: bytes where nothing else is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// How many modules there are.
    Modules,
    /// How many functions are translated.
    Functions,
    /// Their code.
    Code,
    /// What is kept beside code for traps, backtraces and refunds.
    CodeTables,
    /// The decoded sections of modules.
    Metadata,
    /// The binaries of modules.
    Binaries,
    /// How many stores there are.
    Stores,
    /// Instances, with their functions and indices.
    Instances,
    /// Blocks of linear memories.
    Memories,
    /// Elements of tables.
    Tables,
    /// Value stacks.
    Stacks,
    /// Instances that modules keep for other stores, with their memories and tables.
    Warm,
}

impl Held {
    const COUNT: usize = Self::Warm as usize + 1;
}

/// The counters of an engine.
#[derive(Default)]
pub struct Usage([AtomicUsize; Held::COUNT]);

impl Usage {
    /// How much there is of something. Other threads may be about to change it.
    pub fn get(&self, what: Held) -> usize {
        self.0[what as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, what: Held, amount: usize) {
        self.0[what as usize].fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, what: Held, amount: usize) {
        self.0[what as usize].fetch_sub(amount, Ordering::Relaxed);
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

/// Where something that can grow is counted, if it is.
#[derive(Clone, Debug, Default)]
pub struct Tally(Option<Arc<Usage>>);

impl Tally {
    /// Counted by nobody.
    pub(crate) const NONE: Self = Self(None);

    /// Counted here.
    pub fn new(usage: Arc<Usage>) -> Self {
        Self(Some(usage))
    }

    pub(crate) fn add(&self, what: Held, amount: usize) {
        if let Some(usage) = &self.0 {
            usage.add(what, amount);
        }
    }

    pub(crate) fn sub(&self, what: Held, amount: usize) {
        if let Some(usage) = &self.0 {
            usage.sub(what, amount);
        }
    }
}
