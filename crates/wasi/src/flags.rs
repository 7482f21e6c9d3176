//! The flag sets and small enumerations of the interface.

use crate::{Errno, failure::Outcome, guest::Snapshot};
use bitflags::bitflags;
use std::io::SeekFrom;

bitflags! {
    /// What may be done with a descriptor.
    ///
    /// Nobody keeps rights any more; `wasi-libc` still asks for a directory's inheriting rights before it opens a
    /// file, and tells by a file's rights what it was opened for.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct Rights: u64 {
        const FD_DATASYNC = 1 << 0;
        const FD_READ = 1 << 1;
        const FD_SEEK = 1 << 2;
        const FD_FDSTAT_SET_FLAGS = 1 << 3;
        const FD_SYNC = 1 << 4;
        const FD_TELL = 1 << 5;
        const FD_WRITE = 1 << 6;
        const FD_ADVISE = 1 << 7;
        const FD_ALLOCATE = 1 << 8;
        const PATH_CREATE_DIRECTORY = 1 << 9;
        const PATH_CREATE_FILE = 1 << 10;
        const PATH_LINK_SOURCE = 1 << 11;
        const PATH_LINK_TARGET = 1 << 12;
        const PATH_OPEN = 1 << 13;
        const FD_READDIR = 1 << 14;
        const PATH_READLINK = 1 << 15;
        const PATH_RENAME_SOURCE = 1 << 16;
        const PATH_RENAME_TARGET = 1 << 17;
        const PATH_FILESTAT_GET = 1 << 18;
        const PATH_FILESTAT_SET_SIZE = 1 << 19;
        const PATH_FILESTAT_SET_TIMES = 1 << 20;
        const FD_FILESTAT_GET = 1 << 21;
        const FD_FILESTAT_SET_SIZE = 1 << 22;
        const FD_FILESTAT_SET_TIMES = 1 << 23;
        const PATH_SYMLINK = 1 << 24;
        const PATH_REMOVE_DIRECTORY = 1 << 25;
        const PATH_UNLINK_FILE = 1 << 26;
        const POLL_FD_READWRITE = 1 << 27;
        const SOCK_SHUTDOWN = 1 << 28;
        const SOCK_ACCEPT = 1 << 29;

        /// What can be done with any directory. A read-only one has the same rights: what it refuses, it refuses
        /// with an error that says so, where a missing right would make `wasi-libc` open files for reading and
        /// fail later.
        const DIRECTORY = Self::PATH_CREATE_DIRECTORY.bits() | Self::PATH_CREATE_FILE.bits()
            | Self::PATH_LINK_SOURCE.bits() | Self::PATH_LINK_TARGET.bits() | Self::PATH_OPEN.bits()
            | Self::FD_READDIR.bits() | Self::PATH_READLINK.bits() | Self::PATH_RENAME_SOURCE.bits()
            | Self::PATH_RENAME_TARGET.bits() | Self::PATH_SYMLINK.bits()
            | Self::PATH_REMOVE_DIRECTORY.bits() | Self::PATH_UNLINK_FILE.bits()
            | Self::PATH_FILESTAT_GET.bits() | Self::PATH_FILESTAT_SET_TIMES.bits()
            | Self::FD_FILESTAT_GET.bits() | Self::FD_FILESTAT_SET_TIMES.bits();

        /// What can be done with a file that was opened for nothing.
        const FILE = Self::FD_SEEK.bits() | Self::FD_TELL.bits() | Self::FD_ADVISE.bits()
            | Self::FD_DATASYNC.bits() | Self::FD_SYNC.bits() | Self::FD_FDSTAT_SET_FLAGS.bits()
            | Self::FD_FILESTAT_GET.bits() | Self::FD_FILESTAT_SET_TIMES.bits()
            | Self::POLL_FD_READWRITE.bits();

        /// What can be done besides with a file that was opened for writing.
        const WRITABLE_FILE = Self::FD_WRITE.bits() | Self::FD_ALLOCATE.bits()
            | Self::FD_FILESTAT_SET_SIZE.bits();

        /// What files that are opened in a directory may have.
        const DIRECTORY_INHERITING = Self::DIRECTORY.bits() | Self::FILE.bits() | Self::FD_READ.bits()
            | Self::WRITABLE_FILE.bits();
    }

    /// How a descriptor reads and writes.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct FdFlags: u16 {
        const APPEND = 1 << 0;
        const DSYNC = 1 << 1;
        const NONBLOCK = 1 << 2;
        const RSYNC = 1 << 3;
        const SYNC = 1 << 4;
    }

    /// How a path is resolved.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct LookupFlags: u32 {
        const SYMLINK_FOLLOW = 1 << 0;
    }

    /// How a file is opened.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct OpenFlags: u16 {
        const CREATE = 1 << 0;
        const DIRECTORY = 1 << 1;
        const EXCLUSIVE = 1 << 2;
        const TRUNCATE = 1 << 3;
    }

    /// Which times of a file are set, and to what.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct TimeFlags: u16 {
        const ACCESSED = 1 << 0;
        const ACCESSED_NOW = 1 << 1;
        const MODIFIED = 1 << 2;
        const MODIFIED_NOW = 1 << 3;
    }

    /// How a clock is waited for.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) struct ClockFlags: u16 {
        const ABSOLUTE = 1 << 0;
    }
}

/// Flags that a guest passed; unknown ones are an error.
pub(crate) fn flags<F: bitflags::Flags>(bits: u32) -> Outcome<F>
where
    F::Bits: TryFrom<u32>,
{
    let bits = F::Bits::try_from(bits).map_err(|_| Errno::Inval)?;
    Ok(F::from_bits(bits).ok_or(Errno::Inval)?)
}

/// What a descriptor or a path stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketStream = 6,
    SymbolicLink = 7,
}

/// The clocks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ClockId {
    Realtime,
    Monotonic,
}

impl ClockId {
    /// The clock of this number. The clocks of processor time have no meaning where a process is not one of the
    /// host; `wasmtime` gives the same error.
    pub(crate) fn new(number: u32) -> Outcome<Self> {
        match number {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            2 | 3 => Err(Errno::Badf.into()),
            _ => Err(Errno::Inval.into()),
        }
    }
}

/// Where a file is sought to.
pub(crate) fn seek_from(snapshot: Snapshot, whence: u32, offset: i64) -> Outcome<SeekFrom> {
    let start = || u64::try_from(offset).map(SeekFrom::Start).map_err(|_| Errno::Inval.into());
    match (snapshot, whence) {
        (Snapshot::Preview1, 0) | (Snapshot::Unstable, 2) => start(),
        (Snapshot::Preview1, 1) | (Snapshot::Unstable, 0) => Ok(SeekFrom::Current(offset)),
        (Snapshot::Preview1, 2) | (Snapshot::Unstable, 1) => Ok(SeekFrom::End(offset)),
        _ => Err(Errno::Inval.into()),
    }
}
