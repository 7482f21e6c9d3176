//! The table of all functions with their types, and [`add_to_linker`], which defines them.

use crate::{
    WasiCtx,
    failure::{Failure, GuestFault, Outcome},
    functions::{args, clocks, directories, files, paths, poll::Poll, process, sockets, status, transfer},
    guest::{Guest, Snapshot},
};
use rotifer::{Caller, Error, Extern, Linker};

/// The name of the module that programs import.
pub const PREVIEW1: &str = "wasi_snapshot_preview1";

/// The name of the module that programs imported before: an earlier draft, in which a few structures have
/// another layout.
pub const UNSTABLE: &str = "wasi_unstable";

/// Defines the functions of WASI preview 1 under the names [`PREVIEW1`] and [`UNSTABLE`].
///
/// `get` finds the world of a guest in the data of its store.
///
/// ```
/// use rotifer::{Engine, Linker};
/// use rotifer_wasi::{WasiCtx, add_to_linker};
///
/// struct Data {
///     wasi: WasiCtx,
/// }
///
/// let mut linker: Linker<Data> = Linker::new(&Engine::default());
/// add_to_linker(&mut linker, |data| &mut data.wasi)?;
/// # Ok::<(), rotifer::Error>(())
/// ```
///
/// # Errors
/// A name is defined already, and the linker does not allow shadowing.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    define::<T, false>(linker, get)?;
    define_accept(linker, get)?;
    define::<T, true>(linker, get)
}

/// Calls a function of WASI with the world and the memory of the guest.
fn call<T, const UNSTABLE: bool>(
    caller: &mut Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx,
    function: impl FnOnce(&mut WasiCtx, &mut Guest<'_>) -> Outcome,
) -> Result<u32, Error> {
    let Some(memory) = caller.get_export("memory").and_then(Extern::into_memory) else {
        return Err(Error::host(GuestFault::NoMemory));
    };
    let (bytes, data) = memory.data_and_store_mut(caller);
    let snapshot = if UNSTABLE { Snapshot::Unstable } else { Snapshot::Preview1 };
    Failure::code(function(get(data), &mut Guest::new(bytes, snapshot)))
}

macro_rules! functions {
    ($( $group:ident { $( $name:ident($($param:ident: $ty:ty),*); )* } )*) => {
        /// Which version it is is a parameter of the type, not a captured value: closures that capture nothing
        /// cost a linker no memory.
        fn define<T: 'static, const UNSTABLE: bool>(
            linker: &mut Linker<T>,
            get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
        ) -> Result<(), Error> {
            let module = if UNSTABLE { self::UNSTABLE } else { PREVIEW1 };
            $($(
                linker.func_wrap(module, stringify!($name), move |mut caller: Caller<'_, T>, $($param: $ty),*| {
                    call::<T, UNSTABLE>(&mut caller, get, |ctx, guest| $group::$name(ctx, guest, $($param),*))
                })?;
            )*)*
            linker.func_wrap(module, "poll_oneoff", move |caller: Caller<'_, T>, subscriptions, events, count, result| {
                poll_oneoff::<T, UNSTABLE>(caller, get, &Poll { subscriptions, events, count, result })
            })?;
            // The only function that gives nothing back.
            linker.func_wrap(module, "proc_exit", |status: u32| -> Result<(), Error> {
                Err(Error::i32_exit(status.cast_signed()))
            })?;
            Ok(())
        }
    };
}

