//! [`Clocks`]: the time that a guest sees.

use crate::flags::ClockId;
use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long a guest waits before it is looked whether it shall stop.
const SLICE: Duration = Duration::from_millis(10);

/// The time that a guest sees.
#[derive(Clone, Debug)]
pub(crate) enum Clocks {
    /// The host's.
    System {
        /// What the monotonic clock counts from, so that it tells nothing of the host.
        start: Instant,
    },
    /// The same for each run: time passes when it is looked at, and when the guest waits.
    Deterministic {
        /// The real time of the start, since the epoch.
        start: Duration,
        /// What has passed.
        elapsed: Duration,
        /// What passes with each reading.
        step: Duration,
    },
}

impl Clocks {
    pub(crate) fn system() -> Self {
        Self::System { start: Instant::now() }
    }

    pub(crate) fn deterministic(start: SystemTime, step: Duration) -> Self {
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::Deterministic { start, elapsed: Duration::ZERO, step }
    }

    /// The time: since the epoch, or since the start of the run. A deterministic clock advances.
    pub(crate) fn read(&mut self, clock: ClockId) -> Duration {
        let now = self.now(clock);
        if let Self::Deterministic { elapsed, step, .. } = self {
            *elapsed = elapsed.saturating_add(*step);
        }
        now
    }

    /// The time, without a reading.
    pub(crate) fn now(&self, clock: ClockId) -> Duration {
        match (self, clock) {
            (Self::System { .. }, ClockId::Realtime) => {
                SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
            }
            (Self::System { start }, ClockId::Monotonic) => start.elapsed(),
            (Self::Deterministic { start, elapsed, .. }, ClockId::Realtime) => start.saturating_add(*elapsed),
            (Self::Deterministic { elapsed, .. }, ClockId::Monotonic) => *elapsed,
        }
    }

    /// The smallest difference between two readings.
    pub(crate) fn resolution(&self) -> Duration {
        match self {
            Self::System { .. } => Duration::from_nanos(1),
            Self::Deterministic { step, .. } => (*step).max(Duration::from_nanos(1)),
        }
    }

    /// Waits for some time, of which what is left is returned: a guest that waits can be stopped in between. A
    /// deterministic clock only advances.
    pub(crate) fn wait(&mut self, duration: Duration) -> Duration {
        match self {
            Self::System { .. } => {
                let start = Instant::now();
                thread::sleep(duration.min(SLICE));
                duration.saturating_sub(start.elapsed())
            }
            Self::Deterministic { elapsed, .. } => {
                *elapsed = elapsed.saturating_add(duration);
                Duration::ZERO
            }
        }
    }
}

/// Nanoseconds as the interface counts them: to the year 2554.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
