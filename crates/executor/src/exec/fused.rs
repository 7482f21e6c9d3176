//! Ops that do the work of two operators (`rotifer_bytecode::PAIRS`, `STORED` and `MOVED_SIZES`), branches on common
//! bits and on what they load, and the loads that compute an element's address.

use core::hint::cold_path;
use rotifer_bytecode::{
    BRANCH_LOADS, HandlerAddr, LOAD_BRANCH_FORMS, MOVED_ADDRESSES, MOVED_SIZES, OP_COUNT, OpCode, Operands,
    PAIR_FORMS, STORED_FORMS, SUM_FORMS, SUMS, TEST_FORMS, Word, for_each_fused,
    semantics::{Binary, Compare, Load, MemoryInt, Store, Value, ops},
};
use rotifer_core::{TrapCode, ValType};

use super::{
    control::put_both,
    form::{A, Dst, I, Of, S, Src, Summed, bits, operands, put, set_slot, slot},
    memory::{Address, FirstTouch, LoadAt, StoreForm, Tracked, Untracked, Writes, place},
    meter::{Free, Meter, Metered},
    numeric::{BinaryOp, To, ToCell, ToLoop, branch},
    opaque,
    regs::{Dispatcher, Handler, Regs, trap},
};
use crate::tracker;

/// An operand of a fused op: an immediate is the field itself, of 32 bits.
///
/// # Safety
/// I-CELL, I-SLOT: `field` is what the cell holds for this operand.
#[inline(always)]
unsafe fn operand<T: Value, X: Src>(r: &Regs, field: u32) -> T {
    if X::IMM {
        return T::from_slot(field.into());
    }
    // SAFETY: promised by the caller.
    unsafe { X::get(r, field) }
}

/// The operands of the first operator.
///
/// # Safety
/// I-CELL, I-SLOT for the current cell.
#[inline(always)]
unsafe fn first_pair<A: Value, B: Value, L: Src, R: Src>(r: &Regs, o: Operands) -> (A, B) {
    let right = if R::SLOT && !L::SLOT { u32::from(o.b) } else { o.c };
    // SAFETY: promised by the caller.
    unsafe { (operand::<A, L>(r, o.b.into()), operand::<B, R>(r, right)) }
}

/// What the first operator computes.
///
/// # Safety
/// I-CELL, I-SLOT for the current cell.
#[inline(always)]
unsafe fn first<O: Binary, L: Src, R: Src>(r: &Regs, o: Operands) -> Result<u64, TrapCode> {
    // SAFETY: promised by the caller.
    let (a, b) = unsafe { first_pair::<O::A, O::B, L, R>(r, o) };
    O::eval(a, b).map(O::R::to_slot)
}

/// The current cell, whose further words are read after a number of type `T` was computed.
#[inline(always)]
fn behind<T: Value>(cell: *const Word, number: u64) -> *const Word {
    match T::TYPE {
        ValType::F32 => opaque::behind_f32(cell, f32::from_bits(number as u32)),
        ValType::F64 => opaque::behind_f64(cell, f64::from_bits(number)),
        _ => opaque::behind(cell, number),
    }
}

/// Two binary operators; the first one's result is the left operand of the second, or the right one.
pub(crate) struct PairOp<F, G, L, R, Z, T, const LEFT: bool>(Of<(F, G, L, R, Z, T)>);

impl<F: Binary, G: Binary, L: Src, R: Src, Z: Src, T: Dst, const LEFT: bool> Handler
    for PairOp<F, G, L, R, Z, T, LEFT>
{
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let result = first::<F, L, R>(r, operands(r)).and_then(|first| {
                r.pc = behind::<F::R>(r.pc, first);
                let other = (*r.pc.add(2)).operands.c;
                match LEFT {
                    true => G::eval(G::A::from_slot(first), operand::<G::B, Z>(r, other)),
                    false => G::eval(operand::<G::A, Z>(r, other), G::B::from_slot(first)),
                }
            });
            match result {
                Ok(value) => {
                    put::<G::R, T>(r, operands(r).a, value);
                    r.pc = r.pc.add(3);
                    D::next(r)
                }
                // No operator of a pair traps.
                Err(code) => trap::<D>(r, code),
            }
        }
    }
}

/// A `select` on a compare.
pub(crate) struct SelectOp<O, L, R>(Of<(O, L, R)>);

