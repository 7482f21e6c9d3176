//! [`Memory`]: linear memories.
//!
//! I-MEM: the data of a memory is aligned to 64 bytes, and the 8 bytes before it hold its length as a native
//! `u64`, so that whoever has the data's address can check an access. All bytes between the length and the end
//! of the allocation are zero, so that growing within the allocation writes nothing but the length. The data
//! moves only in [`Memory::grow`], which runs outside of the dispatcher; handlers get the new address when they
//! go on.
//!
//! Large memories are mapped where that is possible (see [`Mapping`]), small ones come from the allocator.

use alloc::{
    alloc::{Layout, alloc_zeroed, dealloc},
    boxed::Box,
};
use core::{
    cell::Cell,
    fmt,
    ops::Range,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};
use rotifer_core::{MemoryType, TrapCode};

mod layers;
mod record;

pub(crate) use self::layers::MemoryMark;
pub use self::record::Changes;

use self::{layers::Layers, record::Ended};
use crate::{
    mapping::{Image, Mapping},
    store::NewEntityError,
    tracker::{BLOCK, BlockSet, Tracker},
    usage::{Held, Tally},
};

/// The alignment of a memory's data.
const ALIGNMENT: usize = 64;

/// Bytes of an allocation that may lie before and behind the data. The allocator is asked for small alignment
/// and the rest done here: allocators hand out zeroed blocks of large alignment only by clearing them, which
/// for a fresh block of this size costs more than all of an instantiation.
const OVERHEAD: usize = 2 * ALIGNMENT;

const ALLOCATOR_ALIGNMENT: usize = 8;

/// Bytes before the data that mean something: the length, and of a tracked memory two addresses (I-TRACK).
const HEADER: usize = 24;

/// From this length on a memory is mapped. Zeroing a smaller one costs no more than the system calls and page faults.
const LEAST_MAPPED: usize = 256 << 10;

/// A mapped memory gets address space for at least so many bytes, if its type lets it grow as far.
const LEAST_RESERVED: usize = 1 << 20;

/// What the data lies in.
#[derive(Debug)]
enum Block {
    /// Nothing, for [`Memory::none`].
    None,
    /// What the allocator gave.
    Heap(NonNull<u8>),
    /// A page whose last bytes are the length, then the data.
    Mapped(Mapping),
}

/// What a memory of a module begins with.
#[derive(Debug)]
pub(crate) struct MemoryImage {
    contents: Contents,
    /// Where in the data it begins.
    start: usize,
}

/// The bytes of an image.
#[derive(Debug)]
enum Contents {
    /// Pages that can be laid over mapped memories.
    Pages(Image),
    Heap(Box<[u8]>),
}

impl MemoryImage {
    /// An image of the bytes from `start` to `end`, which `fill` writes; it is given the bytes and the address of the
    /// first. A `large` one can be laid over memories where they are mapped.
    pub(crate) fn new(start: usize, end: usize, large: bool, fill: impl Fn(&mut [u8], usize)) -> Self {
        if large {
            let page = Mapping::page();
            let first = start - start % page;
            if let Some(pages) = Image::new((end - first).next_multiple_of(page), |bytes| fill(bytes, first))
            {
                return Self { contents: Contents::Pages(pages), start: first };
            }
        }
        let mut bytes = alloc::vec![0; end - start].into_boxed_slice();
        fill(&mut bytes, start);
        Self { contents: Contents::Heap(bytes), start }
    }

    /// Where it lies in the data.
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        match &self.contents {
            Contents::Pages(pages) => pages.bytes(),
            Contents::Heap(bytes) => bytes,
        }
    }
}

/// What an image says of a range: so many zeros, these bytes, and so many zeros again.
fn part(image: Option<&MemoryImage>, range: Range<usize>) -> (usize, &[u8], usize) {
    let Some(image) = image else { return (range.len(), &[], 0) };
    let bytes = image.bytes();
    let from = range.start.max(image.start).min(range.end);
    let to = range.end.min(image.start + bytes.len()).max(from);
    let inside = if from < to { &bytes[from - image.start..to - image.start] } else { &[] };
    (from - range.start, inside, range.end - to)
}

