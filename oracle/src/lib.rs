//! The oracle: a WebAssembly interpreter that is too simple to be wrong, and counts fuel as `docs/FUEL.md`
//! says.
//!
//! Functions are lists of operators, executed one at a time by one `match` on a stack of 64-bit values. Where
//! a region of fuel ends is found by reading the list forwards from where it begins, each time anew. Nothing
//! is shared with the engine but the table of costs and the trap codes, which belong to the definition;
//! modules are decoded and validated by `wasmparser`.
//!
//! A [`Machine`] is one instance of a [`Module`]. Functions can be imported; memories, tables and globals
//! that a module imports are made for it. When fuel runs out, the machine stops before the first instruction
//! that was not paid for and can be resumed, because all that it knows is plain data.
//!
//! [`script`] reads the golden files of `spec-tests/fuel/`; it knows neither this interpreter nor the engine,
//! but whatever implements [`Subject`].

mod event;
mod machine;
mod memory;
mod module;
mod names;
mod numeric;
mod region;
pub mod script;
mod subject;
mod table;
mod value;

pub use self::{
    event::{Event, Place},
    machine::{Host, HostError, Machine, Options, Outcome},
    module::{Module, Signature},
    subject::{Oracle, Refuel, Run, State, Subject, fuel_after, hash, host_results},
    value::{Value, ValueType},
};
