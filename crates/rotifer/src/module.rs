//! [`Module`]: a module that has been loaded.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{fmt, iter::FusedIterator};
use rotifer_core::{ExternType, FuncIdx};
use rotifer_executor::{ModuleCode, Translate};
use rotifer_validator::{
    Counts, Error as ModuleError, ExportItem, ImportType as ModuleImportType, Module as Sections, Trust,
};

use crate::{
    Engine, Error, LinkError, LoadMode,
    sync::OnceLock,
    wiring::{BytecodeCell, Wiring},
};

/// The bytes of a module, without copying them. See [`Module::from_shared`].
#[derive(Clone)]
pub struct SharedBytes(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBytes({})", (*self.0).as_ref().len())
    }
}

// Only owners whose bytes stay where they are and as they are: code is translated long after validation.
macro_rules! shared_bytes {
    ($( $ty:ty ),*) => {$(
        impl From<$ty> for SharedBytes {
            fn from(bytes: $ty) -> Self {
                Self(Arc::new(bytes))
            }
        }
    )*};
}

shared_bytes!(Arc<[u8]>, &'static [u8], Vec<u8>, Box<[u8]>);

/// A module that has been loaded. A clone is another name for the same module. Modules may be used by many
/// stores and threads.
#[derive(Clone)]
pub struct Module(Arc<Inner>);

struct Inner {
    engine: Engine,
    code: Arc<ModuleCode>,
    /// What [`Module::validate_all`] found, unless loading has validated everything.
    verdict: OnceLock<Result<(), ModuleError>>,
    validated: bool,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Module {
    /// Loads a module in the binary format, in the engine's [`LoadMode`].
    ///
    /// # Errors
    /// The module is malformed, invalid, uses a proposal that is switched off, or exceeds the engine's limits.
    pub fn new(engine: &Engine, wasm: impl AsRef<[u8]>) -> Result<Self, Error> {
        Self::new_with_mode(engine, wasm, engine.config().load_mode)
    }

    /// Loads a module in the binary format, in a [`LoadMode`] of its own.
    ///
    /// # Errors
    /// As for [`Module::new`].
    pub fn new_with_mode(engine: &Engine, wasm: impl AsRef<[u8]>, mode: LoadMode) -> Result<Self, Error> {
        Self::from_shared_with_mode(engine, Vec::from(wasm.as_ref()), mode)
    }

    /// Loads a module without copying its bytes: from `Arc<[u8]>`, `&'static [u8]`, `Vec<u8>` or `Box<[u8]>`.
    ///
    /// # Errors
    /// As for [`Module::new`].
    pub fn from_shared(engine: &Engine, wasm: impl Into<SharedBytes>) -> Result<Self, Error> {
        Self::from_shared_with_mode(engine, wasm, engine.config().load_mode)
    }

    /// Loads a module without copying its bytes, in a [`LoadMode`] of its own.
    ///
    /// # Errors
    /// As for [`Module::new`].
    pub fn from_shared_with_mode(
        engine: &Engine,
        wasm: impl Into<SharedBytes>,
        mode: LoadMode,
    ) -> Result<Self, Error> {
        let bytes = wasm.into();
        let wasm = (*bytes.0).as_ref();
        let (features, limits) = (&engine.config().features, &engine.config().limits);
        let sections = match mode {
            LoadMode::Checked => Sections::read_validated(wasm, features, limits)?,
            LoadMode::Partial => Sections::read(wasm, features, limits, Trust::Checked)?,
            // If a section is bad, a body in front of it may be bad too, and comes first.
            LoadMode::Eager => Sections::read(wasm, features, limits, Trust::Checked)
                .or_else(|_| Sections::read_validated(wasm, features, limits))?,
        };
        let module =
            Self::link(engine, sections, bytes, mode == LoadMode::Checked, mode != LoadMode::Partial)?;
        if mode == LoadMode::Eager {
            module.translate_all()?;
        }
        Ok(module)
    }

    /// Loads a module that is known to be valid: nothing but the structure of its sections is validated, and a
    /// function is translated on its first call.
    ///
    /// # Errors
    /// The structure is malformed, or exceeds the engine's limits.
    ///
    /// # Safety
    /// The module is valid under the engine's configuration: [`Module::new`] accepts it. Anything else is
    /// undefined behaviour when the module is executed, if not before.
    pub unsafe fn new_unchecked(engine: &Engine, wasm: impl AsRef<[u8]>) -> Result<Self, Error> {
        // SAFETY: promised by the caller.
        unsafe { Self::from_shared_unchecked(engine, Vec::from(wasm.as_ref())) }
    }

    /// [`Module::new_unchecked`] without copying the bytes.
    ///
    /// # Errors
    /// As for [`Module::new_unchecked`].
    ///
    /// # Safety
    /// As for [`Module::new_unchecked`].
    pub unsafe fn from_shared_unchecked(
        engine: &Engine,
        wasm: impl Into<SharedBytes>,
    ) -> Result<Self, Error> {
        let bytes = wasm.into();
        let config = engine.config();
        let sections =
            Sections::read((*bytes.0).as_ref(), &config.features, &config.limits, Trust::Unchecked)?;
        Ok(Self::link(engine, sections, bytes, true, false)?)
    }

    /// `trusted`: bodies need not be validated when they are translated. `validated`: there is nothing left to
    /// validate once loading has succeeded.
    fn link(
        engine: &Engine,
        sections: Sections,
        bytes: SharedBytes,
        trusted: bool,
        validated: bool,
    ) -> Result<Self, ModuleError> {
        let type_ids = engine.type_ids(&sections.types).into();
        let translator: Box<dyn Translate> = Box::new(Wiring::new(engine, trusted));
        let code = ModuleCode::new(sections, type_ids, bytes.0, translator, engine.stubs().clone());
        let inner =
            Inner { engine: engine.clone(), code: Arc::new(code), verdict: OnceLock::new(), validated };
        Ok(Self(Arc::new(inner)))
    }

    /// Validates a module without loading it.
    ///
    /// # Errors
    /// As for [`Module::new`].
    pub fn validate(engine: &Engine, wasm: &[u8]) -> Result<(), Error> {
        let config = engine.config();
        Sections::read_validated(wasm, &config.features, &config.limits)?;
        Ok(())
    }

    /// Validates what loading has left out: all bodies in partial mode, everything in unchecked mode.
    ///
    /// # Errors
    /// The error with the lowest byte offset. Asking again gives the same answer.
    pub fn validate_all(&self) -> Result<(), Error> {
        if self.0.validated {
            return Ok(());
        }
        let verdict = self.0.verdict.get_or_init(|| {
            let config = self.engine().config();
            Sections::read_validated(self.code().bytes(), &config.features, &config.limits).map(drop)
        });
        Ok(verdict.clone()?)
    }

    /// Translates all functions that are not translated yet.
    ///
    /// # Errors
    /// In partial mode: the error of the first body that is invalid.
    pub fn translate_all(&self) -> Result<(), Error> {
        let code = self.code();
        for func in code.module.imported_functions..code.module.functions.len() as u32 {
            code.ensure_translated(FuncIdx(func))?;
        }
        Ok(())
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// The module's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.code().bytes()
    }

    pub(crate) fn code(&self) -> &Arc<ModuleCode> {
        &self.0.code
    }

    /// The imports, in order.
    pub fn imports(&self) -> ModuleImportsIter<'_> {
        ModuleImportsIter { module: self, imports: self.code().module.imports.iter() }
    }

    /// The exports, in order.
    pub fn exports(&self) -> ModuleExportsIter<'_> {
        ModuleExportsIter { module: self, exports: self.code().module.exports.iter() }
    }

    /// The type of the export of this name.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        Some(self.export_type(self.code().export(name)?))
    }

    fn export_type(&self, item: ExportItem) -> ExternType {
        let sections = &self.code().module;
        match item {
            ExportItem::Func(func) => sections.func_type(func).clone().into(),
            ExportItem::Table(table) => sections.tables[table.index()].into(),
            ExportItem::Memory(memory) => sections.memories[memory.index()].into(),
            ExportItem::Global(global) => sections.globals[global.index()].into(),
        }
    }

    /// The custom sections, in order.
    pub fn custom_sections(&self) -> CustomSectionsIter<'_> {
        CustomSectionsIter { bytes: self.bytes(), sections: self.code().module.custom_sections.iter() }
    }

    /// How much of everything the module has.
    pub fn counts(&self) -> Counts {
        self.code().module.counts
    }

    /// Whether the module has a start function.
    pub fn has_start(&self) -> bool {
        self.code().module.start.is_some()
    }

    /// The index of the start function, imports counted, if the module has one.
    pub fn start_function(&self) -> Option<u32> {
        self.code().module.start.map(|func| func.0)
    }

    /// The name of the module, if its name section has one.
    pub fn name(&self) -> Option<&str> {
        self.code().name()
    }

    /// The name of a function, imports counted, if the name section has one.
    pub fn func_name(&self, func: u32) -> Option<&str> {
        self.code().func_name(FuncIdx(func))
    }

    /// Bytes of translated code and of its tables.
    pub fn code_size(&self) -> usize {
        self.code().code_size()
    }

    /// Frees the instances that the module keeps for other stores, and the memory that they hold. See
    /// [`Config::warm_instances`](crate::Config::warm_instances).
    pub fn drop_warm_instances(&self) {
        self.code().drop_warm_instances();
    }

    /// The bytecode of a function, imports counted, as text. For people: its form changes between versions.
    ///
    /// # Errors
    /// The function's body is invalid, or there is no function with this index that is not imported.
    pub fn bytecode(&self, func: u32) -> Result<Vec<BytecodeCell>, Error> {
        if self.code().module.body(FuncIdx(func)).is_none() {
            return Err(Error::new(format!("function {func} has no body")));
        }
        Ok(Wiring::new(self.engine(), false).list(self.code(), FuncIdx(func))?)
    }
}