functions! {
    args {
        args_get(pointers: u32, bytes: u32);
        args_sizes_get(count: u32, size: u32);
        environ_get(pointers: u32, bytes: u32);
        environ_sizes_get(count: u32, size: u32);
    }
    clocks {
        clock_res_get(clock: u32, result: u32);
        clock_time_get(clock: u32, precision: u64, result: u32);
    }
    files {
        fd_advise(fd: u32, offset: u64, len: u64, advice: u32);
        fd_allocate(fd: u32, offset: u64, len: u64);
        fd_close(fd: u32);
        fd_datasync(fd: u32);
        fd_renumber(from: u32, to: u32);
        fd_seek(fd: u32, offset: u64, whence: u32, result: u32);
        fd_sync(fd: u32);
        fd_tell(fd: u32, result: u32);
    }
    status {
        fd_fdstat_get(fd: u32, result: u32);
        fd_fdstat_set_flags(fd: u32, flags: u32);
        fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64);
        fd_filestat_get(fd: u32, result: u32);
        fd_filestat_set_size(fd: u32, size: u64);
        fd_filestat_set_times(fd: u32, accessed: u64, modified: u64, which: u32);
        path_filestat_get(fd: u32, lookup: u32, path: u32, len: u32, result: u32);
        path_filestat_set_times(
            fd: u32, lookup: u32, path: u32, len: u32, accessed: u64, modified: u64, which: u32
        );
    }
    transfer {
        fd_pread(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
        fd_pwrite(fd: u32, buffers: u32, count: u32, offset: u64, result: u32);
        fd_read(fd: u32, buffers: u32, count: u32, result: u32);
        fd_write(fd: u32, buffers: u32, count: u32, result: u32);
    }
    directories {
        fd_prestat_dir_name(fd: u32, path: u32, len: u32);
        fd_prestat_get(fd: u32, result: u32);
        fd_readdir(fd: u32, buffer: u32, len: u32, cookie: u64, result: u32);
    }
    paths {
        path_create_directory(fd: u32, path: u32, len: u32);
        path_link(
            old_fd: u32, old_lookup: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32
        );
        path_open(
            fd: u32, lookup: u32, path: u32, len: u32, open: u32, rights: u64, inheriting: u64, fd_flags: u32,
            result: u32
        );
        path_readlink(fd: u32, path: u32, len: u32, buffer: u32, buffer_len: u32, result: u32);
        path_remove_directory(fd: u32, path: u32, len: u32);
        path_rename(old_fd: u32, old_path: u32, old_len: u32, new_fd: u32, new_path: u32, new_len: u32);
        path_symlink(target: u32, target_len: u32, fd: u32, path: u32, len: u32);
        path_unlink_file(fd: u32, path: u32, len: u32);
    }
    process {
        proc_raise(signal: u32);
        random_get(bytes: u32, len: u32);
        sched_yield();
    }
    sockets {
        sock_recv(fd: u32, buffers: u32, count: u32, flags: u32, received: u32, result_flags: u32);
        sock_send(fd: u32, buffers: u32, count: u32, flags: u32, sent: u32);
        sock_shutdown(fd: u32, how: u32);
    }
}

/// The only function that waits by itself: until something happens, or the call shall stop.
fn poll_oneoff<T, const UNSTABLE: bool>(
    mut caller: Caller<'_, T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy,
    poll: &Poll,
) -> Result<u32, Error> {
    let mut wait = None;
    let begun = call::<T, UNSTABLE>(&mut caller, get, |ctx, guest| {
        wait = Some(poll.begin(ctx, guest)?);
        Ok(())
    });
    let Some(wait) = wait else { return begun };
    let mut left = wait.duration();
    while !left.is_zero() {
        caller.check_interrupt()?;
        left = get(caller.data_mut()).clocks.wait(left);
    }
    call::<T, UNSTABLE>(&mut caller, get, |ctx, guest| poll.finish(ctx, guest, &wait))
}

/// The function that preview 1 got last, and the draft never.
fn define_accept<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Copy + Send + Sync + 'static,
) -> Result<(), Error> {
    linker.func_wrap(
        PREVIEW1,
        "sock_accept",
        move |mut caller: Caller<'_, T>, fd: u32, flags: u32, accepted: u32| {
            call::<T, false>(&mut caller, get, |ctx, guest| {
                sockets::sock_accept(ctx, guest, fd, flags, accepted)
            })
        },
    )?;
    Ok(())
}
