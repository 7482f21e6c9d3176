//! Element and data segments.

use crate::{
    ConstExpr, DataSegment, ElementItems, ElementSegment, Error, ErrorKind, SegmentMode, Span,
    packed_type::PackedType,
    reader::{Reader, short_u32},
    sections::{ModuleReader, unknown},
    type_reader::{check_limit, require},
};
use alloc::vec::Vec;
use rotifer_core::{FuncIdx, MemIdx, RefType, TableIdx, WasmOffset};

impl ModuleReader<'_> {
    /// Reads an element segment
    /// ([spec](https://webassembly.github.io/spec/core/binary/modules.html#element-section)).
    pub(crate) fn element_segment(&mut self, reader: &mut Reader) -> Result<(), Error> {
        let start = reader.offset();
        // Bit 0: not active. Bit 1: declared, or with the index of a table. Bit 2: of expressions.
        let flags = reader.var_u32()?;
        if flags > 7 {
            return Err(Error::new(ErrorKind::Malformed, "malformed elements segment kind", start));
        }
        let mut table = None;
        let mode = if flags & 1 != 0 {
            require(self.features.bulk_memory, "passive segments need bulk memory, which is off", start)?;
            if flags & 2 != 0 { SegmentMode::Declared } else { SegmentMode::Passive }
        } else {
            let target = TableIdx(if flags & 2 != 0 { reader.var_u32()? } else { 0 });
            let Some(&ty) = self.module.tables.get(target.index()) else {
                return Err(unknown("table", target.0, start));
            };
            table = Some(ty);
            let offset = self.const_expr(reader, PackedType::address(ty.table64))?;
            SegmentMode::Active { target, offset }
        };
        let has_expressions = flags & 4 != 0;
        let mut ty = RefType::FUNCREF;
        if has_expressions {
            require(self.features.reference_types, "reference types are switched off", start)?;
        }
        if flags & 3 != 0 {
            if has_expressions {
                ty = reader.ref_type(self.features)?;
            } else {
                let offset = reader.offset();
                if reader.u8()? != 0 {
                    return Err(Error::new(ErrorKind::Malformed, "malformed element kind", offset));
                }
            }
        }
        if let Some(table) = table
            && table.element != ty
        {
            let message = alloc::format!("type mismatch: a segment of {ty} for a table of {}", table.element);
            return Err(Error::new(ErrorKind::Invalid, message, start));
        }
        let items = if has_expressions {
            self.element_expressions(reader, ty)?
        } else {
            self.element_functions(reader)?
        };
        self.module.counts.segment_elements += u64::from(items.len());
        self.module.elements.push(ElementSegment { ty, mode, items });
        Ok(())
    }

    fn element_count(&self, reader: &mut Reader) -> Result<u32, Error> {
        let offset = reader.offset();
        let count = reader.var_u32()?;
        let limit = self.limits.segment_elements;
        check_limit(count.into(), limit.into(), "elements of a segment", offset)?;
        Ok(count)
    }

    fn element_functions(&mut self, reader: &mut Reader) -> Result<ElementItems, Error> {
        let count = self.element_count(reader)?;
        let start = reader.position() as u32;
        let functions = self.module.functions.len();
        let declared = self.declared_functions();
        // As in `read_bodies`: the loop has in registers what it needs.
        let (bytes, mut position) = (reader.bytes_to_end(), reader.position());
        for _ in 0..count {
            if let Some((func, size)) = short_u32(bytes, position)
                && (func as usize) < functions
                && let Some(word) = declared.get_mut(func as usize / 64)
            {
                *word |= 1 << (func % 64);
                position += size;
                continue;
            }
            reader.seek(position);
            let offset = reader.offset();
            let func = FuncIdx(reader.var_u32()?);
            declare(declared, functions, func, offset)?;
            position = reader.position();
        }
        reader.seek(position);
        let span = Span { start, end: reader.position() as u32 };
        Ok(ElementItems::Functions { count, span })
    }

    fn element_expressions(&mut self, reader: &mut Reader, ty: RefType) -> Result<ElementItems, Error> {
        let count = self.element_count(reader)?;
        // An operator with an immediate, and the end.
        let mut expressions = Vec::with_capacity((reader.remaining() / 3).min(count as usize));
        for _ in 0..count {
            expressions.push(self.const_expr(reader, PackedType::reference(ty))?);
        }
        Ok(ElementItems::Expressions(expressions.into()))
    }

    /// Reads a data segment
    /// ([spec](https://webassembly.github.io/spec/core/binary/modules.html#data-section)).
    pub(crate) fn data_segment(&mut self, reader: &mut Reader) -> Result<(), Error> {
        let start = reader.offset();
        let mode = match reader.var_u32()? {
            1 => {
                require(self.features.bulk_memory, "passive segments need bulk memory, which is off", start)?;
                SegmentMode::Passive
            }
            flags @ (0 | 2) => {
                let target = MemIdx(if flags == 2 { reader.var_u32()? } else { 0 });
                let Some(ty) = self.module.memories.get(target.index()) else {
                    return Err(unknown("memory", target.0, start));
                };
                let address = PackedType::address(ty.memory64);
                SegmentMode::Active { target, offset: self.const_expr(reader, address)? }
            }
            _ => return Err(Error::new(ErrorKind::Malformed, "malformed data segment kind", start)),
        };
        let len = reader.var_u32_of_any_length()?;
        let span = reader.span(len)?;
        self.module.counts.data_bytes += u64::from(len);
        self.module.data.push(DataSegment { mode, span });
        Ok(())
    }

    /// Notes that a function occurs outside of bodies, so that `ref.func` may name it.
    pub(crate) fn declare_function(&mut self, func: FuncIdx, offset: WasmOffset) -> Result<(), Error> {
        let functions = self.module.functions.len();
        declare(self.declared_functions(), functions, func, offset)
    }

    /// The bits of functions that occur outside of bodies. The function section comes before everything that names
    /// functions.
    fn declared_functions(&mut self) -> &mut [u64] {
        let declared = &mut self.module.declared_functions;
        if declared.is_empty() {
            declared.resize(self.module.functions.len().div_ceil(64), 0);
        }
        declared
    }
}

#[inline]
fn declare(declared: &mut [u64], functions: usize, func: FuncIdx, offset: WasmOffset) -> Result<(), Error> {
    if func.index() >= functions {
        return Err(unknown("function", func.0, offset));
    }
    if let Some(word) = declared.get_mut(func.index() / 64) {
        *word |= 1 << (func.index() % 64);
    }
    Ok(())
}

/// An element of a segment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ElementItem<'a> {
    /// A function.
    Function(FuncIdx),
    /// The value of a constant expression.
    Expression(&'a ConstExpr),
}

impl ElementItems {
    /// The elements in order. `bytes` are those of the module that the segment was read from.
    pub fn items<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = ElementItem<'a>> {
        let (mut reader, expressions) = match self {
            Self::Functions { span, .. } => {
                let bytes = bytes.get(..span.end as usize).unwrap_or_default();
                (Reader::new(bytes, span.start as usize), [].as_slice())
            }
            Self::Expressions(expressions) => (Reader::new(&[], 0), &**expressions),
        };
        // The numbers were read before, so the first error is the end.
        let functions = core::iter::from_fn(move || reader.var_u32().ok());
        let functions = functions.take(if expressions.is_empty() { self.len() as usize } else { 0 });
        functions
            .map(|func| ElementItem::Function(FuncIdx(func)))
            .chain(expressions.iter().map(ElementItem::Expression))
    }
}
