//! [`Outcome`]: what came of a script.

use std::fmt;

/// What came of a script. Directives are counted, commands (`module`, `register`, `invoke`) as well as
/// assertions.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many directives did what they should.
    pub passed: usize,
    /// How many of those were refused with another message than expected, by a row of
    /// [`DEVIATIONS`](crate::DEVIATIONS).
    pub deviations: usize,
    /// How many directives say nothing about the load mode: those that expect a refusal, in
    /// [`Mode::Unchecked`](crate::Mode::Unchecked).
    pub not_applicable: usize,
    /// How often calls were suspended and resumed, by [`Fuel::Stepwise`](crate::Fuel::Stepwise) and
    /// [`RunnerConfig::interrupt`](crate::RunnerConfig::interrupt).
    pub suspensions: u64,
    /// What did not hold, in the order of the script.
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// Whether nothing failed.
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A directive that did not do what it should.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The line of the directive, counted from 1.
    pub line: usize,
    /// Its column in characters, counted from 1.
    pub col: usize,
    /// What is wrong.
    pub message: String,
}

/// `line:column: message`, as compilers write it.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.col, self.message)
    }
}
