//! Keeps the process on one core, so that a sample is never split between two.

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins this thread to `core`, or to the last one it may use (the first ones take more interrupts), and
/// returns which.
pub fn pin(core: Option<usize>) -> Result<usize> {
    let allowed = sched_getaffinity(None).context("cannot read which cores may be used")?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|&core| allowed.is_set(core));
    let core = core.or(last).context("no core may be used")?;
    ensure!(core < CpuSet::MAX_CPU && allowed.is_set(core), "core {core} may not be used");
    let mut one = CpuSet::new();
    one.set(core);
    sched_setaffinity(None, &one).with_context(|| format!("cannot pin to core {core}"))?;
    Ok(core)
}
