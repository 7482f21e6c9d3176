//! `rotifer-bench`: Rotifer and its rivals on the same modules, in turns, in one process, on one core.
//!
//! Run it with `cargo xtask bench SET`. How it measures is said in [`measure`], what it measures in
//! [`sets`], the rivals are in [`engines`].

mod engine;
mod engines;
mod kernels;
mod machine;
mod measure;
mod module;
mod pin;
mod report;
mod sets;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use engine::Engine;
use measure::Effort;
use module::Module;
use report::{Circumstances, Measured, Report};
use rotifer_results::{Document, readme};
use sets::{Kind, Outside, SETS, Set, memory};
use std::{
    env, fs,
    io::{IsTerminal, Write},
    path::PathBuf,
    rc::Rc,
    time::Duration,
};

/// Measures Rotifer against its rivals.
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Arguments {
    /// What to measure: execution, fuel, startup, first-call, validation, calls, instantiate, history, history-memory, memory, inside, itself, or all; or readme, which measures what
    /// the tables of the README need and prints them as Markdown.
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
    /// Fail if an engine cannot run a case, not only if it gives a wrong result.
    #[arg(long)]
    strict: bool,
    /// The core to run on; the last one if not given.
    #[arg(long)]
    core: Option<usize>,
    /// Write the results to FILE as JSON: one document, or an array of them for `all` and `readme`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// With `readme`: measure nothing, print the tables of what --json wrote; may be repeated.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
}

/// The word that stands for the sets of the README.
const README: &str = "readme";

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).take(2).collect();
    if let [word, engine] = words.as_slice()
        && word == memory::PROBE
    {
        return memory::run_probe(engine);
    }
    let arguments = Arguments::parse();
    if !arguments.from.is_empty() {
        ensure!(arguments.set == README, "--from goes with {README} alone");
        let documents: Vec<_> =
            arguments.from.iter().map(|path| rotifer_results::read(path)).collect::<Result<_>>()?;
        print!("{}", readme::tables(&documents.concat()));
        return Ok(());
    }
    measure_sets(&arguments)
}

/// The sets that the command line asks for.
fn chosen_sets(wanted: &str) -> Result<Vec<&'static Set>> {
    let is_chosen = |name: &str| match wanted {
        "all" => true,
        README => readme::sets().contains(&name),
        wanted => wanted == name,
    };
    let sets: Vec<_> = SETS.iter().filter(|set| is_chosen(set.name)).collect();
    if sets.is_empty() {
        let names: Vec<_> = SETS.iter().map(|set| set.name).collect();
        bail!("no set is called {wanted}; there are {}, all and {README}", names.join(", "));
    }
    Ok(sets)
}

fn measure_sets(arguments: &Arguments) -> Result<()> {
    let sets = chosen_sets(&arguments.set)?;
    let outside = outside_modules(&arguments.dir)?;
    // Before the process is pinned, after which it has one core.
    let machine = machine::describe();
    let core = pin::pin(arguments.core)?;
    let circumstances = Circumstances { date: machine::today(), machine, rounds: arguments.rounds };
    eprintln!(
        "{}; {} rounds of {} ms per case and engine, on core {core}",
        circumstances.machine, arguments.rounds, arguments.sample
    );
    for rival in engines::LEFT_OUT {
        eprintln!("left out of this build: {rival}");
    }
    let mut documents = Vec::new();
    let mut wrong = false;
    for set in sets {
        let mut engines = (set.engines)()?;
        let is_wanted = |name: &str| chosen(name, &arguments.engine, |name, text| name.starts_with(text));
        engines.retain(|engine| is_wanted(engine.name()));
        if engines.is_empty() && arguments.set != set.name {
            eprintln!("left out: the set {}, of which this run has no engine", set.name);
            continue;
        }
        ensure!(!engines.is_empty(), "no engine is left of the set {}", set.name);
        let report = run(set, &engines, arguments, &outside)?;
        if arguments.set == README {
            report.print_failures(&mut std::io::stderr())?;
        } else {
            report.print()?;
        }
        wrong |= report.failures().any(|(_, _, reason)| arguments.strict || reason.starts_with("WRONG"));
        documents.push(report.document(&circumstances));
        // After every set, so that a run that is broken off leaves something.
        write_json(arguments, &documents)?;
    }
    if arguments.set == README {
        print!("{}", readme::tables(&documents));
    }
    ensure!(!wrong, "an engine gave a wrong result, or with --strict none");
    Ok(())
}

fn write_json(arguments: &Arguments, documents: &[Document]) -> Result<()> {
    let Some(path) = &arguments.json else { return Ok(()) };
    let json = match documents {
        [document] if arguments.set == document.set => serde_json::to_string_pretty(document)?,
        documents => serde_json::to_string_pretty(documents)?,
    };
    fs::write(path, json + "\n").with_context(|| format!("cannot write {}", path.display()))
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

/// Whether one of `wanted` matches `name`, or nothing in particular is wanted.
fn chosen(name: &str, wanted: &[String], matches: fn(&str, &str) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(|text| matches(name, text))
}

/// Measures one set, with progress on standard error.
fn run(
    set: &'static Set,
    engines: &[Box<dyn Engine>],
    arguments: &Arguments,
    outside: &[Outside],
) -> Result<Report> {
    let results = match &set.kind {
        Kind::Time { own, outside: of_outside } => {
            let mut cases = if arguments.only_dir { Vec::new() } else { own()? };
            for outside in outside {
                cases.extend(of_outside(outside)?);
            }
            cases.retain(|case| chosen(case.name(), &arguments.filter, |name, text| name.contains(text)));
            let effort = Effort { rounds: arguments.rounds, sample: Duration::from_millis(arguments.sample) };
            let count = cases.len();
            let mut results = Vec::new();
            for (i, case) in cases.iter().enumerate() {
                progress(&format!("{} {}/{count} {}", set.name, i + 1, case.name()))?;
                let outcomes = measure::measure(case.as_ref(), engines, effort);
                results.push(Measured { name: case.name().to_owned(), size: case.size(), outcomes });
            }
            results
        }
        Kind::Count { count } => {
            let mut results = if arguments.only_dir { Vec::new() } else { count(engines)? };
            results.retain(|case| chosen(&case.name, &arguments.filter, |name, text| name.contains(text)));
            results
        }
        Kind::Memory { own } => {
            let own = if arguments.only_dir { Vec::new() } else { own()? };
            let mut modules = memory::modules(own, outside);
            modules
                .retain(|module| chosen(&module.name, &arguments.filter, |name, text| name.contains(text)));
            let mut results = Vec::new();
            for (i, module) in modules.iter().enumerate() {
                progress(&format!("{} {}/{} {}", set.name, i + 1, modules.len(), module.name))?;
                results.extend(memory::measure(module, engines, arguments.rounds));
            }
            results
        }
    };
    progress("")?;
    ensure!(!results.is_empty(), "no case is left of the set {}", set.name);
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
