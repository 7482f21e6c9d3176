//! Control flow, constants, copies, globals and calls.

use core::{hint::cold_path, num::NonZero};
use rotifer_bytecode::{
    CallPlace, HandlerAddr, OpCode, Operands, RETURN_SLOTS, ReturnKind, Special as Op, Word, semantics::ops,
};
use rotifer_core::TrapCode;

use super::{
    ctx::{
        copy_down,
        linkage::{self, Distance},
    },
    form::{A, Of, S, Src, bits, operands, set_slot, slot},
    meter::{Behind, ByCell, ByLoop, Entry, Free, Meter, Metered},
    numeric::sign_extended,
    opaque,
    regs::{Dispatcher, Exit, Handler, Leave, Regs, trap},
};
use crate::{
    address,
    code::{FuncEntry, header},
    entity::{Func, Global, Instance},
    func_block::is_made,
    memory::Memory,
};

/// Defines handlers: a body for each, and what its registers are called in it.
macro_rules! handlers {
    ($( $(#[$doc:meta])* $name:ident $(<$($p:ident: $bound:path),*>)? = |$r:ident, $D:ident| $body:expr; )*) => {$(
        $(#[$doc])*
        pub(crate) struct $name $(<$($p),*>(Of<($($p,)*)>))?;

        impl $(<$($p: $bound),*>)? Handler for $name $(<$($p),*>)? {
            #[inline(always)]
            unsafe fn run<$D: Dispatcher>($r: &mut Regs) -> $D::Out {
                // SAFETY: I-CELL, I-SLOT, I-FRAME, I-CTX: promised by the caller.
                unsafe { $body }
            }
        }
    )*};
}

#[inline(always)]
unsafe fn step<D: Dispatcher>(r: &mut Regs, words: usize) -> D::Out {
    // SAFETY: I-CELL: another cell follows this one, which has `words` words.
    unsafe {
        r.pc = r.pc.add(words);
        D::next(r)
    }
}

/// Writes a value to a slot and to both accumulators.
#[inline(always)]
pub(crate) unsafe fn put_both(r: &mut Regs, a: u16, value: u64) {
    r.acc = value;
    r.facc = value;
    // SAFETY: I-SLOT, promised by the caller.
    unsafe { set_slot(r, u32::from(a), value) };
}

#[inline(always)]
unsafe fn instance<'a>(r: &Regs) -> &'a Instance {
    // SAFETY: I-CTX, I-ENTITY.
    unsafe { &*(*r.ctx).instance }
}

#[inline(always)]
unsafe fn global<'a>(r: &Regs, index: u32) -> &'a Global {
    // SAFETY: I-ENTITY; validation checked the index.
    unsafe { &*instance(r).globals.as_ptr().add(index as usize).read() }
}

/// Where a return finds the linkage: in the slot of this number, or, at [`ANY_SLOT`], in the one that its cell
/// names.
const ANY_SLOT: u16 = u16::MAX;

/// The place of a callee's frame that the call's cell names.
const ANY_PLACE: usize = usize::MAX;

#[inline(always)]
unsafe fn return_from<D: Dispatcher, M: Meter, const SLOT: u16>(
    r: &mut Regs,
    copy: impl FnOnce(&mut Regs),
) -> D::Out {
    // SAFETY: I-FRAME: the call wrote the linkage, and nothing since.
    unsafe {
        let slot = if SLOT == ANY_SLOT { operands(r).c as u16 } else { SLOT };
        // Read before the results are written: they may lie over it.
        let return_pc = linkage::return_pc(r.sp, slot);
        let distance = linkage::bytes(r.sp, slot);
        copy(r);
        r.sp = r.sp.byte_sub(distance);
        // I-CODE: the word before says what is behind the call costs.
        M::go::<D, Behind>(r, return_pc, return_pc.wrapping_sub(1))
    }
}

/// Returns no or one value; `KIND` is a [`ReturnKind`], `SLOT` the linkage slot.
pub(crate) struct Return<M, const KIND: u16, const SLOT: u16>(Of<M>);

impl<M: Meter, const KIND: u16, const SLOT: u16> Handler for Return<M, KIND, SLOT> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL, I-SLOT, I-FRAME: promised by the caller.
        unsafe {
            return_from::<D, M, SLOT>(r, |r| {
                if KIND == ReturnKind::SlotInt as u16 {
                    r.acc = slot(r, u32::from(operands(r).a));
                    set_slot(r, 0, r.acc);
                } else if KIND == ReturnKind::SlotFloat as u16 {
                    r.facc = slot(r, u32::from(operands(r).a));
                    set_slot(r, 0, r.facc);
                } else if KIND == ReturnKind::AccInt as u16 {
                    set_slot(r, 0, r.acc);
                } else if KIND == ReturnKind::AccFloat as u16 {
                    set_slot(r, 0, r.facc);
                }
            })
        }
    }
}

