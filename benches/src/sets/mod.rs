//! The sets: what is measured, on which modules, in which engines, and what is compared with what.
//!
//! A new set is a file here and a line in [`SETS`].

mod calls;
mod execution;
mod first_call;
mod history;
mod instantiate;
pub mod memory;
mod programs;
mod startup;
mod validation;

use crate::{engine::Engine, measure::Case, module::Module, report::Measured};
use anyhow::Result;
use rotifer_results::Unit;
use std::{path::PathBuf, rc::Rc};

/// A case of any kind.
pub type BoxedCase = Box<dyn Case>;

/// One set.
pub struct Set {
    /// Its name on the command line and in JSON.
    pub name: &'static str,
    /// What one number is, for the head of the report.
    pub what: &'static str,
    /// What numbers count.
    pub unit: Unit,
    /// The engine of the geomeans.
    pub reference: &'static str,
    /// Engines to be compared: numerator, denominator.
    pub pairs: &'static [(&'static str, &'static str)],
    /// Cases whose times are to be subtracted from each other: minuend, subtrahend.
    pub differences: &'static [(&'static str, &'static str)],
    /// The engines, in the order of the report.
    pub engines: fn() -> Result<Vec<Box<dyn Engine>>>,
    /// Whether the size of each case by the time is shown, too.
    pub throughput: bool,
    /// How it is measured, and on what.
    pub kind: Kind,
}

/// How a set is measured, and on what.
pub enum Kind {
    /// Times, in turns, in this process: see [`crate::measure`].
    Time {
        /// The cases on our own modules.
        own: fn() -> Result<Vec<BoxedCase>>,
        /// The cases on an outside module, if this set can make any of it.
        outside: fn(&Outside) -> Result<Vec<BoxedCase>>,
    },
    /// Anything that is the same each time.
    Count {
        /// Counts it.
        count: Count,
    },
    /// Memory, in processes of its own: see [`memory`].
    Memory {
        /// Our own modules; outside ones are all measured.
        own: fn() -> Result<Vec<Rc<Module>>>,
    },
}

/// Counts something in each engine.
pub type Count = fn(&[Box<dyn Engine>]) -> Result<Vec<Measured>>;

/// All sets, in the order `all` runs them.
pub const SETS: &[Set] = &[
    execution::SET,
    execution::FUEL,
    startup::SET,
    first_call::SET,
    validation::SET,
    calls::SET,
    instantiate::SET,
    history::SET,
    history::MEMORY,
    memory::SET,
    execution::INSIDE,
    execution::ITSELF,
];

/// A module found by `--dir`, with the folder for inputs that lie beside it.
pub struct Outside {
    /// The folder it was found in.
    pub folder: PathBuf,
    /// The module.
    pub module: Rc<Module>,
}
