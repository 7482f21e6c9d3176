//! Paying for regions (docs/FUEL.md): the one difference between an op and its metered twin.

use rotifer_bytecode::Word;

use super::regs::{Dispatcher, Exit, Regs};

/// Whether a handler pays for what it goes to.
pub(crate) trait Meter {
    /// Words of the cell that costs take.
    const WORDS: usize;

    /// Goes on at `to`, which costs number `index` of the pair in word `word` of the cell.
    ///
    /// # Safety
    /// I-CELL for `to`, and for the word if there is one.
    unsafe fn go<D: Dispatcher>(r: &mut Regs, to: *const Word, word: usize, index: usize) -> D::Out;

    /// Goes on at `to`, which costs number `index` of the pair at `costs`.
    ///
    /// # Safety
    /// I-CELL for `to`; I-CODE for `costs`.
    unsafe fn go_at<D: Dispatcher>(r: &mut Regs, to: *const Word, costs: *const Word, index: usize)
    -> D::Out;
}

/// Nothing costs anything.
pub(crate) struct Free;

impl Meter for Free {
    const WORDS: usize = 0;

    #[inline(always)]
    unsafe fn go<D: Dispatcher>(r: &mut Regs, to: *const Word, _: usize, _: usize) -> D::Out {
        r.pc = to;
        // SAFETY: promised by the caller.
        unsafe { D::next(r) }
    }

    #[inline(always)]
    unsafe fn go_at<D: Dispatcher>(r: &mut Regs, to: *const Word, _: *const Word, _: usize) -> D::Out {
        r.pc = to;
        // SAFETY: promised by the caller.
        unsafe { D::next(r) }
    }
}

/// The fuel in the activation pays.
///
/// It is in memory rather than in a register: the registers that are left belong to the locals of innermost loops,
/// and the chain of loads and stores that a counter in memory is has several cycles for each region.
pub(crate) struct Metered;

impl Meter for Metered {
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn go<D: Dispatcher>(r: &mut Regs, to: *const Word, word: usize, index: usize) -> D::Out {
        // SAFETY: promised by the caller.
        unsafe {
            let cost = (*r.pc.add(word)).pair[index];
            pay::<D>(r, to, cost, r.pc)
        }
    }

    #[inline(always)]
    unsafe fn go_at<D: Dispatcher>(
        r: &mut Regs,
        to: *const Word,
        costs: *const Word,
        index: usize,
    ) -> D::Out {
        // SAFETY: promised by the caller.
        unsafe {
            let cost = (*costs).pair[index];
            pay::<D>(r, to, cost, core::ptr::null())
        }
    }
}

/// Pays and goes on at `to`, or leaves with what is owed for `to`; `branch` is the cell that went there, if its
/// costs may have to be split.
#[inline(always)]
unsafe fn pay<D: Dispatcher>(r: &mut Regs, to: *const Word, cost: u32, branch: *const Word) -> D::Out {
    // SAFETY: I-CTX; the rest is promised by the caller.
    unsafe {
        let ctx = r.ctx;
        let left = (*ctx).fuel.checked_sub(u64::from(cost));
        r.pc = to;
        let Some(left) = left else {
            (*ctx).owed = cost;
            (*ctx).branch = branch;
            return D::exit(r, Exit::FUEL);
        };
        (*ctx).fuel = left;
        D::next(r)
    }
}
