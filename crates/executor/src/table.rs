//! Tables. The bounds checks of all table operators are here; see [`Table`] for what the elements are.
//!
//! A table can go back to states that were marked ([`Table::mark`], [`Table::reset`]). The elements of a state are copied
//! when they are about to change for the first time, so that a table to which nobody writes has no copies.

use alloc::{boxed::Box, vec::Vec};
use core::{mem, ptr::NonNull};
use rotifer_core::{TableType, TrapCode};

use crate::{
    entity::Table,
    store::NewEntityError,
    usage::{Held, Tally},
};

/// No table grows beyond so many elements: the limit that all engines on the web share.
const MAX_ELEMENTS: u64 = 10_000_000;

/// A state that a table can go back to, by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TableMark(usize);

/// The states that a table can go back to.
#[derive(Debug, Default)]
pub(crate) struct TableStates {
    marked: Vec<TableState>,
    /// The state that the table is in.
    current: Option<usize>,
}

/// A state that a table can go back to.
#[derive(Debug)]
struct TableState {
    /// What the table's `dirty` was.
    dirty: bool,
    elements: Elements,
}

/// The elements of a state.
#[derive(Debug)]
enum Elements {
    /// Those that the table has.
    Current,
    Copied(Box<[u64]>),
    /// There was no memory for a copy.
    Lost,
}

impl TableStates {
    fn held(&self) -> usize {
        let copied = |state: &TableState| match &state.elements {
            Elements::Copied(elements) => size_of_val(&**elements),
            Elements::Current | Elements::Lost => 0,
        };
        self.marked.iter().map(copied).sum()
    }
}

impl Table {
    /// A table of its minimum size, filled with a reference.
    ///
    /// # Errors
    /// The host has not enough memory, or the size exceeds what any table may have.
    pub(crate) fn new(ty: TableType, init: u64, tally: Tally) -> Result<Self, NewEntityError> {
        let states = TableStates::default();
        let mut table =
            Self { elements: Vec::new(), ty, dirty: false, states, version: 0, tally, counted: 0 };
        if ty.minimum > MAX_ELEMENTS {
            return Err(NewEntityError::OutOfMemory);
        }
        table.elements.try_reserve_exact(ty.minimum as usize).map_err(|_| NewEntityError::OutOfMemory)?;
        table.elements.resize(ty.minimum as usize, init);
        table.count();
        Ok(table)
    }

    /// Makes the table what it was when it was new: of its minimum size, with nulls.
    pub(crate) fn renew(&mut self) {
        self.elements.clear();
        self.elements.resize(self.ty.minimum as usize, 0);
        self.dirty = false;
    }

    /// Marks the state, to go back to it.
    ///
    /// # Errors
    /// The host has not enough memory.
    pub(crate) fn mark(&mut self) -> Result<TableMark, NewEntityError> {
        let states = &mut self.states;
        if let Some(current) = states.current {
            return Ok(TableMark(current));
        }
        states.marked.try_reserve(1).map_err(|_| NewEntityError::OutOfMemory)?;
        states.marked.push(TableState { dirty: self.dirty, elements: Elements::Current });
        let mark = states.marked.len() - 1;
        states.current = Some(mark);
        Ok(TableMark(mark))
    }

    /// Whether it is possible to go back to a state: not if there was no memory for a copy of it.
    pub(crate) fn has(&self, mark: TableMark) -> bool {
        !matches!(self.states.marked[mark.0].elements, Elements::Lost)
    }

    /// Goes back to a state that the table [`has`](Self::has).
    pub(crate) fn reset(&mut self, mark: TableMark) {
        if self.states.current == Some(mark.0) {
            return;
        }
        self.touch();
        if let Elements::Copied(elements) = &self.states.marked[mark.0].elements {
            // The table has been as long before, so that there is room.
            self.elements.clear();
            self.elements.extend_from_slice(elements);
            self.dirty = self.states.marked[mark.0].dirty;
            self.states.current = Some(mark.0);
        }
    }

    /// The elements are about to change.
    fn touch(&mut self) {
        self.dirty = true;
        self.version += 1;
        if let Some(current) = self.states.current.take() {
            self.keep(current);
        }
    }

    /// Copies the elements of the current state, if that was not done before.
    #[cold]
    fn keep(&mut self, current: usize) {
        if !matches!(self.states.marked[current].elements, Elements::Current) {
            return;
        }
        let mut copy = Vec::new();
        self.states.marked[current].elements = match copy.try_reserve_exact(self.elements.len()) {
            Ok(()) => {
                copy.extend_from_slice(&self.elements);
                Elements::Copied(copy.into())
            }
            Err(_) => Elements::Lost,
        };
        self.count();
    }

