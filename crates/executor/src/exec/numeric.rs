//! One handler for each kind of operator, generic by operator and operand forms: numbers and branches on
//! comparisons.

use core::hint::cold_path;
use rotifer_bytecode::{
    Word,
    divisor::{quotient_s32, quotient_s64, quotient_u32, quotient_u64},
    semantics::{Binary, Compare, Unary, Value},
};
use rotifer_core::TrapCode;

use super::{
    form::{Dst, Of, S, Src, bits, cell_words, operands, pair, put, slot},
    meter::{Behind, ByCell, ByLoop, Meter, What},
    opaque,
    regs::{Dispatcher, Handler, Regs, trap},
};

/// The end of an operator, in a cell of so many words, whose result is a NaN: it is the canonical one, whatever the
/// machine makes of NaNs.
pub(crate) struct NanOp<R, T, const WORDS: usize>(Of<(R, T)>);

impl<R: Value, T: Dst, const WORDS: usize> Handler for NanOp<R, T, WORDS> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            put::<R, T>(r, o.a, R::from_slot(R::NAN));
            r.pc = r.pc.add(WORDS);
            D::next(r)
        }
    }
}

/// Which NaNs an operator gives.
pub(crate) trait Nans {
    /// Whether all are canonical.
    const CANONICAL: bool;
}

/// Those of the machine, or there are none.
pub(crate) struct AnyNan;
/// The canonical one.
pub(crate) struct CanonicalNan;

impl Nans for AnyNan {
    const CANONICAL: bool = false;
}

impl Nans for CanonicalNan {
    const CANONICAL: bool = true;
}

/// A unary operator.
pub(crate) struct UnaryOp<O, X, T, N = AnyNan>(Of<(O, X, T, N)>);

impl<O: Unary, X: Src, T: Dst, N: Nans> Handler for UnaryOp<O, X, T, N> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            match O::eval(X::get(r, u32::from(o.b))) {
                Ok(value) if N::CANONICAL && value.is_nan() => {
                    cold_path();
                    D::divert::<NanOp<O::R, T, 2>>(r)
                }
                Ok(value) => {
                    put::<O::R, T>(r, o.a, value);
                    r.pc = r.pc.add(2);
                    D::next(r)
                }
                // Constants, so that no path has to find out which of all traps it is.
                Err(TrapCode::BadConversionToInteger) => trap::<D>(r, TrapCode::BadConversionToInteger),
                Err(_) => trap::<D>(r, TrapCode::IntegerOverflow),
            }
        }
    }
}

/// A binary operator.
pub(crate) struct BinaryOp<O, L, R, T, N = AnyNan>(Of<(O, L, R, T, N)>);

impl<O: Binary, L: Src, R: Src, T: Dst, N: Nans> Handler for BinaryOp<O, L, R, T, N> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            let (a, b) = pair::<O::A, O::B, L, R>(r, o);
            match O::eval(a, b) {
                Ok(value) if N::CANONICAL && value.is_nan() => {
                    cold_path();
                    if cell_words::<O::A, L, R>() == 2 {
                        D::divert::<NanOp<O::R, T, 2>>(r)
                    } else {
                        D::divert::<NanOp<O::R, T, 3>>(r)
                    }
                }
                Ok(value) => {
                    put::<O::R, T>(r, o.a, value);
                    r.pc = r.pc.add(cell_words::<O::A, L, R>());
                    D::next(r)
                }
                Err(code) => trap::<D>(r, code),
            }
        }
    }
}

/// A compare whose result is a value.
pub(crate) struct CompareOp<O, L, R, T>(Of<(O, L, R, T)>);

impl<O: Compare, L: Src, R: Src, T: Dst> Handler for CompareOp<O, L, R, T> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            let (a, b) = pair::<O::A, O::A, L, R>(r, o);
            put::<u32, T>(r, o.a, O::test(a, b) as u32);
            r.pc = r.pc.add(cell_words::<O::A, L, R>());
            D::next(r)
        }
    }
}

/// Where a branch finds its target.
pub(crate) trait To {
    /// Words of the cell that the target takes.
    const WORDS: usize;
    /// The same for who pays.
    type What: What;

    /// The target of a branch whose cell has the target, if any, in word `index`.
    ///
    /// # Safety
    /// I-CELL: word `index` holds a target, or the loop register is set.
    unsafe fn target(r: &Regs, index: usize) -> *const Word;

    /// The same condition; tells the compiler which way is the usual one, if that is known.
    fn decide(taken: bool) -> bool;
}

/// To the cell that the branch names.
pub(crate) struct ToCell;
/// To the header of the innermost loop.
pub(crate) struct ToLoop;

impl To for ToCell {
    const WORDS: usize = 1;
    type What = ByCell;

    #[inline(always)]
    unsafe fn target(r: &Regs, index: usize) -> *const Word {
        // SAFETY: promised by the caller.
        unsafe { (*r.pc.add(index)).cell }
    }

    #[inline(always)]
    fn decide(taken: bool) -> bool {
        taken
    }
}

impl To for ToLoop {
    const WORDS: usize = 0;
    type What = ByLoop;

    #[inline(always)]
    unsafe fn target(r: &Regs, _: usize) -> *const Word {
        r.lp
    }

    /// Loops go on more often than they end.
    #[inline(always)]
    fn decide(taken: bool) -> bool {
        if !taken {
            cold_path();
        }
        taken
    }
}

