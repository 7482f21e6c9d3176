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
use std::{fmt::Write, hint::black_box, rc::Rc, time::Instant};

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
    for count in FUNCTIONS {
        let wasm = wat::parse_str(functions(count))?;
        cases.push(Box::new(Load(Rc::new(Module::parse(&format!("functions-{count}"), wasm)?))));
    }
    Ok(cases)
}

/// A module with so many functions that are all alike but for a number, each of which is exported, called by the next
/// and in a table: what grows faster than the number of functions shows.
fn functions(count: usize) -> String {
    let mut text = String::from("(module (memory 1)\n");
    for i in 0..count {
        let before = i.saturating_sub(1);
        let _ = writeln!(
            text,
            "(func $f{i} (export \"f{i}\") (param i32) (result i32) (local i32)
               (if (i32.lt_s (local.get 0) (i32.const {i})) (then (return (i32.load (local.get 0)))))
               (local.set 1 (call $f{before} (i32.sub (local.get 0) (i32.const 1))))
               (i32.store (local.get 0) (local.get 1))
               (i32.add (local.get 1) (i32.const {i})))"
        );
    }
    text + "(table funcref (elem " + &(0..count).map(|i| format!("$f{i} ")).collect::<String>() + ")))"
}

/// The numbers of functions of two modules that are otherwise alike. The larger one may take eleven times as long.
const FUNCTIONS: [usize; 2] = [2_000, 20_000];

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
