//! [`CachedHash`]: a hash that is computed when it is first asked for.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// A BLAKE3 hash.
pub(crate) type Hash = [u8; 32];

/// The hash of what it lies beside. Several threads may compute it at once: all of them find the same.
///
/// A clone knows nothing: who clones what it lies beside is about to change it.
#[derive(Default)]
pub(crate) struct CachedHash {
    words: [AtomicU32; 8],
    /// Written last and read first.
    is_known: AtomicBool,
}

impl CachedHash {
    /// The hash.
    pub(crate) fn get_or(&self, compute: impl FnOnce() -> Hash) -> Hash {
        let mut hash = Hash::default();
        let (bytes, _) = hash.as_chunks_mut();
        if self.is_known.load(Ordering::Acquire) {
            for (bytes, word) in bytes.iter_mut().zip(&self.words) {
                *bytes = word.load(Ordering::Relaxed).to_le_bytes();
            }
            return hash;
        }
        let hash = compute();
        let (bytes, _) = hash.as_chunks();
        for (bytes, word) in bytes.iter().zip(&self.words) {
            word.store(u32::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        self.is_known.store(true, Ordering::Release);
        hash
    }

    /// Forgets the hash.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Clone for CachedHash {
    fn clone(&self) -> Self {
        Self::default()
    }
}
