//! Code as the translator writes it and the executor runs it: 64-bit words that make up cells.

use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;
use rotifer_core::WasmOffset;

use crate::{op::OpCode, point::Points};

/// The address of a handler, opaque to everyone but the executor.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct HandlerAddr(pub *const ());

// SAFETY: the address of a function, which is immutable and lives forever; nothing is reached through it here.
unsafe impl Send for HandlerAddr {}
// SAFETY: as for `Send`.
unsafe impl Sync for HandlerAddr {}

impl fmt::Debug for HandlerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The handlers of a dispatcher, by op number.
pub type HandlerTable = [HandlerAddr; crate::op::OP_COUNT];

/// The second word of most cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Operands {
    /// Usually the slot of the result.
    pub a: u16,
    /// Usually the slot of the left operand.
    pub b: u16,
    /// Usually the slot of the right operand, an immediate or a memory offset.
    pub c: u32,
}

/// A word of code. Which field is valid follows from the op of the cell, so only the executor reads words.
#[derive(Clone, Copy)]
#[repr(C)]
pub union Word {
    /// Operands.
    pub operands: Operands,
    /// An immediate, or in a [`CodeBuffer`] a position that is still to become an address.
    pub bits: u64,
    /// Two numbers, in the order of their addresses on every machine: usually costs in units of fuel.
    pub pair: [u32; 2],
    /// The first word of a cell.
    pub handler: HandlerAddr,
    /// Another cell of the same code.
    pub cell: *const Word,
    /// A function's entry, opaque to everyone but the executor.
    pub entry: *const (),
}

// SAFETY: words point to handlers, to cells of the code that contains them and to function entries, all of
// which are Sync; who reads them owns the argument that they are alive (I-CODE).
unsafe impl Send for Word {}
// SAFETY: as for `Send`.
unsafe impl Sync for Word {}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Word")
    }
}

impl Word {
    /// A word of operands.
    #[inline]
    pub const fn operands(a: u16, b: u16, c: u32) -> Self {
        Self { operands: Operands { a, b, c } }
    }

    /// A word of bits.
    #[inline]
    pub const fn bits(bits: u64) -> Self {
        Self { bits }
    }

    /// A word of two numbers.
    #[inline]
    pub const fn pair(first: u32, second: u32) -> Self {
        Self { pair: [first, second] }
    }

    /// Replaces one half of a word that holds no pointer.
    pub fn set_half(&mut self, second: bool, value: u32) {
        // SAFETY: I-CELL: all constructors of words that hold no pointer initialise all 8 bytes, and any bytes are
        // two numbers.
        unsafe { self.pair[usize::from(second)] = value }
    }
}

/// What is known of a place in the code where execution may stop: one point for each cell that can trap, call or
/// leave the dispatcher.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Safepoint {
    /// The position of the cell in words.
    pub position: u32,
    /// The operator that it executes.
    pub offset: WasmOffset,
    /// What the operators behind this one cost that have been paid for together with it: a trap gives it back.
    pub refund: u32,
}

/// A table of [`Safepoint`]s.
///
/// Stored as LEB128 differences, two or three bytes a point, with a mark every [`Safepoints::STRIDE`] points from
/// which a search starts: looking up a point costs the same in a function of any size.
#[derive(Clone, Debug, Default)]
pub struct Safepoints {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    count: u32,
    last: (u32, u32),
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Where the bytes of the first point behind the mark begin.
    start: u32,
    /// The position of that point.
    first: u32,
    /// The point before.
    position: u32,
    offset: u32,
}

impl Mark {
    const START: Self = Self { start: 0, first: 0, position: 0, offset: 0 };
}

impl Safepoints {
    /// How many points share a mark.
    pub const STRIDE: u32 = 64;

    /// Adds a point. Positions must not decrease.
    #[inline]
    pub fn push(&mut self, point: Safepoint) {
        let (last_position, last_offset) = self.last;
        debug_assert!(point.position >= last_position);
        if self.count.is_multiple_of(Self::STRIDE) {
            self.mark(point);
        }
        self.count += 1;
        self.last = (point.position, point.offset.0);
        let step = point.position.wrapping_sub(last_position);
        // Offsets may go back (a branch fused with an earlier compare), so their difference is zigzag-coded.
        let difference = point.offset.0.wrapping_sub(last_offset) as i32;
        let difference = ((difference << 1) ^ (difference >> 31)) as u32;
        if step < 0x40 && difference < 0x80 && point.refund == 0 {
            self.bytes.extend_from_slice(&[(step << 1) as u8, difference as u8]);
        } else {
            self.push_long(step, difference, point.refund);
        }
    }

    /// Adds a mark before the next point, unless there is no point yet.
    #[inline(never)]
    fn mark(&mut self, point: Safepoint) {
        if self.count > 0 {
            let start = self.bytes.len() as u32;
            let (position, offset) = self.last;
            self.marks.push(Mark { start, first: point.position, position, offset });
        }
    }

    #[inline(never)]
    fn push_long(&mut self, step: u32, difference: u32, refund: u32) {
        // Most refunds are 0, and a bit of the position says so.
        self.leb128(u64::from(step) << 1 | u64::from(refund > 0));
        self.leb128(difference.into());
        if refund > 0 {
            self.leb128(refund.into());
        }
    }

    fn leb128(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// The points in order.
    pub fn iter(&self) -> impl Iterator<Item = Safepoint> + '_ {
        self.iter_from(Mark::START)
    }

