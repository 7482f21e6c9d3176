//! Locks and a cell that is written once, with and without `std`.

#[cfg(not(feature = "std"))]
pub(crate) use spin::rwlock::RwLock;

#[cfg(feature = "std")]
pub(crate) use std::sync::OnceLock;

/// A cell that is written once.
#[cfg(not(feature = "std"))]
#[derive(Debug)]
pub(crate) struct OnceLock<T>(spin::once::Once<T>);

#[cfg(not(feature = "std"))]
impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(not(feature = "std"))]
impl<T> OnceLock<T> {
    pub(crate) const fn new() -> Self {
        Self(spin::once::Once::new())
    }

    pub(crate) fn get(&self) -> Option<&T> {
        self.0.get()
    }

    pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.0.call_once(make)
    }
}

#[cfg(not(feature = "std"))]
pub(crate) use spin::mutex::SpinMutex as Mutex;

/// `std`'s mutex without poisoning: what it protects here is consistent whenever a panic can happen.
#[cfg(feature = "std")]
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

#[cfg(feature = "std")]
impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// `std`'s lock without poisoning: what it protects here is consistent whenever a panic can happen.
#[cfg(feature = "std")]
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(std::sync::RwLock<T>);

#[cfg(feature = "std")]
impl<T> RwLock<T> {
    pub(crate) fn read(&self) -> std::sync::RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> std::sync::RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