/// Enters the code of a function of the same instance.
///
/// # Safety
/// I-ENTITY for the entry; the callee's frame lies in or at the end of
/// that and holds the arguments; `own` is the current frame's linkage slot.
#[inline(always)]
unsafe fn call_entry<D: Dispatcher, M: Meter, C: CallKind>(
    r: &mut Regs,
    entry: *const FuncEntry,
    own: u16,
    callee: impl FnOnce(&mut Regs) -> Callee,
    words: usize,
) -> D::Out {
    // SAFETY: promised by the caller; I-CODE: a header precedes the first cell.
    unsafe {
        let code = (*entry).code();
        // Now, while the caller's frame is at hand.
        let depth = opaque::number(linkage::depth(r.sp, own).into()) as u32 + 1;
        let callee = callee(r);
        r.sp = callee.frame;
        let ctx = r.ctx;
        // No overflow: the callee's frame begins within the current one, and sizes are far below the largest number.
        let end = (r.sp.addr() as u64).wrapping_add(*header::frame_bytes(code));
        if !M::PAYS {
            r.fuel = u64::from(depth);
        }
        C::carry(r, entry, end);
        if end > (*ctx).stack_limit.addr() as u64 || depth > (*ctx).max_depth {
            cold_path();
            return D::divert::<LeaveForStack<C>>(r);
        }
        let frame = r.sp;
        let distance = Distance { bytes: callee.distance as u32, depth };
        linkage::write(frame, callee.linkage, r.pc.add(words), distance);
        M::go::<D, Entry>(r, code, header::cost(code))
    }
}

/// A callee's frame.
struct Callee {
    frame: *mut u64,
    /// Of the frames, in bytes.
    distance: usize,
    /// The slot.
    linkage: u16,
}

impl Callee {
    /// The frame at a [`CallPlace`], or, with [`ANY_PLACE`], at the one that a call's cell names.
    #[inline(always)]
    unsafe fn at<const PLACE: usize>(r: &mut Regs) -> Self {
        // SAFETY: I-CELL, I-FRAME: promised by the caller.
        unsafe {
            if PLACE == ANY_PLACE {
                let o = operands(r);
                return Self::named(r, o.c as usize, o.b);
            }
            let CallPlace { frame, linkage } = CallPlace::ALL[PLACE];
            let distance = frame as usize * size_of::<u64>();
            // From now on the compiler knows it by the stack pointer only: linkage that is written and read by one
            // register and the same constant costs Zen 5 no latency (docs/PERFORMANCE.md).
            Self { frame: opaque::slot(r.sp.byte_add(distance)), distance, linkage }
        }
    }

    /// A frame at a place that is no constant. Its distance is in the register of a pinned local, which is dead at a
    /// call: it needs no other one, which the handler would have to save.
    #[inline(always)]
    unsafe fn named(r: &mut Regs, distance: usize, linkage: u16) -> Self {
        r.l0 = distance as u64;
        // SAFETY: I-FRAME, promised by the caller.
        Self { frame: unsafe { r.sp.byte_add(distance) }, distance, linkage }
    }
}

/// Computes what a slot gets from another one, and calls a function of the instance. If the call is executed again, so
/// is the computation, which does not overwrite what it reads.
#[inline(always)]
unsafe fn call_with<D: Dispatcher, M: Meter, const PLACE: usize>(
    r: &mut Regs,
    compute: impl FnOnce(u64, u32) -> u64,
) -> D::Out {
    // SAFETY: I-CELL, I-SLOT, I-CODE: promised by the caller.
    unsafe {
        let argument = (*r.pc.add(3)).operands;
        let to = if PLACE == ANY_PLACE { argument.a } else { CallPlace::ALL[PLACE].last_argument() };
        set_slot(r, to.into(), compute(slot(r, argument.b.into()), argument.c));
        let own = operands(r).a;
        let entry = (*r.pc.add(2)).entry.cast::<FuncEntry>();
        call_entry::<D, M, Direct>(r, entry, own, |r| Callee::at::<PLACE>(r), 4 + M::WORDS)
    }
}

/// What calls differ in when they are executed again, after more stack was made.
trait CallKind {
    /// The slot of the current frame's linkage, from the call's cell.
    ///
    /// # Safety
    /// I-CELL for `r.pc`.
    unsafe fn own_linkage(r: &Regs) -> u16;

    /// The distance of the callee's frame, from the call's cell.
    ///
    /// # Safety
    /// I-CELL for `r.pc`.
    unsafe fn distance(r: &Regs) -> usize;

    /// Puts the callee's entry where [`entry`](Self::entry) finds it, and `scratch` into a register that is free.
    fn carry(r: &mut Regs, entry: *const FuncEntry, scratch: u64);

    /// The callee's entry.
    ///
    /// # Safety
    /// I-CELL for `r.pc`; the entry was carried.
    unsafe fn entry(r: &Regs) -> *const FuncEntry;
}

/// A direct call: its cell has the entry.
struct Direct;
/// An indirect call with the index in the accumulator, which it needs again, or not.
struct Indirect<const ACC: bool>;

impl CallKind for Direct {
    #[inline(always)]
    unsafe fn own_linkage(r: &Regs) -> u16 {
        // SAFETY: promised by the caller.
        unsafe { operands(r).a }
    }

    #[inline(always)]
    unsafe fn distance(r: &Regs) -> usize {
        // SAFETY: promised by the caller.
        unsafe { operands(r).c as usize }
    }

    #[inline(always)]
    fn carry(r: &mut Regs, _: *const FuncEntry, scratch: u64) {
        r.acc = scratch;
    }

    #[inline(always)]
    unsafe fn entry(r: &Regs) -> *const FuncEntry {
        // SAFETY: promised by the caller.
        unsafe { (*r.pc.add(2)).entry.cast() }
    }
}

