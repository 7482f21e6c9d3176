//! Where an operand is.
//!
//! WebAssembly pushes and pops; our code reads and writes slots of a frame. Here the difference disappears. An
//! operand on the walk's stack records where its value *is*: in its own canonical slot, in a local, or nowhere
//! because it is a constant. `local.get` and `i32.const` therefore emit no code: whoever consumes the operand
//! reads the local or the constant in place.
//!
//! The price is aliasing: before a local is overwritten, operands that still refer to it must be copied out
//! (see `Translator::preserve`).

use alloc::{collections::BTreeMap, vec::Vec};

/// An operand on the walk's stack.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// Where the value is.
    pub(crate) place: Place,
    /// The canonical slot of this stack position (I-SLOT): a function of the heights and types below it only.
    pub(crate) slot: u16,
    /// How many slots the value takes.
    pub(crate) width: u8,
}

/// Where a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the canonical slot.
    Temp,
    /// In the slot of a local.
    Local(u16),
    /// A constant, as a slot would hold it.
    Const(u64),
    /// The i32 sum of two locals, not computed yet: loads and stores add in place.
    Sum(u16, u16),
}

impl Operand {
    /// The slot that holds the value, if one does.
    pub(crate) fn source_slot(self) -> Option<u16> {
        match self.place {
            Place::Temp => Some(self.slot),
            Place::Local(slot) => Some(slot),
            Place::Const(_) | Place::Sum(..) => None,
        }
    }

    /// How often the value refers to a local.
    pub(crate) fn aliases(self, local: u16) -> u32 {
        match self.place {
            Place::Local(slot) => u32::from(slot == local),
            Place::Sum(a, b) => u32::from(a == local) + u32::from(b == local),
            Place::Temp | Place::Const(_) => 0,
        }
    }
}

/// How many locals have a count of their own from the start: see [`Aliases`].
const LISTED: usize = 512;

/// How many operands on the stack alias each local.
///
/// Counts let `preserve` stop as soon as it has found all aliases, so that its cost is paid for by the
/// `local.get`s that made them: translation stays linear however deep the stack is. Counts of operands that
/// vanish unseen (in code that became unreachable) are dropped with their epoch.
///
/// A body of a few bytes may declare ten thousands of locals: those behind the first ones get counts when they are
/// used.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    counts: Vec<(u32, u32)>,
    others: BTreeMap<u16, (u32, u32)>,
    epoch: u32,
    total: u32,
}

impl Aliases {
    /// Prepares for a function with `slots` slots of locals (linkage included).
    pub(crate) fn reset(&mut self, slots: usize) {
        self.counts.clear();
        self.counts.resize(slots.min(LISTED), (0, 0));
        self.others.clear();
        self.epoch = 0;
        self.total = 0;
    }

    /// Forgets all aliases: there is none on the stack.
    pub(crate) fn clear(&mut self) {
        self.epoch += 1;
        self.total = 0;
    }

    /// An operand aliases the local in `slot` now.
    pub(crate) fn add(&mut self, slot: u16) {
        let entry = match self.counts.get_mut(slot as usize) {
            Some(entry) => entry,
            None => self.others.entry(slot).or_default(),
        };
        if entry.0 != self.epoch {
            *entry = (self.epoch, 0);
        }
        entry.1 += 1;
        self.total += 1;
    }

    /// An operand does not alias the local in `slot` any more.
    pub(crate) fn remove(&mut self, slot: u16) {
        let entry = match self.counts.get_mut(slot as usize) {
            Some(entry) => Some(entry),
            None => self.others.get_mut(&slot),
        };
        if let Some(entry) = entry
            && entry.0 == self.epoch
            && entry.1 > 0
        {
            entry.1 -= 1;
            self.total -= 1;
        }
    }

    /// How many operands alias the local in `slot`.
    pub(crate) fn count(&self, slot: u16) -> u32 {
        let entry = self.counts.get(slot as usize).or_else(|| self.others.get(&slot));
        entry.map_or(0, |&(epoch, count)| if epoch == self.epoch { count } else { 0 })
    }

    /// How many operands alias any local.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }
}
