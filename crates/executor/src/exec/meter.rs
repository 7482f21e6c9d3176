//! Paying for regions (docs/FUEL.md): the one difference between an op and its metered twin.

use core::hint::cold_path;
use rotifer_bytecode::Word;

use super::regs::{Dispatcher, Exit, Handler, Leave, Regs};

/// Whether a handler pays for what it goes to.
pub(crate) trait Meter {
    /// Whether it does.
    const PAYS: bool = Self::WORDS > 0;
    /// Words of the cell that costs take.
    const WORDS: usize;

    /// Goes on at `to`, which is owed for as `what` says, with the costs at `costs`.
    ///
    /// # Safety
    /// I-CELL for `to`; I-CODE for `costs`, if this pays.
    unsafe fn go<D: Dispatcher, W: What>(r: &mut Regs, to: *const Word, costs: *const Word) -> D::Out;
}

/// Where execution is about to go, as to costs.
pub(crate) trait What {
    /// Which of the two costs is owed.
    const INDEX: usize;
    /// How the dispatcher is left if the fuel does not suffice.
    type Leave: Handler;
}

macro_rules! whats {
    ($( $(#[$doc:meta])* $name:ident $index:literal $exit:ident; )*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl What for $name {
            const INDEX: usize = $index;
            type Leave = Leave<{ Exit::$exit }>;
        }
    )*};
}

whats! {
    /// To the target before the costs.
    ByCell 0 FUEL_CELL;
    /// To the innermost loop.
    ByLoop 0 FUEL_LOOP;
    /// To what is behind the costs.
    Behind 1 FUEL_BEHIND;
    /// Into the function whose header has the costs.
    Entry 0 FUEL_ENTRY;
}

/// Nothing costs anything.
pub(crate) struct Free;

impl Meter for Free {
    const WORDS: usize = 0;

    #[inline(always)]
    unsafe fn go<D: Dispatcher, W: What>(r: &mut Regs, to: *const Word, _: *const Word) -> D::Out {
        r.pc = to;
        // SAFETY: promised by the caller.
        unsafe { D::next(r) }
    }
}

/// The fuel register pays.
pub(crate) struct Metered;

impl Meter for Metered {
    const WORDS: usize = 1;

    #[inline(always)]
    unsafe fn go<D: Dispatcher, W: What>(r: &mut Regs, to: *const Word, costs: *const Word) -> D::Out {
        // SAFETY: promised by the caller.
        unsafe {
            let (left, is_short) = (r.fuel as u32).overflowing_sub((*costs).pair[W::INDEX]);
            r.fuel = u64::from(left);
            if is_short {
                cold_path();
                r.pc = costs;
                return D::divert::<W::Leave>(r);
            }
            r.pc = to;
            D::next(r)
        }
    }
}
