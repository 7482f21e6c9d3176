//! [`OperandTypes`]: the types of the operand stack, and how high it ever was.
//!
//! Heights are counted in operands, which is the same as slots: no operator makes a `v128`, which takes two.
//!
//! Two tricks keep the common case short.
//!
//! Below the operands of each frame lies a sentinel, which is no type: the comparison that checks an operand's
//! type also finds that there is none. Below the first sentinel there are more, so that the topmost entries can
//! always be looked at in one read.
//!
//! For a client, the buffer is exactly as long as the stack would be with the most operands so far. Where a push
//! finds no room, there are more operands than ever before: one comparison per push serves the end of the buffer,
//! the greatest height and its limit. A frame lengthens the buffer by its sentinel. Dead code, whose height does
//! not count, may lengthen it, too; it is cut back when the code comes alive again.
//!
//! A walk without client does not ask for the greatest height. Its buffer is never shorter than what a run needs
//! (see `walk/run.rs`), and every push of general code compares with the limit.

use crate::packed_type::PackedType;
use alloc::vec::Vec;

/// How many entries lie below the first sentinel.
const BOTTOM: usize = 8;

/// How many entries a run can reach, a power of two: those at the bottom included.
pub(crate) const REACH: usize = 2048;

/// The entries that a run can reach, and as many behind them as it may read or write at once.
pub(crate) type Window = [u8; REACH + BOTTOM];

/// The stack of operand types.
#[derive(Debug, Default)]
pub(crate) struct OperandTypes {
    buffer: Vec<u8>,
    len: usize,
    /// How many entries are no operands: sentinels, and those at the bottom.
    others: usize,
    /// The most operands in live code.
    max_height: usize,
    /// The most operands that are allowed.
    limit: usize,
    /// Whether the greatest height is asked for.
    measured: bool,
}

/// There are more operands than is allowed.
#[derive(Debug)]
pub(crate) struct TooHigh;

