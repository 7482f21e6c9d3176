//! [`Snapshot`]: the complete state of an instance, to go back to or to begin other instances with.
//!
//! Taking a snapshot makes a [`State`] of an instance, restoring one puts it back. The store keeps what it recorded last of
//! each memory and table ([`Recorded`]): the next snapshot has in common with it what has not changed since, and restoring
//! one looks only at pages that it does not share with it.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;
use hashbrown::HashMap;
use rotifer_core::{FuncIdx, GlobalIdx, HeapType, MemIdx, RefType, TableIdx, ValType};
use rotifer_executor::{self as executor, Changes, Handle, Host, Parts};
use rotifer_snapshot::{GlobalState, MemoryState, PAGE_SIZE, Pages, State, TableState, Value};

use crate::{
    AsContextMut, Error, Instance, InstancePre, ItemKind, SnapshotError, Store, instance::Start,
    module::module_hash, store::StoreInner,
};

/// The complete state of an instance at rest: memories with their sizes, tables, mutable globals, dropped segments and
/// fuel. Not part of it are code, the embedder's data, and objects of the host.
///
/// A snapshot belongs to no store. It can be put back into the instance that it was taken of, as often as one likes, or
/// into another one of the same module, also in another store, and other instances can begin with it. Cloning it is
/// cheap, and so is taking one: snapshots of an instance share the pages that are the same, and in engines that
/// [track writes](crate::Config::track_writes) the next one takes time for what was written since the last.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    state: State,
}

/// A range of bytes of a memory, by the memory's index in its module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryRange {
    /// The index of the memory.
    pub memory: u32,
    /// The bytes.
    pub range: Range<usize>,
}

/// What a store recorded last of its memories and tables.
#[derive(Default)]
pub(crate) struct Recorded {
    memories: HashMap<Handle<executor::Memory>, Pages>,
    /// The elements of tables as instances know them, and which version of the table that was.
    tables: HashMap<(Handle<executor::Instance>, Handle<executor::Table>), (u64, Elements)>,
}

/// What a page that a state does not have is.
static ZEROS: [u8; PAGE_SIZE] = [0; PAGE_SIZE];

type Elements = Arc<[Option<FuncIdx>]>;

impl Instance {
    /// Takes a snapshot of the instance.
    ///
    /// The store keeps what it takes of memories and tables, for the next one to share, until it is dropped or told to
    /// [forget](Store::forget_snapshots) it.
    ///
    /// # Errors
    /// WebAssembly of the store is running or suspended ([`SnapshotError::NotQuiescent`]), a table or a global refers to
    /// something that is not part of the instance or its imports, or the instance belongs to another store.
    pub fn snapshot(&self, mut store: impl AsContextMut) -> Result<Snapshot, Error> {
        let store = store.as_context_mut().inner;
        if !store.is_quiescent() {
            return Err(SnapshotError::NotQuiescent.into());
        }
        Ok(Snapshot { state: take(store, self.handle())? })
    }

    /// Gives the instance the state of a snapshot, apart from the fuel of the store. Handles stay what they are.
    ///
    /// Imported memories, tables and globals are part of it, whoever else has them.
    ///
    /// # Errors
    /// WebAssembly of the store is running or suspended ([`SnapshotError::NotQuiescent`]), the snapshot is one of
    /// another module or of an engine with other features, does not fit the imports of the instance or is refused by the
    /// resource limiter; the instance belongs to another store, or the host has not enough memory. Nothing has changed
    /// then.
    pub fn restore(&self, mut store: impl AsContextMut, snapshot: &Snapshot) -> Result<(), Error> {
        let store = store.as_context_mut().inner;
        if !store.is_quiescent() {
            return Err(SnapshotError::NotQuiescent.into());
        }
        snapshot.put_into(store, self.handle())
    }

