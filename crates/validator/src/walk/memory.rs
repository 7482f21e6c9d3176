//! Loads, stores and everything else that deals with memories; wide arithmetic.

use super::Walk;
use crate::{BulkOp, Client, Error, ErrorKind, MemArg, packed_type::PackedType, signature::Signature};
use rotifer_bytecode::Operator;
use rotifer_core::{DataIdx, MemIdx, ValType};

const BULK_MEMORY: &str = "illegal opcode: bulk memory is switched off";

impl<C: Client, const CHECKED: bool> Walk<'_, '_, C, CHECKED> {
    /// Reads the immediate of a load or a store
    /// ([spec](https://webassembly.github.io/spec/core/binary/instructions.html#binary-memarg)).
    #[inline(always)]
    fn mem_arg(&mut self, signature: &Signature) -> Result<MemArg, Error> {
        let at = self.reader.offset();
        let mut flags = self.reader.var_u32()?;
        let mut memory = MemIdx(0);
        if flags >= 1 << 5 {
            // Bit 6 says that a memory follows. The bits below it are the alignment; version 2 of the
            // specification, which knew of no such bit, called an alignment from 2^32 on malformed.
            let mut reserved = flags >> 5;
            if self.cx.features.multi_memory {
                if flags & 1 << 6 != 0 {
                    flags ^= 1 << 6;
                    memory = MemIdx(self.reader.var_u32()?);
                }
                reserved = flags >> 6;
            }
            if reserved != 0 {
                return Err(Error::new(ErrorKind::Malformed, "malformed memop flags", at));
            }
        }
        let offset =
            if self.cx.features.memory64 { self.reader.var_u64()? } else { self.reader.var_u32()?.into() };
        if CHECKED && flags > u32::from(signature.natural_alignment) {
            return Err(self.invalid("alignment must not be larger than natural"));
        }
        let memory64 = self.memory64(memory)?;
        if !memory64 && u32::try_from(offset).is_err() {
            return Err(self.invalid("offset out of range"));
        }
        Ok(MemArg { memory, offset, memory64 })
    }

    /// Whether a memory has 64-bit addresses.
    #[inline]
    fn memory64(&self, memory: MemIdx) -> Result<bool, Error> {
        match self.module.memories.get(memory.index()) {
            Some(ty) => Ok(ty.memory64),
            None => Err(self.unknown("memory", memory.0)),
        }
    }

    #[inline(always)]
    pub(super) fn load(&mut self, operator: Operator, signature: &Signature) -> Result<(), Error> {
        self.check_gates(signature)?;
        let arg = self.mem_arg(signature)?;
        self.pop(PackedType::address(arg.memory64))?;
        self.push(signature.result)?;
        if self.follows() {
            let address = self.take()?;
            let operand = self.client.load(operator, arg, address, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn store(&mut self, operator: Operator, signature: &Signature) -> Result<(), Error> {
        self.check_gates(signature)?;
        let arg = self.mem_arg(signature)?;
        self.pop(signature.b)?;
        self.pop(PackedType::address(arg.memory64))?;
        if self.follows() {
            let value = self.take()?;
            let address = self.take()?;
            self.client.store(operator, arg, address, value, &mut self.stacks.operands);
        }
        Ok(())
    }

    /// An operator that is executed out of line: checks its operands, the last of which is on top.
    pub(super) fn bulk(
        &mut self,
        op: BulkOp,
        operands: &[PackedType],
        result: Option<PackedType>,
    ) -> Result<(), Error> {
        debug_assert_eq!(operands.len(), op.operands() as usize, "{op:?}");
        debug_assert_eq!(result.is_some(), op.has_result(), "{op:?}");
        operands.iter().rev().try_for_each(|&ty| self.pop(ty))?;
        result.map_or(Ok(()), |ty| self.push(ty))?;
        if self.follows() {
            self.client.bulk(op, &mut self.stacks.operands);
            self.discard(operands.len());
            if let Some(ty) = result {
                self.push_fresh(ty.as_slice());
            }
        }
        Ok(())
    }

    /// Reads a memory and the type of its addresses.
    fn memory(&mut self) -> Result<(MemIdx, PackedType), Error> {
        let memory = MemIdx(self.reader.var_u32()?);
        Ok((memory, PackedType::address(self.memory64(memory)?)))
    }

    /// Reads a memory where a zero byte stood before there were several.
    fn memory_or_zero(&mut self) -> Result<(MemIdx, PackedType), Error> {
        if self.cx.features.multi_memory {
            return self.memory();
        }
        let memory = MemIdx(self.zero_byte()?);
        Ok((memory, PackedType::address(self.memory64(memory)?)))
    }

    /// Checks a data segment. Bodies come before the data section, so the number of segments was told in advance.
    fn data_segment(&self, data: u32) -> Result<DataIdx, Error> {
        match self.module.data_count {
            Some(count) if data < count => Ok(DataIdx(data)),
            Some(_) => Err(self.unknown("data segment", data)),
            None => Err(Error::new(ErrorKind::Malformed, "data count section required", self.offset)),
        }
    }

    pub(super) fn memory_size(&mut self) -> Result<(), Error> {
        let (memory, address) = self.memory_or_zero()?;
        self.push(address)?;
        if self.follows() {
            let operand = self.client.memory_size(memory, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    pub(super) fn memory_grow(&mut self) -> Result<(), Error> {
        let (memory, address) = self.memory_or_zero()?;
        self.bulk(BulkOp::MemoryGrow(memory), &[address], Some(address))
    }

    pub(super) fn memory_init(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let data = self.reader.var_u32()?;
        let (memory, address) = self.memory()?;
        let data = self.data_segment(data)?;
        self.bulk(BulkOp::MemoryInit(data, memory), &[address, PackedType::I32, PackedType::I32], None)
    }

    pub(super) fn data_drop(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let data = self.reader.var_u32()?;
        let data = self.data_segment(data)?;
        self.bulk(BulkOp::DataDrop(data), &[], None)
    }

    pub(super) fn memory_copy(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let (destination, to) = self.memory()?;
        let (source, from) = self.memory()?;
        // The size must fit both.
        let size = if to == from { to } else { PackedType::I32 };
        self.bulk(BulkOp::MemoryCopy(destination, source), &[to, from, size], None)
    }

    pub(super) fn memory_fill(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.bulk_memory, BULK_MEMORY)?;
        let (memory, address) = self.memory()?;
        self.bulk(BulkOp::MemoryFill(memory), &[address, PackedType::I32, address], None)
    }

    /// `i64.add128` and its kin.
    pub(super) fn wide(&mut self, opcode: u16) -> Result<(), Error> {
        self.require(self.cx.features.wide_arithmetic, "illegal opcode: wide arithmetic is switched off")?;
        let operands = [ValType::I64; 4];
        let operands = if opcode <= 0xFC14 { &operands[..] } else { &operands[..2] };
        let results = &[ValType::I64; 2];
        self.pop_list(operands)?;
        self.push_list(results)?;
        if self.follows() {
            self.client.wide(opcode, &mut self.stacks.operands);
            self.discard(operands.len());
            self.push_fresh(results);
        }
        Ok(())
    }
}
