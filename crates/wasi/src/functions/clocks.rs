//! Clocks.

use crate::{WasiCtx, clock::nanoseconds, failure::Outcome, flags::ClockId, guest::Guest};

pub(crate) fn clock_res_get(ctx: &mut WasiCtx, guest: &mut Guest<'_>, clock: u32, result: u32) -> Outcome {
    ClockId::new(clock)?;
    Ok(guest.set_u64(result, nanoseconds(ctx.clocks.resolution()))?)
}

pub(crate) fn clock_time_get(
    ctx: &mut WasiCtx,
    guest: &mut Guest<'_>,
    clock: u32,
    _precision: u64,
    result: u32,
) -> Outcome {
    let now = ctx.clocks.read(ClockId::new(clock)?);
    Ok(guest.set_u64(result, nanoseconds(now))?)
}
