//! A mutex and a cell that is written once, with and without `std`.

#[cfg(not(feature = "std"))]
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

/// `std`'s mutex without poisoning: what it protects here is consistent whenever a panic can happen.
#[cfg(feature = "std")]
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

#[cfg(feature = "std")]
impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
