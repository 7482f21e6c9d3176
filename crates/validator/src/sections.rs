//! [`Module::read`]: all sections of a module, and everything that can be validated without its bodies
//! ([spec](https://webassembly.github.io/spec/core/binary/modules.html)).
//!
//! One pass in the order of the file: an index may only refer to what was read before, except that bodies, which
//! are validated later, see the whole module. So the first error is the one with the lowest offset, and the
//! module that was read up to an error is good enough to validate the bodies in front of it.

use crate::{
    ConstExpr, ConstOp, DataSegment, Error, ErrorKind, Export, ExportItem, Import, ImportType, Module,
    SegmentMode, Span, WalkContext,
    packed_type::PackedType,
    reader::{Reader, short_u32},
    type_reader::{check_limit, disabled, limit_error, require},
};
use alloc::{format, vec::Vec};
use core::ops::Range;
use hashbrown::HashSet;
use rotifer_core::{
    Features, FuncIdx, GlobalIdx, GlobalType, Limits, MemIdx, MemoryType, Mutability, TableIdx, TableType,
    TypeIdx, WasmOffset,
};

/// How far a module is trusted when it is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trust {
    /// Everything is validated.
    Checked,
    /// The caller promises that the module is valid. What costs time to check and cannot harm is not checked:
    /// that names are UTF-8 and that export names are unique. Structure, indices and limits always are.
    Unchecked,
}

/// The error that an index refers to nothing.
#[cold]
pub(crate) fn unknown(what: &str, index: u32, offset: WasmOffset) -> Error {
    Error::new(ErrorKind::Invalid, format!("unknown {what} {index}"), offset)
}

/// A module in the making.
pub(crate) struct ModuleReader<'a> {
    pub(crate) features: &'a Features,
    pub(crate) limits: &'a Limits,
    pub(crate) module: Module,
    trust: Trust,
    bytes: &'a [u8],
    /// The place of the last section in the order of sections.
    last_order: u8,
    has_code: bool,
    has_data: bool,
}

impl Module {
    /// Reads all sections and validates everything but function bodies.
    pub fn read(bytes: &[u8], features: &Features, limits: &Limits, trust: Trust) -> Result<Self, Error> {
        let mut reader = ModuleReader::new(bytes, features, limits, trust);
        reader.module()?;
        Ok(reader.module)
    }

    /// Reads a module and validates all of it. The error is the one with the lowest byte offset, wherever it is.
    pub fn read_validated(bytes: &[u8], features: &Features, limits: &Limits) -> Result<Self, Error> {
        Self::read_validated_by(bytes, features, limits, |cx, bodies| cx.validate(bodies))
    }

    /// [`read_validated`](Self::read_validated), where `validate` validates some bodies, the first one that is defined
    /// among them, as [`WalkContext::validate`] does.
    pub fn read_validated_by(
        bytes: &[u8],
        features: &Features,
        limits: &Limits,
        validate: impl FnOnce(&WalkContext<'_>, Range<u32>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut reader = ModuleReader::new(bytes, features, limits, Trust::Checked);
        let end = reader.module().map_err(|error| (error.offset(), error));
        let module = reader.module;
        let before = end.as_ref().map_or_else(|(offset, _)| offset.0, |()| u32::MAX);
        // Bodies in front of an error of a later section come first, as do their errors.
        let count = module.bodies.partition_point(|body| body.start < before) as u32;
        let bodies = validate(&WalkContext { module: &module, bytes, features, limits }, 0..count);
        match (bodies, end) {
            (Ok(()), Ok(())) => Ok(module),
            (Ok(()), Err((_, error))) => Err(error),
            (Err(error), Err((offset, other))) if offset <= error.offset() => Err(other),
            (Err(error), _) => Err(error),
        }
    }

    /// Validates all bodies of a module that was read from `bytes`. The error is the one with the lowest offset.
    pub fn validate_bodies(&self, bytes: &[u8], features: &Features, limits: &Limits) -> Result<(), Error> {
        let cx = WalkContext { module: self, bytes, features, limits };
        cx.validate(0..self.bodies.len() as u32)
    }
}

impl<'a> ModuleReader<'a> {
    fn new(bytes: &'a [u8], features: &'a Features, limits: &'a Limits, trust: Trust) -> Self {
        let module = Module::default();
        Self { features, limits, module, trust, bytes, last_order: 0, has_code: false, has_data: false }
    }

