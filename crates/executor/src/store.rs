//! [`Store`]: owns all entities, and is the only one who makes references to them.
//!
//! I-ENTITY: an entity of a store never moves and lives until the store is dropped.
//!
//! I-STORE: entities are reached from outside of this crate through a [`Handle`] and a borrow of the store that
//! made it: shared to read, exclusive to write. While WebAssembly runs, the store is borrowed exclusively by the
//! activation, and lent on to host functions, during which no handler runs.
//!
//! I-REF: a slot, an element of a table and a global hold a value of their type. A reference to a function is 0 or
//! the address of a [`Func`] of the same store; one to an object of the host is 0 or its number in the store
//! plus 1.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{any::Any, fmt, hash, ptr::NonNull};
use rotifer_core::{FuncIdx, GlobalType, MemoryType, TableType, TrapCode};

use crate::{
    code::Stubs,
    entity::{Func, Global, Instance, Table},
    exec::SuspendedState,
    instance::retire,
    memory::Memory,
    pin::OwnPin,
    stack::{StackLimits, ValueStack},
    usage::{Held, Tally},
};

/// Tells stores apart. No two stores of a process have the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct StoreId(u64);

impl StoreId {
    fn next() -> Self {
        // Numbers of 64 bits do not run out.
        #[cfg(target_has_atomic = "64")]
        {
            use core::sync::atomic::{AtomicU64, Ordering};
            static NEXT: AtomicU64 = AtomicU64::new(0);
            Self(NEXT.fetch_add(1, Ordering::Relaxed))
        }
        #[cfg(not(target_has_atomic = "64"))]
        {
            static NEXT: crate::sync::Mutex<u64> = crate::sync::Mutex::new(0);
            let mut next = NEXT.lock();
            *next += 1;
            Self(*next)
        }
    }

    /// The handle of an entity.
    ///
    /// # Safety
    /// I-ENTITY: the entity belongs to the store with this id.
    #[inline]
    pub unsafe fn handle<E>(self, entity: NonNull<E>) -> Handle<E> {
        Handle { store: self, entity }
    }
}

/// The name of an entity of a store. Worth nothing without the store.
pub struct Handle<E> {
    store: StoreId,
    entity: NonNull<E>,
}

// SAFETY: I-STORE: a handle is a name; the entity is reached through a borrow of its store only.
unsafe impl<E> Send for Handle<E> {}
// SAFETY: as for `Send`.
unsafe impl<E> Sync for Handle<E> {}

impl<E> Clone for Handle<E> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Handle<E> {}

impl<E> PartialEq for Handle<E> {
    fn eq(&self, other: &Self) -> bool {
        self.store == other.store && self.entity == other.entity
    }
}

impl<E> Eq for Handle<E> {}

impl<E> hash::Hash for Handle<E> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.store.hash(state);
        self.entity.hash(state);
    }
}

impl<E> fmt::Debug for Handle<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:p} of store {}", self.entity, self.store.0)
    }
}

impl<E> Handle<E> {
    /// The entity's address, if it belongs to a store.
    ///
    /// # Errors
    /// It belongs to another one.
    #[inline]
    pub fn check(self, store: StoreId) -> Result<NonNull<E>, WrongStore> {
        if self.store == store { Ok(self.entity) } else { Err(WrongStore) }
    }
}

/// An object of the host in a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExternHandle {
    store: StoreId,
    index: usize,
}

impl ExternHandle {
    /// The store.
    pub fn store(self) -> StoreId {
        self.store
    }

    /// The reference as a slot holds it. Null is 0.
    pub fn slot(self) -> u64 {
        self.index as u64 + 1
    }

    /// The object of a reference in a slot, unless that is null.
    pub fn from_slot(slot: u64, store: StoreId) -> Option<Self> {
        let index = slot.checked_sub(1)?;
        Some(Self { store, index: index as usize })
    }
}

/// A handle was used with a store that did not make it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WrongStore;

impl fmt::Display for WrongStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item was used with another store than its own")
    }
}

impl core::error::Error for WrongStore {}

/// So many stacks of ended calls that could have been suspended are kept in a store: as many as calls that can be suspended usually nest.
const MAX_SPARE_CALLS: usize = 4;

/// Why a memory or a table was not made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewEntityError {
    /// The host has not enough memory, or the size exceeds what it can address.
    OutOfMemory,
}

/// Owns entities in blocks that never move. A block has room for a fixed number of entities; when the last one
/// is full, a larger one follows.
struct Arena<E> {
    blocks: Vec<Vec<E>>,
    count: usize,
}

impl<E> Arena<E> {
    const fn new() -> Self {
        Self { blocks: Vec::new(), count: 0 }
    }

