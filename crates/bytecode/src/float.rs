//! Floating-point semantics that Rust's operators do not have, and rounding without `std`.
//!
//! All results are exact, so `std` and `libm` agree.

use rotifer_core::TrapCode;

/// The canonical NaN. Rust does not say which one its constants are.
macro_rules! canonical {
    (f32) => {
        f32::from_bits(0x7FC0_0000)
    };
    (f64) => {
        f64::from_bits(0x7FF8_0000_0000_0000)
    };
}

macro_rules! rounding {
    ($( $name:ident: $ty:tt, $std:ident, $libm:ident; )*) => {$(
        #[inline(always)]
        pub(crate) fn $name(a: $ty) -> $ty {
            // What the libraries make of a NaN is their choice.
            if a.is_nan() {
                return canonical!($ty);
            }
            #[cfg(feature = "std")]
            let result = a.$std();
            #[cfg(not(feature = "std"))]
            let result = libm::$libm(a);
            // Of the root of a negative number.
            if result.is_nan() { canonical!($ty) } else { result }
        }
    )*};
}

rounding! {
    ceil32: f32, ceil, ceilf;
    floor32: f32, floor, floorf;
    trunc32: f32, trunc, truncf;
    nearest32: f32, round_ties_even, rintf;
    sqrt32: f32, sqrt, sqrtf;
    ceil64: f64, ceil, ceil;
    floor64: f64, floor, floor;
    trunc64: f64, trunc, trunc;
    nearest64: f64, round_ties_even, rint;
    sqrt64: f64, sqrt, sqrt;
}

macro_rules! min_max {
    ($( $ty:tt: $min:ident, $max:ident, $copysign:ident, $sign:literal; )*) => {$(
        #[inline(always)]
        pub(crate) fn $min(a: $ty, b: $ty) -> $ty {
            if a < b {
                a
            } else if b < a {
                b
            } else if a == b {
                // Equal, so the same number or zeros of either sign: -0 is the smaller.
                <$ty>::from_bits(a.to_bits() | b.to_bits())
            } else {
                // One is NaN.
                canonical!($ty)
            }
        }

        #[inline(always)]
        pub(crate) fn $max(a: $ty, b: $ty) -> $ty {
            if a > b {
                a
            } else if b > a {
                b
            } else if a == b {
                <$ty>::from_bits(a.to_bits() & b.to_bits())
            } else {
                canonical!($ty)
            }
        }

        #[inline(always)]
        pub(crate) fn $copysign(a: $ty, b: $ty) -> $ty {
            <$ty>::from_bits((a.to_bits() & !$sign) | (b.to_bits() & $sign))
        }
    )*};
}

min_max! {
    f32: min32, max32, copysign32, 0x8000_0000;
    f64: min64, max64, copysign64, 0x8000_0000_0000_0000;
}

macro_rules! truncations {
    ($( $name:ident: $float:ty => $int:ty, above $low:literal, below $high:literal; )*) => {$(
        /// The bounds are the nearest floats of which the one above, or below, truncates into the range.
        #[inline(always)]
        pub(crate) fn $name(a: $float) -> Result<$int, TrapCode> {
            if a > $low && a < $high {
                Ok(a as $int)
            } else if a != a {
                Err(TrapCode::BadConversionToInteger)
            } else {
                Err(TrapCode::IntegerOverflow)
            }
        }
    )*};
}

truncations! {
    trunc_i32_f32: f32 => i32, above -2147483904.0, below 2147483648.0;
    trunc_u32_f32: f32 => u32, above -1.0, below 4294967296.0;
    trunc_i32_f64: f64 => i32, above -2147483649.0, below 2147483648.0;
    trunc_u32_f64: f64 => u32, above -1.0, below 4294967296.0;
    trunc_i64_f32: f32 => i64, above -9223373136366403584.0, below 9223372036854775808.0;
    trunc_u64_f32: f32 => u64, above -1.0, below 18446744073709551616.0;
    trunc_i64_f64: f64 => i64, above -9223372036854777856.0, below 9223372036854775808.0;
    trunc_u64_f64: f64 => u64, above -1.0, below 18446744073709551616.0;
}
