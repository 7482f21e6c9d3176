//! The memory set: what a module and its instances add to a process.
//!
//! Every engine and module has a process of its own (this program again, with [`PROBE`] as its first argument), so that
//! nothing is left over from others. The allocator of the C library is told to give freed memory back at once.
//! Counted is memory that is resident and not a file's (`smaps_rollup`): code of the engine that is paged in is not
//! counted, and of a WebAssembly memory only what was touched. For each module there are four cases:
//!
//! * `first`: what a process holds more with the engine, the first module and its first instance;
//! * `peak`: the most that it held at any time until then (within 128 KiB: how exactly the kernel keeps account);
//! * `module`: what each further copy of the module adds in the same engine, without instances;
//! * `instance`: what each further instance of the first module adds, in a store of its own.
//!
//! Where a module is only its bytes, or nothing, until it is instantiated (wasm3, silverfir), the instance is what
//! costs.

use super::{Kind, Outside, Set};
use crate::{
    engine::Engine,
    engines,
    kernels::{self, KERNELS},
    measure::Outcome,
    module::Module,
    report::Measured,
};
use anyhow::{Context, Result, ensure};
use rotifer_results::Unit;
use serde::{Deserialize, Serialize};
use std::{
    env, fs,
    io::{Read, Write},
    process::{Command, Stdio},
    rc::Rc,
    time::{Duration, Instant},
};

/// The set.
pub const SET: Set = Set {
    name: "memory",
    what: "resident bytes that a module and its instances add to a process",
    unit: Unit::Bytes,
    reference: "wasmi.eager",
    pairs: &[
        ("rotifer.eager", "wasmi.eager"),
        ("rotifer.checked", "wasmi.lazy-translation"),
        ("rotifer.partial", "wasmi.lazy"),
        ("rotifer.unchecked", "wasmi.unchecked"),
        ("rotifer.partial-shared", "wasmi.lazy"),
        ("rotifer.eager", "silverfir"),
        ("rotifer.eager", "wasm3.eager"),
        ("rotifer.partial", "wasm3.lazy"),
        ("rotifer.eager", "tinywasm"),
        ("rotifer.eager", "pulley"),
        ("rotifer.eager", "cranelift"),
    ],
    differences: &[],
    engines: || Ok(engines::for_memory()),
    throughput: false,
    kind: Kind::Memory { own },
};

/// The first argument of a process that measures itself; the second is the engine's name.
pub const PROBE: &str = "memory-probe";

/// More rounds than these tell nothing new: a process does the same each time.
const MAX_ROUNDS: usize = 3;

/// How many copies are made before any is counted, and how many are counted, unless either takes longer than
/// [`PATIENCE`].
const FILLERS: usize = 128;
const COPIES: usize = 256;
const PATIENCE: Duration = Duration::from_millis(100);

/// After that long no further process is asked.
const LONG: Duration = Duration::from_secs(3);

fn own() -> Result<Vec<Rc<Module>>> {
    let fib = KERNELS.iter().find(|kernel| kernel.name == "fib").context("no kernel is called fib")?;
    Ok(vec![Rc::new(fib.module()?), Rc::new(kernels::combined()?)])
}

/// What a process found out about itself, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Footprint {
    first: f64,
    peak: f64,
    module: f64,
    instance: f64,
}

