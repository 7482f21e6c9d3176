//! [`Instance`]: a module in a store, with everything that it refers to.

use core::{fmt, iter::FusedIterator};
use rotifer_core::ExternType;
use rotifer_executor::{self as executor, Handle, ImportMismatch, Item, ResetError};
use rotifer_validator::{Export as ModuleExport, ExportItem};
use smallvec::SmallVec;

use crate::{
    AsContext, AsContextMut, Engine, Error, ErrorKind, Extern, Func, Global, InstantiationError, LinkError,
    Memory, Module, Snapshot, SnapshotError, StoreContext, Table, TypedFunc, WasmParams, WasmResults,
    store::StoreInner,
};

/// An instance of a module in a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Instance(Handle<executor::Instance>);

impl Instance {
    pub(crate) const fn from_handle(handle: Handle<executor::Instance>) -> Self {
        Self(handle)
    }

    /// Instantiates a module with an item for each of its imports, in order, and runs its start function.
    ///
    /// # Errors
    /// The items do not fit the imports, a segment does not fit its memory or table, the resource limiter
    /// refuses, or the start function fails. What active segments and the start function have written to
    /// imported memories and tables before an error stays written.
    pub fn new(mut store: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Self, Error> {
        instantiate(store.as_context_mut().inner, module, imports, Start::Run)
    }

    /// Makes the instance what it was just after it was instantiated, whatever has been done to it since then, calls that
    /// trapped included. The start function is not run again. Handles of what is in the store stay what they are.
    ///
    /// What goes back are memories with their sizes, tables with theirs, mutable globals, exported or not, and which
    /// segments were dropped. Imported memories, tables and globals are part of it: they go back to what they were when
    /// this instance was ready. The rest of other instances stays, and so do the fuel of the store and the embedder's
    /// data.
    ///
    /// In engines that [track writes](crate::Config::track_writes) it takes as long as restoring what was written. A slice
    /// that [`Memory::data_mut`] gave out counts as written to, and an address that [`Memory::data_ptr`] gave out as
    /// always being written to.
    ///
    /// # Errors
    /// WebAssembly of the store is running or suspended ([`SnapshotError::NotQuiescent`]), the engine is not
    /// [`resettable`](crate::Config::resettable), the instance belongs to another store, or the host had no memory for the
    /// elements of a table that were written over. Nothing has changed then.
    pub fn reset(&self, store: impl AsContextMut) -> Result<(), Error> {
        self.go_back(store, false)
    }

    /// As [`reset`](Self::reset); the fuel of the store is what it was after the instantiation, too.
    ///
    /// # Errors
    /// As for [`reset`](Self::reset).
    pub fn reset_with_fuel(&self, store: impl AsContextMut) -> Result<(), Error> {
        self.go_back(store, true)
    }

    pub(crate) const fn handle(self) -> Handle<executor::Instance> {
        self.0
    }

    fn go_back(&self, mut store: impl AsContextMut, fuel: bool) -> Result<(), Error> {
        let store = store.as_context_mut().inner;
        if !store.is_quiescent() {
            return Err(SnapshotError::NotQuiescent.into());
        }
        store.executor_mut().reset(self.0, fuel)?.map_err(|error| match error {
            ResetError::NotMarked => SnapshotError::NotResettable.into(),
            ResetError::OutOfMemory => Error::from_kind(ErrorKind::OutOfMemory),
        })
    }

    fn entity<'a, T>(&self, store: &'a StoreInner<T>) -> &'a executor::Instance {
        store.executor().entity(self.0).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The export of this name.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_export(&self, store: impl AsContext, name: &str) -> Option<Extern> {
        let store = store.as_context().inner;
        let item = self.entity(store).module.export(name)?;
        Some(exported(store.executor(), *self, item))
    }

    /// The exported function of this name.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_func(&self, store: impl AsContext, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The exported function of this name with Rust types.
    ///
    /// # Errors
    /// There is none, or it has another type.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_typed_func<Params: WasmParams, Results: WasmResults>(
        &self,
        store: impl AsContext,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>, Error> {
        let Some(func) = self.get_func(&store, name) else {
            return Err(Error::signature(["no function `", name, "` is exported"].concat()));
        };
        func.typed(store)
    }

    /// The exported global of this name.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_global(&self, store: impl AsContext, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }

    /// The exported table of this name.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_table(&self, store: impl AsContext, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The exported memory of this name.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_memory(&self, store: impl AsContext, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// All exports, in the order of the module.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn exports<'ctx, T: 'ctx>(&self, store: impl Into<StoreContext<'ctx, T>>) -> ExportsIter<'ctx> {
        let store = store.into().inner;
        let module = &self.entity(store).module;
        ExportsIter {
            instance: *self,
            store: store.executor(),
            bytes: module.bytes(),
            exports: module.module.exports.iter(),
        }
    }
}

/// An export of an instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Export<'instance> {
    name: &'instance str,
    item: Extern,
}

