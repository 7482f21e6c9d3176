//! What the state of an instance consists of, for those who take it out or put it back: [`Store::parts`] names the items,
//! [`FuncNumbers`] says what functions are called in the instance's module.
//!
//! Contents of memories are recorded with [`Memory::record`](crate::Memory::record).

use alloc::{boxed::Box, vec::Vec};
use core::ptr::NonNull;
use rotifer_core::{FuncIdx, GlobalIdx, Mutability};

use crate::{
    entity::{Func, Global, Instance, Segment, Table},
    memory::{Changes, Memory},
    store::{Handle, Store, WrongStore},
};

/// The items of an instance that can change, imports first.
#[derive(Debug)]
pub struct Parts {
    /// Its memories.
    pub memories: Box<[Handle<Memory>]>,
    /// Its tables.
    pub tables: Box<[Handle<Table>]>,
    /// Its mutable globals.
    pub globals: Box<[(GlobalIdx, Handle<Global>)]>,
}

/// Which segments of an instance were dropped.
#[derive(Debug)]
pub struct DroppedSegments {
    /// Those of data.
    pub data: Box<[bool]>,
    /// Those of elements.
    pub elements: Box<[bool]>,
}

/// What functions are called in an instance's module.
#[derive(Debug)]
pub struct FuncNumbers<'s> {
    instance: &'s Instance,
    /// The addresses of imported functions, ascending, with their indices. Made when the first one is asked for.
    imported: Option<Vec<(usize, FuncIdx)>>,
}

impl FuncNumbers<'_> {
    /// The index of the function that a reference leads to; nothing if it is neither the instance's own nor imported.
    ///
    /// # Safety
    /// I-REF: it is a reference to a function of the instance's store, and not null.
    pub unsafe fn index(&mut self, reference: u64) -> Option<FuncIdx> {
        let func = Func::from_reference(reference);
        // SAFETY: promised by the caller.
        unsafe { self.index_of(func) }
    }

    /// The index of a function; nothing if it is neither the instance's own nor imported.
    ///
    /// # Safety
    /// I-ENTITY: it is a function of the instance's store.
    pub unsafe fn index_of(&mut self, func: *const Func) -> Option<FuncIdx> {
        // SAFETY: promised by the caller.
        let (instance, index) = unsafe { ((*func).instance, (*func).index) };
        if core::ptr::eq(instance, self.instance) {
            return Some(index);
        }
        let imported = self.imported.get_or_insert_with(|| {
            let funcs = self.instance.imported_funcs.iter().enumerate();
            let mut imported: Vec<_> =
                funcs.map(|(index, func)| (func.addr().get(), FuncIdx(index as u32))).collect();
            imported.sort_unstable_by_key(|&(address, index)| (address, index.0));
            imported.dedup_by_key(|&mut (address, _)| address);
            imported
        });
        let place = imported.binary_search_by_key(&func.addr(), |&(address, _)| address).ok()?;
        Some(imported[place].1)
    }

    /// The reference to a function, if the module has so many.
    pub fn reference(&self, func: FuncIdx) -> Option<u64> {
        Some(Func::to_reference(self.instance.func(func)?.as_ptr()))
    }
}

impl Store {
    /// The items of an instance that can change.
    ///
    /// # Errors
    /// The instance belongs to another store.
    pub fn parts(&self, instance: Handle<Instance>) -> Result<Parts, WrongStore> {
        let instance = self.entity(instance)?;
        let id = self.id();
        // SAFETY: I-ENTITY: an instance refers to entities of its store only.
        let global = |(index, &global): (usize, &*const Global)| unsafe {
            let is_mutable = (*global).ty.mutability == Mutability::Var;
            let global = NonNull::new(global.cast_mut()).filter(|_| is_mutable)?;
            Some((GlobalIdx(index as u32), id.handle(global)))
        };
        Ok(Parts {
            // SAFETY: I-ENTITY: as above.
            memories: instance.memories.iter().map(|&memory| unsafe { id.handle(memory) }).collect(),
            // SAFETY: I-ENTITY: as above.
            tables: instance.tables.iter().map(|&table| unsafe { id.handle(table) }).collect(),
            globals: instance.globals.iter().enumerate().filter_map(global).collect(),
        })
    }

    /// An imported function of an instance, by its index; nothing if so many are not imported.
    ///
    /// # Errors
    /// The instance belongs to another store.
    pub fn imported_func(
        &self,
        instance: Handle<Instance>,
        func: FuncIdx,
    ) -> Result<Option<Handle<Func>>, WrongStore> {
        let func = self.entity(instance)?.imported_funcs.get(func.index());
        // SAFETY: I-ENTITY: an instance refers to entities of its store only.
        Ok(func.map(|&func| unsafe { self.id().handle(func) }))
    }

    /// What functions are called in an instance's module.
    ///
    /// # Errors
    /// The instance belongs to another store.
    pub fn func_numbers(&self, instance: Handle<Instance>) -> Result<FuncNumbers<'_>, WrongStore> {
        Ok(FuncNumbers { instance: self.entity(instance)?, imported: None })
    }

    /// Finds out where a memory may have changed since this was called last: see [`Memory::record`].
    ///
    /// # Errors
    /// The memory belongs to another store.
    pub fn record_memory(&mut self, memory: Handle<Memory>) -> Result<Changes, WrongStore> {
        let mut memory = self.check(memory)?;
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
        Ok(unsafe { memory.as_mut() }.record())
    }

    /// Nobody will ask what has changed in a memory since it was recorded.
    ///
    /// # Errors
    /// The memory belongs to another store.
    pub fn forget_recording(&mut self, memory: Handle<Memory>) -> Result<(), WrongStore> {
        let mut memory = self.check(memory)?;
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
        unsafe { memory.as_mut() }.forget_recording();
        Ok(())
    }

    /// Which segments of an instance were dropped.
    ///
    /// # Errors
    /// The instance belongs to another store.
    pub fn dropped_segments(&self, instance: Handle<Instance>) -> Result<DroppedSegments, WrongStore> {
        Ok(self.entity(instance)?.dropped_segments())
    }

    /// Has segments of an instance dropped and others not: as many as are given, in order.
    ///
    /// # Errors
    /// The instance belongs to another store.
    pub fn set_dropped_segments(
        &mut self,
        instance: Handle<Instance>,
        data: impl Iterator<Item = bool>,
        elements: impl Iterator<Item = bool>,
    ) -> Result<(), WrongStore> {
        let pointer = self.check(instance)?.as_ptr();
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively.
        let instance = unsafe { &mut *pointer };
        instance.set_dropped_segments(elements, data);
        Ok(())
    }
}

impl Instance {
    /// Which segments were dropped.
    pub(crate) fn dropped_segments(&self) -> DroppedSegments {
        let elements = self.elements.iter().map(|segment| matches!(segment, Segment::Dropped));
        DroppedSegments { data: self.dropped_data.clone(), elements: elements.collect() }
    }

    /// Has segments dropped and others not. What was computed of those that are not stays.
    pub(crate) fn set_dropped_segments(
        &mut self,
        elements: impl Iterator<Item = bool>,
        data: impl Iterator<Item = bool>,
    ) {
        for (state, is_dropped) in self.elements.iter_mut().zip(elements) {
            match (is_dropped, &*state) {
                (true, _) => *state = Segment::Dropped,
                (false, Segment::Dropped) => *state = Segment::Waiting,
                (false, Segment::Waiting | Segment::Ready(_)) => {}
            }
        }
        for (state, is_dropped) in self.dropped_data.iter_mut().zip(data) {
            *state = is_dropped;
        }
        self.segments_used = true;
    }
}
