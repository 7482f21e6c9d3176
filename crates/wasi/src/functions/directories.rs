//! Directories that were given at the start, and listing of directories.

use crate::{
    Errno, WasiCtx,
    descriptor::{Descriptor, DirectoryEntry, OpenDirectory, file_type},
    failure::Outcome,
    flags::FileType,
    guest::Guest,
};
use cap_fs_ext::{DirEntryExt, MetadataExt};
use std::io;

/// The name of a directory that was given at the start. `wasi-libc` asks for descriptors from 3 on until there
/// is none.
fn preopen(ctx: &WasiCtx, fd: u32) -> Outcome<&str> {
    let name = match ctx.descriptors.get(fd)? {
        Descriptor::Directory(directory) => directory.preopened_as.as_deref(),
        _ => None,
    };
    Ok(name.ok_or(Errno::Badf)?)
}

pub(crate) fn fd_prestat_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, fd: u32, result: u32) -> Outcome {
    let len = u32::try_from(preopen(ctx, fd)?.len()).map_err(|_| Errno::Overflow)?;
    // A union whose only variant, of number 0, is a directory.
    guest.set_u32(result, 0)?;
    guest.check_array(result, 2, 4, 4)?;
    Ok(guest.set_u32(result + 4, len)?)
}

pub(crate) fn fd_prestat_dir_name(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Outcome {
    let name = preopen(ctx, fd)?.as_bytes();
    let place = guest.bytes_mut(path, len)?;
    let place = place.get_mut(..name.len()).ok_or(Errno::Nametoolong)?;
    place.copy_from_slice(name);
    Ok(())
}

/// Writes entries from number `cookie` on until the buffer is full; the last one may be cut off, by which the
/// guest knows that there is more.
pub(crate) fn fd_readdir(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    buffer: u32,
    len: u32,
    cookie: u64,
    result: u32,
) -> Outcome {
    let directory = ctx.descriptors.directory_mut(fd)?;
    // Cookie 0 is the beginning, and shows the directory as it is now. Later calls go on in the same list, so
    // that a guest that removes files on the way misses none.
    if cookie == 0 || directory.listing.is_none() {
        directory.listing = Some(list(directory)?);
    }
    let entries = directory.listing.as_deref().unwrap_or_default();
    let start = usize::try_from(cookie).unwrap_or(usize::MAX).min(entries.len());
    let mut rest = guest.bytes_mut(buffer, len)?;
    for (number, entry) in entries.iter().enumerate().skip(start) {
        let mut header = [0; 24];
        header[0..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
        header[8..16].copy_from_slice(&entry.inode.to_le_bytes());
        let name_len = u32::try_from(entry.name.len()).map_err(|_| Errno::Overflow)?;
        header[16..20].copy_from_slice(&name_len.to_le_bytes());
        header[20] = entry.file_type as u8;
        for part in [&header, entry.name.as_bytes()] {
            let count = part.len().min(rest.len());
            let (place, after) = rest.split_at_mut(count);
            place.copy_from_slice(&part[..count]);
            rest = after;
        }
        if rest.is_empty() {
            break;
        }
    }
    let used = len - rest.len() as u32;
    Ok(guest.set_u32(result, used)?)
}

/// The entries of a directory, sorted by name: a guest sees the same order on every host and in every run.
fn list(directory: &OpenDirectory) -> Outcome<Vec<DirectoryEntry>> {
    let mut entries = Vec::new();
    for entry in directory.dir.entries()? {
        let entry = entry?;
        let metadata = match entry.full_metadata() {
            Ok(metadata) => metadata,
            // Somebody removed it in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let name = entry.file_name().into_string().map_err(|_| Errno::Ilseq)?;
        let file_type = file_type(metadata.file_type());
        entries.push(DirectoryEntry { name, inode: metadata.ino(), file_type });
    }
    entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    // What lies above is none of the guest's business, so both have the number of the directory itself.
    let inode = directory.dir.dir_metadata()?.ino();
    let dots = [".", ".."];
    let dots = dots.map(|name| DirectoryEntry { name: name.into(), inode, file_type: FileType::Directory });
    entries.splice(..0, dots);
    Ok(entries)
}