    /// As [`restore`](Self::restore); the fuel of the store is what it was when the snapshot was taken, too, if that
    /// engine counted fuel.
    ///
    /// # Errors
    /// As for [`restore`](Self::restore).
    pub fn restore_with_fuel(&self, mut store: impl AsContextMut, snapshot: &Snapshot) -> Result<(), Error> {
        self.restore(&mut store, snapshot)?;
        if let Some(fuel) = snapshot.state.fuel {
            store.as_context_mut().inner.executor_mut().fuel = fuel;
        }
        Ok(())
    }
}

impl<T> Store<T> {
    /// Drops what the store keeps for the next snapshot of each instance to share with the last: for stores of which no
    /// snapshots will be taken or restored for long. Snapshots stay what they are.
    pub fn forget_snapshots(&mut self) {
        let (executor, recorded) = self.inner.recorded();
        recorded.tables = HashMap::new();
        for (memory, _) in core::mem::take(&mut recorded.memories) {
            let forgotten = executor.forget_recording(memory);
            debug_assert!(forgotten.is_ok(), "what is recorded is of this store");
        }
    }
}

impl Snapshot {
    /// Instantiates a module in the state of the snapshot: segments are not written, the start function does not run. If
    /// the engine is [`resettable`](crate::Config::resettable), this state is what [`Instance::reset`] goes back to.
    ///
    /// # Errors
    /// As for [`InstancePre::instantiate`] and [`Instance::restore`], except that the store need not be at rest.
    pub fn instantiate<T>(
        &self,
        pre: &InstancePre<T>,
        store: impl AsContextMut<Data = T>,
    ) -> Result<Instance, Error> {
        pre.instantiate_with(store, Start::With(self))
    }

    /// The size of a memory in pages, by its index in the module, imports first.
    pub fn memory_size(&self, memory: u32) -> Option<u64> {
        let memory = self.memory(memory)?;
        Some(memory.contents.len() as u64 >> memory.page_size_log2)
    }

    /// Copies bytes of a memory. Says whether the memory has as many.
    pub fn read_memory(&self, memory: u32, offset: usize, buffer: &mut [u8]) -> bool {
        let Some(memory) = self.memory(memory) else { return false };
        let end = offset.checked_add(buffer.len());
        let is_inside = end.is_some_and(|end| end <= memory.contents.len());
        if is_inside {
            memory.contents.read(offset, buffer);
        }
        is_inside
    }

    fn memory(&self, memory: u32) -> Option<&MemoryState> {
        self.state.memories.get(memory as usize)
    }

    /// How many bytes it takes, those that it shares with other snapshots included.
    pub fn bytes(&self) -> usize {
        self.state.bytes()
    }

    /// Where memories differ from those of another snapshot of the same module: by memory, ascending, in words of eight
    /// bytes. What only one of them has differs.
    pub fn diff(&self, other: &Self) -> Vec<MemoryRange> {
        let pairs = self.state.memories.iter().zip(&*other.state.memories);
        let ranges = pairs.flat_map(|(ours, theirs)| {
            let ranges = ours.contents.diff(&theirs.contents);
            ranges.into_iter().map(|range| MemoryRange { memory: ours.index.0, range })
        });
        ranges.collect()
    }

    /// The state as data.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Makes the state the instance's, or changes nothing.
    pub(crate) fn put_into<T>(
        &self,
        store: &mut StoreInner<T>,
        instance: Handle<executor::Instance>,
    ) -> Result<(), Error> {
        let restored = Restored::new(store, instance, &self.state)?;
        restored.allow(store)?;
        restored.reserve(store)?;
        restored.put(store, instance)
    }
}

/// A state that came from elsewhere. Whether it fits an instance is found out when it is put into one.
impl From<State> for Snapshot {
    fn from(state: State) -> Self {
        Self { state }
    }
}