    fn module(&mut self) -> Result<(), Error> {
        let mut reader = Reader::new(self.bytes, 0);
        let len = self.bytes.len();
        if u32::try_from(len).is_err() || len as u32 > self.limits.module_bytes {
            let limit = self.limits.module_bytes;
            return Err(limit_error(len as u64, limit.into(), "bytes of a module", WasmOffset(0)));
        }
        header(&mut reader)?;
        while !reader.is_at_end() {
            self.section(&mut reader)?;
        }
        self.check_end(reader.offset())?;
        let mut counts = self.module.counts;
        counts.complete(&self.module);
        self.module.counts = counts;
        Ok(())
    }

    /// Reads one section, its id and its size included.
    fn section(&mut self, reader: &mut Reader) -> Result<(), Error> {
        let start = reader.offset();
        let id = reader.u8()?;
        let order = match id {
            0 => 0,
            1..=5 => id,
            13 => return Err(disabled("malformed section id: exception tags are not supported", start)),
            6..=9 => id + 1,
            12 => 11,
            10 => 12,
            11 => 13,
            _ => return Err(Error::new(ErrorKind::Malformed, format!("malformed section id: {id}"), start)),
        };
        let len = reader.var_u32()?;
        let mut section = reader.split(len)?;
        if id == 0 {
            return self.custom_section(&mut section);
        }
        if order <= self.last_order {
            let message = "unexpected content after last section: section out of order";
            return Err(Error::new(ErrorKind::Malformed, message, start));
        }
        self.last_order = order;
        let section = &mut section;
        match id {
            1 => self.type_section(section)?,
            2 => self.import_section(section)?,
            3 => self.function_section(section)?,
            4 => self.table_section(section)?,
            5 => self.memory_section(section)?,
            6 => self.global_section(section)?,
            7 => self.export_section(section)?,
            8 => self.start_section(section)?,
            9 => self.element_section(section)?,
            10 => self.code_section(section)?,
            11 => self.data_section(section)?,
            _ => self.data_count_section(section)?,
        }
        if !section.is_at_end() {
            let message = "section size mismatch: unexpected content at the end of the section";
            return Err(Error::new(ErrorKind::Malformed, message, section.offset()));
        }
        Ok(())
    }

    /// What can only be checked once all sections are there.
    fn check_end(&self, offset: WasmOffset) -> Result<(), Error> {
        let defined = self.module.functions.len() as u32 - self.module.imported_functions;
        if !self.has_code && defined > 0 {
            return Err(Error::new(
                ErrorKind::Malformed,
                "function and code section have inconsistent lengths: there is no code section",
                offset,
            ));
        }
        if !self.has_data && self.module.data_count.is_some_and(|count| count > 0) {
            return Err(Error::new(
                ErrorKind::Malformed,
                "data count and data section have inconsistent lengths: there is no data section",
                offset,
            ));
        }
        Ok(())
    }

    /// Reads how many items a section has. `existing` are there already, such as imports.
    fn count(&self, reader: &mut Reader, existing: usize, limit: u32, what: &str) -> Result<u32, Error> {
        let offset = reader.offset();
        let count = reader.var_u32()?;
        check_limit(u64::from(count) + existing as u64, limit.into(), what, offset)?;
        Ok(count)
    }

    fn name(&self, reader: &mut Reader) -> Result<Span, Error> {
        let span = reader.name(self.limits.name_bytes)?;
        if self.trust == Trust::Checked && core::str::from_utf8(reader.bytes(span)).is_err() {
            return Err(Error::new(ErrorKind::Malformed, "malformed UTF-8 encoding", WasmOffset(span.start)));
        }
        Ok(span)
    }

    fn custom_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let name = self.name(section)?;
        let content = section.span(section.remaining() as u32)?;
        self.module.custom_sections.push((name, content));
        Ok(())
    }

