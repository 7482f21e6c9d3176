//! Decides whether the tail-calling dispatcher can be built.
//!
//! Stable Rust does not guarantee tail calls; LLVM makes sibling calls from optimisation level 2 on, on
//! targets that pass all of a handler's arguments in registers, unless something instruments functions.

use std::env;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=ROTIFER_NO_TAIL_CALLS");
    println!("cargo:rustc-check-cfg=cfg(rotifer_tail)");
    println!("cargo:rustc-check-cfg=cfg(loom)");
    let optimised = matches!(env::var("OPT_LEVEL").as_deref(), Ok("2" | "3" | "s" | "z"));
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let supported = matches!(arch.as_str(), "x86_64" | "aarch64");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    // The leak sanitizer instruments nothing.
    let flags = flags.replace("sanitizer=leak", "");
    let instrumented = ["sanitizer=", "instrument-coverage", "profile-generate", "-Cinstrument", "sancov"]
        .iter()
        .any(|flag| flags.contains(flag));
    let refused = env::var_os("ROTIFER_NO_TAIL_CALLS").is_some();
    if optimised && supported && !instrumented && !refused && env::var_os("CARGO_CFG_MIRI").is_none() {
        println!("cargo:rustc-cfg=rotifer_tail");
    }
}
