//! [`SharedBytes`]: the bytes of a module, owned by whoever has them already.
//!
//! A module keeps the bytes that it was read from: bodies are translated on their first call, segments are copied when
//! the module is instantiated, names are read when somebody asks. I-BYTES: they stay what and where they are, because
//! code is translated long after it was validated. Safe code can hand over the owners that promise this by their types;
//! others need an `unsafe` promise.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

/// An owner of bytes that never change.
///
/// # Safety
/// `stable_bytes` gives the same bytes every time: the same address and length, and the same contents, from the first
/// call on until the owner is dropped, whatever is done with other names for it, and also when it has been moved.
///
/// Loading validates the bytes now and translates them later without looking at their validity again. Bytes that change
/// in between are undefined behaviour.
pub unsafe trait StableBytes: Send + Sync + 'static {
    /// The bytes.
    fn stable_bytes(&self) -> &[u8];
}

// SAFETY: I-BYTES: nobody has access to the vector but the module, which only reads it.
unsafe impl StableBytes for Vec<u8> {
    fn stable_bytes(&self) -> &[u8] {
        self
    }
}

// SAFETY: as for `Vec`.
unsafe impl StableBytes for Box<[u8]> {
    fn stable_bytes(&self) -> &[u8] {
        self
    }
}

// SAFETY: I-BYTES: shared bytes can be written by nobody as long as there are two names for them, and the module, which
// has one of them, only reads.
unsafe impl StableBytes for Arc<[u8]> {
    fn stable_bytes(&self) -> &[u8] {
        self
    }
}

// SAFETY: I-BYTES: they are borrowed for ever.
unsafe impl StableBytes for &'static [u8] {
    fn stable_bytes(&self) -> &[u8] {
        self
    }
}

/// The bytes of a module, without copying them. See [`Module::from_shared`](crate::Module::from_shared).
///
/// Made of what owns bytes: `Arc<[u8]>`, `&'static [u8]`, `Vec<u8>`, `Box<[u8]>`, and everything that is [`StableBytes`].
/// The owner is dropped once: when the last module and the last instance that use it are.
#[derive(Clone)]
pub struct SharedBytes(Arc<dyn AsRef<[u8]> + Send + Sync>);

/// An owner in the shape in which the executor keeps it.
struct Owner<T>(T);

impl<T: StableBytes> AsRef<[u8]> for Owner<T> {
    fn as_ref(&self) -> &[u8] {
        self.0.stable_bytes()
    }
}

impl<T: StableBytes> From<T> for SharedBytes {
    fn from(owner: T) -> Self {
        Self(Arc::new(Owner(owner)))
    }
}

impl SharedBytes {
    /// The bytes of a mapped file, or of any other owner of which only the caller knows that they stay.
    ///
    /// # Safety
    /// What [`StableBytes`] asks for. For a mapped file: it is not written, truncated or replaced in place by anybody,
    /// other processes included, as long as a module, an instance or this value uses it. A file that somebody else may
    /// write to is not such a file; a private mapping does not help, because it shows changes of pages that were not
    /// read yet.
    pub unsafe fn from_mapped(owner: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self(Arc::new(owner))
    }

    /// The bytes.
    pub(crate) fn get(&self) -> &[u8] {
        (*self.0).as_ref()
    }

    /// The owner, for the executor.
    pub(crate) fn into_owner(self) -> Arc<dyn AsRef<[u8]> + Send + Sync> {
        self.0
    }
}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBytes({})", self.get().len())
    }
}