    fn type_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let count = self.count(section, 0, self.limits.types, "types")?;
        self.module.types = items(section, count, 3);
        for _ in 0..count {
            self.module.types.push(section.func_type(self.features, self.limits)?);
        }
        Ok(())
    }

    fn import_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let count = self.count(section, 0, self.limits.imports, "imports")?;
        self.module.imports = items(section, count, 4);
        for _ in 0..count {
            let start = section.offset();
            let module = self.name(section)?;
            let name = self.name(section)?;
            let ty = self.import_type(section, start)?;
            self.module.imports.push(Import { module, name, ty });
        }
        Ok(())
    }

    fn import_type(&mut self, section: &mut Reader, start: WasmOffset) -> Result<ImportType, Error> {
        let offset = section.offset();
        Ok(match section.u8()? {
            0 => {
                let offset = section.offset();
                let ty = TypeIdx(section.var_u32()?);
                self.add_function(ty, offset)?;
                self.module.imported_functions += 1;
                let functions = self.module.functions.len() as u64;
                check_limit(functions, self.limits.functions.into(), "functions", start)?;
                ImportType::Func(ty)
            }
            1 => {
                let ty = section.table_type(self.features)?;
                self.add_table(ty, start)?;
                self.module.imported_tables += 1;
                ImportType::Table(ty)
            }
            2 => {
                let ty = section.memory_type(self.features)?;
                self.add_memory(ty, start)?;
                self.module.imported_memories += 1;
                ImportType::Memory(ty)
            }
            3 => {
                let ty = section.global_type(self.features)?;
                self.check_mutable_global(ty, start)?;
                self.module.globals.push(ty);
                self.module.imported_globals += 1;
                let globals = self.module.globals.len() as u64;
                check_limit(globals, self.limits.globals.into(), "globals", start)?;
                ImportType::Global(ty)
            }
            4 => return Err(disabled("malformed import kind: exception tags are not supported", offset)),
            kind => {
                let message = format!("malformed import kind: {kind:#x}");
                return Err(Error::new(ErrorKind::Malformed, message, offset));
            }
        })
    }

    /// Whether a mutable global may be imported or exported.
    fn check_mutable_global(&self, ty: GlobalType, offset: WasmOffset) -> Result<(), Error> {
        let allowed = ty.mutability == Mutability::Const || self.features.mutable_global;
        require(allowed, "mutable globals cannot be imported or exported: the proposal is off", offset)
    }

    fn add_function(&mut self, ty: TypeIdx, offset: WasmOffset) -> Result<(), Error> {
        if ty.index() >= self.module.types.len() {
            return Err(unknown("type", ty.0, offset));
        }
        self.module.functions.push(ty);
        Ok(())
    }

    fn add_table(&mut self, ty: TableType, offset: WasmOffset) -> Result<(), Error> {
        let tables = self.module.tables.len() as u64 + 1;
        if tables > 1 {
            require(self.features.reference_types, "multiple tables", offset)?;
        }
        check_limit(tables, self.limits.tables.into(), "tables", offset)?;
        self.module.tables.push(ty);
        Ok(())
    }

    fn add_memory(&mut self, ty: MemoryType, offset: WasmOffset) -> Result<(), Error> {
        let memories = self.module.memories.len() as u64 + 1;
        if memories > 1 {
            require(self.features.multi_memory, "multiple memories", offset)?;
        }
        check_limit(memories, self.limits.memories.into(), "memories", offset)?;
        self.module.memories.push(ty);
        Ok(())
    }

    fn function_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let existing = self.module.functions.len();
        let count = self.count(section, existing, self.limits.functions, "functions")?;
        self.module.functions.reserve_exact(section.remaining().min(count as usize));
        let types = self.module.types.len();
        let functions = &mut self.module.functions;
        let end = existing + count as usize;
        while functions.len() < end {
            if end - functions.len() >= 16
                && let Some(indices) = section.sixteen_below(types)
            {
                functions.extend(indices.map(|index| TypeIdx(index.into())));
                continue;
            }
            let offset = section.offset();
            let ty = TypeIdx(section.var_u32_of_any_length()?);
            if ty.index() >= types {
                return Err(unknown("type", ty.0, offset));
            }
            functions.push(ty);
        }
        Ok(())
    }

    fn table_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        for _ in 0..section.var_u32()? {
            let start = section.offset();
            if section.peek()? == 0x40 {
                return Err(disabled("tables with an initial value need typed function references", start));
            }
            let ty = section.table_type(self.features)?;
            let limit = self.limits.table_elements;
            check_limit(ty.minimum, limit, "elements of a table at the start", start)?;
            self.add_table(ty, start)?;
            self.module.table_inits.push(None);
        }
        Ok(())
    }

    fn memory_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        for _ in 0..section.var_u32()? {
            let start = section.offset();
            let ty = section.memory_type(self.features)?;
            let bytes = ty.minimum.saturating_mul(ty.page_size());
            check_limit(bytes, self.limits.memory_bytes, "bytes of a memory at the start", start)?;
            self.add_memory(ty, start)?;
        }
        Ok(())
    }

    fn global_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let existing = self.module.globals.len();
        let count = self.count(section, existing, self.limits.globals, "globals")?;
        // A type, its mutability, and an expression of at least an operator and its end.
        let capacity = (section.remaining() / 4).min(count as usize);
        self.module.globals.reserve_exact(capacity);
        self.module.global_inits.reserve_exact(capacity);
        for _ in 0..count {
            let ty = section.global_type(self.features)?;
            let init = self.const_expr(section, PackedType::new(ty.content))?;
            self.module.globals.push(ty);
            self.module.global_inits.push(init);
        }
        Ok(())
    }

    fn export_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let count = self.count(section, 0, self.limits.exports, "exports")?;
        self.module.exports = items(section, count, 3);
        let mut names = HashSet::new();
        if self.trust == Trust::Checked {
            names.reserve(self.module.exports.capacity());
        }
        for _ in 0..count {
            let start = section.offset();
            let name = self.name(section)?;
            let item = self.export_item(section, start)?;
            if self.trust == Trust::Checked && !names.insert(section.bytes(name)) {
                let message = format!("duplicate export name: {}", name.name(self.bytes));
                return Err(Error::new(ErrorKind::Invalid, message, start));
            }
            self.module.exports.push(Export { name, item });
        }
        Ok(())
    }

    fn export_item(&mut self, section: &mut Reader, start: WasmOffset) -> Result<ExportItem, Error> {
        let offset = section.offset();
        let kind = section.u8()?;
        if kind == 4 {
            return Err(disabled("malformed export kind: exception tags are not supported", offset));
        }
        if kind > 3 {
            let message = format!("malformed export kind: {kind:#x}");
            return Err(Error::new(ErrorKind::Malformed, message, offset));
        }
        let offset = section.offset();
        let index = section.var_u32()?;
        let exists = |len: usize, what| {
            if (index as usize) < len { Ok(()) } else { Err(unknown(what, index, offset)) }
        };
        Ok(match kind {
            0 => {
                self.declare_function(FuncIdx(index), offset)?;
                ExportItem::Func(FuncIdx(index))
            }
            1 => {
                exists(self.module.tables.len(), "table")?;
                ExportItem::Table(TableIdx(index))
            }
            2 => {
                exists(self.module.memories.len(), "memory")?;
                ExportItem::Memory(MemIdx(index))
            }
            _ => {
                exists(self.module.globals.len(), "global")?;
                self.check_mutable_global(self.module.globals[index as usize], start)?;
                ExportItem::Global(GlobalIdx(index))
            }
        })
    }

    fn start_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let offset = section.offset();
        let func = FuncIdx(section.var_u32()?);
        if func.index() >= self.module.functions.len() {
            return Err(unknown("function", func.0, offset));
        }
        let ty = self.module.func_type(func);
        if !ty.params().is_empty() || !ty.results().is_empty() {
            let message = format!("start function: its type must be [] -> [], not {ty}");
            return Err(Error::new(ErrorKind::Invalid, message, offset));
        }
        self.module.start = Some(func);
        Ok(())
    }

    fn element_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let count = self.count(section, 0, self.limits.element_segments, "element segments")?;
        self.module.elements = items(section, count, 3);
        for _ in 0..count {
            self.element_segment(section)?;
        }
        Ok(())
    }

    fn data_count_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let offset = section.offset();
        let count = self.count(section, 0, self.limits.data_segments, "data segments")?;
        require(self.features.bulk_memory, "the data count section needs bulk memory, which is off", offset)?;
        self.module.data_count = Some(count);
        Ok(())
    }

    fn code_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let start = section.offset();
        let count = section.var_u32()?;
        self.has_code = true;
        if count != self.module.functions.len() as u32 - self.module.imported_functions {
            let message = "function and code section have inconsistent lengths";
            return Err(Error::new(ErrorKind::Malformed, message, start));
        }
        self.module.bodies = items(section, count, 1);
        let bodies = read_bodies(section, count, self.limits.body_bytes, &mut self.module.bodies);
        self.module.counts.code_bytes =
            self.module.bodies.iter().map(|body| u64::from(body.end - body.start)).sum();
        bodies
    }

    fn data_section(&mut self, section: &mut Reader) -> Result<(), Error> {
        let start = section.offset();
        let count = self.count(section, 0, self.limits.data_segments, "data segments")?;
        self.has_data = true;
        if self.module.data_count.is_some_and(|promised| promised != count) {
            let message = "data count and data section have inconsistent lengths";
            return Err(Error::new(ErrorKind::Malformed, message, start));
        }
        self.module.data = items(section, count, 2);
        let may_be_plain = self.module.memories.first().is_some_and(|memory| !memory.memory64);
        for _ in 0..count {
            if may_be_plain && let Some((offset, span)) = section.plain_data_segment() {
                self.module.counts.data_bytes += u64::from(span.end - span.start);
                let offset = ConstExpr::One(ConstOp::Const(offset as u32 as u64));
                let mode = SegmentMode::Active { target: MemIdx(0), offset };
                self.module.data.push(DataSegment { mode, span });
            } else {
                self.data_segment(section)?;
            }
        }
        Ok(())
    }
}