/// A linear memory.
#[repr(C)]
pub struct Memory {
    /// The data. Must stay the first field.
    base: Cell<*mut u8>,
    /// Bytes behind `base` that are allocated.
    capacity: Cell<usize>,
    block: Cell<Block>,
    /// Whether an image lies over the data.
    has_image: Cell<bool>,
    /// What the memory holds where nobody has written to it, or null if that is zeros (I-IMAGE).
    image: Cell<*const MemoryImage>,
    /// The states that it can go back to.
    layers: Layers,
    /// No more bytes than this got a page of the system since it was last found out how many have one.
    paged: usize,
    /// What was written in epochs of the tracker that have ended, if there are any who want to know.
    ended: Option<Box<Ended>>,
    /// Knows what was written to, if that is to be known; else null. Owned.
    tracker: Cell<*mut Tracker>,
    /// Whether somebody has the address of the data who may write there unnoticed.
    is_exposed: AtomicBool,
    ty: MemoryType,
    tally: Tally,
    /// Bytes that were counted.
    counted: Cell<usize>,
}

/// A header that says 0, for [`Memory::none`].
#[repr(align(64))]
struct EmptyHeader {
    _bytes: [u8; ALIGNMENT],
}

struct Shareable<T>(T);

// SAFETY: only for `NONE`, which nobody can change: its length is 0, and `Memory::none` gives out a pointer for
// reading.
unsafe impl<T> Sync for Shareable<T> {}

static EMPTY: EmptyHeader = EmptyHeader { _bytes: [0; ALIGNMENT] };

static NONE: Shareable<Memory> = Shareable(Memory {
    base: Cell::new((&raw const EMPTY).cast::<u8>().wrapping_add(ALIGNMENT).cast_mut()),
    capacity: Cell::new(0),
    block: Cell::new(Block::None),
    has_image: Cell::new(false),
    image: Cell::new(core::ptr::null()),
    layers: Layers::NONE,
    paged: 0,
    ended: None,
    tracker: Cell::new(core::ptr::null_mut()),
    is_exposed: AtomicBool::new(false),
    ty: MemoryType { minimum: 0, maximum: Some(0), memory64: false, shared: false, page_size_log2: 16 },
    tally: Tally::NONE,
    counted: Cell::new(0),
});

impl Memory {
    /// A memory of its minimum size, filled with zeros.
    ///
    /// # Errors
    /// The host has not enough memory, or cannot address as much.
    ///
    /// If it is `tracked`, what is written to it can be found out.
    pub(crate) fn new(ty: MemoryType, tally: Tally, tracked: bool) -> Result<Self, NewEntityError> {
        let len = initial_len(ty).ok_or(NewEntityError::OutOfMemory)?;
        let allocation = allocate(len, largest_len(ty)).ok_or(NewEntityError::OutOfMemory)?;
        let memory = Self {
            base: Cell::new(allocation.base.as_ptr()),
            capacity: Cell::new(allocation.capacity),
            block: Cell::new(allocation.block),
            has_image: Cell::new(false),
            image: Cell::new(core::ptr::null()),
            layers: Layers::NONE,
            paged: 0,
            ended: None,
            tracker: Cell::new(core::ptr::null_mut()),
            is_exposed: AtomicBool::new(false),
            ty,
            tally,
            counted: Cell::new(0),
        };
        memory.set_len(len as u64);
        if tracked {
            let tracker = Tracker::new(memory.capacity.get()).ok_or(NewEntityError::OutOfMemory)?;
            memory.set_tracker(tracker);
        }
        memory.count();
        Ok(memory)
    }

    fn tracker(&self) -> Option<&Tracker> {
        // SAFETY: I-TRACK: the memory owns the tracker, and only `reserve` replaces it.
        unsafe { self.tracker.get().as_ref() }
    }

