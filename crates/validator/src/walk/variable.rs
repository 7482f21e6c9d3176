//! Locals, globals, constants, references, `drop` and `select`.

use super::Walk;
use crate::{Client, Error, ErrorKind, packed_type::PackedType};
use rotifer_core::{FuncIdx, GlobalIdx, GlobalType, LocalIdx, Mutability};

const REFERENCES: &str = "illegal opcode: reference types are switched off";
const FLOATS: &str = "illegal opcode: floating-point support is switched off";

impl<C: Client, const CHECKED: bool> Walk<'_, '_, C, CHECKED> {
    /// Reads a local.
    #[inline(always)]
    fn local(&mut self) -> Result<(LocalIdx, PackedType), Error> {
        let local = self.reader.var_u32()?;
        match self.stacks.locals.get(local) {
            Some(ty) => Ok((LocalIdx(local), ty)),
            None => Err(self.unknown("local", local)),
        }
    }

    #[inline(always)]
    pub(super) fn local_get(&mut self) -> Result<(), Error> {
        let (local, ty) = self.local()?;
        self.push(ty)?;
        if self.follows() {
            let operand = self.client.local_get(local, ty.val_type(), &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn local_set(&mut self) -> Result<(), Error> {
        let (local, ty) = self.local()?;
        self.pop(ty)?;
        if self.follows() {
            let value = self.take()?;
            self.client.local_set(local, value, &mut self.stacks.operands);
        }
        Ok(())
    }

    #[inline(always)]
    pub(super) fn local_tee(&mut self) -> Result<(), Error> {
        let (local, ty) = self.local()?;
        self.pop(ty)?;
        self.push(ty)?;
        if self.follows() {
            let value = self.take()?;
            let operand = self.client.local_tee(local, ty.val_type(), value, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    /// Reads a global.
    fn global(&mut self) -> Result<(GlobalIdx, GlobalType), Error> {
        let global = self.reader.var_u32()?;
        match self.module.globals.get(global as usize) {
            Some(&ty) => Ok((GlobalIdx(global), ty)),
            None => Err(self.unknown("global", global)),
        }
    }

    pub(super) fn global_get(&mut self) -> Result<(), Error> {
        let (global, ty) = self.global()?;
        self.push(PackedType::new(ty.content))?;
        if self.follows() {
            let operand = self.client.global_get(global, ty.content, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    pub(super) fn global_set(&mut self) -> Result<(), Error> {
        let (global, ty) = self.global()?;
        if CHECKED && ty.mutability == Mutability::Const {
            return Err(self.invalid("global is immutable"));
        }
        self.pop(PackedType::new(ty.content))?;
        if self.follows() {
            let value = self.take()?;
            self.client.global_set(global, ty.content, value, &mut self.stacks.operands);
        }
        Ok(())
    }

    /// A constant, by its bits.
    #[inline(always)]
    pub(super) fn constant(&mut self, ty: PackedType, bits: u64) -> Result<(), Error> {
        self.push(ty)?;
        if self.follows() {
            let operand = self.client.constant(ty.val_type(), bits, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    pub(super) fn f32_const(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.floats, FLOATS)?;
        let bits = self.reader.u32_bits()?;
        self.constant(PackedType::F32, bits.into())
    }

    pub(super) fn f64_const(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.floats, FLOATS)?;
        let bits = self.reader.u64_bits()?;
        self.constant(PackedType::F64, bits)
    }

    pub(super) fn ref_null(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let ty = self.reader.heap_type()?;
        self.constant(PackedType::reference(ty), 0)
    }

    pub(super) fn ref_is_null(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let ty = self.pop_any()?;
        if CHECKED && !ty.is_ref() && ty != PackedType::BOTTOM {
            return Err(self.invalid("type mismatch: expected a reference"));
        }
        self.push(PackedType::I32)?;
        if self.follows() {
            let a = self.take()?;
            let operand = self.client.ref_is_null(a, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    pub(super) fn ref_func(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let func = FuncIdx(self.reader.var_u32()?);
        if func.index() >= self.module.functions.len() {
            return Err(self.unknown("function", func.0));
        }
        if CHECKED && !self.module.is_declared(func) {
            return Err(self.invalid("undeclared function reference"));
        }
        self.push(PackedType::FUNCREF)?;
        if self.follows() {
            let operand = self.client.ref_func(func, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }

    pub(super) fn drop(&mut self) -> Result<(), Error> {
        self.pop_any()?;
        if self.follows() {
            let a = self.take()?;
            self.client.drop(a, &mut self.stacks.operands);
        }
        Ok(())
    }

    pub(super) fn select(&mut self) -> Result<(), Error> {
        self.pop(PackedType::I32)?;
        let b = self.pop_any()?;
        let a = self.pop_any()?;
        if CHECKED && (a.is_ref() || b.is_ref()) {
            return Err(self.invalid("type mismatch: `select` of references needs a type"));
        }
        let ty = if a == PackedType::BOTTOM { b } else { a };
        if CHECKED && ty != b && b != PackedType::BOTTOM {
            return Err(self.invalid("type mismatch: the operands of `select` differ in type"));
        }
        self.finish_select(ty)
    }

    pub(super) fn select_typed(&mut self) -> Result<(), Error> {
        self.require(self.cx.features.reference_types, REFERENCES)?;
        let count = self.reader.var_u32()?;
        if count != 1 {
            return Err(Error::new(ErrorKind::Invalid, "invalid result arity", self.offset));
        }
        let ty = PackedType::new(self.reader.val_type(self.cx.features)?);
        self.pop(PackedType::I32)?;
        self.pop(ty)?;
        self.pop(ty)?;
        self.finish_select(ty)
    }

    fn finish_select(&mut self, ty: PackedType) -> Result<(), Error> {
        self.push(ty)?;
        if self.follows() {
            let condition = self.take()?;
            let b = self.take()?;
            let a = self.take()?;
            let operand = self.client.select(ty.val_type(), a, b, condition, &mut self.stacks.operands);
            self.stacks.operands.push(operand);
        }
        Ok(())
    }
}
