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

/// Where an access to memory 0 has its address from.
pub(crate) trait Address {
    /// How many words the cell has, but for an immediate that is stored: that is in the one behind them.
    const WORDS: usize = 2;

    /// The address, offset included. `first` is the field of its first operand: `b` in loads, `a` in stores.
    ///
    /// # Safety
    /// I-CELL, I-SLOT for the current cell.
    unsafe fn get(r: &Regs, first: u16) -> u64;
}

/// A load from memory 0.
pub(crate) struct LoadAt<O, P, T>(Of<(O, P, T)>);

impl<O: Load, P: Address, T: Dst> Handler for LoadAt<O, P, T> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let Some(place) = place(r.mem, P::get(r, o.b), O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = O::convert(place.cast::<O::M>().read_unaligned().little_endian());
            put::<O::R, T>(r, o.a, value);
            r.pc = r.pc.add(P::WORDS);
            D::next(r)
        }
    }
}

/// A 32-bit address and an offset.
pub(crate) struct Plain<X>(Of<X>);
/// A load with a 32-bit address.
pub(crate) type LoadOp<O, X, T> = LoadAt<O, Plain<X>, T>;

impl<X: Src> Address for Plain<X> {
    #[inline(always)]
    unsafe fn get(r: &Regs, first: u16) -> u64 {
        // SAFETY: promised by the caller.
        unsafe {
            let address: u32 = X::get(r, u32::from(first));
            u64::from(address) + u64::from(operands(r).c)
        }
    }
}

/// The sum of two 32-bit numbers, and an offset of 16 bits.
pub(crate) struct Added<X>(Of<X>);
/// A load at the sum of two 32-bit numbers.
pub(crate) type LoadSum<O, X, T> = LoadAt<O, Added<X>, T>;

impl<X: Src> Address for Added<X> {
    #[inline(always)]
    unsafe fn get(r: &Regs, first: u16) -> u64 {
        // SAFETY: promised by the caller.
        unsafe {
            let c = operands(r).c;
            let first: u32 = X::get(r, u32::from(first));
            let address = first.wrapping_add(slot(r, c & 0xFFFF) as u32);
            u64::from(address) + u64::from(c >> 16)
        }
    }
}

/// The sum of a 32-bit number and an immediate, and an offset in a word of its own.
pub(crate) struct Displaced<X>(Of<X>);
/// A load at the sum of a 32-bit number and an immediate.
pub(crate) type LoadDisplaced<O, X, T> = LoadAt<O, Displaced<X>, T>;

impl<X: Src> Address for Displaced<X> {
    const WORDS: usize = 3;

    #[inline(always)]
    unsafe fn get(r: &Regs, first: u16) -> u64 {
        // SAFETY: promised by the caller.
        unsafe {
            let base: u32 = X::get(r, u32::from(first));
            u64::from(base.wrapping_add(operands(r).c)) + bits(r, 2)
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

/// A store to memory 0. The slot of the value is in `b`.
pub(crate) struct StoreAt<O, P, V, W>(Of<(O, P, V, W)>);

impl<O: Store, P: Address, V: Src, W: Writes> StoreForm for StoreAt<O, P, V, W> {
    const SIZE: usize = O::M::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller.
        (r.mem, unsafe { P::get(r, operands(r).a) })
    }
}

impl<O: Store, P: Address, V: Src, W: Writes> Handler for StoreAt<O, P, V, W> {
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
                return D::divert::<FirstTouch<StoreAt<O, P, V, Untracked>>>(r);
            }
            let value =
                if V::IMM { O::V::from_slot(bits(r, P::WORDS)) } else { V::get::<O::V>(r, u32::from(o.b)) };
            place.cast::<O::M>().write_unaligned(O::convert(value).little_endian());
            r.pc = r.pc.add(P::WORDS + V::IMM as usize);
            D::next(r)
        }
    }
}

/// A store with a 32-bit address.
pub(crate) type StoreOp<O, X, V, W> = StoreAt<O, Plain<X>, V, W>;
/// A store at the sum of two slots.
pub(crate) type StoreSum<O, V, W> = StoreAt<O, Added<S>, V, W>;
/// A store at the sum of a slot and an immediate.
pub(crate) type StoreDisplaced<O, V, W> = StoreAt<O, Displaced<S>, V, W>;

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