    /// Replaces the tracker, which must be one for this capacity.
    fn set_tracker(&self, tracker: Box<Tracker>) {
        let tracker = Box::into_raw(tracker);
        // SAFETY: I-TRACK: it becomes the tracker of this memory.
        unsafe { (*tracker).attach(self.base()) };
        let old = self.tracker.replace(tracker);
        free_tracker(old);
    }

    /// Notes a range that is written to other than by a store: all of it lies within the memory.
    fn note(&self, address: u64, len: u64) {
        if let Some(tracker) = self.tracker() {
            tracker.note_range(address as usize, len as usize);
        }
    }

    fn clear_tracker(&self) {
        if let Some(tracker) = self.tracker() {
            tracker.clear();
        }
    }

    /// What the memory holds where nobody has written to it, if that is more than zeros.
    fn image(&self) -> Option<&MemoryImage> {
        // SAFETY: I-IMAGE: it is null or the image of a module that is alive.
        unsafe { self.image.get().as_ref() }
    }

    /// Takes what the memory holds for clean: it is what this image says.
    ///
    /// # Safety
    /// I-IMAGE: that is true, and the image is one of the module of the instance that owns the memory.
    pub(crate) unsafe fn note_clean(&self, image: Option<&MemoryImage>) {
        self.image.set(image.map_or(core::ptr::null(), |image| image));
        self.clear_tracker();
    }

    /// Whether anything may have been written in this epoch.
    fn is_unknown(&self) -> bool {
        self.is_exposed() || self.tracker().is_none_or(Tracker::is_all_noted)
    }

    /// The blocks that may differ from the last state, if they are known. One may be named several times.
    fn written(&self) -> Option<impl Iterator<Item = usize> + Clone> {
        let tracker = self.tracker().filter(|_| !self.is_unknown())?;
        let earlier = self.ended.as_ref().map(|ended| &ended.unmarked);
        if earlier.is_some_and(BlockSet::is_all) {
            return None;
        }
        Some(tracker.noted().chain(earlier.into_iter().flat_map(BlockSet::iter)))
    }

    /// The same if it is better to restore them one by one than to restore everything: if they are no more than three
    /// quarters.
    fn sparsely_written(&self) -> Option<impl Iterator<Item = usize> + Clone> {
        let earlier = self.ended.as_ref().map_or(0, |ended| ended.unmarked.len());
        let count = self.tracker().map_or(0, Tracker::len) + earlier;
        self.written().filter(|_| count <= self.len() as usize / BLOCK / 4 * 3)
    }

    /// Lays an image over the data of a memory that is new. Whether that was possible; if not, nothing has changed.
    ///
    /// # Errors
    /// The system refuses. The memory must be dropped.
    ///
    /// # Safety
    /// I-IMAGE: the image is one of the module of the instance that owns the memory.
    pub(crate) unsafe fn lay_image(&self, image: &MemoryImage) -> Result<bool, NewEntityError> {
        if self.has_image.get() {
            return Ok(true);
        }
        let laid = self.with_block(|block| match block {
            Block::Mapped(mapping) => self.lay(mapping, image),
            _ => Ok(false),
        });
        if laid == Ok(true) {
            // SAFETY: I-IMAGE: promised by the caller; a new memory is zero around the image.
            unsafe { self.note_clean(Some(image)) };
        }
        laid.map_err(|()| NewEntityError::OutOfMemory)
    }

    /// Lays an image over the data in a mapping, if it has pages that can be laid there.
    fn lay(&self, mapping: &Mapping, image: &MemoryImage) -> Result<bool, ()> {
        let Contents::Pages(pages) = &image.contents else { return Ok(false) };
        if image.start.saturating_add(pages.bytes().len()) > self.capacity.get() {
            return Ok(false);
        }
        mapping.map_image(Mapping::page() + image.start, pages)?;
        self.has_image.set(true);
        Ok(true)
    }