impl<const ACC: bool> CallKind for Indirect<ACC> {
    #[inline(always)]
    unsafe fn own_linkage(r: &Regs) -> u16 {
        // SAFETY: promised by the caller.
        unsafe { (*r.pc.add(2)).operands.a }
    }

    #[inline(always)]
    unsafe fn distance(r: &Regs) -> usize {
        // SAFETY: promised by the caller.
        unsafe { usize::from(operands(r).a) * size_of::<u64>() }
    }

    #[inline(always)]
    fn carry(r: &mut Regs, entry: *const FuncEntry, _: u64) {
        let entry = address::expose(entry);
        if ACC {
            r.facc = entry;
        } else {
            r.acc = entry;
        }
    }

    #[inline(always)]
    unsafe fn entry(r: &Regs) -> *const FuncEntry {
        address::recover(if ACC { r.facc } else { r.acc })
    }
}

/// Leaves for more stack: the stack pointer is at the callee's frame already.
struct LeaveForStack<C>(Of<C>);

impl<C: CallKind> Handler for LeaveForStack<C> {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CTX; I-ENTITY for the entry, I-FRAME for the frame, promised by the caller.
        unsafe {
            let ctx = r.ctx;
            (*ctx).entry = C::entry(r);
            (*ctx).frame = r.sp;
            r.sp = r.sp.byte_sub(C::distance(r));
            (*ctx).depth = linkage::depth(r.sp, C::own_linkage(r)) + 1;
            D::exit(r, Exit::STACK)
        }
    }
}

/// Leaves for more stack at a tail call: a register holds the callee's entry.
struct LeaveForStackTail;

impl Handler for LeaveForStackTail {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CTX; I-ENTITY for the entry, promised by the caller.
        unsafe {
            (*r.ctx).entry = address::recover(r.facc);
            D::exit(r, Exit::STACK_TAIL)
        }
    }
}

/// Has the driver call a function that is not of this instance.
#[inline(always)]
unsafe fn call_func<D: Dispatcher>(r: &mut Regs, callee: *const Func, own: u16, words: usize) -> D::Out {
    // SAFETY: I-CTX.
    unsafe {
        let ctx = r.ctx;
        let o = operands(r);
        (*ctx).callee = callee;
        (*ctx).frame = r.sp.add(o.a as usize);
        (*ctx).linkage = (own, o.b);
        // Now, so that the driver need not read what was just stored.
        r.pc = r.pc.add(words);
        // Dead at a call: a constant takes no register.
        r.l0 = 0;
        D::exit(r, Exit::CALL_FUNC)
    }
}

/// Leaves for an indirect call of a function that is not of this instance, which is in the register of a pinned
/// local.
struct LeaveForFunc;

impl Handler for LeaveForFunc {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CELL: the cell is that of an indirect call; I-ENTITY for the function.
        unsafe {
            let callee = address::recover(r.l0);
            call_func::<D>(r, callee, (*r.pc.add(2)).operands.a, 4)
        }
    }
}

/// Leaves to have the function made that a `ref.func` names.
struct LeaveForMaking;

impl Handler for LeaveForMaking {
    #[inline(always)]
    unsafe fn run<D: Dispatcher>(r: &mut Regs) -> D::Out {
        // SAFETY: I-CTX, promised by the caller.
        unsafe { D::exit(r, Exit::MAKE_FUNC) }
    }
}

/// Finds the function that an indirect call names.
#[inline(always)]
unsafe fn resolve(r: &Regs, table: u32, index: u64, type_id: u32) -> Result<*const Func, TrapCode> {
    // SAFETY: I-ENTITY; validation checked the table's index, and that its elements are functions.
    unsafe {
        let table = instance(r).tables.as_ptr().add(table as usize).read().as_ptr();
        let elements = &(*table).elements;
        let index = if (*table).ty.table64 { index } else { u64::from(index as u32) };
        if index >= elements.len() as u64 {
            cold_path();
            return Err(TrapCode::UndefinedElement);
        }
        let func = *elements.get_unchecked(index as usize);
        if func == 0 {
            cold_path();
            return Err(TrapCode::IndirectCallToNull);
        }
        let func = Func::from_reference(func);
        if (*func).type_id != type_id {
            cold_path();
            return Err(TrapCode::BadSignature);
        }
        Ok(func)
    }
}

#[inline(always)]
unsafe fn call_indirect<D: Dispatcher, M: Meter, const ACC: bool>(
    r: &mut Regs,
    index: impl FnOnce(&Regs, Operands) -> u64,
) -> D::Out {
    // SAFETY: I-CELL, I-SLOT, I-ENTITY.
    unsafe {
        let o = operands(r);
        let second = (*r.pc.add(2)).operands;
        match resolve(r, second.c, index(r, o), (*r.pc.add(3)).pair[0]) {
            Ok(func) if core::ptr::eq((*func).instance, (*r.ctx).instance) => {
                let callee = |r: &mut Regs| Callee::named(r, usize::from(o.a) * size_of::<u64>(), o.b);
                call_entry::<D, M, Indirect<ACC>>(r, (*func).entry, second.a, callee, 4)
            }
            Ok(func) => {
                r.l0 = address::expose(func);
                D::divert::<LeaveForFunc>(r)
            }
            Err(code) => trap::<D>(r, code),
        }
    }
}

