//! `cargo xtask sanitize`, `valgrind`, `miri` and `race`: checkers of memory accesses and of races.
//!
//! What each covers, and what it does not, is in docs/MACHINES.md.

use crate::{
    cross::{self, Unavailable},
    repository,
};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The packages whose tests run under the checkers.
fn packages() -> impl Iterator<Item = &'static str> {
    repository::LIBRARIES.into_iter().chain(["rotifer-spec-tests", "rotifer-oracle", "rotifer-forms"])
}

/// A sanitizer of the compiler.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sanitizer {
    /// Accesses outside of live objects, and leaks. Instruments everything, which leaves the loop dispatcher.
    Address,
    /// Leaks. Instruments nothing, so that both dispatchers run.
    Leak,
}

/// What a sanitizer looks at.
#[derive(Args)]
pub(crate) struct SanitizeOptions {
    sanitizer: Sanitizer,
    /// Only test programs with this name (`lib`, `api`, `conformance`, ...); may be repeated.
    #[arg(long, value_name = "PROGRAM")]
    only: Vec<String>,
    /// Arguments of the test programs.
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<OsString>,
}

/// The test programs that run under sanitizers.
const PROGRAMS: [&str; 13] = [
    "lib",
    "api",
    "leaks",
    "usage",
    "code_bound",
    "code",
    "contract",
    "module",
    "snapshot",
    "forms",
    "conformance",
    "determinism",
    "engine",
];

/// Runs tests under a sanitizer, which needs a nightly compiler.
pub(crate) fn sanitize(options: &SanitizeOptions) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|only| !PROGRAMS.contains(&only.as_str())) {
        bail!("no program {unknown}; there are {}", PROGRAMS.join(", "));
    }
    let mut command = nightly(&[])?;
    let triple = host()?;
    let (name, variable, settings) = match options.sanitizer {
        // Memories that no machine has are refused by the allocator, as tests expect.
        Sanitizer::Address => {
            ("address", "ASAN_OPTIONS", "detect_stack_use_after_return=1:allocator_may_return_null=1")
        }
        Sanitizer::Leak => ("leak", "LSAN_OPTIONS", ""),
    };
    if options.sanitizer == Sanitizer::Address {
        command.env("ROTIFER_NO_TAIL_CALLS", "1");
        // Without tail calls nothing needs the highest level, and handlers may have assertions: those of the
        // standard library see unaligned and null pointers, and `unwrap_unchecked` of nothing.
        for setting in ["opt-level=1", "debug-assertions=true"] {
            command.arg("--config").arg(format!("profile.dev.package.rotifer-executor.{setting}"));
        }
    }
    command
        .env("RUSTFLAGS", format!("-Zsanitizer={name}"))
        .env(variable, settings)
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    command.args(repository::QUICK_DEPENDENCIES);
    // Flags of the target are not those of build scripts if the target is named.
    command.args(["test", "--locked", "--no-fail-fast", "--target", &triple]);
    command.arg("--target-dir").arg(format!("target/sanitize-{name}"));
    for package in packages() {
        command.args(["--package", package]);
    }
    let wanted =
        |program: &&&str| options.only.is_empty() || options.only.iter().any(|only| only == **program);
    for &program in PROGRAMS.iter().filter(wanted) {
        match program {
            "lib" => command.arg("--lib"),
            program => command.args(["--test", program]),
        };
    }
    repository::run(command.arg("--").args(&options.arguments))
}

/// A cargo of a nightly toolchain, if that has what `probe` asks it for.
fn nightly(probe: &[&str]) -> Result<Command> {
    let mut check = Command::new("rustup");
    check.args(["run", "nightly", "cargo"]).args(probe).arg("--version");
    let output = check.stdin(Stdio::null()).output();
    if !output.is_ok_and(|output| output.status.success()) {
        let what = if probe.is_empty() { "a nightly toolchain" } else { "Miri" };
        let how = if probe.is_empty() { "toolchain install nightly" } else { "+nightly component add miri" };
        return Err(Unavailable::new(format!("{what} is not installed: rustup {how}")).into());
    }
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).current_dir(repository::root());
    // Those of the cargo that runs this program.
    command.env_remove("CARGO").env_remove("RUSTC").env_remove("RUSTDOC");
    Ok(command)
}

/// The triple of this machine.
fn host() -> Result<String> {
    let output = Command::new("rustc").args(["--print", "host-tuple"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Programs, and the tests of each, that run under valgrind: moving and freeing stacks, code and memories.
const VALGRIND: [(&str, &str, &[&str]); 2] = [
    ("rotifer", "api", &["suspend::", "stack::", "memories::", "tables::", "instances::"]),
    ("rotifer-spec-tests", "conformance", &["--metering", "both", "call_indirect", "table_init", "own/"]),
];

/// Runs a part of the tests under valgrind's memory checker, with both dispatchers.
pub(crate) fn valgrind() -> Result<()> {
    if !cross::has_program("valgrind") {
        return Err(Unavailable::new("valgrind is missing: apt-get install valgrind").into());
    }
    let variable = format!("CARGO_TARGET_{}_RUNNER", host()?.to_uppercase().replace('-', "_"));
    // Threads that wait are never freed; what is lost for good is an error.
    let runner = "valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
                  --errors-for-leak-kinds=definite --fair-sched=try";
    for (package, program, arguments) in VALGRIND {
        let mut command = repository::cargo();
        command.env(&variable, runner).args(["test", "--locked", "--package", package, "--test", program]);
        repository::run(command.arg("--").args(arguments))?;
    }
    Ok(())
}

/// Tests that Miri can run: no files, no clocks, and few enough steps.
const MIRI_API: [&str; 6] = ["globals::", "instances::", "memories::", "suspend::", "tables::", "values::"];

/// Runs the loop dispatcher under Miri.
pub(crate) fn miri() -> Result<()> {
    let library = ["--lib".to_owned()];
    let api = ["--test", "api", "--"].into_iter().chain(MIRI_API).map(str::to_owned).collect::<Vec<_>>();
    for selection in [&library[..], &api] {
        let mut command = nightly(&["miri"])?;
        // References to functions are numbers in slots, so their addresses are exposed; see docs/INVARIANTS.md.
        command.env("MIRIFLAGS", "-Zmiri-permissive-provenance -Zmiri-disable-isolation");
        command.args(["miri", "test", "--locked", "--target-dir", "target/miri"]);
        for package in repository::LIBRARIES {
            command.args(["--package", package]);
        }
        repository::run(command.args(selection))?;
    }
    Ok(())
}

/// Looks for races: the model checker, then threads that translate, run, interrupt and resume.
pub(crate) fn race() -> Result<()> {
    interleavings()?;
    let mut command = repository::cargo();
    command.args(["test", "--locked", "--package", "rotifer", "--test", "api"]);
    repository::run(command.args(["--", "--include-ignored", "threads::"]))
}

/// Lazy translation under every interleaving of a few threads, by loom, which needs a build of its own.
pub(crate) fn interleavings() -> Result<()> {
    let mut command = repository::cargo();
    command.args(["test", "--release", "--locked", "--package", "rotifer-executor", "--test", "loom"]);
    command.arg("--target-dir").arg(PathBuf::from("target/loom")).env("RUSTFLAGS", "--cfg loom");
    repository::run(&mut command)
}
