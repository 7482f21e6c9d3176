//! [`Module`]: a module that has been loaded.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{fmt, iter::FusedIterator, ops::Range};
use rotifer_core::{ExternType, FuncIdx};
use rotifer_executor::{ModuleCode, Translate};
use rotifer_validator::{
    Counts, Error as ModuleError, ExportItem, ImportType as ModuleImportType, Module as Sections, Span,
    Trust, WalkContext,
};

use crate::{
    Config, Engine, Error, LinkError, LoadMode, SharedBytes,
    sync::OnceLock,
    wiring::{BytecodeCell, Wiring},
};
#[cfg(feature = "std")]
use crate::{background::Background, portions};

/// A module that has been loaded. A clone is another name for the same module. Modules may be used by many
/// stores and threads.
#[derive(Clone)]
pub struct Module(Arc<Inner>);

struct Inner {
    /// Before the code, so that no thread is left when that is dropped.
    #[cfg(feature = "std")]
    background: Option<Background>,
    engine: Engine,
    code: Arc<ModuleCode>,
    unvalidated: Unvalidated,
    /// What [`Module::validate_all`] found, unless there was nothing to look for.
    verdict: OnceLock<Result<(), ModuleError>>,
}

/// The BLAKE3 hash of a module's bytes.
pub(crate) fn module_hash(code: &ModuleCode) -> [u8; 32] {
    code.hash(|bytes| blake3::hash(bytes).into())
}

