//! The repository's own commands: `cargo xtask COMMAND`.
//!
//! What a developer or the continuous integration runs besides plain cargo lives here, in Rust, so that it
//! is the same everywhere and is read and tested like the rest.

mod bench;
mod ci;
mod codegen;
mod forms;
mod kernels;
mod repository;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Commands of the Rotifer repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the benchmark with its rivals and runs it.
    Bench(bench::Options),
    /// Rebuilds the benchmark's kernels (benches/kernels/wasm) from their sources.
    Kernels(kernels::Options),
    /// Looks at the machine code of the handlers of a release build.
    Codegen(codegen::Options),
    /// Finds ops that no test executes.
    OpCoverage,
    /// Executes every op in every form ten million times on little native stack.
    Torture(forms::Torture),
    /// Checks the repository's rules; `cargo test` does so as well.
    Tidy,
    /// Runs everything continuous integration runs.
    Ci(ci::Options),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Kernels(options) => kernels::run(&options),
        Command::Codegen(options) => codegen::run(&options),
        Command::OpCoverage => forms::cover(),
        Command::Torture(options) => forms::torture(&options),
        Command::Tidy => tidy::run(),
        Command::Ci(options) => ci::run(&options),
    }
}
