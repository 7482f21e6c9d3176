//! Calls without tests at run time: [`TypedFunc`], and the traits that relate Rust types to WebAssembly's.

use alloc::string::ToString;
use core::{fmt, marker::PhantomData, ptr::NonNull};
use rotifer_core::ValType;
use rotifer_executor::{self as executor, ExternHandle, StoreId, WrongStore};

use crate::{AsContextMut, Error, ExternRef, F32, F64, Func, Nullable, TypedResumableCall};

mod sealed {
    /// Keeps others from implementing the traits of this module: the slots that implementations read and write
    /// must match the types that they state.
    pub trait Sealed {}

    /// The same for what host functions return.
    pub trait SealedRet {}
}

use sealed::Sealed;

/// A Rust type for values of a WebAssembly type.
pub trait WasmTy: Sealed + Copy + Send + Sync + 'static {
    /// The WebAssembly type.
    #[doc(hidden)]
    const TYPE: ValType;

    /// The content of a slot for this value.
    #[doc(hidden)]
    fn into_slot(self, store: StoreId) -> Result<u64, Error>;

    /// The value in a slot.
    ///
    /// # Safety
    /// I-REF: the slot holds a value of this type that belongs to the store.
    #[doc(hidden)]
    unsafe fn from_slot(slot: u64, store: StoreId) -> Self;
}

macro_rules! numbers {
    ($( $ty:ty, $val:ident, |$value:ident| $to:expr, |$slot:ident| $from:expr; )*) => {$(
        impl Sealed for $ty {}

        impl WasmTy for $ty {
            const TYPE: ValType = ValType::$val;

            #[inline]
            fn into_slot(self, _: StoreId) -> Result<u64, Error> {
                let $value = self;
                Ok($to)
            }

            #[inline]
            unsafe fn from_slot($slot: u64, _: StoreId) -> Self {
                $from
            }
        }
    )*};
}

numbers! {
    i32, I32, |value| value as u32 as u64, |slot| slot as i32;
    u32, I32, |value| value as u64, |slot| slot as u32;
    i64, I64, |value| value as u64, |slot| slot as i64;
    u64, I64, |value| value, |slot| slot;
    f32, F32, |value| value.to_bits() as u64, |slot| f32::from_bits(slot as u32);
    f64, F64, |value| value.to_bits(), |slot| f64::from_bits(slot);
    F32, F32, |value| value.to_bits() as u64, |slot| F32::from_bits(slot as u32);
    F64, F64, |value| value.to_bits(), |slot| F64::from_bits(slot);
}

impl Sealed for Nullable<Func> {}

impl WasmTy for Nullable<Func> {
    const TYPE: ValType = ValType::FUNCREF;

    fn into_slot(self, store: StoreId) -> Result<u64, Error> {
        let Self::Val(func) = self else { return Ok(0) };
        Ok(executor::Func::to_reference(func.handle().check(store)?.as_ptr()))
    }

    unsafe fn from_slot(slot: u64, store: StoreId) -> Self {
        match NonNull::new(executor::Func::from_reference(slot)) {
            None => Self::Null,
            // SAFETY: promised by the caller: a reference to a function that is not null is its address.
            Some(func) => Self::Val(Func::from_handle(unsafe { store.handle(func) })),
        }
    }
}

impl Sealed for Nullable<ExternRef> {}

impl WasmTy for Nullable<ExternRef> {
    const TYPE: ValType = ValType::EXTERNREF;

    fn into_slot(self, store: StoreId) -> Result<u64, Error> {
        let Self::Val(object) = self else { return Ok(0) };
        if object.handle().store() != store {
            return Err(WrongStore.into());
        }
        Ok(object.handle().slot())
    }

    unsafe fn from_slot(slot: u64, store: StoreId) -> Self {
        ExternHandle::from_slot(slot, store).map(ExternRef::from_handle).into()
    }
}

macro_rules! options {
    ($( $ty:ty ),*) => {$(
        impl Sealed for Option<$ty> {}

        impl WasmTy for Option<$ty> {
            const TYPE: ValType = <Nullable<$ty>>::TYPE;

            fn into_slot(self, store: StoreId) -> Result<u64, Error> {
                self.map_or(Nullable::<$ty>::Null, Nullable::Val).into_slot(store)
            }

            unsafe fn from_slot(slot: u64, store: StoreId) -> Self {
                // SAFETY: promised by the caller.
                unsafe { <Nullable<$ty>>::from_slot(slot, store) }.into_option()
            }
        }
    )*};
}

options!(Func, ExternRef);

/// A list of values: `()`, one [`WasmTy`], or a tuple of up to 16.
pub trait WasmTyList: Sealed + Copy + Send + Sync + 'static {
    /// The WebAssembly types.
    #[doc(hidden)]
    const TYPES: &'static [ValType];
    /// An array with a slot for each value.
    #[doc(hidden)]
    type Slots: AsRef<[u64]> + AsMut<[u64]> + Copy;
    /// An array of zeros.
    #[doc(hidden)]
    const ZEROS: Self::Slots;

    /// The contents of slots for these values.
    #[doc(hidden)]
    fn into_slots(self, store: StoreId) -> Result<Self::Slots, Error>;

    /// The values in slots.
    ///
    /// # Safety
    /// I-REF: the slots hold values of these types that belong to the store.
    #[doc(hidden)]
    unsafe fn from_slots(slots: &Self::Slots, store: StoreId) -> Self;
}

/// The parameters of a [`TypedFunc`].
pub trait WasmParams: WasmTyList {}
impl<L: WasmTyList> WasmParams for L {}

/// The results of a [`TypedFunc`].
pub trait WasmResults: WasmTyList {}
impl<L: WasmTyList> WasmResults for L {}

