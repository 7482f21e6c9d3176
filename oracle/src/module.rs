//! Modules: everything that `wasmparser` reads, in plain lists.

use crate::{Place, ValueType, region};
use rotifer_core::FuelCosts;
use wasmparser::{
    BlockType, ConstExpr, Data, DataKind, ElementItems, ElementKind, ExternalKind, FunctionBody, GlobalType,
    MemoryType, Operator, Parser, Payload, Result, TableInit, TableType, TypeRef, Validator, WasmFeatures,
};

/// A function's type.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signature {
    /// Types of the parameters.
    pub params: Vec<ValueType>,
    /// Types of the results.
    pub results: Vec<ValueType>,
}

impl Signature {
    fn of(ty: &wasmparser::FuncType) -> Self {
        let types = |types: &[wasmparser::ValType]| types.iter().copied().map(ValueType::of).collect();
        Self { params: types(ty.params()), results: types(ty.results()) }
    }
}

/// The body of a function.
#[derive(Default)]
pub(crate) struct Body<'a> {
    /// How many locals there are beside the parameters.
    pub(crate) locals: usize,
    pub(crate) code: Vec<Instruction<'a>>,
}

/// An operator with what is known about it.
pub(crate) struct Instruction<'a> {
    pub(crate) operator: Operator<'a>,
    /// The byte offset in the module.
    pub(crate) offset: usize,
    /// As in the binary format, a prefix being the high byte.
    pub(crate) opcode: u16,
    /// Of `block`, `loop`, `if` and `else`: where the matching `end` is.
    pub(crate) end: usize,
    /// Of `if`: where its `else` is.
    pub(crate) else_: Option<usize>,
}

/// A global that a module defines or imports.
pub(crate) struct Global<'a> {
    pub(crate) ty: GlobalType,
    /// Nothing for an import.
    pub(crate) init: Option<ConstExpr<'a>>,
}

pub(crate) struct Table<'a> {
    pub(crate) ty: TableType,
    pub(crate) init: Option<ConstExpr<'a>>,
}

/// What happens to a segment when its module is instantiated.
pub(crate) enum SegmentKind<'a> {
    Passive,
    Active { index: u32, offset: ConstExpr<'a> },
    Declared,
}

/// An element of an element segment.
pub(crate) enum Element<'a> {
    Func(u32),
    Expr(ConstExpr<'a>),
}

/// A module that was read and found valid.
#[derive(Default)]
pub struct Module<'a> {
    wasm: &'a [u8],
    pub(crate) types: Vec<Signature>,
    /// The type of each function, imports first.
    pub(crate) funcs: Vec<u32>,
    /// Module and name of each imported function.
    pub(crate) imports: Vec<(&'a str, &'a str)>,
    pub(crate) bodies: Vec<Body<'a>>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) tables: Vec<Table<'a>>,
    pub(crate) globals: Vec<Global<'a>>,
    pub(crate) elements: Vec<(SegmentKind<'a>, Vec<Element<'a>>)>,
    pub(crate) data: Vec<(SegmentKind<'a>, &'a [u8])>,
    exports: Vec<(&'a str, ExternalKind, u32)>,
    start: Option<u32>,
}

/// The proposals that the oracle knows.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2.difference(WasmFeatures::SIMD)
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::MEMORY64
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::WIDE_ARITHMETIC
}

impl<'a> Module<'a> {
    /// Reads a binary module.
    ///
    /// # Errors
    /// It is not valid, or has parts that the oracle does not know.
    pub fn read(wasm: &'a [u8]) -> Result<Self> {
        Validator::new_with_features(features()).validate_all(wasm)?;
        let mut module = Self { wasm, ..Self::default() };
        for payload in Parser::new(0).parse_all(wasm) {
            module.payload(payload?)?;
        }
        Ok(module)
    }

    /// The index of an exported function.
    pub fn exported_func(&self, name: &str) -> Option<u32> {
        self.exported(name, ExternalKind::Func)
    }

    fn exported(&self, name: &str, kind: ExternalKind) -> Option<u32> {
        let mut exports = self.exports.iter();
        exports.find(|export| export.0 == name && export.1 == kind).map(|export| export.2)
    }

    /// The names and indices of all exported functions.
    pub fn exported_funcs(&self) -> impl Iterator<Item = (&'a str, u32)> {
        self.exports_of(ExternalKind::Func)
    }

    /// The names and indices of all exported memories.
    pub fn exported_memories(&self) -> impl Iterator<Item = (&'a str, u32)> {
        self.exports_of(ExternalKind::Memory)
    }

    /// The names and indices of all exported globals.
    pub fn exported_globals(&self) -> impl Iterator<Item = (&'a str, u32)> {
        self.exports_of(ExternalKind::Global)
    }

    /// The names and indices of all exported tables.
    pub fn exported_tables(&self) -> impl Iterator<Item = (&'a str, u32)> {
        self.exports_of(ExternalKind::Table)
    }

    fn exports_of(&self, kind: ExternalKind) -> impl Iterator<Item = (&'a str, u32)> {
        self.exports.iter().filter(move |export| export.1 == kind).map(|&(name, _, index)| (name, index))
    }

    /// The start function.
    pub fn start(&self) -> Option<u32> {
        self.start
    }

    /// The type of a function, imports counted.
    pub fn signature(&self, func: u32) -> &Signature {
        &self.types[self.funcs[func as usize] as usize]
    }

