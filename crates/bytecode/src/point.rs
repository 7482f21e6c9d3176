//! [`Point`]: where a call can be suspended, in terms of WebAssembly and of a function's code.
//!
//! Nothing of this is kept with code. Who needs it has the function's body walked over again and says what is
//! [`Wanted`].

use alloc::vec::Vec;
use rotifer_core::{ValType, WasmOffset};

/// What execution is about to do at a point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PointKind {
    /// To go on with the operator at the offset, `else` and `end` being operators: a region or the body of a loop begins
    /// there, or a call has returned.
    Next,
    /// To do what the growth or bulk operator at the offset does. What it costs by itself is paid.
    Bulk,
    /// To get the results of the call at the offset.
    Call,
}

/// How a point is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum At {
    /// By the operator.
    Offset(WasmOffset),
    /// By the position of the cell at which execution goes on. For points of the kind [`PointKind::Next`].
    Cell(u32),
}

/// A point that is looked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Wanted {
    /// Its kind.
    pub kind: PointKind,
    /// Where it is.
    pub at: At,
    /// How many operands it must have, if that is known.
    pub operands: Option<u32>,
}

/// Where an operand is found in its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recipe {
    /// In its own slot.
    Own(u16),
    /// In the slot of a local, of the same type or one with the same bits.
    Local(u16),
    /// In the code.
    Const(u64),
    /// The i32 sum of two locals.
    Sum(u16, u16),
    /// The i32 sum of a local and a constant.
    Displaced(u16, u32),
}

/// A point.
#[derive(Clone, Debug)]
pub struct Point {
    /// Its kind.
    pub kind: PointKind,
    /// The operator.
    pub offset: WasmOffset,
    /// The position of the cell at which execution goes on.
    pub position: u32,
    /// What the region costs that begins there.
    pub cost: u32,
    /// Whether it is before the declared locals are made zero.
    pub is_entry: bool,
    /// Types and places of the operands, lowest first. Empty if the point was named by a cell.
    pub operands: Vec<(ValType, Recipe)>,
    /// Of a call: the slot at which the callee's frame begins.
    pub frame: u16,
    /// Of a call: the types of its results.
    pub results: Vec<ValType>,
    /// The slot that the accumulator has a copy of, if the code behind relies on it.
    pub acc: Option<u16>,
    /// The same for the accumulator of floats.
    pub facc: Option<u16>,
    /// The position that the loop register has, if the code behind relies on it.
    pub loop_body: Option<u32>,
}

/// Points of a function that were found.
#[derive(Debug, Default)]
pub struct Points {
    /// The types of the locals, parameters first.
    pub locals: Vec<ValType>,
    /// How many slots a frame has.
    pub frame_slots: u32,
    /// The points, in the order of the body.
    pub points: Vec<Point>,
}
