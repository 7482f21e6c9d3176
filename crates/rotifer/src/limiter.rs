//! [`ResourceLimiter`]: the embedder's say in how much a store may hold.

use crate::Error;

/// Decides how large memories and tables may become and how many there may be in a store.
///
/// It is asked when a memory or table is created (with a current size of 0) and before it grows, but not for
/// growth that the item's type forbids.
pub trait ResourceLimiter {
    /// Whether a memory may grow, in bytes. If not, `memory.grow` gives -1 to WebAssembly.
    ///
    /// # Errors
    /// Execution stops with the error. Use [`TrapCode::GrowthOperationLimited`](crate::TrapCode) for a trap.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error>;

    /// Whether a table may grow, in elements. If not, `table.grow` gives -1 to WebAssembly.
    ///
    /// # Errors
    /// As for [`memory_growing`](Self::memory_growing).
    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool, Error>;

    /// What it costs that a memory grows, in bytes, beyond what [`FuelCosts`](crate::FuelCosts) says. Asked before
    /// [`memory_growing`](Self::memory_growing), and not for new memories. Default: nothing.
    fn memory_growth_fuel(&mut self, _current: usize, _desired: usize) -> u64 {
        0
    }

    /// What it costs that a table grows, in elements. Default: nothing.
    fn table_growth_fuel(&mut self, _current: usize, _desired: usize) -> u64 {
        0
    }

    /// How many instances a store may have. Default: 10,000.
    fn instances(&self) -> usize {
        10_000
    }

    /// How many tables a store may have. Default: 10,000.
    fn tables(&self) -> usize {
        10_000
    }

    /// How many memories a store may have. Default: 10,000.
    fn memories(&self) -> usize {
        10_000
    }
}

/// A [`ResourceLimiter`] with fixed limits.
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    trap_on_grow_failure: bool,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimitsBuilder::new().build()
    }
}

impl StoreLimits {
    fn decide(&self, allowed: bool) -> Result<bool, Error> {
        if !allowed && self.trap_on_grow_failure {
            return Err(crate::TrapCode::GrowthOperationLimited.into());
        }
        Ok(allowed)
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> Result<bool, Error> {
        let limit = self.memory_size.unwrap_or(usize::MAX);
        self.decide(desired <= limit && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> Result<bool, Error> {
        let limit = self.table_elements.unwrap_or(usize::MAX);
        self.decide(desired <= limit && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

/// Builds [`StoreLimits`].
#[derive(Clone, Debug)]
pub struct StoreLimitsBuilder(StoreLimits);

impl Default for StoreLimitsBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl StoreLimitsBuilder {
    /// The default limits: 10,000 of each kind, of any size.
    pub fn new() -> Self {
        Self(StoreLimits {
            memory_size: None,
            table_elements: None,
            instances: 10_000,
            tables: 10_000,
            memories: 10_000,
            trap_on_grow_failure: false,
        })
    }

    /// Sets the largest size of a memory, in bytes.
    #[must_use]
    pub fn memory_size(mut self, bytes: usize) -> Self {
        self.0.memory_size = Some(bytes);
        self
    }

    /// Sets the largest size of a table, in elements.
    #[must_use]
    pub fn table_elements(mut self, elements: usize) -> Self {
        self.0.table_elements = Some(elements);
        self
    }

    /// Sets how many instances there may be.
    #[must_use]
    pub fn instances(mut self, count: usize) -> Self {
        self.0.instances = count;
        self
    }

    /// Sets how many tables there may be.
    #[must_use]
    pub fn tables(mut self, count: usize) -> Self {
        self.0.tables = count;
        self
    }

    /// Sets how many memories there may be.
    #[must_use]
    pub fn memories(mut self, count: usize) -> Self {
        self.0.memories = count;
        self
    }

    /// Sets whether growth beyond a limit is a trap instead of a failure that WebAssembly can see.
    #[must_use]
    pub fn trap_on_grow_failure(mut self, trap: bool) -> Self {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits.
    pub fn build(self) -> StoreLimits {
        self.0
    }
}
