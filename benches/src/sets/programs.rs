//! Programs from other people's modules, as `--dir` finds them.
//!
//! Two conventions are known. CoreMark exports `run() -> f32`, its score, and reads `env.clock_ms`. The
//! kernels of the field's public suite export `setup(size) -> data`, `run(data)` and `teardown(data)`, and
//! some of them functions of `data` that tell what came out. Modules of neither kind are no programs of the
//! execution set; the start-up set loads them all the same.

use super::{BoxedCase, Outside};
use crate::{
    engine::{Engine, Export, Instance, Value},
    measure::{Case, Prepared},
    module::{CLOCK_STEP_MS, Module, NumType},
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    rc::Rc,
    time::{Duration, Instant},
};

/// What the public suite's `setup` takes.
enum Input {
    /// Nothing.
    None,
    /// A size, of the type each module's `setup` declares.
    Size(i64),
    /// The length of a file beside the module; its bytes then go where `input_ptr(data)` says.
    File(&'static str),
}

/// The programs of the public suite with their inputs.
const SUITE: &[(&str, Input)] = &[
    ("argon2", Input::Size(3_000)),
    ("json-parse", Input::File("citm_catalog.json")),
    ("matrix-mul", Input::Size(400)),
    ("nbody", Input::Size(400)),
    ("prime-sieve", Input::Size(10_000_000)),
    ("sort", Input::Size(1_000_000)),
    ("tiny-keccak", Input::None),
];

/// Exports that tell what came out, given `data`, and the answer where it is known. All engines must give
/// the same one, and leave the same memory.
const ANSWERS: &[(&str, Option<Value>)] = &[
    ("largest_prime", Some(Value::I64(9_999_991))),
    ("len_primes", Some(Value::I64(664_579))),
    ("node_count", None),
    ("output", None),
    ("result", None),
];

/// The program in `outside`, if it is one that is known.
pub fn program(outside: &Outside) -> Result<Vec<BoxedCase>> {
    let module = &outside.module;
    let stem = module.name.rsplit('/').next().unwrap_or_default();
    if stem == "coremark" {
        return Ok(vec![Box::new(CoreMark(module.clone()))]);
    }
    let Some((_, input)) = SUITE.iter().find(|(name, _)| *name == stem) else {
        return Ok(Vec::new());
    };
    let setup = module.exports.get("setup").with_context(|| format!("{} has no `setup`", module.name))?;
    let (argument, input) = match input {
        Input::None => (None, None),
        Input::Size(size) => (Some(*size), None),
        Input::File(name) => {
            let path = outside.folder.join(name);
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            (Some(bytes.len() as i64), Some(bytes))
        }
    };
    let arguments = match (argument, setup.params.as_slice()) {
        (None, []) => Vec::new(),
        (Some(argument), [NumType::I32]) => vec![Value::I32(argument.try_into()?)],
        (Some(argument), [NumType::I64]) => vec![Value::I64(argument)],
        (_, params) => bail!("{}: `setup` has parameters {params:?}", module.name),
    };
    Ok(vec![Box::new(SuiteProgram { module: module.clone(), arguments, input })])
}

/// A program of the public suite.
struct SuiteProgram {
    module: Rc<Module>,
    arguments: Vec<Value>,
    input: Option<Vec<u8>>,
}

impl Case for SuiteProgram {
    fn name(&self) -> &str {
        &self.module.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.module.bytes.len() as u64)
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let mut loaded = LoadedProgram::new(self, engine)?;
        let data = loaded.set_up()?;
        loaded.call(loaded.run, data)?;
        let observed = loaded.observe(data)?;
        loaded.call(loaded.teardown, data)?;
        let work = move |iterations| {
            let mut total = Duration::ZERO;
            for _ in 0..iterations {
                let data = loaded.set_up()?;
                let start = Instant::now();
                loaded.call(loaded.run, data)?;
                total += start.elapsed();
                loaded.call(loaded.teardown, data)?;
            }
            Ok(total)
        };
        Ok(Prepared { observed, work: Box::new(work) })
    }
}

