//! [`Memory`]: a linear memory of a store.

use rotifer_core::MemoryType;
use rotifer_executor::{self as executor, Handle, Host, NewEntityError};

use crate::{
    AsContext, AsContextMut, Error, ErrorKind, InstantiationError, StoreContext, StoreContextMut,
    store::{StoreInner, host_size},
};

/// A linear memory of a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Memory(Handle<executor::Memory>);

pub(crate) const OUT_OF_BOUNDS: &str = "out of bounds memory access";

impl Memory {
    pub(crate) const fn from_handle(handle: Handle<executor::Memory>) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(self) -> Handle<executor::Memory> {
        self.0
    }

    /// A new memory, filled with zeros.
    ///
    /// # Errors
    /// No memory has this type, the resource limiter refuses, or the host has not enough memory.
    pub fn new(mut ctx: impl AsContextMut, ty: MemoryType) -> Result<Self, Error> {
        ty.check()?;
        let store = ctx.as_context_mut().inner;
        store.allow_memories(&[ty])?;
        Ok(Self(store.executor_mut().new_memory(ty)?))
    }

    #[inline]
    fn entity<'a, T>(&self, store: &'a StoreInner<T>) -> &'a executor::Memory {
        store.executor().entity(self.0).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The type. Its minimum is the memory's current size.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn ty(&self, ctx: impl AsContext) -> MemoryType {
        self.entity(ctx.as_context().inner).current_type()
    }

    /// The size in pages.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn size(&self, ctx: impl AsContext) -> u64 {
        self.entity(ctx.as_context().inner).pages()
    }

    /// Grows the memory by a number of pages and gives the number that it had before.
    ///
    /// # Errors
    /// The memory's maximum, the resource limiter or the host does not allow it.
    pub fn grow(&self, mut ctx: impl AsContextMut, additional: u64) -> Result<u64, Error> {
        let store = ctx.as_context_mut().inner;
        let memory = store.executor().entity(self.0)?;
        let (ty, len) = (memory.ty(), memory.len());
        let page = ty.page_size();
        let refused = || Error::access("the memory cannot grow by so many pages");
        let desired = additional.checked_mul(page).and_then(|bytes| bytes.checked_add(len));
        let desired = desired.ok_or_else(refused)?;
        let maximum = ty.maximum.map(|pages| pages.saturating_mul(page));
        if desired > ty.max_pages().saturating_mul(page) {
            return Err(refused());
        }
        if !Host::memory_growing(store, len, desired, maximum)? {
            return Err(Error::access("the resource limiter does not let the memory grow"));
        }
        store.executor_mut().memory_mut(self.0)?.grow_mut(additional).ok_or_else(refused)
    }

    /// The bytes.
    ///
    /// # Panics
    /// The memory belongs to another store.
    #[inline]
    pub fn data<'a, T: 'a>(&self, ctx: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let store = ctx.into().inner;
        // SAFETY: I-STORE: nothing writes to or grows a memory while the store is borrowed.
        unsafe { self.entity(store).as_slice() }
    }

    /// The bytes. All of them count as written to where [writes are tracked](crate::Config::track_writes):
    /// [`write`](Self::write) and [`split`](Self::split) tell what is.
    ///
    /// # Panics
    /// The memory belongs to another store.
    #[inline]
    pub fn data_mut<'a, T: 'a>(&self, ctx: impl Into<StoreContextMut<'a, T>>) -> &'a mut [u8] {
        self.data_and_store_mut(ctx).0
    }

    /// The bytes, and the embedder's data beside them. As for [`data_mut`](Self::data_mut), all bytes count as written
    /// to; [`split`](Self::split) is the better choice.
    ///
    /// # Panics
    /// The memory belongs to another store.
    #[inline]
    pub fn data_and_store_mut<'a, T: 'a>(
        &self,
        ctx: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let (store, data) = ctx.into().inner.split();
        let memory = store.memory_mut(self.0).unwrap_or_else(|error| panic!("{error}"));
        (memory.as_mut_slice(), data)
    }

    /// The address of the first byte. It changes when the memory grows.
    ///
    /// Who has it may write to the memory unnoticed: the instance is not [kept](crate::Config::warm_instances) for
    /// another store.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data_ptr(&self, ctx: impl AsContext) -> *mut u8 {
        self.entity(ctx.as_context().inner).expose()
    }

    /// The size in bytes.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data_size(&self, ctx: impl AsContext) -> usize {
        host_size(self.entity(ctx.as_context().inner).len())
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    /// They reach beyond the memory's end; nothing is copied then. Or the memory belongs to another store.
    pub fn read(&self, ctx: impl AsContext, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
        let memory = ctx.as_context().inner.executor().entity(self.0)?;
        memory.read(offset as u64, buffer).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    /// They reach beyond the memory's end; nothing is copied then. Or the memory belongs to another store.
    pub fn write(&self, mut ctx: impl AsContextMut, offset: usize, buffer: &[u8]) -> Result<(), Error> {
        let memory = ctx.as_context_mut().inner.executor_mut().memory_mut(self.0)?;
        memory.write(offset as u64, buffer).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }
}

impl From<NewEntityError> for Error {
    #[cold]
    fn from(_: NewEntityError) -> Self {
        Self::from_kind(ErrorKind::OutOfMemory)
    }
}

impl<T> StoreInner<T> {
    /// Asks the resource limiter for new memories.
    pub(crate) fn allow_memories(&mut self, types: &[MemoryType]) -> Result<(), Error> {
        let existing = self.executor().memory_count();
        let allowed = self.limit(|limiter| {
            if types.len() > limiter.memories().saturating_sub(existing) {
                return Err(InstantiationError::TooManyMemories.into());
            }
            for ty in types {
                let bytes = |pages: u64| host_size(pages.saturating_mul(ty.page_size()));
                if !limiter.memory_growing(0, bytes(ty.minimum), ty.maximum.map(bytes))? {
                    return Err(InstantiationError::MemoryRefused.into());
                }
            }
            Ok(())
        });
        allowed.unwrap_or(Ok(()))
    }
}