impl OperandTypes {
    /// Empties the stack for another body.
    pub(crate) fn reset(&mut self, limit: usize, measured: bool) {
        if measured {
            self.buffer.clear();
            self.buffer.resize(BOTTOM, PackedType::NONE.bits());
        } else if self.buffer.len() < size_of::<Window>() {
            self.buffer.resize(size_of::<Window>(), PackedType::NONE.bits());
        }
        if let Some(bottom) = self.buffer.first_chunk_mut::<BOTTOM>() {
            *bottom = [PackedType::NONE.bits(); BOTTOM];
        }
        self.len = BOTTOM;
        self.others = BOTTOM;
        self.max_height = 0;
        self.limit = limit;
        self.measured = measured;
    }

    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.buffer.capacity()
    }

    /// How long the stack is, sentinels included.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many operands there are.
    pub(crate) fn height(&self) -> usize {
        self.len - self.others
    }

    /// The most operands that there were in live code, if that is measured.
    pub(crate) fn max_height(&self) -> usize {
        self.max_height
    }

    /// Pushes a type. `live` is whether the code can be reached.
    #[inline(always)]
    pub(crate) fn push<const MEASURED: bool>(&mut self, ty: PackedType, live: bool) -> Result<(), TooHigh> {
        if !MEASURED && self.height() >= self.limit {
            return Err(TooHigh);
        }
        match self.buffer.get_mut(self.len) {
            Some(top) => *top = ty.bits(),
            None => self.grow(ty, live)?,
        }
        self.len += 1;
        Ok(())
    }

    /// Makes room for more operands than ever.
    #[inline(never)]
    fn grow(&mut self, ty: PackedType, live: bool) -> Result<(), TooHigh> {
        if self.height() >= self.limit {
            return Err(TooHigh);
        }
        self.buffer.push(ty.bits());
        if live && self.measured {
            self.max_height = self.buffer.len() - self.others;
        }
        Ok(())
    }

    /// Begins a frame above the operands so far.
    pub(crate) fn enter_frame(&mut self) {
        // What lies above `len` has no meaning, so the new byte may be anywhere there.
        if self.measured || self.len == self.buffer.len() {
            self.buffer.push(PackedType::NONE.bits());
        }
        if let Some(bottom) = self.buffer.get_mut(self.len) {
            *bottom = PackedType::NONE.bits();
        }
        self.len += 1;
        self.others += 1;
    }

    /// Ends a frame whose operands are all popped.
    pub(crate) fn leave_frame(&mut self) {
        if self.measured {
            self.buffer.pop();
        }
        self.len -= 1;
        self.others -= 1;
    }

    /// Forgets how high dead code was. The stack must be no higher than live code ever was.
    pub(crate) fn revive(&mut self) {
        if self.measured {
            self.buffer.truncate(self.max_height + self.others);
        }
    }

    /// What lies on the stack from `start` on.
    #[inline(always)]
    pub(crate) fn above(
        &self,
        start: usize,
    ) -> impl DoubleEndedIterator<Item = PackedType> + ExactSizeIterator {
        self.buffer.get(start..self.len).unwrap_or_default().iter().map(|&bits| PackedType::from_bits(bits))
    }

    /// All operands, lowest first.
    pub(crate) fn operands(&self) -> impl Iterator<Item = PackedType> {
        self.above(BOTTOM).filter(|&ty| ty != PackedType::NONE)
    }

    /// What lies on top, a sentinel perhaps.
    #[inline(always)]
    pub(crate) fn top(&self) -> Option<PackedType> {
        self.buffer.get(self.len.wrapping_sub(1)).map(|&bits| PackedType::from_bits(bits))
    }

    /// Pops an operand of type `expected` if that is what lies on top: of any type, if not `CHECKED`.
    #[inline(always)]
    pub(crate) fn pop_one<const CHECKED: bool>(&mut self, expected: PackedType) -> bool {
        let found = self.top().is_some_and(|top| fits::<CHECKED>(top.bits(), expected));
        self.len -= usize::from(found);
        found
    }

    /// Replaces an operand of type `expected` by one of type `result` if that is what lies on top.
    #[inline(always)]
    pub(crate) fn replace_one<const CHECKED: bool>(
        &mut self,
        expected: PackedType,
        result: PackedType,
    ) -> bool {
        match self.buffer.get_mut(self.len.wrapping_sub(1)) {
            Some(top) if fits::<CHECKED>(*top, expected) => {
                *top = result.bits();
                true
            }
            _ => false,
        }
    }

    /// Replaces two operands of the types `expected` by one of type `result` if that is what lies on top.
    #[inline(always)]
    pub(crate) fn replace_two<const CHECKED: bool>(
        &mut self,
        expected: [PackedType; 2],
        result: PackedType,
    ) -> bool {
        match self.buffer.get_mut(self.len.wrapping_sub(2)..self.len) {
            Some([a, b]) if fits::<CHECKED>(*a, expected[0]) && fits::<CHECKED>(*b, expected[1]) => {
                *a = result.bits();
                self.len -= 1;
                true
            }
            _ => false,
        }
    }

    /// The entries that a run can reach, and where the stack ends, if it can reach all of them.
    #[inline(always)]
    pub(crate) fn window(&mut self) -> Option<(&mut Window, usize)> {
        let len = self.len;
        if self.measured || len >= REACH || self.limit < REACH {
            return None;
        }
        Some((self.buffer.first_chunk_mut()?, len))
    }

    /// Where the stack ends after a run, and how many frames there are.
    #[inline(always)]
    pub(crate) fn resume(&mut self, len: usize, frames: usize) {
        debug_assert!(!self.measured && len <= self.buffer.len());
        self.len = len;
        self.others = BOTTOM + frames;
    }

    /// Removes what is above `len`.
    #[inline(always)]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

/// Whether an entry of the stack is an operand that fits.
#[inline(always)]
fn fits<const CHECKED: bool>(found: u8, expected: PackedType) -> bool {
    if CHECKED { found == expected.bits() } else { found != PackedType::NONE.bits() }
}
