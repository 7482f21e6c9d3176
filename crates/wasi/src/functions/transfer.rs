//! Reading and writing.

use crate::{
    Errno, WasiCtx,
    descriptor::{Descriptor, OpenFile},
    failure::{Failure, Outcome},
    flags::FdFlags,
    guest::{Buffers, Guest},
    host,
};
use std::io::{self, Read, Seek, SeekFrom, Write};

pub(crate) fn fd_read(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    result: u32,
) -> Outcome {
    let buffers = guest.buffers(buffers, count)?;
    let total = match ctx.descriptors.get_mut(fd)? {
        // A stream that has filled one buffer might wait for more before it fills the next: the guest gets
        // what there is.
        Descriptor::Input(input) => read(guest, buffers, Stop::AfterFirst, |bytes| input.stream.read(bytes)),
        Descriptor::File(file) => {
            let mut file = file.readable()?;
            read(guest, buffers, Stop::WhenShort, |bytes| file.read(bytes))
        }
        Descriptor::Output(_) | Descriptor::Directory(_) => Err(Errno::Badf.into()),
    }?;
    Ok(guest.set_u32(result, total)?)
}

pub(crate) fn fd_pread(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    mut offset: u64,
    result: u32,
) -> Outcome {
    let buffers = guest.buffers(buffers, count)?;
    let file = ctx.descriptors.seekable(fd)?.readable()?;
    let total = read(guest, buffers, Stop::WhenShort, |bytes| {
        let count = host::read_at(file, bytes, offset)?;
        offset = offset.saturating_add(count as u64);
        Ok(count)
    })?;
    Ok(guest.set_u32(result, total)?)
}

pub(crate) fn fd_write(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    result: u32,
) -> Outcome {
    let buffers = guest.buffers(buffers, count)?;
    let total = match ctx.descriptors.get_mut(fd)? {
        Descriptor::Output(output) => write(guest, buffers, |bytes| output.stream.write(bytes)),
        Descriptor::File(open) => {
            let mut file = open.writable()?;
            if open.flags.contains(FdFlags::APPEND) {
                file.seek(SeekFrom::End(0))?;
            }
            let total = write(guest, buffers, |bytes| file.write(bytes))?;
            synchronise(open)?;
            Ok(total)
        }
        Descriptor::Input(_) | Descriptor::Directory(_) => Err(Errno::Badf.into()),
    }?;
    Ok(guest.set_u32(result, total)?)
}

/// Writes to a place. As with `wasmtime`, and unlike on Linux, that goes before the flag to append.
pub(crate) fn fd_pwrite(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    fd: u32,
    buffers: u32,
    count: u32,
    mut offset: u64,
    result: u32,
) -> Outcome {
    let buffers = guest.buffers(buffers, count)?;
    let open = ctx.descriptors.seekable(fd)?;
    let file = open.writable()?;
    let total = write(guest, buffers, |bytes| {
        let count = host::write_at(file, bytes, offset)?;
        offset = offset.saturating_add(count as u64);
        Ok(count)
    })?;
    synchronise(open)?;
    Ok(guest.set_u32(result, total)?)
}

/// Does what the flags of a file demand after each write.
fn synchronise(open: &OpenFile) -> io::Result<()> {
    if open.flags.contains(FdFlags::SYNC) {
        open.file.sync_all()
    } else if open.flags.contains(FdFlags::DSYNC) {
        open.file.sync_data()
    } else {
        Ok(())
    }
}

/// When reading into several buffers ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// When one buffer has got something.
    AfterFirst,
    /// When a buffer was not filled.
    WhenShort,
}

/// Reads into buffers and gives the number of bytes.
fn read(
    guest: &mut Guest<'_>,
    mut buffers: Buffers,
    stop: Stop,
    mut from: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> Outcome<u32> {
    let mut total = 0;
    while let Some((pointer, len)) = buffers.next(guest)? {
        let bytes = guest.bytes_mut(pointer, len)?;
        let count = match retry(|| from(bytes)) {
            Ok(count) => transferred(count, len)?,
            Err(error) => return partial(total, error),
        };
        total += count;
        if count < len || stop == Stop::AfterFirst {
            break;
        }
    }
    Ok(total)
}

/// Writes buffers and gives the number of bytes.
fn write(
    guest: &Guest<'_>,
    mut buffers: Buffers,
    mut to: impl FnMut(&[u8]) -> io::Result<usize>,
) -> Outcome<u32> {
    let mut total = 0;
    while let Some((pointer, len)) = buffers.next(guest)? {
        let bytes = guest.bytes(pointer, len)?;
        let count = match retry(|| to(bytes)) {
            Ok(count) => transferred(count, len)?,
            Err(error) => return partial(total, error),
        };
        total += count;
        if count < len {
            break;
        }
    }
    Ok(total)
}

/// An error after some bytes were transferred comes back with the next call: now the guest must learn of them.
fn partial(total: u32, error: io::Error) -> Outcome<u32> {
    if total > 0 { Ok(total) } else { Err(error.into()) }
}

/// The number of bytes that a stream says it transferred. Streams come from the embedder and may be wrong.
fn transferred(count: usize, len: u32) -> Outcome<u32> {
    u32::try_from(count).ok().filter(|count| *count <= len).ok_or(Failure::Errno(Errno::Io))
}

/// Repeats what was interrupted by a signal, which is no concern of the guest's.
fn retry(mut transfer: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match transfer() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