    /// Sees to it that so many entities go into one block.
    fn reserve(&mut self, additional: usize) {
        match self.blocks.last() {
            Some(last) if last.capacity() - last.len() >= additional => {}
            last => {
                let twice = last.map_or(0, |last| 2 * last.capacity()).min(1_024);
                self.blocks.push(Vec::with_capacity(additional.max(twice)));
            }
        }
    }

    fn iter(&self) -> impl Iterator<Item = &E> {
        self.blocks.iter().flatten()
    }

    /// Bytes of all blocks.
    fn held(&self) -> usize {
        self.blocks.iter().map(|block| block.capacity() * size_of::<E>()).sum()
    }

    fn add(&mut self, entity: E) -> NonNull<E> {
        self.reserve(1);
        let Some(block) = self.blocks.last_mut() else { unreachable!("a block has room") };
        self.count += 1;
        block.push(entity);
        // Pointers to other entities of the block stay valid: nothing but the new place is touched.
        // SAFETY: I-ENTITY: the entity was just put at the last place.
        unsafe { NonNull::new_unchecked(block.as_mut_ptr().add(block.len() - 1)) }
    }
}

/// How many bytes a store holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreUsage {
    /// Blocks of linear memories.
    pub memories: usize,
    /// Elements of tables.
    pub tables: usize,
    /// The value stack, and those kept for calls that can be suspended.
    pub stacks: usize,
    /// Instances: their functions, indices and element segments.
    pub instances: usize,
    /// What memories, tables, globals and host functions take themselves.
    pub entities: usize,
}

/// The entities of a store, the objects of the host that they refer to, and the stack of their activations.
pub struct Store {
    id: StoreId,
    /// The value stack.
    pub stack: ValueStack,
    /// The fuel that is left, where fuel is counted.
    pub fuel: u64,
    /// Whether the host is asked in between whether to go on, where fuel is counted.
    pub interruptible: bool,
    /// Those of calls that have ended, with their stacks, for others.
    #[expect(clippy::vec_box, reason = "a suspended call is such a box")]
    spare_calls: Vec<Box<SuspendedState>>,
    /// Shared with all calls that can be suspended, those that have ended included.
    calls: Option<Arc<()>>,
    host_funcs: Arena<Func>,
    /// For each host function how many slots its arguments or results take.
    host_slots: Vec<u32>,
    tables: Arena<Table>,
    memories: Arena<Memory>,
    globals: Arena<Global>,
    pub(crate) instances: Vec<NonNull<Instance>>,
    /// How many memories and tables the instances define.
    own_memories: usize,
    own_tables: usize,
    /// Whether anything may have been written to a memory other than by active segments.
    pub(crate) used: bool,
    externs: Vec<Box<dyn Any + Send + Sync>>,
    stubs: Arc<Stubs>,
    /// Raised while an activation exists that cannot be suspended.
    pub(crate) pin: OwnPin,
}

// SAFETY: a store owns all that its pointers lead to, except translated code, which is Sync.
unsafe impl Send for Store {}
// SAFETY: I-STORE: through a shared borrow of a store, entities are only read.
unsafe impl Sync for Store {}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id)
            .field("instances", &self.instances.len())
            .field("memories", &self.memory_count())
            .field("tables", &self.table_count())
            .field("globals", &self.globals.count)
            .field("host_funcs", &self.host_funcs.count)
            .finish_non_exhaustive()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stubs.usage().sub(Held::Stores, 1);
        self.stubs.usage().sub(Held::Instances, self.instances_held());
        for &instance in &self.instances {
            // SAFETY: I-ENTITY ends here; what refers to the instance is a store that is dropped.
            unsafe { retire(instance, self.used) };
        }
    }
}

impl Store {
    /// An empty store for modules that are linked with these stubs.
    pub fn new(limits: StackLimits, stubs: Arc<Stubs>) -> Self {
        let usage = stubs.usage();
        usage.add(Held::Stores, 1);
        Self {
            id: StoreId::next(),
            stack: ValueStack::new(limits, Tally::new(usage.clone())),
            fuel: 0,
            interruptible: false,
            spare_calls: Vec::new(),
            calls: None,
            host_funcs: Arena::new(),
            host_slots: Vec::new(),
            tables: Arena::new(),
            memories: Arena::new(),
            globals: Arena::new(),
            instances: Vec::new(),
            own_memories: 0,
            own_tables: 0,
            used: false,
            externs: Vec::new(),
            pin: stubs.pin(),
            stubs,
        }
    }

    /// Where memories and tables of this store are counted.
    pub(crate) fn tally(&self) -> Tally {
        Tally::new(self.stubs.usage().clone())
    }

