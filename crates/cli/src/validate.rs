//! `rotifer validate`: whether modules are valid.

use crate::{
    colors::Colors,
    exit::{Exit, Report},
    failure::Failure,
    format::{self, Format, FormatOption},
    module_file,
    options::EngineOptions,
    progress,
};
use anyhow::Result;
use rotifer::{Engine, Module};
use serde::Serialize;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Validates modules, function bodies included.
///
/// Prints one line for each file: `valid`, or what is wrong and at which byte of the module.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Modules, binary or text; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Only the exit code tells.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    format: FormatOption,
}

/// What is said of a file.
#[derive(Serialize)]
struct Verdict {
    file: String,
    valid: bool,
    error: Option<Failure>,
}

/// All verdicts.
#[derive(Serialize)]
struct Verdicts {
    files: Vec<Verdict>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    let engine = args.engine.engine()?;
    let colors = Colors::of(&io::stdout());
    let bar = progress::bar(args.files.len());
    let mut exit = Exit::Success;
    let mut verdicts = Verdicts { files: Vec::new() };
    for path in &args.files {
        let file = path.display().to_string();
        bar.set_message(file.clone());
        let error = validate(&engine, path).err();
        if error.is_some() {
            exit = Exit::Failure;
        }
        if !args.quiet && args.format.format == Format::Text {
            let verdict = match &error {
                None => colors.good("valid"),
                Some(error) => colors.bad(Report::new(error)),
            };
            bar.suspend(|| writeln!(output, "{file}: {verdict}"))?;
        }
        let error = error.as_ref().map(Failure::of_any);
        verdicts.files.push(Verdict { file, valid: error.is_none(), error });
        bar.inc(1);
    }
    bar.finish_and_clear();
    if !args.quiet && args.format.format == Format::Json {
        format::write_json(&verdicts, output)?;
    }
    Ok(exit)
}

fn validate(engine: &Engine, path: &Path) -> Result<()> {
    let wasm = module_file::read(path)?;
    Ok(Module::validate(engine, &wasm)?)
}
