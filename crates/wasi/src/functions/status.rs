//! What is known of descriptors, files and paths, and may be changed.

use crate::{
    DirAccess, Errno, WasiCtx,
    descriptor::{Descriptor, file_type},
    failure::{Failure, GuestFault, Outcome},
    flags::{FdFlags, FileType, LookupFlags, Rights, TimeFlags, flags},
    guest::{Guest, Snapshot},
    host,
};
use cap_fs_ext::{DirExt, MetadataExt, SystemTimeSpec};
use cap_std::fs::Metadata;
use std::{fs::FileTimes, time::SystemTime};

pub(crate) fn fd_fdstat_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, fd: u32, result: u32) -> Outcome {
    let nothing = Rights::empty();
    let (file_type, flags, base, inheriting) = match ctx.descriptors.get(fd)? {
        Descriptor::Input(input) => {
            (input.file_type(), input.flags, Rights::FD_READ | Rights::POLL_FD_READWRITE, nothing)
        }
        Descriptor::Output(output) => {
            (output.file_type(), output.flags, Rights::FD_WRITE | Rights::POLL_FD_READWRITE, nothing)
        }
        Descriptor::File(open) => {
            (file_type(open.file.metadata()?.file_type()), open.flags, open.rights(), nothing)
        }
        Descriptor::Directory(_) => {
            (FileType::Directory, FdFlags::empty(), Rights::DIRECTORY, Rights::DIRECTORY_INHERITING)
        }
    };
    let mut status = [0; 24];
    status[0] = file_type as u8;
    status[2..4].copy_from_slice(&flags.bits().to_le_bytes());
    status[8..16].copy_from_slice(&base.bits().to_le_bytes());
    status[16..24].copy_from_slice(&inheriting.bits().to_le_bytes());
    Ok(guest.set_struct(result, &status)?)
}

pub(crate) fn fd_fdstat_set_flags(ctx: &mut WasiCtx, _: &mut Guest<'_>, fd: u32, new: u32) -> Outcome {
    let new = flags(new)?;
    let place = match ctx.descriptors.get_mut(fd)? {
        Descriptor::Input(input) => &mut input.flags,
        Descriptor::Output(output) => &mut output.flags,
        Descriptor::File(open) => &mut open.flags,
        Descriptor::Directory(_) => return Err(Errno::Badf.into()),
    };
    *place = new;
    Ok(())
}

/// Rights are not kept, so they cannot be dropped. As with `wasmtime`, a guest that relies on it is told.
pub(crate) fn fd_fdstat_set_rights(
    ctx: &mut WasiCtx,
    _: &mut Guest<'_>,
    fd: u32,
    _base: u64,
    _inheriting: u64,
) -> Outcome {
    ctx.descriptors.get(fd)?;
    Err(Errno::Notsup.into())
}

pub(crate) fn fd_filestat_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, fd: u32, result: u32) -> Outcome {
    let status = match ctx.descriptors.get(fd)? {
        Descriptor::Input(input) => FileStatus::of_stream(input.file_type()),
        Descriptor::Output(output) => FileStatus::of_stream(output.file_type()),
        Descriptor::File(open) => FileStatus::new(&open.file.metadata()?),
        Descriptor::Directory(directory) => FileStatus::new(&directory.dir.dir_metadata()?),
    };
    Ok(status.write(guest, result)?)
}

pub(crate) fn fd_filestat_set_size(ctx: &mut WasiCtx, _: &mut Guest<'_>, fd: u32, size: u64) -> Outcome {
    Ok(ctx.descriptors.file(fd)?.writable()?.set_len(size)?)
}

pub(crate) fn fd_filestat_set_times(
    ctx: &mut WasiCtx,
    _: &mut Guest<'_>,
    fd: u32,
    accessed: u64,
    modified: u64,
    which: u32,
) -> Outcome {
    let (accessed, modified) = times(accessed, modified, which)?;
    match ctx.descriptors.get(fd)? {
        Descriptor::Input(_) | Descriptor::Output(_) => Err(Errno::Badf.into()),
        Descriptor::Directory(directory) => Ok(directory.writable()?.set_times(".", accessed, modified)?),
        Descriptor::File(open) if open.directory_access == DirAccess::ReadOnly => Err(Errno::Perm.into()),
        Descriptor::File(open) => {
            let mut new = FileTimes::new();
            if let Some(time) = accessed {
                new = new.set_accessed(absolute(time));
            }
            if let Some(time) = modified {
                new = new.set_modified(absolute(time));
            }
            Ok(open.file.try_clone()?.into_std().set_times(new)?)
        }
    }
}

