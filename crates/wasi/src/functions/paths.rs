//! Paths: opening, making, moving and removing what is in directories.
//!
//! `cap-std` resolves every path inside of the directory that it is relative to, also on the way through symbolic
//! links. A path that leads out gives the error [`Errno::Perm`].

use crate::{
    Errno, WasiCtx,
    descriptor::{Descriptor, OpenDirectory, OpenFile},
    failure::Outcome,
    flags::{FdFlags, LookupFlags, OpenFlags, Rights, flags},
    guest::Guest,
};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt};
use cap_std::fs::{Dir, OpenOptions};

/// How a file shall be opened.
struct Request {
    follow: bool,
    open: OpenFlags,
    is_readable: bool,
    is_writable: bool,
    flags: FdFlags,
}

pub(crate) fn path_open(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    lookup: u32,
    path: u32,
    len: u32,
    open: u32,
    rights: u64,
    _inheriting: u64,
    fd_flags: u32,
    result: u32,
) -> Outcome {
    // Programs ask for rights that later versions took away, or that a file cannot have.
    let rights = Rights::from_bits_truncate(rights);
    let request = Request {
        follow: flags::<LookupFlags>(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW),
        open: flags(open)?,
        is_readable: rights.contains(Rights::FD_READ),
        is_writable: rights.contains(Rights::FD_WRITE),
        flags: flags(fd_flags)?,
    };
    let path = guest.string(path, len)?;
    let descriptor = self::open(ctx.descriptors.directory(fd)?, path, &request)?;
    let number = ctx.descriptors.insert(descriptor)?;
    Ok(guest.set_u32(result, number)?)
}

/// Opens a file or a directory.
fn open(directory: &OpenDirectory, path: &str, request: &Request) -> Outcome<Descriptor> {
    let wants_directory = request.open.contains(OpenFlags::DIRECTORY);
    let create = request.open.contains(OpenFlags::CREATE);
    let truncate = request.open.contains(OpenFlags::TRUNCATE);
    if wants_directory && (create || truncate || request.open.contains(OpenFlags::EXCLUSIVE)) {
        return Err(Errno::Inval.into());
    }
    let write = request.is_writable;
    if write || create || truncate {
        directory.writable()?;
    }
    let mut options = OpenOptions::new();
    options.maybe_dir(true);
    options.follow(if request.follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    options.write(write || create || truncate).truncate(truncate);
    // A file that is opened for nothing can still be asked for its size: the host needs one of the two.
    options.read(request.is_readable || !(write || create || truncate));
    if request.open.contains(OpenFlags::EXCLUSIVE) {
        options.create_new(create);
    } else {
        options.create(create);
    }
    let file = directory.dir.open_with(path, &options)?;
    let is_directory = file.metadata()?.is_dir();
    if is_directory {
        // Windows opens directories for writing.
        if write {
            return Err(Errno::Isdir.into());
        }
        let dir = Dir::from_std_file(file.into_std());
        return Ok(Descriptor::Directory(OpenDirectory::new(dir, directory.access)));
    }
    if wants_directory {
        return Err(Errno::Notdir.into());
    }
    Ok(Descriptor::File(OpenFile {
        file,
        is_readable: request.is_readable,
        is_writable: request.is_writable,
        directory_access: directory.access,
        flags: request.flags,
    }))
}

pub(crate) fn path_create_directory(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Outcome {
    let path = guest.string(path, len)?;
    Ok(ctx.descriptors.directory(fd)?.writable()?.create_dir(path)?)
}

pub(crate) fn path_remove_directory(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Outcome {
    // `cap-std` takes the slash at the end for `/.`, which hosts do not remove.
    let path = match guest.string(path, len)? {
        root if root.bytes().all(|byte| byte == b'/') => root,
        path => path.trim_end_matches('/'),
    };
    Ok(ctx.descriptors.directory(fd)?.writable()?.remove_dir(path)?)
}

pub(crate) fn path_unlink_file(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
) -> Outcome {
    let path = guest.string(path, len)?;
    Ok(ctx.descriptors.directory(fd)?.writable()?.remove_file_or_symlink(path)?)
}

/// Makes a hard link. Both directories must be writable: a link to a file of a read-only one would be a way to
/// write to it.
pub(crate) fn path_link(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    old_fd: u32,
    old_lookup: u32,
    old_path: u32,
    old_len: u32,
    new_fd: u32,
    new_path: u32,
    new_len: u32,
) -> Outcome {
    // A link to what a symbolic link points to: no host can do it safely, and `wasmtime` refuses it too.
    if flags::<LookupFlags>(old_lookup)?.contains(LookupFlags::SYMLINK_FOLLOW) {
        return Err(Errno::Inval.into());
    }
    let (old, new) = (guest.string(old_path, old_len)?, guest.string(new_path, new_len)?);
    let new_dir = ctx.descriptors.directory(new_fd)?.writable()?;
    Ok(ctx.descriptors.directory(old_fd)?.writable()?.hard_link(old, new_dir, new)?)
}

pub(crate) fn path_rename(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    old_fd: u32,
    old_path: u32,
    old_len: u32,
    new_fd: u32,
    new_path: u32,
    new_len: u32,
) -> Outcome {
    let (old, new) = (guest.string(old_path, old_len)?, guest.string(new_path, new_len)?);
    let new_dir = ctx.descriptors.directory(new_fd)?.writable()?;
    Ok(ctx.descriptors.directory(old_fd)?.writable()?.rename(old, new_dir, new)?)
}

/// Makes a symbolic link. One with an absolute target could only lead out: `cap-std` refuses it.
pub(crate) fn path_symlink(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    target: u32,
    target_len: u32,
    fd: u32,
    path: u32,
    len: u32,
) -> Outcome {
    let (target, path) = (guest.string(target, target_len)?, guest.string(path, len)?);
    let dir = ctx.descriptors.directory(fd)?.writable()?;
    Ok(DirExt::symlink(dir, target, path)?)
}

/// Reads the target of a symbolic link, cut off where the buffer ends, as POSIX says.
pub(crate) fn path_readlink(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    path: u32,
    len: u32,
    buffer: u32,
    buffer_len: u32,
    result: u32,
) -> Outcome {
    let path = guest.string(path, len)?;
    let target = ctx.descriptors.directory(fd)?.dir.read_link(path)?;
    let target = target.to_str().ok_or(Errno::Ilseq)?.as_bytes();
    let place = guest.bytes_mut(buffer, buffer_len)?;
    let count = target.len().min(place.len());
    place[..count].copy_from_slice(&target[..count]);
    Ok(guest.set_u32(result, count as u32)?)
}
