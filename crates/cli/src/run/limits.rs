//! What a program may use: memory, stack, fuel, time. And what ends it when that is too much.

use super::host::State;
use crate::{
    exit::{self, Exit},
    quantity,
};
use anyhow::{Context, Result};
use rotifer::{Config, Store, StoreLimits, StoreLimitsBuilder};
use serde::Serialize;
use std::{
    fmt, process, thread,
    time::{Duration, Instant},
};

/// How long a program that has been stopped may stay in a function of the host, where nothing can stop it but the
/// end of the process.
const GRACE: Duration = Duration::from_secs(1);

/// What a program may use.
#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitOptions {
    /// How much fuel the program has: about one for each instruction, as docs/FUEL.md defines.
    #[arg(long, value_name = "FUEL", value_parser = quantity::parse_count)]
    fuel: Option<u64>,
    /// Prints at the end how much fuel the program has consumed.
    #[arg(long)]
    fuel_report: bool,
    /// How long the program may run, as in 500ms, 2s or 1.5m.
    #[arg(long, value_name = "DURATION", value_parser = quantity::parse_duration)]
    timeout: Option<Duration>,
    /// How large each memory may become, as in 64k or 16MiB. Growth beyond fails as it does when the machine has
    /// no memory left.
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_size)]
    max_memory: Option<usize>,
    /// How much the frames of active calls may take together [default: 1MiB].
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_size)]
    max_stack: Option<usize>,
    /// How deeply calls may nest [default: 10000].
    #[arg(long, value_name = "CALLS")]
    max_call_depth: Option<usize>,
}

/// What became of the fuel.
#[derive(Serialize, Clone, Copy)]
pub(super) struct Fuel {
    consumed: u64,
    /// None if there was no limit.
    left: Option<u64>,
}

impl fmt::Display for Fuel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fuel: {} consumed", self.consumed)?;
        match self.left {
            Some(left) => write!(f, ", {left} left"),
            None => Ok(()),
        }
    }
}

impl LimitOptions {
    /// Tells an engine what it will have to watch.
    pub(super) fn configure(&self, config: &mut Config) {
        config.consume_fuel(self.is_metered()).interruptible(self.is_interruptible());
        if let Some(bytes) = self.max_stack {
            config.max_stack_size(bytes);
        }
        if let Some(calls) = self.max_call_depth {
            config.max_call_depth(calls);
        }
    }

    /// The limits of memories.
    pub(super) fn store_limits(&self) -> StoreLimits {
        let mut limits = StoreLimitsBuilder::new();
        if let Some(bytes) = self.max_memory {
            limits = limits.memory_size(bytes);
        }
        limits.build()
    }

    /// Fuel is counted.
    fn is_metered(&self) -> bool {
        self.fuel.is_some() || self.fuel_report
    }

    /// Whether the program has to look now and then whether it shall stop.
    fn is_interruptible(&self) -> bool {
        self.timeout.is_some() || self.is_metered()
    }

    /// Fills the tank and starts the clock.
    pub(super) fn start(&self, store: &mut Store<State>) -> Result<()> {
        if self.is_metered() {
            store.set_fuel(self.fuel.unwrap_or(u64::MAX))?;
        }
        // Later than any clock can show is never.
        if let Some(deadline) = self.timeout.and_then(|timeout| Instant::now().checked_add(timeout)) {
            store.set_deadline(Some(deadline))?;
            thread::spawn(move || {
                thread::sleep(deadline.saturating_duration_since(Instant::now()));
                end_soon(Exit::Timeout, "the time is up, and a function of the host does not return");
            });
        }
        if self.is_interruptible() {
            let handle = store.interrupt_handle()?;
            let interrupt = move || {
                handle.interrupt();
                end_soon(Exit::Interrupted, "interrupted in a function of the host, which does not return");
            };
            ctrlc::set_handler(interrupt).context("cannot listen for Ctrl-C")?;
        }
        Ok(())
    }

    /// What became of the fuel, if it is counted.
    pub(super) fn fuel(&self, store: &Store<State>) -> Option<Fuel> {
        let left = store.get_fuel().ok()?;
        let consumed = self.fuel.unwrap_or(u64::MAX).saturating_sub(left);
        Some(Fuel { consumed, left: self.fuel.map(|_| left) })
    }

    /// Whether to tell it.
    pub(super) fn is_fuel_reported(&self) -> bool {
        self.fuel_report
    }
}

/// Ends the process, unless it ends by itself before long.
fn end_soon(exit: Exit, message: &str) {
    thread::sleep(GRACE);
    exit::message(message);
    process::exit(exit.code().into());
}
