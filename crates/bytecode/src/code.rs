//! Code as the translator writes it and the executor runs it: 64-bit words that make up cells.

use alloc::{collections::BTreeMap, vec::Vec};
use core::fmt;
use rotifer_core::WasmOffset;

use crate::op::OpCode;

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
}

/// Which WebAssembly operator a place in the code belongs to: one point for each cell that can trap, call or
/// leave the dispatcher.
///
/// Stored as pairs of LEB128 differences, about two bytes a point.
#[derive(Clone, Debug, Default)]
pub struct Safepoints {
    bytes: Vec<u8>,
    last: (u32, u32),
}

impl Safepoints {
    /// Adds the point of the cell that starts at word `position`. Positions must not decrease.
    pub fn push(&mut self, position: u32, offset: WasmOffset) {
        let (last_position, last_offset) = self.last;
        debug_assert!(position >= last_position);
        self.leb128(position.wrapping_sub(last_position));
        // Offsets may go back (a branch fused with an earlier compare), so their difference is zigzag-coded.
        let difference = offset.0.wrapping_sub(last_offset) as i32;
        self.leb128(((difference << 1) ^ (difference >> 31)) as u32);
        self.last = (position, offset.0);
    }

    fn leb128(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    /// The points in order: (position of the cell in words, offset of the operator).
    pub fn iter(&self) -> impl Iterator<Item = (u32, WasmOffset)> + '_ {
        let mut bytes = self.bytes.iter();
        let (mut position, mut offset) = (0u32, 0u32);
        core::iter::from_fn(move || {
            let mut leb128 = || {
                let mut value = 0u32;
                let mut shift = 0;
                loop {
                    let byte = *bytes.next()?;
                    value |= u32::from(byte & 0x7F) << shift;
                    shift += 7;
                    if byte & 0x80 == 0 {
                        return Some(value);
                    }
                }
            };
            position = position.wrapping_add(leb128()?);
            let difference = leb128()?;
            offset = offset.wrapping_add((difference >> 1) ^ (difference & 1).wrapping_neg());
            Some((position, WasmOffset(offset)))
        })
    }

    /// The offset of the operator whose cell starts at word `position` or is the last one before it.
    pub fn offset_at(&self, position: u32) -> Option<WasmOffset> {
        self.iter().take_while(|&(p, _)| p <= position).last().map(|(_, offset)| offset)
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back memory that is not needed.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }
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
    /// Offsets for traps and backtraces.
    pub safepoints: Safepoints,
    /// The cells, where the translator was asked to record them.
    pub listing: Vec<Listed>,
    /// In a recorded listing: the words that are targets of branches, and the positions of their cells.
    pub targets: BTreeMap<u32, u32>,
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

    #[test]
    fn safepoints_find_the_last_cell_before_a_position() {
        let mut points = Safepoints::default();
        for &(position, offset) in &[(0, 70), (3, 71), (300, 69), (301, 5000)] {
            points.push(position, WasmOffset(offset));
        }
        assert_eq!(points.iter().count(), 4);
        assert_eq!(points.offset_at(2), Some(WasmOffset(70)));
        assert_eq!(points.offset_at(3), Some(WasmOffset(71)));
        assert_eq!(points.offset_at(300), Some(WasmOffset(69)));
        assert_eq!(points.offset_at(999), Some(WasmOffset(5000)));
        assert_eq!(Safepoints::default().offset_at(1), None);
    }
}
