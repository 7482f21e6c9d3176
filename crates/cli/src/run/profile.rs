//! `--profile`: which functions take the time.

use super::host::State;
use crate::format::{counted, quoted};
use anyhow::Result;
use rotifer::{Config, FunctionProfile, FunctionTimes, Store};
use serde::Serialize;
use std::{fmt, time::Duration};

/// How many functions are shown unless it is said.
const SHOWN: usize = 20;

/// Whether and how calls are counted and timed.
#[derive(clap::Args)]
#[command(next_help_heading = "Profiles")]
pub(super) struct ProfileOptions {
    /// Shows at the end how often functions were called and how long they took.
    #[arg(long)]
    profile: bool,
    /// How many functions to show at most [default: 20].
    #[arg(long, value_name = "N", requires = "profile")]
    profile_limit: Option<usize>,
}

/// The functions that took the most time, in descending order of their own.
pub(super) struct Profile {
    lines: Vec<Line>,
    /// How many functions were called.
    functions: usize,
    /// How long they took together.
    time: Duration,
}

/// A function that was called.
#[derive(Serialize, Clone)]
pub(super) struct Line {
    function: u32,
    name: Option<String>,
    calls: u64,
    total_ns: u64,
    self_ns: u64,
    /// Its own time, of that of all functions.
    percent: f64,
}

impl ProfileOptions {
    /// Tells an engine what its code will have to tell.
    pub(super) fn configure(&self, config: &mut Config) {
        config.profile(self.profile);
    }

    /// Begins to count.
    pub(super) fn start(&self, store: &mut Store<State>) -> Result<Option<FunctionProfile>> {
        if !self.profile {
            return Ok(None);
        }
        let profile = FunctionProfile::new();
        store.set_profiler(Some(profile.recorder()))?;
        Ok(Some(profile))
    }

    /// What was counted.
    pub(super) fn conclude(&self, profile: &FunctionProfile) -> Profile {
        let functions = profile.functions();
        let time: Duration = functions.iter().map(|function| function.own).sum();
        let limit = self.profile_limit.unwrap_or(SHOWN);
        let lines = functions.iter().take(limit).map(|function| Line::new(function, time)).collect();
        Profile { lines, functions: functions.len(), time }
    }
}

impl Line {
    fn new(function: &FunctionTimes, time: Duration) -> Self {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let all = time.as_secs_f64();
        Self {
            function: function.index,
            name: function.name.clone(),
            calls: function.calls,
            total_ns: nanoseconds(function.total),
            self_ns: nanoseconds(function.own),
            percent: if all > 0.0 { 100.0 * function.own.as_secs_f64() / all } else { 0.0 },
        }
    }
}

impl Profile {
    /// The functions, for a document.
    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines
    }
}

/// A table.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let functions = counted(self.functions as u64, "function");
        write!(f, "profile: {functions}, {:.3} ms", self.time.as_secs_f64() * 1e3)?;
        if self.lines.is_empty() {
            return Ok(());
        }
        write!(f, "\n{:>12} {:>12} {:>12} {:>6}  function", "calls", "total ms", "self ms", "%")?;
        for line in &self.lines {
            let [total, own] = [line.total_ns, line.self_ns].map(|time| time as f64 / 1e6);
            write!(f, "\n{:>12} {total:>12.3} {own:>12.3} {:>6.1}", line.calls, line.percent)?;
            write!(f, "  {}", line.function)?;
            if let Some(name) = &line.name {
                write!(f, " {}", quoted(name))?;
            }
        }
        if let Some(more @ 1..) = self.functions.checked_sub(self.lines.len()) {
            write!(f, "\nand {}: --profile-limit shows more", counted(more as u64, "more function"))?;
        }
        Ok(())
    }
}
