//! `cargo xtask machines`: the library's tests on other machines, mostly under qemu.
//!
//! aarch64 has both dispatchers, i686 has addresses of 32 bits, s390x stores the high byte first. What runs there
//! is chosen for what can differ: unit tests, the API, the suite in one load mode, and the programs whose
//! results, traps, fuel and state are written down (docs/DETERMINISM.md, docs/FUEL.md).

use crate::{cross, repository};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use std::{env, time::Instant};

/// Which machines.
#[derive(Args)]
pub(crate) struct Options {
    /// The machines.
    #[arg(default_value = "all")]
    machines: Vec<Choice>,
    /// Only parts whose name contains TEXT; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
}

/// A machine, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    Aarch64,
    I686,
    S390x,
    Riscv64,
    All,
}

impl Choice {
    fn targets(self) -> &'static [&'static str] {
        match self {
            Self::Aarch64 => &["aarch64-unknown-linux-gnu"],
            Self::I686 => &["i686-unknown-linux-gnu"],
            Self::S390x => &["s390x-unknown-linux-gnu"],
            Self::Riscv64 => &["riscv64gc-unknown-linux-gnu"],
            Self::All => &["aarch64-unknown-linux-gnu", "i686-unknown-linux-gnu", "s390x-unknown-linux-gnu"],
        }
    }
}

/// The targets with a tail dispatcher (`crates/executor/build.rs`).
const HAVE_TAIL_CALLS: [&str; 1] = ["aarch64-unknown-linux-gnu"];

/// A part: its name, what cargo tests, and what the tests are told.
struct Part {
    name: &'static str,
    tests: &'static [&'static str],
    arguments: &'static [&'static str],
}

/// All name the same packages, so that nothing is built twice with other features.
const PARTS: [Part; 6] = [
    Part { name: "unit", tests: &["--lib"], arguments: &[] },
    Part { name: "api", tests: &["--test", "api"], arguments: &[] },
    // The state hash and the serialized form, which are the same everywhere.
    Part { name: "states", tests: &["--test", "snapshot"], arguments: &[] },
    Part { name: "determinism", tests: &["--test", "determinism"], arguments: &[] },
    // The golden files of fuel, and generated modules against the oracle.
    Part { name: "fuel", tests: &["--test", "engine"], arguments: &[] },
    Part { name: "suite", tests: &["--test", "conformance"], arguments: &["--mode", "checked"] },
];

/// Runs everything on every machine, and then says what failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let targets: Vec<&str> = options.machines.iter().flat_map(|machine| machine.targets()).copied().collect();
    test(&targets, &options.only)
}

/// What continuous integration has time for: 32-bit addresses, and of that what goes through the API.
pub(crate) fn continuous() -> Result<()> {
    test(&["i686-unknown-linux-gnu"], &["api", "determinism"].map(str::to_owned))
}

/// Runs the parts whose names contain one of the texts, or all, for all targets.
fn test(targets: &[&str], only: &[String]) -> Result<()> {
    let mut skipped = None;
    let mut summary = Vec::new();
    for target in targets {
        for part in &PARTS {
            if !only.is_empty() && !only.iter().any(|text| part.name.contains(text.as_str())) {
                continue;
            }
            println!("\n-- {target}: {}", part.name);
            let start = Instant::now();
            let result = test_part(target, part);
            let verdict = match &result {
                Ok(()) => "ok",
                Err(error) if cross::unavailable(error).is_some() => "skipped",
                Err(_) => "FAILED",
            };
            summary.push((target, part.name, verdict, start.elapsed().as_secs()));
            if let Err(error) = result {
                println!("{verdict}: {error:#}");
                if verdict == "skipped" {
                    // The other parts need the same.
                    skipped = Some(error.context(format!("on {target}")));
                    break;
                }
            }
        }
    }
    println!();
    for (target, part, verdict, seconds) in &summary {
        println!("{target:26} {part:12} {verdict:8} {seconds:4} s");
    }
    let failed = summary.iter().filter(|(_, _, verdict, _)| *verdict == "FAILED").count();
    ensure!(failed == 0, "{failed} parts failed");
    skipped.map_or(Ok(()), Err)
}

fn test_part(target: &str, part: &Part) -> Result<()> {
    let mut command = cross::cargo(target)?;
    if env::var_os("CARGO_PROFILE_DEV_DEBUG").is_none() {
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    command.args(repository::QUICK_DEPENDENCIES);
    if !HAVE_TAIL_CALLS.contains(&target) {
        // Only tail calls need the highest level.
        command.args(["--config", "profile.dev.package.rotifer-executor.opt-level=1"]);
    }
    command.args(["test", "--locked", "--no-fail-fast"]);
    for package in repository::LIBRARIES.iter().chain(&["rotifer-spec-tests", "rotifer-oracle"]) {
        command.args(["--package", package]);
    }
    repository::run(command.args(part.tests).arg("--").args(part.arguments))
}
