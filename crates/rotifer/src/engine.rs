//! [`Engine`]: what modules and stores share.

use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};
use core::{fmt, hash::BuildHasher};
use hashbrown::{DefaultHashBuilder, HashTable, hash_table::Entry};
use rotifer_bytecode::HandlerTable;
use rotifer_core::{FuncType, ValType};
use rotifer_executor::{Dispatch, DispatchError, Stubs};
use rotifer_snapshot::FeatureFingerprint;

use crate::{
    Config,
    sync::{OnceLock, RwLock},
    wiring::TranslationMemory,
};

/// What modules and stores share: the configuration and the numbers of function types. A clone is another name
/// for the same engine. Engines may be used by many threads.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

/// A name for an [`Engine`] that does not keep it alive.
#[derive(Clone)]
pub struct EngineWeak(Weak<EngineInner>);

struct EngineInner {
    config: Config,
    types: RwLock<TypeRegistry>,
    handlers: &'static HandlerTable,
    stubs: Arc<Stubs>,
    translation_memory: Arc<TranslationMemory>,
    /// Made on first use.
    fingerprint: OnceLock<FeatureFingerprint>,
}

impl Engine {
    /// An engine with this configuration.
    ///
    /// # Panics
    /// The dispatcher of the configuration cannot be used; [`Engine::try_new`] returns an error instead. With
    /// [`Dispatch::default`] this happens only if the compiler lost the tail calls of the interpreter, which
    /// every test of this engine would have found, and the message says what to do.
    pub fn new(config: &Config) -> Self {
        Self::try_new(config).unwrap_or_else(|error| panic!("{error}"))
    }

    /// An engine with this configuration.
    ///
    /// # Errors
    /// The dispatcher of the configuration is not in this build or does not work in it.
    pub fn try_new(config: &Config) -> Result<Self, DispatchError> {
        let handlers = match config.cpu_features {
            true => config.dispatch.handlers()?,
            false => config.dispatch.portable_handlers()?,
        };
        let stubs = Stubs::new(config.dispatch, config.metering())?
            .with_warm_instances(config.warm_instances, config.warm_memory)
            .with_tracked_writes(config.track_writes)
            .with_bases(config.get_resettable())
            .with_code_retention(config.code_retention());
        let stubs = Arc::new(stubs);
        let types = RwLock::default();
        let translation_memory = Arc::default();
        Ok(Self(Arc::new(EngineInner {
            config: config.clone(),
            types,
            handlers,
            stubs,
            translation_memory,
            fingerprint: OnceLock::new(),
        })))
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// How the interpreter of this engine goes from one op to the next.
    pub fn dispatch(&self) -> Dispatch {
        self.0.stubs.dispatch()
    }

    /// What tells which features modules may use, in snapshots.
    pub(crate) fn fingerprint(&self) -> FeatureFingerprint {
        *self.0.fingerprint.get_or_init(|| FeatureFingerprint::new(&self.0.config.features))
    }

    /// Whether two names are those of one engine.
    pub fn same(a: &Self, b: &Self) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    /// A name that does not keep the engine alive.
    pub fn weak(&self) -> EngineWeak {
        EngineWeak(Arc::downgrade(&self.0))
    }

    pub(crate) fn handlers(&self) -> &'static HandlerTable {
        self.0.handlers
    }

    pub(crate) fn stubs(&self) -> &Arc<Stubs> {
        &self.0.stubs
    }

    pub(crate) fn translation_memory(&self) -> &Arc<TranslationMemory> {
        &self.0.translation_memory
    }

    /// The number of a function type: equal types have equal numbers.
    pub(crate) fn type_id(&self, params: &[ValType], results: &[ValType]) -> u32 {
        let key = (params, results);
        if let Some(id) = self.0.types.read().find(key) {
            return id;
        }
        self.0.types.write().intern(key, || FuncType::new(params.iter().copied(), results.iter().copied()))
    }

    /// The numbers of function types.
    pub(crate) fn type_ids(&self, types: &[FuncType]) -> Vec<u32> {
        if types.is_empty() {
            return Vec::new();
        }
        let mut registry = self.0.types.write();
        types.iter().map(|ty| registry.intern((ty.params(), ty.results()), || ty.clone())).collect()
    }

    /// Looks at the function type with this number.
    pub(crate) fn with_func_type<R>(&self, id: u32, look: impl FnOnce(&FuncType) -> R) -> R {
        look(&self.0.types.read().types[id as usize])
    }

    /// The function type with this number.
    pub(crate) fn func_type(&self, id: u32) -> FuncType {
        self.0.types.read().types[id as usize].clone()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.0.config).finish_non_exhaustive()
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(&Config::default())
    }
}

impl EngineWeak {
    /// The engine, if it still exists.
    pub fn upgrade(&self) -> Option<Engine> {
        self.0.upgrade().map(Engine)
    }
}

impl fmt::Debug for EngineWeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineWeak")
    }
}

/// Numbers function types. Types stay: their number is bounded by what all modules of an engine have declared.
#[derive(Default)]
struct TypeRegistry {
    types: Vec<FuncType>,
    by_type: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

type Key<'a> = (&'a [ValType], &'a [ValType]);

impl TypeRegistry {
    fn find(&self, key: Key<'_>) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        self.by_type.find(hash, |&id| Self::key(&self.types, id) == key).copied()
    }

    fn key(types: &[FuncType], id: u32) -> Key<'_> {
        let ty = &types[id as usize];
        (ty.params(), ty.results())
    }

    fn intern(&mut self, key: Key<'_>, make: impl FnOnce() -> FuncType) -> u32 {
        let Self { types, by_type, hasher } = self;
        let hash = hasher.hash_one(key);
        let is_same = |&id: &u32| Self::key(types, id) == key;
        match by_type.entry(hash, is_same, |&id| hasher.hash_one(Self::key(types, id))) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let id = types.len() as u32;
                place.insert(id);
                types.push(make());
                id
            }
        }
    }
}

/// What this build of the library consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BuildInfo {
    /// The version of this crate.
    pub version: &'static str,
    /// The dispatchers, the default one first.
    pub dispatchers: &'static [Dispatch],
    /// Whether the `std` feature is on.
    pub std: bool,
    /// Whether debug assertions are on; they make loading slow.
    pub debug_assertions: bool,
}

impl fmt::Display for BuildInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rotifer {}, dispatch:", self.version)?;
        for dispatch in self.dispatchers {
            write!(f, " {}", dispatch.name())?;
        }
        if !self.std {
            f.write_str(", no_std")?;
        }
        if self.debug_assertions {
            f.write_str(", debug assertions")?;
        }
        Ok(())
    }
}

/// What this build of the library consists of.
pub const fn build_info() -> BuildInfo {
    BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        dispatchers: Dispatch::available(),
        std: cfg!(feature = "std"),
        debug_assertions: cfg!(debug_assertions),
    }
}
