//! [`Module`]: the sections of a module, without its bytes.
//!
//! Names, bodies and segment contents stay where they are and are held as [`Span`]s of the module's bytes.

use crate::Counts;
use alloc::{boxed::Box, vec::Vec};
use rotifer_core::{
    FuncIdx, FuncType, GlobalIdx, GlobalType, MemIdx, MemoryType, RefType, TableIdx, TableType, TypeIdx,
};

/// A range of a module's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// The offset of the first byte.
    pub start: u32,
    /// The offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes of this span. The span must be one of a [`Module`] read from `bytes`.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    /// The name in this span; spans of names were checked to be UTF-8 when the module was read.
    pub fn name(self, bytes: &[u8]) -> &str {
        core::str::from_utf8(self.of(bytes)).unwrap_or_default()
    }
}

/// The sections of a module.
#[derive(Debug, Default)]
pub struct Module {
    /// The function types.
    pub types: Vec<FuncType>,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The types of all functions, imports first.
    pub functions: Vec<TypeIdx>,
    /// How many functions are imported.
    pub imported_functions: u32,
    /// All tables, imports first.
    pub tables: Vec<TableType>,
    /// How many tables are imported.
    pub imported_tables: u32,
    /// What the elements of the defined tables start as, where that is not null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// All memories, imports first.
    pub memories: Vec<MemoryType>,
    /// How many memories are imported.
    pub imported_memories: u32,
    /// All globals, imports first.
    pub globals: Vec<GlobalType>,
    /// How many globals are imported.
    pub imported_globals: u32,
    /// What the defined globals start as.
    pub global_inits: Vec<ConstExpr>,
    /// The exports, in order.
    pub exports: Vec<Export>,
    /// The start function.
    pub start: Option<FuncIdx>,
    /// The element segments.
    pub elements: Vec<ElementSegment>,
    /// The data segments.
    pub data: Vec<DataSegment>,
    /// The number in the data count section.
    pub data_count: Option<u32>,
    /// The bodies of the defined functions, without their sizes.
    pub bodies: Vec<Span>,
    /// The functions that occur outside of bodies, one bit each: those that `ref.func` may name.
    pub declared_functions: Vec<u64>,
    /// The custom sections: name and content.
    pub custom_sections: Vec<(Span, Span)>,
    /// How much of everything there is.
    pub counts: Counts,
}

/// An import.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// The module's name.
    pub module: Span,
    /// The item's name.
    pub name: Span,
    /// The item's type.
    pub ty: ImportType,
}

/// The type of an import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportType {
    /// A function.
    Func(TypeIdx),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

/// An export.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// Its name.
    pub name: Span,
    /// What is exported.
    pub item: ExportItem,
}

/// What an export names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExportItem {
    /// A function.
    Func(FuncIdx),
    /// A table.
    Table(TableIdx),
    /// A memory.
    Memory(MemIdx),
    /// A global.
    Global(GlobalIdx),
}

/// A constant expression, decoded.
#[derive(Clone, PartialEq, Debug)]
pub enum ConstExpr {
    /// One operator, as nearly all are.
    One(ConstOp),
    /// Several operators in postfix order.
    Many(Box<[ConstOp]>),
}

impl ConstExpr {
    /// The operators in postfix order.
    pub fn ops(&self) -> &[ConstOp] {
        match self {
            Self::One(op) => core::slice::from_ref(op),
            Self::Many(ops) => ops,
        }
    }
}

/// An operator of a constant expression.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum ConstOp {
    /// A number's bits, zero-extended.
    Const(u64),
    /// `global.get`.
    GlobalGet(GlobalIdx),
    /// `ref.null`.
    RefNull,
    /// `ref.func`.
    RefFunc(FuncIdx),
    /// A binary operator on integers: `add`, `sub` or `mul`.
    Binary(rotifer_bytecode::Operator),
}

/// What becomes of a segment when the module is instantiated.
#[derive(Clone, PartialEq, Debug)]
pub enum SegmentMode<Idx> {
    /// It waits for `init`.
    Passive,
    /// It is copied to a table or memory.
    Active {
        /// Which.
        target: Idx,
        /// Where to.
        offset: ConstExpr,
    },
    /// It only declares functions for `ref.func`.
    Declared,
}

/// An element segment.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// The type of its elements.
    pub ty: RefType,
    /// What becomes of it.
    pub mode: SegmentMode<TableIdx>,
    /// Its elements.
    pub items: ElementItems,
}

/// The elements of a segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// Function indices, `count` LEB128 numbers in the span.
    Functions {
        /// How many.
        count: u32,
        /// The numbers.
        span: Span,
    },
    /// Constant expressions.
    Expressions(Box<[ConstExpr]>),
}

impl ElementItems {
    /// How many elements there are.
    pub fn len(&self) -> u32 {
        match self {
            Self::Functions { count, .. } => *count,
            Self::Expressions(expressions) => expressions.len() as u32,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A data segment.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// What becomes of it. Never [`SegmentMode::Declared`].
    pub mode: SegmentMode<MemIdx>,
    /// Its bytes.
    pub span: Span,
}

impl Module {
    /// The type of a function.
    pub fn func_type(&self, func: FuncIdx) -> &FuncType {
        &self.types[self.functions[func.index()].index()]
    }

    /// Whether `ref.func` may name a function: whether it occurs outside of bodies.
    pub fn is_declared(&self, func: FuncIdx) -> bool {
        let word = self.declared_functions.get(func.index() / 64).copied().unwrap_or_default();
        word >> (func.index() % 64) & 1 != 0
    }

    /// The body of a function, unless it is imported.
    pub fn body(&self, func: FuncIdx) -> Option<Span> {
        let defined = func.0.checked_sub(self.imported_functions)?;
        self.bodies.get(defined as usize).copied()
    }
}