    /// Looks at the block. Nothing that is called looks at it, too.
    fn with_block<R>(&self, look: impl FnOnce(&Block) -> R) -> R {
        let block = self.block.replace(Block::None);
        let seen = look(&block);
        self.block.set(block);
        seen
    }

    /// Makes the memory what it was when it was last clean: of its minimum size, with the bytes of an image and zeros
    /// around them. Says whether it has the bytes of the image; if not, all is zero.
    ///
    /// At most `keep` bytes of a mapped memory stay with it that were written to; if there are more, the system gets
    /// them back.
    ///
    /// # Errors
    /// The system refuses. The memory must be dropped.
    ///
    /// # Safety
    /// I-IMAGE: the image is one of the module of the instance that owns the memory.
    pub(crate) unsafe fn renew(
        &mut self,
        image: Option<&MemoryImage>,
        keep: usize,
    ) -> Result<bool, NewEntityError> {
        let len = self.len() as usize;
        let initial = initial_len(self.ty).ok_or(NewEntityError::OutOfMemory)?;
        let renewed = self.with_block(|block| self.renew_block(block, len, image, keep));
        self.layers = Layers::NONE;
        self.ended = None;
        let has_image = renewed.map_err(|()| NewEntityError::OutOfMemory)?;
        // SAFETY: I-IMAGE: promised by the caller; that is what the memory holds now.
        unsafe { self.note_clean(image.filter(|_| has_image)) };
        self.set_len(initial as u64);
        Ok(has_image)
    }

    fn renew_block(
        &self,
        block: &Block,
        len: usize,
        image: Option<&MemoryImage>,
        keep: usize,
    ) -> Result<bool, ()> {
        if let Some(written) = self.sparsely_written() {
            for block in written.chain(self.layers.blocks(0..self.layers.count())) {
                self.restore(block * BLOCK..(block + 1) * BLOCK, image);
            }
            return Ok(true);
        }
        let Block::Mapped(mapping) = block else {
            self.restore(0..len, image);
            return Ok(true);
        };
        let page = Mapping::page();
        let pages = len.next_multiple_of(page);
        // Data that was copied would count as written for ever. With the image below them, pages are copied only if
        // they are written to.
        if let Some(image) = image
            && !self.has_image.get()
            && self.lay(mapping, image)?
        {
            mapping.discard(page, pages)?;
            return Ok(true);
        }
        let found = mapping.written(page, pages, keep, |range| self.restore(range, image));
        if found.is_some() {
            return Ok(true);
        }
        mapping.discard(page, pages)?;
        Ok(self.has_image.get() || image.is_none())
    }

    /// Brings a range of the allocated data back to what an image says, which is zero around it.
    fn restore(&self, range: Range<usize>, image: Option<&MemoryImage>) {
        let start = range.start;
        let (before, inside, behind) = part(image, start..range.end.min(self.capacity.get()).max(start));
        // SAFETY: I-MEM: the range lies within the allocation, of which no image is part.
        unsafe {
            let place = self.base().add(start);
            place.write_bytes(0, before);
            place.add(before).copy_from_nonoverlapping(inside.as_ptr(), inside.len());
            place.add(before + inside.len()).write_bytes(0, behind);
        }
    }

    /// The address of the first byte, for somebody who may write there: what the memory holds is not known any more.
    pub fn expose(&self) -> *mut u8 {
        self.is_exposed.store(true, Ordering::Relaxed);
        self.base()
    }

    /// Whether somebody may have written to the memory unnoticed.
    pub(crate) fn is_exposed(&self) -> bool {
        self.is_exposed.load(Ordering::Relaxed)
    }

    /// Whether [`renew`](Self::renew) is better than another memory: one that has grown far keeps what it got.
    pub(crate) fn is_worth_keeping(&self) -> bool {
        let initial = initial_len(self.ty).unwrap_or(usize::MAX);
        self.capacity.get() / 2 <= initial.max(LEAST_RESERVED)
    }