impl<'instance> Export<'instance> {
    /// Its name.
    pub fn name(&self) -> &'instance str {
        self.name
    }

    /// Its type. The minimum of a memory or a table is its current size.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn ty(&self, ctx: impl AsContext) -> ExternType {
        self.item.ty(ctx)
    }

    /// What is exported.
    pub fn into_extern(self) -> Extern {
        self.item
    }

    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        self.item.into_func()
    }

    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        self.item.into_table()
    }

    /// The memory, if it is one.
    pub fn into_memory(self) -> Option<Memory> {
        self.item.into_memory()
    }

    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        self.item.into_global()
    }
}

/// The exports of an instance.
#[derive(Clone)]
pub struct ExportsIter<'ctx> {
    instance: Instance,
    store: &'ctx executor::Store,
    bytes: &'ctx [u8],
    exports: core::slice::Iter<'ctx, ModuleExport>,
}

impl<'ctx> Iterator for ExportsIter<'ctx> {
    type Item = Export<'ctx>;

    fn next(&mut self) -> Option<Export<'ctx>> {
        let export = self.exports.next()?;
        let item = exported(self.store, self.instance, export.item);
        Some(Export { name: export.name.name(self.bytes), item })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.exports.size_hint()
    }
}

impl ExactSizeIterator for ExportsIter<'_> {}
impl FusedIterator for ExportsIter<'_> {}

impl fmt::Debug for ExportsIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

fn exported(store: &executor::Store, instance: Instance, item: ExportItem) -> Extern {
    match store.exported(instance.0, item) {
        Ok(Item::Func(func)) => Extern::Func(Func::from_handle(func)),
        Ok(Item::Table(table)) => Extern::Table(Table::from_handle(table)),
        Ok(Item::Memory(memory)) => Extern::Memory(Memory::from_handle(memory)),
        Ok(Item::Global(global)) => Extern::Global(Global::from_handle(global)),
        Err(error) => panic!("{error}"),
    }
}

/// How an instance begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'s> {
    /// Its start function runs, if it has one.
    Run,
    /// It must not have a start function.
    Refuse,
    /// It has this state; nothing runs.
    With(&'s Snapshot),
}

/// Numbers of types mean something in their own engine only.
pub(crate) fn check_engines<T>(store: &StoreInner<T>, module: &Module) -> Result<(), Error> {
    if Engine::same(store.engine(), module.engine()) {
        Ok(())
    } else {
        Err(Error::from_kind(ErrorKind::WrongEngine))
    }
}

/// Instantiates a module with an item for each import.
pub(crate) fn instantiate<T>(
    store: &mut StoreInner<T>,
    module: &Module,
    imports: &[Extern],
    start: Start<'_>,
) -> Result<Instance, Error> {
    check_engines(store, module)?;
    let code = module.code();
    let sections = &code.module;
    let may_start = match start {
        Start::Run => module.engine().config().allow_start_fn,
        Start::Refuse => false,
        Start::With(_) => true,
    };
    if sections.start.is_some() && !may_start {
        return Err(InstantiationError::UnexpectedStartFn.into());
    }
    let items: SmallVec<[Item; 16]> = imports.iter().map(|item| item.into_item()).collect();
    // SAFETY: I-TYPE: the engine of the store numbered the types of all that is in it, and it is the module's.
    let linked = match unsafe { store.executor().link(code, &items) } {
        Ok(linked) => linked,
        Err(mismatch) => return Err(link_error(store, module, imports, mismatch)),
    };
    let existing = store.executor().instance_count();
    if store.limit(|limiter| existing >= limiter.instances()) == Some(true) {
        return Err(InstantiationError::TooManyInstances.into());
    }
    store.allow_memories(&sections.memories[sections.imported_memories as usize..])?;
    store.allow_tables(&sections.tables[sections.imported_tables as usize..])?;
    let instance = store.executor_mut().instantiate(linked)?;
    if let Start::With(snapshot) = start {
        snapshot.put_into(store, instance)?;
    } else {
        store.executor_mut().write_segments(instance)??;
        if let Some(start) = sections.start
            && let Item::Func(start) = store.executor().exported(instance, ExportItem::Func(start))?
        {
            store.invoke(Func::from_handle(start), &[], &mut [])?;
        }
    }
    if module.engine().config().get_resettable() {
        store.executor_mut().mark(instance, matches!(start, Start::With(_)))??;
    }
    Ok(Instance(instance))
}

#[cold]
fn link_error<T>(
    store: &StoreInner<T>,
    module: &Module,
    items: &[Extern],
    mismatch: ImportMismatch,
) -> Error {
    match mismatch {
        ImportMismatch::Count => {
            LinkError::ImportCount { expected: module.imports().len(), actual: items.len() }.into()
        }
        ImportMismatch::Type(index) => {
            let actual = items[index].ty(StoreContext { inner: store });
            match module.imports().nth(index) {
                Some(import) => import.incompatible(&actual),
                None => Error::from_kind(ErrorKind::WrongStore),
            }
        }
        ImportMismatch::Store => Error::from_kind(ErrorKind::WrongStore),
    }
}
