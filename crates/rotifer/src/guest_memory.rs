//! [`GuestMemory`]: a memory that is borrowed together with the embedder's data.

use core::{fmt, ops::Range};
use rotifer_executor as executor;

use crate::{Error, Memory, StoreContextMut, memory::OUT_OF_BOUNDS};

/// A memory and nothing else of its store, so that host functions can have the embedder's data at the same time: see
/// [`Memory::split`].
///
/// It is written to in ranges, and only those count as written to where [writes are
/// tracked](crate::Config::track_writes): of a call whose host functions write little, little has to be undone when the
/// instance is [reset](crate::Instance::reset) and little to be recorded for a [`Snapshot`](crate::Snapshot).
pub struct GuestMemory<'a>(&'a mut executor::Memory);

impl Memory {
    /// The memory and the embedder's data beside it.
    ///
    /// ```
    /// # use rotifer::{Caller, Engine, Error, Linker};
    /// # let mut linker = Linker::<Vec<u8>>::new(&Engine::default());
    /// // Copies what the host has to where the guest wants it.
    /// linker.func_wrap("host", "receive", |mut caller: Caller<'_, Vec<u8>>, to: u32| -> Result<u32, Error> {
    ///     let memory = caller.get_export("memory").and_then(|export| export.into_memory());
    ///     let memory = memory.ok_or_else(|| Error::new("no memory"))?;
    ///     let (mut guest, received) = memory.split(&mut caller);
    ///     guest.write(to as usize, received)?;
    ///     Ok(received.len() as u32)
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Panics
    /// The memory belongs to another store.
    #[inline]
    pub fn split<'a, T: 'a>(&self, ctx: impl Into<StoreContextMut<'a, T>>) -> (GuestMemory<'a>, &'a mut T) {
        let (store, data) = ctx.into().inner.split();
        let memory = store.memory_mut(self.handle()).unwrap_or_else(|error| panic!("{error}"));
        (GuestMemory(memory), data)
    }
}

impl GuestMemory<'_> {
    /// The bytes, to read.
    #[inline]
    pub fn data(&self) -> &[u8] {
        // SAFETY: I-STORE: the memory is borrowed exclusively, and lent to read as long as the slice lives.
        unsafe { self.0.as_slice() }
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        self.data().len()
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    /// They reach beyond the memory's end; nothing is copied then.
    #[inline]
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<(), Error> {
        self.0.read(offset as u64, buffer).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    /// They reach beyond the memory's end; nothing is copied then.
    #[inline]
    pub fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        self.0.write(offset as u64, bytes).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }

    /// A range of bytes, to read and write. All of it counts as written to.
    ///
    /// # Errors
    /// It reaches beyond the memory's end, or ends before it begins.
    #[inline]
    pub fn slice_mut(&mut self, range: Range<usize>) -> Result<&mut [u8], Error> {
        let len = range.end.checked_sub(range.start).ok_or_else(|| Error::access(OUT_OF_BOUNDS))?;
        self.0.slice_mut(range.start as u64, len as u64).map_err(|_| Error::access(OUT_OF_BOUNDS))
    }
}

impl fmt::Debug for GuestMemory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestMemory").field("size", &self.size()).finish()
    }
}