/// Replaces the frame by one of a function of the same instance.
#[inline(always)]
unsafe fn return_call_entry<D: Dispatcher, M: Meter>(
    r: &mut Regs,
    entry: *const FuncEntry,
    args: (u16, u16),
    slots: (u16, u16),
) -> D::Out {
    // SAFETY: I-CODE, I-FRAME.
    unsafe {
        let code = (*entry).code();
        let end = (r.sp.addr() as u64).wrapping_add(*header::frame_bytes(code));
        // Dead at a call, and assigned on both paths: see `call_entry`.
        r.l0 = end;
        r.acc = end;
        if !M::PAYS {
            r.fuel = end;
        }
        if end > (*r.ctx).stack_limit.addr() as u64 {
            cold_path();
            r.facc = address::expose(entry);
            return D::divert::<LeaveForStackTail>(r);
        }
        linkage::replace(r.sp, args, slots);
        M::go::<D, Entry>(r, code, header::cost(code))
    }
}

#[inline(always)]
unsafe fn return_call_func<D: Dispatcher>(
    r: &mut Regs,
    callee: *const Func,
    args: (u16, u16),
    slots: (u16, u16),
) -> D::Out {
    // SAFETY: I-CTX.
    unsafe {
        let ctx = r.ctx;
        (*ctx).callee = callee;
        (*ctx).args = args;
        (*ctx).linkage = slots;
        D::exit(r, Exit::RETURN_CALL_FUNC)
    }
}

fn wide(low: u64, high: u64) -> u128 {
    u128::from(low) | u128::from(high) << 64
}

#[inline(always)]
unsafe fn put_wide<D: Dispatcher>(
    r: &mut Regs,
    compute: impl FnOnce([u64; 4]) -> u128,
    operands_: u32,
) -> D::Out {
    // SAFETY: I-CELL, I-SLOT: the cell names as many slots as it has operands.
    unsafe {
        let a = u32::from(operands(r).a);
        let mut values = [0; 4];
        let mut i = 0;
        while i < operands_ {
            values[i as usize] = slot(r, a + i);
            i += 1;
        }
        let result = compute(values);
        set_slot(r, a, result as u64);
        set_slot(r, a + 1, (result >> 64) as u64);
        step::<D>(r, 2)
    }
}

