//! How time is measured: engines take turns, so that whatever the machine does meanwhile hits all of them.
//!
//! A case is prepared in every engine (loaded, run once, its result checked). Then each engine finds the
//! number of iterations that fills one sample. Then come the rounds: in each, every engine takes one sample,
//! and the engine that starts moves on by one. A ratio is formed within a round, between samples taken
//! within a second of each other; what is reported is the median of these ratios and their quartiles.

use crate::{engine::Engine, pin::Unpinned};
use anyhow::Result;
use std::time::Duration;

/// Something that can be measured in every engine.
pub trait Case {
    /// The name in reports.
    fn name(&self) -> &str;

    /// The length of its module in bytes, if the case is about one, or of that part of it that its set is about.
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

/// Whose one iteration takes so many samples' time takes part in [`SLOW_ROUNDS`] only: it is far from the others anyway.
const SLOW: u32 = 20;
const SLOW_ROUNDS: usize = 2;

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
            let entrant = &mut entrants[(round + turn) % engines.len()];
            if !entrant.slow || round < SLOW_ROUNDS {
                entrant.take_sample();
            }
        }
    }
    entrants.into_iter().map(Entrant::finish).collect()
}

/// An engine in a case, as long as nothing went wrong.
struct Entrant<'a> {
    engine: &'a dyn Engine,
    work: Result<Work<'a>>,
    iterations: u32,
    slow: bool,
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
        Self { engine, work, iterations: 1, slow: false, samples: Vec::new() }
    }

    /// Finds how many iterations fill `sample`. Short work is repeated more often before its speed is
    /// believed.
    fn calibrate(&mut self, sample: Duration) {
        loop {
            let Some(time) = self.run() else { return };
            self.slow = time > sample * SLOW;
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
        let cores = self.engine.cores();
        let time = if cores == 1 {
            work(self.iterations)
        } else {
            Unpinned::new(cores).and_then(|_unpinned| work(self.iterations))
        };
        match time {
            Ok(time) => Some(time),
            Err(error) => {
                self.work = Err(error);
                None
            }
        }
    }

    fn finish(self) -> Outcome {
        let samples = self.work.map(|_| self.samples).map_err(|error| format!("{error:#}"));
        Outcome { engine: self.engine.name().to_owned(), samples }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Instance, Loader},
        module::Module,
    };
    use anyhow::bail;

    /// An engine that only has a name.
    struct Named(&'static str);

    impl Engine for Named {
        fn name(&self) -> &str {
            self.0
        }

        fn loader(&self) -> Result<Box<dyn Loader>> {
            bail!("loads nothing")
        }

        fn instantiate(&self, _: &Module) -> Result<Box<dyn Instance>> {
            bail!("makes nothing")
        }
    }

    /// Takes as long as the engine's name says, and no time in truth.
    struct Pretence;

    impl Case for Pretence {
        fn name(&self) -> &str {
            "pretence"
        }

        fn prepare<'a>(&'a self, engine: &'a dyn Engine) -> Result<Prepared<'a>> {
            let (time, observed) = match engine.name() {
                "fast" => (Duration::from_micros(10), 1),
                "slow" => (Duration::from_secs(9), 1),
                "other" => (Duration::from_micros(10), 2),
                name => bail!("{name} cannot"),
            };
            Ok(Prepared { observed, work: Box::new(move |iterations| Ok(time * iterations)) })
        }
    }

    #[test]
    fn everyone_takes_a_sample_per_round() {
        let engines: Vec<Box<dyn Engine>> =
            ["fast", "slow", "other", "broken"].map(|name| Box::new(Named(name)) as _).into();
        let effort = Effort { rounds: 5, sample: Duration::from_millis(50) };
        let outcomes = measure(&Pretence, &engines, effort);
        let samples = |i: usize| outcomes[i].samples.as_ref();
        assert_eq!(samples(0).unwrap(), &[10_000.0; 5]);
        assert_eq!(samples(1).unwrap(), &[9e9; SLOW_ROUNDS]);
        assert!(samples(2).unwrap_err().starts_with("WRONG"));
        assert_eq!(samples(3).unwrap_err(), "broken cannot");
    }
}
