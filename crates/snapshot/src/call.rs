//! [`CallState`]: a call that is suspended, as data.
//!
//! It is told in terms of WebAssembly: functions, offsets of operators, values of locals and operands. Nothing of it
//! depends on how the code was translated or what executes it.

use crate::{Footprint, Value, footprint::slice_held};
use alloc::sync::Arc;
use rotifer_core::{FUEL_VERSION, FuelCosts, FuncIdx, WasmOffset};

/// A suspended call. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallState {
    /// What the engine counts.
    pub metering: MeteringFingerprint,
    /// Why it is suspended.
    pub cause: CallCause,
    /// How deep the outermost frame is nested, counted from 1; 0 if there is none.
    pub depth: u32,
    /// The frames of WebAssembly functions, innermost first.
    pub frames: Arc<[FrameState]>,
}

/// Why a call is suspended, and with that where its innermost frame stands.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CallCause {
    /// Before the operator, for lack of so much fuel.
    Fuel(u64),
    /// At a growth or bulk operator whose own cost is paid, for lack of so much fuel for what it is about to do.
    BulkFuel(u64),
    /// Before the operator, because of an interrupt.
    Interrupted,
    /// Before the operator, because of a deadline.
    DeadlineExceeded,
    /// At a call, for the results of a host function.
    Host {
        /// The function.
        func: FuncIdx,
        /// Its arguments.
        args: Arc<[Value]>,
    },
}

/// A frame of a suspended call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameState {
    /// The function.
    pub func: FuncIdx,
    /// Where the operator is in the module that is next, or that has called the frame above: `else` and `end` are
    /// operators.
    pub offset: WasmOffset,
    /// The values of the locals, parameters first.
    pub locals: Arc<[Value]>,
    /// The values of the operands, lowest first. Of a frame that has called, without the arguments.
    pub operands: Arc<[Value]>,
}

impl CallState {
    pub(crate) fn count(&self, footprint: &mut Footprint) {
        if let CallCause::Host { args, .. } = &self.cause {
            footprint.add_slice(args);
        }
        if footprint.add_slice(&self.frames) {
            for frame in &*self.frames {
                footprint.add_slice(&frame.locals);
                footprint.add_slice(&frame.operands);
            }
        }
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        let args = match &self.cause {
            CallCause::Host { args, .. } => slice_held(args),
            _ => 0,
        };
        let frames = self.frames.iter().map(|frame| slice_held(&frame.locals) + slice_held(&frame.operands));
        args + slice_held(&self.frames) + frames.sum::<usize>()
    }
}

/// What an engine counts, and what it costs. Suspended calls go on where the same is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MeteringFingerprint(pub [u8; 32]);

impl MeteringFingerprint {
    /// Where nothing is counted and calls cannot be interrupted.
    pub fn off() -> Self {
        Self::new(0, &[])
    }

    /// Where calls can be interrupted.
    pub fn interrupts() -> Self {
        Self::new(1, &[])
    }

    /// Where fuel is counted.
    pub fn fuel(costs: &FuelCosts) -> Self {
        let (bytes, elements) = costs.per_fuel();
        let numbers = [FUEL_VERSION, bytes.get(), elements.get()].map(u32::to_le_bytes);
        Self::new(2, &[numbers.as_flattened(), costs.table()])
    }

    fn new(kind: u8, parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"rotifer metering 1\n").update(&[kind]);
        for part in parts {
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }
}
