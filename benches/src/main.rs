//! `rotifer-bench`: Rotifer and its rivals on the same modules, in turns, in one process, on one core.
//!
//! Run it with `cargo xtask bench SET`. How it measures is said in [`measure`], what it measures in
//! [`sets`], the rivals are in [`engines`].

mod engine;
mod engines;
mod kernels;
mod measure;
mod module;
mod pin;
mod report;
mod sets;
mod statistics;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use measure::Effort;
use module::Module;
use report::Report;
use sets::{Outside, SETS, Set};
use std::{
    fs,
    io::{IsTerminal, Write},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

/// Measures Rotifer against its rivals.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// What to measure: execution, fuel, startup, calls or all.
    set: String,
    /// A folder with further modules (*.wasm); may be repeated.
    #[arg(long, value_name = "DIR")]
    dir: Vec<PathBuf>,
    /// Leave our own modules out; only those of --dir are measured.
    #[arg(long)]
    only_dir: bool,
    /// Only cases whose name contains TEXT; may be repeated.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Only engines whose name begins with NAME; may be repeated.
    #[arg(long, value_name = "NAME")]
    engine: Vec<String>,
    /// Samples per case and engine; 0 only checks results.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// What one sample should take, in milliseconds.
    #[arg(long, default_value_t = 50, value_name = "MS")]
    sample: u64,
    /// The core to run on; the last one if not given.
    #[arg(long)]
    core: Option<usize>,
    /// Write the results to FILE as JSON: one document, or an array of them for `all`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let sets: Vec<&'static Set> =
        SETS.iter().filter(|set| arguments.set == "all" || arguments.set == set.name).collect();
    if sets.is_empty() {
        let names: Vec<_> = SETS.iter().map(|set| set.name).collect();
        bail!("no set is called {}; there are {} and all", arguments.set, names.join(", "));
    }
    let outside = outside_modules(&arguments.dir)?;
    let core = pin::pin(arguments.core)?;
    println!("{} rounds of {} ms per case and engine, on core {core}", arguments.rounds, arguments.sample);
    let mut documents = Vec::new();
    let mut wrong = false;
    for set in sets {
        let report = run(set, &arguments, &outside)?;
        report.print();
        wrong |= report.failures().any(|(_, _, reason)| reason.starts_with("WRONG"));
        documents.push(report.document());
    }
    if let Some(path) = &arguments.json {
        let json = match documents.as_slice() {
            [document] if arguments.set != "all" => serde_json::to_string_pretty(document)?,
            documents => serde_json::to_string_pretty(documents)?,
        };
        fs::write(path, json + "\n").with_context(|| format!("cannot write {}", path.display()))?;
    }
    ensure!(!wrong, "an engine gave a wrong result");
    Ok(())
}

/// Reads every module in `folders`, each folder in alphabetical order.
fn outside_modules(folders: &[PathBuf]) -> Result<Vec<Outside>> {
    let mut found = Vec::new();
    for folder in folders {
        let entries = folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
        paths.sort();
        ensure!(!paths.is_empty(), "no modules in {}", folder.display());
        for path in paths {
            let module = Rc::new(Module::read(&path)?);
            found.push(Outside { folder: folder.clone(), module });
        }
    }
    Ok(found)
}

/// Measures one set, with progress on standard error.
fn run(set: &'static Set, arguments: &Arguments, outside: &[Outside]) -> Result<Report> {
    let chosen = |name: &str, wanted: &[String], matches: fn(&str, &str) -> bool| {
        wanted.is_empty() || wanted.iter().any(|text| matches(name, text))
    };
    let mut engines = (set.engines)();
    engines.retain(|engine| chosen(engine.name(), &arguments.engine, |name, text| name.starts_with(text)));
    ensure!(!engines.is_empty(), "no engine is left of the set {}", set.name);
    let mut cases = if arguments.only_dir { Vec::new() } else { (set.own)()? };
    for outside in outside {
        cases.extend((set.outside)(outside)?);
    }
    cases.retain(|case| chosen(case.name(), &arguments.filter, |name, text| name.contains(text)));
    ensure!(!cases.is_empty(), "no case is left of the set {}", set.name);
    let effort = Effort { rounds: arguments.rounds, sample: Duration::from_millis(arguments.sample) };
    let count = cases.len();
    let mut results = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        progress(&format!("{} {}/{count} {}", set.name, i + 1, case.name()))?;
        results.push((case.name().to_owned(), measure::measure(case.as_ref(), &engines, effort)));
    }
    progress("")?;
    Ok(Report::new(set, engines.iter().map(|engine| engine.name().to_owned()).collect(), results))
}

/// Shows `text` on the line of standard error that progress has for itself, if a person is watching.
fn progress(text: &str) -> Result<()> {
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        write!(stderr, "\r\x1b[K{text}")?;
        stderr.flush()?;
    }
    Ok(())
}
