//! Tables: references, and growth.

use crate::{machine::Options, memory::range};
use rotifer_core::TrapCode;
use std::ops::Range;
use wasmparser::TableType;

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    ty: TableType,
    pub(crate) elements: Vec<u64>,
}

impl Table {
    pub(crate) fn new(ty: TableType, init: u64) -> Self {
        Self { ty, elements: vec![init; ty.initial as usize] }
    }

    /// The element, if there is one with this index.
    pub(crate) fn get(&self, index: u64) -> Option<u64> {
        self.elements.get(usize::try_from(index).ok()?).copied()
    }

    pub(crate) fn set(&mut self, index: u64, value: u64) -> Result<(), TrapCode> {
        let range = self.range(index, 1)?;
        self.elements[range].fill(value);
        Ok(())
    }

    /// What `table.grow` gives where it fails.
    pub(crate) fn minus_one(&self) -> u64 {
        if self.ty.table64 { u64::MAX } else { u32::MAX.into() }
    }

    /// The size with so many more elements, if the table's type allows it: without a maximum that of its
    /// addresses.
    fn grown(&self, delta: u64) -> Option<u64> {
        let size = (self.elements.len() as u64).checked_add(delta)?;
        (size <= self.ty.maximum.unwrap_or(self.minus_one())).then_some(size)
    }

    /// How many elements such growth adds; none if it is not allowed.
    pub(crate) fn elements_added(&self, delta: u64) -> u64 {
        self.grown(delta).map_or(0, |_| delta)
    }

    /// Grows, if type and embedder allow it, and returns what `table.grow` gives.
    pub(crate) fn grow(&mut self, delta: u64, value: u64, options: &Options) -> Result<u64, TrapCode> {
        let before = self.elements.len() as u64;
        match self.grown(delta) {
            Some(size) if size <= options.max_table_elements => {
                self.elements.resize(size as usize, value);
                Ok(before)
            }
            Some(_) if options.refused_growth_traps => Err(TrapCode::GrowthOperationLimited),
            _ => Ok(self.minus_one()),
        }
    }

    /// A range of elements.
    pub(crate) fn range(&self, start: u64, len: u64) -> Result<Range<usize>, TrapCode> {
        range(self.elements.len(), start, len).ok_or(TrapCode::TableOutOfBounds)
    }
}
