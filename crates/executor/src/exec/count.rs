//! Counting executed ops, in builds with the feature `count-ops`.
//!
//! Cells hold addresses of handlers, and equal handlers are one: an address does not say which op it is. In a
//! counting build the handler table therefore has the op's number in the 16 high bits of each address, which no
//! address of a program uses on the machines that have a tail dispatcher. Whoever goes to a cell counts and takes
//! them off. In other builds all of this is nothing.

use rotifer_bytecode::{HandlerAddr, OpCode};

#[cfg(feature = "count-ops")]
use self::counting as imp;
#[cfg(not(feature = "count-ops"))]
use self::off as imp;

pub(crate) use imp::{counts, handler, tag};

#[cfg(not(feature = "count-ops"))]
mod off {
    use super::*;
    use alloc::vec::Vec;

    /// The handler as the table of handlers has it.
    pub(crate) fn tag(_: OpCode, handler: HandlerAddr) -> HandlerAddr {
        handler
    }

    /// The handler of a cell that is about to be executed.
    #[inline(always)]
    pub(crate) fn handler<const DISPATCH: usize>(handler: HandlerAddr) -> *const () {
        handler.0
    }

    /// How often each op was executed: unknown.
    pub(crate) fn counts(_: usize) -> Option<Vec<u64>> {
        None
    }
}

#[cfg(feature = "count-ops")]
mod counting {
    use super::*;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicU64, Ordering};
    use rotifer_bytecode::OP_COUNT;

    #[cfg(not(target_pointer_width = "64"))]
    compile_error!("the feature `count-ops` needs addresses of 64 bits");

    const SHIFT: u32 = 48;

    /// By dispatcher, then by op number plus 1. The first stands for handlers that are in no table.
    static COUNTS: [[AtomicU64; OP_COUNT + 1]; 2] =
        [const { [const { AtomicU64::new(0) }; OP_COUNT + 1] }; 2];

    /// The handler as the table of handlers has it: with its op number.
    pub(crate) fn tag(op: OpCode, handler: HandlerAddr) -> HandlerAddr {
        assert!(handler.0.addr() >> SHIFT == 0, "addresses of programs are below 2^48");
        HandlerAddr(handler.0.map_addr(|address| address | (usize::from(op.0) + 1) << SHIFT))
    }

    /// The handler of a cell that is about to be executed, and is counted.
    #[inline(always)]
    pub(crate) fn handler<const DISPATCH: usize>(handler: HandlerAddr) -> *const () {
        COUNTS[DISPATCH][(handler.0.addr() >> SHIFT).min(OP_COUNT)].fetch_add(1, Ordering::Relaxed);
        handler.0.map_addr(|address| address & (1 << SHIFT) - 1)
    }

    /// How often each op was executed, by number.
    pub(crate) fn counts(dispatch: usize) -> Option<Vec<u64>> {
        Some(COUNTS[dispatch][1..].iter().map(|count| count.load(Ordering::Relaxed)).collect())
    }
}
