//! The value stack of a store: one block of slots for the frames of all activations.
//!
//! It starts small and moves when it must grow, which happens outside of the dispatcher only. Frames are linked
//! by distances, so nothing in it refers to its address.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::ptr::NonNull;
use rotifer_core::TrapCode;

use crate::usage::{Held, Tally};

/// How deep calls may nest, counted in WebAssembly terms (I-FRAME), so that exhaustion happens at the same call
/// on every machine, in every load mode and with every dispatcher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StackLimits {
    /// Bytes of all frames together. A frame takes 8 bytes for each local and each operand at its greatest
    /// height, and 16 for its linkage; the arguments of a call belong to both frames.
    pub max_bytes: usize,
    /// Calls that have not returned.
    pub max_depth: usize,
}

impl Default for StackLimits {
    /// 1 MiB and 10,000 calls.
    fn default() -> Self {
        Self { max_bytes: 1 << 20, max_depth: 10_000 }
    }
}

/// The value stack.
#[derive(Debug)]
pub struct ValueStack {
    base: NonNull<u64>,
    /// Slots allocated.
    capacity: usize,
    /// The first slot that no activation uses.
    top: usize,
    /// Calls of outer activations that have not returned.
    depth: u32,
    limits: StackLimits,
    tally: Tally,
}

// SAFETY: the stack owns its block, which holds plain numbers (and addresses that only handlers of the store's
// own activations use).
unsafe impl Send for ValueStack {}
// SAFETY: as for `Send`; shared references only read.
unsafe impl Sync for ValueStack {}

/// Slots behind the limit that the frame of a host call may use without a check.
const SLACK_SLOTS: usize = 2_048;
const START_SLOTS: usize = 512;

impl ValueStack {
    /// An empty stack; nothing is allocated before the first call.
    pub fn new(limits: StackLimits, tally: Tally) -> Self {
        Self { base: NonNull::dangling(), capacity: 0, top: 0, depth: 0, limits, tally }
    }

    /// An empty stack with the same limits.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.limits, self.tally.clone())
    }

    /// Bytes allocated.
    pub(crate) fn held(&self) -> usize {
        self.capacity * size_of::<u64>()
    }

    /// The limits.
    pub fn limits(&self) -> StackLimits {
        self.limits
    }

    pub(crate) fn base(&self) -> *mut u64 {
        self.base.as_ptr()
    }

    pub(crate) fn top(&self) -> usize {
        self.top
    }

    pub(crate) fn set_top(&mut self, top: usize) {
        self.top = top;
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    pub(crate) fn set_depth(&mut self, depth: u32) {
        self.depth = depth;
    }

    /// The address that no frame may exceed for now.
    pub(crate) fn limit(&self) -> *mut u64 {
        let slots = self.capacity.saturating_sub(SLACK_SLOTS).min(self.limits.max_bytes / 8);
        self.base.as_ptr().wrapping_add(slots)
    }

    /// Sees to it that a frame of `bytes` bytes has room at slot `start`, or says that it never will.
    /// The stack may move.
    #[inline]
    pub(crate) fn ensure(&mut self, start: usize, bytes: usize) -> Result<(), TrapCode> {
        let end = start.saturating_add(bytes.div_ceil(8));
        if end > self.limits.max_bytes / 8 {
            return Err(TrapCode::StackOverflow);
        }
        self.reserve(end)
    }

    /// Sees to it that the slots below `end` exist, without regard to the limit. The stack may move.
    #[inline]
    pub(crate) fn reserve(&mut self, end: usize) -> Result<(), TrapCode> {
        let needed = end + SLACK_SLOTS;
        if needed <= self.capacity {
            return Ok(());
        }
        self.grow(needed)
    }

    /// Grows the stack to `needed` slots or more. It moves.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, needed: usize) -> Result<(), TrapCode> {
        let capacity = needed.max(self.capacity * 2).max(START_SLOTS);
        let layout = Layout::array::<u64>(capacity).map_err(|_| TrapCode::StackOverflow)?;
        // SAFETY: I-STACK: the layout is not empty.
        let base = unsafe { alloc_zeroed(layout) }.cast::<u64>();
        let base = NonNull::new(base).ok_or(TrapCode::StackOverflow)?;
        // SAFETY: I-STACK: both blocks hold `self.capacity` slots and are distinct.
        unsafe { base.copy_from_nonoverlapping(self.base, self.capacity) };
        self.free();
        self.base = base;
        self.capacity = capacity;
        self.tally.add(Held::Stacks, self.held());
        Ok(())
    }

    /// Reads a slot. Slots beyond the stack read as 0.
    #[inline]
    pub fn get(&self, slot: usize) -> u64 {
        if slot >= self.capacity {
            return 0;
        }
        // SAFETY: I-STACK: within the block, which is initialised.
        unsafe { *self.base.as_ptr().add(slot) }
    }

    /// Writes a slot. Writes beyond the stack are dropped.
    ///
    /// # Safety
    /// I-REF: the slot is one of a host function's results, of whose type the value is, or above the top.
    #[inline]
    pub unsafe fn set(&mut self, slot: usize, value: u64) {
        if slot < self.capacity {
            // SAFETY: I-STACK: within the block.
            unsafe { *self.base.as_ptr().add(slot) = value }
        }
    }

    fn free(&mut self) {
        if self.capacity > 0
            && let Ok(layout) = Layout::array::<u64>(self.capacity)
        {
            self.tally.sub(Held::Stacks, self.held());
            // SAFETY: I-STACK: allocated in `reserve` with this layout.
            unsafe { dealloc(self.base.as_ptr().cast(), layout) };
        }
    }
}

impl Drop for ValueStack {
    fn drop(&mut self) {
        self.free();
    }
}