/// Reads magic number and version.
fn header(reader: &mut Reader) -> Result<(), Error> {
    let magic = reader.u32_bits()?;
    if magic.to_le_bytes() != *b"\0asm" {
        return Err(Error::new(ErrorKind::Malformed, "magic header not detected", WasmOffset(0)));
    }
    let offset = reader.offset();
    match reader.u32_bits()? {
        1 => Ok(()),
        0x0001_000D => Err(disabled("unknown binary version: components are not supported", offset)),
        version => {
            Err(Error::new(ErrorKind::Malformed, format!("unknown binary version: {version:#x}"), offset))
        }
    }
}

/// Finds `count` bodies. Those in front of an error are found all the same.
///
/// One body's size says where the next one's is: this is a walk through the whole file, so the loop has in registers
/// what it needs, and everything unusual goes elsewhere.
fn read_bodies(section: &mut Reader, count: u32, limit: u32, bodies: &mut Vec<Span>) -> Result<(), Error> {
    let bytes = section.bytes_to_end();
    let mut position = section.position();
    while bodies.len() < count as usize {
        if let Some((len, size)) = short_u32(bytes, position)
            && len <= limit
            && len as usize <= bytes.len() - position - size
        {
            let start = position + size;
            position = start + len as usize;
            bodies.push(Span { start: start as u32, end: position as u32 });
            continue;
        }
        section.seek(position);
        let offset = section.offset();
        let len = section.var_u32()?;
        check_limit(len.into(), limit.into(), "bytes of a body", offset)?;
        bodies.push(section.span(len)?);
        position = section.position();
    }
    section.seek(position);
    Ok(())
}

/// An empty list with room for `count` items, or for as many of `least_bytes` as the section can hold.
fn items<T>(section: &Reader, count: u32, least_bytes: usize) -> Vec<T> {
    Vec::with_capacity((section.remaining() / least_bytes).min(count as usize))
}