    /// Counts the memory as one of a store.
    pub(crate) fn count(&self) {
        let held = self.held();
        self.tally.add(Held::Memories, held);
        self.tally.sub(Held::Memories, self.counted.replace(held));
    }

    /// Counts the memory no longer, and forgets what was recorded of it.
    pub(crate) fn retire(&mut self) {
        self.forget_recording();
        self.uncount();
    }

    /// Counts the memory no longer.
    fn uncount(&self) {
        self.tally.sub(Held::Memories, self.counted.replace(0));
    }

    /// The memory of an instance without one: its length is 0.
    pub fn none() -> *const Self {
        &raw const NONE.0
    }

    /// The address of the first byte.
    #[inline(always)]
    pub fn base(&self) -> *mut u8 {
        self.base.get()
    }

    /// The length in bytes.
    #[inline(always)]
    pub fn len(&self) -> u64 {
        // SAFETY: I-MEM: the length lies before the data.
        unsafe { self.base().sub(8).cast::<u64>().read() }
    }

    /// Whether the length is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn set_len(&self, len: u64) {
        // SAFETY: I-MEM: the length lies before the data. The header is aligned like the data, and not shared:
        // only memories with a block of their own get here.
        unsafe { self.base().sub(8).cast::<u64>().write(len) }
    }

    /// The type; its minimum is the one that was declared.
    pub fn ty(&self) -> MemoryType {
        self.ty
    }

    /// The type with the current size as its minimum.
    pub fn current_type(&self) -> MemoryType {
        MemoryType { minimum: self.pages(), ..self.ty }
    }

    /// Whether addresses are 64-bit numbers.
    #[inline(always)]
    pub fn is_64(&self) -> bool {
        self.ty.memory64
    }

    /// The length in pages.
    #[inline(always)]
    pub fn pages(&self) -> u64 {
        self.len() >> self.ty.page_size_log2
    }

    /// Grows the memory and returns how many pages it had, or nothing if its type or the host does not allow it.
    pub(crate) fn grow(&self, delta: u64) -> Option<u64> {
        let pages = self.pages();
        let new_pages = pages.checked_add(delta)?;
        let maximum = self.ty.max_pages();
        if new_pages > maximum {
            return None;
        }
        if delta == 0 {
            return Some(pages);
        }
        let new_len = usize::try_from(new_pages.checked_mul(self.ty.page_size())?).ok()?;
        if new_len > self.capacity.get() {
            self.reserve(new_len)?;
        }
        self.set_len(new_len as u64);
        self.count();
        Some(pages)
    }

    /// Moves the data to a larger block: twice the capacity, so that growing page by page moves it seldom, if the
    /// memory may become as large and the host has as much.
    fn reserve(&self, needed: usize) -> Option<()> {
        let generous = self.capacity.get().saturating_mul(2).min(largest_len(self.ty)).max(needed);
        let allocation = allocate(generous, generous).or_else(|| allocate(needed, needed))?;
        let tracker = match self.tracker() {
            Some(old) => {
                let new = Tracker::new(allocation.capacity)?;
                new.take_over(old);
                Some(new)
            }
            None => None,
        };
        let len = self.len();
        // SAFETY: I-MEM: the old block holds `len` bytes, the new one more, and they are distinct.
        unsafe { self.base().copy_to_nonoverlapping(allocation.base.as_ptr(), len as usize) };
        self.free();
        self.base.set(allocation.base.as_ptr());
        self.block.set(allocation.block);
        self.capacity.set(allocation.capacity);
        self.has_image.set(false);
        self.set_len(len);
        if let Some(tracker) = tracker {
            self.set_tracker(tracker);
        }
        Some(())
    }

    /// Bytes allocated, or of a mapping the bytes that are in use: the rest is address space.
    pub(crate) fn held(&self) -> usize {
        let held = self.with_block(|block| match block {
            Block::None => 0,
            Block::Heap(_) => self.capacity.get() + OVERHEAD,
            Block::Mapped(_) => self.len() as usize + Mapping::page(),
        });
        let ended = self.ended.as_ref().map_or(0, |ended| ended.held());
        held + self.tracker().map_or(0, Tracker::held) + self.layers.held() + ended
    }

    /// Bytes allocated while nobody uses the memory and it is as good as new.
    pub(crate) fn held_renewed(&self) -> usize {
        let is_mapped = self.with_block(|block| matches!(block, Block::Mapped(_)));
        if is_mapped { Mapping::page() } else { self.held() }
    }

    fn free(&self) {
        if let Block::Heap(block) = self.block.replace(Block::None)
            && let Some(layout) = layout(self.capacity.get())
        {
            // SAFETY: I-MEM: the block was allocated with this layout, and is freed once: it was just taken away.
            unsafe { dealloc(block.as_ptr(), layout) };
        }
    }

    /// The place of a range, if it lies within the memory.
    #[inline]
    fn place(&self, address: u64, len: u64) -> Result<*mut u8, TrapCode> {
        match address.checked_add(len) {
            // SAFETY: I-MEM: the address lies within the data, or just behind it.
            Some(end) if end <= self.len() => Ok(unsafe { self.base().add(address as usize) }),
            _ => Err(TrapCode::MemoryOutOfBounds),
        }
    }

    /// `memory.fill`.
    pub(crate) fn fill(&self, address: u64, value: u8, len: u64) -> Result<(), TrapCode> {
        let to = self.place(address, len)?;
        self.note(address, len);
        // SAFETY: I-MEM: the range lies within the data.
        unsafe { to.write_bytes(value, len as usize) };
        Ok(())
    }

    /// `memory.copy`, within a memory or between two.
    pub(crate) fn copy(
        to: &Self,
        to_address: u64,
        from: &Self,
        from_address: u64,
        len: u64,
    ) -> Result<(), TrapCode> {
        let from = from.place(from_address, len)?;
        let place = to.place(to_address, len)?;
        to.note(to_address, len);
        // SAFETY: I-MEM: both ranges lie within their data; they may overlap.
        unsafe { from.copy_to(place, len as usize) };
        Ok(())
    }

    /// `memory.init`: copies a range of a data segment.
    pub(crate) fn init(&self, address: u64, data: &[u8], from: u64, len: u64) -> Result<(), TrapCode> {
        let data = from
            .checked_add(len)
            .filter(|&end| end <= data.len() as u64)
            .map(|end| &data[from as usize..end as usize]);
        let data = data.ok_or(TrapCode::MemoryOutOfBounds)?;
        let to = self.place(address, len)?;
        self.note(address, len);
        // SAFETY: I-MEM: the range lies within the memory, which no segment is part of.
        unsafe { to.copy_from_nonoverlapping(data.as_ptr(), data.len()) };
        Ok(())
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    /// They reach beyond its end.
    pub fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), TrapCode> {
        let from = self.place(address, buffer.len() as u64)?;
        // SAFETY: I-MEM: the range lies within the memory, which no slice of somebody else is part of.
        unsafe { from.copy_to_nonoverlapping(buffer.as_mut_ptr(), buffer.len()) };
        Ok(())
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    /// They reach beyond its end.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), TrapCode> {
        self.init(address, bytes, 0, bytes.len() as u64)
    }

    /// Grows the memory by a number of pages and returns how many it had, or nothing if its type or the host
    /// does not allow it.
    pub fn grow_mut(&mut self, delta: u64) -> Option<u64> {
        self.grow(delta)
    }

    /// A range of the allocated data.
    ///
    /// # Safety
    /// I-MEM: it lies there. Nothing writes to the memory or grows it while the slice lives.
    unsafe fn allocated(&self, range: Range<usize>) -> &[u8] {
        // SAFETY: promised by the caller.
        unsafe { core::slice::from_raw_parts(self.base().add(range.start), range.len()) }
    }

    /// The bytes.
    ///
    /// # Safety
    /// Nothing writes to the memory or grows it while the slice lives.
    #[inline]
    pub unsafe fn as_slice(&self) -> &[u8] {
        // SAFETY: I-MEM: the data has that length, which a `usize` can hold as it was allocated; the rest is
        // promised by the caller.
        unsafe { core::slice::from_raw_parts(self.base(), self.len() as usize) }
    }

    /// A range of bytes, to write to. They count as written to, and no others.
    ///
    /// # Errors
    /// They reach beyond the end.
    pub fn slice_mut(&mut self, address: u64, len: u64) -> Result<&mut [u8], TrapCode> {
        let place = self.place(address, len)?;
        self.note(address, len);
        // SAFETY: I-MEM: the range lies within the memory; the exclusive borrow keeps everybody else away (I-STORE).
        Ok(unsafe { core::slice::from_raw_parts_mut(place, len as usize) })
    }

    /// The bytes. All of them count as written to.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        if let Some(tracker) = self.tracker() {
            tracker.note_all();
        }
        // SAFETY: as for `as_slice`; the exclusive borrow keeps everybody else away (I-STORE).
        unsafe { core::slice::from_raw_parts_mut(self.base(), self.len() as usize) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("len", &self.len()).field("ty", &self.ty).finish_non_exhaustive()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.uncount();
        self.free();
        free_tracker(self.tracker.get());
    }
}

