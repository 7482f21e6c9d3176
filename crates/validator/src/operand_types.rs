//! [`OperandTypes`]: the types of the operand stack, and how high it ever was.
//!
//! Heights are counted in operands, which is the same as slots: no operator makes a `v128`, which takes two.
//!
//! Two tricks keep the common case short.
//!
//! Below the operands of each frame lies a sentinel, which is no type: the comparison that checks an operand's
//! type also finds that there is none.
//!
//! The buffer is exactly as long as the stack would be with the most operands so far. Where a push finds no
//! room, there are more operands than ever before: one comparison per push serves the end of the buffer, the
//! greatest height and its limit. A frame lengthens the buffer by its sentinel. Dead code, whose height does not
//! count, may lengthen it, too; it is cut back when the code comes alive again.

use crate::packed_type::PackedType;
use alloc::vec::Vec;

/// The stack of operand types.
#[derive(Debug, Default)]
pub(crate) struct OperandTypes {
    buffer: Vec<PackedType>,
    len: usize,
    /// How many frames there are.
    sentinels: usize,
    /// The most operands in live code.
    max_height: usize,
    /// The most operands that are allowed.
    limit: usize,
}

/// There are more operands than is allowed.
#[derive(Debug)]
pub(crate) struct TooHigh;

impl OperandTypes {
    /// Empties the stack for another body.
    pub(crate) fn reset(&mut self, limit: usize) {
        self.buffer.clear();
        self.len = 0;
        self.sentinels = 0;
        self.max_height = 0;
        self.limit = limit;
    }

    /// How long the stack is, sentinels included.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many operands there are.
    pub(crate) fn height(&self) -> usize {
        self.len - self.sentinels
    }

    /// The most operands that there were in live code.
    pub(crate) fn max_height(&self) -> usize {
        self.max_height
    }

    /// Pushes a type. `live` is whether the code can be reached.
    #[inline(always)]
    pub(crate) fn push(&mut self, ty: PackedType, live: bool) -> Result<(), TooHigh> {
        match self.buffer.get_mut(self.len) {
            Some(top) => *top = ty,
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
        self.buffer.push(ty);
        if live {
            self.max_height = self.buffer.len() - self.sentinels;
        }
        Ok(())
    }

    /// Begins a frame above the operands so far.
    pub(crate) fn enter_frame(&mut self) {
        // What lies above `len` has no meaning, so the new byte may be anywhere there.
        self.buffer.push(PackedType::NONE);
        if let Some(bottom) = self.buffer.get_mut(self.len) {
            *bottom = PackedType::NONE;
        }
        self.len += 1;
        self.sentinels += 1;
    }

    /// Ends a frame whose operands are all popped.
    pub(crate) fn leave_frame(&mut self) {
        self.buffer.pop();
        self.len -= 1;
        self.sentinels -= 1;
    }

    /// Forgets how high dead code was. The stack must be no higher than live code ever was.
    pub(crate) fn revive(&mut self) {
        self.buffer.truncate(self.max_height + self.sentinels);
    }

    /// What lies on the stack from `start` on.
    #[inline(always)]
    pub(crate) fn above(&self, start: usize) -> &[PackedType] {
        self.buffer.get(start..self.len).unwrap_or_default()
    }

    /// What lies on top, a sentinel perhaps.
    #[inline(always)]
    pub(crate) fn top(&self) -> Option<PackedType> {
        self.buffer.get(self.len.wrapping_sub(1)).copied()
    }

    /// Pops an operand of type `expected` if that is what lies on top: of any type, if not `CHECKED`.
    #[inline(always)]
    pub(crate) fn pop_one<const CHECKED: bool>(&mut self, expected: PackedType) -> bool {
        let found = self.top().is_some_and(|top| fits::<CHECKED>(top, expected));
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
                *top = result;
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
                *a = result;
                self.len -= 1;
                true
            }
            _ => false,
        }
    }

    /// The buffer and how much of it is the stack, for a run.
    #[inline(always)]
    pub(crate) fn parts(&mut self) -> (&mut [PackedType], usize) {
        (&mut self.buffer, self.len)
    }

    /// How much of the buffer is the stack after a run.
    #[inline(always)]
    pub(crate) fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.buffer.len());
        self.len = len;
    }

    /// Removes what is above `len`.
    #[inline(always)]
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

/// Whether an entry of the stack is an operand that fits.
#[inline(always)]
fn fits<const CHECKED: bool>(found: PackedType, expected: PackedType) -> bool {
    if CHECKED { found == expected } else { found != PackedType::NONE }
}
