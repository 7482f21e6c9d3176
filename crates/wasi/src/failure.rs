//! How a function of WASI fails: with an error code for the guest, or with an error that ends its run.

use rotifer::{Error, HostError};
use std::{fmt, io};

use crate::Errno;

/// A guest broke the rules of the interface itself, rather than met with an error that it can handle.
///
/// The specification demands a trap for pointers that point nowhere and for misaligned ones, and so does
/// `wasmtime`. The call of the guest fails with an [`Error`] from which this can be had with
/// [`Error::downcast_ref`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GuestFault {
    /// The instance that called exports no memory of the name `memory`.
    NoMemory,
    /// A pointer and a length reach beyond the end of the memory.
    OutOfBounds {
        /// Where the bytes begin.
        pointer: u32,
        /// How many there should be.
        len: u64,
        /// The size of the memory in bytes.
        memory_size: usize,
    },
    /// A pointer is not a multiple of what the type it points to demands.
    Misaligned {
        /// The pointer.
        pointer: u32,
        /// What it should be a multiple of.
        align: u32,
    },
}

impl fmt::Display for GuestFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory => write!(f, "WASI: the instance exports no memory named `memory`"),
            Self::OutOfBounds { pointer, len, memory_size } => write!(
                f,
                "WASI: {len} bytes at {pointer:#x} reach beyond the end of a memory of {memory_size} bytes"
            ),
            Self::Misaligned { pointer, align } => {
                write!(f, "WASI: the pointer {pointer:#x} is not a multiple of {align}")
            }
        }
    }
}

impl std::error::Error for GuestFault {}
impl HostError for GuestFault {}

/// Why a function failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The guest gets this code.
    Errno(Errno),
    /// The guest's run ends.
    Fault(GuestFault),
}

/// What a function of WASI gives: its results are in the guest's memory already.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// The function's result for the guest, or the error that ends its run.
    pub(crate) fn code(outcome: Outcome) -> Result<u32, Error> {
        match outcome {
            Ok(()) => Ok(Errno::Success as u32),
            Err(Self::Errno(errno)) => Ok(errno as u32),
            Err(Self::Fault(fault)) => Err(Error::host(fault)),
        }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Errno(error.into())
    }
}

impl From<GuestFault> for Failure {
    fn from(fault: GuestFault) -> Self {
        Self::Fault(fault)
    }
}
