//! The engine against the oracle: golden files and generated modules, in every load mode and with every
//! dispatcher.

mod differential;
mod golden;
mod host;
mod large;
mod shapes;
mod subject;

/// The generator of the fuzzers, which makes modules that look like compiled code.
#[path = "../../../fuzz/src"]
#[allow(dead_code, unreachable_pub, missing_docs, reason = "the fuzzers use more of these files")]
mod fuzz {
    pub mod case;
    pub mod random;
    pub mod structured;
    pub mod value;
}

/// What the generator takes from its crate.
use fuzz::{case, random, value};
mod generate {
    //! The budget of modules that count by themselves.

    /// Entered functions and iterations of loops.
    pub(crate) const FUEL: u32 = 300;
}