impl<O: Compare, L: Src, R: Src> Handler for SelectOp<O, L, R> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            let (o, second) = (operands(r), (*r.pc.add(2)).operands);
            let (a, b) = first_pair::<O::A, O::A, L, R>(r, o);
            // Before anything else is read, so that no register has to be saved.
            let holds = O::test(a, b);
            let (yes, no) = (slot(r, second.a.into()), slot(r, second.b.into()));
            put_both(r, o.a, if holds { yes } else { no });
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}

/// A binary operator and a store of its result.
pub(crate) struct StoredOp<O, P, L, R, T, W>(Of<(O, P, L, R, T, W)>);

impl<O: Binary, P: Store, L: Src, R: Src, T: Dst, W: Writes> StoreForm for StoredOp<O, P, L, R, T, W> {
    const SIZE: usize = P::M::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller.
        unsafe {
            let o = (*r.pc.add(2)).operands;
            let address = slot(r, o.b.into()) as u32;
            (r.mem, u64::from(address) + u64::from(o.c))
        }
    }
}

impl<O: Binary, P: Store, L: Src, R: Src, T: Dst, W: Writes> Handler for StoredOp<O, P, L, R, T, W> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let (data, address) = Self::target(r);
            let Some(place) = place(data, address, P::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            if W::TRACKED && !tracker::is_noted(data, address, P::M::SIZE) {
                cold_path();
                return D::divert::<FirstTouch<StoredOp<O, P, L, R, T, Untracked>>>(r);
            }
            match first::<O, L, R>(r, operands(r)) {
                Ok(result) => {
                    place.cast::<P::M>().write_unaligned(P::convert(P::V::from_slot(result)).little_endian());
                    put::<P::V, T>(r, (*r.pc.add(2)).operands.a, P::V::from_slot(result));
                    r.pc = r.pc.add(3);
                    D::next(r)
                }
                // No operator whose result is stored traps.
                Err(code) => trap::<D>(r, code),
            }
        }
    }
}

/// A branch on whether two integers have a bit in common; the operator is an `and`.
pub(crate) struct TestOp<O, L, R, T, M, const IF_TRUE: bool>(Of<(O, L, R, T, M)>);

impl<O: Binary, L: Src, R: Src, T: To, M: Meter, const IF_TRUE: bool> Handler
    for TestOp<O, L, R, T, M, IF_TRUE>
{
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT: promised by the caller.
        unsafe {
            match first::<O, L, R>(r, operands(r)) {
                Ok(common) => branch::<D, T, M>(r, (common != 0) == IF_TRUE, 2),
                // It does not trap.
                Err(code) => trap::<D>(r, code),
            }
        }
    }
}

/// A branch on whether what is loaded equals a slot or an immediate. What is loaded may be kept.
pub(crate) struct LoadBranch<O, X, Z, T, M, const IF_EQUAL: bool, const KEEPS: bool>(Of<(O, X, Z, T, M)>);

impl<O: Load, X: Place, Z: Src, T: To, M: Meter, const IF_EQUAL: bool, const KEEPS: bool> Handler
    for LoadBranch<O, X, Z, T, M, IF_EQUAL, KEEPS>
{
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let address = u64::from(X::address(r, o.b, o.a)) + u64::from(o.c);
            let Some(from) = place(r.mem, address, O::M::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = O::convert(from.cast::<O::M>().read_unaligned().little_endian()).to_slot() as u32;
            let second = (*r.pc.add(2)).operands;
            let other: u32 = operand::<u32, Z>(r, second.c);
            if KEEPS {
                r.acc = value.into();
                set_slot(r, second.a.into(), r.acc);
            }
            branch::<D, T, M>(r, (value == other) == IF_EQUAL, 3)
        }
    }
}

/// The sum of a slot and a shifted index, and an offset of 16 bits.
pub(crate) struct Scaled<X>(Of<X>);
/// A load from memory 0 of an element.
pub(crate) type LoadScaled<O, X, T> = LoadAt<O, Scaled<X>, T>;

impl<X: Src> Address for Scaled<X> {
    const WORDS: usize = 3;

    #[inline(always)]
    unsafe fn get(r: &Regs, first: u16) -> u64 {
        // SAFETY: promised by the caller.
        unsafe {
            let c = operands(r).c;
            let index: u32 = X::get(r, first.into());
            let address = index.wrapping_shl(bits(r, 2) as u32).wrapping_add(slot(r, c & 0xFFFF) as u32);
            u64::from(address) + u64::from(c >> 16)
        }
    }
}

