//! Stores, instances and the execution of code.
//!
//! The executor knows nothing of translation: it reaches an untranslated function through [`Translate`].

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod address;
mod code;
mod entity;
mod exec;
mod exports;
mod func_block;
mod instance;
mod mapping;
mod memory;
mod pin;
mod reset;
mod stack;
mod state;
mod store;
mod sync;
mod table;
mod tracker;
mod usage;
mod warm;

pub use self::{
    code::{CodeRetention, FuncEntry, Metering, ModuleCode, ModuleUsage, Stubs, Translate},
    entity::{Func, Global, Instance, Table},
    exec::{
        Dispatch, DispatchError, Frame, Host, HostFrame, NewCall, NewCallError, NewFrame, NotPortable,
        OpTriple, Outcome, Pause, Suspended, Trap, TrapFrame, bits_of, invoke, operand_value, resume, start,
    },
    instance::{ImportMismatch, Item, Linked},
    memory::{Changes, Memory},
    reset::ResetError,
    stack::{StackLimits, ValueStack},
    state::{DroppedSegments, FuncNumbers, Parts},
    store::{ExternHandle, Handle, NewEntityError, Store, StoreId, StoreUsage, WrongStore},
    usage::{Held, Tally, Usage},
};

#[cfg(loom)]
pub use self::pin::PinnedForTest;
