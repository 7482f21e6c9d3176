//! What can be seen of a run from outside: the oracle and the engine must agree on it.

use crate::Value;
use rotifer_core::TrapCode;

/// An instruction: where execution stopped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The function's index, imports counted.
    pub func: u32,
    /// The byte offset in the module.
    pub offset: usize,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The host was called.
    Host {
        /// The index of the imported function.
        import: u32,
        /// The arguments.
        args: Vec<Value>,
        /// The fuel that the host saw.
        fuel: u64,
    },
    /// Fuel ran out.
    OutOfFuel {
        /// What must be there to go on.
        required: u64,
        /// The first instruction of the region that could not be paid, but for those that cost nothing; or
        /// the one whose length could not be paid.
        place: Place,
        /// The calls that are active there, innermost first.
        callers: Vec<Place>,
        /// The fuel that is there.
        fuel: u64,
    },
    /// A trap.
    Trap {
        /// Why.
        code: TrapCode,
        /// The instruction that trapped; none where the embedder refused growth.
        place: Option<Place>,
        /// The calls that were active there, innermost first.
        callers: Vec<Place>,
        /// The fuel that is left.
        fuel: u64,
    },
    /// A host function failed.
    HostFailed {
        /// The fuel that is left.
        fuel: u64,
    },
    /// The call returned.
    Return {
        /// The results.
        values: Vec<Value>,
        /// The fuel that is left.
        fuel: u64,
    },
}

impl Event {
    /// The fuel that was there after the event.
    pub fn fuel(&self) -> u64 {
        match *self {
            Self::Host { fuel, .. }
            | Self::OutOfFuel { fuel, .. }
            | Self::Trap { fuel, .. }
            | Self::HostFailed { fuel }
            | Self::Return { fuel, .. } => fuel,
        }
    }
}
