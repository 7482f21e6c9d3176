//! Addresses as numbers: the only place where a pointer becomes a number from which a pointer is made again.
//!
//! I-ADDRESS: everywhere else pointers stay pointers (strict provenance). Numbers are needed for references in
//! slots, which hold any value of WebAssembly, and for registers that carry a pointer where all pointer registers
//! are taken: those of floats, and accumulators at calls.

/// The address as a number, for [`recover`].
#[inline(always)]
pub(crate) fn expose<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64
}

/// The pointer whose address was exposed.
#[inline(always)]
pub(crate) fn recover<T>(number: u64) -> *mut T {
    core::ptr::with_exposed_provenance_mut(number as usize)
}
