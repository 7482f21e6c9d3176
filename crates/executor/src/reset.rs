//! Going back: [`Store::mark`] remembers what an instance is when it is ready, [`Store::reset`] makes it that again.
//!
//! What an instance can change are its memories, tables and mutable globals, imported ones included, and its segments,
//! of which some may have been dropped. A [`Base`] has of each what tells how it was: marks of memories and tables, which
//! keep what is written over when that happens (see `memory/layers.rs` and `table.rs`), values of globals, which are few,
//! and of segments which ones were dropped, if the start function dropped any.

use alloc::boxed::Box;
use core::ptr::NonNull;
use rotifer_core::Mutability;
use rotifer_validator::SegmentMode;
use smallvec::SmallVec;

use crate::{
    entity::{Global, Instance, Segment, Table},
    memory::{Memory, MemoryMark},
    state::DroppedSegments,
    store::{Handle, NewEntityError, Store, WrongStore},
    table::TableMark,
};

/// What an instance goes back to.
#[derive(Debug)]
pub(crate) struct Base {
    memories: SmallVec<[MemoryMark; 1]>,
    tables: SmallVec<[TableMark; 1]>,
    /// The values of mutable globals.
    globals: SmallVec<[[u64; 2]; 2]>,
    /// Which segments were dropped, if one was dropped other than as an active one.
    dropped: Option<DroppedSegments>,
    fuel: u64,
}

/// Why an instance was not reset. Nothing has changed then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResetError {
    /// It was not marked.
    NotMarked,
    /// The host had not enough memory to keep what was written over.
    OutOfMemory,
}

impl Store {
    /// Marks an instance that is ready: active segments are written and the start function has run, or it was made from
    /// a state (`restored`). Other instances may have the same memories, tables and globals, and go back to their own
    /// marks.
    ///
    /// # Errors
    /// The instance belongs to another store, or else the host has not enough memory.
    pub fn mark(
        &mut self,
        instance: Handle<Instance>,
        restored: bool,
    ) -> Result<Result<(), NewEntityError>, WrongStore> {
        let pointer = self.check(instance)?.as_ptr();
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively; memories, tables and globals are not part of the
        // instance.
        let instance = unsafe { &mut *pointer };
        Ok(base(instance, restored, self.fuel).map(|base| instance.base = Some(Box::new(base))))
    }

    /// Makes an instance what it was when it was marked, and with `fuel` what the fuel of the store was, too.
    ///
    /// # Errors
    /// The instance belongs to another store, or else cannot go back.
    pub fn reset(
        &mut self,
        instance: Handle<Instance>,
        fuel: bool,
    ) -> Result<Result<(), ResetError>, WrongStore> {
        let pointer = self.check(instance)?.as_ptr();
        // SAFETY: I-ENTITY, I-STORE: as for `mark`.
        let instance = unsafe { &mut *pointer };
        let Some(base) = &instance.base else { return Ok(Err(ResetError::NotMarked)) };
        let is_kept = |(table, &mark): (&NonNull<Table>, _)| {
            // SAFETY: I-ENTITY, I-STORE: as above.
            unsafe { table.as_ref() }.has(mark)
        };
        if !instance.tables.iter().zip(&base.tables).all(is_kept) {
            return Ok(Err(ResetError::OutOfMemory));
        }
        for (&(mut memory), &mark) in instance.memories.iter().zip(&base.memories) {
            // SAFETY: I-ENTITY, I-STORE: as above.
            unsafe { memory.as_mut() }.reset(mark);
        }
        for (&(mut table), &mark) in instance.tables.iter().zip(&base.tables) {
            // SAFETY: I-ENTITY, I-STORE: as above.
            unsafe { table.as_mut() }.reset(mark);
        }
        for (global, &value) in mutable_globals(instance).zip(&base.globals) {
            global.value.set(value);
        }
        if fuel {
            self.fuel = base.fuel;
        }
        if instance.segments_used {
            reset_segments(instance);
        }
        Ok(Ok(()))
    }
}

impl Store {
    /// Makes the memories of an instance what they were when it was marked, and gives pages of those back to the system of
    /// which more than `keep` bytes have one.
    ///
    /// # Errors
    /// The instance belongs to another store.
    pub fn trim(&mut self, instance: Handle<Instance>, keep: usize) -> Result<(), WrongStore> {
        let instance = self.entity(instance)?;
        let Some(base) = &instance.base else { return Ok(()) };
        for (&(mut memory), &mark) in instance.memories.iter().zip(&base.memories) {
            // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively; memories are not part of the instance.
            unsafe { memory.as_mut() }.trim(mark, keep);
        }
        Ok(())
    }
}

fn base(instance: &Instance, restored: bool, fuel: u64) -> Result<Base, NewEntityError> {
    let code = &instance.module;
    // Only the start function can have written to memories of the instance's own by now.
    let untouched = !restored && instance.has_data && code.common().data && code.module.start.is_none();
    let imported = code.module.imported_memories as usize;
    let memories = instance.memories.iter().enumerate().map(|(number, memory)| {
        let mut memory: NonNull<Memory> = *memory;
        // SAFETY: I-ENTITY, I-STORE: the store is borrowed exclusively by the caller.
        unsafe { memory.as_mut() }.mark(untouched && number >= imported)
    });
    let tables = instance.tables.iter().map(|&(mut table)| {
        // SAFETY: I-ENTITY, I-STORE: as above.
        unsafe { table.as_mut() }.mark()
    });
    Ok(Base {
        memories: memories.collect::<Result<_, _>>()?,
        tables: tables.collect::<Result<_, _>>()?,
        globals: mutable_globals(instance).map(|global| global.value.get()).collect(),
        dropped: instance.segments_used.then(|| instance.dropped_segments()),
        fuel,
    })
}

fn mutable_globals(instance: &Instance) -> impl Iterator<Item = &Global> {
    // SAFETY: I-ENTITY, I-STORE: the store is borrowed by the caller as long as it has the instance.
    let globals = instance.globals.iter().map(|&global| unsafe { &*global });
    globals.filter(|global| global.ty.mutability == Mutability::Var)
}

/// Has the segments as they were when the instance was marked.
fn reset_segments(instance: &mut Instance) {
    let Some(base) = instance.base.take() else { return };
    let code = instance.module.clone();
    if let Some(dropped) = &base.dropped {
        instance.set_dropped_segments(dropped.elements.iter().copied(), dropped.data.iter().copied());
    } else {
        // As active segments leave them.
        let elements = code.module.elements.iter().map(|segment| segment.mode != SegmentMode::Passive);
        let data = code.module.data.iter().map(|segment| segment.mode != SegmentMode::Passive);
        instance.set_dropped_segments(elements, data);
    }
    let is_ready = |segment: &Segment| matches!(segment, Segment::Ready(_));
    instance.segments_used = base.dropped.is_some() || instance.elements.iter().any(is_ready);
    instance.base = Some(base);
}
