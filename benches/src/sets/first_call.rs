//! The first-call set: from a module's bytes to the result of one call, in the modes that translate on the first call.
//!
//! This is what a light client waits for: it loads a chain's runtime and asks for its version. One iteration makes an
//! engine and a store, loads the module, instantiates it, calls, and drops all of it again.

use super::{BoxedCase, Kind, Outside, Set};
use crate::{
    engine::{Engine, Value},
    engines,
    kernels::KERNELS,
    measure::{Case, Prepared},
    module::{FuncType, Module, NumType},
};
use anyhow::{Result, ensure};
use rotifer_results::Unit;
use std::{rc::Rc, time::Instant};

/// The set.
pub const SET: Set = Set {
    name: "first-call",
    unit: Unit::Ns,
    what: "bytes to the result of one call, drop included",
    reference: "wasmi.lazy",
    pairs: &[
        ("rotifer.partial", "wasmi.lazy"),
        ("rotifer.partial-shared", "wasmi.lazy"),
        ("rotifer.checked", "wasmi.lazy-translation"),
        ("rotifer.unchecked", "wasmi.unchecked"),
        ("rotifer.partial", "wasm3.lazy"),
    ],
    differences: &[],
    engines: || Ok(engines::for_first_call()),
    throughput: false,
    kind: Kind::Time { own, outside },
};

/// Our own modules that are called.
const OWN: &[&str] = &["fib", "sha256", "json"];

/// What chain runtimes export to tell their version; its arguments are those of an empty input.
const VERSION: &str = "Core_version";

fn own() -> Result<Vec<BoxedCase>> {
    let mut cases: Vec<BoxedCase> = Vec::new();
    for kernel in KERNELS.iter().filter(|kernel| OWN.contains(&kernel.name)) {
        let module = Rc::new(kernel.module()?);
        cases.push(Box::new(FirstCall { module, export: "run", args: vec![Value::I32(1)] }));
    }
    Ok(cases)
}

fn outside(outside: &Outside) -> Result<Vec<BoxedCase>> {
    let ty = FuncType { params: vec![NumType::I32; 2], results: vec![NumType::I64] };
    if outside.module.exports.get(VERSION) != Some(&ty) {
        return Ok(Vec::new());
    }
    let args = vec![Value::I32(0); 2];
    Ok(vec![Box::new(FirstCall { module: outside.module.clone(), export: VERSION, args })])
}

/// Loading a module and calling a function of it once.
struct FirstCall {
    module: Rc<Module>,
    export: &'static str,
    args: Vec<Value>,
}

impl FirstCall {
    fn run(&self, engine: &dyn Engine) -> Result<i64> {
        let mut instance = engine.instantiate(&self.module)?;
        let export = instance.export(self.export)?;
        let result = instance.call(export, &self.args)?;
        let Some(Value::I64(result)) = result else { anyhow::bail!("{result:?} is no i64") };
        Ok(result)
    }
}

impl Case for FirstCall {
    fn name(&self) -> &str {
        &self.module.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.module.bytes.len() as u64)
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let expected = self.run(engine)?;
        let work = move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                ensure!(self.run(engine)? == expected, "the result is another one each time");
            }
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: expected as u64, work: Box::new(work) })
    }
}