/// Makes a state of an instance.
pub(crate) fn take<T>(
    store: &mut StoreInner<T>,
    instance: Handle<executor::Instance>,
) -> Result<State, Error> {
    let features = store.engine().fingerprint();
    let fuel = store.engine().config().consume_fuel.then(|| store.executor().fuel);
    let parts = store.executor().parts(instance)?;
    let (executor, recorded) = store.recorded();
    let tables = parts.tables.iter().enumerate().map(|(index, &table)| {
        let index = TableIdx(index as u32);
        let ty = executor.entity(table)?.ty.element;
        Ok(TableState { index, ty, elements: recorded.elements(executor, instance, index, table)? })
    });
    let tables = tables.collect::<Result<_, Error>>()?;
    let mut numbers = executor.func_numbers(instance)?;
    let globals = parts.globals.iter().map(|&global| {
        let value = global_value(executor, &mut numbers, global)?;
        Ok(GlobalState { index: global.0, value })
    });
    let globals = globals.collect::<Result<_, Error>>()?;
    let memories = parts.memories.iter().enumerate().map(|(index, &memory)| {
        let index = MemIdx(index as u32);
        let contents = recorded.contents(executor, memory)?;
        let page_size_log2 = executor.entity(memory)?.ty().page_size_log2;
        Ok(MemoryState { index, page_size_log2, contents })
    });
    let memories = memories.collect::<Result<_, Error>>()?;
    let dropped = executor.dropped_segments(instance)?;
    Ok(State {
        module: module_hash(&executor.entity(instance)?.module),
        features,
        memories,
        globals,
        tables,
        dropped_data: dropped.data.into_iter().collect(),
        dropped_elements: dropped.elements.into_iter().collect(),
        fuel,
        calls: Arc::default(),
    })
}

impl Recorded {
    /// What a memory holds; from now on that is what is recorded.
    fn contents(
        &mut self,
        store: &mut executor::Store,
        memory: Handle<executor::Memory>,
    ) -> Result<Pages, Error> {
        let Changes { ranges, since_last } = store.record_memory(memory)?;
        // SAFETY: I-STORE: the store is borrowed, and nobody writes to it while the slice lives.
        let data = unsafe { store.entity(memory)?.as_slice() };
        let contents = match self.memories.get(&memory).filter(|_| since_last) {
            Some(last) => last.update(data, ranges),
            None => Pages::zeroed(data.len()).update(data, ranges),
        };
        self.memories.insert(memory, contents.clone());
        Ok(contents)
    }

    /// Gives a memory these contents, for whose length there is room; from now on they are what is recorded.
    fn put_contents(
        &mut self,
        store: &mut executor::Store,
        memory: Handle<executor::Memory>,
        contents: &Pages,
    ) -> Result<(), Error> {
        let Changes { mut ranges, since_last } = store.record_memory(memory)?;
        // What it grows by is zero, whatever was recorded.
        let len = store.entity(memory)?.len() as usize;
        ranges.push(len..contents.len().max(len));
        let last = self.memories.get(&memory).filter(|_| since_last);
        let zeros = Pages::zeroed(0);
        let mut pages: Vec<usize> = last.unwrap_or(&zeros).unshared(contents).collect();
        pages.extend(
            ranges.into_iter().flat_map(|range| range.start / PAGE_SIZE..range.end.div_ceil(PAGE_SIZE)),
        );
        pages.sort_unstable();
        pages.dedup();
        pages.retain(|page| page * PAGE_SIZE < contents.len());
        let entity = store.memory_mut(memory)?;
        entity.set_reserved_len(contents.len() as u64);
        for page in pages {
            let bytes = contents.page(page).unwrap_or(&ZEROS);
            let start = page * PAGE_SIZE;
            let len = (contents.len() - start).min(PAGE_SIZE);
            entity.put(start as u64, &bytes[..len]);
        }
        // Nothing but these contents was written.
        store.record_memory(memory)?;
        self.memories.insert(memory, contents.clone());
        Ok(())
    }

