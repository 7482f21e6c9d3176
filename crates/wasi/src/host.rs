//! What the standard library does not offer for every host.

use crate::{Errno, failure::Outcome};
use cap_std::fs::{File, Metadata};
use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Reads from a place in a file; the file's position stays.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    cap_std::fs::FileExt::read_at(file, bytes, offset)
}

/// Writes to a place in a file; the file's position stays.
#[cfg(unix)]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    cap_std::fs::FileExt::write_at(file, bytes, offset)
}

/// Reads from a place in a file; the file's position stays. Nobody else uses the file meanwhile: a context is
/// used by one thread at a time, and files are not shared by contexts.
#[cfg(not(unix))]
pub(crate) fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    keeping_position(file, offset, |mut file| io::Read::read(&mut file, bytes))
}

/// Writes to a place in a file; the file's position stays.
#[cfg(not(unix))]
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    keeping_position(file, offset, |mut file| io::Write::write(&mut file, bytes))
}

#[cfg(not(unix))]
fn keeping_position(
    mut file: &File,
    offset: u64,
    transfer: impl FnOnce(&File) -> io::Result<usize>,
) -> io::Result<usize> {
    use io::{Seek, SeekFrom};
    let position = file.stream_position()?;
    file.seek(SeekFrom::Start(offset))?;
    let count = transfer(file);
    file.seek(SeekFrom::Start(position))?;
    count
}

/// Reserves room for a part of a file, which grows if it is shorter.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> Outcome {
    let flags = rustix::fs::FallocateFlags::empty();
    Ok(rustix::fs::fallocate(file, flags, offset, len).map_err(io::Error::from)?)
}

/// Other hosts cannot promise it. `wasmtime` gives this error everywhere; programs write zeros instead.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub(crate) fn allocate(_: &File, _: u64, _: u64) -> Outcome {
    Err(Errno::Notsup.into())
}

/// When a file's properties were last changed, in nanoseconds.
#[cfg(unix)]
pub(crate) fn changed(metadata: &Metadata) -> u64 {
    use cap_std::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).unwrap_or(0);
    let rest = u64::try_from(metadata.ctime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// Hosts without this time have that of the contents.
#[cfg(not(unix))]
pub(crate) fn changed(metadata: &Metadata) -> u64 {
    time(metadata.modified())
}

/// A file's time in nanoseconds since the epoch; 0 if the host has none, or an earlier one.
pub(crate) fn time(time: io::Result<cap_std::time::SystemTime>) -> u64 {
    let since_epoch = time.ok().and_then(|time| time.into_std().duration_since(UNIX_EPOCH).ok());
    since_epoch.map_or(0, crate::clock::nanoseconds)
}

/// A time for a file.
pub(crate) fn system_time(nanoseconds: u64) -> Outcome<SystemTime> {
    let time = UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds));
    Ok(time.ok_or(Errno::Overflow)?)
}
