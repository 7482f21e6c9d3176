//! [`Ctx`]: an activation, that is one call from the host into WebAssembly and all that it calls.
//!
//! I-CTX: while handlers run, the activation is reached through the context register only; it outlives them.

use alloc::vec::Vec;
use core::ptr::{null, null_mut};
use rotifer_bytecode::Word;

use super::opaque;
use crate::{
    code::FuncEntry,
    entity::{Func, Instance},
};

/// An activation.
#[repr(C)]
pub(crate) struct Ctx {
    /// What metered handlers pay with.
    pub(crate) fuel: u64,
    /// What the region at `pc` costs, if it is not paid.
    pub(crate) owed: u32,
    /// No frame may end above this address.
    pub(crate) stack_limit: *mut u64,
    /// No call may nest deeper.
    pub(crate) max_depth: u32,
    /// The instance of the current frame.
    pub(crate) instance: *const Instance,
    /// Saved registers, valid outside of the dispatcher.
    pub(crate) pc: *const Word,
    pub(crate) sp: *mut u64,
    pub(crate) acc: u64,
    pub(crate) facc: u64,
    pub(crate) lp: *const Word,
    pub(crate) l0: u64,
    pub(crate) fl0: u64,
    /// Who is called, at [`super::regs::Exit::CALL_FUNC`].
    pub(crate) callee: *const Func,
    /// The entry of the function that is called, at [`super::regs::Exit::STACK`].
    pub(crate) entry: *const FuncEntry,
    /// The frame that a call is about to enter.
    pub(crate) frame: *mut u64,
    /// The depth of that frame, at [`super::regs::Exit::STACK`].
    pub(crate) depth: u32,
    /// The linkage slots of a call that leaves the dispatcher: the current frame's and the callee's.
    pub(crate) linkage: (u16, u16),
    /// Of a tail call that leaves the dispatcher: the first slot of the arguments and their count.
    pub(crate) args: (u16, u16),
    /// What else the loop dispatcher keeps here.
    #[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
    pub(crate) looped: Looped,
    /// The calls between instances that have not returned, innermost last.
    pub(crate) cross: Vec<CrossFrame>,
}

/// What the loop dispatcher keeps in memory, and the tail dispatcher in machine registers.
#[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
pub(crate) struct Looped {
    /// The data of memory 0, while handlers run.
    pub(crate) mem: *mut u8,
    /// Why the dispatcher was left.
    pub(crate) reason: usize,
}

/// What a call between instances must restore.
#[derive(Clone, Copy)]
pub(crate) struct CrossFrame {
    /// Where the caller goes on.
    pub(crate) return_pc: *const Word,
    /// The caller's instance.
    pub(crate) instance: *const Instance,
}

impl Ctx {
    /// Of nothing yet: what the registers hold when nothing has run.
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self {
            fuel: 0,
            owed: 0,
            stack_limit: null_mut(),
            max_depth: 0,
            instance: null(),
            pc: null(),
            sp: null_mut(),
            acc: 0,
            facc: 0,
            lp: null(),
            l0: 0,
            fl0: 0,
            callee: null(),
            entry: null(),
            frame: null_mut(),
            depth: 0,
            linkage: (0, 0),
            args: (0, 0),
            #[cfg(any(not(rotifer_tail), feature = "both-dispatchers"))]
            looped: Looped { mem: null_mut(), reason: 0 },
            cross: Vec::new(),
        }
    }

    /// The data of the current instance's memory 0.
    #[inline(always)]
    pub(crate) fn memory0(&self) -> *mut u8 {
        // SAFETY: I-ENTITY: the current instance and its memory are alive.
        unsafe { (*(*self.instance).memory0).base() }
    }
}

/// Copies slots to lower or the same addresses, which may overlap.
///
/// # Safety
/// I-SLOT for both.
#[inline(always)]
pub(crate) unsafe fn copy_down(from: *const u64, to: *mut u64, count: usize) {
    let (mut from, mut to) = (from, to);
    // SAFETY: promised by the caller. Volatile: slots are few, and the loop must not become a call of memmove,
    // for which the handler would have to save its registers.
    unsafe {
        let end = to.add(count);
        while to != end {
            to.write_volatile(from.read_volatile());
            from = from.add(1);
            to = opaque::slot(to.add(1));
        }
    }
}

/// The pair of words that links a frame to its caller's, in the slots behind the parameters: where the caller
/// goes on; then the distance of the two frames in bytes and the depth of this one. A distance rather than an
/// address, so that the stack can move. The depth is here rather than in the activation, where counting it would
/// take a read-modify-write from each call and each return (docs/PERFORMANCE.md).
pub(crate) mod linkage {
    use super::*;

    /// The second word.
    #[derive(Clone, Copy)]
    #[repr(C)]
    pub(crate) struct Distance {
        pub(crate) bytes: u32,
        pub(crate) depth: u32,
    }

    /// # Safety
    /// I-FRAME: `slot` is the linkage slot of a frame at `sp`.
    #[inline(always)]
    pub(crate) unsafe fn write(sp: *mut u64, slot: u16, return_pc: *const Word, distance: Distance) {
        // SAFETY: I-FRAME: the linkage lies in the frame. A slot is as large as a word and aligned like one.
        unsafe {
            sp.add(slot as usize).cast::<*const Word>().write(return_pc);
            let second = sp.add(slot as usize + 1).cast::<Distance>();
            (*second).bytes = distance.bytes;
            (*second).depth = distance.depth;
        }
    }

    /// # Safety
    /// As for [`write()`].
    #[inline(always)]
    pub(crate) unsafe fn return_pc(sp: *const u64, slot: u16) -> *const Word {
        // SAFETY: I-FRAME: as for `write`, which wrote it when the frame was entered.
        unsafe { sp.add(slot as usize).cast::<*const Word>().read() }
    }

    /// # Safety
    /// As for [`write()`].
    #[inline(always)]
    pub(crate) unsafe fn bytes(sp: *const u64, slot: u16) -> usize {
        // SAFETY: I-FRAME: as for `write`, which wrote it when the frame was entered.
        unsafe { (*sp.add(slot as usize + 1).cast::<Distance>()).bytes as usize }
    }

    /// Moves the arguments of a tail call, `(first slot, count)`, to the start of the frame and the linkage from
    /// this function's slot to the callee's.
    ///
    /// # Safety
    /// As for [`write()`], for both slots; I-SLOT for the arguments.
    #[inline(always)]
    pub(crate) unsafe fn replace(sp: *mut u64, args: (u16, u16), slots: (u16, u16)) {
        // SAFETY: promised by the caller. The linkage is read first: the arguments may go over it.
        unsafe {
            let return_pc = return_pc(sp, slots.0);
            let second = *sp.add(slots.0 as usize + 1);
            copy_down(sp.add(args.0 as usize), sp, args.1 as usize);
            sp.add(slots.1 as usize).cast::<*const Word>().write(return_pc);
            *sp.add(slots.1 as usize + 1) = second;
        }
    }

    /// # Safety
    /// As for [`write()`].
    #[inline(always)]
    pub(crate) unsafe fn depth(sp: *const u64, slot: u16) -> u32 {
        // SAFETY: I-FRAME: as for `write`, which wrote it when the frame was entered.
        unsafe { (*sp.add(slot as usize + 1).cast::<Distance>()).depth }
    }
}