    /// Adds an instance that is complete.
    pub(crate) fn add_instance(&mut self, place: NonNull<Instance>) {
        // SAFETY: I-ENTITY: it is complete.
        let instance = unsafe { place.as_ref() };
        self.stubs.usage().add(Held::Instances, instance.held);
        self.own_memories += instance.own_memories.len();
        self.own_tables += instance.own_tables.len();
        self.instances.push(place);
    }

    fn instances(&self) -> impl Iterator<Item = &Instance> {
        // SAFETY: I-ENTITY: the instances are those of this store.
        self.instances.iter().map(|instance| unsafe { instance.as_ref() })
    }

    fn instances_held(&self) -> usize {
        self.instances().map(|instance| instance.held).sum()
    }

    /// How much memory the store holds.
    pub fn usage(&self) -> StoreUsage {
        let Self { host_funcs, tables, memories, globals, .. } = self;
        let blocks = host_funcs.held() + tables.held() + memories.held() + globals.held();
        let lists = self.host_slots.capacity() * size_of::<u32>()
            + self.instances.capacity() * size_of::<NonNull<Instance>>()
            + self.externs.capacity() * size_of::<Box<dyn Any>>();
        let mut own = (0, 0, 0);
        for instance in self.instances() {
            // SAFETY: I-ENTITY, I-STORE: the store is borrowed.
            own.0 +=
                instance.own_memories.places().map(|memory| unsafe { memory.as_ref() }.held()).sum::<usize>();
            // SAFETY: I-ENTITY, I-STORE: as above.
            own.1 +=
                instance.own_tables.places().map(|table| unsafe { table.as_ref() }.held()).sum::<usize>();
            own.2 += instance.own_memories.len() * size_of::<Memory>()
                + instance.own_tables.len() * size_of::<Table>()
                + instance.own_globals.len() * size_of::<Global>();
        }
        StoreUsage {
            memories: memories.iter().map(Memory::held).sum::<usize>() + own.0,
            tables: tables.iter().map(Table::held).sum::<usize>() + own.1,
            stacks: self.stack.held() + self.spare_calls.iter().map(|call| call.stack.held()).sum::<usize>(),
            instances: self.instances_held(),
            entities: blocks + lists + own.2,
        }
    }

    /// A place and a stack for a call that is made now. It counts the depth of calls from where the current one is.
    pub(crate) fn spare_call(&mut self) -> Box<SuspendedState> {
        let calls = &mut self.calls;
        let mut new = || {
            let calls = calls.get_or_insert_default().clone();
            Box::new(SuspendedState::new(self.id, self.stack.another(), calls, self.stubs.pin()))
        };
        let mut call = self.spare_calls.pop().unwrap_or_else(&mut new);
        call.stack.set_top(0);
        call.stack.set_depth(self.stack.depth());
        call.pin.begin();
        call
    }

    /// How many calls are suspended, or run and can be.
    pub fn suspended_calls(&self) -> usize {
        let all = self.calls.as_ref().map_or(0, |calls| Arc::strong_count(calls) - 1);
        all.saturating_sub(self.spare_calls.len())
    }

    /// Keeps what a call had that has ended.
    pub(crate) fn keep_spare_call(&mut self, mut call: Box<SuspendedState>) {
        call.pin.end();
        if self.spare_calls.len() < MAX_SPARE_CALLS {
            self.spare_calls.push(call);
        }
    }

    /// What tells this store from others.
    #[inline]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// The address of an entity, for [`invoke`](crate::invoke).
    ///
    /// # Errors
    /// It belongs to another store.
    #[inline]
    pub fn check<E>(&self, handle: Handle<E>) -> Result<NonNull<E>, WrongStore> {
        handle.check(self.id)
    }

    /// An entity.
    ///
    /// # Errors
    /// It belongs to another store.
    #[inline]
    pub fn entity<E>(&self, handle: Handle<E>) -> Result<&E, WrongStore> {
        let entity = self.check(handle)?;
        // SAFETY: I-ENTITY: the handle was made for an entity of this store, which is alive. I-STORE: nobody
        // writes to it while the store is borrowed.
        Ok(unsafe { entity.as_ref() })
    }

    /// A memory, to write to.
    ///
    /// # Errors
    /// It belongs to another store.
    #[inline]
    pub fn memory_mut(&mut self, handle: Handle<Memory>) -> Result<&mut Memory, WrongStore> {
        let mut entity = self.check(handle)?;
        self.used = true;
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
        Ok(unsafe { entity.as_mut() })
    }

