//! [`Caller`]: what a host function knows of the call.

use core::fmt;
use rotifer_executor::{self as executor, Handle};

use crate::{Engine, Extern, Instance, StoreContext, StoreContextMut, store::StoreInner};

/// The store of a host function that is being called, and the instance that called it.
pub struct Caller<'a, T> {
    store: &'a mut StoreInner<T>,
    instance: Option<Handle<executor::Instance>>,
}

impl<'a, T> Caller<'a, T> {
    #[inline]
    pub(crate) fn new(store: &'a mut StoreInner<T>, instance: Option<Handle<executor::Instance>>) -> Self {
        Self { store, instance }
    }

    /// The same caller for a shorter time.
    #[inline]
    pub(crate) fn reborrow(&mut self) -> Caller<'_, T> {
        Caller { store: self.store, instance: self.instance }
    }

    #[inline]
    pub(crate) fn store(&self) -> &StoreInner<T> {
        self.store
    }

    #[inline]
    pub(crate) fn store_mut(&mut self) -> &mut StoreInner<T> {
        self.store
    }

    /// The instance that called, or nothing if the embedder did.
    pub fn instance(&self) -> Option<Instance> {
        self.instance.map(Instance::from_handle)
    }

    /// An export of the instance that called.
    pub fn get_export(&self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(self, name)
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// The embedder's data.
    #[inline]
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The embedder's data.
    #[inline]
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }
}

impl<'a, T> From<Caller<'a, T>> for StoreContext<'a, T> {
    fn from(caller: Caller<'a, T>) -> Self {
        Self { inner: caller.store }
    }
}

impl<'a, T> From<Caller<'a, T>> for StoreContextMut<'a, T> {
    fn from(caller: Caller<'a, T>) -> Self {
        Self { inner: caller.store }
    }
}

impl<T> fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("instance", &self.instance).finish_non_exhaustive()
    }
}
