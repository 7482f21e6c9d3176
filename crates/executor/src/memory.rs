//! [`Memory`]: linear memories.
//!
//! I-MEM: the data of a memory is aligned to 64 bytes, and the 8 bytes before it hold its length as a native
//! `u64`, so that whoever has the data's address can check an access. All bytes between the length and the end
//! of the allocation are zero, so that growing within the allocation writes nothing but the length. The data
//! moves only in [`Memory::grow`], which runs outside of the dispatcher; handlers get the new address when they
//! go on.

use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use core::{cell::Cell, ptr::NonNull};
use rotifer_core::{MemoryType, TrapCode};

use crate::{
    store::NewEntityError,
    usage::{Held, Tally},
};

/// The alignment of a memory's data.
const ALIGNMENT: usize = 64;

/// Bytes of an allocation that may lie before and behind the data. The allocator is asked for small alignment
/// and the rest done here: allocators hand out zeroed blocks of large alignment only by clearing them, which
/// for a fresh block of this size costs more than all of an instantiation.
const OVERHEAD: usize = 2 * ALIGNMENT;

const ALLOCATOR_ALIGNMENT: usize = 8;

/// A linear memory.
#[derive(Debug)]
#[repr(C)]
pub struct Memory {
    /// The data. Must stay the first field.
    base: Cell<*mut u8>,
    /// Bytes behind `base` that are allocated.
    capacity: Cell<usize>,
    /// What the allocator gave; null for [`Memory::none`].
    block: Cell<*mut u8>,
    ty: MemoryType,
    tally: Tally,
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
    block: Cell::new(core::ptr::null_mut()),
    ty: MemoryType { minimum: 0, maximum: Some(0), memory64: false, shared: false, page_size_log2: 16 },
    tally: Tally::NONE,
});

impl Memory {
    /// A memory of its minimum size, filled with zeros.
    ///
    /// # Errors
    /// The host has not enough memory, or cannot address as much.
    pub(crate) fn new(ty: MemoryType, tally: Tally) -> Result<Self, NewEntityError> {
        let len = ty.minimum.checked_mul(ty.page_size()).and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or(NewEntityError::OutOfMemory)?;
        let (block, base) = allocate(len).ok_or(NewEntityError::OutOfMemory)?;
        let memory = Self {
            base: Cell::new(base.as_ptr()),
            capacity: Cell::new(len),
            block: Cell::new(block.as_ptr()),
            ty,
            tally,
        };
        memory.tally.add(Held::Memories, memory.held());
        memory.set_len(len as u64);
        Ok(memory)
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
            let largest = maximum.saturating_mul(self.ty.page_size());
            self.reserve(new_len, usize::try_from(largest).unwrap_or(usize::MAX))?;
        }
        self.set_len(new_len as u64);
        Some(pages)
    }

    /// Moves the data to a larger block: twice the capacity, so that growing page by page moves it seldom, if the
    /// memory may become as large and the host has as much.
    fn reserve(&self, needed: usize, largest: usize) -> Option<()> {
        let generous = self.capacity.get().saturating_mul(2).min(largest).max(needed);
        let (capacity, (block, base)) = match allocate(generous) {
            Some(allocation) => (generous, allocation),
            None => (needed, allocate(needed)?),
        };
        let len = self.len();
        // SAFETY: I-MEM: the old block holds `len` bytes, the new one more, and they are distinct.
        unsafe { self.base().copy_to_nonoverlapping(base.as_ptr(), len as usize) };
        self.free();
        self.base.set(base.as_ptr());
        self.block.set(block.as_ptr());
        self.capacity.set(capacity);
        self.tally.add(Held::Memories, self.held());
        self.set_len(len);
        Some(())
    }

    /// Bytes allocated.
    pub(crate) fn held(&self) -> usize {
        self.capacity.get() + OVERHEAD
    }

    fn free(&self) {
        if let (Some(block), Some(layout)) = (NonNull::new(self.block.get()), layout(self.capacity.get())) {
            self.tally.sub(Held::Memories, self.held());
            // SAFETY: I-MEM: the block was allocated with this layout, and is freed once: `reserve` replaces it.
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
        let to = to.place(to_address, len)?;
        // SAFETY: I-MEM: both ranges lie within their data; they may overlap.
        unsafe { from.copy_to(to, len as usize) };
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

    /// The bytes.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as for `as_slice`; the exclusive borrow keeps everybody else away (I-STORE).
        unsafe { core::slice::from_raw_parts_mut(self.base(), self.len() as usize) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.free();
    }
}

fn layout(capacity: usize) -> Option<Layout> {
    Layout::from_size_align(capacity.checked_add(OVERHEAD)?, ALLOCATOR_ALIGNMENT).ok()
}

/// A zeroed block, and the place of data with `capacity` bytes in it.
fn allocate(capacity: usize) -> Option<(NonNull<u8>, NonNull<u8>)> {
    let layout = layout(capacity)?;
    // SAFETY: I-MEM: the layout is not empty.
    let block = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    let offset = (block.addr().get() + 8).next_multiple_of(ALIGNMENT) - block.addr().get();
    // SAFETY: I-MEM: the offset is at least 8 and less than 8 + ALIGNMENT, so that behind it there are more than
    // `capacity` bytes left.
    Some((block, unsafe { block.add(offset) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn memory(minimum: u32, maximum: Option<u32>) -> Memory {
        Memory::new(MemoryType::new(minimum, maximum), Tally::NONE).unwrap()
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
        assert_eq!(memory.capacity.get(), 20 << 16);
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
        assert!(Memory::new(huge, Tally::NONE).is_err());
        let large = MemoryType::new64(1 << 40, None);
        assert!(Memory::new(large, Tally::NONE).is_err());
        let small = Memory::new(MemoryType::new64(0, None), Tally::NONE).unwrap();
        for delta in [1 << 40, (1 << 48) - 1, 1 << 48, u64::MAX] {
            assert_eq!(small.grow(delta), None);
        }
        assert_eq!(small.grow(1), Some(0));
    }

    #[test]
    fn pages_of_one_byte() {
        let ty = MemoryType::builder().page_size_log2(0).min(3).max(Some(1000)).build().unwrap();
        let mut memory = Memory::new(ty, Tally::NONE).unwrap();
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
