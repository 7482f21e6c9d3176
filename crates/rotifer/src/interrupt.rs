//! [`InterruptHandle`]: stopping a store's calls from elsewhere.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// Stops the calls of a store, from any thread. Cheap to clone.
///
/// A call that is stopped ends with the trap [`TrapCode::Interrupted`](crate::TrapCode::Interrupted), or is
/// suspended if it was made with [`Func::call_resumable`](crate::Func::call_resumable). It notices within a bounded
/// number of operators (about 130,000, which take less than a millisecond), or when the host function that it is in
/// returns.
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<AtomicBool>);

impl InterruptHandle {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Stops the call that the store is making, or else its next one. One interrupt stops one call.
    pub fn interrupt(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Takes an interrupt back that has not stopped a call yet.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether an interrupt waits, which it then does no more.
    #[inline]
    pub(crate) fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Acquire)
    }
}
