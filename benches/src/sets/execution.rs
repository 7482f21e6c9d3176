//! The execution set: how fast code runs once it is loaded.
//!
//! One iteration is one run of a program. Loading and the first run come before the clock; every engine is
//! in the mode that runs code fastest.

use super::{BoxedCase, Kind, Set, programs};
use crate::{
    engine::{Engine, Value},
    engines,
    kernels::{KERNELS, Kernel},
    measure::{Case, Prepared},
    module::Module,
};
use anyhow::{Result, ensure};
use rotifer_results::Unit;
use std::time::Instant;

/// The set.
pub const SET: Set = Set {
    name: "execution",
    unit: Unit::Ns,
    what: "one run of the program, loaded and warm",
    reference: "wasmi",
    pairs: &[
        ("rotifer", "wasmi"),
        ("silverfir", "wasmi"),
        ("wasm3", "wasmi"),
        ("tinywasm", "wasmi"),
        ("pulley", "wasmi"),
        ("cranelift", "wasmi"),
        ("rotifer", "silverfir"),
        ("rotifer", "wasm3"),
        ("rotifer", "tinywasm"),
        ("rotifer", "pulley"),
        ("rotifer", "cranelift"),
    ],
    differences: &[],
    engines: || Ok(engines::for_execution()),
    throughput: false,
    kind: Kind::Time { own, outside: programs::program },
};

/// The fuel set: what it costs that execution can be made to stop.
pub const FUEL: Set = Set {
    name: "fuel",
    unit: Unit::Ns,
    what: "one run of the program, loaded and warm",
    reference: "rotifer",
    pairs: &[
        ("rotifer.fuel", "rotifer"),
        ("rotifer.interruptible", "rotifer"),
        ("rotifer.tracked", "rotifer"),
        ("wasmi.fuel", "wasmi"),
        ("rotifer.fuel", "wasmi.fuel"),
    ],
    differences: &[],
    engines: || Ok(engines::for_fuel()),
    throughput: false,
    kind: Kind::Time { own, outside: programs::program },
};

/// The set of engines that were compiled to WebAssembly and run in wasmtime, as in a browser.
pub const INSIDE: Set = Set {
    name: "inside",
    unit: Unit::Ns,
    what: "one run of the program, loaded and warm, in an engine that wasmtime compiled",
    reference: "wasmi@wasmtime",
    pairs: &[("rotifer@wasmtime", "wasmi@wasmtime")],
    differences: &[],
    engines: engines::inside_wasmtime,
    throughput: false,
    kind: Kind::Time { own, outside: programs::program },
};

/// The set of engines that run in Rotifer, as in a chain whose runtime runs contracts. With little work: one
/// interpreter runs another.
pub const ITSELF: Set = Set {
    name: "itself",
    unit: Unit::Ns,
    what: "one run of the program, loaded and warm, in an engine that Rotifer interprets",
    reference: "wasmi@rotifer",
    pairs: &[("rotifer@rotifer", "wasmi@rotifer")],
    differences: &[],
    engines: engines::inside_rotifer,
    throughput: false,
    kind: Kind::Time { own: own_small, outside: programs::program },
};

fn own() -> Result<Vec<BoxedCase>> {
    cases(|kernel| kernel.large)
}

fn own_small() -> Result<Vec<BoxedCase>> {
    cases(|kernel| kernel.small)
}

fn cases(work: fn(&Kernel) -> (i32, i64)) -> Result<Vec<BoxedCase>> {
    let case =
        |kernel| Ok(Box::new(KernelCase { kernel, work: work(kernel), module: kernel.module()? }) as _);
    KERNELS.iter().map(case).collect()
}

/// One of our kernels with an amount of work. Every call's checksum is compared with the table.
struct KernelCase {
    kernel: &'static Kernel,
    work: (i32, i64),
    module: Module,
}

impl Case for KernelCase {
    fn name(&self) -> &str {
        self.kernel.name
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let mut instance = engine.instantiate(&self.module)?;
        let run = instance.export("run")?;
        let mut run_checked = move |(n, checksum)| -> Result<()> {
            let result = instance.call(run, &[Value::I32(n)])?;
            ensure!(result == Some(Value::I64(checksum)), "WRONG: returned {result:?}, not {checksum}");
            Ok(())
        };
        run_checked(self.kernel.small)?;
        run_checked(self.work)?;
        let work = move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                run_checked(self.work)?;
            }
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: 0, work: Box::new(work) })
    }
}
