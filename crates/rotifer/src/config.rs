//! [`Config`]: the switches of an engine.

use rotifer_core::{Features, FuelCostError, FuelCosts, Limits};
use rotifer_executor::{CodeRetention, Dispatch, Metering, StackLimits};

/// When the bodies of a module's functions are validated and translated.
///
/// Every mode but [`Module::new_unchecked`](crate::Module::new_unchecked) is safe with any bytes: an invalid
/// body is an error, sooner or later, and never undefined behaviour. All modes report the error with the lowest
/// byte offset of those that they look for at load.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum LoadMode {
    /// Validate and translate everything at load. The first call of a function costs nothing extra.
    Eager,
    /// Validate everything at load, translate a function on its first call.
    #[default]
    Checked,
    /// Validate at load what lies outside of function bodies; validate and translate a body in one pass on the
    /// function's first call.
    ///
    /// A call of a function whose body is invalid fails with the error that the other modes give at load, every
    /// time. Other functions and other instances are unaffected.
    /// [`Module::validate_all`](crate::Module::validate_all) looks at all bodies.
    Partial,
    /// Load as in [`Partial`](Self::Partial) mode and have threads validate all bodies meanwhile, for those who start now
    /// and want to know soon. [`Module::wait_validated`](crate::Module::wait_validated) gives the verdict.
    ///
    /// Calls are those of partial mode, whatever the threads have found. How many threads there are besides the one that
    /// loads is what [`Config::load_threads`] says, and none for a small module; then `wait_validated` does the work
    /// itself. When the last name for the module is dropped, the threads stop and are waited for, which takes a tenth of
    /// a millisecond or as long as validating the largest function; instances do not keep them.
    Background,
}

/// How many bytes the frames of a store may take with [`Config::deterministic`]. Part of what must not change.
pub const DETERMINISTIC_STACK_BYTES: usize = 1 << 20;

/// How deeply calls may nest with [`Config::deterministic`]. Part of what must not change.
pub const DETERMINISTIC_CALL_DEPTH: usize = 10_000;

/// The proposals of [`Config::deterministic`]. All are named, so that one that is added later is a decision: programs
/// must not be opted in by an update.
const DETERMINISTIC_FEATURES: Features = Features {
    floats: true,
    mutable_global: true,
    sign_extension: true,
    saturating_float_to_int: true,
    multi_value: true,
    bulk_memory: true,
    reference_types: true,
    tail_call: true,
    extended_const: true,
    multi_memory: true,
    memory64: true,
    custom_page_sizes: false,
    wide_arithmetic: false,
};

/// The switches of an [`Engine`](crate::Engine).
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) features: Features,
    pub(crate) limits: Limits,
    pub(crate) load_mode: LoadMode,
    /// 0: as many as there are processors for.
    pub(crate) load_threads: usize,
    pub(crate) dispatch: Dispatch,
    pub(crate) cpu_features: bool,
    pub(crate) max_stack_size: usize,
    pub(crate) max_call_depth: usize,
    pub(crate) max_host_nesting: usize,
    pub(crate) allow_start_fn: bool,
    pub(crate) consume_fuel: bool,
    pub(crate) fuel_costs: FuelCosts,
    pub(crate) interruptible: bool,
    pub(crate) profile: bool,
    pub(crate) host_error_backtrace: bool,
    pub(crate) canonical_nans: bool,
    pub(crate) deterministic: bool,
    pub(crate) warm_instances: usize,
    pub(crate) warm_memory: usize,
    pub(crate) track_writes: bool,
    /// If nothing was said, instances can be reset where that is cheap.
    pub(crate) resettable: Option<bool>,
    pub(crate) evictable_code: bool,
    pub(crate) code_budget: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            features: Features::default(),
            limits: Limits::default(),
            load_mode: LoadMode::default(),
            load_threads: 0,
            dispatch: Dispatch::default(),
            cpu_features: true,
            max_stack_size: StackLimits::default().max_bytes,
            max_call_depth: StackLimits::default().max_depth,
            max_host_nesting: 100,
            allow_start_fn: true,
            consume_fuel: false,
            fuel_costs: FuelCosts::default(),
            interruptible: false,
            profile: false,
            host_error_backtrace: true,
            canonical_nans: false,
            deterministic: false,
            warm_instances: 8,
            warm_memory: 2 << 20,
            track_writes: false,
            resettable: None,
            evictable_code: false,
            code_budget: None,
        }
    }
}

