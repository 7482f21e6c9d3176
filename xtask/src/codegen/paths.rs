//! The paths through a handler's machine code, whatever the machine.

use super::Code;
use anyhow::{Result, ensure};
use std::collections::HashSet;

/// More instructions than any handler has: beyond, the code is not that of a handler.
const MOST: usize = 2_000;

/// Registers whose value depends on flags, as bits by number.
pub(crate) type Selected = u32;

/// Who looks at instructions.
pub(crate) trait Walk {
    /// What was found so far.
    fn code(&self) -> &Code;

    /// Looks at the instruction at an address, and adds those that may come next.
    fn step(&mut self, address: u64, selected: Selected, left: &mut Vec<(u64, Selected)>) -> Result<()>;
}

/// Follows all paths from an address on.
pub(crate) fn follow<W: Walk>(mut walk: W, start: u64) -> Result<W> {
    let mut seen = HashSet::new();
    let mut left = vec![(start, 0)];
    while let Some((address, selected)) = left.pop() {
        if seen.insert((address, selected)) {
            ensure!(walk.code().instructions.len() < MOST, "the code at {start:#x} has no end");
            walk.step(address, selected, &mut left)?;
        }
    }
    Ok(walk)
}
