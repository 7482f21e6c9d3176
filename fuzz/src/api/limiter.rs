//! A resource limiter that refuses, fails and charges as it likes, but never lets anything become large.

use rotifer::{Error, ResourceLimiter, StoreLimits, StoreLimitsBuilder, TrapCode};

use super::pool::Dice;

/// Bytes of a memory, at most.
const MEMORY_BYTES: usize = 1 << 20;
/// Elements of a table, at most.
const TABLE_ELEMENTS: usize = 10_000;

/// A limiter.
pub(super) struct Limiter {
    dice: Dice,
    fixed: StoreLimits,
    /// Refuses or fails once in so many times.
    refuses: u64,
    charges: bool,
}

impl Limiter {
    pub(super) fn new(dice: &Dice) -> Self {
        let count = || 1 + dice.below(40) as usize;
        let fixed = StoreLimitsBuilder::new()
            .memory_size(dice.pick(&[0, 1, 65_536, 200_000, MEMORY_BYTES]))
            .table_elements(dice.pick(&[0, 1, 10, 1_000, TABLE_ELEMENTS]))
            .instances(count())
            .tables(count())
            .memories(count())
            .trap_on_grow_failure(dice.one_in(3))
            .build();
        Self { dice: dice.clone(), fixed, refuses: dice.pick(&[5, 100, u64::MAX]), charges: dice.one_in(3) }
    }

    fn decide(&self) -> Result<bool, Error> {
        if !self.dice.one_in(self.refuses) {
            return Ok(true);
        }
        match self.dice.below(4) {
            0 => Err(TrapCode::GrowthOperationLimited.into()),
            1 => Err(Error::new("the limiter fails")),
            2 => Err(Error::suspend()),
            _ => Ok(false),
        }
    }

    fn charge(&self) -> u64 {
        if self.charges { self.dice.pick(&[0, 1, 1_000, u64::MAX]) } else { 0 }
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error> {
        assert!(current <= desired, "a memory grows from {current} to {desired}");
        Ok(self.fixed.memory_growing(current, desired, maximum)? && self.decide()?)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error> {
        assert!(current <= desired, "a table grows from {current} to {desired}");
        Ok(self.fixed.table_growing(current, desired, maximum)? && self.decide()?)
    }

    fn memory_growth_fuel(&mut self, _: usize, _: usize) -> u64 {
        self.charge()
    }

    fn table_growth_fuel(&mut self, _: usize, _: usize) -> u64 {
        self.charge()
    }

    fn instances(&self) -> usize {
        self.fixed.instances()
    }

    fn tables(&self) -> usize {
        self.fixed.tables()
    }

    fn memories(&self) -> usize {
        self.fixed.memories()
    }
}