/// What is read off a footprint, with its name in the report.
type Reading = (&'static str, fn(&Footprint) -> f64);

const READINGS: [Reading; 4] = [
    ("first", |footprint| footprint.first),
    ("peak", |footprint| footprint.peak),
    ("module", |footprint| footprint.module),
    ("instance", |footprint| footprint.instance),
];

/// The modules to be measured: ours, and all from outside.
pub fn modules(own: Vec<Rc<Module>>, outside: &[Outside]) -> Vec<Rc<Module>> {
    own.into_iter().chain(outside.iter().map(|outside| outside.module.clone())).collect()
}

/// Measures one module in all engines. With no rounds one process each tells only whether it works.
pub fn measure(module: &Module, engines: &[Box<dyn Engine>], rounds: usize) -> Vec<Measured> {
    let probe_all = |engine: &dyn Engine| -> Result<Vec<Footprint>, String> {
        let start = Instant::now();
        let mut footprints = Vec::new();
        while footprints.is_empty() || (footprints.len() < rounds.min(MAX_ROUNDS) && start.elapsed() < LONG) {
            footprints.push(probe(engine.name(), module).map_err(|error| format!("{error:#}"))?);
        }
        Ok(footprints)
    };
    let footprints: Vec<_> =
        engines.iter().map(|engine| (engine.name(), probe_all(engine.as_ref()))).collect();
    let outcomes = |read: fn(&Footprint) -> f64| {
        let outcome = |(engine, footprints): &(&str, Result<Vec<Footprint>, String>)| {
            let samples = footprints.clone().map(|footprints| footprints.iter().map(read).collect());
            let samples = samples.map(|samples| if rounds == 0 { Vec::new() } else { samples });
            Outcome { engine: (*engine).to_owned(), samples }
        };
        footprints.iter().map(outcome).collect()
    };
    READINGS
        .map(|(what, read)| Measured {
            name: format!("{} {what}", module.name),
            size: Some(module.bytes.len() as u64),
            outcomes: outcomes(read),
        })
        .into()
}

/// Has a process measure itself. The module goes through its standard input.
fn probe(engine: &str, module: &Module) -> Result<Footprint> {
    let mut command = Command::new(env::current_exe()?);
    command.args([PROBE, engine]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("MALLOC_ARENA_MAX", "1").env("MALLOC_TRIM_THRESHOLD_", "0").env("MALLOC_TOP_PAD_", "0");
    let mut child = command.spawn().context("cannot start another process")?;
    child.stdin.take().context("no standard input")?.write_all(&module.bytes)?;
    let output = child.wait_with_output()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", complaint.trim().trim_start_matches("Error: "));
    serde_json::from_slice(&output.stdout).context("the process says nothing that is understood")
}

/// What [`probe`] starts: measures this process and prints the result.
pub fn run_probe(engine: &str) -> Result<()> {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    bytes.shrink_to_fit();
    let module = Module::parse("module", bytes)?;
    let engines = engines::all();
    let engine = engines.iter().find(|known| known.name() == engine).context("unknown engine")?;
    println!("{}", serde_json::to_string(&footprint(engine.as_ref(), &module)?)?);
    Ok(())
}

fn footprint(engine: &dyn Engine, module: &Module) -> Result<Footprint> {
    // Resets the peak to what is held now.
    fs::write("/proc/self/clear_refs", "5").context("cannot reset the peak of memory")?;
    let before = Resident::now()?;
    let loader = engine.loader()?;
    let loaded = loader.load(module)?;
    let instance = loaded.instantiate()?;
    let after = Resident::now()?;
    let held = || Ok(Resident::now()?.private);
    let further_module = copies(held, || loader.load(module), PATIENCE)?;
    let further_instance = copies(held, || loaded.instantiate(), PATIENCE)?;
    drop(instance);
    Ok(Footprint {
        first: after.private - before.private,
        // Pages of files stay once they are there, so that the rest of the peak is no file's.
        peak: (after.peak - before.all) - (after.files() - before.files()),
        module: further_module,
        instance: further_instance,
    })
}

/// What one more of what `make` makes adds to what is `held`, on average of those after the first ones, which fill the
/// gaps that loading left. If one alone takes longer than `patience`, it has to do.
fn copies<T>(
    held: impl Fn() -> Result<f64>,
    make: impl Fn() -> Result<T>,
    patience: Duration,
) -> Result<f64> {
    let start = Instant::now();
    let mut made = Vec::with_capacity(FILLERS + COPIES);
    let none = held()?;
    made.push(make()?);
    let one = held()?;
    if start.elapsed() >= patience {
        return Ok(one - none);
    }
    while made.len() < FILLERS && start.elapsed() < patience {
        made.push(make()?);
    }
    let (before, fillers) = (held()?, made.len());
    let start = Instant::now();
    while made.len() == fillers || (made.len() < FILLERS + COPIES && start.elapsed() < patience) {
        made.push(make()?);
    }
    Ok((held()? - before) / (made.len() - fillers) as f64)
}

/// The memory of this process that is resident, in bytes.
struct Resident {
    /// Everything.
    all: f64,
    /// What is no file's.
    private: f64,
    /// The most that everything ever was since it was reset.
    peak: f64,
}

impl Resident {
    fn now() -> Result<Self> {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup").context("needs Linux's smaps_rollup")?;
        let status = fs::read_to_string("/proc/self/status")?;
        let shared_memory = field(&rollup, "Pss_Shmem:").unwrap_or(0.0);
        Ok(Self {
            all: field(&rollup, "Rss:")?,
            private: field(&rollup, "Anonymous:")? + shared_memory,
            peak: field(&status, "VmHWM:")?,
        })
    }

    fn files(&self) -> f64 {
        self.all - self.private
    }
}

/// A line's number of kibibytes, in bytes.
fn field(text: &str, name: &str) -> Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number =
        line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("no {name}"))?;
    Ok(number.parse::<f64>()? * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_in_bytes() {
        let text = "Rss:                1000 kB\nAnonymous:            12 kB\n";
        assert_eq!(field(text, "Anonymous:").unwrap(), 12.0 * 1024.0);
        assert!(field(text, "Pss:").is_err());
    }

    #[test]
    fn the_first_copies_are_not_counted() {
        let made = std::cell::Cell::new(0.0);
        let make = || {
            made.set(made.get() + if made.get() == 0.0 { 1000.0 } else { 7.0 });
            Ok(())
        };
        assert_eq!(copies(|| Ok(made.get()), make, Duration::MAX).unwrap(), 7.0);
    }
}