    /// Whether these are the elements of a table.
    fn has(
        &self,
        instance: Handle<executor::Instance>,
        table: Handle<executor::Table>,
        version: u64,
        elements: &Elements,
    ) -> bool {
        let recorded = self.tables.get(&(instance, table));
        recorded.is_some_and(|(recorded, same)| *recorded == version && Arc::ptr_eq(same, elements))
    }

    /// The elements of a table; those that were recorded if they are the same.
    fn elements(
        &mut self,
        store: &executor::Store,
        instance: Handle<executor::Instance>,
        index: TableIdx,
        table: Handle<executor::Table>,
    ) -> Result<Elements, Error> {
        let entity = store.entity(table)?;
        if let Some((version, elements)) = self.tables.get(&(instance, table))
            && *version == entity.version()
        {
            return Ok(elements.clone());
        }
        let mut numbers = store.func_numbers(instance)?;
        let elements = entity.elements().iter().map(|&slot| {
            // SAFETY: I-REF: a table holds references of its type into its store.
            unsafe { func_of(&mut numbers, entity.ty.element, slot, (ItemKind::Table, index.0)) }
        });
        let elements: Elements = elements.collect::<Result<_, SnapshotError>>()?;
        self.tables.insert((instance, table), (entity.version(), elements.clone()));
        Ok(elements)
    }
}

/// What a reference refers to, or why it cannot be part of a state.
///
/// # Safety
/// I-REF: the slot holds a reference of this type into the store.
unsafe fn func_of(
    numbers: &mut executor::FuncNumbers<'_>,
    ty: RefType,
    slot: u64,
    (kind, index): (ItemKind, u32),
) -> Result<Option<FuncIdx>, SnapshotError> {
    match slot {
        0 => Ok(None),
        _ if ty.heap_type() == HeapType::Func => {
            // SAFETY: I-REF: promised by the caller.
            let func = unsafe { numbers.index(slot) };
            func.map(Some).ok_or(SnapshotError::UnreachableImport { kind, index })
        }
        _ => Err(SnapshotError::ExternRef { kind, index }),
    }
}

fn global_value(
    store: &executor::Store,
    numbers: &mut executor::FuncNumbers<'_>,
    (index, global): (GlobalIdx, Handle<executor::Global>),
) -> Result<Value, Error> {
    let entity = store.entity(global)?;
    // SAFETY: I-REF: a global holds a value of its type, which leads into its store.
    Ok(unsafe { value_of(numbers, entity.ty.content, entity.get(), (ItemKind::Global, index.0)) }?)
}

/// A value of which a state can consist, or why it cannot.
///
/// # Safety
/// I-REF: the slots hold a value of this type; a reference leads into the store.
pub(crate) unsafe fn value_of(
    numbers: &mut executor::FuncNumbers<'_>,
    ty: ValType,
    [low, high]: [u64; 2],
    place: (ItemKind, u32),
) -> Result<Value, SnapshotError> {
    Ok(match ty {
        ValType::I32 => Value::I32(low as u32),
        ValType::I64 => Value::I64(low),
        ValType::F32 => Value::F32(low as u32),
        ValType::F64 => Value::F64(low),
        ValType::Ref(ty) => {
            // SAFETY: I-REF: promised by the caller.
            let func = unsafe { func_of(numbers, ty, low, place) }?;
            if ty.heap_type() == HeapType::Func { Value::Func(func) } else { Value::NullExtern }
        }
        // Vectors.
        _ => Value::V128(u128::from(low) | u128::from(high) << 64),
    })
}

/// A state that fits an instance, with what is to be written.
struct Restored<'s> {
    state: &'s State,
    parts: Parts,
    /// The elements of each table, or nothing if they are the same as they were.
    tables: Vec<Option<Vec<u64>>>,
    globals: Vec<[u64; 2]>,
}

