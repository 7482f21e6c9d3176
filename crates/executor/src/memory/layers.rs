//! [`Layers`]: the earlier states of a memory that it can go back to.
//!
//! A state is what an image says, and above it layers, each of which has the blocks in which one state differs from the
//! one before it. [`Memory::mark`] puts what was written since the last mark into a new layer; [`Memory::reset`] takes
//! what was written, and what higher layers have, from the layers that the mark counts. So an instance keeps what its
//! start function wrote and no copy of its memories, and instances that import one memory go back each to its own mark.
//!
//! Where writes are not tracked, a mark compares the memory with what lies below, and a reset restores all of it, apart
//! from pages that the system knows to be untouched.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use super::{Block, Memory, part};
use crate::{
    mapping::Mapping,
    store::NewEntityError,
    tracker::{BLOCK, BLOCK_LOG2},
};

static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Blocks in which a state of a memory differs from the one before it.
#[derive(Debug)]
struct Layer {
    /// Their numbers, ascending.
    blocks: Box<[u32]>,
    /// Their bytes, one block behind the other.
    bytes: Box<[u8]>,
}

/// The states of a memory that were marked, the first one first.
#[derive(Debug)]
pub(super) struct Layers(Vec<Layer>);

impl Layers {
    /// No state but the first one.
    pub(super) const NONE: Self = Self(Vec::new());

    /// Bytes allocated.
    pub(super) fn held(&self) -> usize {
        self.0.iter().map(|layer| layer.blocks.len() * (size_of::<u32>() + BLOCK)).sum()
    }

    /// A block in the highest of the first `count` layers that has it; if none has, it is as the image says.
    fn find(&self, count: usize, block: usize) -> Option<&[u8]> {
        self.0[..count].iter().rev().find_map(|layer| {
            let place = layer.blocks.binary_search(&(block as u32)).ok()?;
            Some(&layer.bytes[place * BLOCK..][..BLOCK])
        })
    }

    /// The blocks that some layers have. One may be named several times.
    pub(super) fn blocks(&self, layers: Range<usize>) -> impl Iterator<Item = usize> {
        self.0[layers].iter().flat_map(|layer| &*layer.blocks).map(|&block| block as usize)
    }

    /// The number of layers.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// A state of a memory that it can go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryMark {
    /// How many layers it has.
    layers: usize,
    /// How long the memory was.
    len: u64,
}

impl Memory {
    /// Marks the state, to go back to it. If it is `untouched`, it is known that nothing but segments was written that
    /// all instances have in common.
    ///
    /// # Errors
    /// The host has not enough memory.
    pub(crate) fn mark(&mut self, untouched: bool) -> Result<MemoryMark, NewEntityError> {
        // Numbers of blocks have 32 bits.
        u32::try_from(self.capacity.get() >> BLOCK_LOG2).map_err(|_| NewEntityError::OutOfMemory)?;
        if !untouched || self.tracker().is_some() {
            let blocks = self.changed();
            if !blocks.is_empty() {
                self.push_layer(blocks)?;
                self.count();
            }
            self.end_epoch_marked();
        }
        Ok(MemoryMark { layers: self.layers.count(), len: self.len() })
    }

    /// Goes back to a state.
    pub(crate) fn reset(&mut self, mark: MemoryMark) {
        let count = self.layers.count();
        let paged = if let Some(written) = self.sparsely_written() {
            let mut blocks = 0;
            for block in written.chain(self.layers.blocks(mark.layers..count)) {
                self.restore_block(block, mark.layers);
                blocks += 1;
            }
            // Each in a page of its own, at worst.
            blocks * Mapping::page()
        } else {
            self.restore_image();
            for block in self.layers.blocks(0..count) {
                self.restore_block(block, mark.layers);
            }
            self.capacity.get()
        };
        self.paged = self.paged.saturating_add(paged);
        self.end_epoch_restored(mark.layers..count);
        // In these blocks the memory differs from the last state.
        if let Some(tracker) = self.tracker() {
            self.layers.blocks(mark.layers..count).for_each(|block| tracker.note(block));
        }
        if self.len() != mark.len {
            self.set_len(mark.len);
            self.count();
        }
    }

    /// Goes back to a state, and gives pages back to the system if more than `keep` bytes have a page: all of them, those
    /// behind the end included.
    pub(crate) fn trim(&mut self, mark: MemoryMark, keep: usize) {
        if self.paged <= keep {
            return;
        }
        self.paged = 0;
        let capacity = self.capacity.get();
        let is_discarded = self.with_block(|block| match block {
            Block::Mapped(mapping) => {
                let page = Mapping::page();
                let few = mapping.written(page, capacity, keep, |_| {});
                few.is_none() && mapping.discard(page, capacity).is_ok()
            }
            _ => false,
        });
        if !is_discarded {
            return;
        }
        if let Some(image) = self.image().filter(|_| !self.has_image.get()) {
            self.restore(image.range(), Some(image));
        }
        if let Some(tracker) = self.tracker() {
            tracker.note_all();
        }
        self.reset(mark);
        self.paged = 0;
        self.count();
    }