    fn iter_from(&self, mark: Mark) -> impl Iterator<Item = Safepoint> + '_ {
        let mut bytes = self.bytes[mark.start as usize..].iter();
        let (mut position, mut offset) = (mark.position, mark.offset);
        core::iter::from_fn(move || {
            let mut leb128 = || {
                let mut value = 0u64;
                let mut shift = 0;
                loop {
                    let byte = *bytes.next()?;
                    value |= u64::from(byte & 0x7F) << shift;
                    shift += 7;
                    if byte & 0x80 == 0 {
                        return Some(value);
                    }
                }
            };
            let step = leb128()?;
            position = position.wrapping_add((step >> 1) as u32);
            let difference = leb128()? as u32;
            offset = offset.wrapping_add((difference >> 1) ^ (difference & 1).wrapping_neg());
            let refund = if step & 1 == 1 { leb128()? as u32 } else { 0 };
            Some(Safepoint { position, offset: WasmOffset(offset), refund })
        })
    }

    /// The point of the cell that starts at word `position`, or the last one before it.
    pub fn find(&self, position: u32) -> Option<Safepoint> {
        let marks = self.marks.partition_point(|mark| mark.first <= position);
        let mark = marks.checked_sub(1).map_or(Mark::START, |last| self.marks[last]);
        self.iter_from(mark).take_while(|point| point.position <= position).last()
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.bytes.capacity() + self.marks.capacity() * size_of::<Mark>()
    }

    /// Removes all points and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
        self.count = 0;
        self.last = (0, 0);
    }
}

/// A branch whose costs belong to two regions, because it does the work of two: the first one's test has moved
/// into the cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Split {
    /// The position of the word with its costs.
    pub costs: u32,
    /// What of its costs belongs to the first region.
    pub cost: u32,
    /// The position of the cell where the first region begins.
    pub start: u32,
}

/// Where a region begins (docs/FUEL.md), in a recorded listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegionStart {
    /// The position of the cell that execution goes to.
    pub position: u32,
    /// The same for a loop that is entered again: behind its header.
    pub again: u32,
    /// The first instruction.
    pub offset: WasmOffset,
    /// What the region costs.
    pub cost: u32,
}

/// The code of one function as the translator leaves it: position independent but for the entries it names.
#[derive(Debug, Default)]
pub struct CodeBuffer {
    /// The cells.
    pub words: Vec<Word>,
    /// The positions of words that hold the position of a cell and must get its address.
    pub branches: Vec<u32>,
    /// The size of the frame in slots: locals, linkage and the greatest operand height that validation
    /// computed. A property of the WebAssembly function alone (I-FRAME).
    pub frame_slots: u32,
    /// What the region at the function's entry costs.
    pub entry_cost: u32,
    /// Offsets for traps and backtraces, and refunds.
    pub safepoints: Safepoints,
    /// By position of the costs.
    pub splits: Vec<Split>,
    /// Where regions begin, where the translator was asked to record them; in the order of the body.
    pub regions: Vec<RegionStart>,
    /// The cells, where the translator was asked to record them.
    pub listing: Vec<Listed>,
    /// The points that were wanted.
    pub points: Points,
    /// In a recorded listing: the words that are targets of branches, and the positions of their cells.
    pub targets: BTreeMap<u32, u32>,
    /// In a recorded listing: the words that hold costs.
    pub costs: BTreeMap<u32, [u32; 2]>,
}

impl CodeBuffer {
    /// Empties the buffer and keeps its memory for another function.
    pub fn clear(&mut self) {
        self.words.clear();
        self.branches.clear();
        self.frame_slots = 0;
        self.entry_cost = 0;
        self.safepoints.clear();
        self.splits.clear();
        self.regions.clear();
        self.points = Points::default();
        self.listing.clear();
        self.targets.clear();
        self.costs.clear();
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.words.capacity() * size_of::<Word>()
            + self.branches.capacity() * size_of::<u32>()
            + self.safepoints.size()
            + self.splits.capacity() * size_of::<Split>()
            + self.regions.capacity() * size_of::<RegionStart>()
            + self.listing.capacity() * size_of::<Listed>()
    }
}

/// A cell in a listing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The position of the cell in words.
    pub position: u32,
    /// Its op.
    pub op: OpCode,
    /// Its second word, if that holds operands.
    pub operands: Operands,
    /// Its immediate, if that takes a word of its own.
    pub wide: u64,
    /// The WebAssembly operator that it was emitted for.
    pub offset: WasmOffset,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(position: u32, offset: u32, refund: u32) -> Safepoint {
        Safepoint { position, offset: WasmOffset(offset), refund }
    }

    #[test]
    fn safepoints_find_the_last_cell_before_a_position() {
        let mut points = Safepoints::default();
        let all = [point(0, 70, 0), point(3, 71, 5), point(300, 69, u32::MAX), point(301, 5000, 1)];
        for point in all {
            points.push(point);
        }
        assert_eq!(points.iter().collect::<Vec<_>>(), all);
        assert_eq!(points.find(2), Some(all[0]));
        assert_eq!(points.find(3), Some(all[1]));
        assert_eq!(points.find(300), Some(all[2]));
        assert_eq!(points.find(999), Some(all[3]));
        assert_eq!(Safepoints::default().find(1), None);
    }

    #[test]
    fn safepoints_are_found_from_marks() {
        let mut points = Safepoints::default();
        for i in 1..=1_000 {
            points.push(point(i * 3, 10 + i * 7, i % 3));
        }
        assert_eq!(points.find(2), None);
        for i in 1..=1_000 {
            for position in i * 3..i * 3 + 3 {
                assert_eq!(points.find(position), Some(point(i * 3, 10 + i * 7, i % 3)), "{position}");
            }
        }
    }
}
