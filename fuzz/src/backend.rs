//! [`Backend`]: an instance of a module in some engine, driven and looked at from outside.

use crate::random::Random;
use crate::value::{HostCall, Outcome, Stop, Type, Value};

pub mod ours;
#[cfg(feature = "reference")]
pub mod reference;

/// An exported function.
#[derive(Clone, Debug)]
pub struct Export {
    pub name: String,
    pub params: Vec<Type>,
}

/// The calls at a trap, innermost first: function and offset.
pub type Backtrace = Vec<(u32, Option<usize>)>;

/// An instance.
pub trait Backend {
    /// What it is called in reports.
    fn name(&self) -> String;
    /// What instantiating, the start function included, gave.
    fn start(&self) -> Result<(), Stop>;
    /// The exported functions, by name.
    fn functions(&self) -> Vec<Export>;
    /// Calls an exported function.
    fn call(&mut self, function: usize, params: &[Value]) -> Outcome;
    /// Where the last call trapped.
    fn backtrace(&self) -> Backtrace;
    /// Sets an exported global of type `i32`.
    fn set_global(&mut self, name: &str, value: i32);
    /// The exported globals, by name.
    fn globals(&mut self) -> Vec<Value>;
    /// The exported memories, by name.
    fn memories(&self) -> Vec<&[u8]>;
    /// The exported tables, by name.
    fn tables(&mut self) -> Vec<Vec<Value>>;
    /// How many calls of host functions there were, and the last ones.
    fn host_calls(&self) -> &[HostCall];
    /// The fuel that was consumed so far, and what had been at each call of a host function; if it is counted.
    fn spent(&self) -> Option<(u64, &[u64])>;
    /// How often calls were suspended and resumed.
    fn suspensions(&self) -> u64;
    /// Has the instance used and brings it back to what it was, if that is possible: nothing of this must show. `is_new`
    /// is whether nobody has used it yet.
    fn excursion(
        &mut self,
        random: &mut Random,
        is_new: bool,
        use_it: &mut dyn FnMut(&mut dyn Backend, &mut Random),
    );
}

/// What a host function of any engine says when it fails.
#[derive(Debug)]
pub struct HostFailure;

impl std::fmt::Display for HostFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host function fails")
    }
}

impl std::error::Error for HostFailure {}

/// The randomness of an import: of its names, since engines differ in the order of imports.
fn import_random(seed: u64, module: &str, name: &str) -> crate::random::Random {
    crate::random::Random::named(seed ^ 0x1234_5678, &format!("{module}\0{name}"))
}
