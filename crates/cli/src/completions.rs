//! `rotifer completions`: what shells need to complete this program's command lines.

use crate::exit::Exit;
use anyhow::Result;
use clap::Command;
use clap_complete::Shell;
use std::io::Write;

/// Prints the completions for a shell.
///
/// Where they go depends on the shell: for bash
/// `rotifer completions bash > ~/.local/share/bash-completion/completions/rotifer`, for zsh a file `_rotifer` in a
/// folder of `$fpath`, for fish `~/.config/fish/completions/rotifer.fish`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(crate) fn run(args: &Args, mut program: Command, output: &mut impl Write) -> Result<Exit> {
    let name = program.get_name().to_owned();
    // The generators panic if they cannot write; a string always can be written to.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut text);
    output.write_all(&text)?;
    Ok(Exit::Success)
}