/// A shifted index, and an offset.
pub(crate) struct Shifted<X>(Of<X>);
/// A load from memory 0 of an element of what begins at a constant address.
pub(crate) type LoadShifted<O, X, T> = LoadAt<O, Shifted<X>, T>;

impl<X: Src> Address for Shifted<X> {
    const WORDS: usize = 2;

    #[inline(always)]
    unsafe fn get(r: &Regs, first: u16) -> u64 {
        // SAFETY: promised by the caller.
        unsafe {
            let c = operands(r).c;
            let index: u32 = X::get(r, first.into());
            u64::from(index.wrapping_shl(c)) + u64::from(c >> 5)
        }
    }
}

/// Where the address of a load or a store comes from whose value stays in no register.
pub(crate) trait Place {
    /// The address without the offset, from the cell's first field.
    ///
    /// # Safety
    /// I-CELL, I-SLOT: the fields are what the cell holds for this address.
    unsafe fn address(r: &Regs, first: u16, second: u16) -> u32;
    /// Whether it takes a second field.
    const IS_SUM: bool;
}

/// The sum of two slots.
pub(crate) struct Sum;

impl Place for S {
    const IS_SUM: bool = false;
    #[inline(always)]
    unsafe fn address(r: &Regs, first: u16, _: u16) -> u32 {
        // SAFETY: promised by the caller.
        unsafe { slot(r, first.into()) as u32 }
    }
}

impl Place for A {
    const IS_SUM: bool = false;
    #[inline(always)]
    unsafe fn address(r: &Regs, _: u16, _: u16) -> u32 {
        r.acc as u32
    }
}

impl Place for Sum {
    const IS_SUM: bool = true;
    #[inline(always)]
    unsafe fn address(r: &Regs, first: u16, second: u16) -> u32 {
        // SAFETY: promised by the caller.
        unsafe { (slot(r, first.into()) as u32).wrapping_add(slot(r, second.into()) as u32) }
    }
}

/// A load and a store of as many bytes.
pub(crate) struct MoveOp<V, X, Y, W>(Of<(V, X, Y, W)>);

/// A store trapped: its safepoint is that of the cell's second word.
struct StoreTraps;

impl Handler for StoreTraps {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        r.pc = r.pc.wrapping_add(1);
        // SAFETY: I-CTX, promised by the caller.
        unsafe { D::exit(r, TrapCode::MemoryOutOfBounds as usize) }
    }
}

impl<V: MemoryInt + Into<u64>, X: Place, Y: Place, W: Writes> StoreForm for MoveOp<V, X, Y, W> {
    const SIZE: usize = V::SIZE;

    #[inline(always)]
    unsafe fn target(r: &Regs) -> (*mut u8, u64) {
        // SAFETY: promised by the caller.
        unsafe {
            let second = (*r.pc.add(2)).operands;
            let address = Y::address(r, operands(r).a, second.a);
            (r.mem, u64::from(address) + u64::from(second.c))
        }
    }
}

impl<V: MemoryInt + Into<u64>, X: Place, Y: Place, W: Writes> Handler for MoveOp<V, X, Y, W> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-MEM: promised by the caller.
        unsafe {
            let o = operands(r);
            let offset = if X::IS_SUM { o.c >> 16 } else { o.c };
            // One register, not its summands; and below.
            let address = opaque::number(u64::from(X::address(r, o.b, o.c as u16)) + u64::from(offset));
            let Some(from) = place(r.mem, address, V::SIZE) else {
                return trap::<D>(r, TrapCode::MemoryOutOfBounds);
            };
            let value = from.cast::<V>().read_unaligned();
            r.pc = opaque::behind(r.pc, value.into());
            r.mem = opaque::data(r.mem);
            let (data, address) = Self::target(r);
            let address = opaque::number(address);
            let Some(to) = place(data, address, V::SIZE) else {
                return D::divert::<StoreTraps>(r);
            };
            if W::TRACKED && !tracker::is_noted(data, address, V::SIZE) {
                cold_path();
                return D::divert::<FirstTouch<MoveOp<V, X, Y, Untracked>>>(r);
            }
            to.cast::<V>().write_unaligned(value);
            r.pc = r.pc.add(3);
            D::next(r)
        }
    }
}

