//! Counting executed ops, and ops that follow each other, in builds with the feature `count-ops`.
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

pub(crate) use imp::{counts, handler, tag, triples};

/// Three ops that were executed one after the other, and how often.
pub type Triple = ([OpCode; 3], u64);

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

    /// How often each three ops followed each other: unknown.
    pub(crate) fn triples() -> Option<Vec<Triple>> {
        None
    }
}

#[cfg(feature = "count-ops")]
mod counting {
    use super::*;
    use crate::exec::Dispatch;
    use alloc::vec::Vec;
    use core::sync::atomic::{AtomicU64, Ordering};
    use rotifer_bytecode::OP_COUNT;

    #[cfg(not(target_pointer_width = "64"))]
    compile_error!("the feature `count-ops` needs addresses of 64 bits");

    const SHIFT: u32 = 48;

    /// By dispatcher, then by op number plus 1. The first stands for handlers that are in no table.
    static COUNTS: [[AtomicU64; OP_COUNT + 1]; 2] =
        [const { [const { AtomicU64::new(0) }; OP_COUNT + 1] }; 2];

    /// The last three ops, as numbers plus 1 of 16 bits each; the last one is lowest.
    static LAST: AtomicU64 = AtomicU64::new(0);

    /// How many different triples are counted. Those that find no place are not.
    const TRIPLES: usize = 1 << 17;
    /// How many places are tried.
    const TRIES: usize = 64;

    /// Triples, as in [`LAST`], and their counts: a hash table.
    static SEQUENCES: [[AtomicU64; 2]; TRIPLES] = [const { [const { AtomicU64::new(0) }; 2] }; TRIPLES];

    /// The handler as the table of handlers has it: with its op number.
    pub(crate) fn tag(op: OpCode, handler: HandlerAddr) -> HandlerAddr {
        assert!(handler.0.addr() >> SHIFT == 0, "addresses of programs are below 2^48");
        HandlerAddr(handler.0.map_addr(|address| address | (usize::from(op.0) + 1) << SHIFT))
    }

    /// The handler of a cell that is about to be executed, and is counted.
    #[inline(always)]
    pub(crate) fn handler<const DISPATCH: usize>(handler: HandlerAddr) -> *const () {
        let op = (handler.0.addr() >> SHIFT).min(OP_COUNT);
        COUNTS[DISPATCH][op].fetch_add(1, Ordering::Relaxed);
        if DISPATCH == Dispatch::Loop as usize {
            record(op);
        }
        handler.0.map_addr(|address| address & (1 << SHIFT) - 1)
    }

    /// Counts an op, by number plus 1, together with the two before. Too much for handlers that jump.
    fn record(op: usize) {
        let triple = (LAST.load(Ordering::Relaxed) << 16 | op as u64) & (1 << SHIFT) - 1;
        LAST.store(triple, Ordering::Relaxed);
        let hash = (triple.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        for i in 0..TRIES {
            let [key, count] = &SEQUENCES[(hash + i) % TRIPLES];
            let vacant = || key.compare_exchange(0, triple, Ordering::Relaxed, Ordering::Relaxed);
            if key.load(Ordering::Relaxed) == triple || vacant().is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
    }

    /// How often each op was executed, by number.
    pub(crate) fn counts(dispatch: usize) -> Option<Vec<u64>> {
        Some(COUNTS[dispatch][1..].iter().map(|count| count.load(Ordering::Relaxed)).collect())
    }

    /// How often the loop dispatcher executed each three ops one after the other. With several threads, what one
    /// executes is taken to follow what another did.
    pub(crate) fn triples() -> Option<Vec<Triple>> {
        let all = SEQUENCES.iter().filter_map(|[key, count]| {
            let numbers = [32, 16, 0].map(|shift| (key.load(Ordering::Relaxed) >> shift) as u16);
            // Ops that are in no table, and those before the first, are no ops that anybody could write.
            let are_ops = numbers.iter().all(|&number| number > 0);
            are_ops.then(|| (numbers.map(|number| OpCode(number - 1)), count.load(Ordering::Relaxed)))
        });
        Some(all.collect())
    }
}
