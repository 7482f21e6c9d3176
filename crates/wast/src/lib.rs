//! Runs WebAssembly test scripts (`.wast`) on Rotifer, through its public API only.
//!
//! A script is a list of directives: modules to load and instantiate, functions to call, and assertions about
//! results, traps and refused modules
//! ([description](https://github.com/WebAssembly/spec/tree/main/interpreter#scripts)). The crate `wast` parses
//! them; [`Runner`] carries them out and reports everything that does not hold.
//!
//! ```
//! use rotifer_wast::{Mode, Runner, RunnerConfig};
//!
//! let runner = Runner::new(RunnerConfig::new().mode(Mode::Partial));
//! let outcome = runner.run_script(
//!     r#"(module (func (export "answer") (result i32) (i32.const 42)))
//!        (assert_return (invoke "answer") (i32.const 42))
//!        (assert_return (invoke "answer") (i32.const 43))"#,
//! );
//! assert_eq!(outcome.passed, 2);
//! assert_eq!(outcome.failures[0].to_string(), "3:9: the result is 42, not 43");
//! ```
//!
//! What is compared: results by their bits, NaN patterns as the specification defines them; traps and refusals
//! by the specification's message, of which ours may only be a continuation. Where ours differs, a row of
//! [`DEVIATIONS`] says so and why; there is no other list of exceptions.

mod calls;
mod config;
mod directive;
mod instances;
mod message;
mod outcome;
mod pattern;
mod runner;
mod spectest;

pub use self::{
    config::{Fuel, Mode, Print, RunnerConfig},
    message::{DEVIATIONS, Deviation},
    outcome::{Failure, Outcome},
    runner::Runner,
    spectest::define_spectest,
};
