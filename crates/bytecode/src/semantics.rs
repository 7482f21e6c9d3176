//! What the operators of the table compute, as traits that the executor's generic handlers and the
//! translator's constant folding share, so that the two cannot differ.

use crate::{float, integer};
use rotifer_core::{TrapCode, ValType};

/// A Rust type that represents a WebAssembly number in a 64-bit slot.
///
/// Narrow values sit in the low bits. The high bits of a slot that holds a 32-bit value are unspecified: every
/// reader knows the type.
pub trait Value: Copy + 'static {
    /// The WebAssembly type.
    const TYPE: ValType;
    /// The value in the low bits of a slot.
    fn from_slot(bits: u64) -> Self;
    /// The value as the content of a slot, zero-extended.
    fn to_slot(self) -> u64;
    /// The canonical NaN of a float type, as the content of a slot.
    const NAN: u64;
    /// Whether the value is a NaN.
    fn is_nan(self) -> bool;
}

macro_rules! values {
    ($( $ty:ty, $val:ident, |$bits:ident| $from:expr, |$value:ident| $to:expr, $nan:expr; )*) => {$(
        impl Value for $ty {
            const TYPE: ValType = ValType::$val;
            #[inline(always)]
            fn from_slot($bits: u64) -> Self { $from }
            #[inline(always)]
            fn to_slot(self) -> u64 { let $value = self; $to }
            const NAN: u64 = $nan;
            #[inline(always)]
            #[allow(clippy::eq_op, reason = "a NaN is what differs from itself")]
            fn is_nan(self) -> bool { self != self }
        }
    )*};
}

values! {
    u32, I32, |b| b as u32, |v| v as u64, 0;
    i32, I32, |b| b as i32, |v| v as u32 as u64, 0;
    u64, I64, |b| b, |v| v, 0;
    i64, I64, |b| b as i64, |v| v as u64, 0;
    f32, F32, |b| f32::from_bits(b as u32), |v| v.to_bits() as u64, 0x7FC0_0000;
    f64, F64, |b| f64::from_bits(b), |v| v.to_bits(), 0x7FF8_0000_0000_0000;
}

/// An unsigned integer as it lies in memory, little-endian.
pub trait MemoryInt: Copy + 'static {
    /// Bytes.
    const SIZE: usize;
    /// Converts between memory order and machine order.
    fn little_endian(self) -> Self;
}

macro_rules! memory_ints {
    ($( $ty:ty ),*) => {$(
        impl MemoryInt for $ty {
            const SIZE: usize = size_of::<$ty>();
            #[inline(always)]
            fn little_endian(self) -> Self { self.to_le() }
        }
    )*};
}

memory_ints!(u8, u16, u32, u64);

/// An operator with one operand.
pub trait Unary {
    /// The operand.
    type A: Value;
    /// The result.
    type R: Value;
    /// Whether [`eval`](Self::eval) can fail.
    const MAY_TRAP: bool;
    /// Computes the result.
    fn eval(a: Self::A) -> Result<Self::R, TrapCode>;
}

/// An operator with two operands of one WebAssembly type.
pub trait Binary {
    /// The left operand.
    type A: Value;
    /// The right operand.
    type B: Value;
    /// The result.
    type R: Value;
    /// Whether [`eval`](Self::eval) can fail.
    const MAY_TRAP: bool;
    /// Computes the result.
    fn eval(a: Self::A, b: Self::B) -> Result<Self::R, TrapCode>;
}

/// An operator that compares two numbers.
pub trait Compare {
    /// The type of both operands.
    type A: Value;
    /// Compares.
    fn test(a: Self::A, b: Self::A) -> bool;
}

/// An operator that loads a number from memory.
pub trait Load {
    /// What lies in memory.
    type M: MemoryInt;
    /// The result.
    type R: Value;
    /// Makes the result of what lies in memory.
    fn convert(m: Self::M) -> Self::R;
}

/// An operator that stores a number in memory.
pub trait Store {
    /// The operand.
    type V: Value;
    /// What goes to memory.
    type M: MemoryInt;
    /// Makes what goes to memory.
    fn convert(v: Self::V) -> Self::M;
}

