//! `rotifer wast`: runs test scripts.

use crate::{
    exit::Exit,
    format::{self, Format, FormatOption},
    options::{EngineOptions, ModeOption},
    progress,
};
use anyhow::{Context, Result, bail};
use rotifer_wast::{Outcome, Runner, RunnerConfig};
use serde::Serialize;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Runs test scripts (.wast) and reports every directive that fails.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scripts, and folders to search for scripts.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// When functions are validated and translated. Here `unchecked` validates first: scripts contain modules that
    /// are not valid.
    #[arg(long, value_enum, default_value_t)]
    mode: ModeOption,
    #[command(flatten)]
    engine: EngineOptions,
    /// Prints no line for each failure, only the sums.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    format: FormatOption,
}

/// What came of all scripts.
#[derive(Serialize, Default)]
struct Summary {
    scripts: Vec<ScriptSummary>,
    failed_scripts: usize,
    passed: usize,
    failed: usize,
    not_applicable: usize,
}

/// What came of a script.
#[derive(Serialize)]
struct ScriptSummary {
    file: String,
    passed: usize,
    failed: usize,
    not_applicable: usize,
    failures: Vec<DirectiveFailure>,
}

/// A directive that did not do what it should.
#[derive(Serialize)]
struct DirectiveFailure {
    line: usize,
    column: usize,
    message: String,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    // An engine that cannot be built is an error here and a panic in the runner.
    args.engine.engine()?;
    let config = RunnerConfig::new()
        .features(args.engine.features())
        .dispatch(args.engine.dispatch())
        .mode(args.mode.into());
    let runner = Runner::new(config);
    let mut scripts = Vec::new();
    for path in &args.paths {
        find_scripts(path, &mut scripts)?;
    }
    if scripts.is_empty() {
        bail!("there are no scripts (.wast) in {}", list(&args.paths));
    }

    // Panics are failures with a place in the script; the standard report would tear the progress bar.
    std::panic::set_hook(Box::new(|_| ()));
    let bar = progress::bar(scripts.len());
    let mut summary = Summary::default();
    for path in &scripts {
        bar.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let outcome = runner.run_script(&text);
        if !args.quiet && args.format.format == Format::Text {
            bar.suspend(|| {
                outcome
                    .failures
                    .iter()
                    .try_for_each(|failure| writeln!(output, "{}:{failure}", path.display()))
            })?;
        }
        summary.add(path, outcome, args.quiet);
        bar.inc(1);
    }
    bar.finish_and_clear();
    match args.format.format {
        Format::Text => summary.write(output)?,
        Format::Json => format::write_json(&summary, output)?,
    }
    Ok(if summary.failed == 0 { Exit::Success } else { Exit::Failure })
}

impl Summary {
    fn add(&mut self, path: &Path, outcome: Outcome, quiet: bool) {
        let Outcome { passed, not_applicable, failures, .. } = outcome;
        let failed = failures.len();
        self.passed += passed;
        self.failed += failed;
        self.not_applicable += not_applicable;
        self.failed_scripts += usize::from(failed > 0);
        let failures = failures.into_iter().filter(|_| !quiet).map(|failure| DirectiveFailure {
            line: failure.line,
            column: failure.col,
            message: failure.message,
        });
        let (file, failures) = (path.display().to_string(), failures.collect());
        self.scripts.push(ScriptSummary { file, passed, failed, not_applicable, failures });
    }

    fn write(&self, output: &mut impl Write) -> Result<()> {
        let not_applicable = match self.not_applicable {
            0 => String::new(),
            count => format!(", {count} not applicable to the mode"),
        };
        writeln!(
            output,
            "{} scripts, {} with failures; directives: {} passed, {} failed{not_applicable}",
            self.scripts.len(),
            self.failed_scripts,
            self.passed,
            self.failed,
        )?;
        Ok(())
    }
}

/// A file is a script whatever its name; in folders those whose names end with `.wast` are.
fn find_scripts(path: &Path, scripts: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot read {}", path.display());
    if !fs::metadata(path).with_context(context)?.is_dir() {
        scripts.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(path).with_context(context)? {
        entries.push(entry.with_context(context)?.path());
    }
    entries.sort();
    for entry in entries {
        if entry.is_dir() || entry.extension().is_some_and(|extension| extension == "wast") {
            find_scripts(&entry, scripts)?;
        }
    }
    Ok(())
}

fn list(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    shown.join(", ")
}
