//! Sockets. A guest has no way to get one: every descriptor is something else.

use crate::{Errno, WasiCtx, failure::Outcome, guest::Guest};

fn not_a_socket(ctx: &WasiCtx, fd: u32) -> Outcome {
    ctx.descriptors.get(fd)?;
    Err(Errno::Notsock.into())
}

pub(crate) fn sock_accept(
    ctx: &mut WasiCtx,
    _: &mut Guest<'_>,
    fd: u32,
    _flags: u32,
    _accepted: u32,
) -> Outcome {
    not_a_socket(ctx, fd)
}

pub(crate) fn sock_recv(
    ctx: &mut WasiCtx,
    _: &mut Guest<'_>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    _flags: u32,
    _received: u32,
    _result_flags: u32,
) -> Outcome {
    not_a_socket(ctx, fd)
}

pub(crate) fn sock_send(
    ctx: &mut WasiCtx,
    _: &mut Guest<'_>,
    fd: u32,
    _buffers: u32,
    _count: u32,
    _flags: u32,
    _sent: u32,
) -> Outcome {
    not_a_socket(ctx, fd)
}

pub(crate) fn sock_shutdown(ctx: &mut WasiCtx, _: &mut Guest<'_>, fd: u32, _how: u32) -> Outcome {
    not_a_socket(ctx, fd)
}
