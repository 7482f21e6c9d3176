//! `rotifer validate`: whether modules are valid.

use crate::{
    exit::{Exit, Report},
    module_file,
    options::EngineOptions,
};
use anyhow::Result;
use rotifer::{Engine, Module};
use std::{
    io::Write,
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
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    let engine = args.engine.engine()?;
    let mut exit = Exit::Success;
    for path in &args.files {
        let verdict = match validate(&engine, path) {
            Ok(()) => "valid".to_owned(),
            Err(error) => {
                exit = Exit::Failure;
                Report(&error).to_string()
            }
        };
        if !args.quiet {
            writeln!(output, "{}: {verdict}", path.display())?;
        }
    }
    Ok(exit)
}

fn validate(engine: &Engine, path: &Path) -> Result<()> {
    let wasm = module_file::read(path)?;
    Ok(Module::validate(engine, &wasm)?)
}
