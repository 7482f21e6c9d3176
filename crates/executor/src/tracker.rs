//! [`Tracker`]: which blocks of a memory were written to since it was last clean; and [`BlockSet`], for those who want to
//! know it since another time.
//!
//! A map has a byte for each block, and a list the numbers of the blocks whose byte is set, so that whoever wants to
//! know reads as much as was written to and not as much as there is. A store that finds the bytes of its first and its
//! last block set does no more than without tracking; the first one to a block sets the byte and extends the list.
//!
//! There is one list, that of the current epoch. Who ends an epoch (by going back, marking a state, recording what
//! changed) hands the blocks of the list to the sets of all others who want to know what was written since *their* last
//! time. As long as there is one only, it has no set.
//!
//! I-TRACK: before the length of a tracked memory lie the address of its map and, before that, of its tracker. The map
//! has a byte for each block of the memory's capacity and one more, the list room for as many. A block's number is in
//! the list exactly if its byte is set, and a block whose byte is not set is as it was when the memory was last clean.

use alloc::{
    alloc::{Layout, alloc_zeroed, dealloc},
    boxed::Box,
    vec::Vec,
};
use core::{cell::Cell, ptr::NonNull};

/// The size of a block as a power of two: 1 KiB. Restoring sparse writes is 2.5 to 3 times cheaper than with 4 KiB
/// (../shared/design/snapshot.md, section 2), and noting them costs the same.
pub(crate) const BLOCK_LOG2: u32 = 10;

/// The size of a block.
pub(crate) const BLOCK: usize = 1 << BLOCK_LOG2;

/// The place before a memory's data where the address of the map lies, and that of the tracker's address.
const MAP: usize = 16;
const TRACKER: usize = 24;

/// Bytes that processors exchange at once.
const LINE: usize = 64;

/// Which blocks of a memory were written to. In a line of its own: stores to the memory write to it.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Tracker {
    map: NonNull<u8>,
    list: NonNull<u32>,
    /// How long the list is.
    len: Cell<usize>,
    /// How many blocks there are.
    blocks: usize,
    /// Whether anything may have been written to, unnoted.
    all: Cell<bool>,
}

impl Tracker {
    /// A tracker for a memory of `capacity` bytes, all of which is clean.
    pub(crate) fn new(capacity: usize) -> Option<Box<Self>> {
        let blocks = capacity.div_ceil(BLOCK);
        // SAFETY: I-TRACK: the layout is not empty.
        let block = NonNull::new(unsafe { alloc_zeroed(layout(blocks)?) })?;
        // SAFETY: I-TRACK: the list and the map lie within the layout.
        let (list, map) = unsafe { (block.add(LINE).cast::<u32>(), block.add(LINE + list_bytes(blocks))) };
        Some(Box::new(Self { map, list, len: Cell::new(0), blocks, all: Cell::new(false) }))
    }

    /// Bytes allocated.
    pub(crate) fn held(&self) -> usize {
        size_of::<Self>() + layout(self.blocks).map_or(0, |layout| layout.size())
    }

    /// Writes the addresses before the length of a memory's data.
    ///
    /// # Safety
    /// I-TRACK: the tracker is that of this memory.
    pub(crate) unsafe fn attach(&self, data: *mut u8) {
        // SAFETY: promised by the caller; I-MEM: there is room.
        unsafe {
            data.sub(MAP).cast::<*mut u8>().write(self.map.as_ptr());
            data.sub(TRACKER).cast::<*const Self>().write(self);
        }
    }

    /// Notes a block.
    #[inline(always)]
    pub(crate) fn note(&self, block: usize) {
        debug_assert!(block < self.blocks);
        // SAFETY: I-TRACK: the block is one of the memory; the list has room for all blocks, and has each once.
        unsafe {
            let byte = self.map.add(block);
            if *byte.as_ptr() == 0 {
                *byte.as_ptr() = 1;
                *self.list.add(self.len.get()).as_ptr() = block as u32;
                self.len.set(self.len.get() + 1);
            }
        }
    }

    /// Notes the blocks of a range that lies within the memory.
    pub(crate) fn note_range(&self, start: usize, len: usize) {
        if len == 0 {
            return;
        }
        for block in start >> BLOCK_LOG2..=(start + len - 1) >> BLOCK_LOG2 {
            self.note(block);
        }
    }

    /// Notes that anything may be written to.
    pub(crate) fn note_all(&self) {
        self.all.set(true);
    }

    /// Notes what another tracker has noted, of a memory that is no larger.
    pub(crate) fn take_over(&self, other: &Self) {
        other.noted().for_each(|block| self.note(block));
        self.all.set(other.all.get());
    }

    /// The blocks that are noted.
    pub(crate) fn noted(&self) -> impl Iterator<Item = usize> + Clone {
        // SAFETY: I-TRACK: the list is so long.
        (0..self.len.get()).map(|i| unsafe { *self.list.add(i).as_ptr() } as usize)
    }

    /// Whether anything may have been written to.
    pub(crate) fn is_all_noted(&self) -> bool {
        self.all.get()
    }

