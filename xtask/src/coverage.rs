//! `cargo xtask coverage`: which lines of the validator and the translator no test reaches.
//!
//! Both are measured by their own tests, by those of the public API, and by the conformance suite. The build is one
//! of its own, in `target/coverage`: this program wraps rustc there and has the workspace's crates instrumented,
//! except those that are in [`UNTOUCHED`]. Profiles are read by LLVM's own tools, of the version that rustc has.
//!
//! Functions that are generic over the walk's client are compiled in the crates that call them, so these are
//! instrumented, too; a line counts as reached if any of the copies was.

use crate::repository;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

/// What is measured: folders of sources.
const MEASURED: [&str; 2] = ["crates/validator/src", "crates/translator/src"];

/// Whose tests are run.
const PACKAGES: [&str; 4] = ["rotifer-validator", "rotifer-translator", "rotifer", "rotifer-spec-tests"];

/// Crates that are compiled as ever: handlers that count are no sibling calls, and the tests want both dispatchers.
const UNTOUCHED: [&str; 4] = ["build_script_build", "rotifer_core", "rotifer_bytecode", "rotifer_executor"];

/// Set for the processes in which this program stands in front of rustc.
const WRAPPER: &str = "ROTIFER_COVERAGE_WRAPPER";

/// What to report.
#[derive(Args)]
pub(crate) struct Options {
    /// Fails if a crate has fewer lines reached than PERCENT.
    #[arg(long, value_name = "PERCENT")]
    min: Option<f64>,
}

/// Runs rustc, if this process is to stand in front of it.
pub(crate) fn wrapped_rustc() -> Option<ExitCode> {
    env::var_os(WRAPPER)?;
    let mut arguments = env::args_os().skip(1);
    let mut command = Command::new(arguments.next()?);
    let arguments: Vec<OsString> = arguments.collect();
    let name = arguments.windows(2).find(|pair| pair[0] == "--crate-name").map(|pair| &pair[1]);
    if name.is_some_and(|name| !UNTOUCHED.iter().any(|untouched| name == untouched)) {
        command.arg("-Cinstrument-coverage");
    }
    let status = command.args(&arguments).status();
    Some(if status.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures and reports.
pub(crate) fn run(options: &Options) -> Result<()> {
    let tools = Tools::find()?;
    let target = repository::root().join("target/coverage");
    let profiles = target.join("profiles");
    if profiles.exists() {
        fs::remove_dir_all(&profiles).context("cannot remove old profiles")?;
    }
    let binaries = build(&target)?;
    let mut tests = cargo_test(&target)?;
    // Processes of one binary share a few files, which they merge into.
    tests.arg("--no-fail-fast").env("LLVM_PROFILE_FILE", profiles.join("%4m.profraw"));
    // A test that fails is told at the end; it has reached lines all the same.
    let tested = repository::run(&mut tests);
    let files = tools.reached(&profiles, &binaries)?;
    let mut low = Vec::new();
    for folder in MEASURED {
        let percent = report(&repository::root().join(folder), &files)?;
        if options.min.is_some_and(|min| percent < min) {
            low.push(format!("{folder}: {percent:.2} %"));
        }
    }
    tested?;
    ensure!(low.is_empty(), "fewer lines are reached than there must be: {}", low.join(", "));
    Ok(())
}

/// `cargo test` of the packages, with this program in front of rustc.
fn cargo_test(target: &Path) -> Result<Command> {
    let mut command = repository::cargo();
    command.args(["test", "--locked", "--tests"]).arg("--target-dir").arg(target);
    for package in PACKAGES {
        command.args(["--package", package]);
    }
    let this = env::current_exe().context("where is this program?")?;
    command.env("RUSTC_WORKSPACE_WRAPPER", this).env(WRAPPER, "1");
    Ok(command)
}

/// Builds the tests. Returns their programs.
fn build(target: &Path) -> Result<Vec<PathBuf>> {
    let mut command = cargo_test(target)?;
    command.args(["--no-run", "--message-format", "json-render-diagnostics"]).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", output.status);
    let mut binaries = Vec::new();
    for line in String::from_utf8(output.stdout)?.lines() {
        let message: serde_json::Value = serde_json::from_str(line).context("cargo's messages are JSON")?;
        if let Some(path) = message["executable"].as_str() {
            binaries.push(PathBuf::from(path));
        }
    }
    Ok(binaries)
}

/// LLVM's tools.
struct Tools {
    profdata: OsString,
    cov: OsString,
}

impl Tools {
    /// The tools that the environment names (`LLVM_PROFDATA`, `LLVM_COV`), those of rustup's component `llvm-tools`,
    /// or those of a Debian package.
    fn find() -> Result<Self> {
        let (version, libraries) = rustc()?;
        let tool = |name: &str, variable: &str| {
            let named = env::var_os(variable);
            let component = libraries.join("bin").join(name).into_os_string();
            let candidates = [component, format!("{name}-{version}").into(), name.into()];
            let found = named.into_iter().chain(candidates).find(|tool| major_version(tool) == Some(version));
            found.with_context(|| {
                format!(
                    "there is no {name} of LLVM {version}, which rustc has: install rustup's component llvm-tools, \
                     or a package (Debian: apt-get install --no-install-recommends llvm-{version}), or name one in \
                     {variable}"
                )
            })
        };
        Ok(Self { profdata: tool("llvm-profdata", "LLVM_PROFDATA")?, cov: tool("llvm-cov", "LLVM_COV")? })
    }

    /// How often each line of the measured files was reached.
    fn reached(&self, profiles: &Path, binaries: &[PathBuf]) -> Result<Files> {
        let merged = profiles.with_file_name("merged.profdata");
        let mut merge = Command::new(&self.profdata);
        merge.args(["merge", "--sparse", "-o"]).arg(&merged);
        merge.args(repository::files(profiles, "profraw")?);
        repository::run(&mut merge)?;
        let mut export = Command::new(&self.cov);
        export.args(["export", "--format=lcov", "--instr-profile"]).arg(&merged);
        let (first, others) = binaries.split_first().context("there are no tests")?;
        export.arg(first);
        for binary in others {
            export.arg("--object").arg(binary);
        }
        export.args(MEASURED.map(|folder| repository::root().join(folder)));
        let output = export.stderr(Stdio::inherit()).output().context("cannot run llvm-cov")?;
        ensure!(output.status.success(), "{export:?} failed: {}", output.status);
        parse(&String::from_utf8(output.stdout)?)
    }
}

/// The major version of rustc's LLVM, and where rustup keeps tools for it.
fn rustc() -> Result<(u32, PathBuf)> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let print = |arguments: &[&str]| -> Result<String> {
        let output = Command::new(&rustc).args(arguments).output().context("cannot run rustc")?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let verbose = print(&["-vV"])?;
    let version = verbose.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let version = version.and_then(|version| version.split('.').next()).and_then(|major| major.parse().ok());
    let libraries = PathBuf::from(print(&["--print", "target-libdir"])?);
    Ok((version.context("rustc does not tell its LLVM version")?, libraries.with_file_name("")))
}

/// The major version that a tool of LLVM's says it has, if it is there.
fn major_version(tool: &OsString) -> Option<u32> {
    let output = Command::new(tool).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, version) = text.split_once("LLVM version ")?;
    version.split('.').next()?.parse().ok()
}

/// By file, how often each line with code was reached.
type Files = BTreeMap<PathBuf, BTreeMap<usize, u64>>;

/// Reads the tracefile format of lcov as far as it is about lines.
fn parse(text: &str) -> Result<Files> {
    let mut files = Files::new();
    let mut file = None;
    for line in text.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            file = Some(files.entry(PathBuf::from(path)).or_default());
        } else if let Some(data) = line.strip_prefix("DA:") {
            let numbers = data.split(',').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>();
            let (Ok([number, count, ..]), Some(lines)) = (numbers.as_deref(), file.as_mut()) else {
                bail!("not a line of a tracefile: {line}");
            };
            *lines.entry(*number as usize).or_default() += *count;
        }
    }
    Ok(files)
}