impl<V: WasmTy> WasmTyList for V {
    const TYPES: &'static [ValType] = &[V::TYPE];
    type Slots = [u64; 1];
    const ZEROS: [u64; 1] = [0];

    #[inline]
    fn into_slots(self, store: StoreId) -> Result<[u64; 1], Error> {
        Ok([self.into_slot(store)?])
    }

    #[inline]
    unsafe fn from_slots(slots: &[u64; 1], store: StoreId) -> Self {
        // SAFETY: promised by the caller.
        unsafe { V::from_slot(slots[0], store) }
    }
}

macro_rules! tuples {
    ($( $count:literal: $($V:ident $v:ident)*; )*) => {$(
        impl<$($V: WasmTy),*> Sealed for ($($V,)*) {}

        #[allow(unused_variables, reason = "the empty tuple uses none")]
        impl<$($V: WasmTy),*> WasmTyList for ($($V,)*) {
            const TYPES: &'static [ValType] = &[$($V::TYPE),*];
            type Slots = [u64; $count];
            const ZEROS: [u64; $count] = [0; $count];

            #[inline]
            fn into_slots(self, store: StoreId) -> Result<[u64; $count], Error> {
                let ($($v,)*) = self;
                Ok([$($v.into_slot(store)?),*])
            }

            #[inline]
            unsafe fn from_slots(slots: &[u64; $count], store: StoreId) -> Self {
                let &[$($v),*] = slots;
                // SAFETY: promised by the caller.
                #[allow(unused_unsafe, reason = "the empty tuple needs none")]
                #[allow(clippy::unused_unit, reason = "the empty tuple is a unit")]
                unsafe { ($(<$V as WasmTy>::from_slot($v, store),)*) }
            }
        }
    )*};
}

tuples! {
    0: ;
    1: A a;
    2: A a B b;
    3: A a B b C c;
    4: A a B b C c D d;
    5: A a B b C c D d E e;
    6: A a B b C c D d E e F f;
    7: A a B b C c D d E e F f G g;
    8: A a B b C c D d E e F f G g H h;
    9: A a B b C c D d E e F f G g H h I i;
    10: A a B b C c D d E e F f G g H h I i J j;
    11: A a B b C c D d E e F f G g H h I i J j K k;
    12: A a B b C c D d E e F f G g H h I i J j K k L l;
    13: A a B b C c D d E e F f G g H h I i J j K k L l M m;
    14: A a B b C c D d E e F f G g H h I i J j K k L l M m N n;
    15: A a B b C c D d E e F f G g H h I i J j K k L l M m N n O o;
    16: A a B b C c D d E e F f G g H h I i J j K k L l M m N n O o P p;
}

/// What a host function may return: a list of values, or a [`Result`] with one.
pub trait WasmRet: sealed::SealedRet {
    /// The values.
    #[doc(hidden)]
    type Values: WasmTyList;

    /// The values, or why the function failed.
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values, Error>;
}

impl<L: WasmTyList> sealed::SealedRet for L {}

impl<L: WasmTyList> WasmRet for L {
    type Values = L;

    #[inline]
    fn into_result(self) -> Result<L, Error> {
        Ok(self)
    }
}

impl<L: WasmTyList> sealed::SealedRet for Result<L, Error> {}

impl<L: WasmTyList> WasmRet for Result<L, Error> {
    type Values = L;

    #[inline]
    fn into_result(self) -> Self {
        self
    }
}

/// A function whose type was compared with Rust types once, so that calls need not.
pub struct TypedFunc<Params, Results> {
    func: Func,
    signature: PhantomData<fn(Params) -> Results>,
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedFunc").field("func", &self.func).finish_non_exhaustive()
    }
}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    pub(crate) fn new(func: Func, ty: &rotifer_core::FuncType) -> Result<Self, Error> {
        if ty.params() != Params::TYPES || ty.results() != Results::TYPES {
            let wanted =
                rotifer_core::FuncType::new(Params::TYPES.iter().copied(), Results::TYPES.iter().copied());
            return Err(Error::signature(
                ["the function has type ", &ty.to_string(), ", not ", &wanted.to_string()].concat(),
            ));
        }
        Ok(Self { func, signature: PhantomData })
    }

    /// The function.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls the function.
    ///
    /// # Errors
    /// WebAssembly trapped, a host function failed, a body is invalid (in partial mode), or the function or a
    /// parameter belongs to another store.
    #[inline]
    pub fn call(&self, mut ctx: impl AsContextMut, params: Params) -> Result<Results, Error> {
        let store = ctx.as_context_mut().inner;
        let id = store.id();
        let params = params.into_slots(id)?;
        let mut results = Results::ZEROS;
        store.invoke(self.func, params.as_ref(), results.as_mut())?;
        // SAFETY: I-REF: the function's type was compared when `self` was made, and its results belong to
        // the store in which it ran.
        Ok(unsafe { Results::from_slots(&results, id) })
    }

    /// Calls the function so that it can stop and go on; see [`Func::call_resumable`].
    ///
    /// # Errors
    /// As for [`Func::call_resumable`].
    pub fn call_resumable(
        &self,
        mut ctx: impl AsContextMut,
        params: Params,
    ) -> Result<TypedResumableCall<Results>, Error> {
        let store = ctx.as_context_mut().inner;
        let id = store.id();
        let params = params.into_slots(id)?;
        let mut results = Results::ZEROS;
        let type_id = store.executor().entity(self.func.handle())?.type_id;
        let outcome = store.start(self.func, params.as_ref(), results.as_mut())?;
        // SAFETY: I-REF: as for `call`.
        Ok(unsafe { TypedResumableCall::new(outcome, type_id, &results, id) })
    }
}
