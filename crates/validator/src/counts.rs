//! [`Counts`]: how much of everything a module has.

use crate::Module;

/// How much of everything a module has, for embedders that charge for it. Known once a module was read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Types.
    pub types: u32,
    /// Imports of any kind.
    pub imports: u32,
    /// Functions, imports not included.
    pub functions: u32,
    /// Tables, imports not included.
    pub tables: u32,
    /// Memories, imports not included.
    pub memories: u32,
    /// Globals, imports not included.
    pub globals: u32,
    /// Exports of any kind.
    pub exports: u32,
    /// Element segments.
    pub element_segments: u32,
    /// Elements of all element segments together.
    pub segment_elements: u64,
    /// Data segments.
    pub data_segments: u32,
    /// Bytes of all data segments together.
    pub data_bytes: u64,
    /// Bytes of all function bodies together, declarations of locals included, sizes not.
    pub code_bytes: u64,
}

impl Counts {
    /// Completes the sums, which reading has gathered, by what the sections' lengths say.
    pub(crate) fn complete(&mut self, module: &Module) {
        let defined = |all: usize, imported: u32| all as u32 - imported;
        self.types = module.types.len() as u32;
        self.imports = module.imports.len() as u32;
        self.functions = defined(module.functions.len(), module.imported_functions);
        self.tables = defined(module.tables.len(), module.imported_tables);
        self.memories = defined(module.memories.len(), module.imported_memories);
        self.globals = defined(module.globals.len(), module.imported_globals);
        self.exports = module.exports.len() as u32;
        self.element_segments = module.elements.len() as u32;
        self.data_segments = module.data.len() as u32;
    }
}
