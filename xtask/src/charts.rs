//! `cargo xtask charts`: draws results of the benchmark; builds none of the rivals.

use crate::repository;
use anyhow::Result;
use clap::Args;
use std::{env, ffi::OsString};

/// What is handed on.
#[derive(Args)]
pub(crate) struct Options {
    /// What `cargo xtask bench --json` wrote, then options; `--out DIR` is required.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true,
        value_name = "JSON... --out DIR"
    )]
    arguments: Vec<OsString>,
}

/// Builds and runs rotifer-charts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut command = repository::cargo();
    // Paths among the arguments are relative to where the caller stands.
    command.current_dir(env::current_dir()?);
    command.args(["run", "--quiet", "--locked", "--manifest-path"]);
    command.arg(repository::root().join("benches/charts/Cargo.toml")).arg("--").args(&options.arguments);
    repository::run(&mut command)
}
