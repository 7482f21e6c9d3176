//! [`RunnerConfig`]: what scripts run with.

use rotifer::{Config, Dispatch, Features, Val};
use std::{fmt, str::FromStr, sync::Arc};

/// How modules are loaded: the modes of [`rotifer::LoadMode`], and without validation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// Validated and translated at load.
    Eager,
    /// Validated at load, translated at the first call.
    #[default]
    Checked,
    /// Function bodies are validated and translated at the first call. A module that must be refused may be so
    /// at load or by [`Module::validate_all`](rotifer::Module::validate_all).
    Partial,
    /// As [`Partial`](Self::Partial), while threads validate the bodies of modules that are large enough to be worth it.
    Background,
    /// Loaded by [`Module::new_unchecked`](rotifer::Module::new_unchecked), after
    /// [`Module::validate`](rotifer::Module::validate) accepted the bytes: scripts are no reason for undefined
    /// behaviour. Directives that expect a refusal say nothing about this mode and are counted as not
    /// applicable.
    Unchecked,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 5] = [Self::Eager, Self::Checked, Self::Partial, Self::Background, Self::Unchecked];

    /// The name, as a command line gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eager => "eager",
            Self::Checked => "checked",
            Self::Partial => "partial",
            Self::Background => "background",
            Self::Unchecked => "unchecked",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|mode| mode.name() == name).ok_or_else(|| {
            format!("no load mode is called `{name}`: eager, checked, partial, background, unchecked")
        })
    }
}

/// The fuel that scripts run with.
///
/// But for [`Fuel::Limited`] it changes neither results nor traps: what runs out of fuel is resumed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Fuel {
    /// Fuel is not counted.
    #[default]
    Off,
    /// Fuel is counted and never runs out.
    Plenty,
    /// Each call starts without fuel and, whenever it runs out, is resumed with what it requires and so much more.
    /// Start functions, whose calls cannot be suspended, have plenty.
    Stepwise(u64),
    /// Each call, and each instantiation, starts with so much fuel, and traps when it is used up: for scripts that
    /// need not end.
    Limited(u64),
}

impl fmt::Display for Fuel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.pad("off"),
            Self::Plenty => f.pad("plenty"),
            Self::Stepwise(extra) => f.pad(&format!("stepwise {extra}")),
            Self::Limited(fuel) => f.pad(&format!("limited {fuel}")),
        }
    }
}

/// Receives the arguments of each call of a printing function of the module `spectest`.
pub type Print = Arc<dyn Fn(&[Val]) + Send + Sync>;

/// What scripts run with: proposals, load mode, dispatcher, fuel, interrupts.
#[derive(Clone)]
pub struct RunnerConfig {
    pub(crate) config: Config,
    pub(crate) mode: Mode,
    pub(crate) fuel: Fuel,
    pub(crate) interrupt: bool,
    pub(crate) print: Print,
}

impl Default for RunnerConfig {
    fn default() -> Self {
        Self {
            config: Config::default(),
            mode: Mode::default(),
            fuel: Fuel::default(),
            interrupt: false,
            print: Arc::new(|_| ()),
        }
    }
}

impl RunnerConfig {
    /// The default proposals, load mode and dispatcher of Rotifer; `spectest` prints nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the proposals that modules may use.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.config.features(features);
        self
    }

    /// Sets how modules are loaded.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets how the interpreter goes from one op to the next.
    #[must_use]
    pub fn dispatch(mut self, dispatch: Dispatch) -> Self {
        self.config.dispatch(dispatch);
        self
    }

    /// Sets the fuel that calls have.
    #[must_use]
    pub fn fuel(mut self, fuel: Fuel) -> Self {
        self.fuel = fuel;
        self
    }

    /// Sets whether every call is interrupted, before it begins and some more times, and resumed.
    #[must_use]
    pub fn interrupt(mut self, interrupt: bool) -> Self {
        self.interrupt = interrupt;
        self
    }

    /// What the engine is made with.
    pub(crate) fn for_engine(&self) -> Config {
        let mut config = self.config.clone();
        if self.fuel != Fuel::Off {
            config.consume_fuel(true);
        }
        if self.interrupt {
            config.interruptible(true);
        }
        config
    }

    /// Sets everything else: limits, sizes of stacks. The proposals and the dispatcher of `config` replace those
    /// set before.
    #[must_use]
    pub fn engine_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets what becomes of what the functions of `spectest` print.
    #[must_use]
    pub fn print(mut self, print: impl Fn(&[Val]) + Send + Sync + 'static) -> Self {
        self.print = Arc::new(print);
        self
    }
}

impl fmt::Debug for RunnerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, mode, fuel, interrupt, print: _ } = self;
        f.debug_struct("RunnerConfig")
            .field("config", config)
            .field("mode", mode)
            .field("fuel", fuel)
            .field("interrupt", interrupt)
            .finish_non_exhaustive()
    }
}
