//! What the allocator says: [`History::bytes`] is right, and whatever bytes say, reading them allocates no more than
//! they are worth. The allocator counts for each thread, so that tests do not see each other, nor what runs them.

#[path = "snapshot/example.rs"]
mod example;
#[path = "snapshot/random.rs"]
mod random;
#[path = "snapshot/seal.rs"]
mod seal;

use crate::{
    random::Random,
    seal::{seal, sections},
};
use rotifer_core::{Features, GlobalIdx, MemIdx, RefType, TableIdx};
use rotifer_snapshot::{
    FeatureFingerprint, GlobalState, History, HistoryConfig, MemoryState, PAGE_SIZE, Pages, SegmentSet,
    State, TableState, Value,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    iter,
};

struct Counting;

thread_local! {
    /// What this thread has allocated, less what it has freed, which others may have allocated.
    static ALLOCATED: Cell<usize> = const { Cell::new(usize::MAX / 2) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get().wrapping_add(layout.size()));
        PEAK.set(PEAK.get().max(ALLOCATED.get()));
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.set(ALLOCATED.get().wrapping_sub(layout.size()));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn state(contents: Pages, global: u64) -> State {
    State {
        module: [0; 32],
        features: FeatureFingerprint::new(&Features::default()),
        memories: [MemoryState { index: MemIdx(0), page_size_log2: 16, contents }].into(),
        globals: (0..1000)
            .map(|index| GlobalState { index: GlobalIdx(index), value: Value::I64(global) })
            .collect(),
        tables: [TableState { index: TableIdx(0), ty: RefType::FUNCREF, elements: [None; 10].into() }].into(),
        dropped_data: SegmentSet::from_iter([true; 3]),
        dropped_elements: SegmentSet::from_iter([]),
        fuel: None,
        calls: [].into(),
    }
}

/// What this thread has allocated since there was so much.
fn allocated_since(before: usize) -> usize {
    ALLOCATED.get().wrapping_sub(before)
}

/// Beside what it says a history has no more than the unused part of its two lists.
fn check(history: &History, before: usize) {
    let allocated = allocated_since(before);
    let (bytes, slack) = (history.bytes(), 400 * history.len() + 16_000);
    assert!(allocated <= bytes + slack && bytes <= allocated + slack, "{bytes} of {allocated}");
}

#[test]
fn a_history_knows_what_it_holds() {
    let before = ALLOCATED.get();
    let mut history = History::new(HistoryConfig { capacity: 40, dense: 5, ..HistoryConfig::default() });
    for tick in 0..100 {
        {
            let pages =
                history.newest().map_or(Pages::zeroed(0), |(_, state)| state.memories[0].contents.clone());
            let mut data = vec![1; (20 + tick as usize % 7) * 16 * PAGE_SIZE];
            pages.read(0, &mut data);
            let start = tick as usize * 12345 % data.len();
            let end = data.len().min(start + 60_000);
            data[start..end].fill(tick as u8);
            let pages = pages.update(&data, iter::once(start..end));
            history.record(tick, state(pages, tick / 10)).unwrap();
        }
        check(&history, before);
        if tick % 23 == 22 {
            for back in [3, 20] {
                history.rollback(tick - back).unwrap();
                check(&history, before);
            }
        }
    }
    drop(history);
    let left = allocated_since(before);
    assert!(left < 16_000, "{left}");
}

#[test]
fn reading_allocates_what_the_bytes_are_worth() {
    let mut ty = example::state_type();
    // Memories that may be as large as any.
    for (_, memory) in &mut ty.memories {
        memory.memory64 = true;
        memory.maximum = None;
    }
    for (_, table) in &mut ty.tables {
        table.maximum = None;
    }
    let mut random = Random::new(1);
    let bytes = example::state().serialize();
    let bounds = sections(&bytes);
    for _ in 0..3_000 {
        let mut mutated = bytes.clone();
        let (start, end) = bounds[random.below(bounds.len())];
        let place = start + random.below((end - start).min(100));
        // No byte is 0, so that numbers become large.
        let len = 1 << random.below(4);
        let end = (place + len).min(end);
        mutated[place..end].copy_from_slice(&random.bytes(end - place));
        seal(&mut mutated);
        let before = ALLOCATED.get();
        PEAK.set(before);
        let result = State::deserialize(&mutated, &ty);
        let peak = PEAK.get() - before;
        assert!(peak < 2 * bytes.len(), "{peak} {result:?}");
    }
}
