//! Operators on tables.

use super::Walk;
use crate::{BulkOp, Client, Error, packed_type::PackedType};
use rotifer_core::{ElemIdx, RefType, TableIdx};

const REFERENCES: &str = "illegal opcode: reference types are switched off";
const BULK_MEMORY: &str = "illegal opcode: bulk memory is switched off";

/// A table that an operator names.
struct Table {
    idx: TableIdx,
    element: RefType,
    /// The type of its indices.
    index: PackedType,
}

impl Table {
    fn value(&self) -> PackedType {
        PackedType::reference(self.element)
    }
}

impl<C: Client, const CHECKED: bool> Walk<'_, '_, C, CHECKED> {
    /// Reads a table.
    fn table(&mut self) -> Result<Table, Error> {
        let idx = TableIdx(self.reader.var_u32()?);
        match self.module.tables.get(idx.index()) {
            Some(ty) => Ok(Table { idx, element: ty.element, index: PackedType::address(ty.table64) }),
            None => Err(self.unknown("table", idx.0)),
        }
    }

    /// Checks an element segment.
    fn element_segment(&self, elem: u32) -> Result<(ElemIdx, RefType), Error> {
        match self.module.elements.get(elem as usize) {
            Some(segment) => Ok((ElemIdx(elem), segment.ty)),
            None => Err(self.unknown("elem segment", elem)),
        }
    }

    /// Checks that elements of type `from` may go to a table.
    fn check_elements(&self, from: RefType, to: &Table) -> Result<(), Error> {
        if CHECKED && from != to.element {
            return Err(self.invalid("type mismatch: the elements are of another type than the table's"));
        }
        Ok(())
    }

    pub(super) fn table_get(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let table = self.table()?;
        self.bulk(BulkOp::TableGet(table.idx), &[table.index], Some(table.value()))
    }

    pub(super) fn table_set(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let table = self.table()?;
        self.bulk(BulkOp::TableSet(table.idx), &[table.index, table.value()], None)
    }

    pub(super) fn table_size(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let table = self.table()?;
        self.bulk(BulkOp::TableSize(table.idx), &[], Some(table.index))
    }

    pub(super) fn table_grow(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let table = self.table()?;
        self.bulk(BulkOp::TableGrow(table.idx), &[table.value(), table.index], Some(table.index))
    }

    pub(super) fn table_fill(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let table = self.table()?;
        self.bulk(BulkOp::TableFill(table.idx), &[table.index, table.value(), table.index], None)
    }

    pub(super) fn table_copy(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let to = self.table()?;
        let from = self.table()?;
        self.check_elements(from.element, &to)?;
        // The length must fit both.
        let len = if to.index == from.index { to.index } else { PackedType::I32 };
        self.bulk(BulkOp::TableCopy(to.idx, from.idx), &[to.index, from.index, len], None)
    }

    pub(super) fn table_init(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let elem = self.reader.var_u32()?;
        let table = self.table()?;
        let (elem, element) = self.element_segment(elem)?;
        self.check_elements(element, &table)?;
        self.bulk(BulkOp::TableInit(elem, table.idx), &[table.index, PackedType::I32, PackedType::I32], None)
    }

    pub(super) fn elem_drop(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let elem = self.reader.var_u32()?;
        let (elem, _) = self.element_segment(elem)?;
        self.bulk(BulkOp::ElemDrop(elem), &[], None)
    }
}