/// One unit type for each operator of the table; the traits of this module are implemented for them.
pub mod ops {
    use super::*;

    macro_rules! define {
        (
            unary { $( $(#[$ud:meta])* $uo:literal $ut:literal $U:ident: ($ua:ty) -> $ur:ty = $uf:expr; )* }
            unary_try { $( $(#[$vd:meta])* $vo:literal $vt:literal $V:ident: ($va:ty) -> $vr:ty = $vf:expr; )* }
            binary { $( $(#[$bd:meta])* $bo:literal $bt:literal $B:ident: ($ba:ty, $bb:ty) -> $br:ty = $bf:expr; )* }
            binary_try { $( $(#[$dd:meta])* $do:literal $dt:literal $D:ident: ($da:ty, $db:ty) -> $dr:ty = $df:expr; )* }
            compare { $( $(#[$cd:meta])* $co:literal $ct:literal $C:ident: ($ca:ty, $cb:ty) = $cf:expr; )* }
            load { $( $(#[$ld:meta])* $lo:literal $lt:literal $L:ident: ($lm:ty) -> $lr:ty = $lf:expr; )* }
            store { $( $(#[$sd:meta])* $so:literal $st:literal $S:ident: ($sv:ty) -> $sm:ty = $sf:expr; )* }
        ) => {
            $(
                $(#[$ud])* #[derive(Debug)] pub enum $U {}
                impl Unary for $U {
                    type A = $ua; type R = $ur;
                    const MAY_TRAP: bool = false;
                    #[inline(always)]
                    fn eval(a: $ua) -> Result<$ur, TrapCode> { let f: fn($ua) -> $ur = $uf; Ok(f(a)) }
                }
            )*
            $(
                $(#[$vd])* #[derive(Debug)] pub enum $V {}
                impl Unary for $V {
                    type A = $va; type R = $vr;
                    const MAY_TRAP: bool = true;
                    #[inline(always)]
                    fn eval(a: $va) -> Result<$vr, TrapCode> { $vf(a) }
                }
            )*
            $(
                $(#[$bd])* #[derive(Debug)] pub enum $B {}
                impl Binary for $B {
                    type A = $ba; type B = $bb; type R = $br;
                    const MAY_TRAP: bool = false;
                    #[inline(always)]
                    fn eval(a: $ba, b: $bb) -> Result<$br, TrapCode> {
                        let f: fn($ba, $bb) -> $br = $bf;
                        Ok(f(a, b))
                    }
                }
            )*
            $(
                $(#[$dd])* #[derive(Debug)] pub enum $D {}
                impl Binary for $D {
                    type A = $da; type B = $db; type R = $dr;
                    const MAY_TRAP: bool = true;
                    #[inline(always)]
                    fn eval(a: $da, b: $db) -> Result<$dr, TrapCode> {
                        let f: fn($da, $db) -> Result<$dr, TrapCode> = $df;
                        f(a, b)
                    }
                }
            )*
            $(
                $(#[$cd])* #[derive(Debug)] pub enum $C {}
                impl Compare for $C {
                    type A = $ca;
                    #[inline(always)]
                    fn test(a: $ca, b: $cb) -> bool { let f: fn($ca, $cb) -> bool = $cf; f(a, b) }
                }
            )*
            $(
                $(#[$ld])* #[derive(Debug)] pub enum $L {}
                impl Load for $L {
                    type M = $lm; type R = $lr;
                    #[inline(always)]
                    fn convert(m: $lm) -> $lr { let f: fn($lm) -> $lr = $lf; f(m) }
                }
            )*
            $(
                $(#[$sd])* #[derive(Debug)] pub enum $S {}
                impl Store for $S {
                    type V = $sv; type M = $sm;
                    #[inline(always)]
                    fn convert(v: $sv) -> $sm { let f: fn($sv) -> $sm = $sf; f(v) }
                }
            )*
        };
    }

    crate::for_each_operator!(define);
}
