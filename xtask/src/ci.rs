//! `cargo xtask ci`: what continuous integration runs, the same here as there.
//!
//! Every step runs even if one before it failed, so that one run shows everything that is wrong; the end
//! lists the steps with their times and repeats what `cargo test` counted.
//!
//! Steps that build in folders of their own run beside the others: much of a build is one crate or one link on one
//! core. What they print comes at the end.

use crate::{checkers, codegen, cross, forms, guests, machines, repository};
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The crates that must build without an operating system, the top one: it contains the others.
const NO_STD_PACKAGE: &str = "rotifer";

/// A target that has no `std`.
const TARGET_WITHOUT_STD: &str = "wasm32v1-none";

/// The benchmark, a workspace of its own.
const BENCHES_MANIFEST: &str = "benches/Cargo.toml";

/// The kernels' sources, another one.
const KERNELS_MANIFEST: &str = "benches/kernels/Cargo.toml";

/// The engines that are compiled to WebAssembly, a third.
const GUEST_MANIFEST: &str = "benches/guest/Cargo.toml";

/// The fuzzers, a fourth.
const FUZZ_MANIFEST: &str = "fuzz/Cargo.toml";

/// The whole workspace of the benchmark, without the rivals, which only `cargo xtask bench` builds.
const WITHOUT_RIVALS: [&str; 4] = ["--workspace", "--no-default-features", "--features", "rotifer"];

/// The steps that run beside the others.
const BESIDE: [&str; 5] = ["interleavings", "machines", "inside", "benchmark", "fuzz"];

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Only steps whose name contains TEXT; may be repeated.
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// How long each fuzz target runs.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    fuzz_seconds: u32,
}

/// A step that ran.
struct Outcome {
    name: &'static str,
    time: Duration,
    result: Result<()>,
}

const FAILED: &str = "FAILED";

impl Outcome {
    /// What could not be had on this machine.
    fn skipped(&self) -> Option<&cross::Unavailable> {
        self.result.as_ref().err().and_then(cross::unavailable)
    }

    fn verdict(&self) -> &'static str {
        match &self.result {
            Ok(()) => "ok",
            Err(_) if self.skipped().is_some() => "partly",
            Err(_) => FAILED,
        }
    }
}

/// Runs all steps.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut tests = TestCounts::default();
    let mut outcomes = Vec::new();
    let all = options.only.is_empty();
    let beside = if all { Some(Beside::start(options)?) } else { None };
    let mut step = |name: &'static str, work: &mut dyn FnMut() -> Result<()>| {
        let is_wanted = if all {
            !BESIDE.contains(&name)
        } else {
            options.only.iter().any(|text| name.contains(text.as_str()))
        };
        if !is_wanted {
            return;
        }
        println!("\n== {name}");
        let start = Instant::now();
        let result = work();
        if let Err(error) = &result {
            println!("{error:#}");
        }
        outcomes.push(Outcome { name, time: start.elapsed(), result });
    };
    step("format", &mut format);
    step("clippy", &mut clippy);
    step("documentation", &mut document);
    step("no_std", &mut check_no_std);
    step("tests", &mut || test(&mut tests));
    step("determinism", &mut check_determinism);
    step("op coverage", &mut forms::cover);
    if codegen::HAS_RULES {
        step("codegen", &mut || codegen::run(&codegen::Options::default()));
    }
    step("interleavings", &mut checkers::interleavings);
    step("machines", &mut machines::continuous);
    step("inside", &mut || guests::run(&guests::Options::default()));
    step("benchmark", &mut check_benchmark);
    if repository::root().join(FUZZ_MANIFEST).exists() {
        step("fuzz", &mut || fuzz(options.fuzz_seconds));
    }
    let beside = beside.map_or(Ok(()), Beside::finish);
    summarise(&outcomes, &tests).and(beside)
}

/// The run of the steps that build elsewhere.
struct Beside {
    child: Child,
    output: PathBuf,
}

impl Beside {
    fn start(options: &Options) -> Result<Self> {
        let folder = repository::root().join("target");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let output = folder.join("ci-beside.txt");
        let file = File::create(&output).with_context(|| format!("cannot write {}", output.display()))?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["ci", "--fuzz-seconds", &options.fuzz_seconds.to_string()]);
        command.args(BESIDE.iter().flat_map(|name| ["--only", name]));
        command.stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
        println!("beside: {}; see {}", BESIDE.join(", "), output.display());
        Ok(Self { child, output })
    }

    fn finish(mut self) -> Result<()> {
        let status = self.child.wait()?;
        print!("\n== beside\n{}", fs::read_to_string(&self.output)?);
        ensure!(status.success(), "steps beside the others failed");
        Ok(())
    }
}

fn summarise(outcomes: &[Outcome], tests: &TestCounts) -> Result<()> {
    println!("\n== summary");
    for line in &tests.lines {
        println!("{line}");
    }
    if !tests.lines.is_empty() {
        println!("cargo test: {} passed, {} failed, {} ignored", tests.passed, tests.failed, tests.ignored);
    }
    for outcome in outcomes {
        println!("{:13} {:6} {:4} s", outcome.name, outcome.verdict(), outcome.time.as_secs());
    }
    for outcome in outcomes {
        if let Some(reason) = outcome.skipped() {
            println!("skipped in {}: {reason}", outcome.name);
        }
    }
    let failed = outcomes.iter().filter(|outcome| outcome.verdict() == FAILED).count();
    ensure!(failed == 0, "{failed} steps failed");
    Ok(())
}

