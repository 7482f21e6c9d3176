//! Operand forms as types: where a handler reads and writes.
//!
//! Slot operands are in the fields `b`, then `c`, of the cell's operands, a 32-bit immediate is in `c`, one of
//! 64 bits in the third word, the slot of the result is in `a`.

use core::marker::PhantomData;
use rotifer_bytecode::{Operands, semantics::Value};
use rotifer_core::ValType;

use super::{opaque, regs::Regs};

/// The operands of the current cell.
///
/// # Safety
/// I-CELL: the cell's second word holds operands.
#[inline(always)]
pub(crate) unsafe fn operands(r: &Regs) -> Operands {
    // SAFETY: promised by the caller.
    unsafe { (*r.pc.add(1)).operands }
}

/// A word of the current cell as bits.
///
/// # Safety
/// I-CELL: the cell's word `index` holds bits.
#[inline(always)]
pub(crate) unsafe fn bits(r: &Regs, index: usize) -> u64 {
    // SAFETY: promised by the caller.
    unsafe { (*r.pc.add(index)).bits }
}

/// Reads a slot of the frame.
///
/// # Safety
/// I-SLOT: the slot lies in the frame.
#[inline(always)]
pub(crate) unsafe fn slot(r: &Regs, slot: u32) -> u64 {
    // SAFETY: promised by the caller.
    unsafe { *r.sp.add(slot as usize) }
}

/// Writes a slot of the frame.
///
/// # Safety
/// I-SLOT: the slot lies in the frame.
#[inline(always)]
pub(crate) unsafe fn set_slot(r: &mut Regs, slot: u32, value: u64) {
    // SAFETY: promised by the caller.
    unsafe { *r.sp.add(slot as usize) = value }
}

/// A source of operands.
pub(crate) trait Src {
    /// Whether it takes the field `b` or `c` as a slot.
    const SLOT: bool = false;
    /// Whether it is an immediate.
    const IMM: bool = false;

    /// Reads the operand.
    ///
    /// # Safety
    /// I-CELL, I-SLOT: `field` is what the cell holds for this operand.
    unsafe fn get<T: Value>(r: &Regs, field: u32) -> T;
}

/// A slot of the frame.
pub(crate) struct S;
/// An immediate.
pub(crate) struct I;
/// The accumulator of the type's domain.
pub(crate) struct A;

impl Src for S {
    const SLOT: bool = true;
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, field: u32) -> T {
        // SAFETY: promised by the caller.
        T::from_slot(unsafe { slot(r, field) })
    }
}

/// The sum of the innermost loop, which is a float: in its register, and in a slot that the cell names.
pub(crate) struct Summed;

impl Src for Summed {
    // In the cell it has the place of a slot.
    const SLOT: bool = true;
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, _: u32) -> T {
        T::from_slot(r.fl0)
    }
}

impl Src for A {
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, _: u32) -> T {
        T::from_slot(if const { T::TYPE.is_float() } { r.facc } else { r.acc })
    }
}

impl Src for I {
    const IMM: bool = true;
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, field: u32) -> T {
        T::from_slot(match T::TYPE {
            // SAFETY: I-CELL: cells with a 64-bit immediate have it in the third word.
            ValType::I64 | ValType::F64 => unsafe { bits(r, 2) },
            _ => u64::from(field),
        })
    }
}

/// The length in words of a cell with one operand of type `T` from `L` and one from `R`, branch target aside.
pub(crate) const fn cell_words<T: Value, L: Src, R: Src>() -> usize {
    2 + ((L::IMM || R::IMM) && matches!(T::TYPE, ValType::I64 | ValType::F64)) as usize
}

/// Reads the two operands of a cell.
///
/// # Safety
/// I-CELL, I-SLOT for the current cell.
#[inline(always)]
pub(crate) unsafe fn pair<T: Value, U: Value, L: Src, R: Src>(r: &Regs, o: Operands) -> (T, U) {
    let left = if L::IMM { o.c } else { u32::from(o.b) };
    let right = if R::SLOT && !L::SLOT { u32::from(o.b) } else { o.c };
    // SAFETY: promised by the caller.
    unsafe { (L::get(r, left), R::get(r, right)) }
}

/// A target of results.
pub(crate) trait Dst {
    /// Whether the result goes to a slot as well.
    const SLOT: bool;
    /// Whether it goes to the register of the innermost loop's sum as well.
    const SUM: bool = false;
}

impl Dst for Summed {
    const SLOT: bool = true;
    const SUM: bool = true;
}

impl Dst for S {
    const SLOT: bool = true;
}

impl Dst for A {
    const SLOT: bool = false;
}

/// Writes a result to the accumulator of its domain, and to the slot `a` if the form says so.
///
/// # Safety
/// I-SLOT, if the form writes a slot.
#[inline(always)]
pub(crate) unsafe fn put<T: Value, D: Dst>(r: &mut Regs, a: u16, value: T) {
    let bits = opaque::slot_bits(value);
    if const { T::TYPE.is_float() } {
        r.facc = bits;
    } else {
        r.acc = bits;
    }
    if D::SUM {
        r.fl0 = bits;
    }
    if D::SLOT {
        // SAFETY: promised by the caller.
        unsafe { set_slot(r, u32::from(a), bits) };
    }
}

/// Types as parameters of handlers that are never values.
pub(crate) type Of<T> = PhantomData<fn() -> T>;
