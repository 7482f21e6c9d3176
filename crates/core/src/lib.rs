//! Definitions that every crate of Rotifer shares: types, indices, features, limits and trap codes.
//!
//! Nothing here knows how a module is read, how code is represented or how it is executed. Names are those
//! of the [WebAssembly specification](https://webassembly.github.io/spec/core/syntax/index.html).

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod features;
mod fuel;
mod index;
mod limits;
mod trap;
mod types;

pub use self::{
    features::Features,
    fuel::{FUEL_VERSION, FuelCostError, FuelCosts},
    index::{DataIdx, ElemIdx, FuncIdx, GlobalIdx, LocalIdx, MemIdx, TableIdx, TypeIdx, WasmOffset},
    limits::Limits,
    trap::TrapCode,
    types::{
        ExternType, FuncType, GlobalType, HeapType, MemoryType, MemoryTypeBuilder, MemoryTypeError,
        Mutability, RefType, TableType, ValType,
    },
};
