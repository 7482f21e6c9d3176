//! `rotifer wast`: runs test scripts.

use crate::{
    exit::Exit,
    options::{EngineOptions, ModeOption},
};
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rotifer_wast::{Runner, RunnerConfig};
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
    let bar = progress_bar(scripts.len());
    let (mut passed, mut not_applicable, mut failed, mut failed_scripts) = (0, 0, 0, 0);
    for path in &scripts {
        bar.set_message(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let outcome = runner.run_script(&text);
        passed += outcome.passed;
        not_applicable += outcome.not_applicable;
        failed += outcome.failures.len();
        failed_scripts += usize::from(!outcome.is_ok());
        if !args.quiet {
            bar.suspend(|| {
                outcome
                    .failures
                    .iter()
                    .try_for_each(|failure| writeln!(output, "{}:{failure}", path.display()))
            })?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let not_applicable = match not_applicable {
        0 => String::new(),
        count => format!(", {count} not applicable to the mode"),
    };
    writeln!(
        output,
        "{} scripts, {failed_scripts} with failures; directives: {passed} passed, {failed} failed{not_applicable}",
        scripts.len()
    )?;
    Ok(if failed == 0 { Exit::Success } else { Exit::Failure })
}

/// On a terminal only, and on standard error: the output can be redirected.
fn progress_bar(len: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::stderr());
    // Written by us: it parses.
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
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
