//! Constant expressions: read, checked and decoded in one go
//! ([spec](https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions)).
//!
//! They are checked in full whatever the trust: it costs next to nothing, and whoever evaluates one may then
//! rely on its stack never running empty.

use crate::{
    ConstExpr, ConstOp, Error, ErrorKind,
    packed_type::PackedType,
    reader::Reader,
    sections::ModuleReader,
    signature::{Class, SIGNATURES},
    type_reader::require,
};
use alloc::format;
use rotifer_bytecode::Operator;
use rotifer_core::{FuncIdx, GlobalIdx, Mutability, WasmOffset};
use smallvec::SmallVec;

const REQUIRED: &str = "constant expression required";

impl ModuleReader<'_> {
    /// Reads a constant expression of type `expected`, up to its `end`.
    #[inline]
    pub(crate) fn const_expr(
        &mut self,
        reader: &mut Reader,
        expected: PackedType,
    ) -> Result<ConstExpr, Error> {
        if expected == PackedType::I32
            && let Some(value) = reader.i32_const_expr()
        {
            return Ok(ConstExpr::One(ConstOp::Const(value as u32 as u64)));
        }
        self.any_const_expr(reader, expected)
    }

    fn any_const_expr(&mut self, reader: &mut Reader, expected: PackedType) -> Result<ConstExpr, Error> {
        let mut ops = SmallVec::<[ConstOp; 4]>::new();
        let mut stack = SmallVec::<[PackedType; 4]>::new();
        loop {
            let offset = reader.offset();
            let opcode = reader.u8()?;
            let signature = &SIGNATURES[usize::from(opcode)];
            let (op, ty) = match signature.class {
                Class::End => {
                    check_result(&stack, expected, offset)?;
                    return Ok(match ops[..] {
                        [op] => ConstExpr::One(op),
                        _ => ConstExpr::Many(ops[..].into()),
                    });
                }
                Class::Binary(operator) => {
                    self.check_constant_binary(operator, offset)?;
                    let operands = [signature.a, signature.b];
                    if !stack.ends_with(&operands) {
                        return Err(Error::new(ErrorKind::Invalid, "type mismatch", offset));
                    }
                    stack.truncate(stack.len() - operands.len());
                    (ConstOp::Binary(operator), signature.result)
                }
                class => self.const_operand(class, reader, offset)?,
            };
            ops.push(op);
            stack.push(ty);
        }
    }

    /// Reads the rest of an operator without operands.
    fn const_operand(
        &mut self,
        class: Class,
        reader: &mut Reader,
        offset: WasmOffset,
    ) -> Result<(ConstOp, PackedType), Error> {
        let floats = "floating-point support is switched off";
        let references = "reference types are switched off";
        Ok(match class {
            Class::I32Const => (ConstOp::Const(reader.var_i32()? as u32 as u64), PackedType::I32),
            Class::I64Const => (ConstOp::Const(reader.var_i64()? as u64), PackedType::I64),
            Class::F32Const => {
                require(self.features.floats, floats, offset)?;
                (ConstOp::Const(reader.u32_bits()?.into()), PackedType::F32)
            }
            Class::F64Const => {
                require(self.features.floats, floats, offset)?;
                (ConstOp::Const(reader.u64_bits()?), PackedType::F64)
            }
            Class::GlobalGet => {
                let global = GlobalIdx(reader.var_u32()?);
                (ConstOp::GlobalGet(global), self.constant_global(global, offset)?)
            }
            Class::RefNull => {
                require(self.features.reference_types, references, offset)?;
                (ConstOp::RefNull, PackedType::reference(reader.heap_type()?))
            }
            Class::RefFunc => {
                require(self.features.reference_types, references, offset)?;
                let func = FuncIdx(reader.var_u32()?);
                self.declare_function(func, offset)?;
                (ConstOp::RefFunc(func), PackedType::FUNCREF)
            }
            Class::Illegal => {
                return Err(Error::new(ErrorKind::Malformed, "illegal opcode", offset));
            }
            _ => return Err(Error::new(ErrorKind::Invalid, REQUIRED, offset)),
        })
    }

    fn check_constant_binary(&self, operator: Operator, offset: WasmOffset) -> Result<(), Error> {
        use Operator::{I32Add, I32Mul, I32Sub, I64Add, I64Mul, I64Sub};
        if !matches!(operator, I32Add | I32Sub | I32Mul | I64Add | I64Sub | I64Mul) {
            return Err(Error::new(ErrorKind::Invalid, REQUIRED, offset));
        }
        require(
            self.features.extended_const,
            "constant expression required: arithmetic in constant expressions is switched off",
            offset,
        )
    }

    /// The type of a global that a constant expression may read: imported and immutable. (The GC proposal
    /// allows all preceding globals.)
    fn constant_global(&self, global: GlobalIdx, offset: WasmOffset) -> Result<PackedType, Error> {
        let Some(ty) = self.module.globals.get(global.index()) else {
            return Err(Error::new(ErrorKind::Invalid, format!("unknown global {global}"), offset));
        };
        if global.0 >= self.module.imported_globals {
            return Err(Error::new(
                ErrorKind::Invalid,
                format!("unknown global {global}: constant expressions may use imported globals only"),
                offset,
            ));
        }
        if ty.mutability == Mutability::Var {
            return Err(Error::new(
                ErrorKind::Invalid,
                "constant expression required: the global is mutable",
                offset,
            ));
        }
        Ok(PackedType::new(ty.content))
    }
}

fn check_result(stack: &[PackedType], expected: PackedType, offset: WasmOffset) -> Result<(), Error> {
    match stack {
        [ty] if *ty == expected => Ok(()),
        [ty] => {
            let message = format!("type mismatch: expected {expected}, found {ty}");
            Err(Error::new(ErrorKind::Invalid, message, offset))
        }
        _ => {
            let message = format!("type mismatch: expected one value, found {}", stack.len());
            Err(Error::new(ErrorKind::Invalid, message, offset))
        }
    }
}
