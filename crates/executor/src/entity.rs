//! The entities of a store as handlers see them.
//!
//! Entities never move and live until their store is dropped (I-ENTITY). Handlers
//! reach them through raw pointers; everybody else goes through [`crate::Store`], which alone may make
//! references to them, and only while no handler runs.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{cell::Cell, ptr::NonNull};
use rotifer_core::{FuncIdx, GlobalType, TableType};

use crate::{
    address,
    code::{FuncEntry, ModuleCode},
    memory::Memory,
    usage::Tally,
};

/// A function of a store.
#[derive(Debug)]
pub struct Func {
    /// The engine's number of its type: equal numbers, equal types.
    pub type_id: u32,
    /// The number of the host function, or [`Func::WASM`].
    pub host: u32,
    /// The function's index in its module; 0 for a host function.
    pub index: FuncIdx,
    /// Where its code is; null for a host function.
    pub entry: *const FuncEntry,
    /// The instance it belongs to; null for a host function.
    pub instance: *const Instance,
}

impl Func {
    /// In [`Func::host`]: not a host function.
    pub const WASM: u32 = u32::MAX;

    /// The reference to a function, as slots hold it (I-REF).
    #[inline(always)]
    pub fn to_reference(func: *const Self) -> u64 {
        address::expose(func)
    }

    /// The function that a reference refers to; null if it is null.
    #[inline(always)]
    pub fn from_reference(reference: u64) -> *mut Self {
        address::recover(reference)
    }
}

/// A global of a store.
#[derive(Debug)]
pub struct Global {
    /// The value's slots; the second is the high half of a vector.
    pub(crate) value: Cell<[u64; 2]>,
    /// Its type.
    pub ty: GlobalType,
}

impl Global {
    /// The value's slots.
    pub fn get(&self) -> [u64; 2] {
        self.value.get()
    }
}

/// A table of a store.
#[derive(Debug)]
pub struct Table {
    /// References as slots hold them: 0 is null, a function is the address of its [`Func`], an external
    /// reference is its number in the store plus 1.
    pub elements: Vec<u64>,
    /// Its type; `minimum` is what the module declared.
    pub ty: TableType,
    /// Where its elements are counted.
    pub(crate) tally: Tally,
}

/// An instance of a module.
#[derive(Debug)]
#[repr(C)]
pub struct Instance {
    /// Memory 0, or [`Memory::none`].
    pub memory0: *const Memory,
    /// All globals, imports first.
    pub globals: Box<[*const Global]>,
    /// All memories, imports first.
    pub memories: Box<[NonNull<Memory>]>,
    /// All tables, imports first.
    pub tables: Box<[NonNull<Table>]>,
    /// The imported functions.
    pub imported_funcs: Box<[NonNull<Func>]>,
    /// The defined functions.
    pub funcs: Box<[Func]>,
    /// The element segments that are left, as references; a dropped one is empty.
    pub elements: Vec<Box<[u64]>>,
    /// Which data segments were dropped.
    pub dropped_data: Vec<bool>,
    /// The module.
    pub module: Arc<ModuleCode>,
    /// Bytes that the instance was made of, memories and tables apart.
    pub(crate) held: usize,
}

impl Instance {
    /// A function by index, imports first.
    pub fn func(&self, func: FuncIdx) -> Option<NonNull<Func>> {
        match func.index().checked_sub(self.imported_funcs.len()) {
            None => Some(self.imported_funcs[func.index()]),
            Some(defined) => self.funcs.get(defined).map(NonNull::from),
        }
    }
}