fn format() -> Result<()> {
    repository::run(repository::cargo().args(["fmt", "--all", "--check"]))?;
    let manifests = [BENCHES_MANIFEST, KERNELS_MANIFEST, GUEST_MANIFEST, FUZZ_MANIFEST];
    for manifest in manifests.into_iter().filter(|manifest| repository::root().join(manifest).exists()) {
        repository::run(repository::cargo().args(["fmt", "--all", "--check", "--manifest-path", manifest]))?;
    }
    Ok(())
}

/// The workspace, and the two that stand beside it; the rivals are left out.
fn clippy() -> Result<()> {
    let deny = ["--", "-D", "warnings"];
    let workspace = ["clippy", "--workspace", "--all-targets", "--locked"];
    repository::run(repository::cargo().args(workspace).args(deny))?;
    for manifest in [KERNELS_MANIFEST, BENCHES_MANIFEST] {
        let mut command = repository::cargo();
        command.args(["clippy", "--all-targets", "--locked", "--manifest-path", manifest]);
        if manifest == BENCHES_MANIFEST {
            command.args(WITHOUT_RIVALS);
        }
        repository::run(command.args(deny))?;
    }
    Ok(())
}

fn document() -> Result<()> {
    let arguments = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    repository::run(repository::cargo().args(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// The library needs no `std`: it builds without the feature, for a target that has none as well, and no crate
/// below it has its own `std` feature on. (That every library crate is `no_std` is a rule of `cargo xtask tidy`.)
fn check_no_std() -> Result<()> {
    let check = ["check", "--package", NO_STD_PACKAGE, "--no-default-features", "--locked"];
    repository::run(repository::cargo().args(check))?;
    let tree = ["tree", "--package", NO_STD_PACKAGE, "--no-default-features", "--locked"];
    let format = ["--edges", "normal", "--prefix", "none", "--format", "{p} features: {f}"];
    let output = repository::cargo().args(tree).args(format).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "cargo tree failed: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    for line in text.lines() {
        let features =
            line.split_once("features: ").map_or("", |(_, features)| features.trim_end_matches(" (*)"));
        ensure!(!features.split(',').any(|feature| feature == "std"), "`std` is on in {line}");
    }
    println!("for {TARGET_WITHOUT_STD}");
    repository::run(cross::cargo(TARGET_WITHOUT_STD)?.args(check))
}

/// The digests of docs/DETERMINISM.md in a release build; the ordinary tests compare those of a debug build.
fn check_determinism() -> Result<()> {
    let package = ["--package", "rotifer-spec-tests", "--test", "determinism"];
    let mut command = repository::cargo();
    command.args(["test", "--release", "--locked"]).args(package).envs(repository::QUICK_RELEASE);
    repository::run(&mut command)
}

/// What all test binaries counted.
#[derive(Default)]
struct TestCounts {
    lines: Vec<String>,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl TestCounts {
    /// Takes a line like `test result: ok. 4 passed; 0 failed; 1 ignored; ...`.
    fn add(&mut self, line: &str) {
        if !line.starts_with("test result: ") {
            return;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2) {
            let count = pair[0].parse().unwrap_or(0);
            match pair[1] {
                "passed;" => self.passed += count,
                "failed;" => self.failed += count,
                "ignored;" => self.ignored += count,
                _ => {}
            }
        }
        self.lines.push(line.to_owned());
    }
}

/// Runs the command of the README and keeps the closing lines, which would otherwise scroll away.
fn test(counts: &mut TestCounts) -> Result<()> {
    let mut command = repository::cargo();
    command.args(["test", "--workspace", "--locked"]).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    let stdout = child.stdout.take().context("no output to read")?;
    let mut own = std::io::stdout();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        counts.add(&line);
        writeln!(own, "{line}")?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "cargo test failed: {status}");
    Ok(())
}

/// The kernels compute what they say, the benchmark builds, and the kernels give the right results in
/// Rotifer; the rivals are left out. In the build that the step "inside" has made.
fn check_benchmark() -> Result<()> {
    let test = ["test", "--locked", "--manifest-path"];
    repository::run(repository::cargo().args(test).arg(KERNELS_MANIFEST))?;
    let mut command = repository::cargo();
    command.args(test).arg(BENCHES_MANIFEST).arg("--release").args(WITHOUT_RIVALS);
    repository::run(command.envs(repository::QUICK_RELEASE))
}

/// Replays what the fuzzers found once, then runs every oracle for a short while, by the seeded driver, which
/// needs no nightly compiler.
fn fuzz(seconds: u32) -> Result<()> {
    let script = repository::root().join("fuzz/smoke.sh");
    repository::run(Command::new("sh").arg(script).arg(seconds.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let mut counts = TestCounts::default();
        counts.add(
            "test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s",
        );
        counts.add("test a_test ... ok");
        counts.add(
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9s",
        );
        assert_eq!((counts.passed, counts.failed, counts.ignored), (6, 3, 1));
        assert_eq!(counts.lines.len(), 2);
    }
}