impl<'s> Restored<'s> {
    /// Compares a state with an instance. It may come from anywhere: nothing of it is taken for granted.
    fn new<T>(
        store: &StoreInner<T>,
        instance: Handle<executor::Instance>,
        state: &'s State,
    ) -> Result<Self, Error> {
        let executor = store.executor();
        check_origin(store, instance, state)?;
        let code = &executor.entity(instance)?.module;
        let parts = executor.parts(instance)?;
        let sections = &code.module;
        check_count(ItemKind::Memory, state.memories.len(), parts.memories.len())?;
        check_count(ItemKind::Table, state.tables.len(), parts.tables.len())?;
        check_count(ItemKind::Global, state.globals.len(), parts.globals.len())?;
        check_count(ItemKind::Segment, state.dropped_data.len() as usize, sections.data.len())?;
        check_count(ItemKind::Segment, state.dropped_elements.len() as usize, sections.elements.len())?;
        for (index, (memory, &handle)) in (0..).zip(state.memories.iter().zip(&parts.memories)) {
            let ty = executor.entity(handle)?.ty();
            let len = memory.contents.len() as u64;
            let pages = len >> ty.page_size_log2;
            let fits = memory.index.0 == index
                && memory.page_size_log2 == ty.page_size_log2
                && pages << ty.page_size_log2 == len
                && (ty.minimum..=ty.max_pages()).contains(&pages);
            if !fits {
                return Err(SnapshotError::DoesNotFit { kind: ItemKind::Memory, index }.into());
            }
        }
        let numbers = executor.func_numbers(instance)?;
        let pairs = (0..).zip(state.tables.iter().zip(&parts.tables)).map(|(index, (table, &handle))| {
            let entity = executor.entity(handle)?;
            if store.recorded_ref().has(instance, handle, entity.version(), &table.elements) {
                return Ok(None);
            }
            let elements = table_elements(entity, table, &numbers).filter(|_| table.index.0 == index);
            let does_not_fit = SnapshotError::DoesNotFit { kind: ItemKind::Table, index };
            elements.map(Some).ok_or_else(|| Error::from(does_not_fit))
        });
        let tables = pairs.collect::<Result<_, Error>>()?;
        let globals = state.globals.iter().zip(&parts.globals).map(|(global, &(index, handle))| {
            let ty = executor.entity(handle)?.ty;
            let slots = slots_of(global.value, &numbers).filter(|_| global.value.ty() == ty.content);
            let does_not_fit = SnapshotError::DoesNotFit { kind: ItemKind::Global, index: index.0 };
            slots.filter(|_| global.index == index).ok_or_else(|| Error::from(does_not_fit))
        });
        let globals = globals.collect::<Result<_, Error>>()?;
        Ok(Self { state, parts, tables, globals })
    }

    /// Asks the resource limiter.
    fn allow<T>(&self, store: &mut StoreInner<T>) -> Result<(), Error> {
        for (index, (memory, &handle)) in (0..).zip(self.state.memories.iter().zip(&self.parts.memories)) {
            let entity = store.executor().entity(handle)?;
            let (len, desired, ty) = (entity.len(), memory.contents.len() as u64, entity.ty());
            let maximum = ty.maximum.map(|pages| pages.saturating_mul(ty.page_size()));
            if desired > len && !Host::memory_growing(store, len, desired, maximum)? {
                return Err(SnapshotError::LimitExceeded { kind: ItemKind::Memory, index }.into());
            }
        }
        for (index, (table, &handle)) in (0..).zip(self.state.tables.iter().zip(&self.parts.tables)) {
            let entity = store.executor().entity(handle)?;
            let (size, desired, maximum) = (entity.size(), table.elements.len() as u64, entity.ty.maximum);
            if desired > size && !Host::table_growing(store, size, desired, maximum)? {
                return Err(SnapshotError::LimitExceeded { kind: ItemKind::Table, index }.into());
            }
        }
        Ok(())
    }