/// A program of the public suite in one engine.
struct LoadedProgram<'a> {
    program: &'a SuiteProgram,
    instance: Box<dyn Instance>,
    setup: Export,
    run: Export,
    teardown: Export,
}

impl<'a> LoadedProgram<'a> {
    fn new(program: &'a SuiteProgram, engine: &dyn Engine) -> Result<Self> {
        let mut instance = engine.instantiate(&program.module)?;
        let [setup, run, teardown] =
            [instance.export("setup")?, instance.export("run")?, instance.export("teardown")?];
        Ok(Self { program, instance, setup, run, teardown })
    }

    /// Allocates and fills the input, and returns `data`.
    fn set_up(&mut self) -> Result<Value> {
        let data =
            self.instance.call(self.setup, &self.program.arguments)?.context("`setup` returned nothing")?;
        if let Some(input) = &self.program.input {
            let input_ptr = self.instance.export("input_ptr")?;
            let Some(Value::I32(address)) = self.instance.call(input_ptr, &[data])? else {
                bail!("`input_ptr` returned no address")
            };
            let mut copied = false;
            self.instance.with_memory(&mut |memory| {
                let place =
                    memory.get_mut(address as u32 as usize..).and_then(|rest| rest.get_mut(..input.len()));
                if let Some(place) = place {
                    place.copy_from_slice(input);
                    copied = true;
                }
            })?;
            ensure!(copied, "the input does not fit where `input_ptr` points");
        }
        Ok(data)
    }

    fn call(&mut self, export: Export, data: Value) -> Result<()> {
        self.instance.call(export, &[data])?;
        Ok(())
    }

    /// A digest of all answers and of the memory.
    fn observe(&mut self, data: Value) -> Result<u64> {
        let mut digest = Digest::default();
        for &(name, expected) in ANSWERS {
            if !self.program.module.exports.contains_key(name) {
                continue;
            }
            let export = self.instance.export(name)?;
            let answer = self.instance.call(export, &[data])?;
            ensure!(
                expected.is_none() || answer == expected,
                "WRONG: {name} is {answer:?}, not {expected:?}"
            );
            digest.add_value(answer);
        }
        self.instance.with_memory(&mut |memory| digest.add_bytes(memory))?;
        Ok(digest.0)
    }
}

/// CoreMark, which times itself; the virtual clock makes it do the same work everywhere.
struct CoreMark(Rc<Module>);

/// What CoreMark does under the virtual clock: ten iterations to calibrate, ten to measure.
pub const COREMARK_ITERATIONS: f64 = 20.0;

impl Case for CoreMark {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.bytes.len() as u64)
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let mut instance = engine.instantiate(&self.0)?;
        let run = instance.export("run")?;
        // CoreMark compares its checksums with the published ones and returns 0 if one differs.
        let score = (COREMARK_ITERATIONS / 2.0 / (f64::from(CLOCK_STEP_MS) / 1000.0)) as f32;
        let mut work = move |iterations| -> Result<Duration> {
            let start = Instant::now();
            for _ in 0..iterations {
                let result = instance.call(run, &[])?;
                ensure!(result == Some(Value::F32(score.to_bits())), "WRONG: scores {result:?}, not {score}");
            }
            Ok(start.elapsed())
        };
        work(1)?;
        Ok(Prepared { observed: 0, work: Box::new(work) })
    }
}

/// A running hash (FNV-1a over words), to compare memories between engines.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(23);
    }

    fn add_value(&mut self, value: Option<Value>) {
        self.add(match value {
            None => u64::MAX,
            Some(Value::I32(value)) => u64::from(value as u32),
            Some(Value::I64(value)) => value as u64,
            Some(Value::F32(bits)) => u64::from(bits),
            Some(Value::F64(bits)) => bits,
        });
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        // A memory's size is a multiple of 8 with every page size that measured modules use.
        for word in bytes.chunks_exact(8) {
            let mut buffer = [0; 8];
            buffer.copy_from_slice(word);
            self.add(u64::from_le_bytes(buffer));
        }
    }
}
