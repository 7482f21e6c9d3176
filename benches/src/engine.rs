//! What an engine must be able to do to be measured: [`Engine`] and [`Instance`], one implementation per
//! rival in [`crate::engines`].
//!
//! The traits are the smallest common part of all the APIs. They are called a few times per sample of tens
//! of milliseconds, so the indirection costs no engine anything that could be seen.

use crate::module::Module;
use anyhow::Result;

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

    /// Goes all the way from bytes to a running instance: a new engine, store, imports, module, instance.
    /// Nothing is shared with earlier calls, and dropping the instance drops everything.
    ///
    /// Function imports are answered by [`crate::module::Stub`]s; other imports are created as declared.
    fn instantiate(&self, module: &Module) -> Result<Box<dyn Instance>>;
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
