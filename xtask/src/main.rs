//! The repository's own commands: `cargo xtask COMMAND`.
//!
//! What a developer or the continuous integration runs besides plain cargo lives here, in Rust, so that it
//! is the same everywhere and is read and tested like the rest.

mod bench;
mod charts;
mod checkers;
mod ci;
mod codegen;
mod coverage;
mod cross;
mod forms;
mod guests;
mod kernels;
mod machines;
mod repository;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

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
    /// Compiles engines to WebAssembly and runs all kernels in them, inside Rotifer.
    Inside(guests::Options),
    /// Draws results of the benchmark as SVG charts.
    Charts(charts::Options),
    /// Measures which lines of validator and translator the tests reach.
    Coverage(coverage::Options),
    /// Rebuilds the benchmark's kernels (benches/kernels/wasm) from their sources.
    Kernels(kernels::Options),
    /// Runs cargo for another machine, under an emulator where that is needed.
    Cross(cross::Options),
    /// Tests the library on other machines.
    Machines(machines::Options),
    /// Tests the library under a sanitizer.
    Sanitize(checkers::SanitizeOptions),
    /// Runs a part of the tests under valgrind.
    Valgrind,
    /// Runs a part of the tests under Miri.
    Miri,
    /// Looks for races.
    Race,
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

fn main() -> Result<ExitCode> {
    if let Some(code) = coverage::wrapped_rustc() {
        return Ok(code);
    }
    match Arguments::parse().command {
        Command::Bench(options) => bench::run(&options),
        Command::Inside(options) => guests::run(&options),
        Command::Charts(options) => charts::run(&options),
        Command::Coverage(options) => coverage::run(&options),
        Command::Kernels(options) => kernels::run(&options),
        Command::Cross(options) => cross::run(&options),
        Command::Machines(options) => machines::run(&options),
        Command::Sanitize(options) => checkers::sanitize(&options),
        Command::Valgrind => checkers::valgrind(),
        Command::Miri => checkers::miri(),
        Command::Race => checkers::race(),
        Command::Codegen(options) => codegen::run(&options),
        Command::OpCoverage => forms::cover(),
        Command::Torture(options) => forms::torture(&options),
        Command::Tidy => tidy::run(),
        Command::Ci(options) => ci::run(&options),
    }?;
    Ok(ExitCode::SUCCESS)
}
