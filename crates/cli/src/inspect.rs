//! `rotifer inspect`: what a module consists of and what it asks for.

mod anatomy;
mod proposals;
mod text;

use crate::{
    exit::Exit,
    failure::Failure,
    format::{self, Format, FormatOption},
    module_file,
    options::EngineOptions,
};
use anatomy::Anatomy;
use anyhow::Result;
use proposals::Proposals;
use rotifer::Module;
use serde::Serialize;
use std::{io::Write, path::PathBuf};

/// Shows what a module consists of: sections, imports, exports, memories, tables, and how much of everything.
///
/// Says also whether the module is valid and which proposals it uses. A module that is not valid is shown as far
/// as it can be read; then the exit code is 1.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The module, binary or text; `-` is standard input.
    file: PathBuf,
    #[command(flatten)]
    engine: EngineOptions,
    #[command(flatten)]
    format: FormatOption,
}

/// Everything that is known of a module.
#[derive(Serialize)]
struct Inspection {
    file: String,
    /// Bytes of the module in the binary format.
    size: u64,
    valid: bool,
    error: Option<Failure>,
    /// None if the module is not valid with any.
    proposals: Option<Proposals>,
    #[serde(flatten)]
    anatomy: Anatomy,
}

/// Runs the command.
pub(crate) fn run(args: &Args, output: &mut impl Write) -> Result<Exit> {
    let engine = args.engine.engine()?;
    let wasm = module_file::read(&args.file)?;
    let verdict = Module::validate(&engine, &wasm);
    let inspection = Inspection {
        file: args.file.display().to_string(),
        size: wasm.len() as u64,
        valid: verdict.is_ok(),
        error: verdict.err().map(|error| Failure::of(&error)),
        proposals: Proposals::of(&wasm),
        anatomy: Anatomy::read(&wasm),
    };
    match args.format.format {
        Format::Text => text::write(&inspection, output)?,
        Format::Json => format::write_json(&inspection, output)?,
    }
    Ok(if inspection.valid { Exit::Success } else { Exit::Failure })
}