/// Branches if `taken`.
///
/// Both arms dispatch on their own, and the optimiser must not see that they differ in nothing but the next
/// cell ([`opaque::taken`]).
///
/// # Safety
/// I-CELL for the current cell, of `words` words without its target and costs.
#[inline(always)]
pub(crate) unsafe fn branch<D: Dispatcher, T: To, M: Meter>(
    r: &mut Regs,
    taken: bool,
    words: usize,
) -> D::Out {
    // SAFETY: promised by the caller.
    unsafe {
        let costs = r.pc.wrapping_add(words + T::WORDS);
        if T::decide(taken) {
            let target = opaque::taken(T::target(r, words), r.pc);
            M::go::<D, T::What>(r, target, costs)
        } else {
            M::go::<D, Behind>(r, costs.add(M::WORDS), costs)
        }
    }
}

/// A branch taken if the compare's result is `IF_TRUE`.
pub(crate) struct BranchOp<O, L, R, T, M, const IF_TRUE: bool>(Of<(O, L, R, T, M)>);

impl<O: Compare, L: Src, R: Src, T: To, M: Meter, const IF_TRUE: bool> Handler
    for BranchOp<O, L, R, T, M, IF_TRUE>
{
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            let (a, b) = pair::<O::A, O::A, L, R>(r, o);
            branch::<D, T, M>(r, O::test(a, b) == IF_TRUE, cell_words::<O::A, L, R>())
        }
    }
}

/// A branch taken if the i32 from `X` is not zero (or is, if not `IF_TRUE`).
pub(crate) struct BranchValue<X, T, M, const IF_TRUE: bool>(Of<(X, T, M)>);

impl<X: Src, T: To, M: Meter, const IF_TRUE: bool> Handler for BranchValue<X, T, M, IF_TRUE> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            let condition: u32 = X::get(r, u32::from(o.b));
            branch::<D, T, M>(r, (condition != 0) == IF_TRUE, 2)
        }
    }
}

/// A division by a constant that is a multiplication.
pub(crate) trait Division {
    /// The numbers.
    type A: Value;
    /// The length of the cell.
    const WORDS: usize;

    /// Computes the result.
    ///
    /// # Safety
    /// I-CELL: `r.pc` is a cell of this op.
    unsafe fn divide(r: &Regs, dividend: Self::A) -> Self::A;
}

macro_rules! divisions {
    ($( $name:ident: $ty:ty, $words:literal = |$r:ident, $dividend:ident| $body:expr; )*) => {$(
        pub(crate) struct $name;

        impl Division for $name {
            type A = $ty;

            const WORDS: usize = $words;

            #[inline(always)]
            unsafe fn divide($r: &Regs, $dividend: $ty) -> $ty {
                // SAFETY: I-CELL: promised by the caller.
                unsafe { $body }
            }
        }
    )*};
}

divisions! {
    DivS32: i32, 3 = |r, n| quotient_s32(n, bits(r, 2));
    DivU32: u32, 3 = |r, n| quotient_u32(n, bits(r, 2));
    RemS32: i32, 3 = |r, n| n.wrapping_sub(quotient_s32(n, bits(r, 2)).wrapping_mul(operands(r).c as i32));
    RemU32: u32, 3 = |r, n| n.wrapping_sub(quotient_u32(n, bits(r, 2)).wrapping_mul(operands(r).c));
    DivS64: i64, 4 = |r, n| quotient_s64(n, bits(r, 2), operands(r).c);
    DivU64: u64, 4 = |r, n| quotient_u64(n, bits(r, 2), operands(r).c);
    RemS64: i64, 4 = |r, n| {
        n.wrapping_sub(quotient_s64(n, bits(r, 2), operands(r).c).wrapping_mul(bits(r, 3) as i64))
    };
    RemU64: u64, 4 = |r, n| {
        n.wrapping_sub(quotient_u64(n, bits(r, 2), operands(r).c).wrapping_mul(bits(r, 3)))
    };
}

/// The op of a [`Division`].
pub(crate) struct DivisionOp<O, X, T>(Of<(O, X, T)>);

impl<O: Division, X: Src, T: Dst> Handler for DivisionOp<O, X, T> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            let dividend: O::A = X::get(r, u32::from(o.b));
            let result = O::divide(r, dividend);
            put::<O::A, T>(r, o.a, result);
            r.pc = r.pc.add(O::WORDS);
            D::next(r)
        }
    }
}

/// A 32-bit immediate as an addend.
pub(crate) fn sign_extended(imm: u32) -> u64 {
    imm as i32 as u64
}

/// The latch of a counting loop: adds to an integer, then branches on a compare of the sum. If the integer is `PINNED`,
/// it is read from the register, so that no round waits for what the one before has stored.
pub(crate) struct Latch<O, L, R, T, M, const IF_TRUE: bool, const PINNED: bool = false>(Of<(O, L, R, T, M)>);

impl<O: Compare, L: Src, R: Src, T: To, M: Meter, const IF_TRUE: bool, const PINNED: bool> Handler
    for Latch<O, L, R, T, M, IF_TRUE, PINNED>
{
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let o = operands(r);
            let addend = if L::IMM { sign_extended(o.c) } else { slot(r, o.c) };
            // What is beyond the type's bits goes to a slot, where it means nothing, but not to the accumulator's reader.
            let counter = if PINNED { r.l0 } else { slot(r, u32::from(o.b)) };
            let sum = O::A::from_slot(counter.wrapping_add(addend));
            if PINNED {
                r.l0 = sum.to_slot();
            }
            put::<O::A, S>(r, o.a, sum);
            let right = (*r.pc.add(2)).operands.c;
            let right = O::A::from_slot(if R::IMM { u64::from(right) } else { slot(r, right) });
            branch::<D, T, M>(r, O::test(sum, right) == IF_TRUE, 3)
        }
    }
}
