//! Open files: closing, seeking, synchronising.

use crate::{Errno, WasiCtx, descriptor::Descriptor, failure::Outcome, flags::seek_from, guest::Guest, host};
use std::io::{Seek, Write};

/// The advice is checked, and not taken: the host knows better what an interpreter can use.
pub(crate) fn fd_advise(
    ctx: &mut WasiCtx,
    _: &mut Guest<'_>,
    fd: u32,
    _offset: u64,
    _len: u64,
    advice: u32,
) -> Outcome {
    ctx.descriptors.file(fd)?;
    const KINDS: u32 = 6;
    if advice < KINDS { Ok(()) } else { Err(Errno::Inval.into()) }
}

pub(crate) fn fd_allocate(ctx: &mut WasiCtx, _: &mut Guest<'_>, fd: u32, offset: u64, len: u64) -> Outcome {
    host::allocate(ctx.descriptors.file(fd)?.writable()?, offset, len)
}

pub(crate) fn fd_close(ctx: &mut WasiCtx, _: &mut Guest<'_>, fd: u32) -> Outcome {
    ctx.descriptors.remove(fd)?;
    Ok(())
}

pub(crate) fn fd_datasync(ctx: &mut WasiCtx, guest: &mut Guest<'_>, fd: u32) -> Outcome {
    match ctx.descriptors.get_mut(fd)? {
        Descriptor::File(open) => Ok(open.file.sync_data()?),
        _ => fd_sync(ctx, guest, fd),
    }
}

pub(crate) fn fd_sync(ctx: &mut WasiCtx, _: &mut Guest<'_>, fd: u32) -> Outcome {
    match ctx.descriptors.get_mut(fd)? {
        Descriptor::Input(_) => Ok(()),
        Descriptor::Output(output) => Ok(output.stream.flush()?),
        Descriptor::File(open) => Ok(open.file.sync_all()?),
        // The host's descriptor of a directory may be one that can only be used for paths.
        Descriptor::Directory(directory) => Ok(directory.dir.open(".")?.sync_all()?),
    }
}

pub(crate) fn fd_renumber(ctx: &mut WasiCtx, _: &mut Guest<'_>, from: u32, to: u32) -> Outcome {
    ctx.descriptors.renumber(from, to)
}

pub(crate) fn fd_seek(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    offset: u64,
    whence: u32,
    result: u32,
) -> Outcome {
    let mut file = &ctx.descriptors.seekable(fd)?.file;
    let position = file.seek(seek_from(guest.snapshot(), whence, offset.cast_signed())?)?;
    Ok(guest.set_u64(result, position)?)
}

pub(crate) fn fd_tell(ctx: &mut WasiCtx, guest: &mut Guest<'_>, fd: u32, result: u32) -> Outcome {
    let mut file = &ctx.descriptors.seekable(fd)?.file;
    Ok(guest.set_u64(result, file.stream_position()?)?)
}
