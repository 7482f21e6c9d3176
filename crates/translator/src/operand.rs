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
use rotifer_bytecode::Recipe;

/// An operand on the walk's stack. Two words, so that it is passed in registers.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// What belongs to the kind of [`Place`]: a constant, or the slots of locals.
    bits: u64,
    /// The canonical slot of this stack position (I-SLOT): a function of the heights and types below it only.
    pub(crate) slot: u16,
    /// How many slots the value takes.
    pub(crate) width: u8,
    kind: Kind,
}

/// The kind of a [`Place`]. Those that refer to locals come last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Kind {
    Temp,
    Const,
    Local,
    Displaced,
    Sum,
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
    /// The i32 sum of a local and a constant, not computed yet.
    Displaced(u16, u32),
}

impl Operand {
    /// A value of one slot.
    #[inline(always)]
    pub(crate) fn new(place: Place, slot: u16) -> Self {
        Self { bits: 0, slot, width: 1, kind: Kind::Temp }.at(place)
    }

    /// The same operand elsewhere.
    #[inline(always)]
    pub(crate) fn at(self, place: Place) -> Self {
        let (kind, bits) = match place {
            Place::Temp => (Kind::Temp, 0),
            Place::Local(slot) => (Kind::Local, u64::from(slot)),
            Place::Const(bits) => (Kind::Const, bits),
            Place::Sum(a, b) => (Kind::Sum, u64::from(a) | u64::from(b) << 16),
            Place::Displaced(a, imm) => (Kind::Displaced, u64::from(a) | u64::from(imm) << 32),
        };
        Self { bits, kind, ..self }
    }

    /// Where the value is.
    #[inline(always)]
    pub(crate) fn place(self) -> Place {
        match self.kind {
            Kind::Temp => Place::Temp,
            Kind::Local => Place::Local(self.bits as u16),
            Kind::Const => Place::Const(self.bits),
            Kind::Sum => Place::Sum(self.bits as u16, (self.bits >> 16) as u16),
            Kind::Displaced => Place::Displaced(self.bits as u16, (self.bits >> 32) as u32),
        }
    }

    /// Where to find the value in a frame.
    pub(crate) fn recipe(self) -> Recipe {
        match self.place() {
            Place::Temp => Recipe::Own(self.slot),
            Place::Local(slot) => Recipe::Local(slot),
            Place::Const(bits) => Recipe::Const(bits),
            Place::Sum(a, b) => Recipe::Sum(a, b),
            Place::Displaced(a, imm) => Recipe::Displaced(a, imm),
        }
    }

    /// Whether the value is in its canonical slot.
    #[inline(always)]
    pub(crate) fn is_temp(self) -> bool {
        self.kind == Kind::Temp
    }

    /// Whether the value is a sum that is not computed yet.
    #[inline(always)]
    pub(crate) fn is_sum(self) -> bool {
        matches!(self.kind, Kind::Sum | Kind::Displaced)
    }

    /// The slot that holds the value, if one does.
    #[inline(always)]
    pub(crate) fn source_slot(self) -> Option<u16> {
        // Not a `match`: one jump for all kinds is harder to foresee than a test for each.
        if self.kind == Kind::Temp {
            Some(self.slot)
        } else if self.kind == Kind::Local {
            Some(self.bits as u16)
        } else {
            None
        }
    }

    /// The locals that the value refers to: none, one or two.
    #[inline(always)]
    pub(crate) fn locals(self) -> (Option<u16>, Option<u16>) {
        if self.kind < Kind::Local {
            return (None, None);
        }
        let second = (self.kind == Kind::Sum).then_some((self.bits >> 16) as u16);
        (Some(self.bits as u16), second)
    }

    /// How often the value refers to a local.
    pub(crate) fn aliases(self, local: u16) -> u32 {
        let (first, second) = self.locals();
        u32::from(first == Some(local)) + u32::from(second == Some(local))
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

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.counts.capacity() * size_of::<(u32, u32)>()
    }

    /// Forgets all aliases: there is none on the stack.
    pub(crate) fn clear(&mut self) {
        self.epoch += 1;
        self.total = 0;
    }

    /// An operand aliases the local in `slot` now.
    #[inline]
    pub(crate) fn add(&mut self, slot: u16) {
        let entry = match self.counts.get_mut(slot as usize) {
            Some(entry) => entry,
            None => Self::other(&mut self.others, slot),
        };
        if entry.0 != self.epoch {
            *entry = (self.epoch, 0);
        }
        entry.1 += 1;
        self.total += 1;
    }

    #[cold]
    fn other(others: &mut BTreeMap<u16, (u32, u32)>, slot: u16) -> &mut (u32, u32) {
        others.entry(slot).or_default()
    }

    /// An operand does not alias the local in `slot` any more.
    #[inline]
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
    #[inline]
    pub(crate) fn count(&self, slot: u16) -> u32 {
        let entry = self.counts.get(slot as usize).or_else(|| self.others.get(&slot));
        entry.map_or(0, |&(epoch, count)| if epoch == self.epoch { count } else { 0 })
    }

    /// How many operands alias any local.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }
}