    /// Whether [`renew`](Self::renew) is better than another table: one that has grown far keeps what it got.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        self.elements.capacity() as u64 / 2 <= self.ty.minimum.max(1 << 10)
    }

    /// Counts the table as one of a store.
    pub(crate) fn count(&mut self) {
        let held = self.held();
        self.tally.add(Held::Tables, held);
        self.tally.sub(Held::Tables, mem::replace(&mut self.counted, held));
    }

    /// Counts the table no longer, and forgets the states that it could go back to.
    pub(crate) fn retire(&mut self) {
        self.states = TableStates::default();
        self.tally.sub(Held::Tables, mem::take(&mut self.counted));
    }

    /// Bytes allocated for elements, those of marked states included.
    pub(crate) fn held(&self) -> usize {
        self.elements.capacity() * size_of::<u64>() + self.states.held()
    }

    /// The type with the current size as its minimum.
    pub fn current_type(&self) -> TableType {
        TableType { minimum: self.size(), ..self.ty }
    }

    /// The size in elements.
    pub fn size(&self) -> u64 {
        self.elements.len() as u64
    }

    /// An element.
    pub fn get(&self, index: u64) -> Option<u64> {
        self.elements.get(usize::try_from(index).ok()?).copied()
    }

    /// Replaces an element.
    ///
    /// # Errors
    /// The index is beyond the table's end.
    pub fn set(&mut self, index: u64, value: u64) -> Result<(), TrapCode> {
        self.fill(index, value, 1)
    }

    /// Grows the table and returns its size before, or nothing if its type or the host does not allow it.
    pub fn grow(&mut self, delta: u64, value: u64) -> Option<u64> {
        let size = self.size();
        let new_size = size.checked_add(delta)?;
        if new_size > self.ty.maximum.unwrap_or(u64::MAX).min(MAX_ELEMENTS) {
            return None;
        }
        self.elements.try_reserve(delta as usize).ok()?;
        self.touch();
        self.elements.resize(new_size as usize, value);
        self.count();
        Some(size)
    }

    /// How often the elements have changed: if it is the same as before, they are the same.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All elements.
    pub fn elements(&self) -> &[u64] {
        &self.elements
    }

    /// Sees to it that the table can have so many elements, whatever its size.
    ///
    /// # Errors
    /// Its type does not allow it, or the host has not enough memory.
    pub fn reserve_size(&mut self, size: u64) -> Result<(), NewEntityError> {
        if size > self.ty.maximum.unwrap_or(u64::MAX).min(MAX_ELEMENTS) {
            return Err(NewEntityError::OutOfMemory);
        }
        let more = (size as usize).saturating_sub(self.elements.len());
        self.elements.try_reserve(more).map_err(|_| NewEntityError::OutOfMemory)?;
        self.count();
        Ok(())
    }

    /// Replaces all elements, by as many as were [reserved](Self::reserve_size).
    pub fn replace(&mut self, elements: &[u64]) {
        self.touch();
        self.elements.clear();
        self.elements.extend_from_slice(elements);
    }

    /// Fills a range with a reference.
    ///
    /// # Errors
    /// The range reaches beyond the table's end.
    pub fn fill(&mut self, index: u64, value: u64, len: u64) -> Result<(), TrapCode> {
        let range = range(self.elements.len(), index, len)?;
        self.touch();
        self.elements[range].fill(value);
        Ok(())
    }

    /// `table.init`: copies a range of an element segment.
    pub(crate) fn init(&mut self, index: u64, elements: &[u64], from: u64, len: u64) -> Result<(), TrapCode> {
        let from = range(elements.len(), from, len)?;
        let to = range(self.elements.len(), index, len)?;
        self.touch();
        self.elements[to].copy_from_slice(&elements[from]);
        Ok(())
    }

    /// `table.copy`, within a table or between two.
    ///
    /// # Safety
    /// I-ENTITY for both, and nobody else has references to them.
    pub(crate) unsafe fn copy(
        mut to: NonNull<Self>,
        to_index: u64,
        from: NonNull<Self>,
        from_index: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        // SAFETY: promised by the caller; the reference ends with the statement.
        let from_range = range(unsafe { from.as_ref() }.elements.len(), from_index, len)?;
        // SAFETY: promised by the caller; it is the only reference unless the tables differ.
        let to_table = unsafe { to.as_mut() };
        let to_range = range(to_table.elements.len(), to_index, len)?;
        to_table.touch();
        let to_elements = &mut to_table.elements;
        if to == from {
            to_elements.copy_within(from_range, to_range.start);
        } else {
            // SAFETY: promised by the caller, and this table is another one.
            let from_elements = unsafe { &from.as_ref().elements };
            to_elements[to_range].copy_from_slice(&from_elements[from_range]);
        }
        Ok(())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        self.retire();
    }
}

