//! [`InstancePre`]: a module whose imports are resolved, to be instantiated many times.

use alloc::sync::Arc;
use core::fmt;
use rotifer_validator::{Import, ImportType};
use smallvec::SmallVec;

use crate::{
    AsContextMut, Error, Extern, Func, Instance, Module,
    host_func::{HostFunc, HostFuncs},
    instance::{Start, check_engines, instantiate},
    store::StoreInner,
};

/// What a linker has under a name.
pub(crate) enum Definition<T> {
    /// An item of a store.
    Item(Extern),
    /// A host function that any store may have.
    Func(HostFunc<T>),
}

impl<T> Clone for Definition<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Item(item) => Self::Item(*item),
            Self::Func(func) => Self::Func(func.clone()),
        }
    }
}

impl<T> fmt::Debug for Definition<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(item) => item.fmt(f),
            Self::Func(func) => func.fmt(f),
        }
    }
}

impl<T> Definition<T> {
    /// The item of a store. `type_id` is the number of a host function's type, if that is known.
    pub(crate) fn item(&self, store: &mut StoreInner<T>, type_id: Option<u32>) -> Extern {
        match self {
            Self::Item(item) => *item,
            Self::Func(func) => Extern::Func(Func::from_handle(store.link_host_func(func, type_id))),
        }
    }
}

/// Instantiates a module with a definition for each import, in order. Host functions have the types that the
/// module asks for.
pub(crate) fn instantiate_resolved<'d, T: 'd>(
    store: &mut StoreInner<T>,
    module: &Module,
    definitions: impl Iterator<Item = Result<&'d Definition<T>, Error>>,
    start: Start<'_>,
) -> Result<Instance, Error> {
    // Before anything gets into the store.
    check_engines(store, module)?;
    let code = module.code();
    let imports = &code.module.imports;
    store.reserve_host_funcs(code.module.imported_functions as usize);
    let mut items: SmallVec<[Extern; 16]> = SmallVec::with_capacity(imports.len());
    for (definition, import) in definitions.zip(imports) {
        let type_id = match import.ty {
            ImportType::Func(ty) => Some(code.type_ids[ty.index()]),
            _ => None,
        };
        items.push(definition?.item(store, type_id));
    }
    instantiate(store, module, &items, start)
}

/// A module whose imports are resolved once, to be instantiated many times: also in several stores and by
/// several threads, as long as the imports are host functions only.
pub struct InstancePre<T> {
    module: Module,
    imports: Arc<[Definition<T>]>,
    /// The host functions among the imports.
    funcs: Arc<HostFuncs<T>>,
    /// For each import that is a host function, its position among them; 0 for the others.
    positions: Arc<[u32]>,
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        Self {
            module: self.module.clone(),
            imports: self.imports.clone(),
            funcs: self.funcs.clone(),
            positions: self.positions.clone(),
        }
    }
}

impl<T> fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstancePre").field("imports", &self.imports).finish_non_exhaustive()
    }
}

impl<T> InstancePre<T> {
    pub(crate) fn new(module: &Module, imports: Arc<[Definition<T>]>) -> Self {
        let code = module.code();
        let mut funcs = HostFuncs::new();
        let position = |(definition, import): (&Definition<T>, &Import)| match (definition, import.ty) {
            (Definition::Func(func), ImportType::Func(ty)) => funcs.add(func, code.type_ids[ty.index()]),
            _ => 0,
        };
        let positions = imports.iter().zip(&code.module.imports).map(position).collect();
        Self { module: module.clone(), imports, funcs: Arc::new(funcs), positions }
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module and runs its start function.
    ///
    /// # Errors
    /// As for [`Instance::new`].
    pub fn instantiate(&self, store: impl AsContextMut<Data = T>) -> Result<Instance, Error> {
        self.instantiate_with(store, Start::Run)
    }

    /// Instantiates the module and runs its start function: [`instantiate`](Self::instantiate) by another name.
    ///
    /// # Errors
    /// As for [`Instance::new`].
    pub fn start(&self, store: impl AsContextMut<Data = T>) -> Result<Instance, Error> {
        self.instantiate(store)
    }

    /// Instantiates the module if it has no start function, so that no code of it runs.
    ///
    /// # Errors
    /// The module has a start function: nothing happened then. Otherwise as for [`Instance::new`].
    pub fn ensure_no_start(&self, store: impl AsContextMut<Data = T>) -> Result<Instance, Error> {
        self.instantiate_with(store, Start::Refuse)
    }

    pub(crate) fn instantiate_with(
        &self,
        mut store: impl AsContextMut<Data = T>,
        start: Start<'_>,
    ) -> Result<Instance, Error> {
        let store = store.as_context_mut().inner;
        // Before anything gets into the store.
        check_engines(store, &self.module)?;
        let Some(funcs) = store.share_host_funcs(&self.funcs) else {
            return instantiate_resolved(store, &self.module, self.imports.iter().map(Ok), start);
        };
        let item = |(definition, &position): (&Definition<T>, &u32)| match definition {
            Definition::Item(item) => *item,
            Definition::Func(_) => Extern::Func(Func::from_handle(funcs[position as usize])),
        };
        let items: SmallVec<[Extern; 16]> = self.imports.iter().zip(&*self.positions).map(item).collect();
        instantiate(store, &self.module, &items, start)
    }
}
