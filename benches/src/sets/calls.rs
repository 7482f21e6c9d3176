//! The calls set: what it costs to cross between host and WebAssembly.
//!
//! One iteration is one crossing. Loops in WebAssembly cost something themselves, so the report subtracts the empty
//! loop from them, and a plain call of a host function from those that do more.

use super::{BoxedCase, Kind, Set};
use crate::{
    engine::{Crossing, Engine},
    engines,
    measure::{Case, Prepared},
    module::Module,
};
use anyhow::{Result, ensure};
use rotifer_results::Unit;
use std::{rc::Rc, time::Instant};

/// The set.
pub const SET: Set = Set {
    name: "calls",
    unit: Unit::Ns,
    what: "one crossing",
    reference: "wasmi",
    pairs: &[
        ("rotifer", "wasmi"),
        ("rotifer.fuel", "wasmi.fuel"),
        ("rotifer.fuel", "rotifer"),
        ("wasmi.fuel", "wasmi"),
        ("rotifer", "silverfir"),
        ("rotifer", "wasm3"),
        ("rotifer", "tinywasm"),
        ("rotifer", "pulley"),
        ("rotifer", "cranelift"),
    ],
    differences: &[
        ("host-0", "loop"),
        ("host-1", "loop"),
        ("fuel", "host-1"),
        ("suspend-error", "host-1"),
        ("suspend-func", "host-1"),
        ("resumable", "typed"),
    ],
    engines: || Ok(engines::for_calls()),
    throughput: false,
    kind: Kind::Time { own, outside: |_| Ok(Vec::new()) },
};

const CROSSINGS: [(&str, Crossing); 9] = [
    ("loop", Crossing::Loop),
    ("host-0", Crossing::HostNothing),
    ("host-1", Crossing::HostNext),
    ("fuel", Crossing::HostFuel),
    ("suspend-error", Crossing::HostError),
    ("suspend-func", Crossing::HostSuspend),
    ("typed", Crossing::Typed),
    ("untyped", Crossing::Untyped),
    ("resumable", Crossing::Resumable),
];

/// The module of all crossings.
fn module() -> Result<Module> {
    Module::parse("calls", include_bytes!("../../kernels/wasm/calls.wasm").to_vec())
}

fn own() -> Result<Vec<BoxedCase>> {
    let module = Rc::new(module()?);
    let case = |(name, crossing)| Box::new(CrossingCase { name, crossing, module: module.clone() }) as _;
    Ok(CROSSINGS.map(case).into())
}

struct CrossingCase {
    name: &'static str,
    crossing: Crossing,
    module: Rc<Module>,
}

impl Case for CrossingCase {
    fn name(&self) -> &str {
        self.name
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let mut crossings = engine.crossings(&self.module)?;
        let mut cross = move |times| -> Result<()> {
            let count = crossings.cross(self.crossing, times)?;
            ensure!(count == times, "WRONG: crossed {count} times, not {times}");
            Ok(())
        };
        cross(3)?;
        let work = move |iterations: u32| {
            let start = Instant::now();
            cross(iterations.try_into()?)?;
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: 0, work: Box::new(work) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an engine has not, in the words of the report.
    fn lacks(engine: &str, case: &str) -> bool {
        let (name, counts_fuel) = match engine.split_once('.') {
            Some((name, _)) => (name, true),
            None => (engine, false),
        };
        match case {
            "fuel" => !counts_fuel,
            "suspend-func" => name != "rotifer",
            "suspend-error" | "resumable" => !["rotifer", "wasmi"].contains(&name),
            "typed" => name == "silverfir",
            _ => false,
        }
    }

    #[test]
    fn all_engines_cross() {
        for engine in (SET.engines)().unwrap() {
            for case in own().unwrap() {
                let works = case.prepare(engine.as_ref()).is_ok();
                assert_eq!(works, !lacks(engine.name(), case.name()), "{} in {}", case.name(), engine.name());
            }
        }
    }
}
