//! Loads and stores. Every access is checked against the memory's length, in every mode.

use core::hint::cold_path;
use rotifer_bytecode::semantics::{Load, MemoryInt, Store, Value};
use rotifer_core::TrapCode;

use super::{
    form::{Dst, Of, S, Src, bits, operands, put, slot},
    regs::{Dispatcher, Handler, Regs, trap},
};
use crate::{memory::Memory, tracker};

/// The place of an access of `size` bytes in the memory with this data, if it lies within its length.
///
/// # Safety
/// I-MEM: `data` is the data of a live memory: its length lies 8 bytes before.
#[inline(always)]
pub(crate) unsafe fn place(data: *mut u8, address: u64, size: usize) -> Option<*mut u8> {
    // SAFETY: promised by the caller.
    let len = unsafe { data.sub(8).cast::<u64>().read() };
    // Neither sum overflows: `address` is below 2^33.
    if address + size as u64 > len {
        cold_path();
        return None;
    }
    // SAFETY: I-MEM: the length is that of the allocation behind `data`.
    Some(unsafe { data.add(address as usize) })
}

/// A load from memory 0 with a 32-bit address.
pub(crate) struct LoadOp<O, X, T>(Of<(O, X, T)>);

impl<O: Load, X: Src, T: Dst> Handler for LoadOp<O, X, T> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address: u32 = X::get(r, u32::from(o.b));
            let Some(place) = place(r.mem, u64::from(address) + u64::from(o.c), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = O::convert(place.cast::<O::M>().read_unaligned().little_endian());
            put::<O::R, T>(r, o.a, value);
            r.pc = r.pc.add(2);
            D::next(r)
        }
    }
}

/// Whether stores note what they write to.
pub(crate) trait Writes {
    const TRACKED: bool;
}

/// They do not.
pub(crate) struct Untracked;
/// They do.
pub(crate) struct Tracked;

impl Writes for Untracked {
    const TRACKED: bool = false;
}

impl Writes for Tracked {
    const TRACKED: bool = true;
}

/// A store, apart from whether writes are noted.
pub(crate) trait StoreForm: Handler {
    /// How many bytes are written.
    const SIZE: usize;

    /// The data of the memory and the address, as far as it is known to lie there.
    ///
    /// # Safety
    /// I-CELL, I-SLOT, I-MEM for the current cell.
    unsafe fn target(r: &Regs) -> (*mut u8, u64);
}

/// The first store to a block since it was last clean: the block is noted, then the store done as if nothing was. A
/// handler of its own, so that the fast path of stores calls nothing and keeps its registers.
pub(crate) struct FirstTouch<F>(Of<F>);

impl<F: StoreForm> Handler for FirstTouch<F> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-TRACK: the store lies within the memory: it was checked before it came here.
        unsafe {
            let (data, address) = F::target(r);
            tracker::note(data, address, F::SIZE);
            F::run::<D>(r)
        }
    }
}

/// A store to memory 0 with a 32-bit address. The slots are in `a` (address) and `b` (value), the offset in
/// `c`, an immediate in the third word.
pub(crate) struct StoreOp<O, X, V, W>(Of<(O, X, V, W)>);

impl<O: Store, X: Src, V: Src, W: Writes> StoreForm for StoreOp<O, X, V, W> {
    const SIZE: usize = O::M::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller.
        unsafe {
            let o = operands(r);
            let address: u32 = X::get(r, u32::from(o.a));
            (r.mem, u64::from(address) + u64::from(o.c))
        }
    }
}

impl<O: Store, X: Src, V: Src, W: Writes> Handler for StoreOp<O, X, V, W> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let (data, address) = Self::target(r);
            let Some(place) = place(data, address, O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            if W::TRACKED && !tracker::is_noted(data, address, O::M::SIZE) {
                cold_path();
                return D::divert::<FirstTouch<StoreOp<O, X, V, Untracked>>>(r);
            }
            let value = if V::IMM { O::V::from_slot(bits(r, 2)) } else { V::get::<O::V>(r, u32::from(o.b)) };
            place.cast::<O::M>().write_unaligned(O::convert(value).little_endian());
            r.pc = r.pc.add(2 + V::IMM as usize);
            D::next(r)
        }
    }
}

/// A load from memory 0 at the sum of two 32-bit numbers.
pub(crate) struct LoadSum<O, X, T>(Of<(O, X, T)>);

impl<O: Load, X: Src, T: Dst> Handler for LoadSum<O, X, T> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let first: u32 = X::get(r, u32::from(o.b));
            let address = first.wrapping_add(slot(r, o.c & 0xFFFF) as u32);
            let Some(place) = place(r.mem, u64::from(address) + u64::from(o.c >> 16), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = O::convert(place.cast::<O::M>().read_unaligned().little_endian());
            put::<O::R, T>(r, o.a, value);
            r.pc = r.pc.add(2);
            D::next(r)
        }
    }
}

/// A load from memory 0 at the sum of a 32-bit number and an immediate.
pub(crate) struct LoadDisplaced<O, X, T>(Of<(O, X, T)>);

