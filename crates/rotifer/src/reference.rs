//! References: [`ExternRef`], [`Nullable`] and [`Ref`].

use alloc::boxed::Box;
use core::any::Any;
use rotifer_core::{HeapType, RefType};
use rotifer_executor::ExternHandle;

use crate::{AsContextMut, Func, StoreContext};

/// A reference or null.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Nullable<T> {
    /// Null.
    #[default]
    Null,
    /// A reference.
    Val(T),
}

impl<T> Nullable<T> {
    /// Whether this is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The reference, unless this is null.
    pub const fn val(&self) -> Option<&T> {
        match self {
            Self::Null => None,
            Self::Val(value) => Some(value),
        }
    }

    /// The reference by value, unless this is null.
    pub fn into_option(self) -> Option<T> {
        match self {
            Self::Null => None,
            Self::Val(value) => Some(value),
        }
    }

    /// The same with a borrowed reference.
    pub const fn as_ref(&self) -> Nullable<&T> {
        match self {
            Self::Null => Nullable::Null,
            Self::Val(value) => Nullable::Val(value),
        }
    }
}

impl<T> From<T> for Nullable<T> {
    fn from(value: T) -> Self {
        Self::Val(value)
    }
}

impl<T> From<Option<T>> for Nullable<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Val)
    }
}

impl<T> From<Nullable<T>> for Option<T> {
    fn from(value: Nullable<T>) -> Self {
        value.into_option()
    }
}

/// A reference to an object of the host, which WebAssembly can pass on but not look into. The object lives as
/// long as its store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExternRef(ExternHandle);

impl ExternRef {
    /// Gives an object to a store.
    pub fn new<O: Any + Send + Sync>(mut ctx: impl AsContextMut, object: O) -> Self {
        Self(ctx.as_context_mut().inner.executor_mut().add_extern(Box::new(object)))
    }

    pub(crate) const fn from_handle(handle: ExternHandle) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(self) -> ExternHandle {
        self.0
    }

    /// The object.
    ///
    /// # Panics
    /// The object belongs to another store.
    pub fn data<'a, T: 'a>(&self, ctx: impl Into<StoreContext<'a, T>>) -> &'a (dyn Any + Send + Sync) {
        match ctx.into().inner.executor().extern_object(self.0) {
            Ok(object) => object,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A reference of any type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Ref {
    /// A function or null.
    Func(Nullable<Func>),
    /// An object of the host or null.
    Extern(Nullable<ExternRef>),
}

impl Ref {
    /// The null reference of a type.
    pub fn null(ty: RefType) -> Self {
        match ty.heap_type() {
            HeapType::Func => Self::Func(Nullable::Null),
            HeapType::Extern => Self::Extern(Nullable::Null),
            ty => unreachable!("no module that validates has references to {ty:?}"),
        }
    }

    /// The value that a local of this type starts as: null.
    pub fn default_for_ty(ty: RefType) -> Self {
        Self::null(ty)
    }

    /// The type.
    pub fn ty(&self) -> RefType {
        match self {
            Self::Func(_) => RefType::FUNCREF,
            Self::Extern(_) => RefType::EXTERNREF,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Func(Nullable::Null) | Self::Extern(Nullable::Null))
    }

    /// Whether this is not null.
    pub fn is_non_null(&self) -> bool {
        !self.is_null()
    }

    /// Whether this refers to a function or is the null of such references.
    pub fn is_func(&self) -> bool {
        matches!(self, Self::Func(_))
    }

    /// Whether this refers to an object of the host or is the null of such references.
    pub fn is_extern(&self) -> bool {
        matches!(self, Self::Extern(_))
    }

    /// The reference, if it is one to a function.
    pub fn as_func(&self) -> Option<Nullable<&Func>> {
        if let Self::Func(func) = self { Some(func.as_ref()) } else { None }
    }

    /// The reference, if it is one to an object of the host.
    pub fn as_extern(&self) -> Option<Nullable<&ExternRef>> {
        if let Self::Extern(object) = self { Some(object.as_ref()) } else { None }
    }
}

impl From<Func> for Ref {
    fn from(func: Func) -> Self {
        Self::Func(Nullable::Val(func))
    }
}

impl From<ExternRef> for Ref {
    fn from(object: ExternRef) -> Self {
        Self::Extern(Nullable::Val(object))
    }
}

impl From<Nullable<Func>> for Ref {
    fn from(func: Nullable<Func>) -> Self {
        Self::Func(func)
    }
}

impl From<Nullable<ExternRef>> for Ref {
    fn from(object: Nullable<ExternRef>) -> Self {
        Self::Extern(object)
    }
}
