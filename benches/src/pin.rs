//! Keeps the process on one core, so that a sample is never split between two, and lets it off where threads are
//! measured.

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

/// As long as it lives, this thread, and those that it starts, may use as many cores as were asked for.
pub struct Unpinned(CpuSet);

impl Unpinned {
    /// Lets this thread use `cores` cores: those that it may use already, and others that the machine has, also if the
    /// process was started with fewer.
    pub fn new(cores: usize) -> Result<Self> {
        let before = sched_getaffinity(None).context("cannot read which cores may be used")?;
        let unpinned = Self(before);
        let mut all = CpuSet::new();
        (0..CpuSet::MAX_CPU).for_each(|core| all.set(core));
        // The kernel leaves out what there is not.
        sched_setaffinity(None, &all).context("cannot use more cores")?;
        let existing = sched_getaffinity(None)?;
        let mut chosen = before;
        for core in (0..CpuSet::MAX_CPU).filter(|&core| existing.is_set(core)) {
            if (chosen.count() as usize) < cores {
                chosen.set(core);
            }
        }
        ensure!(chosen.count() as usize >= cores, "there are not {cores} cores");
        sched_setaffinity(None, &chosen).context("cannot use more cores")?;
        Ok(unpinned)
    }
}

impl Drop for Unpinned {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = sched_setaffinity(None, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_unpinned_is_pinned_again() {
        let core = pin(None).unwrap();
        match Unpinned::new(2) {
            Ok(unpinned) => {
                assert_eq!(sched_getaffinity(None).unwrap().count(), 2);
                drop(unpinned);
            }
            Err(error) => assert!(error.to_string().contains("cores"), "{error}"),
        }
        let now = sched_getaffinity(None).unwrap();
        assert!(now.is_set(core) && now.count() == 1);
    }
}
