//! A module to be measured: its bytes, and what every engine needs to know to satisfy its imports.

use crate::engine::Value;
use anyhow::{Context, Result, bail};
use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering::Relaxed},
    },
};
use wasmparser::{ExternalKind, Operator, Parser, Payload, TypeRef};

/// The type of a number, the only kind of value a measured module passes over its boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumType {
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
}

impl NumType {
    /// The zero of this type.
    pub fn zero(self) -> Value {
        match self {
            Self::I32 => Value::I32(0),
            Self::I64 => Value::I64(0),
            Self::F32 => Value::F32(0),
            Self::F64 => Value::F64(0),
        }
    }
}

impl TryFrom<wasmparser::ValType> for NumType {
    type Error = anyhow::Error;

    fn try_from(ty: wasmparser::ValType) -> Result<Self> {
        Ok(match ty {
            wasmparser::ValType::I32 => Self::I32,
            wasmparser::ValType::I64 => Self::I64,
            wasmparser::ValType::F32 => Self::F32,
            wasmparser::ValType::F64 => Self::F64,
            other => bail!("a value of type {other} crosses the module's boundary"),
        })
    }
}

/// The type of an imported or exported function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FuncType {
    /// Parameter types.
    pub params: Vec<NumType>,
    /// Result types.
    pub results: Vec<NumType>,
}

/// One import of a module.
#[derive(Clone, Debug)]
pub struct Import {
    /// First name.
    pub module: String,
    /// Second name.
    pub name: String,
    /// What is imported.
    pub kind: ImportKind,
    /// If a function is imported, what it gives.
    pub answer: Answer,
}

/// What an imported function gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Zeros.
    Zeros,
    /// The readings of the virtual clock.
    Clock,
    /// Fresh blocks of memory, from this address on: chain runtimes have the host allocate what they return.
    Blocks(u32),
}

impl Answer {
    /// The answer of a function of this name in a module whose heap begins at `heap_base`.
    fn new(import: (&str, &str), heap_base: Option<u32>) -> Self {
        match (import, heap_base) {
            (("env", "clock_ms"), _) => Self::Clock,
            (("env", "ext_allocator_malloc_version_1"), Some(heap_base)) => Self::Blocks(heap_base),
            _ => Self::Zeros,
        }
    }
}

/// What an import asks for, in WebAssembly's terms. Sizes are in pages or elements.
#[derive(Clone, Debug)]
pub enum ImportKind {
    Func(FuncType),
    Memory { minimum: u32, maximum: Option<u32> },
    Table { minimum: u32, maximum: Option<u32> },
    Global { content: NumType, mutable: bool },
}

impl ImportKind {
    /// Makes room for [`Answer::Blocks`] in a memory, as hosts of chain runtimes do.
    fn add_heap(&mut self) {
        if let Self::Memory { minimum, maximum } = self {
            *minimum = maximum.unwrap_or(u32::MAX).min(*minimum + HEAP_PAGES);
        }
    }
}

/// A module with its boundary.
pub struct Module {
    /// The case's name in reports.
    pub name: String,
    /// The binary.
    pub bytes: Arc<[u8]>,
    /// Bytes of all bodies together, their sizes not included.
    pub code_bytes: u64,
    /// All imports in order.
    pub imports: Vec<Import>,
    /// Exported functions whose parameters and results are numbers.
    pub exports: HashMap<String, FuncType>,
    /// Whether a memory is exported as `memory`.
    pub exports_memory: bool,
}