fn layout(capacity: usize) -> Option<Layout> {
    Layout::from_size_align(capacity.checked_add(OVERHEAD)?, ALLOCATOR_ALIGNMENT).ok()
}

fn free_tracker(tracker: *mut Tracker) {
    if !tracker.is_null() {
        // SAFETY: I-TRACK: it came from a box, and its memory has another one now or none.
        drop(unsafe { Box::from_raw(tracker) });
    }
}

/// The length at the start, if the machine can address as much.
fn initial_len(ty: MemoryType) -> Option<usize> {
    usize::try_from(ty.minimum.checked_mul(ty.page_size())?).ok()
}

/// The greatest length.
fn largest_len(ty: MemoryType) -> usize {
    usize::try_from(ty.max_pages().saturating_mul(ty.page_size())).unwrap_or(usize::MAX)
}

/// A zeroed block.
struct Allocation {
    block: Block,
    /// Where the data begins in it.
    base: NonNull<u8>,
    /// How long the data can be.
    capacity: usize,
}

/// A zeroed block for data of `len` bytes. A mapped one may have room for more, but not for more than `largest`.
fn allocate(len: usize, largest: usize) -> Option<Allocation> {
    if len >= LEAST_MAPPED {
        let generous = len.saturating_mul(2).max(LEAST_RESERVED).min(largest).max(len);
        let mapped = map(generous).or_else(|| map(len));
        if mapped.is_some() {
            return mapped;
        }
    }
    let layout = layout(len)?;
    // SAFETY: I-MEM: the layout is not empty.
    let block = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    let offset = (block.addr().get() + HEADER).next_multiple_of(ALIGNMENT) - block.addr().get();
    // SAFETY: I-MEM: the offset is at least HEADER and less than HEADER + ALIGNMENT, so that behind it there are more
    // than `len` bytes left.
    let base = unsafe { block.add(offset) };
    Some(Allocation { block: Block::Heap(block), base, capacity: len })
}

