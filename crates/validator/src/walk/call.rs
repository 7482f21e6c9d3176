//! Calls.

use super::Walk;
use crate::{Client, Error, ErrorKind, packed_type::PackedType};
use rotifer_core::{FuncIdx, FuncType, RefType, TableIdx, TypeIdx};

impl<'m, C: Client, const CHECKED: bool> Walk<'m, '_, C, CHECKED> {
    pub(super) fn call(&mut self) -> Result<(), Error> {
        let (func, ty) = self.callee()?;
        self.pop_list(ty.params())?;
        self.push_list(ty.results())?;
        if self.follows() {
            self.client.call(func, ty, &mut self.stacks.operands);
            self.discard(ty.params().len());
            self.push_fresh(ty.results());
        }
        Ok(())
    }

    pub(super) fn call_indirect(&mut self) -> Result<(), Error> {
        let type_idx = TypeIdx(self.reader.var_u32()?);
        let table = if self.cx.features.reference_types { self.reader.var_u32()? } else { self.zero_byte()? };
        let (table, ty, index) = self.indirect_callee(type_idx, table)?;
        self.pop_list(ty.params())?;
        self.push_list(ty.results())?;
        if let Some(index) = index {
            self.client.call_indirect(type_idx, ty, table, index, &mut self.stacks.operands);
            self.discard(ty.params().len());
            self.push_fresh(ty.results());
        }
        Ok(())
    }

    pub(super) fn return_call(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.tail_call, "illegal opcode: tail calls are switched off")?;
        let (func, ty) = self.callee()?;
        self.check_tail_call(ty)?;
        self.pop_list(ty.params())?;
        if self.follows() {
            self.client.return_call(func, ty, &mut self.stacks.operands);
        }
        self.set_unreachable();
        Ok(())
    }

    pub(super) fn return_call_indirect(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.tail_call, "illegal opcode: tail calls are switched off")?;
        let type_idx = TypeIdx(self.reader.var_u32()?);
        let table = self.reader.var_u32()?;
        let (table, ty, index) = self.indirect_callee(type_idx, table)?;
        self.check_tail_call(ty)?;
        self.pop_list(ty.params())?;
        if let Some(index) = index {
            self.client.return_call_indirect(type_idx, ty, table, index, &mut self.stacks.operands);
        }
        self.set_unreachable();
        Ok(())
    }

    /// Reads the function that is called.
    fn callee(&mut self) -> Result<(FuncIdx, &'m FuncType), Error> {
        let func = FuncIdx(self.reader.var_u32()?);
        if func.index() >= self.module.functions.len() {
            return Err(self.unknown("function", func.0));
        }
        Ok((func, self.module.func_type(func)))
    }

    /// Checks the immediates of an indirect call and pops the index, which is there in live code.
    fn indirect_callee(
        &mut self,
        ty: TypeIdx,
        table: u32,
    ) -> Result<(TableIdx, &'m FuncType, Option<C::Operand>), Error> {
        let Some(table_type) = self.module.tables.get(table as usize) else {
            return Err(self.unknown("table", table));
        };
        if CHECKED && table_type.element != RefType::FUNCREF {
            return Err(
                self.invalid("type mismatch: an indirect call through a table that is not of functions")
            );
        }
        self.pop(PackedType::address(table_type.table64))?;
        let index = if self.follows() { Some(self.take()?) } else { None };
        match self.module.types.get(ty.index()) {
            Some(ty) => Ok((TableIdx(table), ty, index)),
            None => Err(self.unknown("type", ty.0)),
        }
    }

    /// A tail call returns what the callee returns, so that must be what the function returns.
    fn check_tail_call(&self, callee: &FuncType) -> Result<(), Error> {
        let (expected, found) = (self.function_results(), callee.results());
        let fits = if CHECKED { expected == found } else { expected.len() == found.len() };
        if fits { Ok(()) } else { Err(self.invalid("type mismatch: a tail call of other results")) }
    }

    /// Reads a byte that must be zero: an index, before there were several of its kind.
    pub(super) fn zero_byte(&mut self) -> Result<u32, Error> {
        let offset = self.reader.offset();
        if self.reader.u8()? != 0 {
            return Err(Error::new(ErrorKind::Malformed, "zero byte expected", offset));
        }
        Ok(0)
    }
}
