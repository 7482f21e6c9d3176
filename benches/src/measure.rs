//! How time is measured: engines take turns, so that whatever the machine does meanwhile hits all of them.
//!
//! A case is prepared in every engine (loaded, run once, its result checked). Then each engine finds the
//! number of iterations that fills one sample. Then come the rounds: in each, every engine takes one sample,
//! and the engine that starts moves on by one. A ratio is formed within a round, between samples taken
//! within a second of each other; what is reported is the median of these ratios and their quartiles.

use crate::engine::Engine;
use anyhow::Result;
use std::time::Duration;

/// Something that can be measured in every engine.
pub trait Case {
    /// The name in reports.
    fn name(&self) -> &str;

    /// The length of its module in bytes, if the case is about one.
    fn size(&self) -> Option<u64> {
        None
    }

    /// Gets `engine` ready and checks that it does the work right.
    fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>>;
}

/// Runs that many iterations and returns the time that counts, which may leave out preparations.
pub type Work<'a> = Box<dyn FnMut(u32) -> Result<Duration> + 'a>;

/// A case that is ready in one engine.
pub struct Prepared<'a> {
    /// A digest of everything the work left behind that can be seen from outside. All engines must agree.
    pub observed: u64,
    /// The work.
    pub work: Work<'a>,
}

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Samples per engine and case. With 0, results are only checked.
    pub rounds: usize,
    /// What one sample should take, as far as whole iterations allow.
    pub sample: Duration,
}

/// What one engine did in one case.
pub struct Outcome {
    /// The engine's name.
    pub engine: String,
    /// One number per round, nanoseconds per iteration or whatever the set counts, or what went wrong.
    pub samples: Result<Vec<f64>, String>,
}

/// Measures `case` in all `engines`. The first engine that runs it decides what the right result is.
pub fn measure(case: &dyn Case, engines: &[Box<dyn Engine>], effort: Effort) -> Vec<Outcome> {
    let mut expected = None;
    let mut entrants: Vec<Entrant> =
        engines.iter().map(|engine| Entrant::prepare(case, engine.as_ref(), &mut expected)).collect();
    if effort.rounds > 0 {
        for entrant in &mut entrants {
            entrant.calibrate(effort.sample);
        }
    }
    for round in 0..effort.rounds {
        for turn in 0..entrants.len() {
            let next = (round + turn) % engines.len();
            entrants[next].take_sample();
        }
    }
    entrants.into_iter().map(Entrant::finish).collect()
}

/// An engine in a case, as long as nothing went wrong.
struct Entrant<'a> {
    engine: &'a str,
    work: Result<Work<'a>>,
    iterations: u32,
    samples: Vec<f64>,
}

impl<'a> Entrant<'a> {
    fn prepare(case: &'a dyn Case, engine: &'a dyn Engine, expected: &mut Option<u64>) -> Self {
        let work = case.prepare(engine).and_then(|prepared| {
            let expected = *expected.get_or_insert(prepared.observed);
            anyhow::ensure!(
                prepared.observed == expected,
                "WRONG: leaves other results or memory than the first engine"
            );
            Ok(prepared.work)
        });
        Self { engine: engine.name(), work, iterations: 1, samples: Vec::new() }
    }

    /// Finds how many iterations fill `sample`. Short work is repeated more often before its speed is
    /// believed.
    fn calibrate(&mut self, sample: Duration) {
        loop {
            let Some(time) = self.run() else { return };
            if time * 4 >= sample {
                let scale = sample.as_secs_f64() / time.as_secs_f64();
                self.iterations = (f64::from(self.iterations) * scale).round().max(1.0) as u32;
                return;
            }
            self.iterations = self.iterations.saturating_mul(4);
        }
    }

    fn take_sample(&mut self) {
        if let Some(time) = self.run() {
            self.samples.push(time.as_secs_f64() * 1e9 / f64::from(self.iterations));
        }
    }

    fn run(&mut self) -> Option<Duration> {
        let work = self.work.as_mut().ok()?;
        match work(self.iterations) {
            Ok(time) => Some(time),
            Err(error) => {
                self.work = Err(error);
                None
            }
        }
    }

    fn finish(self) -> Outcome {
        let samples = self.work.map(|_| self.samples).map_err(|error| format!("{error:#}"));
        Outcome { engine: self.engine.to_owned(), samples }
    }
}