/// The function's name in the name section, or else the first one under which it is exported.
pub(crate) fn func_name(code: &ModuleCode, func: FuncIdx) -> Option<&str> {
    let exported = || {
        let exports = &code.module.exports;
        let export = exports.iter().find(|export| export.item == ExportItem::Func(func))?;
        Some(export.name.name(code.bytes()))
    };
    code.func_name(func).or_else(exported)
}

/// An import of a module.
#[derive(Clone, Debug)]
pub struct ImportType<'module> {
    module: &'module str,
    name: &'module str,
    ty: ExternType,
}

impl<'module> ImportType<'module> {
    /// The module's name.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// The item's name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// The type.
    pub fn ty(&self) -> &ExternType {
        &self.ty
    }

    #[cold]
    pub(crate) fn unknown(&self) -> Error {
        let expected = text(&self.ty);
        LinkError::UnknownImport { module: self.module.into(), name: self.name.into(), expected }.into()
    }

    #[cold]
    pub(crate) fn incompatible(&self, actual: &ExternType) -> Error {
        let (module, name) = (self.module.into(), self.name.into());
        let (expected, actual) = (text(&self.ty), text(actual));
        LinkError::IncompatibleImport { module, name, expected, actual }.into()
    }
}

fn text(ty: &ExternType) -> Box<str> {
    String::into_boxed_str(format!("{ty}"))
}

