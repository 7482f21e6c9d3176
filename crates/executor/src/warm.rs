//! Warm instances: what a module keeps of instances whose stores were dropped.
//!
//! Most of what an instance is made of is the same for all instances of a module: its functions, their places, what
//! active segments put into its tables and memories. So an instance that is given up is made as good as new and kept
//! for the next store that asks; what remains to be done then is to fill in the imports and to compute globals.
//!
//! I-WARM: an instance among the spare ones belongs to nobody. Its memories and tables are as they are in an instance
//! that was just made, or as active segments leave them if [`Instance::has_data`] and [`Instance::has_elements`] say
//! so; nothing that an import could have a part in is left in them. What it says of imports and of its module is not
//! read until [`Instance::bind`] writes it.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};
use rotifer_core::FuncIdx;
use rotifer_validator::{ConstExpr, ConstOp, DataSegment, ElementItem, ElementSegment, Module, SegmentMode};

use crate::{
    entity::Instance,
    instance::compute,
    memory::MemoryImage,
    sync::{Mutex, OnceLock},
    usage::{Held, Usage},
};

/// From so many bytes of data on, an image of them is laid over memories. Less is copied as fast.
const LEAST_LAID: u64 = 32 << 10;

/// An instance that belongs to nobody.
struct Spare {
    place: NonNull<Instance>,
    /// Bytes that it holds.
    held: usize,
    usage: Arc<Usage>,
}

// SAFETY: I-WARM: nobody else has the instance, and all that its pointers lead to is its own.
unsafe impl Send for Spare {}

impl Drop for Spare {
    fn drop(&mut self) {
        self.usage.sub(Held::Warm, self.held);
        // SAFETY: I-WARM: the instance came from a box, belongs to nobody else and is freed once.
        drop(unsafe { Box::from_raw(self.place.as_ptr()) });
    }
}

/// What all instances of a module have in common once active segments are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    /// Active segments of data are written to memories of the module's own, where they fit, whatever is imported.
    pub(crate) data: bool,
    /// The same for elements, and none of these is imported.
    pub(crate) elements: bool,
}

/// The spare instances of a module.
pub(crate) struct WarmInstances {
    spare: Mutex<Vec<Spare>>,
    /// How many are kept at most.
    limit: usize,
    /// Whether an instance was ever made. A second one is reason enough to make images.
    had_one: AtomicBool,
    common: OnceLock<Common>,
    /// For each defined memory what it begins with, if that is more than zeros.
    images: OnceLock<Box<[Option<MemoryImage>]>>,
}

impl WarmInstances {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            spare: Mutex::new(Vec::new()),
            limit,
            had_one: AtomicBool::new(false),
            common: OnceLock::new(),
            images: OnceLock::new(),
        }
    }

    /// Takes one, the one that was given up last.
    pub(crate) fn take(&self) -> Option<NonNull<Instance>> {
        if !self.had_one.load(Ordering::Relaxed) {
            return None;
        }
        let spare = ManuallyDrop::new(self.spare.lock().pop()?);
        spare.usage.sub(Held::Warm, spare.held);
        // SAFETY: I-WARM: the share is not used again, and dropped once: `spare` is not.
        drop(unsafe { core::ptr::read(&raw const spare.usage) });
        Some(spare.place)
    }

    /// Keeps an instance. If there are enough, it is freed.
    ///
    /// # Safety
    /// I-WARM for the instance.
    pub(crate) unsafe fn keep(&self, place: NonNull<Instance>, usage: &Arc<Usage>) {
        // SAFETY: promised by the caller.
        let held = unsafe { place.as_ref() }.held_renewed();
        usage.add(Held::Warm, held);
        let instance = Spare { place, held, usage: usage.clone() };
        let mut spare = self.spare.lock();
        if spare.len() < self.limit {
            spare.push(instance);
        }
    }

    /// Whether there is room for another.
    pub(crate) fn has_room(&self) -> bool {
        self.limit > 0 && self.spare.lock().len() < self.limit
    }

    /// Frees all.
    pub(crate) fn clear(&self) {
        // Not under the lock.
        let spare = core::mem::take(&mut *self.spare.lock());
        drop(spare);
    }

    /// What all instances have in common.
    pub(crate) fn common(&self, module: &Module, bytes: &[u8]) -> Common {
        *self.common.get_or_init(|| Common::of(module, bytes))
    }

    /// Whether this is not the first instance that asks.
    pub(crate) fn had_one(&self) -> bool {
        self.had_one.swap(true, Ordering::Relaxed)
    }

    /// What the memories of all instances begin with, for each that is defined and has data.
    pub(crate) fn images(&self, module: &Module, bytes: &[u8]) -> &[Option<MemoryImage>] {
        if !self.common(module, bytes).data {
            return &[];
        }
        self.images.get_or_init(|| images(module, bytes))
    }
}