/// Prints a table of a folder's files. Returns how many of a hundred lines are reached.
fn report(folder: &Path, files: &Files) -> Result<f64> {
    let (mut all, mut reached) = (0, 0);
    println!("\n{:40} {:>6} {:>8} {:>8}  unreached lines", "file", "lines", "reached", "percent");
    let row = |name: &str, reached: usize, all: usize, rest: &str| {
        let percent = 100.0 * reached as f64 / all.max(1) as f64;
        println!("{name:40} {all:6} {reached:8} {percent:8.2}  {rest}");
        percent
    };
    for (path, counts) in files.iter().filter(|(path, _)| path.starts_with(folder)) {
        let source = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let counts = counts.iter().filter(|&(&line, _)| line < tests_start(&source));
        let (hit, missed): (Vec<_>, Vec<_>) = counts.partition(|&(_, &count)| count > 0);
        let missed: Vec<usize> = missed.into_iter().map(|(&line, _)| line).collect();
        let lines = hit.len() + missed.len();
        row(&repository::relative(path), hit.len(), lines, &ranges(&missed));
        (all, reached) = (all + lines, reached + hit.len());
    }
    ensure!(all > 0, "nothing of {} was measured", folder.display());
    Ok(row(&repository::relative(folder), reached, all, ""))
}

/// The number of the line where a file's unit tests begin, which reach themselves; they are its end.
fn tests_start(source: &str) -> usize {
    source.lines().position(|line| line == "#[cfg(test)]").map_or(usize::MAX, |index| index + 1)
}

/// Numbers in order, as `1-3, 7`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let text = |run: &[usize]| match run {
        [first, .., last] => format!("{first}-{last}"),
        _ => run[0].to_string(),
    };
    runs.map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracefiles_are_read_by_line() {
        let text = "SF:/a.rs\nFN:1,f\nDA:3,0\nDA:4,7\nLF:2\nend_of_record\nSF:/b.rs\nDA:1,1\nend_of_record\n";
        let files = parse(text).unwrap();
        assert_eq!(files[Path::new("/a.rs")], BTreeMap::from([(3, 0), (4, 7)]));
        assert_eq!(files[Path::new("/b.rs")], BTreeMap::from([(1, 1)]));
        assert!(parse("DA:1,1").is_err());
        assert!(parse("SF:/a.rs\nDA:x").is_err());
    }

    #[test]
    fn lines_are_listed_as_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[5]), "5");
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
    }

    #[test]
    fn unit_tests_are_not_counted() {
        assert_eq!(tests_start("fn f() {}\n\n#[cfg(test)]\nmod tests {}\n"), 3);
        assert_eq!(tests_start("fn f() {}\n"), usize::MAX);
    }
}
