//! The oracles of rotifer's fuzzers, shared by the coverage-guided targets and by the seeded driver `soak`.
//!
//! A [`Case`](case::Case) is a module and a seed; everything else that happens in it (imports, arguments, what
//! the host does) follows from the seed. `docs/FUZZING.md` says what is compared.

pub mod api;
pub mod backend;
pub mod case;
pub mod execute;
pub mod generate;
pub mod random;
#[cfg(feature = "shrink")]
pub mod shrink;
pub mod states;
pub mod structured;
pub mod validate;
pub mod value;
pub mod wast_text;

/// Something is wrong: in one word what, and in words where.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The oracle that was violated; cases are minimised under it.
    pub oracle: &'static str,
    pub text: String,
}

impl Finding {
    /// A finding.
    pub fn new(oracle: &'static str, text: impl Into<String>) -> Self {
        Self { oracle, text: text.into() }
    }
}