handlers! {
    /// `unreachable`.
    Unreachable = |r, D| trap::<D>(r, TrapCode::UnreachableCodeReached);
    /// Zeroes locals.
    Enter = |r, D| {
        let o = operands(r);
        let mut local = r.sp.add(o.a as usize);
        let end = local.add(o.c as usize);
        while local != end {
            // Volatile: there are few locals, and the loop must not become a call of memset.
            local.write_volatile(0);
            local = opaque::slot(local.add(1));
        }
        step::<D>(r, 2)
    };
    /// A 32-bit constant.
    Const32 = |r, D| {
        let o = operands(r);
        put_both(r, o.a, u64::from(o.c));
        step::<D>(r, 2)
    };
    /// A 64-bit constant.
    Const64 = |r, D| {
        let o = operands(r);
        put_both(r, o.a, bits(r, 2));
        step::<D>(r, 3)
    };
    /// A copy.
    Copy = |r, D| {
        let o = operands(r);
        put_both(r, o.a, slot(r, u32::from(o.b)));
        step::<D>(r, 2)
    };
    /// A copy that leaves the accumulators alone.
    CopyKeep = |r, D| {
        let o = operands(r);
        set_slot(r, o.a.into(), slot(r, o.b.into()));
        step::<D>(r, 2)
    };
    /// A copy from the accumulator.
    CopyAcc = |r, D| {
        set_slot(r, operands(r).a.into(), r.acc);
        step::<D>(r, 2)
    };
    /// A copy from the float accumulator.
    CopyAccFloat = |r, D| {
        set_slot(r, operands(r).a.into(), r.facc);
        step::<D>(r, 2)
    };
    /// Two copies that leave the accumulators alone.
    CopyTwoKeep = |r, D| {
        let o = operands(r);
        let value = slot(r, o.b.into());
        set_slot(r, o.a.into(), value);
        r.pc = opaque::behind(r.pc, value);
        let second = (*r.pc.add(2)).operands;
        set_slot(r, second.a.into(), slot(r, second.b.into()));
        step::<D>(r, 3)
    };
    /// Two copies.
    CopyTwo = |r, D| {
        let (o, second) = (operands(r), (*r.pc.add(2)).operands);
        set_slot(r, o.a.into(), slot(r, o.b.into()));
        put_both(r, second.a, slot(r, second.b.into()));
        step::<D>(r, 3)
    };
    /// Two additions of an immediate.
    AddTwo = |r, D| {
        let o = operands(r);
        r.acc = u64::from((slot(r, o.b.into()) as u32).wrapping_add(o.c));
        set_slot(r, o.a.into(), r.acc);
        r.pc = opaque::behind(r.pc, r.acc);
        let second = (*r.pc.add(2)).operands;
        r.acc = u64::from((slot(r, second.b.into()) as u32).wrapping_add(second.c));
        set_slot(r, second.a.into(), r.acc);
        step::<D>(r, 3)
    };
    /// Many copies.
    CopyMany = |r, D| {
        let o = operands(r);
        copy_down(r.sp.add(o.b as usize), r.sp.add(o.a as usize), o.c as usize);
        step::<D>(r, 2)
    };
    /// `br`.
    Br<M: Meter> = |r, D| {
        let target = (*r.pc.add(1)).cell;
        M::go::<D, ByCell>(r, target, r.pc.wrapping_add(2))
    };
    /// `br` to the innermost loop.
    BrLoop<M: Meter> = |r, D| {
        let target = r.lp;
        M::go::<D, ByLoop>(r, target, r.pc.wrapping_add(1))
    };
    /// `br_table`.
    BrTable<X: Src, M: Meter> = |r, D| {
        let o = operands(r);
        let index: u32 = X::get(r, u32::from(o.b));
        let index = if index < o.c { index } else { o.c };
        let word = r.pc.add(2 + index as usize * (1 + M::WORDS));
        let target = (*word).cell;
        M::go::<D, ByCell>(r, target, word.wrapping_add(1))
    };
    /// A loop's header.
    LoopEnter = |r, D| {
        let o = operands(r);
        r.l0 = slot(r, o.a.into());
        r.acc = slot(r, o.b.into());
        r.fl0 = slot(r, o.c);
        r.lp = r.pc.add(2);
        step::<D>(r, 2)
    };
    /// `select`.
    Select<X: Src> = |r, D| {
        let o = operands(r);
        let condition: u32 = X::get(r, u32::from(o.b));
        let a = slot(r, o.c);
        let b = slot(r, bits(r, 2) as u32);
        put_both(r, o.a, if condition != 0 { a } else { b });
        step::<D>(r, 3)
    };
    /// Returns several values.
    ReturnMany<M: Meter> = |r, D| {
        let o = operands(r);
        return_from::<D, M, ANY_SLOT>(r, |r| copy_down(r.sp.add(o.a as usize), r.sp, o.b as usize))
    };
    /// A call of an import.
    CallImport = |r, D| {
        let o = operands(r);
        let callee = instance(r).imported_funcs.as_ptr().add(o.c as usize).read().as_ptr();
        call_func::<D>(r, callee, (*r.pc.add(2)).operands.a, 3)
    };
    /// `call_indirect`, the index in a slot.
    CallIndirectSlot<M: Meter> = |r, D| call_indirect::<D, M, false>(r, |r, o| slot(r, o.c));
    /// `call_indirect`, the index in the accumulator.
    CallIndirectAcc<M: Meter> = |r, D| call_indirect::<D, M, true>(r, |r, _| r.acc);
    /// A tail call within the instance.
    ReturnCall<M: Meter> = |r, D| {
        let o = operands(r);
        let entry = (*r.pc.add(2)).entry.cast::<FuncEntry>();
        let slots = (*r.pc.add(3)).operands;
        return_call_entry::<D, M>(r, entry, (o.a, o.b), (slots.a, slots.b))
    };
    /// A tail call of an import.
    ReturnCallImport = |r, D| {
        let o = operands(r);
        let slots = (*r.pc.add(2)).operands;
        let callee = instance(r).imported_funcs.as_ptr().add(o.c as usize).read().as_ptr();
        return_call_func::<D>(r, callee, (o.a, o.b), (slots.a, slots.b))
    };
    /// `return_call_indirect`.
    ReturnCallIndirect<M: Meter> = |r, D| {
        let o = operands(r);
        let slots = (*r.pc.add(2)).operands;
        match resolve(r, slots.c, slot(r, o.c), (*r.pc.add(3)).pair[0]) {
            Ok(func) if core::ptr::eq((*func).instance, (*r.ctx).instance) => {
                return_call_entry::<D, M>(r, (*func).entry, (o.a, o.b), (slots.a, slots.b))
            }
            Ok(func) => return_call_func::<D>(r, func, (o.a, o.b), (slots.a, slots.b)),
            Err(code) => trap::<D>(r, code),
        }
    };
    /// `global.get` of an integer or reference.
    GlobalGetInt = |r, D| {
        let o = operands(r);
        r.acc = global(r, o.c).value.get()[0];
        set_slot(r, u32::from(o.a), r.acc);
        step::<D>(r, 2)
    };
    /// `global.get` of a float.
    GlobalGetFloat = |r, D| {
        let o = operands(r);
        r.facc = global(r, o.c).value.get()[0];
        set_slot(r, u32::from(o.a), r.facc);
        step::<D>(r, 2)
    };
    /// `global.set` from a slot.
    GlobalSetSlot = |r, D| {
        let o = operands(r);
        (*global(r, o.c).value.as_ptr())[0] = slot(r, u32::from(o.b));
        step::<D>(r, 2)
    };
    /// `global.set` from the accumulator.
    GlobalSetAccInt = |r, D| {
        let o = operands(r);
        (*global(r, o.c).value.as_ptr())[0] = r.acc;
        step::<D>(r, 2)
    };
    /// `global.set` from the float accumulator.
    GlobalSetAccFloat = |r, D| {
        let o = operands(r);
        (*global(r, o.c).value.as_ptr())[0] = r.facc;
        step::<D>(r, 2)
    };
    /// `memory.size`.
    MemorySize = |r, D| {
        let o = operands(r);
        let memory = instance(r).memories.as_ptr().add(o.c as usize).read().as_ptr();
        r.acc = (*memory).pages();
        set_slot(r, u32::from(o.a), r.acc);
        step::<D>(r, 2)
    };
    /// `ref.func`.
    RefFunc = |r, D| {
        let o = operands(r);
        let instance = instance(r);
        let imports = instance.imported_funcs.len();
        let index = o.c as usize;
        if index < imports {
            let func = instance.imported_funcs.as_ptr().add(index).read().as_ptr();
            r.acc = Func::to_reference(func);
        } else {
            let func = instance.funcs.first().add(index - imports);
            // Before it is known whether there is a function: if not, the cell is executed again.
            r.acc = Func::to_reference(func.as_ptr());
            if !is_made(func) {
                return D::divert::<LeaveForMaking>(r);
            }
        }
        set_slot(r, u32::from(o.a), r.acc);
        step::<D>(r, 2)
    };
    /// `i64.add128`.
    I64Add128 = |r, D| put_wide::<D>(r, |[a, b, c, d]| wide(a, b).wrapping_add(wide(c, d)), 4);
    /// `i64.sub128`.
    I64Sub128 = |r, D| put_wide::<D>(r, |[a, b, c, d]| wide(a, b).wrapping_sub(wide(c, d)), 4);
    /// `i64.mul_wide_s`.
    I64MulWideS = |r, D| {
        put_wide::<D>(r, |[a, b, ..]| (i128::from(a as i64) * i128::from(b as i64)) as u128, 2)
    };
    /// `i64.mul_wide_u`.
    I64MulWideU = |r, D| put_wide::<D>(r, |[a, b, ..]| u128::from(a) * u128::from(b), 2);
    /// Leaves for an operator that runs outside.
    Slow = |r, D| D::exit(r, Exit::SLOW);
    /// `memory.fill`.
    MemoryFill<M: Meter> = |r, D| bulk::<D, M>(r, fill);
    /// `memory.copy`.
    MemoryCopy<M: Meter> = |r, D| bulk::<D, M>(r, copy_within);
    /// `memory.fill` of operands that are anywhere.
    MemoryFillOf<M: Meter> = |r, D| bulk_of::<D, M>(r, fill);
    /// `memory.copy` of operands that are anywhere.
    MemoryCopyOf<M: Meter> = |r, D| bulk_of::<D, M>(r, copy_within);
    /// Leaves for good.
    HostExit = |r, D| D::exit(r, Exit::HOST_EXIT);
    /// Leaves to restore the caller's instance.
    ReturnCross = |r, D| D::exit(r, Exit::RETURN_CROSS);
}

