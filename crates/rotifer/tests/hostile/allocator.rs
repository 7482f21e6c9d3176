//! What the current thread allocates, in bytes: limits of memory are counted, not guessed.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

/// Counts for each thread on its own: tests run side by side.
struct Counting;

thread_local! {
    static LIVE: Cell<i64> = const { Cell::new(0) };
    static PEAK: Cell<i64> = const { Cell::new(0) };
    static TOTAL: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: i64) {
    LIVE.set(LIVE.get() + bytes);
    PEAK.set(PEAK.get().max(LIVE.get()));
    TOTAL.set(TOTAL.get() + bytes.max(0));
}

// SAFETY: promised by the caller: all is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as i64);
        // SAFETY: promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may exist at once.
        count(size as i64);
        count(-(layout.size() as i64));
        // SAFETY: promised by the caller.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a piece of work has allocated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes {
    /// The most that it held at once.
    pub(crate) peak: usize,
    /// All together.
    pub(crate) total: usize,
}

/// Does a piece of work and counts.
pub(crate) fn counted<R>(work: impl FnOnce() -> R) -> (R, Bytes) {
    let (live, total) = (LIVE.get(), TOTAL.get());
    PEAK.set(live);
    let result = work();
    let bytes = Bytes { peak: (PEAK.get() - live) as usize, total: (TOTAL.get() - total) as usize };
    (result, bytes)
}

/// Does a piece of work that must not hold more than so many bytes at once.
pub(crate) fn within<R>(bytes: usize, work: impl FnOnce() -> R) -> R {
    let (result, held) = counted(work);
    assert!(held.peak <= bytes, "{held:?}, allowed are {bytes}");
    result
}
