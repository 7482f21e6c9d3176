//! Engines compiled to WebAssembly (`benches/guest`), to be run inside other engines.

use crate::{cross, repository};
use anyhow::{Context, Result};
use clap::Args;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The target they are compiled for.
const TARGET: &str = "wasm32-unknown-unknown";

/// The variable by which the benchmark finds them.
pub(crate) const VARIABLE: &str = "ROTIFER_GUESTS";

/// What to check.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Also inside wasmtime, which takes minutes to build; otherwise inside Rotifer alone.
    #[arg(long)]
    wasmtime: bool,
    /// A folder with further programs, CoreMark for instance; may be repeated.
    #[arg(long, value_name = "DIR")]
    dir: Vec<PathBuf>,
}

/// The engines that can be compiled.
pub(crate) const ENGINES: &[&str] = &["rotifer", "wasmi"];

/// Compiles engines to WebAssembly and returns the folder with the modules. Fails with [`cross::Unavailable`]
/// where no Rust for that target can be had.
pub(crate) fn build(engines: &[&str]) -> Result<PathBuf> {
    let manifest = repository::root().join("benches/guest/Cargo.toml");
    let folder = repository::root().join("target/guests");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for engine in engines {
        let target_dir = repository::root().join("target/cross-guests");
        let mut command = cross::cargo(TARGET)?;
        command.env("CARGO_TARGET_DIR", &target_dir);
        command.args(["build", "--quiet", "--release", "--locked", "--features", engine, "--manifest-path"]);
        repository::run(command.arg(&manifest))?;
        let built = target_dir.join(TARGET).join("release/rotifer_guest.wasm");
        let module = folder.join(engine).with_extension("wasm");
        fs::copy(&built, &module).with_context(|| format!("cannot copy {}", built.display()))?;
    }
    Ok(folder)
}

/// Compiles Rotifer and runs all kernels in it, inside Rotifer and, if asked for, inside wasmtime. Each result is
/// checked.
pub(crate) fn run(options: &Options) -> Result<()> {
    let guests = build(&["rotifer"])?;
    check(&guests, "itself", "rotifer", &options.dir)?;
    if options.wasmtime {
        check(&guests, "inside", "rotifer,wasmtime", &options.dir)?;
    }
    Ok(())
}

/// Runs a set of the benchmark for its results alone.
fn check(guests: &Path, set: &str, features: &str, folders: &[PathBuf]) -> Result<()> {
    let mut command = repository::cargo();
    command.current_dir(std::env::current_dir()?);
    command.args([
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--no-default-features",
        "--features",
        features,
    ]);
    command.args(["--manifest-path"]).arg(repository::root().join("benches/Cargo.toml"));
    command.envs(repository::QUICK_RELEASE);
    command.env(VARIABLE, guests).args(["--", set, "--engine", "rotifer@", "--rounds", "0", "--strict"]);
    for folder in folders {
        command.arg("--dir").arg(folder);
    }
    repository::run(&mut command)
}