/// An export of a module.
#[derive(Clone, Debug)]
pub struct ExportType<'module> {
    name: &'module str,
    ty: ExternType,
}

impl<'module> ExportType<'module> {
    /// The name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// The type.
    pub fn ty(&self) -> &ExternType {
        &self.ty
    }
}

/// A custom section of a module.
#[derive(Clone, Copy, Debug)]
pub struct CustomSection<'module> {
    name: &'module str,
    data: &'module [u8],
}

impl<'module> CustomSection<'module> {
    /// The name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// The content.
    pub fn data(&self) -> &'module [u8] {
        self.data
    }
}

/// The imports of a module.
#[derive(Clone, Debug)]
pub struct ModuleImportsIter<'module> {
    module: &'module Module,
    imports: core::slice::Iter<'module, rotifer_validator::Import>,
}

impl<'module> Iterator for ModuleImportsIter<'module> {
    type Item = ImportType<'module>;

    fn next(&mut self) -> Option<ImportType<'module>> {
        let import = self.imports.next()?;
        let bytes = self.module.bytes();
        let ty = match import.ty {
            ModuleImportType::Func(ty) => self.module.code().module.types[ty.index()].clone().into(),
            ModuleImportType::Table(ty) => ty.into(),
            ModuleImportType::Memory(ty) => ty.into(),
            ModuleImportType::Global(ty) => ty.into(),
        };
        Some(ImportType { module: import.module.name(bytes), name: import.name.name(bytes), ty })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.imports.size_hint()
    }
}

impl ExactSizeIterator for ModuleImportsIter<'_> {}
impl FusedIterator for ModuleImportsIter<'_> {}

/// The exports of a module.
#[derive(Clone, Debug)]
pub struct ModuleExportsIter<'module> {
    module: &'module Module,
    exports: core::slice::Iter<'module, rotifer_validator::Export>,
}

impl<'module> Iterator for ModuleExportsIter<'module> {
    type Item = ExportType<'module>;

    fn next(&mut self) -> Option<ExportType<'module>> {
        let export = self.exports.next()?;
        let name = export.name.name(self.module.bytes());
        Some(ExportType { name, ty: self.module.export_type(export.item) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.exports.size_hint()
    }
}

impl ExactSizeIterator for ModuleExportsIter<'_> {}
impl FusedIterator for ModuleExportsIter<'_> {}

/// The custom sections of a module.
#[derive(Clone, Debug)]
pub struct CustomSectionsIter<'module> {
    bytes: &'module [u8],
    sections: core::slice::Iter<'module, (rotifer_validator::Span, rotifer_validator::Span)>,
}

impl<'module> Iterator for CustomSectionsIter<'module> {
    type Item = CustomSection<'module>;

    fn next(&mut self) -> Option<CustomSection<'module>> {
        let (name, data) = self.sections.next()?;
        Some(CustomSection { name: name.name(self.bytes), data: data.of(self.bytes) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.sections.size_hint()
    }
}

impl ExactSizeIterator for CustomSectionsIter<'_> {}
impl FusedIterator for CustomSectionsIter<'_> {}
