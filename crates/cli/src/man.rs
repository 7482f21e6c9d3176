//! `rotifer man`: manual pages, made of the same text as `--help`.

use crate::exit::Exit;
use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Writes the manual pages of all commands.
///
/// Into a folder go `rotifer.1`, `rotifer-run.1` and so on. With `-` all are printed, one behind the other.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder, which is made if there is none, or `-` for standard output.
    folder: PathBuf,
}

/// Runs the command.
pub(crate) fn run(args: &Args, program: Command, output: &mut impl Write) -> Result<Exit> {
    let pages = pages(program)?;
    if args.folder == Path::new("-") {
        for (_, page) in &pages {
            output.write_all(page)?;
        }
        return Ok(Exit::Success);
    }
    let context = |path: &Path| format!("cannot write {}", path.display());
    fs::create_dir_all(&args.folder).with_context(|| context(&args.folder))?;
    for (name, page) in &pages {
        let path = args.folder.join(name);
        fs::write(&path, page).with_context(|| context(&path))?;
    }
    Ok(Exit::Success)
}

/// File names and contents, of the program and of each command.
fn pages(program: Command) -> Result<Vec<(String, Vec<u8>)>> {
    // The headline of a page has room for a number, but not for the dispatchers.
    let mut program = program.version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
    // Completes the commands, as parsing would: usage, options that all have.
    program.build();
    let mut pages = Vec::new();
    for command in program.get_subcommands() {
        pages.push(page(command.clone())?);
    }
    pages.insert(0, page(program)?);
    Ok(pages)
}

fn page(command: Command) -> Result<(String, Vec<u8>)> {
    let man = Man::new(command).source(concat!("rotifer ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok((man.get_filename(), text))
}