    /// Module and name of each imported function.
    pub fn imported_funcs(&self) -> &[(&'a str, &'a str)] {
        &self.imports
    }

    /// The type of a global.
    pub fn global_type(&self, global: u32) -> ValueType {
        ValueType::of(self.globals[global as usize].ty.content_type)
    }

    /// The name of the instruction at a byte offset, as in the text format but with underscores for dots.
    pub fn instruction_at(&self, offset: usize) -> Option<&'static str> {
        let mut all = self.bodies.iter().flat_map(|body| &body.code);
        all.find(|instruction| instruction.offset == offset).map(|found| crate::names::of(&found.operator))
    }

    /// The first instruction from `place` on that costs something.
    ///
    /// Where regions begin that differ only by instructions that cost nothing, such as a `loop`, the engine
    /// does not tell them apart.
    pub fn first_that_costs(&self, place: Place, costs: &FuelCosts) -> Place {
        let code = &self.body(place.func).code;
        let from = code.iter().position(|instruction| instruction.offset == place.offset);
        let first = from.and_then(|from| region::first(&code[from..], costs));
        Place { offset: first.map_or(place.offset, |first| first.offset), ..place }
    }

    /// The opcode of an instruction that the module has, by its name in the text format.
    pub fn opcode_of(&self, name: &str) -> Option<u16> {
        let name = name.replace('.', "_");
        let mut all = self.bodies.iter().flat_map(|body| &body.code);
        all.find(|instruction| crate::names::of(&instruction.operator) == name).map(|found| found.opcode)
    }

    /// The body of a function that is not imported.
    pub(crate) fn body(&self, func: u32) -> &Body<'a> {
        &self.bodies[func as usize - self.imports.len()]
    }

    /// Types of what a block takes and leaves.
    pub(crate) fn block_signature(&self, ty: BlockType) -> Signature {
        match ty {
            BlockType::Empty => Signature::default(),
            BlockType::Type(result) => Signature { params: vec![], results: vec![ValueType::of(result)] },
            BlockType::FuncType(index) => self.types[index as usize].clone(),
        }
    }

    fn payload(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for ty in section.into_iter_err_on_gc_types() {
                    self.types.push(Signature::of(&ty?));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.import(import.module, import.name, import.ty);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.funcs.push(ty?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.table(table?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global?;
                    self.globals.push(Global { ty: global.ty, init: Some(global.init_expr) });
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name, export.kind, export.index));
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    self.data(data?);
                }
            }
            Payload::CodeSectionEntry(body) => self.code(&body)?,
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, module: &'a str, name: &'a str, ty: TypeRef) {
        match ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.funcs.push(ty);
                self.imports.push((module, name));
            }
            TypeRef::Table(ty) => self.tables.push(Table { ty, init: None }),
            TypeRef::Memory(ty) => self.memories.push(ty),
            TypeRef::Global(ty) => self.globals.push(Global { ty, init: None }),
            TypeRef::Tag(_) => unreachable!("validation refuses tags"),
        }
    }

    fn table(&mut self, table: wasmparser::Table<'a>) {
        let init = match table.init {
            TableInit::RefNull => None,
            TableInit::Expr(init) => Some(init),
        };
        self.tables.push(Table { ty: table.ty, init });
    }

    fn data(&mut self, data: Data<'a>) {
        let kind = match data.kind {
            DataKind::Passive => SegmentKind::Passive,
            DataKind::Active { memory_index, offset_expr } => {
                SegmentKind::Active { index: memory_index, offset: offset_expr }
            }
        };
        self.data.push((kind, data.data));
    }

    fn element(&mut self, element: wasmparser::Element<'a>) -> Result<()> {
        let kind = match element.kind {
            ElementKind::Passive => SegmentKind::Passive,
            ElementKind::Declared => SegmentKind::Declared,
            ElementKind::Active { table_index, offset_expr } => {
                SegmentKind::Active { index: table_index.unwrap_or(0), offset: offset_expr }
            }
        };
        let items = match element.items {
            ElementItems::Functions(funcs) => {
                funcs.into_iter().map(|func| func.map(Element::Func)).collect::<Result<_>>()?
            }
            ElementItems::Expressions(_, exprs) => {
                exprs.into_iter().map(|expr| expr.map(Element::Expr)).collect::<Result<_>>()?
            }
        };
        self.elements.push((kind, items));
        Ok(())
    }

    fn code(&mut self, body: &FunctionBody<'a>) -> Result<()> {
        let mut locals = 0;
        for group in body.get_locals_reader()? {
            locals += group?.0 as usize;
        }
        let mut code = Vec::new();
        for operator in body.get_operators_reader()?.into_iter_with_offsets() {
            let (operator, offset) = operator?;
            let offset = offset as usize;
            let opcode = opcode(&self.wasm[offset..]);
            code.push(Instruction { operator, offset, opcode, end: 0, else_: None });
        }
        region::match_ends(&mut code);
        self.bodies.push(Body { locals, code });
        Ok(())
    }
}

/// The opcode at the beginning of `bytes`, a prefix being the high byte.
fn opcode(bytes: &[u8]) -> u16 {
    if bytes[0] < 0xFB {
        return bytes[0].into();
    }
    // The number behind a prefix is written in base 128, least significant digit first.
    let mut number = 0;
    for (digit, &byte) in bytes[1..].iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7F) << (7 * digit);
        if byte & 0x80 == 0 {
            break;
        }
    }
    u16::from(bytes[0]) << 8 | number as u16
}
