//! Arguments and environment.

use crate::{Errno, WasiCtx, failure::Outcome, guest::Guest};

pub(crate) fn args_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, pointers: u32, bytes: u32) -> Outcome {
    strings(guest, &ctx.args, pointers, bytes)
}

pub(crate) fn args_sizes_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, count: u32, size: u32) -> Outcome {
    sizes(guest, &ctx.args, count, size)
}

pub(crate) fn environ_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, pointers: u32, bytes: u32) -> Outcome {
    strings(guest, &ctx.environ, pointers, bytes)
}

pub(crate) fn environ_sizes_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, count: u32, size: u32) -> Outcome {
    sizes(guest, &ctx.environ, count, size)
}

/// Writes strings with zero bytes after them, and pointers to them.
fn strings(guest: &mut Guest<'_>, strings: &[String], mut pointers: u32, mut bytes: u32) -> Outcome {
    for string in strings {
        let len = u32::try_from(string.len()).map_err(|_| Errno::Overflow)?;
        let size = len.checked_add(1).ok_or(Errno::Overflow)?;
        let [place @ .., end] = guest.bytes_mut(bytes, size)? else { return Err(Errno::Overflow.into()) };
        place.copy_from_slice(string.as_bytes());
        *end = 0;
        guest.set_u32(pointers, bytes)?;
        // What was just written lies in the memory, so that only its very end can be 2^32.
        (pointers, bytes) = (pointers.wrapping_add(4), bytes.wrapping_add(size));
    }
    Ok(())
}

/// Writes how many strings there are, and how many bytes they have with the zero bytes.
fn sizes(guest: &mut Guest<'_>, strings: &[String], count: u32, size: u32) -> Outcome {
    let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
    guest.set_u32(count, u32::try_from(strings.len()).map_err(|_| Errno::Overflow)?)?;
    guest.set_u32(size, u32::try_from(bytes).map_err(|_| Errno::Overflow)?)?;
    Ok(())
}