/// What loading has not validated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unvalidated {
    Nothing,
    Bodies,
    /// Anything may be invalid, but the structure is there.
    Everything,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl Module {
    /// Loads a module in the binary format, in the engine's [`LoadMode`]. The bytes are copied once.
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

    /// Loads a module without copying its bytes: from `Arc<[u8]>`, `&'static [u8]`, `Vec<u8>`, `Box<[u8]>`, or an owner
    /// that is [`StableBytes`](crate::StableBytes).
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
        let wasm = bytes.get();
        let config = engine.config();
        let (features, limits) = (&config.features, &config.limits);
        let (sections, unvalidated) = match mode {
            LoadMode::Checked => (read_validated(wasm, config)?, Unvalidated::Nothing),
            LoadMode::Partial | LoadMode::Background => {
                (Sections::read(wasm, features, limits, Trust::Checked)?, Unvalidated::Bodies)
            }
            // If a section is bad, a body in front of it may be bad too, and comes first. Otherwise bodies are validated
            // while they are translated, in a moment.
            LoadMode::Eager => {
                let sections = Sections::read(wasm, features, limits, Trust::Checked);
                (sections.or_else(|_| read_validated(wasm, config))?, Unvalidated::Nothing)
            }
        };
        let module = Self::link(engine, sections, bytes, mode == LoadMode::Checked);
        let module = Inner { unvalidated, ..module };
        #[cfg(feature = "std")]
        let module = match mode {
            LoadMode::Background => {
                Inner { background: Some(Background::start(&module.code, config)), ..module }
            }
            _ => module,
        };
        let module = Self(Arc::new(module));
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
        let sections = Sections::read(bytes.get(), &config.features, &config.limits, Trust::Unchecked)?;
        Ok(Self(Arc::new(Self::link(engine, sections, bytes, true))))
    }

    /// A module of which anything may be invalid. `trusted`: bodies need not be validated when they are translated.
    fn link(engine: &Engine, sections: Sections, bytes: SharedBytes, trusted: bool) -> Inner {
        let type_ids = engine.type_ids(&sections.types).into();
        let translator: Box<dyn Translate> = Box::new(Wiring::new(engine, trusted));
        let code =
            ModuleCode::new(sections, type_ids, bytes.into_owner(), translator, engine.stubs().clone());
        Inner {
            #[cfg(feature = "std")]
            background: None,
            engine: engine.clone(),
            code: Arc::new(code),
            unvalidated: Unvalidated::Everything,
            verdict: OnceLock::new(),
        }
    }

    /// Validates a module without loading it.
    ///
    /// # Errors
    /// As for [`Module::new`].
    pub fn validate(engine: &Engine, wasm: &[u8]) -> Result<(), Error> {
        read_validated(wasm, engine.config())?;
        Ok(())
    }

    /// Validates what loading has left out: all bodies in partial and in background mode, everything in unchecked mode.
    /// Threads that validate already are helped and waited for.
    ///
    /// # Errors
    /// The error with the lowest byte offset. Asking again gives the same answer.
    pub fn validate_all(&self) -> Result<(), Error> {
        if self.0.unvalidated == Unvalidated::Nothing {
            return Ok(());
        }
        Ok(self.0.verdict.get_or_init(|| self.0.validate()).clone()?)
    }

    /// The verdict of the threads that validate a module in [background mode](LoadMode::Background). Does what they have
    /// not got to; without threads, that is everything.
    ///
    /// In every mode the same as [`validate_all`](Self::validate_all).
    ///
    /// # Errors
    /// The error with the lowest byte offset. Asking again gives the same answer.
    pub fn wait_validated(&self) -> Result<(), Error> {
        self.validate_all()
    }

    /// Translates all functions that are not translated yet, with as many threads as [`Config::load_threads`] allows.
    ///
    /// # Errors
    /// In partial mode: the error of the first body that is invalid.
    pub fn translate_all(&self) -> Result<(), Error> {
        let code = self.code();
        let imported = code.module.imported_functions;
        let translate = |bodies: Range<u32>| {
            bodies.map(|body| FuncIdx(imported + body)).try_for_each(|func| code.translate_apart(func))
        };
        Ok(for_all(&code.module.bodies, self.engine().config(), translate)?)
    }

    /// The BLAKE3 hash of the module's bytes. Computed when it is first asked for, never by loading.
    pub fn hash(&self) -> [u8; 32] {
        module_hash(self.code())
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

    /// Drops the translated code of all functions, which are translated again when they are called. For embedders that
    /// hold many modules of which few are in use; allowed at any time, from any thread, whatever is running.
    ///
    /// Gives how many bytes were freed. The rest may be in use: by calls that run, in any store of the engine, or that
    /// are suspended. It is freed by the first translation of a function of the module beyond the
    /// [budget](crate::Config::code_budget) or the first call of this method after those calls have ended;
    /// [`ModuleMemory::evicted`](crate::ModuleMemory::evicted) says how much waits.
    ///
    /// # Errors
    /// The engine was made without [`Config::evictable_code`](crate::Config::evictable_code).
    pub fn evict_code(&self) -> Result<usize, Error> {
        let freed = self.code().evict();
        freed
            .ok_or_else(|| Error::new("code cannot be evicted: the engine's `Config::evictable_code` is off"))
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

impl Inner {
    fn validate(&self) -> Result<(), ModuleError> {
        let config = self.engine.config();
        #[cfg(feature = "std")]
        if let Some(background) = &self.background {
            return background.verdict(&self.code, config);
        }
        let (code, features, limits) = (&*self.code, &config.features, &config.limits);
        if self.unvalidated == Unvalidated::Everything {
            return read_validated(code.bytes(), config).map(drop);
        }
        let bodies = 0..code.module.bodies.len() as u32;
        validate(&WalkContext { module: &code.module, bytes: code.bytes(), features, limits }, bodies, config)
    }
}

/// Reads a module and validates all of it, with as many threads as the configuration allows.
fn read_validated(wasm: &[u8], config: &Config) -> Result<Sections, ModuleError> {
    let by_threads = |cx: &WalkContext<'_>, bodies| validate(cx, bodies, config);
    Sections::read_validated_by(wasm, &config.features, &config.limits, by_threads)
}

/// Validates the first bodies.
fn validate(cx: &WalkContext<'_>, bodies: Range<u32>, config: &Config) -> Result<(), ModuleError> {
    for_all(&cx.module.bodies[..bodies.end as usize], config, |bodies| cx.validate(bodies))
}

/// Does work on bodies, in order, with as many threads as the configuration allows.
#[cfg(feature = "std")]
fn for_all(
    bodies: &[Span],
    config: &Config,
    work: impl Fn(Range<u32>) -> Result<(), ModuleError> + Sync,
) -> Result<(), ModuleError> {
    portions::for_all(bodies, config.load_threads, work)
}

/// Does work on bodies.
#[cfg(not(feature = "std"))]
fn for_all(
    bodies: &[Span],
    _: &Config,
    work: impl Fn(Range<u32>) -> Result<(), ModuleError>,
) -> Result<(), ModuleError> {
    work(0..bodies.len() as u32)
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
