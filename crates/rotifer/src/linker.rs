//! [`Linker`]: items by name, for modules to import.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{
    fmt,
    hash::{BuildHasher, Hasher},
    ops::Range,
};
use hashbrown::{DefaultHashBuilder, HashTable};
use rotifer_core::{ExternType, FuncType};
use rotifer_validator::ImportType;

use crate::{
    AsContext, AsContextMut, Caller, Engine, Error, Extern, HostError, Instance, InstancePre, IntoFunc,
    LinkError, Module, Val,
    host_func::HostFunc,
    instance::Start,
    instance_pre::{Definition, instantiate_resolved},
};

/// Items by name, for modules to import.
///
/// Host functions belong to the linker, not to a store: a linker can be made once and used for many stores, by
/// many threads. A store gets those functions that a module imports when the module is instantiated. Other
/// items belong to a store, and so do instances of modules that import them.
pub struct Linker<T> {
    engine: Engine,
    /// The names of all definitions, one behind the other.
    names: String,
    definitions: Vec<Named<T>>,
    /// Positions in `definitions`.
    by_name: HashTable<u32>,
    hasher: DefaultHashBuilder,
    allow_shadowing: bool,
}

struct Named<T> {
    /// Where in `names` the module's name and the item's name are.
    module: Range<usize>,
    name: Range<usize>,
    /// The hash of both.
    hash: u64,
    definition: Definition<T>,
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        let Self { module, name, hash, definition } = self;
        Self { module: module.clone(), name: name.clone(), hash: *hash, definition: definition.clone() }
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            names: self.names.clone(),
            definitions: self.definitions.clone(),
            by_name: self.by_name.clone(),
            hasher: self.hasher.clone(),
            allow_shadowing: self.allow_shadowing,
        }
    }
}

impl<T> Default for Linker<T> {
    fn default() -> Self {
        Self::new(&Engine::default())
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for named in &self.definitions {
            let name = (&self.names[named.module.clone()], &self.names[named.name.clone()]);
            map.entry(&name, &named.definition);
        }
        map.finish()
    }
}

/// A function was called that nothing was defined for:
/// [`Linker::define_unknown_imports_as_traps`] stood in for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownImport {
    module: Box<str>,
    name: Box<str>,
}

impl UnknownImport {
    /// The module's name of the import.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The item's name of the import.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for UnknownImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No module shall write to a terminal as it pleases.
        let (module, name) = (self.module.escape_debug(), self.name.escape_debug());
        write!(f, "the imported function `{module}` `{name}` was called, which is not provided")
    }
}

impl core::error::Error for UnknownImport {}
impl HostError for UnknownImport {}

/// The names of a module and of an item.
type Key<'a> = (&'a [u8], &'a [u8]);

fn key<'a, T>(names: &'a str, named: &Named<T>) -> Key<'a> {
    let bytes = |range: &Range<usize>| &names.as_bytes()[range.clone()];
    (bytes(&named.module), bytes(&named.name))
}

fn hash(hasher: &DefaultHashBuilder, (module, name): Key<'_>) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(module);
    state.write(name);
    state.write_usize(module.len());
    state.finish()
}

impl<T> Linker<T> {
    /// An empty linker.
    pub fn new(engine: &Engine) -> Self {
        Self {
            engine: engine.clone(),
            names: String::new(),
            definitions: Vec::new(),
            by_name: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            allow_shadowing: false,
        }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Sets whether a definition replaces an earlier one of the same name. Default: no, it is an error.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// Defines an item of a store.
    ///
    /// # Errors
    /// The name is defined already, and shadowing is not allowed.
    pub fn define(&mut self, module: &str, name: &str, item: impl Into<Extern>) -> Result<&mut Self, Error> {
        self.insert(module, name, Definition::Item(item.into()))
    }

    /// Defines a host function of any type. [`Linker::func_wrap`] defines faster ones. See
    /// [`Func::new`](crate::Func::new).
    ///
    /// # Errors
    /// The name is defined already, and shadowing is not allowed.
    ///
    /// # Panics
    /// The type has a `v128`.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Result<&mut Self, Error> {
        self.insert(module, name, Definition::Func(HostFunc::new(ty, func)))
    }

