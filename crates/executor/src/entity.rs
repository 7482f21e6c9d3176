//! The entities of a store as handlers see them.
//!
//! Entities never move and live until their store is dropped (I-ENTITY). Handlers
//! reach them through raw pointers; everybody else goes through [`crate::Store`], which alone may make
//! references to them, and only while no handler runs.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    cell::Cell,
    fmt,
    mem::MaybeUninit,
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};
use rotifer_core::{FuncIdx, GlobalType, TableType};

use crate::{
    address,
    code::{FuncEntry, ModuleCode},
    func_block::FuncBlock,
    memory::Memory,
    reset::Base,
    table::TableStates,
    usage::Tally,
};

/// A function of a store.
#[derive(Debug)]
pub struct Func {
    /// The engine's number of its type: equal numbers, equal types.
    pub type_id: u32,
    /// The number of the host function, or [`Func::WASM`]; the last thing to be written where a function of an
    /// instance is made (see [`FuncBlock`]).
    pub(crate) host: AtomicU32,
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

    /// The number of the host function, or [`Func::WASM`].
    #[inline(always)]
    pub fn host(&self) -> u32 {
        self.host.load(Ordering::Acquire)
    }

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
    pub(crate) elements: Vec<u64>,
    /// Its type; `minimum` is what the module declared.
    pub ty: TableType,
    /// Whether an element was written other than by an active segment.
    pub(crate) dirty: bool,
    /// The states that it can go back to.
    pub(crate) states: TableStates,
    /// How often the elements have changed.
    pub(crate) version: u64,
    /// Where its elements are counted.
    pub(crate) tally: Tally,
    /// Bytes that were counted.
    pub(crate) counted: usize,
}

/// An element segment of an instance.
#[derive(Debug)]
pub(crate) enum Segment {
    /// Nobody has asked for its elements yet.
    Waiting,
    /// Its elements, as references.
    Ready(Box<[u64]>),
    /// It was dropped.
    Dropped,
}

/// The module of an instance: a share of it as long as a store has the instance, nothing while the module keeps the
/// instance for another store (I-WARM).
pub struct ModuleRef(MaybeUninit<Arc<ModuleCode>>);

impl ModuleRef {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self(MaybeUninit::uninit())
    }

    pub(crate) fn set(&mut self, module: Arc<ModuleCode>) {
        self.0.write(module);
    }

    /// Takes the share away.
    ///
    /// # Safety
    /// I-WARM: a store had the instance until now, and nobody asks for its module before it is [`set`](Self::set).
    pub(crate) unsafe fn take(&mut self) -> Arc<ModuleCode> {
        // SAFETY: promised by the caller.
        unsafe { self.0.assume_init_read() }
    }
}

impl Deref for ModuleRef {
    type Target = Arc<ModuleCode>;

    #[inline(always)]
    fn deref(&self) -> &Arc<ModuleCode> {
        // SAFETY: I-WARM: a store has the instance.
        unsafe { self.0.assume_init_ref() }
    }
}

impl fmt::Debug for ModuleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ModuleRef")
    }
}

/// Entities that an instance owns, one behind the other. Others have their addresses.
#[derive(Debug)]
pub(crate) struct Owned<E>(NonNull<[E]>);

impl<E> Owned<E> {
    pub(crate) fn new(entities: Box<[E]>) -> Self {
        Self(NonNull::from(Box::leak(entities)))
    }

    /// Their addresses.
    pub(crate) fn places(&self) -> impl Iterator<Item = NonNull<E>> + use<E> {
        let (first, len) = (self.0.cast::<E>(), self.0.len());
        // SAFETY: I-ENTITY: the pointers stay within the block.
        (0..len).map(move |i| unsafe { first.add(i) })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<E> Drop for Owned<E> {
    fn drop(&mut self) {
        // SAFETY: I-ENTITY ends: the entities came from a box, and are freed once, with their instance.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
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
    pub(crate) funcs: FuncBlock,
    /// The element segments.
    pub(crate) elements: Box<[Segment]>,
    /// Which data segments were dropped.
    pub(crate) dropped_data: Box<[bool]>,
    /// The module.
    pub module: ModuleRef,
    /// The memories that the module defines.
    pub(crate) own_memories: Owned<Memory>,
    /// The tables that the module defines.
    pub(crate) own_tables: Owned<Table>,
    /// The globals that the module defines.
    pub(crate) own_globals: Owned<Global>,
    /// Whether the active segments of elements are in their tables already.
    pub(crate) has_elements: bool,
    /// Whether the active segments of data are in their memories already.
    pub(crate) has_data: bool,
    /// Whether a segment was dropped or asked for its elements other than as an active one.
    pub(crate) segments_used: bool,
    /// What it was when it was ready, if that is kept.
    pub(crate) base: Option<Box<Base>>,
    /// Bytes that the instance was made of, memories and tables apart.
    pub(crate) held: usize,
}

impl Instance {
    /// A function by index, imports first.
    pub fn func(&self, func: FuncIdx) -> Option<NonNull<Func>> {
        match func.index().checked_sub(self.imported_funcs.len()) {
            None => Some(self.imported_funcs[func.index()]),
            Some(defined) => self.funcs.get(&self.module, defined),
        }
    }
}
