//! Operators that work on ranges, and growth: what their lengths cost, and what they do.

use super::{Machine, Stop};
use rotifer_core::TrapCode;
use wasmparser::Operator::{self, *};

impl Machine<'_> {
    /// "Lengths are charged when the instruction is executed, before it has any effect and before it is known
    /// whether it traps."
    pub(super) fn pay_for_length(&mut self, operator: &Operator<'_>) -> Result<(), Stop> {
        if !crate::region::costs_by_length(operator) {
            return Ok(());
        }
        // The length is the last operand of all of them.
        let len = *self.stack.last().expect("validation counted the operands");
        let costs = &self.options.costs;
        let required = match *operator {
            MemoryGrow { mem } => costs.of_bytes(self.memories[mem as usize].bytes_added(len)),
            TableGrow { table } => costs.of_elements(self.tables[table as usize].elements_added(len)),
            MemoryFill { .. } | MemoryCopy { .. } | MemoryInit { .. } => costs.of_bytes(len),
            _ => costs.of_elements(len),
        };
        self.fuel = self.fuel.checked_sub(required).ok_or(Stop::OutOfFuel(required))?;
        Ok(())
    }

    pub(super) fn bulk_memory(&mut self, operator: &Operator<'_>) -> Result<bool, TrapCode> {
        match *operator {
            MemoryGrow { mem } => {
                let delta = self.pop();
                let result = self.memories[mem as usize].grow(delta, &self.options)?;
                self.stack.push(result);
            }
            MemoryFill { mem } => {
                let [to, byte, len] = self.pop_all();
                let memory = &mut self.memories[mem as usize];
                let range = memory.range(to, len)?;
                memory.bytes[range].fill(byte as u8);
            }
            MemoryCopy { dst_mem, src_mem } => {
                let [to, from, len] = self.pop_all();
                let source = &self.memories[src_mem as usize];
                let bytes = source.bytes[source.range(from, len)?].to_vec();
                let target = &mut self.memories[dst_mem as usize];
                let range = target.range(to, len)?;
                target.bytes[range].copy_from_slice(&bytes);
            }
            MemoryInit { data_index, mem } => {
                let [to, from, len] = self.pop_all();
                self.init_memory(mem, data_index, [to, from, len])?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Copies a part of a data segment.
    pub(super) fn init_memory(
        &mut self,
        memory: u32,
        data: u32,
        [to, from, len]: [u64; 3],
    ) -> Result<(), TrapCode> {
        let data = self.data[data as usize];
        let from = crate::memory::range(data.len(), from, len).ok_or(TrapCode::MemoryOutOfBounds)?;
        let memory = &mut self.memories[memory as usize];
        let to = memory.range(to, len)?;
        memory.bytes[to].copy_from_slice(&data[from]);
        Ok(())
    }

    pub(super) fn bulk_table(&mut self, operator: &Operator<'_>) -> Result<bool, TrapCode> {
        match *operator {
            TableGrow { table } => {
                let [value, delta] = self.pop_all();
                let result = self.tables[table as usize].grow(delta, value, &self.options)?;
                self.stack.push(result);
            }
            TableFill { table } => {
                let [to, value, len] = self.pop_all();
                let table = &mut self.tables[table as usize];
                let range = table.range(to, len)?;
                table.elements[range].fill(value);
            }
            TableCopy { dst_table, src_table } => {
                let [to, from, len] = self.pop_all();
                let source = &self.tables[src_table as usize];
                let elements = source.elements[source.range(from, len)?].to_vec();
                let target = &mut self.tables[dst_table as usize];
                let range = target.range(to, len)?;
                target.elements[range].copy_from_slice(&elements);
            }
            TableInit { elem_index, table } => {
                let [to, from, len] = self.pop_all();
                self.init_table(table, elem_index, [to, from, len])?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Copies a part of an element segment.
    pub(super) fn init_table(
        &mut self,
        table: u32,
        segment: u32,
        [to, from, len]: [u64; 3],
    ) -> Result<(), TrapCode> {
        let elements = &self.elements[segment as usize];
        let from = crate::memory::range(elements.len(), from, len).ok_or(TrapCode::TableOutOfBounds)?;
        let table = &mut self.tables[table as usize];
        let to = table.range(to, len)?;
        table.elements[to].copy_from_slice(&elements[from]);
        Ok(())
    }
}