pub(crate) fn path_filestat_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    result: u32,
) -> Outcome {
    let lookup: LookupFlags = flags(lookup)?;
    let dir = &ctx.descriptors.directory(fd)?.dir;
    let path = guest.string(path, len)?;
    let metadata = if lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
        dir.metadata(path)?
    } else {
        dir.symlink_metadata(path)?
    };
    Ok(FileStatus::new(&metadata).write(guest, result)?)
}

pub(crate) fn path_filestat_set_times(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    accessed: u64,
    modified: u64,
    which: u32,
) -> Outcome {
    let lookup: LookupFlags = flags(lookup)?;
    let (accessed, modified) = times(accessed, modified, which)?;
    let path = guest.string(path, len)?;
    let dir = ctx.descriptors.directory(fd)?.writable()?;
    if lookup.contains(LookupFlags::SYMLINK_FOLLOW) {
        dir.set_times(path, accessed, modified)?;
    } else {
        dir.set_symlink_times(path, accessed, modified)?;
    }
    Ok(())
}

/// The times to set, out of arguments and flags.
fn times(
    accessed: u64,
    modified: u64,
    which: u32,
) -> Outcome<(Option<SystemTimeSpec>, Option<SystemTimeSpec>)> {
    let which: TimeFlags = flags(which)?;
    let time =
        |value: u64, given: TimeFlags, now: TimeFlags| match (which.contains(given), which.contains(now)) {
            (true, true) => Err(Failure::Errno(Errno::Inval)),
            (true, false) => {
                let time = cap_std::time::SystemTime::from_std(host::system_time(value)?);
                Ok(Some(SystemTimeSpec::Absolute(time)))
            }
            (false, true) => Ok(Some(SystemTimeSpec::SymbolicNow)),
            (false, false) => Ok(None),
        };
    Ok((
        time(accessed, TimeFlags::ACCESSED, TimeFlags::ACCESSED_NOW)?,
        time(modified, TimeFlags::MODIFIED, TimeFlags::MODIFIED_NOW)?,
    ))
}

fn absolute(time: SystemTimeSpec) -> SystemTime {
    match time {
        SystemTimeSpec::Absolute(time) => time.into_std(),
        SystemTimeSpec::SymbolicNow => SystemTime::now(),
    }
}

/// What is known of a file. Times are nanoseconds since the epoch.
struct FileStatus {
    device: u64,
    inode: u64,
    file_type: FileType,
    links: u64,
    size: u64,
    accessed: u64,
    modified: u64,
    changed: u64,
}

impl FileStatus {
    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            file_type: file_type(metadata.file_type()),
            links: metadata.nlink(),
            size: metadata.len(),
            accessed: host::time(metadata.accessed()),
            modified: host::time(metadata.modified()),
            changed: host::changed(metadata),
        }
    }

    fn of_stream(file_type: FileType) -> Self {
        Self { device: 0, inode: 0, file_type, links: 0, size: 0, accessed: 0, modified: 0, changed: 0 }
    }

    fn write(&self, guest: &mut Guest<'_>, pointer: u32) -> Result<(), GuestFault> {
        let mut status = [0; 64];
        status[0..8].copy_from_slice(&self.device.to_le_bytes());
        status[8..16].copy_from_slice(&self.inode.to_le_bytes());
        status[16] = self.file_type as u8;
        // The number of links had 32 bits once, and the rest lay 8 bytes lower.
        let rest = match guest.snapshot() {
            Snapshot::Preview1 => {
                status[24..32].copy_from_slice(&self.links.to_le_bytes());
                32
            }
            Snapshot::Unstable => {
                let links = u32::try_from(self.links).unwrap_or(u32::MAX);
                status[20..24].copy_from_slice(&links.to_le_bytes());
                24
            }
        };
        let values = [self.size, self.accessed, self.modified, self.changed];
        for (place, value) in status[rest..].chunks_exact_mut(8).zip(values) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        guest.set_struct(pointer, &status[..rest + 32])
    }
}