/// In the order of `MOVED_ADDRESSES`.
fn moves<D: Dispatcher, V: MemoryInt + Into<u64>, W: Writes>() -> [HandlerAddr; MOVED_ADDRESSES.len()] {
    [
        D::addr::<MoveOp<V, S, S, W>>(),
        D::addr::<MoveOp<V, S, Sum, W>>(),
        D::addr::<MoveOp<V, A, S, W>>(),
        D::addr::<MoveOp<V, A, Sum, W>>(),
        D::addr::<MoveOp<V, Sum, S, W>>(),
        D::addr::<MoveOp<V, Sum, Sum, W>>(),
    ]
}

/// In the order of `MOVED_SIZES`.
fn all_moves<D: Dispatcher, W: Writes>() -> [[HandlerAddr; MOVED_ADDRESSES.len()]; MOVED_SIZES.len()] {
    [moves::<D, u8, W>(), moves::<D, u16, W>(), moves::<D, u32, W>(), moves::<D, u64, W>()]
}

/// Applies `$one` to the sources of a first operator, in the order of `FIRST_SOURCES`.
macro_rules! by_first_sources {
    ($one:ident) => {
        [$one!(S, S), $one!(S, I), $one!(A, S), $one!(A, I)]
    };
}

fn pair<D: Dispatcher, F: Binary, G: Binary, const LEFT: bool>() -> [[HandlerAddr; 4]; 4] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [
                D::addr::<PairOp<F, G, $l, $r, S, S, LEFT>>(),
                D::addr::<PairOp<F, G, $l, $r, S, A, LEFT>>(),
                D::addr::<PairOp<F, G, $l, $r, I, S, LEFT>>(),
                D::addr::<PairOp<F, G, $l, $r, I, A, LEFT>>(),
            ]
        };
    }
    by_first_sources!(forms)
}

/// The summed or begun twins of an operator, which have the sum from `X`: with operands of its own, then of products.
/// `LEFT` says of which operand of the operator these are.
fn sums_of<D: Dispatcher, F: Binary, G: Binary, X: Src, const LEFT: bool>()
-> [HandlerAddr; SUM_FORMS as usize] {
    [
        D::addr::<BinaryOp<G, X, S, Summed>>(),
        D::addr::<BinaryOp<G, X, A, Summed>>(),
        D::addr::<BinaryOp<G, A, X, Summed>>(),
        D::addr::<PairOp<F, G, S, S, X, Summed, LEFT>>(),
        D::addr::<PairOp<F, G, S, I, X, Summed, LEFT>>(),
        D::addr::<PairOp<F, G, A, S, X, Summed, LEFT>>(),
        D::addr::<PairOp<F, G, A, I, X, Summed, LEFT>>(),
    ]
}

/// The summed or begun twins, by operator as in `SUMS`.
fn sums<D: Dispatcher, X: Src>() -> [[HandlerAddr; SUM_FORMS as usize]; SUMS.len()] {
    [
        sums_of::<D, ops::F32Mul, ops::F32Add, X, true>(),
        sums_of::<D, ops::F32Mul, ops::F32Sub, X, false>(),
        sums_of::<D, ops::F64Mul, ops::F64Add, X, true>(),
        sums_of::<D, ops::F64Mul, ops::F64Sub, X, false>(),
    ]
}

fn stored<D: Dispatcher, O: Binary, P: Store, W: Writes>() -> [[HandlerAddr; 2]; 4] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [D::addr::<StoredOp<O, P, $l, $r, S, W>>(), D::addr::<StoredOp<O, P, $l, $r, A, W>>()]
        };
    }
    by_first_sources!(forms)
}

fn test<D: Dispatcher, O: Binary, M: Meter>() -> [[HandlerAddr; 4]; 4] {
    macro_rules! forms {
        ($l:ident, $r:ident) => {
            [
                D::addr::<TestOp<O, $l, $r, ToCell, M, false>>(),
                D::addr::<TestOp<O, $l, $r, ToLoop, M, false>>(),
                D::addr::<TestOp<O, $l, $r, ToCell, M, true>>(),
                D::addr::<TestOp<O, $l, $r, ToLoop, M, true>>(),
            ]
        };
    }
    by_first_sources!(forms)
}

/// By form.
fn tests<D: Dispatcher, M: Meter>() -> [[[HandlerAddr; 4]; 4]; 2] {
    [test::<D, ops::I32And, M>(), test::<D, ops::I64And, M>()]
}

