//! What changed in a memory since somebody recorded what it holds.
//!
//! The tracker's epochs end for two reasons: a state is marked or gone back to (`layers.rs`), or the contents are
//! recorded here. Each has a set of what was written in epochs that the other one ended; the sets come into being with
//! the first recording.

use alloc::vec::Vec;
use core::{mem, ops::Range};

use super::Memory;
use crate::{
    store::NewEntityError,
    tracker::{BLOCK, BlockSet},
};

/// Blocks that were written to in epochs that have ended.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Those in which the memory may differ from the last state that was marked.
    pub(super) unmarked: BlockSet,
    /// Those in which it may differ from what was recorded.
    unrecorded: BlockSet,
}

impl Ended {
    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.unmarked.held() + self.unrecorded.held()
    }
}

/// Where a memory may have changed.
#[derive(Debug)]
pub struct Changes {
    /// Ranges of bytes in any order; behind the end of the memory there are none. Outside of them nothing has changed;
    /// what the memory has grown by is zero there.
    pub ranges: Vec<Range<usize>>,
    /// Whether that is since the contents were recorded last; if not, it is where they may differ from zeros.
    pub since_last: bool,
}

impl Memory {
    /// Finds out where the memory may have changed since this was called last: the caller records what it holds there.
    pub fn record(&mut self) -> Changes {
        let since_last = self.ended.is_some();
        let known = since_last && !self.is_unknown();
        let mut ended = self.ended.take().unwrap_or_default();
        let len = self.len() as usize;
        let block = |block: usize| (block * BLOCK).min(len)..((block + 1) * BLOCK).min(len);
        let mut ranges = Vec::new();
        match self.tracker() {
            Some(tracker) if known && !ended.unrecorded.is_all() => {
                ranges.extend(tracker.noted().chain(ended.unrecorded.iter()).map(block));
            }
            _ => self.nonzero(|range| ranges.push(range.start.min(len)..range.end.min(len))),
        }
        if let Some(tracker) = self.tracker() {
            ended.unmarked.add(tracker);
        }
        ended.unrecorded.clear();
        self.ended = Some(ended);
        self.clear_tracker();
        self.count();
        Changes { ranges, since_last }
    }

    /// Nobody will ask what has changed since the contents were recorded: the next recording is the first one.
    pub fn forget_recording(&mut self) {
        let Some(ended) = self.ended.take() else { return };
        if let Some(tracker) = self.tracker() {
            ended.unmarked.iter().for_each(|block| tracker.note(block));
            if ended.unmarked.is_all() {
                tracker.note_all();
            }
        }
        self.count();
    }

    /// Hands over ranges outside of which the memory is zero, and has been as long as its store has had it.
    fn nonzero(&self, mut found: impl FnMut(Range<usize>)) {
        if let Some(image) = self.image() {
            found(image.range());
        }
        self.touched(&mut found);
    }

    /// Sees to it that the memory can be so long, whatever its size.
    ///
    /// # Errors
    /// Its type does not allow it, or the host has not enough memory.
    pub fn reserve_len(&mut self, len: u64) -> Result<(), NewEntityError> {
        let allowed = len >> self.ty().page_size_log2 <= self.ty().max_pages();
        let len = usize::try_from(len).ok().filter(|_| allowed).ok_or(NewEntityError::OutOfMemory)?;
        if len > self.capacity.get() {
            self.reserve(len).ok_or(NewEntityError::OutOfMemory)?;
            self.count();
        }
        Ok(())
    }

    /// Makes the memory longer, with zeros, or shorter: up to a length that was [reserved](Self::reserve_len).
    pub fn set_reserved_len(&mut self, new: u64) {
        let (old, capacity) = (self.len(), self.capacity.get() as u64);
        let new = new.min(capacity);
        if new < old {
            // All of it is zero behind the end (I-MEM).
            let cut = self.fill(new, 0, old - new);
            debug_assert!(cut.is_ok());
        }
        self.set_len(new);
        self.count();
    }

    /// Writes bytes where they differ, so that pages that are the same stay shared with the image.
    ///
    /// # Panics
    /// They reach beyond the end of the memory.
    pub fn put(&mut self, address: u64, bytes: &[u8]) {
        let end = address as usize + bytes.len();
        // SAFETY: I-STORE: the borrow is exclusive.
        if unsafe { self.as_slice() }[address as usize..end] != *bytes {
            let written = self.write(address, bytes);
            debug_assert!(written.is_ok());
        }
    }

    /// An epoch ends with a state that is marked.
    pub(super) fn end_epoch_marked(&mut self) {
        if let Some(mut ended) = self.ended.take() {
            if let Some(tracker) = self.tracker() {
                ended.unrecorded.add(tracker);
            }
            ended.unmarked.clear();
            self.ended = Some(ended);
            self.count();
        }
        self.clear_tracker();
    }

    /// An epoch ends with going back to a state: what was written in it and before, and what some layers have, was
    /// restored.
    pub(super) fn end_epoch_restored(&mut self, layers: Range<usize>) {
        if let Some(mut ended) = self.ended.take() {
            if ended.unmarked.is_all() {
                ended.unrecorded.insert_all();
            }
            let unmarked = mem::take(&mut ended.unmarked);
            unmarked
                .iter()
                .chain(self.layers.blocks(layers))
                .for_each(|block| ended.unrecorded.insert(block));
            ended.unmarked = unmarked;
            self.ended = Some(ended);
        }
        self.end_epoch_marked();
    }
}