impl Common {
    fn of(module: &Module, bytes: &[u8]) -> Self {
        Self {
            data: module.data.iter().all(|segment| has_common_data(module, segment)),
            elements: module.table_inits.iter().all(Option::is_none)
                && module.elements.iter().all(|segment| has_common_elements(module, segment, bytes)),
        }
    }
}

/// An address or an index, if it names nothing: unsigned, and the high half of one with 32 bits means nothing.
fn offset(expr: &ConstExpr, is_64: bool) -> Option<u64> {
    let value = compute(expr, |_| None)?;
    Some(if is_64 { value } else { u64::from(value as u32) })
}

/// Where an active segment of data begins, if that is always the same.
fn data_offset(module: &Module, segment: &DataSegment) -> Option<(usize, u64)> {
    let SegmentMode::Active { target, offset: expr } = &segment.mode else { return None };
    let memory = target.index();
    Some((memory, offset(expr, module.memories[memory].memory64)?))
}

fn has_common_data(module: &Module, segment: &DataSegment) -> bool {
    if !matches!(segment.mode, SegmentMode::Active { .. }) {
        return true;
    }
    let Some((memory, start)) = data_offset(module, segment) else { return false };
    let ty = &module.memories[memory];
    let end = start.checked_add(u64::from(segment.span.end - segment.span.start));
    let len = ty.minimum.saturating_mul(ty.page_size());
    memory >= module.imported_memories as usize && end.is_some_and(|end| end <= len)
}

fn has_common_elements(module: &Module, segment: &ElementSegment, bytes: &[u8]) -> bool {
    let SegmentMode::Active { target, offset: expr } = &segment.mode else { return true };
    let ty = &module.tables[target.index()];
    let end = offset(expr, ty.table64).and_then(|start| start.checked_add(u64::from(segment.items.len())));
    let is_defined = |func: FuncIdx| func.0 >= module.imported_functions;
    target.0 >= module.imported_tables
        && end.is_some_and(|end| end <= ty.minimum)
        && segment.items.items(bytes).all(|item| match item {
            ElementItem::Function(func) => is_defined(func),
            ElementItem::Expression(expr) => match expr.ops() {
                [ConstOp::RefNull] => true,
                [ConstOp::RefFunc(func)] => is_defined(*func),
                _ => false,
            },
        })
}

/// Images of what active segments leave in the defined memories.
fn images(module: &Module, bytes: &[u8]) -> Box<[Option<MemoryImage>]> {
    let imported = module.imported_memories as usize;
    let image = |memory: usize| {
        let segments = || {
            module.data.iter().filter_map(move |segment| {
                let (target, start) = data_offset(module, segment)?;
                // It fits: the data are common to all instances.
                (target == memory).then(|| (start as usize, segment.span.of(bytes)))
            })
        };
        let len: u64 = segments().map(|(_, data)| data.len() as u64).sum();
        let start = segments().map(|(start, _)| start).min()?;
        let end = segments().map(|(start, data)| start + data.len()).max()?;
        Some(MemoryImage::new(start, end, len >= LEAST_LAID, |bytes, first| {
            for (start, data) in segments() {
                bytes[start - first..][..data.len()].copy_from_slice(data);
            }
        }))
    };
    (imported..module.memories.len()).map(image).collect()
}
