//! `cargo xtask cross TARGET -- ...`: cargo for other machines.
//!
//! Where the Rust in use has the target's standard library (`rustup target add`), that one serves. Where it
//! has not, as on machines that cannot reach rustup's server, Debian's newer Rust is unpacked beside it and the
//! standard library is built from source. C compilers for linking and qemu for running come from Debian as
//! well. What cannot be had is [`Unavailable`], which callers report as skipped.

mod debian;
mod target;

use crate::repository;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(crate) use debian::has_program;
use target::Target;

/// Which cargo command to run for which target.
#[derive(Args)]
pub(crate) struct Options {
    /// The target triple.
    target: String,
    /// The libraries to build from source, where they are: `core,alloc` leaves out what needs a system.
    #[arg(long, env = "STD", value_name = "CRATES")]
    std: Option<String>,
    /// What follows `cargo`. Without it, only what is needed is fetched.
    #[arg(last = true, value_name = "CARGO ARGS")]
    arguments: Vec<OsString>,
}

/// Something that this machine does not have and that cannot be fetched.
#[derive(Debug)]
pub(crate) struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Unavailable {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Why `error` means that something is skipped rather than broken, if it does.
pub(crate) fn unavailable(error: &anyhow::Error) -> Option<&Unavailable> {
    error.downcast_ref()
}

/// Runs cargo as the command line says.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut command = cargo_with(&options.target, options.std.as_deref())?;
    if options.arguments.is_empty() {
        println!("ready for {}", options.target);
        return Ok(());
    }
    command.current_dir(env::current_dir()?);
    repository::run(command.args(&options.arguments))
}

/// A cargo that builds for `target` and runs what it built: add `build`, `test` and so on, and no `--target`.
///
/// It puts its files in `target/cross`, unless the caller or `CARGO_TARGET_DIR` names another folder.
pub(crate) fn cargo(target: &str) -> Result<Command> {
    cargo_with(target, None)
}

/// Like [`cargo`], with the crates of the standard library to build, where it is built from source.
pub(crate) fn cargo_with(target: &str, libraries: Option<&str>) -> Result<Command> {
    let target = Target::find(target)?;
    let mut command = repository::cargo();
    command.env("CARGO_BUILD_TARGET", target.triple).env_remove("STD");
    if env::var_os("CARGO_TARGET_DIR").is_none() {
        command.env("CARGO_TARGET_DIR", repository::root().join("target/cross"));
    }
    let installed = has_standard_library(target.triple)?;
    if !installed {
        let toolchain = debian::toolchain()?;
        command.arg(format!("-Zbuild-std={}", libraries.unwrap_or(target.libraries)));
        command.env("RUSTC", toolchain.join("rustc")).env("RUSTDOC", toolchain.join("rustdoc"));
        // For `-Z` with a stable cargo, and for the standard library's own unstable features.
        command.env("RUSTC_BOOTSTRAP", "1");
        if target.gnu.is_none() {
            command.env(target.variable("LINKER"), toolchain.join("wasm-ld"));
        }
    }
    if let Some(gnu) = &target.gnu {
        debian::install_machine(gnu)?;
        command.env(target.variable("LINKER"), gnu.compiler());
        command.env(target.variable("RUNNER"), gnu.runner());
    }
    Ok(command)
}

/// Whether the Rust in use can build for `target` without further ado.
fn has_standard_library(target: &str) -> Result<bool> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let mut command = Command::new(rustc);
    command.args(["--print", "target-libdir", "--target", target]).stderr(Stdio::null());
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    // A compiler that does not know the target fails.
    Ok(output.status.success() && Path::new(String::from_utf8(output.stdout)?.trim()).is_dir())
}

/// Where fetched toolchains are kept.
fn cache() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("ROTIFER_CROSS") {
        return Ok(PathBuf::from(folder));
    }
    match env::home_dir() {
        Some(home) => Ok(home.join(".cache/rotifer-cross")),
        None => bail!("no home folder: set ROTIFER_CROSS to a folder for toolchains"),
    }
}