/// By form.
fn load_branch<D: Dispatcher, O: Load, M: Meter>() -> [[HandlerAddr; 4]; 8] {
    macro_rules! forms {
        ($x:ident, $z:ident, $keeps:literal) => {
            [
                D::addr::<LoadBranch<O, $x, $z, ToCell, M, false, $keeps>>(),
                D::addr::<LoadBranch<O, $x, $z, ToLoop, M, false, $keeps>>(),
                D::addr::<LoadBranch<O, $x, $z, ToCell, M, true, $keeps>>(),
                D::addr::<LoadBranch<O, $x, $z, ToLoop, M, true, $keeps>>(),
            ]
        };
    }
    [
        forms!(S, S, false),
        forms!(S, I, false),
        forms!(Sum, S, false),
        forms!(Sum, I, false),
        forms!(S, S, true),
        forms!(S, I, true),
        forms!(Sum, S, true),
        forms!(Sum, I, true),
    ]
}

/// In the order of `BRANCH_LOADS`.
fn load_branches<D: Dispatcher, M: Meter>() -> [[[HandlerAddr; 4]; 8]; BRANCH_LOADS.len()] {
    [
        load_branch::<D, ops::I32Load8U, M>(),
        load_branch::<D, ops::I32Load16U, M>(),
        load_branch::<D, ops::I32Load, M>(),
    ]
}

macro_rules! define {
    (
        pairs { $( $first:ident $second:ident $side:ident; )* }
        stored { $( $computed:ident $store:ident; )* }
    ) => {
        fn pairs<D: Dispatcher>() -> impl Iterator<Item = [[HandlerAddr; 4]; 4]> {
            [$( pair::<D, ops::$first, ops::$second, { define!(@ $side) }>() ),*].into_iter()
        }

        fn all_stored<D: Dispatcher, W: Writes>() -> impl Iterator<Item = [[HandlerAddr; 2]; 4]> {
            [$( stored::<D, ops::$computed, ops::$store, W>() ),*].into_iter()
        }
    };
    (@ left) => { true };
    (@ right) => { false };
}

for_each_fused!(define);

/// The handlers of fused ops and of their twins.
pub(crate) fn fused<D: Dispatcher>(put: &mut impl FnMut(OpCode, HandlerAddr)) {
    for (number, handlers) in pairs::<D>().enumerate() {
        for form in 0..PAIR_FORMS {
            put(OpCode::pair_form(number as u16, form), handlers.as_flattened()[form as usize]);
        }
    }
    let summed = (0..OP_COUNT as u16).map(OpCode).filter(|op| op.unsummed().is_some());
    for (op, handler) in summed.zip([sums::<D, Summed>(), sums::<D, S>()].into_iter().flatten().flatten()) {
        put(op, handler);
    }
    let all = all_stored::<D, Untracked>().zip(all_stored::<D, Tracked>()).enumerate();
    for (number, (untracked, tracked)) in all {
        for form in 0..STORED_FORMS {
            let op = OpCode::stored_form(number as u16, form);
            put(op, untracked.as_flattened()[form as usize]);
            put(op.tracked().expect("stores have tracked twins"), tracked.as_flattened()[form as usize]);
        }
    }
    let all = all_moves::<D, Untracked>().into_iter().zip(all_moves::<D, Tracked>()).enumerate();
    for (size, (untracked, tracked)) in all {
        for (addresses, twins) in untracked.into_iter().zip(tracked).enumerate() {
            let op = OpCode::moved(size as u16, addresses as u16);
            put(op, twins.0);
            put(op.tracked().expect("stores have tracked twins"), twins.1);
        }
    }
    let all = load_branches::<D, Free>().into_iter().zip(load_branches::<D, Metered>()).enumerate();
    for (load, (free, metered)) in all {
        for form in 0..LOAD_BRANCH_FORMS {
            let op = OpCode::load_branch_form(load as u16, form);
            put(op, free.as_flattened()[form as usize]);
            put(op.metered().expect("branches have metered twins"), metered.as_flattened()[form as usize]);
        }
    }
    let (free, metered) = (tests::<D, Free>(), tests::<D, Metered>());
    for form in 0..TEST_FORMS {
        let op = OpCode::test_form(form);
        put(op, free.as_flattened().as_flattened()[form as usize]);
        let twin = op.metered().expect("branches have metered twins");
        put(twin, metered.as_flattened().as_flattened()[form as usize]);
    }
}