/// A range within something of a length, if it lies there.
fn range(size: usize, start: u64, len: u64) -> Result<core::ops::Range<usize>, TrapCode> {
    match start.checked_add(len) {
        Some(end) if end <= size as u64 => Ok(start as usize..end as usize),
        _ => Err(TrapCode::TableOutOfBounds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rotifer_core::RefType;

    #[test]
    fn ranges_are_checked_without_overflow() {
        let mut table = Table::new(TableType::new64(RefType::FUNCREF, 4, None), 0, Tally::NONE).unwrap();
        assert_eq!(table.get(4), None);
        assert_eq!(table.get(u64::MAX), None);
        assert_eq!(table.set(3, 9), Ok(()));
        assert_eq!(table.set(4, 9), Err(TrapCode::TableOutOfBounds));
        assert_eq!(table.fill(u64::MAX, 1, 1), Err(TrapCode::TableOutOfBounds));
        assert_eq!(table.fill(4, 1, 0), Ok(()));
        assert_eq!(table.fill(5, 1, 0), Err(TrapCode::TableOutOfBounds));
        assert_eq!(table.init(0, &[1, 2, 3], 1, 2), Ok(()));
        assert_eq!(table.init(0, &[1, 2, 3], 2, 2), Err(TrapCode::TableOutOfBounds));
        assert_eq!(table.init(3, &[1, 2, 3], 0, 2), Err(TrapCode::TableOutOfBounds));
        assert_eq!(table.elements, [2, 3, 0, 9]);
        let this = NonNull::from(&mut table);
        // SAFETY: I-STORE: nobody else uses the table.
        let copied = unsafe { (Table::copy(this, 1, this, 0, 3), Table::copy(this, 2, this, 0, 3)) };
        assert_eq!(copied, (Ok(()), Err(TrapCode::TableOutOfBounds)));
        assert_eq!(table.elements, [2, 2, 3, 0]);
    }

    #[test]
    fn states_come_back() {
        let mut table = Table::new(TableType::new(RefType::FUNCREF, 2, None), 1, Tally::NONE).unwrap();
        let first = table.mark().unwrap();
        assert_eq!(table.mark(), Ok(first));
        table.reset(first);
        assert!(!table.dirty);
        assert_eq!(table.held(), 2 * size_of::<u64>());
        table.grow(3, 7).unwrap();
        let second = table.mark().unwrap();
        table.reset(first);
        assert_eq!((&*table.elements, table.dirty), (&[1, 1][..], false));
        table.reset(second);
        assert_eq!((&*table.elements, table.dirty), (&[1, 1, 7, 7, 7][..], true));
        table.reset(first);
        // It is in its first state: no other one is made.
        assert_eq!(table.mark(), Ok(first));
        table.set(1, 3).unwrap();
        let third = table.mark().unwrap();
        for (mark, elements) in [(first, &[1, 1][..]), (third, &[1, 3]), (second, &[1, 1, 7, 7, 7])] {
            assert!(table.has(mark));
            table.reset(mark);
            assert_eq!(table.elements, elements);
        }
    }

    #[test]
    fn growth_is_limited_by_type_and_implementation() {
        let mut table = Table::new(TableType::new(RefType::FUNCREF, 1, Some(3)), 5, Tally::NONE).unwrap();
        assert_eq!(table.grow(3, 0), None);
        assert_eq!(table.grow(2, 7), Some(1));
        assert_eq!(table.elements, [5, 7, 7]);
        let mut large = Table::new(TableType::new64(RefType::FUNCREF, 0, None), 0, Tally::NONE).unwrap();
        assert_eq!(large.grow(u64::MAX, 0), None);
        assert_eq!(large.grow(MAX_ELEMENTS + 1, 0), None);
        assert!(Table::new(TableType::new64(RefType::FUNCREF, u64::MAX, None), 0, Tally::NONE).is_err());
    }
}