fn map(len: usize) -> Option<Allocation> {
    let page = Mapping::page();
    let capacity = len.checked_next_multiple_of(page)?;
    let mapping = Mapping::new(capacity.checked_add(page)?)?;
    // SAFETY: I-MAP: the mapping has a page before the data.
    let base = unsafe { mapping.start().add(page) };
    Some(Allocation { block: Block::Mapped(mapping), base, capacity })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn memory(minimum: u32, maximum: Option<u32>) -> Memory {
        Memory::new(MemoryType::new(minimum, maximum), Tally::NONE, false).unwrap()
    }

    #[test]
    fn length_lies_before_aligned_data() {
        for pages in [0, 1, 2, 40] {
            let memory = memory(pages, None);
            assert_eq!(memory.base().addr() % ALIGNMENT, 0);
            assert_eq!(memory.len(), u64::from(pages) << 16);
            // SAFETY: I-STORE: nothing else uses the memory.
            assert!(unsafe { memory.as_slice() }.iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn growing_keeps_contents_and_adds_zeros() {
        let mut memory = memory(1, Some(20));
        for pages in 1..20u64 {
            let last = memory.len() - 1;
            memory.write(last, &[pages as u8]).unwrap();
            assert_eq!(memory.grow(1), Some(pages));
            let bytes = memory.as_mut_slice();
            assert!(bytes[last as usize + 1..].iter().all(|&byte| byte == 0));
        }
        assert_eq!(memory.grow(1), None);
        assert_eq!(memory.grow(0), Some(20));
        assert!(memory.capacity.get() <= 20 << 16);
        for page in 1..20u64 {
            assert_eq!(memory.as_mut_slice()[(page << 16) as usize - 1], page as u8);
        }
    }

    #[test]
    fn ranges_are_checked_without_overflow() {
        let mut one = memory(1, None);
        let end = one.len();
        assert_eq!(one.fill(u64::MAX, 1, 1), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(one.fill(1, 1, u64::MAX), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(one.fill(end, 1, 0), Ok(()));
        assert_eq!(one.fill(end + 1, 1, 0), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(one.fill(end - 1, 7, 1), Ok(()));
        assert_eq!(one.init(0, &[1, 2, 3], 1, 2), Ok(()));
        assert_eq!(one.init(0, &[1, 2, 3], 2, 2), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(one.init(0, &[1, 2, 3], u64::MAX, 2), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(Memory::copy(&one, 1, &one, 0, 2), Ok(()));
        let mut bytes = [0; 3];
        one.read(0, &mut bytes).unwrap();
        assert_eq!(bytes, [2, 2, 3]);
        assert!(one.read(end - 2, &mut bytes).is_err());
        assert!(one.write(end - 2, &bytes).is_err());
        let two = memory(2, None);
        assert_eq!(Memory::copy(&two, end, &one, 0, end), Ok(()));
        assert_eq!(Memory::copy(&two, end + 1, &one, 0, end), Err(TrapCode::MemoryOutOfBounds));
        assert_eq!(Memory::copy(&one, 0, &two, end, end + 1), Err(TrapCode::MemoryOutOfBounds));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let huge = MemoryType::new64(1 << 48, None);
        assert!(Memory::new(huge, Tally::NONE, false).is_err());
        let large = MemoryType::new64(1 << 40, None);
        assert!(Memory::new(large, Tally::NONE, false).is_err());
        let small = Memory::new(MemoryType::new64(0, None), Tally::NONE, false).unwrap();
        for delta in [1 << 40, (1 << 48) - 1, 1 << 48, u64::MAX] {
            assert_eq!(small.grow(delta), None);
        }
        assert_eq!(small.grow(1), Some(0));
    }

    #[test]
    fn pages_of_one_byte() {
        let ty = MemoryType::builder().page_size_log2(0).min(3).max(Some(1000)).build().unwrap();
        let mut memory = Memory::new(ty, Tally::NONE, false).unwrap();
        assert_eq!(memory.as_mut_slice(), vec![0; 3]);
        assert_eq!(memory.grow(997), Some(3));
        assert_eq!(memory.grow(1), None);
        assert_eq!(memory.len(), 1000);
    }

    #[test]
    fn no_memory_has_no_bytes() {
        // SAFETY: I-ENTITY: it lives forever and is only read.
        let none = unsafe { &*Memory::none() };
        assert_eq!(none.len(), 0);
        assert_eq!(none.base().addr() % ALIGNMENT, 0);
        assert_eq!(none.grow(1), None);
        assert_eq!(none.fill(0, 1, 0), Ok(()));
        assert_eq!(none.fill(0, 1, 1), Err(TrapCode::MemoryOutOfBounds));
    }
}