impl Module {
    /// Reads `path`; the case is named for the file and its folder, so that it is not taken for one of ours.
    pub fn read(path: &Path) -> Result<Self> {
        let stem = path.file_stem().with_context(|| format!("{} has no name", path.display()))?;
        let name = match path.parent().and_then(Path::file_name) {
            Some(folder) => Path::new(folder).join(stem),
            None => stem.into(),
        };
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&name.to_string_lossy(), bytes).with_context(|| format!("in {}", path.display()))
    }

    /// Takes `bytes` and finds imports and exports.
    pub fn parse(name: &str, bytes: Vec<u8>) -> Result<Self> {
        let mut types = Vec::new();
        let mut funcs: Vec<u32> = Vec::new();
        let mut imports = Vec::new();
        let mut exports = HashMap::new();
        let mut exports_memory = false;
        let mut code_bytes = 0;
        let (mut globals, mut heap_base) = (Vec::new(), None);
        for payload in Parser::new(0).parse_all(&bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        types.push(ty?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(ty) => funcs.push(ty),
                            TypeRef::Global(_) => globals.push(None),
                            _ => {}
                        }
                        imports.push(Import {
                            module: import.module.into(),
                            name: import.name.into(),
                            kind: import_kind(import.ty, &types)?,
                            answer: Answer::Zeros,
                        });
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        funcs.push(ty?);
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        let first = global?.init_expr.get_operators_reader().read()?;
                        globals.push(match first {
                            Operator::I32Const { value } => Some(value as u32),
                            _ => None,
                        });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        if export.kind == ExternalKind::Global && export.name == "__heap_base" {
                            heap_base = globals.get(export.index as usize).copied().flatten();
                        }
                        exports_memory |= export.kind == ExternalKind::Memory && export.name == "memory";
                        if export.kind != ExternalKind::Func {
                            continue;
                        }
                        let ty = funcs.get(export.index as usize).context("export of an unknown function")?;
                        if let Ok(ty) = func_type(*ty, &types) {
                            exports.insert(export.name.to_owned(), ty);
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => code_bytes += body.as_bytes().len() as u64,
                _ => {}
            }
        }
        for import in &mut imports {
            import.answer = Answer::new((&import.module, &import.name), heap_base);
        }
        if imports.iter().any(|import| matches!(import.answer, Answer::Blocks(_))) {
            imports.iter_mut().for_each(|import| import.kind.add_heap());
        }
        Ok(Self { name: name.to_owned(), bytes: bytes.into(), code_bytes, imports, exports, exports_memory })
    }

    /// The functions that it imports, with their types.
    pub fn imported_functions(&self) -> impl Iterator<Item = (&Import, &FuncType)> {
        self.imports.iter().filter_map(|import| match &import.kind {
            ImportKind::Func(ty) => Some((import, ty)),
            _ => None,
        })
    }

    /// Whether all its imports are functions.
    pub fn imports_only_functions(&self) -> bool {
        self.imported_functions().count() == self.imports.len()
    }
}

fn func_type(index: u32, types: &[wasmparser::FuncType]) -> Result<FuncType> {
    let ty = types.get(index as usize).context("unknown type")?;
    let numbers =
        |types: &[wasmparser::ValType]| types.iter().map(|&ty| ty.try_into()).collect::<Result<_>>();
    Ok(FuncType { params: numbers(ty.params())?, results: numbers(ty.results())? })
}

fn import_kind(ty: TypeRef, types: &[wasmparser::FuncType]) -> Result<ImportKind> {
    let narrow = |size: u64| u32::try_from(size).context("an imported memory or table of 64-bit size");
    Ok(match ty {
        TypeRef::Func(index) => ImportKind::Func(func_type(index, types)?),
        TypeRef::Memory(memory) => ImportKind::Memory {
            minimum: narrow(memory.initial)?,
            maximum: memory.maximum.map(narrow).transpose()?,
        },
        TypeRef::Table(table) => ImportKind::Table {
            minimum: narrow(table.initial)?,
            maximum: table.maximum.map(narrow).transpose()?,
        },
        TypeRef::Global(global) => {
            ImportKind::Global { content: global.content_type.try_into()?, mutable: global.mutable }
        }
        TypeRef::Tag(_) | TypeRef::FuncExact(_) => bail!("an import of a kind no set measures"),
    })
}

/// What answers a function import (see [`Answer`]).
///
/// The virtual clock stands still but for its readings: each is 11 seconds after the one before. CoreMark
/// calibrates itself with it; this way it settles at once, on the same work for every engine and machine,
/// and believes to have run for the ten seconds that it demands of a valid score.
///
/// Blocks of memory are of 64 KiB whatever size is asked for, of which there is room for a few.
pub struct Stub {
    results: Vec<NumType>,
    /// What is given next, and by how much it grows each time.
    next: Option<(Arc<AtomicI32>, i32)>,
}

/// How far apart two readings of the virtual clock are.
pub const CLOCK_STEP_MS: i32 = 11_000;

/// How many pages of memory there are for blocks.
const HEAP_PAGES: u32 = 32;

/// How far apart two blocks of memory are.
const BLOCK: i32 = 64 << 10;

impl Stub {
    /// Makes the stub for one import of function type `ty`.
    pub fn new(import: &Import, ty: &FuncType) -> Self {
        let next = match import.answer {
            Answer::Zeros => None,
            Answer::Clock => Some((Arc::default(), CLOCK_STEP_MS)),
            Answer::Blocks(start) => {
                Some((Arc::new(AtomicI32::new(start.next_multiple_of(8) as i32)), BLOCK))
            }
        };
        Self { results: ty.results.clone(), next }
    }

    /// The results of a call.
    pub fn answer(&self) -> impl Iterator<Item = Value> {
        let reading = self.next.as_ref().map(|(next, step)| next.fetch_add(*step, Relaxed));
        self.results.iter().map(move |ty| reading.map_or_else(|| ty.zero(), Value::I32))
    }
}
