//! Streams (`rotifer_bytecode::StreamOp`): innermost loops whose body is one store, or a load and a store, and a latch,
//! or an addition before and a branch behind. The handler executes the rounds itself: no dispatch, and what is counted
//! is in a register.
//!
//! It ends before what is out of the ordinary and leaves that to the ops that the loop consists of: an access that
//! traps, the first write to a block, a round that the fuel does not pay for, and the branch of the last round.

use rotifer_bytecode::{
    BYTE_STREAMS, HandlerAddr, MOVED_SIZES, STREAM_KINDS, StreamTest,
    semantics::{MemoryInt, Store, Value, ops},
};

use super::{
    form::{I, Of, S, Src, bits, operands, set_slot, slot},
    fused::{MoveOp, Sum},
    memory::{Added, Address, Plain, StoreAt, Tracked, Untracked, Writes, place},
    meter::{Free, Meter, Metered},
    regs::{Dispatcher, Handler, Regs},
};
use crate::tracker;

/// A store, or a load and a store, of whose addresses the last summand is the number that the latch counts.
pub(crate) trait Body {
    /// The op that does it.
    type Plain: Handler;
    /// What stays the same from round to round.
    type Fixed: Copy;
    /// Words of the cell.
    const WORDS: usize;

    /// What stays the same.
    ///
    /// # Safety
    /// I-CELL, I-SLOT for the current cell.
    unsafe fn fixed(r: &Regs) -> Self::Fixed;

    /// Does it for a number, or nothing if it would trap, or have to be noted.
    ///
    /// # Safety
    /// I-MEM, and I-TRACK if writes are tracked, for the memory with this data.
    unsafe fn round(data: *mut u8, fixed: Self::Fixed, number: u32) -> bool;
}

/// The place in memory of a write, if it lies within and need not be noted.
///
/// # Safety
/// As for [`Body::round`].
#[inline(always)]
unsafe fn noted_place<W: Writes>(data: *mut u8, address: u64, size: usize) -> Option<*mut u8> {
    // SAFETY: promised by the caller.
    unsafe { place(data, address, size).filter(|_| !W::TRACKED || tracker::is_noted(data, address, size)) }
}

/// A load and a store of one size.
pub(crate) struct Moves<V, W>(Of<(V, W)>);

impl<V: MemoryInt + Into<u64>, W: Writes> Body for Moves<V, W> {
    type Plain = MoveOp<V, Sum, Sum, W>;
    /// The other summand and the offset of where it is loaded from, and of where it is stored to.
    type Fixed = [(u32, u32); 2];
    const WORDS: usize = 3;

    #[inline(always)]
    unsafe fn fixed(r: &Regs) -> Self::Fixed {
        // SAFETY: promised by the caller.
        unsafe {
            let (o, second) = (operands(r), (*r.pc.add(2)).operands);
            [(slot(r, o.b.into()) as u32, o.c >> 16), (slot(r, o.a.into()) as u32, second.c)]
        }
    }

    #[inline(always)]
    unsafe fn round(data: *mut u8, [from, to]: Self::Fixed, number: u32) -> bool {
        let address = |(base, offset): (u32, u32)| u64::from(base.wrapping_add(number)) + u64::from(offset);
        // SAFETY: promised by the caller.
        unsafe {
            let Some(from) = place(data, address(from), V::SIZE) else { return false };
            let value = from.cast::<V>().read_unaligned();
            let Some(to) = noted_place::<W>(data, address(to), V::SIZE) else { return false };
            to.cast::<V>().write_unaligned(value);
        }
        true
    }
}

/// A store of what stays the same.
pub(crate) struct Stores<O, P, V, W>(Of<(O, P, V, W)>);

/// An address that is a number, or the sum of one and another.
pub(crate) trait Counted: Address {
    /// The other summand and the offset.
    ///
    /// # Safety
    /// I-CELL, I-SLOT for the current cell.
    unsafe fn base(r: &Regs) -> (u32, u32);
}

impl Counted for Plain<S> {
    #[inline(always)]
    unsafe fn base(r: &Regs) -> (u32, u32) {
        // SAFETY: promised by the caller.
        (0, unsafe { operands(r).c })
    }
}

impl Counted for Added<S> {
    #[inline(always)]
    unsafe fn base(r: &Regs) -> (u32, u32) {
        // SAFETY: promised by the caller.
        unsafe {
            let o = operands(r);
            (slot(r, o.a.into()) as u32, o.c >> 16)
        }
    }
}

impl<O: Store, P: Counted, V: Src, W: Writes> Body for Stores<O, P, V, W> {
    type Plain = StoreAt<O, P, V, W>;
    type Fixed = (u32, u32, O::M);
    const WORDS: usize = P::WORDS + V::IMM as usize;

    #[inline(always)]
    unsafe fn fixed(r: &Regs) -> Self::Fixed {
        // SAFETY: promised by the caller.
        unsafe {
            let value = if V::IMM { bits(r, P::WORDS) } else { slot(r, operands(r).b.into()) };
            let (base, offset) = P::base(r);
            (base, offset, O::convert(O::V::from_slot(value)).little_endian())
        }
    }

