//! [`Global`]: a global of a store.

use rotifer_core::{GlobalType, Mutability};
use rotifer_executor::{self as executor, Handle};

use crate::{AsContext, AsContextMut, Error, Val, store::StoreInner};

/// A global of a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Global(Handle<executor::Global>);

impl Global {
    pub(crate) const fn from_handle(handle: Handle<executor::Global>) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(self) -> Handle<executor::Global> {
        self.0
    }

    /// A new global of the type of its value.
    ///
    /// # Panics
    /// The value belongs to another store.
    pub fn new(mut ctx: impl AsContextMut, value: Val, mutability: Mutability) -> Self {
        let store = ctx.as_context_mut().inner;
        let slot = value.to_slot(store.id()).unwrap_or_else(|error| panic!("{error}"));
        let ty = GlobalType::new(value.ty(), mutability);
        // SAFETY: I-REF: the type is the value's, and `to_slot` has compared the store.
        Self(unsafe { store.executor_mut().new_global(ty, [slot, 0]) })
    }

    fn entity<'a, T>(&self, store: &'a StoreInner<T>) -> &'a executor::Global {
        store.executor().entity(self.0).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The type.
    ///
    /// # Panics
    /// The global belongs to another store.
    pub fn ty(&self, ctx: impl AsContext) -> GlobalType {
        self.entity(ctx.as_context().inner).ty
    }

    /// The value.
    ///
    /// # Panics
    /// The global belongs to another store.
    pub fn get(&self, ctx: impl AsContext) -> Val {
        let store = ctx.as_context().inner;
        let global = self.entity(store);
        // SAFETY: I-REF: a global holds a value of its type that belongs to its store.
        unsafe { Val::from_slot(global.ty.content, global.get()[0], store.id()) }
    }

    /// Replaces the value.
    ///
    /// # Errors
    /// The global is constant, the value has another type, or something belongs to another store.
    pub fn set(&self, mut ctx: impl AsContextMut, value: Val) -> Result<(), Error> {
        let store = ctx.as_context_mut().inner;
        let slot = value.to_slot(store.id())?;
        let global = store.executor().entity(self.0)?;
        if global.ty.mutability == Mutability::Const {
            return Err(Error::access("the global is constant"));
        }
        if value.ty() != global.ty.content {
            return Err(Error::access("the value has not the type of the global"));
        }
        // SAFETY: I-REF: the types were just compared, and `to_slot` has compared the store.
        Ok(unsafe { store.executor_mut().set_global(self.0, [slot, 0]) }?)
    }
}