impl<O: Load, X: Src, T: Dst> Handler for LoadDisplaced<O, X, T> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let base: u32 = X::get(r, u32::from(o.b));
            let address = u64::from(base.wrapping_add(o.c)) + bits(r, 2);
            let Some(place) = place(r.mem, address, O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = O::convert(place.cast::<O::M>().read_unaligned().little_endian());
            put::<O::R, T>(r, o.a, value);
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}

/// A store to memory 0 at the sum of a slot and an immediate.
pub(crate) struct StoreDisplaced<O, V, W>(Of<(O, V, W)>);

impl<O: Store, V: Src, W: Writes> StoreForm for StoreDisplaced<O, V, W> {
    const SIZE: usize = O::M::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = (slot(r, u32::from(o.a)) as u32).wrapping_add(o.c);
            (r.mem, u64::from(address) + bits(r, 2))
        }
    }
}

impl<O: Store, V: Src, W: Writes> Handler for StoreDisplaced<O, V, W> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let (data, address) = Self::target(r);
            let Some(place) = place(data, address, O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            if W::TRACKED && !tracker::is_noted(data, address, O::M::SIZE) {
                cold_path();
                return D::divert::<FirstTouch<StoreDisplaced<O, V, Untracked>>>(r);
            }
            let value = V::get::<O::V>(r, u32::from(o.b));
            place.cast::<O::M>().write_unaligned(O::convert(value).little_endian());
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}

/// A store to memory 0 at the sum of two slots.
pub(crate) struct StoreSum<O, V, W>(Of<(O, V, W)>);

impl<O: Store, V: Src, W: Writes> StoreForm for StoreSum<O, V, W> {
    const SIZE: usize = O::M::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = (slot(r, u32::from(o.a)) as u32).wrapping_add(slot(r, o.c & 0xFFFF) as u32);
            (r.mem, u64::from(address) + u64::from(o.c >> 16))
        }
    }
}

impl<O: Store, V: Src, W: Writes> Handler for StoreSum<O, V, W> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let (data, address) = Self::target(r);
            let Some(place) = place(data, address, O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            if W::TRACKED && !tracker::is_noted(data, address, O::M::SIZE) {
                cold_path();
                return D::divert::<FirstTouch<StoreSum<O, V, Untracked>>>(r);
            }
            let value = if V::IMM { O::V::from_slot(bits(r, 2)) } else { V::get::<O::V>(r, u32::from(o.b)) };
            place.cast::<O::M>().write_unaligned(O::convert(value).little_endian());
            r.pc = r.pc.add(2 + V::IMM as usize);
            D::next(r)
        }
    }
}

/// The place of an access to any memory: `memory` is its index, `address` is in a slot, the offset has 64 bits.
///
/// # Safety
/// I-ENTITY: the current instance has this memory.
#[inline(always)]
unsafe fn place_any(r: &Regs, memory: u32, address: u64, offset: u64, size: usize) -> Option<*mut u8> {
    // SAFETY: promised by the caller.
    unsafe {
        let memory: *const Memory =
            (*(*r.ctx).instance).memories.as_ptr().add(memory as usize).read().as_ptr();
        let address = if (*memory).is_64() { address } else { u64::from(address as u32) };
        let data = (*memory).base();
        let len = data.sub(8).cast::<u64>().read();
        let end = address.checked_add(offset)?.checked_add(size as u64)?;
        if end > len {
            cold_path();
            return None;
        }
        Some(data.add((end - size as u64) as usize))
    }
}

/// A load from any memory.
pub(crate) struct LoadAny<O>(Of<O>);

impl<O: Load> Handler for LoadAny<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = slot(r, u32::from(o.b));
            let Some(place) = place_any(r, o.c, address, bits(r, 2), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = O::convert(place.cast::<O::M>().read_unaligned().little_endian());
            put::<O::R, S>(r, o.a, value);
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}

/// A store to any memory.
pub(crate) struct StoreAny<O, W>(Of<(O, W)>);

impl<O: Store, W: Writes> StoreForm for StoreAny<O, W> {
    const SIZE: usize = O::M::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller; I-ENTITY: the current instance has this memory.
        unsafe {
            let o = operands(r);
            let memory: *const Memory =
                (*(*r.ctx).instance).memories.as_ptr().add(o.c as usize).read().as_ptr();
            let address = slot(r, u32::from(o.a));
            let address = if (*memory).is_64() { address } else { u64::from(address as u32) };
            // A sum that is too large is not a place in the memory, which is found out before it is used.
            ((*memory).base(), address.wrapping_add(bits(r, 2)))
        }
    }
}

impl<O: Store, W: Writes> Handler for StoreAny<O, W> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = slot(r, u32::from(o.a));
            let Some(place) = place_any(r, o.c, address, bits(r, 2), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            if W::TRACKED {
                let (data, address) = Self::target(r);
                if !tracker::is_noted(data, address, O::M::SIZE) {
                    cold_path();
                    return D::divert::<FirstTouch<StoreAny<O, Untracked>>>(r);
                }
            }
            let value = O::V::from_slot(slot(r, u32::from(o.b)));
            place.cast::<O::M>().write_unaligned(O::convert(value).little_endian());
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}