    /// How many blocks are noted.
    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// All is clean.
    pub(crate) fn clear(&self) {
        // SAFETY: I-TRACK: the blocks are those of the map.
        self.noted().for_each(|block| unsafe { *self.map.add(block).as_ptr() = 0 });
        self.len.set(0);
        self.all.set(false);
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        if let Some(layout) = layout(self.blocks) {
            // SAFETY: I-TRACK: allocated with this layout, the list a line behind its start, and freed once.
            unsafe { dealloc(self.list.cast::<u8>().sub(LINE).as_ptr(), layout) };
        }
    }
}

/// Blocks that were written to in epochs that have ended.
#[derive(Debug, Default)]
pub(crate) struct BlockSet {
    /// A bit for each block, as far as there are any.
    bits: Vec<u64>,
    blocks: Vec<u32>,
    /// Whether anything may have been written to.
    all: bool,
}

impl BlockSet {
    pub(crate) fn insert(&mut self, block: usize) {
        let (word, bit) = (block / 64, 1 << (block % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if self.bits[word] & bit == 0 {
            self.bits[word] |= bit;
            self.blocks.push(block as u32);
        }
    }

    pub(crate) fn insert_all(&mut self) {
        self.all = true;
    }

    /// Adds what a tracker has noted.
    pub(crate) fn add(&mut self, tracker: &Tracker) {
        tracker.noted().for_each(|block| self.insert(block));
        self.all |= tracker.is_all_noted();
    }

    /// The blocks.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + Clone {
        self.blocks.iter().map(|&block| block as usize)
    }

    /// How many blocks there are.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn is_all(&self) -> bool {
        self.all
    }

    pub(crate) fn clear(&mut self) {
        for &block in &self.blocks {
            self.bits[block as usize / 64] = 0;
        }
        self.blocks.clear();
        self.all = false;
    }

    /// Bytes allocated.
    pub(crate) fn held(&self) -> usize {
        self.bits.capacity() * size_of::<u64>() + self.blocks.capacity() * size_of::<u32>()
    }
}

/// Where the list and behind it the map lie: between two lines that nobody uses, so that threads with memories of
/// their own do not write to the same line.
fn layout(blocks: usize) -> Option<Layout> {
    // Numbers of blocks have 32 bits.
    u32::try_from(blocks).ok()?;
    let entries = blocks.checked_add(1)?;
    let list = Layout::array::<u32>(entries).ok()?;
    let bytes = list.size().checked_add(entries)?.checked_add(2 * LINE)?;
    Layout::from_size_align(bytes, list.align()).ok()
}

/// Bytes of the list, if there is a layout for so many blocks.
const fn list_bytes(blocks: usize) -> usize {
    (blocks + 1) * size_of::<u32>()
}

/// Whether the blocks that a store of `size` bytes writes to are noted.
///
/// # Safety
/// I-TRACK: `data` is that of a tracked memory, in which the store lies.
#[inline(always)]
pub(crate) unsafe fn is_noted(data: *mut u8, address: u64, size: usize) -> bool {
    // SAFETY: promised by the caller.
    unsafe {
        let map = data.sub(MAP).cast::<*const u8>().read();
        // One byte after the other: handlers have three registers to spare.
        *map.add((address >> BLOCK_LOG2) as usize) != 0
            && (size == 1 || *map.add(((address + size as u64 - 1) >> BLOCK_LOG2) as usize) != 0)
    }
}

/// Notes the blocks that a store of `size` bytes writes to: at most two.
///
/// # Safety
/// As for [`is_noted`].
#[inline(always)]
pub(crate) unsafe fn note(data: *mut u8, address: u64, size: usize) {
    // SAFETY: promised by the caller.
    unsafe {
        let tracker = &*data.sub(TRACKER).cast::<*const Tracker>().read();
        tracker.note((address >> BLOCK_LOG2) as usize);
        if size > 1 {
            tracker.note(((address + size as u64 - 1) >> BLOCK_LOG2) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn blocks_are_noted_once_and_cleared() {
        let tracker = Tracker::new(10 * BLOCK).unwrap();
        let noted = |tracker: &Tracker| tracker.noted().collect::<Vec<_>>();
        tracker.note_range(0, 0);
        assert!(noted(&tracker).is_empty());
        tracker.note_range(BLOCK - 1, 2);
        tracker.note_range(0, 1);
        tracker.note_range(9 * BLOCK, BLOCK);
        assert_eq!(noted(&tracker), [0, 1, 9]);
        let other = Tracker::new(20 * BLOCK).unwrap();
        other.note_range(19 * BLOCK, 1);
        other.take_over(&tracker);
        assert_eq!(noted(&other), [19, 0, 1, 9]);
        let mut set = BlockSet::default();
        for _ in 0..2 {
            set.add(&tracker);
            tracker.note_range(0, 2 * BLOCK);
            set.add(&other);
            assert_eq!(set.iter().collect::<Vec<_>>(), [0, 1, 9, 19]);
            set.clear();
            assert_eq!((set.len(), set.is_all()), (0, false));
        }
        tracker.clear();
        assert!(noted(&tracker).is_empty());
        tracker.note_all();
        assert!(tracker.is_all_noted());
        set.add(&tracker);
        assert!(set.is_all());
        tracker.clear();
        assert!(!tracker.is_all_noted());
        tracker.note_range(0, 10 * BLOCK);
        assert_eq!(noted(&tracker).len(), 10);
    }
}