    /// A table, to write to.
    ///
    /// # Errors
    /// It belongs to another store.
    ///
    /// # Safety
    /// I-REF: what is written is null or a reference of the table's element type into this store.
    #[inline]
    pub unsafe fn table_mut(&mut self, handle: Handle<Table>) -> Result<&mut Table, WrongStore> {
        let mut entity = self.check(handle)?;
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
        Ok(unsafe { entity.as_mut() })
    }

    /// Replaces the value of a global.
    ///
    /// # Errors
    /// It belongs to another store.
    ///
    /// # Safety
    /// I-REF: the value is of the global's type; a reference leads into this store.
    pub unsafe fn set_global(&mut self, handle: Handle<Global>, slots: [u64; 2]) -> Result<(), WrongStore> {
        self.entity(handle)?.value.set(slots);
        Ok(())
    }

    /// Prepares for so many more host functions.
    pub fn reserve_host_funcs(&mut self, additional: usize) {
        self.host_funcs.reserve(additional);
        self.host_slots.reserve(additional);
    }

    /// Adds a host function. Its number is how many there were before.
    pub fn add_host_func(&mut self, type_id: u32, slots: u32) -> Handle<Func> {
        let func = Func {
            type_id,
            host: (self.host_slots.len() as u32).into(),
            index: FuncIdx(0),
            entry: core::ptr::null(),
            instance: core::ptr::null(),
        };
        self.host_slots.push(slots);
        Handle { store: self.id, entity: self.host_funcs.add(func) }
    }

    /// How many slots the arguments or the results of a host function take.
    #[inline]
    pub(crate) fn host_slots(&self, func: u32) -> usize {
        self.host_slots[func as usize] as usize
    }

    /// Adds a memory.
    ///
    /// # Errors
    /// The host has not enough memory.
    pub fn new_memory(&mut self, ty: MemoryType) -> Result<Handle<Memory>, NewEntityError> {
        let memory = Memory::new(ty, self.tally(), self.stubs.tracks_writes())?;
        Ok(Handle { store: self.id, entity: self.memories.add(memory) })
    }

    /// Adds a table filled with a reference.
    ///
    /// # Errors
    /// The host has not enough memory.
    ///
    /// # Safety
    /// I-REF: the reference is null or of the table's element type and into this store.
    pub unsafe fn new_table(&mut self, ty: TableType, init: u64) -> Result<Handle<Table>, NewEntityError> {
        let table = Table::new(ty, init, self.tally())?;
        Ok(Handle { store: self.id, entity: self.tables.add(table) })
    }

    /// Adds a global.
    ///
    /// # Safety
    /// I-REF: the value is of the global's type; a reference leads into this store.
    pub unsafe fn new_global(&mut self, ty: GlobalType, slots: [u64; 2]) -> Handle<Global> {
        let global = Global { value: slots.into(), ty };
        Handle { store: self.id, entity: self.globals.add(global) }
    }

    /// `table.copy`, within a table or between two.
    ///
    /// # Errors
    /// One belongs to another store, or else a range reaches beyond its table's end.
    ///
    /// # Safety
    /// I-REF: the elements have the same type.
    pub unsafe fn copy_table(
        &mut self,
        to: Handle<Table>,
        to_index: u64,
        from: Handle<Table>,
        from_index: u64,
        len: u64,
    ) -> Result<Result<(), TrapCode>, WrongStore> {
        let (to, from) = (self.check(to)?, self.check(from)?);
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
        Ok(unsafe { Table::copy(to, to_index, from, from_index, len) })
    }

    /// Adds an object of the host. It lives as long as the store.
    pub fn add_extern(&mut self, object: Box<dyn Any + Send + Sync>) -> ExternHandle {
        self.externs.push(object);
        ExternHandle { store: self.id, index: self.externs.len() - 1 }
    }

    /// An object of the host.
    ///
    /// # Errors
    /// It belongs to another store.
    pub fn extern_object(&self, handle: ExternHandle) -> Result<&(dyn Any + Send + Sync), WrongStore> {
        match self.externs.get(handle.index) {
            Some(object) if handle.store == self.id => Ok(&**object),
            _ => Err(WrongStore),
        }
    }

    /// How many memories there are.
    pub fn memory_count(&self) -> usize {
        self.memories.count + self.own_memories
    }

    /// How many tables there are.
    pub fn table_count(&self) -> usize {
        self.tables.count + self.own_tables
    }

    /// How many entities and objects of the host there are.
    pub fn count(&self) -> usize {
        let own = self.instances.len() + self.externs.len() + self.globals.count + self.host_slots.len();
        own + self.memory_count() + self.table_count()
    }

    /// How many instances there are.
    pub fn instance_count(&self) -> usize {
        self.instances.len()
    }
}
