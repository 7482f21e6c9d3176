//! Runs every script in scope in every load mode with every dispatcher that is built; and again with fuel, with
//! calls that run out of fuel and go on, and with calls that are interrupted and go on.
//!
//! ```text
//! cargo test -p rotifer-spec-tests --test conformance -- [--mode MODE] [--dispatch NAME] [--metering NAME] [--all-failures] [FILTER]...
//! ```
//!
//! runs only scripts whose names contain one of the filters. It is a program of its own rather than a list of
//! `#[test]`s, because it spreads some thousand runs over the processor and sums up their directives.

use rotifer::Dispatch;
use rotifer_spec_tests::{Case, SUPERSEDED, cases, later};
use rotifer_wast::{Failure, Fuel, Mode, Outcome, Runner, RunnerConfig};
use std::{
    collections::BTreeMap,
    env, panic,
    process::ExitCode,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Failures to show of one script. More are counted.
const FAILURES_SHOWN: usize = 5;

/// A script takes milliseconds. One that is not done after this long is named, since it may never be.
const PATIENCE: Duration = Duration::from_secs(20);

/// How calls are stopped and go on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Metering {
    name: &'static str,
    fuel: Fuel,
    interrupt: bool,
    /// Whether it runs in all load modes, or else in the default one only.
    in_all_modes: bool,
}

impl Metering {
    const fn new(name: &'static str, fuel: Fuel, interrupt: bool, in_all_modes: bool) -> Self {
        Self { name, fuel, interrupt, in_all_modes }
    }

    const ALL: [Self; 7] = [
        Self::new("off", Fuel::Off, false, true),
        Self::new("plenty", Fuel::Plenty, false, false),
        Self::new("step-0", Fuel::Stepwise(0), false, false),
        Self::new("step-7", Fuel::Stepwise(7), false, false),
        Self::new("step-1000", Fuel::Stepwise(1_000), false, true),
        Self::new("interrupt", Fuel::Off, true, false),
        // An interrupt is noticed wherever fuel runs out.
        Self::new("both", Fuel::Stepwise(0), true, false),
    ];
}

/// What the command line asks for.
struct Options {
    filters: Vec<String>,
    modes: Vec<Mode>,
    dispatchers: Vec<Dispatch>,
    meterings: Vec<Metering>,
    list: bool,
    /// How many failures of a script to show.
    failures_shown: usize,
}

impl Options {
    fn from_args() -> Result<Self, String> {
        let mut options = Self {
            filters: Vec::new(),
            // The modules of scripts are too small for threads, so background mode is partial mode.
            modes: Mode::ALL.into_iter().filter(|mode| *mode != Mode::Background).collect(),
            dispatchers: Dispatch::available().to_vec(),
            meterings: Metering::ALL.to_vec(),
            list: false,
            failures_shown: FAILURES_SHOWN,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--list" => options.list = true,
                "--all-failures" => options.failures_shown = usize::MAX,
                "--mode" => options.modes = vec![value()?.parse()?],
                "--dispatch" => {
                    let name = value()?;
                    options.dispatchers.retain(|dispatch| dispatch.name() == name);
                    if options.dispatchers.is_empty() {
                        return Err(format!("no dispatcher of this build is called `{name}`"));
                    }
                }
                "--metering" => {
                    let name = value()?;
                    options.meterings.retain(|metering| metering.name == name);
                    if options.meterings.is_empty() {
                        return Err(format!("no metering is called `{name}`"));
                    }
                }
                // Flags of Rust's own test runner, which `cargo test` gives to all tests.
                "--test-threads" | "--format" | "--color" | "-Z" | "--skip" | "--logfile" => {
                    value()?;
                }
                flag if flag.starts_with('-') => {}
                filter => options.filters.push(filter.to_owned()),
            }
        }
        Ok(options)
    }

    fn wants(&self, case: &Case) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| case.name.contains(filter.as_str()))
    }
}

/// One script in one load mode with one dispatcher and one metering.
struct Run<'case> {
    case: &'case Case,
    mode: Mode,
    dispatch: Dispatch,
    metering: Metering,
}

impl Run<'_> {
    fn name(&self) -> String {
        let Self { case, mode, dispatch, metering } = self;
        format!("{} ({mode}, {}, {})", case.name, dispatch.name(), metering.name)
    }

    /// The outcome, with superseded assertions turned around: they must fail.
    fn outcome(&self) -> Outcome {
        let config = RunnerConfig::new()
            .features(self.case.features)
            .mode(self.mode)
            .dispatch(self.dispatch)
            .fuel(self.metering.fuel)
            .interrupt(self.metering.interrupt);
        let mut outcome = Runner::new(config).run_script(&self.case.text);
        for row in SUPERSEDED.iter().filter(|row| row.file == self.case.name) {
            for &line in row.lines {
                match outcome.failures.iter().position(|failure| failure.line == line) {
                    Some(place) => {
                        outcome.failures.remove(place);
                        outcome.not_applicable += 1;
                    }
                    // Refusals are not tested there.
                    None if self.mode == Mode::Unchecked => {}
                    None => {
                        let message = format!("holds though it is listed as superseded: {}", row.reason);
                        outcome.failures.push(Failure { line, col: 1, message });
                    }
                }
            }
        }
        outcome
    }
}

