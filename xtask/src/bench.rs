//! `cargo xtask bench`: the one command that builds the rivals.
//!
//! The benchmark is a workspace of its own in `benches/`; this builds it in release and hands all arguments
//! on. Its own `--help` lists them.

use crate::repository;
use anyhow::Result;
use clap::Args;
use std::{env, ffi::OsString};

/// What is handed on.
#[derive(Args)]
pub(crate) struct Options {
    /// The set (`execution`, `startup`, `all`), then options of the benchmark; `all --help` lists them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true,
        value_name = "SET [OPTIONS]"
    )]
    arguments: Vec<OsString>,
}

/// Builds and runs the benchmark.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut command = repository::cargo();
    // Paths among the arguments are relative to where the caller stands.
    command.current_dir(env::current_dir()?);
    command.args(["run", "--release", "--locked", "--manifest-path"]);
    command.arg(repository::root().join("benches/Cargo.toml")).arg("--").args(&options.arguments);
    repository::run(&mut command)
}