macro_rules! feature_switches {
    ($( $(#[$doc:meta])* $name:ident => $feature:ident ),* $(,)?) => {$(
        $(#[$doc])*
        pub fn $name(&mut self, enable: bool) -> &mut Self {
            self.features.$feature = enable;
            self
        }
    )*};
}

impl Config {
    /// The default configuration: everything that is standardised and implemented.
    pub fn new() -> Self {
        Self::default()
    }

    /// A configuration with which the same program, given the same inputs, does the same on every machine, in every
    /// build and with every dispatcher: results, traps, fuel, and the state that it leaves. docs/DETERMINISM.md says
    /// what that comprises.
    ///
    /// It counts fuel at the default costs, makes NaNs canonical, fixes the limits of stacks and nesting at
    /// [`DETERMINISTIC_STACK_BYTES`] and
    /// [`DETERMINISTIC_CALL_DEPTH`], and makes growth that the machine has no memory
    /// for an error instead of something that WebAssembly can see. What is changed afterwards with other methods is
    /// the embedder's to keep the same everywhere. To be stricter, switch [`floats`](Self::floats) and
    /// [`allow_start_fn`](Self::allow_start_fn) off.
    pub fn deterministic() -> Self {
        let mut config = Self::default();
        config
            .consume_fuel(true)
            .canonical_nans(true)
            .max_stack_size(DETERMINISTIC_STACK_BYTES)
            .max_call_depth(DETERMINISTIC_CALL_DEPTH)
            .max_host_nesting(100)
            .features(DETERMINISTIC_FEATURES)
            .limits(Limits::default());
        config.deterministic = true;
        config
    }

    feature_switches! {
        /// Whether floating-point types and operators are allowed. Default: yes.
        floats => floats,
        /// Whether mutable globals can be imported and exported. Default: yes.
        wasm_mutable_global => mutable_global,
        /// Whether sign extension operators are allowed. Default: yes.
        wasm_sign_extension => sign_extension,
        /// Whether saturating conversions from float to integer are allowed. Default: yes.
        wasm_saturating_float_to_int => saturating_float_to_int,
        /// Whether blocks may have parameters, and blocks and functions several results. Default: yes.
        wasm_multi_value => multi_value,
        /// Whether bulk memory operators and passive segments are allowed. Default: yes.
        wasm_bulk_memory => bulk_memory,
        /// Whether reference types are allowed. Default: yes.
        wasm_reference_types => reference_types,
        /// Whether tail calls are allowed. Default: yes.
        wasm_tail_call => tail_call,
        /// Whether constant expressions may calculate. Default: yes.
        wasm_extended_const => extended_const,
        /// Whether a module may have several memories. Default: yes.
        wasm_multi_memory => multi_memory,
        /// Whether memories and tables may have 64-bit addresses. Default: yes.
        wasm_memory64 => memory64,
        /// Whether memories may have pages of one byte. Default: no.
        wasm_custom_page_sizes => custom_page_sizes,
        /// Whether 128-bit addition, subtraction and widening multiplication are allowed. Default: no.
        wasm_wide_arithmetic => wide_arithmetic,
    }

    /// Sets all proposals at once.
    pub fn features(&mut self, features: Features) -> &mut Self {
        self.features = features;
        self
    }

    /// Sets what a module may ask for. Default: [`Limits::default`].
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// Sets when function bodies are validated and translated, for modules that do not say otherwise. Default:
    /// [`LoadMode::Checked`].
    pub fn load_mode(&mut self, mode: LoadMode) -> &mut Self {
        self.load_mode = mode;
        self
    }

    /// Sets how many threads may validate the functions of a module, and in eager mode translate them, the thread that
    /// loads it included. 1 is that one alone. Default: 0, which means as many as the process has processors for.
    ///
    /// The verdict does not depend on it, nor does the error of a module that is refused. Small modules, of less than 256
    /// KiB of functions, stay on one thread, and so do builds without `std`. A thread that cannot be started is no error:
    /// the others do its share. No thread outlives the call, but in [background mode](LoadMode::Background).
    pub fn load_threads(&mut self, threads: usize) -> &mut Self {
        self.load_threads = threads;
        self
    }

    /// Sets how the interpreter goes from one op to the next. Default: [`Dispatch::default`].
    pub fn dispatch(&mut self, dispatch: Dispatch) -> &mut Self {
        self.dispatch = dispatch;
        self
    }

    /// Sets whether the interpreter uses what the CPU has beyond what the program was compiled for: on x86-64, its
    /// instructions that count bits and round. Results do not depend on it. Default: yes.
    pub fn cpu_features(&mut self, enable: bool) -> &mut Self {
        self.cpu_features = enable;
        self
    }

    /// Sets how many bytes the frames of WebAssembly functions may take in a store. Default: 1 MiB. A call that
    /// needs more traps with [`TrapCode::StackOverflow`](crate::TrapCode::StackOverflow).
    pub fn max_stack_size(&mut self, bytes: usize) -> &mut Self {
        self.max_stack_size = bytes;
        self
    }

    /// Sets how deeply calls of WebAssembly functions may nest. Default: 10,000. A deeper call traps with
    /// [`TrapCode::StackOverflow`](crate::TrapCode::StackOverflow).
    pub fn max_call_depth(&mut self, calls: usize) -> &mut Self {
        self.max_call_depth = calls;
        self
    }

    /// Sets how often a host function that was called by WebAssembly may call WebAssembly that calls a host
    /// function, and so on. Default: 100. These calls, and only these, use the native stack. A deeper call traps
    /// with [`TrapCode::StackOverflow`](crate::TrapCode::StackOverflow).
    pub fn max_host_nesting(&mut self, calls: usize) -> &mut Self {
        self.max_host_nesting = calls;
        self
    }

    /// Sets whether modules with a start function can be instantiated. Default: yes.
    pub fn allow_start_fn(&mut self, allow: bool) -> &mut Self {
        self.allow_start_fn = allow;
        self
    }

    /// Sets whether execution consumes fuel, as docs/FUEL.md defines. Default: no. A store starts with none; see
    /// [`Store::set_fuel`](crate::Store::set_fuel).
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.consume_fuel = enable;
        self
    }

    /// Sets what instructions cost, if execution consumes fuel. Default: [`FuelCosts::default`].
    pub fn fuel_costs(&mut self, costs: FuelCosts) -> &mut Self {
        self.fuel_costs = costs;
        self
    }

    /// Sets what one instruction costs, by its name in the text format, for example `i64.mul`.
    ///
    /// # Errors
    /// No instruction has this name, or it is a branch or a call and must not be free.
    pub fn fuel_cost(&mut self, instruction: &str, cost: u8) -> Result<&mut Self, FuelCostError> {
        self.fuel_costs = crate::fuel_cost::set(self.fuel_costs.clone(), instruction, cost)?;
        Ok(self)
    }

    /// Sets whether execution can be interrupted ([`Store::interrupt_handle`](crate::Store::interrupt_handle)) and
    /// have a deadline. Default: no. Not needed where execution consumes fuel.
    pub fn interruptible(&mut self, enable: bool) -> &mut Self {
        self.interruptible = enable;
        self
    }

    /// Sets whether every NaN that an operator computes is the canonical one, the same on every machine and with
    /// every dispatcher. Default: no: which NaN arithmetic gives is the machine's choice then, as the specification
    /// allows. Costs up to a third of the time of float arithmetic (docs/DETERMINISM.md).
    pub fn canonical_nans(&mut self, enable: bool) -> &mut Self {
        self.canonical_nans = enable;
        self
    }

    /// Sets whether errors of host functions get a [backtrace](crate::Error::backtrace) where they pass through
    /// WebAssembly, as traps do. Default: yes. Collecting them takes a lock on the module and about 30 ns for each
    /// call that is active, of up to 64: to be switched off where such errors are an ordinary way to end a call, as in
    /// contracts, and stacks are deep or threads many.
    pub fn host_error_backtrace(&mut self, enable: bool) -> &mut Self {
        self.host_error_backtrace = enable;
        self
    }

    /// Sets whether functions tell the store's [profiler](crate::Store::set_profiler) when they begin and when they
    /// end. Default: no, and then code is as if there were no profilers. Fuel is the same with and without.
    pub fn profile(&mut self, enable: bool) -> &mut Self {
        self.profile = enable;
        self
    }

    /// Sets how many instances each module keeps for other stores when the stores that had them are dropped. Default: 8.
    ///
    /// A kept instance makes the next instantiation several times faster: it is made as good as new when its store is
    /// dropped, so that nothing of the former use is left in it, and needs imports and globals only. What it holds of
    /// large memories says [`warm_memory`](Self::warm_memory); one that has grown far beyond its first size is not
    /// kept. 0: none. [`Module::drop_warm_instances`](crate::Module::drop_warm_instances) frees those of a module.
    pub fn warm_instances(&mut self, count: usize) -> &mut Self {
        self.warm_instances = count;
        self
    }

    /// Sets how many bytes of each memory stay with an instance that a module [keeps](Self::warm_instances) because
    /// they were written to. Default: 2 MiB. If more was, all of it goes back to the system, and the next store pays
    /// for getting it anew, about a microsecond for each page. Memories that do not come from the system but from the
    /// allocator stay whole: those below 256 KiB, and all where the system is not Linux on a 64-bit machine.
    pub fn warm_memory(&mut self, bytes: usize) -> &mut Self {
        self.warm_memory = bytes;
        self
    }

    /// Sets whether memories know which of their blocks were written to. Default: no, and then code is as if this did
    /// not exist. It makes resetting an instance cost as much as was written, whatever the size of the memory: also
    /// where instances are [kept](Self::warm_instances) for other stores. Stores take up to a third longer, programs
    /// a few percent. [`Memory::data_mut`](crate::Memory::data_mut) counts as writing everything; host functions
    /// should use [`Memory::write`](crate::Memory::write) or [`Memory::split`](crate::Memory::split).
    pub fn track_writes(&mut self, enable: bool) -> &mut Self {
        self.track_writes = enable;
        self
    }

    /// Sets whether instances keep what [`Instance::reset`](crate::Instance::reset) needs. Default: if writes are
    /// [tracked](Self::track_writes).
    ///
    /// What is kept is what the start function wrote, and what is written to imported memories from one instantiation to
    /// the next; there is no copy of whole memories. Without tracking, instantiation has to find it by comparing, and
    /// resetting restores all that was ever written to.
    pub fn resettable(&mut self, enable: bool) -> &mut Self {
        self.resettable = Some(enable);
        self
    }

    /// Whether instances keep what [`Instance::reset`](crate::Instance::reset) needs.
    pub fn get_resettable(&self) -> bool {
        self.resettable.unwrap_or(self.track_writes)
    }

    /// Sets whether translated code can be dropped while its module lives ([`Module::evict_code`](crate::Module::evict_code)).
    /// Default: no. It costs some nanoseconds for each call that the embedder makes, and nothing for calls that
    /// WebAssembly makes.
    pub fn evictable_code(&mut self, enable: bool) -> &mut Self {
        self.evictable_code = enable;
        self
    }

    /// Sets how many bytes the translated code of each module may take, with its tables; `None`: as many as there are.
    /// Default: `None`. A budget implies [`evictable_code`](Self::evictable_code).
    ///
    /// If a translation exceeds it, the code of the functions that were translated first is dropped until a quarter of
    /// the budget is free; they are translated again when they are called. Code that a call may be using is freed only
    /// after that call has ended, and until then no other is dropped: a call that needs more functions than the budget
    /// has room for gets them, and at the worst there is twice as much code as the module has in all. Real modules take
    /// about 4 bytes of code for each byte of a function's body (docs/LIMITS.md).
    pub fn code_budget(&mut self, bytes: Option<usize>) -> &mut Self {
        self.code_budget = bytes;
        self
    }

    pub(crate) fn code_retention(&self) -> CodeRetention {
        match (self.code_budget, self.evictable_code) {
            (Some(budget), _) => CodeRetention::Evictable { budget },
            (None, true) => CodeRetention::Evictable { budget: usize::MAX },
            (None, false) => CodeRetention::Forever,
        }
    }

    pub(crate) fn metering(&self) -> Metering {
        match (self.consume_fuel, self.interruptible) {
            (true, _) => Metering::Fuel(self.fuel_costs.clone()),
            (false, true) => Metering::Interrupts,
            (false, false) => Metering::Off,
        }
    }

    /// The proposals that modules may use.
    pub fn get_features(&self) -> &Features {
        &self.features
    }

    /// What modules may ask for.
    pub fn get_limits(&self) -> &Limits {
        &self.limits
    }

    /// When function bodies are validated and translated.
    pub fn get_load_mode(&self) -> LoadMode {
        self.load_mode
    }

    /// How many threads may validate and translate a module at load; 0 is as many as the process has processors for.
    pub fn get_load_threads(&self) -> usize {
        self.load_threads
    }

    /// Whether functions tell the store's profiler when they begin and when they end.
    pub fn get_profile(&self) -> bool {
        self.profile
    }

    /// Whether errors of host functions get a backtrace.
    pub fn get_host_error_backtrace(&self) -> bool {
        self.host_error_backtrace
    }

    /// How many bytes the translated code of each module may take.
    pub fn get_code_budget(&self) -> Option<usize> {
        self.code_budget
    }

    /// How the interpreter goes from one op to the next.
    pub fn get_dispatch(&self) -> Dispatch {
        self.dispatch
    }
}
