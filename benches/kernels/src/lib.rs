//! Benchmark kernels in Rust, each one module of a few hundred bytes to a few kilobytes.
//!
//! Every kernel is a pure function `run(n) -> checksum`: `n` scales the work, the checksum depends on all
//! of it. `cargo xtask kernels` compiles this crate once per kernel for `wasm32-unknown-unknown` with
//! `--cfg kernel="NAME"`, which exports that kernel's function as `run`; everything else is dropped by the
//! linker. With `--cfg kernel="all"` every kernel is exported under its own name: the start-up set's large
//! module.
//!
//! The same functions compiled for the host are the oracle: the checksums in `benches/src/kernels.rs` are
//! theirs, so an engine that agrees with the table agrees with native code. The kernels Rust cannot
//! express are in `wat/`; [`reference`] says in Rust what they compute.
//!
//! Recursion stays below 1000 frames, the default limit of some engines.

#![no_std]
#![cfg_attr(target_arch = "wasm32", feature(wasm_numeric_instr))]

extern crate alloc;
#[cfg(not(target_arch = "wasm32"))]
extern crate std;

#[cfg(target_arch = "wasm32")]
mod freestanding;
mod random;

pub mod ackermann;
pub mod bits;
pub mod blake2b;
pub mod convert;
pub mod crc32;
pub mod dispatch;
pub mod fir;
pub mod hashmap;
pub mod interpreter;
pub mod json;
pub mod lz;
pub mod mandelbrot;
pub mod matmul;
pub mod modular;
pub mod nbody;
pub mod queens;
pub mod search;
pub mod sha256;
pub mod sieve;
pub mod siphash;
pub mod sort;
pub mod state_machine;
pub mod stream;
pub mod tak;

#[cfg(not(target_arch = "wasm32"))]
pub mod reference;

/// A kernel's name and its function from the amount of work to the checksum.
pub type Kernel = (&'static str, fn(i32) -> i64);

/// Lists the kernels once: the native table and the export of each follow from it.
macro_rules! kernels {
    ($($module:ident $name:tt)*) => {
        /// Name and function of every kernel written in Rust.
        pub const KERNELS: &[Kernel] = &[$(($name, $module::run)),*];

        #[cfg(target_arch = "wasm32")]
        mod exports {
            $(
                #[cfg(any(kernel = $name, kernel = "all"))]
                mod $module {
                    #[cfg_attr(kernel = "all", unsafe(export_name = $name))]
                    #[cfg_attr(not(kernel = "all"), unsafe(export_name = "run"))]
                    extern "C" fn run(n: i32) -> i64 {
                        crate::freestanding::free_everything();
                        crate::$module::run(n)
                    }
                }
            )*
        }
    };
}

kernels! {
    ackermann "ackermann"
    bits "bits"
    blake2b "blake2b"
    convert "convert"
    crc32 "crc32"
    dispatch "dispatch"
    fir "fir"
    hashmap "hashmap"
    interpreter "interpreter"
    json "json"
    lz "lz"
    mandelbrot "mandelbrot"
    matmul "matmul"
    modular "modular"
    nbody "nbody"
    queens "queens"
    search "search"
    sha256 "sha256"
    sieve "sieve"
    siphash "siphash"
    sort "sort"
    state_machine "state-machine"
    stream "stream"
    tak "tak"
}
