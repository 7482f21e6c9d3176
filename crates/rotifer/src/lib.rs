//! Rotifer interprets WebAssembly: it loads a module in microseconds, translates each function body into
//! register-machine bytecode on its first call and runs it fast, on stable Rust, with or without `std`.
//!
//! This crate is the public API: names and shapes are those of `wasmi` and `wasmtime` where they agree.
//!
//! ```
//! use rotifer::{Caller, Engine, Linker, Module, Store};
//!
//! // (module
//! //   (import "host" "add" (func $add (param i32 i32) (result i32)))
//! //   (func (export "twice") (param i32) (result i32)
//! //     (call $add (local.get 0) (local.get 0))))
//! let wasm = b"\0asm\x01\0\0\0\x01\x0c\x02\x60\x02\x7f\x7f\x01\x7f\x60\x01\x7f\x01\x7f\
//!     \x02\x0c\x01\x04host\x03add\0\0\x03\x02\x01\x01\x07\x09\x01\x05twice\0\x01\
//!     \x0a\x0a\x01\x08\0\x20\0\x20\0\x10\0\x0b";
//! let engine = Engine::default();
//! let module = Module::new(&engine, wasm)?;
//! let mut store = Store::new(&engine, 0u32);
//! let mut linker = Linker::new(&engine);
//! linker.func_wrap("host", "add", |mut caller: Caller<'_, u32>, a: i32, b: i32| {
//!     *caller.data_mut() += 1;
//!     a.wrapping_add(b)
//! })?;
//! let instance = linker.instantiate(&mut store, &module)?;
//! let twice = instance.get_typed_func::<i32, i32>(&store, "twice")?;
//! assert_eq!(twice.call(&mut store, 21)?, 42);
//! assert_eq!(*store.data(), 1);
//! # Ok::<(), rotifer::Error>(())
//! ```
//!
//! The invariants that `SAFETY` comments name are listed in `docs/INVARIANTS.md`.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
mod background;
mod backtrace;
mod bytes;
mod caller;
mod config;
mod engine;
mod error;
mod external;
mod fuel_cost;
mod func;
mod func_types;
#[cfg(feature = "std")]
mod function_profile;
mod global;
mod guest_memory;
mod history;
mod host_func;
mod instance;
mod instance_pre;
mod interrupt;
mod limiter;
mod linker;
mod memory;
mod module;
mod pool;
#[cfg(feature = "std")]
mod portions;
mod profile;
mod reference;
mod resumable;
mod serialized_snapshot;
mod snapshot;
mod snapshot_store;
mod store;
mod suspended_calls;
mod sync;
mod table;
mod typed;
mod usage;
mod value;
mod wiring;

#[cfg(feature = "std")]
pub use self::function_profile::{FunctionProfile, FunctionTimes};
pub use self::{
    backtrace::{BacktraceFrame, WasmBacktrace},
    bytes::{SharedBytes, StableBytes},
    caller::Caller,
    config::{Config, DETERMINISTIC_CALL_DEPTH, DETERMINISTIC_STACK_BYTES, LoadMode},
    engine::{BuildInfo, Engine, EngineWeak, build_info},
    error::{CallError, Error, ErrorKind, HostError, InstantiationError, ItemKind, LinkError, SnapshotError},
    external::Extern,
    func::Func,
    global::Global,
    guest_memory::GuestMemory,
    history::History,
    host_func::{HostFunc, IntoFunc},
    instance::{Export, ExportsIter, Instance},
    instance_pre::InstancePre,
    interrupt::InterruptHandle,
    limiter::{ResourceLimiter, StoreLimits, StoreLimitsBuilder},
    linker::{Linker, UnknownImport},
    memory::Memory,
    module::{
        CustomSection, CustomSectionsIter, ExportType, ImportType, Module, ModuleExportsIter,
        ModuleImportsIter,
    },
    pool::{InstancePool, PoolCache, PoolOptions, PoolUsage, Pooled},
    profile::{ProfiledFunc, Profiler, SuspendedProfile},
    reference::{ExternRef, Nullable, Ref},
    resumable::{ResumableCall, SuspendReason, SuspendedCall, TypedResumableCall, TypedSuspendedCall},
    snapshot::{MemoryRange, Snapshot},
    snapshot_store::SnapshotStore,
    store::{AsContext, AsContextMut, Store, StoreContext, StoreContextMut},
    table::Table,
    typed::{TypedFunc, WasmParams, WasmResults, WasmRet, WasmTy, WasmTyList},
    usage::{EngineMemory, ModuleMemory, StoreMemory},
    value::{F32, F64, Val},
    wiring::BytecodeCell,
};
pub use rotifer_core::{
    ExternType, FUEL_VERSION, Features, FuelCostError, FuelCosts, FuncType, GlobalType, HeapType, Limits,
    MemoryType, MemoryTypeBuilder, MemoryTypeError, Mutability, RefType, TableType, TrapCode, ValType,
};
pub use rotifer_executor::{Dispatch, DispatchError};
/// States of instances as data: what a [`Snapshot`] holds.
pub use rotifer_snapshot as state;
pub use rotifer_snapshot::{
    DeserializeError, HistoryConfig, HistoryError, Section as SnapshotSection, StateHash,
};
pub use rotifer_validator::{Counts, Error as ModuleError, ErrorKind as ModuleErrorKind};
