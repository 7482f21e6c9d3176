//! [`Engine`]: what modules and stores share.

use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};
use core::fmt;
use rotifer_bytecode::HandlerTable;
use rotifer_core::{FuncType, ValType};
use rotifer_executor::{Dispatch, DispatchError, Stubs};
use rotifer_snapshot::FeatureFingerprint;

use crate::{Config, func_types::FuncTypes, sync::OnceLock, wiring::TranslationMemory};

/// What modules and stores share: the configuration and the numbers of function types. A clone is another name
/// for the same engine. Engines may be used by many threads.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

/// A name for an [`Engine`] that does not keep it alive.
#[derive(Clone)]
pub struct EngineWeak(Weak<EngineInner>);

struct EngineInner {
    config: Config,
    types: FuncTypes,
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
        let types = FuncTypes::default();
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
        self.0.types.number(params, results)
    }

    /// The numbers of function types.
    pub(crate) fn type_ids(&self, types: &[FuncType]) -> Vec<u32> {
        self.0.types.numbers(types)
    }

    /// The function type with this number.
    pub(crate) fn func_type(&self, id: u32) -> &FuncType {
        self.0.types.get(id)
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
