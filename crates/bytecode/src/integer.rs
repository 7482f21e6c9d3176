//! Signed division, whose two traps differ.

use rotifer_core::TrapCode;

macro_rules! division {
    ($( $ty:ty: $div:ident, $rem:ident; )*) => {$(
        #[inline(always)]
        pub(crate) fn $div(a: $ty, b: $ty) -> Result<$ty, TrapCode> {
            if b == 0 {
                return Err(TrapCode::IntegerDivisionByZero);
            }
            // Apart, so that the quotient that overflows is found without another register.
            if b == -1 {
                return a.checked_neg().ok_or(TrapCode::IntegerOverflow);
            }
            Ok(a.wrapping_div(b))
        }

        #[inline(always)]
        pub(crate) fn $rem(a: $ty, b: $ty) -> Result<$ty, TrapCode> {
            if b == 0 {
                return Err(TrapCode::IntegerDivisionByZero);
            }
            // The remainder of the one overflowing quotient is 0, and wrapping says so.
            Ok(a.wrapping_rem(b))
        }
    )*};
}

division! {
    i32: div_s32, rem_s32;
    i64: div_s64, rem_s64;
}
