//! Values: 64 bits on the oracle's stack, typed where others see them.

use std::fmt;

/// A type of values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A float of 32 bits.
    F32,
    /// A float of 64 bits.
    F64,
    /// A reference to a function.
    Func,
    /// A reference to something of the host.
    Extern,
}

impl ValueType {
    /// The type of `wasmparser`.
    ///
    /// # Panics
    /// Validation with the oracle's features lets no other types through.
    pub(crate) fn of(ty: wasmparser::ValType) -> Self {
        match ty {
            wasmparser::ValType::I32 => Self::I32,
            wasmparser::ValType::I64 => Self::I64,
            wasmparser::ValType::F32 => Self::F32,
            wasmparser::ValType::F64 => Self::F64,
            wasmparser::ValType::Ref(ty) if ty.is_func_ref() => Self::Func,
            wasmparser::ValType::Ref(ty) if ty.is_extern_ref() => Self::Extern,
            other => panic!("values of type {other} are beyond the oracle"),
        }
    }
}

/// A value as others see it: numbers by their bits, and of references to functions only whether they are
/// null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// The type.
    pub ty: ValueType,
    /// Bits of a number, zero-extended; 0 for null; 1 for a function; a number of the host's plus 1.
    pub bits: u64,
}

impl Value {
    /// What the oracle's stack holds, as others see it.
    pub fn new(ty: ValueType, bits: u64) -> Self {
        match ty {
            ValueType::I32 | ValueType::F32 => Self { ty, bits: bits & 0xFFFF_FFFF },
            ValueType::Func => Self { ty, bits: bits.min(1) },
            ValueType::I64 | ValueType::F64 | ValueType::Extern => Self { ty, bits },
        }
    }
}

impl Value {
    /// The same value, or the canonical NaN for any NaN.
    #[must_use]
    pub fn without_payload(self) -> Self {
        match self.ty {
            ValueType::F32 if f32::from_bits(self.bits as u32).is_nan() => Self { bits: 0x7FC0_0000, ..self },
            ValueType::F64 if f64::from_bits(self.bits).is_nan() => Self { bits: 0x7FF8 << 48, ..self },
            _ => self,
        }
    }
}

/// As the golden files write it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ty {
            ValueType::I32 => write!(f, "{}", self.bits as i32),
            ValueType::I64 => write!(f, "{}", self.bits as i64),
            ValueType::F32 => write!(f, "{}", f32::from_bits(self.bits as u32)),
            ValueType::F64 => write!(f, "{}", f64::from_bits(self.bits)),
            ValueType::Func | ValueType::Extern if self.bits == 0 => f.write_str("null"),
            ValueType::Func => f.write_str("func"),
            ValueType::Extern => write!(f, "extern:{}", self.bits - 1),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}:{:?}:{:#x}", self.ty, self.bits)
    }
}
