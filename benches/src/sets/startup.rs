//! The start-up set: from a module's bytes to a running instance, in every load mode.
//!
//! One iteration makes a new engine and store, loads the module, creates its imports, instantiates it, and
//! drops all of it again. A shared engine would be kinder to some, but several engines keep code until they
//! are dropped, and a drop that is not counted is a cost that is hidden.

use super::{BoxedCase, Kind, Set};
use crate::{
    engine::Engine,
    engines,
    kernels::{self, KERNELS},
    measure::{Case, Prepared},
    module::Module,
};
use anyhow::Result;
use rotifer_results::Unit;
use std::{hint::black_box, rc::Rc, time::Instant};

/// The set.
pub const SET: Set = Set {
    name: "startup",
    unit: Unit::Ns,
    what: "bytes to running instance, drop included",
    reference: "wasmi.eager",
    pairs: &[
        ("rotifer.eager", "wasmi.eager"),
        ("rotifer.checked", "wasmi.lazy-translation"),
        ("rotifer.partial", "wasmi.lazy"),
        ("rotifer.unchecked", "wasmi.unchecked"),
        ("rotifer.eager-shared", "wasmi.eager"),
        ("rotifer.checked-shared", "wasmi.lazy-translation"),
        ("rotifer.partial-shared", "wasmi.lazy"),
        ("rotifer.unchecked-shared", "wasmi.unchecked"),
        ("rotifer.partial-shared", "rotifer.unchecked-shared"),
        ("rotifer.checked-2-threads", "rotifer.checked"),
        ("rotifer.eager-2-threads", "rotifer.eager"),
        ("rotifer.eager", "silverfir"),
        ("rotifer.eager", "wasm3.eager"),
        ("rotifer.partial", "wasm3.lazy"),
        ("rotifer.eager", "tinywasm"),
        ("rotifer.eager", "pulley"),
        ("rotifer.eager", "cranelift"),
        ("silverfir", "wasmi.eager"),
    ],
    differences: &[],
    engines: || Ok(engines::for_startup()),
    throughput: false,
    kind: Kind::Time { own, outside: |outside| Ok(vec![Box::new(Load(outside.module.clone()))]) },
};

/// Our own modules that are loaded, besides the one with all kernels: a tiny and two small ones.
const OWN: &[&str] = &["fib", "sha256", "json"];

fn own() -> Result<Vec<BoxedCase>> {
    let mut cases: Vec<BoxedCase> = Vec::new();
    for kernel in KERNELS.iter().filter(|kernel| OWN.contains(&kernel.name)) {
        cases.push(Box::new(Load(Rc::new(kernel.module()?))));
    }
    cases.push(Box::new(Load(Rc::new(kernels::combined()?))));
    Ok(cases)
}

/// Loading one module.
struct Load(Rc<Module>);

impl Case for Load {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.bytes.len() as u64)
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let load = move || engine.instantiate(&self.0).map(|instance| drop(black_box(instance)));
        load()?;
        let work = move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                load()?;
            }
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: 0, work: Box::new(work) })
    }
}
