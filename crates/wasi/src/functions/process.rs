//! The process and random bytes. `proc_exit` is in the linker's table: it returns nothing to the guest.

use crate::{Errno, WasiCtx, failure::Outcome, guest::Guest};

/// Signals do not exist.
pub(crate) fn proc_raise(_: &mut WasiCtx, _: &mut Guest<'_>, _signal: u32) -> Outcome {
    Err(Errno::Notsup.into())
}

pub(crate) fn sched_yield(_: &mut WasiCtx, _: &mut Guest<'_>) -> Outcome {
    std::thread::yield_now();
    Ok(())
}

pub(crate) fn random_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, bytes: u32, len: u32) -> Outcome {
    ctx.random.fill(guest.bytes_mut(bytes, len)?)
}