    /// Defines a host function of the type of a closure.
    ///
    /// # Errors
    /// The name is defined already, and shadowing is not allowed.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Self, Error> {
        self.insert(module, name, Definition::Func(HostFunc::wrap(func)))
    }

    /// Defines a function that does nothing but suspend the call that reaches it, which must have been made with
    /// [`Func::call_resumable`](crate::Func::call_resumable). `tag` tells the embedder which function it was:
    /// [`SuspendedCall::tag`](crate::SuspendedCall::tag).
    ///
    /// # Errors
    /// The name is defined already, and shadowing is not allowed.
    ///
    /// # Panics
    /// The type has a `v128`.
    pub fn func_suspend(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        tag: u64,
    ) -> Result<&mut Self, Error> {
        self.insert(module, name, Definition::Func(HostFunc::suspending(ty, tag)))
    }

    /// Defines each function that a module imports and that is not defined: calling it is an error, from which an
    /// [`UnknownImport`] can be had with [`Error::downcast_ref`]. Imports of other kinds stay as they are.
    ///
    /// # Errors
    /// None at present.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<(), Error> {
        for import in module.imports() {
            let (module, name) = (import.module(), import.name());
            let ExternType::Func(ty) = import.ty() else { continue };
            if self.find((module.as_bytes(), name.as_bytes())).is_some() {
                continue;
            }
            let unknown = UnknownImport { module: module.into(), name: name.into() };
            self.func_new(module, name, ty.clone(), move |_, _, _| Err(Error::host(unknown.clone())))?;
        }
        Ok(())
    }

    /// Defines all exports of an instance under their names.
    ///
    /// # Errors
    /// A name is defined already, and shadowing is not allowed.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn instance(
        &mut self,
        store: impl AsContext<Data = T>,
        module_name: &str,
        instance: Instance,
    ) -> Result<&mut Self, Error> {
        for export in instance.exports(store.as_context()) {
            self.define(module_name, export.name(), export.into_extern())?;
        }
        Ok(self)
    }

    /// Defines all items of a module once more, under another module's name.
    ///
    /// # Errors
    /// Nothing is defined for `module`, or a name is defined already and shadowing is not allowed.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<(), Error> {
        let count = self.definitions.len();
        let mut found = false;
        for position in 0..count {
            let named = &self.definitions[position];
            if self.names[named.module.clone()] == *module {
                found = true;
                let name = String::from(&self.names[named.name.clone()]);
                let definition = named.definition.clone();
                self.insert(as_module, &name, definition)?;
            }
        }
        if !found {
            return Err(LinkError::UnknownModule { module: module.into() }.into());
        }
        Ok(())
    }

    /// The item of this name, as one of the store.
    pub fn get(&self, mut context: impl AsContextMut<Data = T>, module: &str, name: &str) -> Option<Extern> {
        let definition = self.find((module.as_bytes(), name.as_bytes()))?;
        Some(definition.item(context.as_context_mut().inner, None))
    }

    /// Finds a definition for each import of a module.
    ///
    /// # Errors
    /// Something is not defined, or defined as a host function of another type.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>, Error> {
        let imports: Result<Arc<[_]>, Error> =
            self.resolve(module).map(|definition| definition.cloned()).collect();
        Ok(InstancePre::new(module, imports?))
    }

    /// Instantiates a module and runs its start function.
    ///
    /// # Errors
    /// Something is not defined, or as for [`Instance::new`].
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance, Error> {
        let store = store.as_context_mut().inner;
        instantiate_resolved(store, module, self.resolve(module), Start::Run)
    }

    /// Instantiates a module and runs its start function: [`instantiate`](Self::instantiate) by another name.
    ///
    /// # Errors
    /// As for [`instantiate`](Self::instantiate).
    pub fn instantiate_and_start(
        &self,
        store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance, Error> {
        self.instantiate(store, module)
    }

    fn find(&self, wanted: Key<'_>) -> Option<&Definition<T>> {
        let same = |&position: &u32| key(&self.names, &self.definitions[position as usize]) == wanted;
        let &position = self.by_name.find(hash(&self.hasher, wanted), same)?;
        Some(&self.definitions[position as usize].definition)
    }

    /// A definition for each import of a module; host functions are of the right type.
    fn resolve<'l>(
        &'l self,
        module: &'l Module,
    ) -> impl Iterator<Item = Result<&'l Definition<T>, Error>> + 'l {
        let sections = &module.code().module;
        let bytes = module.bytes();
        sections.imports.iter().enumerate().map(move |(number, import)| {
            let Some(definition) = self.find((import.module.of(bytes), import.name.of(bytes))) else {
                return Err(unresolved(module, number, None));
            };
            let Definition::Func(func) = definition else { return Ok(definition) };
            match import.ty {
                ImportType::Func(ty) if func.has_type(&sections.types[ty.index()]) => Ok(definition),
                _ => Err(unresolved(module, number, Some(func.ty()))),
            }
        })
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition<T>) -> Result<&mut Self, Error> {
        let wanted = (module.as_bytes(), name.as_bytes());
        let hashed = hash(&self.hasher, wanted);
        let Self { names, definitions, by_name, .. } = self;
        let same = |&position: &u32| key(names, &definitions[position as usize]) == wanted;
        if let Some(&position) = by_name.find(hashed, same) {
            if !self.allow_shadowing {
                return Err(
                    LinkError::DuplicateDefinition { module: module.into(), name: name.into() }.into()
                );
            }
            definitions[position as usize].definition = definition;
            return Ok(self);
        }
        let add = |names: &mut String, text: &str| {
            let start = names.len();
            names.push_str(text);
            start..names.len()
        };
        // Definitions of a module mostly come one after the other: they share the module's name.
        let module = match definitions.last() {
            Some(last) if names[last.module.clone()] == *module => last.module.clone(),
            _ => add(names, module),
        };
        let name = add(names, name);
        definitions.push(Named { module, name, hash: hashed, definition });
        let rehash = |&position: &u32| definitions[position as usize].hash;
        by_name.insert_unique(hashed, definitions.len() as u32 - 1, rehash);
        Ok(self)
    }
}

/// The error that nothing, or a host function of another type, is defined for an import.
#[cold]
fn unresolved(module: &Module, import: usize, actual: Option<FuncType>) -> Error {
    match (module.imports().nth(import), actual) {
        (Some(import), Some(actual)) => import.incompatible(&actual.into()),
        (Some(import), None) => import.unknown(),
        (None, _) => unreachable!("imports are counted"),
    }
}
