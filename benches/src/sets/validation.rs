//! The validation set: validating whole modules, without loading them.
//!
//! The sizes of its cases are bytes of function bodies, which is what takes the time; shown are megabytes of them a
//! second. With two threads the process may use two cores, and only modules that are worth it take part.

use super::{BoxedCase, Kind, Set};
use crate::{
    engine::Engine,
    engines, kernels,
    measure::{Case, Prepared},
    module::Module,
};
use anyhow::Result;
use rotifer_results::Unit;
use std::{rc::Rc, time::Instant};

/// The set.
pub const SET: Set = Set {
    name: "validation",
    unit: Unit::Ns,
    what: "a module validated",
    reference: "wasmparser",
    pairs: &[
        ("rotifer", "wasmparser"),
        ("rotifer.2-threads", "wasmparser"),
        ("rotifer.2-threads", "rotifer"),
    ],
    differences: &[],
    engines: || Ok(engines::for_validation()),
    throughput: true,
    kind: Kind::Time { own, outside: |outside| Ok(vec![Box::new(Validation(outside.module.clone()))]) },
};

fn own() -> Result<Vec<BoxedCase>> {
    Ok(vec![Box::new(Validation(Rc::new(kernels::combined()?)))])
}

/// Validating one module.
struct Validation(Rc<Module>);

impl Case for Validation {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn size(&self) -> Option<u64> {
        Some(self.0.code_bytes)
    }

    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
        let validate = engine.validator(&self.0)?;
        validate()?;
        let work = move |iterations| {
            let start = Instant::now();
            for _ in 0..iterations {
                validate()?;
            }
            Ok(start.elapsed())
        };
        Ok(Prepared { observed: 0, work: Box::new(work) })
    }
}
