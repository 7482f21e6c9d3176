//! `cargo xtask op-coverage` and `cargo xtask torture`: the tests of `forms/` in builds of their own.

use crate::repository;
use anyhow::Result;
use clap::Args;

const PACKAGE: [&str; 4] = ["--package", "rotifer-forms", "--test", "forms"];

/// Executes every op in every form, counts, and names the ops that were not executed.
pub(crate) fn cover() -> Result<()> {
    let mut command = repository::cargo();
    command.args(["test", "--locked"]).args(PACKAGE).args(["--features", "count-ops", "--", "--nocapture"]);
    repository::run(command.arg("every_form"))
}

/// How hard to torture.
#[derive(Args)]
pub(crate) struct Torture {
    /// How often each form is executed.
    #[arg(long, default_value_t = 10_000_000)]
    times: u32,
}

/// Executes every op in every form many times in a release build, on little native stack.
pub(crate) fn torture(options: &Torture) -> Result<()> {
    let mut command = repository::cargo();
    command.args(["test", "--release", "--locked"]).args(PACKAGE).args(["--", "--nocapture", "torture::"]);
    repository::run(command.env("ROTIFER_TORTURE", options.times.to_string()))
}
