//! The sets: what is measured, on which modules, in which engines, and what is compared with what.
//!
//! A new set is a file here and a line in [`SETS`].

mod calls;
mod execution;
mod programs;
mod startup;

use crate::{engine::Engine, measure::Case, module::Module};
use anyhow::Result;
use std::{path::PathBuf, rc::Rc};

/// A case of any kind.
pub type BoxedCase = Box<dyn Case>;

/// One set.
pub struct Set {
    /// Its name on the command line and in JSON.
    pub name: &'static str,
    /// What one number is, for the head of the report.
    pub what: &'static str,
    /// The engine of the geomeans.
    pub reference: &'static str,
    /// Engines to be compared: numerator, denominator.
    pub pairs: &'static [(&'static str, &'static str)],
    /// Cases whose times are to be subtracted from each other: minuend, subtrahend.
    pub differences: &'static [(&'static str, &'static str)],
    /// The engines, in the order of the report.
    pub engines: fn() -> Vec<Box<dyn Engine>>,
    /// The cases on our own modules.
    pub own: fn() -> Result<Vec<BoxedCase>>,
    /// The case on an outside module, if this set can make one of it.
    pub outside: fn(&Outside) -> Result<Option<BoxedCase>>,
}

/// All sets, in the order `all` runs them.
pub const SETS: &[Set] = &[execution::SET, execution::FUEL, startup::SET, calls::SET];

/// A module found by `--dir`, with the folder for inputs that lie beside it.
pub struct Outside {
    /// The folder it was found in.
    pub folder: PathBuf,
    /// The module.
    pub module: Rc<Module>,
}
