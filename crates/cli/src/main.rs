//! `rotifer`, the command line of the Rotifer WebAssembly interpreter.
//!
//! Each command is a module with its arguments and a function `run`, which writes what was asked for to standard
//! output and returns how the process ends. Everything else goes to standard error. [`exit`] owns the exit codes;
//! docs/CLI.md is the manual.

mod bytecode;
mod colors;
mod completions;
mod exit;
mod failure;
mod features;
mod format;
mod inspect;
mod man;
mod module_file;
mod options;
mod progress;
mod quantity;
mod run;
mod scripts;
mod validate;
mod values;

use clap::{CommandFactory, Parser, Subcommand};
use rotifer::Dispatch;
use std::{
    io::{self, Write},
    process::ExitCode,
    sync::LazyLock,
};

/// Runs WebAssembly.
#[derive(Parser)]
#[command(name = "rotifer", version = VERSION.as_str(), after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Snapshot(Box<run::snapshot::Args>),
    Wast(scripts::Args),
    Validate(validate::Args),
    Inspect(inspect::Args),
    Bytecode(bytecode::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Version and dispatchers.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let info = rotifer::build_info();
    let mut text = info.version.to_owned();
    for (place, dispatch) in info.dispatchers.iter().enumerate() {
        text.push_str(if place == 0 { "\ndispatch: " } else { ", " });
        text.push_str(dispatch.name());
        if *dispatch == Dispatch::default() {
            text.push_str(" (default)");
        }
    }
    if info.debug_assertions {
        text.push_str("\ndebug assertions: on (loading and running are slow)");
    }
    text
});

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut output = io::stdout().lock();
    let outcome = match &cli.command {
        Command::Run(args) => run::run(args, &mut output),
        Command::Snapshot(args) => run::snapshot::run(args),
        Command::Wast(args) => scripts::run(args, &mut output),
        Command::Validate(args) => validate::run(args, &mut output),
        Command::Inspect(args) => inspect::run(args, &mut output),
        Command::Bytecode(args) => bytecode::run(args, &mut output),
        Command::Completions(args) => completions::run(args, Cli::command(), &mut output),
        Command::Man(args) => man::run(args, Cli::command(), &mut output),
    };
    let outcome = outcome.and_then(|exit| {
        output.flush()?;
        Ok(exit)
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => exit::report(&error).into(),
    }
}
