//! [`PackedType`]: the type of an operand in one byte.
//!
//! The operand stack of the walk is a stack of these. Typed references will need more bits: this file is the
//! only one that knows how many there are.

use rotifer_core::{RefType, ValType};

/// The type of an operand, or [`BOTTOM`](Self::BOTTOM).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(crate) struct PackedType(u8);

impl PackedType {
    /// Any type: an operand that exists only because the code is unreachable.
    pub(crate) const BOTTOM: Self = Self(0);
    /// No type. It lies below the operands of each frame, so that a pop too many finds the wrong type.
    pub(crate) const NONE: Self = Self(0xFF);
    /// Equal to nothing on the stack, not even to what marks its ends: the addresses of a memory that is not
    /// there.
    pub(crate) const NO_MEMORY: Self = Self(0xFE);
    /// Equal to nothing on the stack either: the type of a local that is not there.
    pub(crate) const NO_LOCAL: Self = Self(0xFD);
    /// Equal to nothing on the stack either: stands for a list of several types.
    pub(crate) const SEVERAL: Self = Self(0xFC);
    pub(crate) const I32: Self = Self(1);
    pub(crate) const I64: Self = Self(2);
    pub(crate) const F32: Self = Self(3);
    pub(crate) const F64: Self = Self(4);
    pub(crate) const V128: Self = Self(5);
    pub(crate) const FUNCREF: Self = Self(6);
    pub(crate) const EXTERNREF: Self = Self(7);

    /// The byte.
    #[inline(always)]
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// The type with these [`bits`](Self::bits).
    #[inline(always)]
    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// Packs a type.
    #[inline]
    pub(crate) const fn new(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32,
            ValType::I64 => Self::I64,
            ValType::F32 => Self::F32,
            ValType::F64 => Self::F64,
            ValType::V128 => Self::V128,
            ValType::Ref(ty) => Self::reference(ty),
            // The readers of types make no others.
            _ => Self::BOTTOM,
        }
    }

    /// Packs a reference type.
    #[inline]
    pub(crate) const fn reference(ty: RefType) -> Self {
        match ty.heap_type() {
            rotifer_core::HeapType::Extern => Self::EXTERNREF,
            _ => Self::FUNCREF,
        }
    }

    /// The type of an address or an index.
    #[inline]
    pub(crate) const fn address(is_64_bit: bool) -> Self {
        if is_64_bit { Self::I64 } else { Self::I32 }
    }

    /// The type. `i32` for [`BOTTOM`](Self::BOTTOM), which has none.
    #[inline]
    pub(crate) const fn val_type(self) -> ValType {
        self.as_slice()[0]
    }

    /// The type as a list of one.
    #[inline]
    pub(crate) const fn as_slice(self) -> &'static [ValType; 1] {
        const TYPES: [[ValType; 1]; 8] = [
            [ValType::I32],
            [ValType::I32],
            [ValType::I64],
            [ValType::F32],
            [ValType::F64],
            [ValType::V128],
            [ValType::FUNCREF],
            [ValType::EXTERNREF],
        ];
        &TYPES[(self.0 & 7) as usize]
    }

    /// Whether this is the type of a reference.
    #[inline]
    pub(crate) const fn is_ref(self) -> bool {
        self.0 >= Self::FUNCREF.0
    }
}

impl core::fmt::Display for PackedType {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if *self == Self::BOTTOM { f.write_str("any type") } else { self.val_type().fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_is_reversible() {
        for ty in [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128] {
            assert_eq!(PackedType::new(ty).val_type(), ty);
            assert!(!PackedType::new(ty).is_ref());
        }
        for ty in [ValType::FUNCREF, ValType::EXTERNREF] {
            assert_eq!(PackedType::new(ty).val_type(), ty);
            assert!(PackedType::new(ty).is_ref());
        }
    }
}