    /// The blocks that differ from the last state, or may do so, ascending.
    fn changed(&self) -> Vec<u32> {
        let count = self.layers.count();
        let mut blocks: Vec<u32> = match self.written() {
            Some(written) => written.map(|block| block as u32).collect(),
            None => {
                let mut blocks = Vec::new();
                let mut compare = |block: usize| {
                    if self.differs(block, count) {
                        blocks.push(block as u32);
                    }
                };
                self.touched(|range| {
                    (range.start >> BLOCK_LOG2..range.end.div_ceil(BLOCK)).for_each(&mut compare);
                });
                self.layers.blocks(0..count).for_each(compare);
                blocks
            }
        };
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    /// Hands over the ranges outside of which nobody can have written to the memory.
    pub(super) fn touched(&self, mut found: impl FnMut(Range<usize>)) {
        let len = self.len() as usize;
        let told = self.with_block(|block| match block {
            Block::Mapped(mapping) => {
                let page = Mapping::page();
                mapping.written(page, len.next_multiple_of(page), usize::MAX, &mut found)
            }
            _ => None,
        });
        if told.is_none() {
            found(0..len);
        }
    }

    /// Adds a layer of blocks as they are.
    fn push_layer(&mut self, blocks: Vec<u32>) -> Result<(), NewEntityError> {
        let out_of_memory = |_| NewEntityError::OutOfMemory;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(blocks.len() * BLOCK).map_err(out_of_memory)?;
        for &block in &blocks {
            let range = self.block_range(block as usize);
            let end = bytes.len() + BLOCK;
            // SAFETY: I-MEM: the range lies within the allocation, to which nobody writes meanwhile (I-STORE).
            bytes.extend_from_slice(unsafe { self.allocated(range) });
            bytes.resize(end, 0);
        }
        self.layers.0.try_reserve(1).map_err(out_of_memory)?;
        self.layers.0.push(Layer { blocks: blocks.into(), bytes: bytes.into() });
        Ok(())
    }

    /// Where a block lies, as far as it is allocated.
    fn block_range(&self, block: usize) -> Range<usize> {
        let capacity = self.capacity.get();
        (block * BLOCK).min(capacity)..((block + 1) * BLOCK).min(capacity)
    }

    /// Brings a block back to what it is in the state with so many layers.
    fn restore_block(&self, block: usize, layers: usize) {
        let range = self.block_range(block);
        match self.layers.find(layers, block) {
            // SAFETY: I-MEM: the range lies within the allocation, of which no layer is part.
            Some(bytes) => unsafe {
                self.base().add(range.start).copy_from_nonoverlapping(bytes.as_ptr(), range.len());
            },
            None => self.restore(range, self.image()),
        }
    }

    /// Whether a block is not what it is in the state with so many layers.
    fn differs(&self, block: usize, layers: usize) -> bool {
        let range = self.block_range(block);
        // SAFETY: I-MEM: the range lies within the allocation, to which nobody writes meanwhile (I-STORE).
        let bytes = unsafe { self.allocated(range.clone()) };
        if let Some(expected) = self.layers.find(layers, block) {
            return *bytes != expected[..bytes.len()];
        }
        let (before, inside, behind) = part(self.image(), range);
        let (start, rest) = bytes.split_at(before);
        let (middle, end) = rest.split_at(inside.len());
        *start != ZEROS[..before] || middle != inside || *end != ZEROS[..behind]
    }

    /// Brings everything that may have been written to back to what the image says. What the memory got from the system
    /// stays with it.
    fn restore_image(&self) {
        self.touched(|range| self.restore(range, self.image()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Tally;
    use rotifer_core::MemoryType;

    /// Bytes in pages of the system that a memory has, if the system tells.
    fn paged(memory: &Memory) -> Option<usize> {
        let mut bytes = 0;
        memory.with_block(|block| match block {
            Block::Mapped(mapping) => {
                mapping
                    .written(Mapping::page(), memory.capacity.get(), usize::MAX, |range| bytes += range.len())
            }
            _ => None,
        })?;
        Some(bytes)
    }

    #[test]
    fn pages_go_back_to_the_system_if_there_are_more_than_shall_be_kept() {
        for tracked in [false, true] {
            let mut memory = Memory::new(MemoryType::new(64, None), Tally::NONE, tracked).unwrap();
            memory.write(5, &[1; 2000]).unwrap();
            let mark = memory.mark(false).unwrap();
            for (len, is_kept) in [(1 << 18, true), (1 << 21, false), (1 << 18, true)] {
                memory.fill(0, 7, len).unwrap();
                memory.grow(1);
                memory.reset(mark);
                memory.trim(mark, 1 << 20);
                // Two pages are written anew: what the mark has.
                if let Some(paged) = paged(&memory) {
                    assert_eq!(paged > 2 * Mapping::page(), is_kept, "{paged} after {len}");
                }
                assert_eq!(memory.len(), 64 << 16);
                let mut bytes = [9; 2010];
                memory.read(0, &mut bytes).unwrap();
                assert!(bytes[..5] == [0; 5] && bytes[5..2005] == [1; 2000] && bytes[2005..] == [0; 5]);
                assert_eq!(nonzero_rest(&memory), 0);
            }
        }
    }

    /// How many bytes behind the first page are not zero.
    fn nonzero_rest(memory: &Memory) -> usize {
        // SAFETY: I-STORE: nothing else uses the memory.
        let bytes = unsafe { memory.as_slice() };
        bytes[4096..].iter().filter(|&&byte| byte != 0).count()
    }
}
