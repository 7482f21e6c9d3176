//! [`Footprint`]: how much memory states hold, what they share counted once.

use crate::State;
use alloc::{collections::BTreeSet, sync::Arc};

/// What an [`Arc`] allocates beside its contents.
pub(crate) const ARC_COUNTS: usize = 2 * size_of::<usize>();

/// Adds up the memory that states hold together. What several of them share is counted once.
#[derive(Default, Debug)]
pub struct Footprint {
    /// The addresses of what was counted.
    counted: BTreeSet<usize>,
    bytes: usize,
}

impl Footprint {
    /// Counts a state.
    pub fn add_state(&mut self, state: &State) {
        state.count(self);
    }

    /// How many bytes are allocated for the states that were counted.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Counts an allocation. Returns whether it was not counted before.
    pub(crate) fn add(&mut self, address: usize, bytes: usize) -> bool {
        let is_new = self.counted.insert(address);
        if is_new {
            self.bytes += bytes;
        }
        is_new
    }

    /// Counts a shared slice, without what its items refer to.
    pub(crate) fn add_slice<T>(&mut self, slice: &Arc<[T]>) -> bool {
        self.add(Arc::as_ptr(slice).addr(), slice_held(slice))
    }
}

/// How much is allocated for a shared slice. Empty ones may well share one allocation.
pub(crate) fn slice_held<T>(slice: &Arc<[T]>) -> usize {
    if slice.is_empty() { 0 } else { ARC_COUNTS + size_of_val(&**slice) }
}