    /// Sees to it that there is room for everything.
    fn reserve<T>(&self, store: &mut StoreInner<T>) -> Result<(), Error> {
        let executor = store.executor_mut();
        for (memory, &handle) in self.state.memories.iter().zip(&self.parts.memories) {
            executor.memory_mut(handle)?.reserve_len(memory.contents.len() as u64)?;
        }
        for (table, &handle) in self.state.tables.iter().zip(&self.parts.tables) {
            // SAFETY: I-REF: nothing is written.
            unsafe { executor.table_mut(handle) }?.reserve_size(table.elements.len() as u64)?;
        }
        Ok(())
    }

    /// Writes everything. All that could fail was done.
    fn put<T>(self, store: &mut StoreInner<T>, instance: Handle<executor::Instance>) -> Result<(), Error> {
        let (executor, recorded) = store.recorded();
        for (memory, &handle) in self.state.memories.iter().zip(&self.parts.memories) {
            recorded.put_contents(executor, handle, &memory.contents)?;
        }
        let tables = self.state.tables.iter().zip(&self.parts.tables).zip(&self.tables);
        for ((table, &handle), slots) in tables {
            // SAFETY: I-REF: the functions are the instance's, and null is of any type.
            let entity = unsafe { executor.table_mut(handle) }?;
            if let Some(slots) = slots {
                entity.replace(slots);
            }
            let version = entity.version();
            recorded.tables.insert((instance, handle), (version, table.elements.clone()));
        }
        for (&slots, &(_, handle)) in self.globals.iter().zip(&self.parts.globals) {
            // SAFETY: I-REF: the types were compared, and functions are the instance's.
            unsafe { executor.set_global(handle, slots) }?;
        }
        let State { dropped_data, dropped_elements, .. } = self.state;
        Ok(executor.set_dropped_segments(instance, dropped_data.iter(), dropped_elements.iter())?)
    }
}

/// Compares module and features: whether the state can be one of this instance.
pub(crate) fn check_origin<T>(
    store: &StoreInner<T>,
    instance: Handle<executor::Instance>,
    state: &State,
) -> Result<(), Error> {
    if state.module != module_hash(&store.executor().entity(instance)?.module) {
        return Err(SnapshotError::ForeignModule.into());
    }
    if state.features != store.engine().fingerprint() {
        return Err(SnapshotError::ForeignEngine.into());
    }
    Ok(())
}

fn check_count(kind: ItemKind, given: usize, expected: usize) -> Result<(), SnapshotError> {
    if given == expected {
        return Ok(());
    }
    Err(SnapshotError::DoesNotFit { kind, index: given.min(expected) as u32 })
}

/// The elements that a table is to have, if it can have these.
fn table_elements(
    entity: &executor::Table,
    table: &TableState,
    numbers: &executor::FuncNumbers<'_>,
) -> Option<Vec<u64>> {
    let ty = &entity.ty;
    let size = table.elements.len() as u64;
    let slot = |func: &Option<FuncIdx>| match func {
        None => Some(0),
        Some(func) => numbers.reference(*func).filter(|_| ty.element.heap_type() == HeapType::Func),
    };
    let fits = table.ty == ty.element && size >= ty.minimum && size <= ty.maximum.unwrap_or(u64::MAX);
    if fits { table.elements.iter().map(slot).collect() } else { None }
}

/// A value as a global holds it, unless it names a function that there is not.
pub(crate) fn slots_of(value: Value, numbers: &executor::FuncNumbers<'_>) -> Option<[u64; 2]> {
    Some(match value {
        Value::I32(bits) | Value::F32(bits) => [u64::from(bits), 0],
        Value::I64(bits) | Value::F64(bits) => [bits, 0],
        Value::V128(bits) => [bits as u64, (bits >> 64) as u64],
        Value::Func(None) | Value::NullExtern => [0, 0],
        Value::Func(Some(func)) => [numbers.reference(func)?, 0],
        _ => return None,
    })
}
