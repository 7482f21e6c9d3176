//! What threads share: atomics, a mutex and a cell that is written once, with and without `std`.
//!
//! With `--cfg loom` all but the last are those of the model checker, for `tests/loom.rs`.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};

#[cfg(not(any(feature = "std", loom)))]
pub(crate) use spin::mutex::SpinMutex as Mutex;

#[cfg(feature = "std")]
pub(crate) use std::sync::OnceLock;

/// A cell that is written once.
#[cfg(not(feature = "std"))]
pub(crate) struct OnceLock<T>(spin::once::Once<T>);

#[cfg(not(feature = "std"))]
impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self(spin::once::Once::new())
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.0.call_once(make)
    }
}

#[cfg(any(feature = "std", loom))]
mod mutex {
    #[cfg(loom)]
    use loom::sync;
    #[cfg(not(loom))]
    use std::sync;

    /// A mutex without poisoning: what it protects here is consistent whenever a panic can happen.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

#[cfg(any(feature = "std", loom))]
pub(crate) use mutex::Mutex;
