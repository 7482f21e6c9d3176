//! [`Runner`]: from the text of a script to its [`Outcome`].
//!
//! Directives are carried out one by one; one that fails does not keep the next from being tried. A panic,
//! whether of the engine or of the text format's encoder, is a failure of its directive, but it ends the script:
//! nobody knows in which state it left the store.

use crate::{
    Failure, Outcome, RunnerConfig,
    directive::{self, Script, Verdict},
};
use rotifer::Engine;
use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};
use wast::{lexer::Lexer, parser::ParseBuffer, token::Span};

/// Runs scripts with one configuration. Each script has a store of its own.
#[derive(Debug)]
pub struct Runner {
    engine: Engine,
    config: RunnerConfig,
}

impl Runner {
    /// A runner with an engine of its own.
    pub fn new(config: RunnerConfig) -> Self {
        Self { engine: Engine::new(&config.for_engine()), config }
    }

    /// Runs a script. A text that is no script has one failure: where and why.
    pub fn run_script(&self, text: &str) -> Outcome {
        let mut outcome = Outcome::default();
        let parsed = panic::catch_unwind(AssertUnwindSafe(|| self.run_text(text, &mut outcome)));
        match parsed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => outcome.failures.push(failure(text, error.span(), error.message())),
            Err(cause) => {
                outcome.failures.push(failure(text, Span::from_offset(0), panic_message(&*cause)));
            }
        }
        outcome
    }

    fn run_text(&self, text: &str, outcome: &mut Outcome) -> Result<(), wast::Error> {
        let mut lexer = Lexer::new(text);
        // The suite tests that such characters are allowed in names.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer)?;
        let directives = directive::parse(&buffer)?;
        let mut script = match Script::new(&self.engine, &self.config) {
            Ok(script) => script,
            Err(error) => {
                let message = format!("the module `spectest` cannot be built: {error}");
                outcome.failures.push(failure(text, Span::from_offset(0), message));
                return Ok(());
            }
        };
        let mut waiting = directives.len();
        for directive in directives {
            waiting -= 1;
            let span = directive.span();
            let verdict = panic::catch_unwind(AssertUnwindSafe(|| script.run(directive)));
            match verdict {
                Ok(Ok(Verdict::Passed)) => outcome.passed += 1,
                Ok(Ok(Verdict::Deviated)) => {
                    outcome.passed += 1;
                    outcome.deviations += 1;
                }
                Ok(Ok(Verdict::NotApplicable)) => outcome.not_applicable += 1,
                Ok(Err(message)) => outcome.failures.push(failure(text, span, message)),
                Err(cause) => {
                    let message =
                        format!("{}; {waiting} directives after it were not run", panic_message(&*cause));
                    outcome.failures.push(failure(text, span, message));
                    break;
                }
            }
        }
        outcome.suspensions = script.suspensions();
        Ok(())
    }
}

fn failure(text: &str, span: Span, message: String) -> Failure {
    let (line, col) = span.linecol_in(text);
    Failure { line: line + 1, col: col + 1, message }
}

fn panic_message(cause: &(dyn Any + Send)) -> String {
    let cause = cause
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| cause.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("of unknown cause");
    format!("panic: {cause}")
}