/// Defines handlers of calls within the instance; `PLACE` is the number of a [`CallPlace`].
macro_rules! calls {
    ($( $(#[$doc:meta])* $name:ident = |$r:ident, $D:ident, $PLACE:ident| $body:expr; )*) => {$(
        $(#[$doc])*
        pub(crate) struct $name<M, const PLACE: usize>(Of<M>);

        impl<M: Meter, const $PLACE: usize> Handler for $name<M, $PLACE> {
            #[inline(always)]
            unsafe fn run<$D: Dispatcher>($r: &mut Regs) -> $D::Out {
                // SAFETY: I-CELL, I-SLOT, I-FRAME, I-CTX: promised by the caller.
                unsafe { $body }
            }
        }
    )*};
}

calls! {
    /// A call within the instance.
    Call = |r, D, PLACE| {
        let entry = (*r.pc.add(2)).entry.cast::<FuncEntry>();
        let own = operands(r).a;
        call_entry::<D, M, Direct>(r, entry, own, |r| Callee::at::<PLACE>(r), 3 + M::WORDS)
    };
    /// An addition to an i32, and a call within the instance.
    CallAdd = |r, D, PLACE| {
        call_with::<D, M, PLACE>(r, |value, imm| (value as u32).wrapping_add(imm).into())
    };
    /// An addition to an i64, and a call within the instance.
    CallAddWide = |r, D, PLACE| {
        call_with::<D, M, PLACE>(r, |value, imm| value.wrapping_add(sign_extended(imm)))
    };
    /// A copy, and a call within the instance.
    CallCopy = |r, D, PLACE| call_with::<D, M, PLACE>(r, |value, _| value);
}

/// Gives the handlers of [`rotifer_bytecode::PLACED_CALLS`], by place.
pub(crate) fn placed_calls<D: Dispatcher, M: Meter>() -> [[HandlerAddr; CallPlace::ALL.len()]; 4] {
    macro_rules! places {
        ($name:ident: $( $place:literal )*) => {
            [ $( D::addr::<$name<M, $place>>() ),* ]
        };
        ($( $name:ident ),*) => {
            [ $( places!($name: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23) ),* ]
        };
    }
    places!(Call, CallAdd, CallAddWide, CallCopy)
}

#[inline(always)]
fn fill(memory: &Memory, [to, value, len]: [u64; 3]) -> Result<(), TrapCode> {
    memory.fill(to, value as u8, len)
}

#[inline(always)]
fn copy_within(memory: &Memory, [to, from, len]: [u64; 3]) -> Result<(), TrapCode> {
    Memory::copy(memory, to, memory, from, len)
}

/// The bits of an operand that is an address in a memory.
#[inline(always)]
fn address_bits(memory: &Memory) -> u64 {
    if memory.is_64() { u64::MAX } else { u32::MAX.into() }
}

/// Writes to many bytes of memory 0.
#[inline(always)]
unsafe fn bulk<D: Dispatcher, M: Meter>(
    r: &mut Regs,
    write: impl FnOnce(&Memory, [u64; 3]) -> Result<(), TrapCode>,
) -> D::Out {
    // SAFETY: I-CELL, I-SLOT, I-CTX, I-ENTITY: promised by the caller.
    unsafe {
        let o = operands(r);
        let memory = &*instance(r).memory0;
        let mask = address_bits(memory);
        let operands = [0, 1, 2].map(|i| slot(r, u32::from(o.b) + i) & mask);
        let Some(fuel) = fuel_behind::<M>(r, operands[2], o.c) else {
            cold_path();
            return D::divert::<Leave<{ Exit::SLOW_FIRST }>>(r);
        };
        r.fuel = fuel;
        if write(memory, operands).is_err() {
            return trap::<D>(r, TrapCode::MemoryOutOfBounds);
        }
        go_behind::<D, M>(r, memory, r.pc)
    }
}

/// The same with operands that are anywhere, for the cell behind this one.
#[inline(always)]
unsafe fn bulk_of<D: Dispatcher, M: Meter>(
    r: &mut Regs,
    write: impl FnOnce(&Memory, [u64; 3]) -> Result<(), TrapCode>,
) -> D::Out {
    // SAFETY: I-CELL, I-SLOT, I-CTX, I-ENTITY: promised by the caller.
    unsafe {
        let (first, [second, third]) = (operands(r), (*r.pc.add(2)).pair);
        let memory = &*instance(r).memory0;
        let mask = address_bits(memory);
        let mut number = 0;
        let values = [first.c, second, third].map(|value| {
            let is_imm = first.a >> number & 1 != 0;
            number += 1;
            // Every frame has a first slot.
            let in_slot = slot(r, if is_imm { 0 } else { value }) & mask;
            if is_imm { value.into() } else { in_slot }
        });
        let cell = r.pc.add(3);
        let plain = (*cell.add(1)).operands;
        if let Some(fuel) = fuel_behind::<M>(r, values[2], plain.c)
            && write(memory, values).is_ok()
        {
            r.fuel = fuel;
            return go_behind::<D, M>(r, memory, cell);
        }
        cold_path();
        for (number, value) in (0..).zip(values) {
            set_slot(r, u32::from(plain.b) + number, value);
        }
        r.pc = cell;
        D::next(r)
    }
}

/// What is left of the fuel when so many bytes are paid for, `rate` of them with a unit. None if it does not suffice.
///
/// # Safety
/// I-CELL: a cell that pays says how many bytes a unit is for.
#[inline(always)]
unsafe fn fuel_behind<M: Meter>(r: &Regs, bytes: u64, rate: u32) -> Option<u64> {
    if !M::PAYS {
        return Some(r.fuel);
    }
    // SAFETY: promised by the caller.
    let rate = unsafe { NonZero::new_unchecked(rate) };
    u64::from(r.fuel as u32).checked_sub(bytes.div_ceil(rate.get().into()))
}

/// Goes on behind a cell that has written to many bytes.
///
/// # Safety
/// I-CELL: `cell` is a `memory.fill` or `memory.copy`; `memory` is memory 0.
#[inline(always)]
unsafe fn go_behind<D: Dispatcher, M: Meter>(r: &mut Regs, memory: &Memory, cell: *const Word) -> D::Out {
    // SAFETY: promised by the caller.
    unsafe {
        // Dead behind it: not kept across the call of memmove.
        (r.acc, r.facc, r.l0, r.fl0, r.lp) = (0, 0, 0, 0, cell);
        r.mem = memory.base();
        M::go::<D, Behind>(r, cell.add(3), cell.add(2))
    }
}

/// A product of the accumulator with itself.
type Square<O, T> = super::numeric::BinaryOp<O, A, A, T>;
/// A branch on an i32, by source, destination and whether it pays.
type BranchIf<X, T, M> = super::numeric::BranchValue<X, T, M, true>;
/// The same, taken if the i32 is zero.
type BranchUnless<X, T, M> = super::numeric::BranchValue<X, T, M, false>;

/// Gives the handlers of returns, by kind and linkage slot.
pub(crate) fn returns<D: Dispatcher, M: Meter>() -> [[HandlerAddr; RETURN_SLOTS as usize]; 5] {
    macro_rules! slots {
        ($kind:literal) => {
            [
                D::addr::<Return<M, $kind, 0>>(),
                D::addr::<Return<M, $kind, 1>>(),
                D::addr::<Return<M, $kind, 2>>(),
                D::addr::<Return<M, $kind, 3>>(),
                D::addr::<Return<M, $kind, 4>>(),
                D::addr::<Return<M, $kind, 5>>(),
            ]
        };
    }
    [slots!(0), slots!(1), slots!(2), slots!(3), slots!(4)]
}

/// The handler of a special op that has a metered twin, or of that twin.
fn metered<D: Dispatcher, M: Meter>(op: Op) -> Option<HandlerAddr> {
    use super::numeric::{ToCell, ToLoop};
    Some(match op {
        Op::Br => D::addr::<Br<M>>(),
        Op::BrLoop => D::addr::<BrLoop<M>>(),
        Op::BrNez => D::addr::<BranchIf<S, ToCell, M>>(),
        Op::BrEqz => D::addr::<BranchUnless<S, ToCell, M>>(),
        Op::BrNezAcc => D::addr::<BranchIf<A, ToCell, M>>(),
        Op::BrEqzAcc => D::addr::<BranchUnless<A, ToCell, M>>(),
        Op::BrNezLoop => D::addr::<BranchIf<S, ToLoop, M>>(),
        Op::BrEqzLoop => D::addr::<BranchUnless<S, ToLoop, M>>(),
        Op::BrNezAccLoop => D::addr::<BranchIf<A, ToLoop, M>>(),
        Op::BrEqzAccLoop => D::addr::<BranchUnless<A, ToLoop, M>>(),
        Op::BrTable => D::addr::<BrTable<S, M>>(),
        Op::BrTableAcc => D::addr::<BrTable<A, M>>(),
        Op::Return0 => D::addr::<Return<M, 0, ANY_SLOT>>(),
        Op::ReturnSlotInt => D::addr::<Return<M, 1, ANY_SLOT>>(),
        Op::ReturnSlotFloat => D::addr::<Return<M, 2, ANY_SLOT>>(),
        Op::ReturnAccInt => D::addr::<Return<M, 3, ANY_SLOT>>(),
        Op::ReturnAccFloat => D::addr::<Return<M, 4, ANY_SLOT>>(),
        Op::ReturnMany => D::addr::<ReturnMany<M>>(),
        Op::Call => D::addr::<Call<M, ANY_PLACE>>(),
        Op::CallAdd => D::addr::<CallAdd<M, ANY_PLACE>>(),
        Op::CallAddWide => D::addr::<CallAddWide<M, ANY_PLACE>>(),
        Op::CallCopy => D::addr::<CallCopy<M, ANY_PLACE>>(),
        Op::CallIndirect => D::addr::<CallIndirectSlot<M>>(),
        Op::CallIndirectAcc => D::addr::<CallIndirectAcc<M>>(),
        Op::ReturnCall => D::addr::<ReturnCall<M>>(),
        Op::ReturnCallIndirect => D::addr::<ReturnCallIndirect<M>>(),
        Op::MemoryFill => D::addr::<MemoryFill<M>>(),
        Op::MemoryCopy => D::addr::<MemoryCopy<M>>(),
        Op::MemoryFillOf => D::addr::<MemoryFillOf<M>>(),
        Op::MemoryCopyOf => D::addr::<MemoryCopyOf<M>>(),
        _ => return None,
    })
}

/// The handler of a special op that has no metered twin.
fn unmetered<D: Dispatcher>(op: Op) -> Option<HandlerAddr> {
    Some(match op {
        Op::Unreachable => D::addr::<Unreachable>(),
        Op::Enter => D::addr::<Enter>(),
        Op::Const32 => D::addr::<Const32>(),
        Op::Const64 => D::addr::<Const64>(),
        Op::Copy => D::addr::<Copy>(),
        Op::CopyKeep => D::addr::<CopyKeep>(),
        Op::CopyAcc => D::addr::<CopyAcc>(),
        Op::CopyAccFloat => D::addr::<CopyAccFloat>(),
        Op::CopyTwo => D::addr::<CopyTwo>(),
        Op::CopyTwoKeep => D::addr::<CopyTwoKeep>(),
        Op::AddTwo => D::addr::<AddTwo>(),
        Op::CopyMany => D::addr::<CopyMany>(),
        Op::LoopEnter => D::addr::<LoopEnter>(),
        Op::I32Square => D::addr::<Square<ops::I32Mul, S>>(),
        Op::I32SquareAcc => D::addr::<Square<ops::I32Mul, A>>(),
        Op::I64Square => D::addr::<Square<ops::I64Mul, S>>(),
        Op::I64SquareAcc => D::addr::<Square<ops::I64Mul, A>>(),
        Op::F32Square => D::addr::<Square<ops::F32Mul, S>>(),
        Op::F32SquareAcc => D::addr::<Square<ops::F32Mul, A>>(),
        Op::F64Square => D::addr::<Square<ops::F64Mul, S>>(),
        Op::F64SquareAcc => D::addr::<Square<ops::F64Mul, A>>(),
        Op::Select => D::addr::<Select<S>>(),
        Op::SelectAcc => D::addr::<Select<A>>(),
        Op::CallImport => D::addr::<CallImport>(),
        Op::ReturnCallImport => D::addr::<ReturnCallImport>(),
        Op::GlobalGetInt => D::addr::<GlobalGetInt>(),
        Op::GlobalGetFloat => D::addr::<GlobalGetFloat>(),
        Op::GlobalSet => D::addr::<GlobalSetSlot>(),
        Op::GlobalSetAccInt => D::addr::<GlobalSetAccInt>(),
        Op::GlobalSetAccFloat => D::addr::<GlobalSetAccFloat>(),
        Op::MemorySize => D::addr::<MemorySize>(),
        Op::RefFunc => D::addr::<RefFunc>(),
        Op::I64Add128 => D::addr::<I64Add128>(),
        Op::I64Sub128 => D::addr::<I64Sub128>(),
        Op::I64MulWideS => D::addr::<I64MulWideS>(),
        Op::I64MulWideU => D::addr::<I64MulWideU>(),
        Op::Slow => D::addr::<Slow>(),
        Op::HostExit => D::addr::<HostExit>(),
        Op::ReturnCross => D::addr::<ReturnCross>(),
        _ => return None,
    })
}

/// Gives the handlers of the special ops and of their metered twins.
pub(crate) fn special<D: Dispatcher>(put: &mut impl FnMut(OpCode, HandlerAddr)) {
    for &op in Op::ALL {
        if let Some(handler) = unmetered::<D>(op).or_else(|| metered::<D, Free>(op)) {
            put(op.code(), handler);
        }
        if let (Some(twin), Some(handler)) = (op.code().metered(), metered::<D, Metered>(op)) {
            put(twin, handler);
        }
    }
}
