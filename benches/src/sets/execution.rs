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
    engines: engines::for_execution,
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
        ("wasmi.fuel", "wasmi"),
        ("rotifer.fuel", "wasmi.fuel"),
    ],
    differences: &[],
    engines: engines::for_fuel,
    kind: Kind::Time { own, outside: programs::program },
};

fn own() -> Result<Vec<BoxedCase>> {
    KERNELS.iter().map(|kernel| Ok(Box::new(KernelCase { kernel, module: kernel.module()? }) as _)).collect()
}

/// One of our kernels with its large amount of work. Every call's checksum is compared with the table.
struct KernelCase {
    kernel: &'static Kernel,
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
        run_checked(self.kernel.large)?;
        let work = move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                run_checked(self.kernel.large)?;
            }
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: 0, work: Box::new(work) })
    }
}