/// What a worker tells.
enum Event {
    Started(usize),
    Done(usize, Outcome),
}

/// The sums for one load mode, dispatcher and metering.
#[derive(Default)]
struct Sum {
    scripts: usize,
    passed: usize,
    deviations: usize,
    not_applicable: usize,
    failed: usize,
    suspensions: u64,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.scripts += 1;
        self.passed += outcome.passed;
        self.deviations += outcome.deviations;
        self.not_applicable += outcome.not_applicable;
        self.failed += outcome.failures.len();
        self.suspensions += outcome.suspensions;
    }
}

fn main() -> ExitCode {
    let options = match Options::from_args() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let cases = match cases() {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("the scripts cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    let cases: Vec<&Case> = cases.iter().filter(|case| options.wants(case)).collect();
    if options.list {
        // The form in which Rust's own test runner lists tests.
        for case in &cases {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    let mut runs = Vec::new();
    for &metering in &options.meterings {
        for &dispatch in &options.dispatchers {
            for &mode in &options.modes {
                if metering.in_all_modes || mode == Mode::default() {
                    runs.extend(cases.iter().map(|&case| Run { case, mode, dispatch, metering }));
                }
            }
        }
    }
    if runs.is_empty() && !cases.is_empty() {
        eprintln!("this metering does not run in this load mode");
        return ExitCode::from(2);
    }
    report(&runs, &options)
}

/// Runs everything, prints failures as they come and the sums at the end.
fn report(runs: &[Run<'_>], options: &Options) -> ExitCode {
    let start = Instant::now();
    // Panics are failures of directives, with the message; the backtrace would hide them.
    panic::set_hook(Box::new(|_| ()));
    let mut sums: BTreeMap<(usize, &str, &str), Sum> = BTreeMap::new();
    let mut failed_runs = 0;
    run_all(runs, |run, outcome| {
        for failure in outcome.failures.iter().take(options.failures_shown) {
            println!("{}:{failure}", run.name());
        }
        if let Some(more @ 1..) = outcome.failures.len().checked_sub(options.failures_shown) {
            println!("{}: and {more} more", run.name());
        }
        failed_runs += usize::from(!outcome.is_ok());
        let metering = Metering::ALL.iter().position(|metering| *metering == run.metering);
        sums.entry((metering.unwrap_or_default(), run.dispatch.name(), run.mode.name()))
            .or_default()
            .add(&outcome);
    });

    println!("\ndirectives:");
    println!(
        "metering   dispatch  load mode  scripts   passed  of those by another message  not applicable  failed  suspensions"
    );
    for ((metering, dispatch, mode), sum) in &sums {
        let Sum { scripts, passed, deviations, not_applicable, failed, suspensions } = sum;
        let metering = Metering::ALL[*metering].name;
        println!(
            "{metering:<9}  {dispatch:<8}  {mode:<9}  {scripts:>7}  {passed:>7}  {deviations:>27}  {not_applicable:>14}  {failed:>6}  {suspensions:>11}"
        );
    }
    if options.filters.is_empty() {
        let later = later();
        let files: usize = later.iter().map(|(_, files)| files).sum();
        let waiting: Vec<String> =
            later.iter().map(|(proposal, files)| format!("{proposal} {files}")).collect();
        println!("later: {files} files of the suite wait for proposals ({})", waiting.join(", "));
    }
    // Where calls run out of fuel follows from docs/FUEL.md alone.
    for ((metering, dispatch, mode), sum) in &sums {
        let first = sums.iter().find(|((other, ..), _)| other == metering).map(|(_, sum)| sum.suspensions);
        if first != Some(sum.suspensions) {
            let name = Metering::ALL[*metering].name;
            println!(
                "{name}, {dispatch}, {mode}: not as often suspended as with other dispatchers or load modes"
            );
            failed_runs += 1;
        }
    }
    // The closing line of Rust's own test runner, for those who count tests; one for each script and way to run it.
    let verdict = if failed_runs == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {verdict}. {} passed; {failed_runs} failed; 0 ignored; 0 measured; 0 filtered out; \
         finished in {:.2}s",
        runs.len().saturating_sub(failed_runs),
        start.elapsed().as_secs_f64()
    );
    if failed_runs == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Spreads the runs over the processor and hands each outcome to `done`.
fn run_all(runs: &[Run<'_>], mut done: impl FnMut(&Run<'_>, Outcome)) {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let workers = thread::available_parallelism().map_or(2, usize::from).min(runs.len());
        for _ in 0..workers {
            let sender = sender.clone();
            let next = &next;
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(run) = runs.get(place) else { break };
                    // The receiver lives as long as this scope.
                    let _ = sender.send(Event::Started(place));
                    let _ = sender.send(Event::Done(place, run.outcome()));
                }
            });
        }
        drop(sender);
        let mut running: BTreeMap<usize, Instant> = BTreeMap::new();
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(Event::Started(place)) => {
                    running.insert(place, Instant::now());
                }
                Ok(Event::Done(place, outcome)) => {
                    running.remove(&place);
                    done(&runs[place], outcome);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    for (place, since) in &running {
                        let seconds = since.elapsed().as_secs();
                        println!("{}: not done after {seconds} s", runs[*place].name());
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
    });
}
