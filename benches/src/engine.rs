//! What an engine must be able to do to be measured: [`Engine`] and [`Instance`], one implementation per
//! rival in [`crate::engines`].
//!
//! The traits are the smallest common part of all the APIs. They are called a few times per sample of tens
//! of milliseconds, so the indirection costs no engine anything that could be seen.

use crate::module::Module;
use anyhow::{Result, bail};

/// A WebAssembly number. Floats are kept as bits, so that comparing results never depends on NaNs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
}

/// An engine in one of its modes.
pub trait Engine {
    /// The engine's name in reports, with its mode where a set compares modes: `wasmi.lazy`.
    fn name(&self) -> &str;

    /// Makes the engine proper, in which modules are loaded.
    fn loader(&self) -> Result<Box<dyn Loader>>;

    /// Goes all the way from bytes to a running instance: a new engine, store, imports, module, instance.
    /// Nothing is shared with earlier calls, and dropping the instance drops everything.
    ///
    /// Function imports are answered by [`crate::module::Stub`]s; other imports are created as declared.
    fn instantiate(&self, module: &Module) -> Result<Box<dyn Instance>> {
        self.loader()?.load(module)?.instantiate()
    }

    /// How many cores the process may use while this engine works.
    fn cores(&self) -> usize {
        1
    }

    /// Gets ready to validate `module`; what is returned does so, all of it, again and again.
    fn validator<'a>(&self, _: &'a Module) -> Result<Validate<'a>> {
        bail!("this engine is not asked to validate only");
    }

    /// Makes an instance whose states are kept.
    fn keeper(&self, _wasm: &[u8]) -> Result<Box<dyn Keeper>> {
        bail!("this engine is not asked to keep states");
    }

    /// Loads `kernels/wat/calls.wat` with the host functions that it imports.
    fn crossings(&self, _: &Module) -> Result<Box<dyn Crossings>> {
        bail!("no crossings are written for this engine");
    }
}

/// Validates a module once.
pub type Validate<'a> = Box<dyn Fn() -> Result<()> + 'a>;

/// An engine proper, which modules may share.
pub trait Loader {
    /// Loads `module`, as far as the engine's mode goes. What is returned keeps the engine alive.
    fn load<'a>(&self, module: &'a Module) -> Result<Box<dyn Loaded + 'a>>;
}

/// A loaded module.
pub trait Loaded {
    /// A fresh instance in a store of its own, with stubs for what it imports.
    fn instantiate(&self) -> Result<Box<dyn Instance>>;

    /// Makes an instance in a store of its own, touches its memory and drops both, so many times; returns the sum
    /// of what was found there. The loop is the engine's own and prepares once what instances can share. The
    /// module imports nothing but functions.
    fn renew(&self, _: Touch, _times: u32) -> Result<i64> {
        bail!("no instances are made from a loaded module with this engine");
    }
}

/// What is done with the memory of an instance before it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Nothing.
    Nothing,
    /// The exported function `touch` adds up a word in each of so many 4-KiB pages and overwrites it.
    Call(i32),
    /// The host reads and overwrites the first byte of each of the first so many 4-KiB pages of `memory`.
    Host(u32),
}

/// The pages that [`Touch::Host`] distinguishes.
pub const PAGE_BYTES: usize = 4096;

/// What can be done at the boundary between host and WebAssembly. Functions have type `i32 -> i32` where nothing
/// else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crossing {
    /// A round of a loop in WebAssembly that calls nothing.
    Loop,
    /// The same with a call of a host function without parameters and results, made of a closure.
    HostNothing,
    /// A round with a call of a host function, made of a closure, that adds the 1.
    HostNext,
    /// The same with a host function that reads and sets the fuel that is left.
    HostFuel,
    /// The same, but the host function fails with an error that is no trap; the call is resumed with its result.
    HostError,
    /// The same with a host function that the engine provides for this.
    HostSuspend,
    /// A call of a WebAssembly function by the host through its API of Rust types.
    Typed,
    /// The same through the API of values that are typed at run time.
    Untyped,
    /// The same through the API of Rust types, such that the call could be suspended.
    Resumable,
}

/// An instance of `kernels/wat/calls.wat`. The loops over crossings are the engine's own, so that nothing stands
/// between them and what they measure.
pub trait Crossings {
    /// Crosses so many times. Each adds 1 to the number that is returned.
    fn cross(&mut self, crossing: Crossing, times: i32) -> Result<i32>;
}

/// How a tick of the set `history` writes to pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickWrites {
    /// To a few words of each.
    Sparse,
    /// All over each.
    Whole,
}

/// An instance whose states are kept tick by tick.
pub trait Keeper {
    /// Has the instance do what belongs to a tick.
    fn play(&mut self, tick: u64, writes: TickWrites) -> Result<()>;

    /// Keeps the state that the instance has, as that of a tick.
    fn record(&mut self, tick: u64) -> Result<()>;

    /// Makes the state that of a tick, and forgets later ones.
    fn rollback(&mut self, tick: u64) -> Result<()>;

    /// Tells contents of the memory apart.
    fn digest(&mut self) -> u64;

    /// Forgets the older half of what was recorded; returns how much that took for each tick.
    fn old_tick_bytes(&mut self) -> Result<f64>;
}

/// A running instance.
pub trait Instance {
    /// Looks an exported function up. The handle belongs to this instance.
    fn export(&mut self, name: &str) -> Result<Export>;

    /// Calls an exported function of at most one result.
    fn call(&mut self, export: Export, args: &[Value]) -> Result<Option<Value>>;

    /// Lends the memory exported as `memory`, or fails if there is none.
    fn with_memory(&mut self, visit: &mut dyn FnMut(&mut [u8])) -> Result<()>;
}

/// A handle of an exported function, made by [`Instance::export`].
#[derive(Clone, Copy, Debug)]
pub struct Export(pub usize);