    #[inline(always)]
    unsafe fn round(data: *mut u8, (base, offset, value): Self::Fixed, number: u32) -> bool {
        let address = u64::from(base.wrapping_add(number)) + u64::from(offset);
        // SAFETY: promised by the caller.
        unsafe {
            let Some(to) = noted_place::<W>(data, address, O::M::SIZE) else { return false };
            to.cast::<O::M>().write_unaligned(value);
        }
        true
    }
}

/// The rounds of a loop, of which each adds before it stores if it `COUNTS_FIRST`.
pub(crate) struct Stream<B, M, const COUNTS_FIRST: bool>(Of<(B, M)>);

impl<B: Body, M: Meter, const COUNTS_FIRST: bool> Handler for Stream<B, M, COUNTS_FIRST> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM, promised by the caller: what adds to the number that the addresses end with
        // stands before the store or behind it, with the branch or as one cell with that; the branch's costs, if it
        // pays, are behind its operands.
        unsafe {
            let addition = r.pc;
            if COUNTS_FIRST {
                r.pc = r.pc.add(2);
            }
            let branch = r.pc.add(B::WORDS);
            let (count, test) =
                if COUNTS_FIRST { (addition.add(1), branch.add(1)) } else { (branch.add(1), branch.add(2)) };
            let cost = if M::PAYS { (*test.add(1)).pair[0] } else { 0 };
            let (count, right) = ((*count).operands, (*test).operands.c);
            let test = StreamTest((*test).operands.a);
            let is_in_slot = !COUNTS_FIRST && test.is_addend_slot();
            let step = if is_in_slot { slot(r, count.c) as u32 } else { count.c };
            let right = if test.is_right_slot() { slot(r, right) as u32 } else { right };
            let (mask, limit) = test.bound(right);
            let (fixed, data, mut fuel) = (B::fixed(r), r.mem, r.fuel as u32);
            let mut number = slot(r, count.a.into()) as u32;
            let is_done = loop {
                let next = number.wrapping_add(step);
                if COUNTS_FIRST {
                    number = next;
                }
                if !B::round(data, fixed, number) {
                    break false;
                }
                if u64::from(next ^ mask) >= limit {
                    break true;
                }
                if M::PAYS {
                    let Some(left) = fuel.checked_sub(cost) else { break true };
                    fuel = left;
                }
                number = next;
            };
            if M::PAYS {
                r.fuel = fuel.into();
            }
            if COUNTS_FIRST {
                // The addition left it there.
                r.acc = number.into();
            }
            set_slot(r, count.a.into(), number.into());
            if is_done {
                r.pc = branch;
                return D::next(r);
            }
            D::divert::<B::Plain>(r)
        }
    }
}

type Kinds = [HandlerAddr; STREAM_KINDS as usize];

fn kinds<D: Dispatcher, M: Meter, W: Writes>() -> Kinds {
    macro_rules! moves {
        ($( $V:ty )*) => { [ $( D::addr::<Stream<Moves<$V, W>, M, false>>() ),* ] };
    }
    macro_rules! stores {
        ($( $O:ident )*) => {
            [$(
                D::addr::<Stream<Stores<ops::$O, Plain<S>, S, W>, M, false>>(),
                D::addr::<Stream<Stores<ops::$O, Plain<S>, I, W>, M, false>>(),
                D::addr::<Stream<Stores<ops::$O, Added<S>, S, W>, M, false>>(),
                D::addr::<Stream<Stores<ops::$O, Added<S>, I, W>, M, false>>(),
            )*]
        };
    }
    let moves: [HandlerAddr; MOVED_SIZES.len()] = moves!(u8 u16 u32 u64);
    let stores: [HandlerAddr; STREAM_KINDS as usize - MOVED_SIZES.len()] =
        stores!(I32Store8 I32Store16 I32Store I64Store);
    core::array::from_fn(|kind| moves.get(kind).copied().unwrap_or_else(|| stores[kind - moves.len()]))
}

/// In the order of [`BYTE_STREAMS`].
fn bytes<D: Dispatcher, M: Meter, W: Writes>() -> [HandlerAddr; BYTE_STREAMS.len()] {
    [
        D::addr::<Stream<Stores<ops::I32Store8, Plain<S>, S, W>, M, true>>(),
        D::addr::<Stream<Stores<ops::I32Store8, Plain<S>, I, W>, M, true>>(),
        D::addr::<Stream<Stores<ops::I32Store8, Added<S>, S, W>, M, true>>(),
        D::addr::<Stream<Stores<ops::I32Store8, Added<S>, I, W>, M, true>>(),
    ]
}

/// The handlers of all streams, by number.
pub(crate) fn streams<D: Dispatcher>() -> impl Iterator<Item = HandlerAddr> {
    macro_rules! twins {
        ($of:ident) => {
            [
                $of::<D, Free, Untracked>(),
                $of::<D, Metered, Untracked>(),
                $of::<D, Free, Tracked>(),
                $of::<D, Metered, Tracked>(),
            ]
            .into_iter()
            .flatten()
        };
    }
    twins!(kinds).chain(twins!(bytes))
}
