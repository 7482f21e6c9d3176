//! [`Val`]: a value of WebAssembly whose type is known at run time.

use core::fmt;
use rotifer_core::{HeapType, RefType, ValType};
use rotifer_executor::StoreId;

use crate::{Error, ExternRef, Func, Nullable, Ref, typed::WasmTy};

macro_rules! floats {
    ($( $(#[$doc:meta])* $name:ident($float:ident, $bits:ident); )*) => {$(
        $(#[$doc])*
        ///
        /// Holds the bits: NaN payloads, also those of signaling NaNs, survive everything that is done to it.
        /// Comparison with `==` is that of the bits.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[repr(transparent)]
        pub struct $name($bits);

        impl $name {
            /// The float with these bits.
            pub const fn from_bits(bits: $bits) -> Self {
                Self(bits)
            }

            /// The bits.
            pub const fn to_bits(self) -> $bits {
                self.0
            }

            /// The float with the bits of this one.
            pub const fn from_float(float: $float) -> Self {
                Self(float.to_bits())
            }

            /// As a float of Rust.
            pub const fn to_float(self) -> $float {
                $float::from_bits(self.0)
            }
        }

        impl From<$float> for $name {
            fn from(float: $float) -> Self {
                Self::from_float(float)
            }
        }

        impl From<$name> for $float {
            fn from(float: $name) -> Self {
                float.to_float()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        /// The shortest decimal number that means the same float, or a NaN with its bits.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let float = self.to_float();
                if float.is_nan() { write!(f, "NaN({:#x})", self.0) } else { write!(f, "{float:?}") }
            }
        }
    )*};
}

floats! {
    /// A 32-bit float.
    F32(f32, u32);
    /// A 64-bit float.
    F64(f64, u64);
}

/// A value of WebAssembly.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A 32-bit float.
    F32(F32),
    /// A 64-bit float.
    F64(F64),
    /// A function or null.
    FuncRef(Nullable<Func>),
    /// An object of the host or null.
    ExternRef(Nullable<ExternRef>),
}

impl Val {
    /// The value that a local of this type starts as: zero or null.
    ///
    /// # Panics
    /// The type is `v128`, which no module that validates uses yet.
    pub fn default_for_ty(ty: ValType) -> Self {
        match ty {
            ValType::I32 => Self::I32(0),
            ValType::I64 => Self::I64(0),
            ValType::F32 => Self::F32(F32::default()),
            ValType::F64 => Self::F64(F64::default()),
            ValType::Ref(ty) => Ref::null(ty).into(),
            _ => panic!("values of type {ty} are not supported yet"),
        }
    }

    /// The type.
    pub fn ty(&self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::FuncRef(_) => ValType::FUNCREF,
            Self::ExternRef(_) => ValType::EXTERNREF,
        }
    }

    /// The integer, if it is one of 32 bits.
    pub fn i32(&self) -> Option<i32> {
        if let Self::I32(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one of 64 bits.
    pub fn i64(&self) -> Option<i64> {
        if let Self::I64(value) = self { Some(*value) } else { None }
    }

    /// The float, if it is one of 32 bits.
    pub fn f32(&self) -> Option<F32> {
        if let Self::F32(value) = self { Some(*value) } else { None }
    }

    /// The float, if it is one of 64 bits.
    pub fn f64(&self) -> Option<F64> {
        if let Self::F64(value) = self { Some(*value) } else { None }
    }

    /// The reference, if it is one to a function.
    pub fn funcref(&self) -> Option<Nullable<&Func>> {
        if let Self::FuncRef(value) = self { Some(value.as_ref()) } else { None }
    }

    /// The reference, if it is one to an object of the host.
    pub fn externref(&self) -> Option<Nullable<&ExternRef>> {
        if let Self::ExternRef(value) = self { Some(value.as_ref()) } else { None }
    }

    /// The reference, if it is one.
    pub fn as_ref(&self) -> Option<Ref> {
        match self {
            Self::FuncRef(func) => Some(Ref::Func(*func)),
            Self::ExternRef(object) => Some(Ref::Extern(*object)),
            _ => None,
        }
    }

    /// The content of a slot for this value.
    pub(crate) fn to_slot(&self, store: StoreId) -> Result<u64, Error> {
        match self {
            Self::I32(value) => value.into_slot(store),
            Self::I64(value) => value.into_slot(store),
            Self::F32(value) => value.into_slot(store),
            Self::F64(value) => value.into_slot(store),
            Self::FuncRef(value) => value.into_slot(store),
            Self::ExternRef(value) => value.into_slot(store),
        }
    }

    /// The value of a type in a slot.
    ///
    /// # Safety
    /// I-REF: the slot holds a value of type `ty` that belongs to the store.
    pub(crate) unsafe fn from_slot(ty: ValType, slot: u64, store: StoreId) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            match ty {
                ValType::I32 => Self::I32(WasmTy::from_slot(slot, store)),
                ValType::I64 => Self::I64(WasmTy::from_slot(slot, store)),
                ValType::F32 => Self::F32(WasmTy::from_slot(slot, store)),
                ValType::F64 => Self::F64(WasmTy::from_slot(slot, store)),
                ValType::Ref(ty) => Ref::from_slot(ty, slot, store).into(),
                _ => unreachable!("no function or global that validates has a value of type {ty}"),
            }
        }
    }
}

macro_rules! from_values {
    ($( $ty:ty, |$value:ident| $val:expr; )*) => {$(
        impl From<$ty> for Val {
            fn from($value: $ty) -> Self {
                $val
            }
        }
    )*};
}

from_values! {
    i32, |value| Self::I32(value);
    u32, |value| Self::I32(value as i32);
    i64, |value| Self::I64(value);
    u64, |value| Self::I64(value as i64);
    f32, |value| Self::F32(value.into());
    f64, |value| Self::F64(value.into());
    F32, |value| Self::F32(value);
    F64, |value| Self::F64(value);
    Func, |value| Self::FuncRef(Nullable::Val(value));
    ExternRef, |value| Self::ExternRef(Nullable::Val(value));
    Nullable<Func>, |value| Self::FuncRef(value);
    Nullable<ExternRef>, |value| Self::ExternRef(value);
    Ref, |value| match value {
        Ref::Func(value) => Self::FuncRef(value),
        Ref::Extern(value) => Self::ExternRef(value),
    };
}

impl Ref {
    /// # Safety
    /// As for [`Val::from_slot`].
    pub(crate) unsafe fn from_slot(ty: RefType, slot: u64, store: StoreId) -> Self {
        // SAFETY: promised by the caller.
        unsafe {
            match ty.heap_type() {
                HeapType::Func => Self::Func(WasmTy::from_slot(slot, store)),
                HeapType::Extern => Self::Extern(WasmTy::from_slot(slot, store)),
                ty => unreachable!("no module that validates has references to {ty:?}"),
            }
        }
    }

    pub(crate) fn to_slot(self, store: StoreId) -> Result<u64, Error> {
        match self {
            Self::Func(func) => func.into_slot(store),
            Self::Extern(object) => object.into_slot(store),
        }
    }
}
