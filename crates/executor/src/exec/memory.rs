//! Loads and stores. Every access is checked against the memory's length, in every mode.

use rotifer_bytecode::semantics::{Load, MemoryInt, Store, Value};
use rotifer_core::TrapCode;

use super::{
    form::{Dst, Of, S, Src, bits, operands, put, slot},
    regs::{Dispatcher, Handler, Regs, trap},
};
use crate::memory::Memory;

/// The place of an access of `size` bytes in the memory with this data, if it lies within its length.
///
/// # Safety
/// I-MEM: `data` is the data of a live memory: its length lies 8 bytes before.
#[inline(always)]
unsafe fn place(data: *mut u8, address: u64, size: usize) -> Option<*mut u8> {
    // SAFETY: promised by the caller.
    let len = unsafe { data.sub(8).cast::<u64>().read() };
    // Neither sum overflows: `address` is below 2^33.
    if address + size as u64 > len {
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

/// A store to memory 0 with a 32-bit address. The slots are in `a` (address) and `b` (value), the offset in
/// `c`, an immediate in the third word.
pub(crate) struct StoreOp<O, X, V>(Of<(O, X, V)>);

impl<O: Store, X: Src, V: Src> Handler for StoreOp<O, X, V> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address: u32 = X::get(r, u32::from(o.a));
            let value = if V::IMM { O::V::from_slot(bits(r, 2)) } else { V::get::<O::V>(r, u32::from(o.b)) };
            let Some(place) = place(r.mem, u64::from(address) + u64::from(o.c), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
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

/// A store to memory 0 at the sum of two slots.
pub(crate) struct StoreSum<O, V>(Of<(O, V)>);

impl<O: Store, V: Src> Handler for StoreSum<O, V> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = (slot(r, u32::from(o.a)) as u32).wrapping_add(slot(r, o.c & 0xFFFF) as u32);
            let value = if V::IMM { O::V::from_slot(bits(r, 2)) } else { V::get::<O::V>(r, u32::from(o.b)) };
            let Some(place) = place(r.mem, u64::from(address) + u64::from(o.c >> 16), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
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
pub(crate) struct StoreAny<O>(Of<O>);

impl<O: Store> Handler for StoreAny<O> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = slot(r, u32::from(o.a));
            let value = O::V::from_slot(slot(r, u32::from(o.b)));
            let Some(place) = place_any(r, o.c, address, bits(r, 2), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            place.cast::<O::M>().write_unaligned(O::convert(value).little_endian());
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}
