//! WASI preview 1 for the Rotifer WebAssembly interpreter.
//!
//! A guest sees what its [`WasiCtx`] holds, and nothing else of the host.
//!
//! ```
//! use rotifer::{Engine, Linker, Module, Store};
//! use rotifer_wasi::{OutputPipe, WasiCtxBuilder, add_to_linker};
//!
//! let wasm = wat::parse_str(
//!     r#"(module
//!         (import "wasi_snapshot_preview1" "fd_write"
//!             (func $write (param i32 i32 i32 i32) (result i32)))
//!         (memory (export "memory") 1)
//!         (data (i32.const 0) "\08\00\00\00\06\00\00\00hello\n")
//!         (func (export "_start")
//!             (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#,
//! )?;
//! let stdout = OutputPipe::new();
//! let wasi = WasiCtxBuilder::new().arg("hello").stdout(stdout.clone()).build();
//!
//! let engine = Engine::default();
//! let module = Module::new(&engine, &wasm)?;
//! let mut linker = Linker::new(&engine);
//! add_to_linker(&mut linker, |wasi| wasi)?;
//! let mut store = Store::new(&engine, wasi);
//! let instance = linker.instantiate(&mut store, &module)?;
//! instance.get_typed_func::<(), ()>(&store, "_start")?.call(&mut store, ())?;
//! assert_eq!(stdout.contents(), b"hello\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What guests can rely on
//!
//! * All 46 functions of `wasi_snapshot_preview1` are there, and the 45 of `wasi_unstable`, with its layouts.
//! * `proc_exit` ends the call of the guest with [`rotifer::Error::i32_exit`]; find the status with
//!   [`i32_exit_status`](rotifer::Error::i32_exit_status).
//! * A directory cannot be left by `..`, absolute paths or symbolic links, whoever made them: `cap-std` sees to
//!   it, with the host's help (`openat2` on Linux).
//! * Where the specification leaves room, the crate does as `wasmtime` does. In particular a pointer that is
//!   misaligned or points beyond the memory ends the run of the guest ([`GuestFault`]); it is not an error code,
//!   because no program handles it. Rights are reported, for `wasi-libc`, and not kept.
//! * Entries of directories come sorted by name. With [deterministic
//!   clocks](WasiCtxBuilder::deterministic_clocks) and [random
//!   bytes](WasiCtxBuilder::deterministic_random) a run can be repeated.
//! * Nothing blocks but reading from a standard stream that the embedder gave, opening or reading a named pipe
//!   in a directory, and `poll_oneoff` with system clocks, which [interrupts](rotifer::InterruptHandle) and
//!   [deadlines](rotifer::Store::set_deadline) of the store end. Descriptors are always reported as ready.
//! * There are no sockets, signals and processor-time clocks.
//!
//! # Why not an existing implementation
//!
//! Looked at in November 2026. `wasi-common` is the one that other engines use (`wasmi_wasi` does). It ended with
//! version 46, while `wasmtime` is at 50, and its maintainers call it legacy. It can be driven without an async
//! runtime, by polling futures once, and without `wasmtime`'s compiler; but not without `wiggle`,
//! `wasmtime-environ`, a second `wasmparser` and `cap-std` 3: 96 crates. `wasmtime-wasi`, which took its place,
//! is written for `tokio` and `wasmtime`'s component model. What remains hard when both are left out is keeping
//! guests in their directories, and that is `cap-std`'s work there too. So this crate is a table of 46 functions
//! over `cap-std`.
//!
//! # Real programs
//!
//! `tests/real_programs.sh` is for running by hand: it gets programs from PyPI (yosys, nextpnr, CPython, QuickJS
//! and others), runs them with `examples/run_wasi.rs` and with `wasmtime`, and compares what they write.

#![forbid(unsafe_code)]

mod clock;
mod ctx;
mod descriptor;
mod errno;
mod failure;
mod flags;
mod functions;
mod guest;
mod host;
mod linker;
mod pipe;
mod random;

pub use self::{
    ctx::{DirAccess, WasiCtx, WasiCtxBuilder},
    errno::Errno,
    failure::GuestFault,
    linker::{PREVIEW1, UNSTABLE, add_to_linker},
    pipe::OutputPipe,
};
pub use cap_std;
