//! The bytecode of Rotifer: the operator table, the ops derived from it and the buffers that hold code.
//!
//! * [`for_each_operator!`] is THE TABLE; [`Operator`] and [`semantics`] are derived from it.
//! * [`OpCode`] numbers our ops: operator times operand form, and [`Special`] ones.
//! * [`CodeBuffer`] is what a translator writes. The executor turns it into something that runs.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod code;
pub mod divisor;
mod float;
mod fused;
mod integer;
mod name;
mod op;
mod operator;
mod point;
mod print;
pub mod semantics;
mod stream;
mod table;

pub use self::{
    code::{
        CodeBuffer, HandlerAddr, HandlerTable, Listed, Operands, RegionStart, Safepoint, Safepoints, Split,
        Word,
    },
    divisor::{DIVISIONS, Divisor},
    fused::{
        Address, BRANCH_LOADS, FIRST_SOURCES, MOVED_ADDRESSES, MOVED_SIZES, PAIRS, Pair, STORED, Stored,
    },
    op::{
        BINARY_FORMS, BINARY_SOURCES, BRANCH_FORMS, COMPARE_FORMS, CallPlace, DIVISION_FORMS, Described,
        Destination, LATCH_COMPARES, LATCH_FORMS, LATCH_SOURCES, LOAD_BRANCH_FORMS, LOAD_FORMS,
        METERED_SPECIALS, NAN_BINARY, NAN_OPERATORS, OP_COUNT, OpCode, PAIR_FORMS, PLACED_CALLS,
        RETURN_SLOTS, ReturnKind, SELECT_FORMS, STORE_FORMS, STORE_SOURCES, STORED_FORMS, SUM_FORMS,
        SUM_SOURCES, SUMS, SlowOp, Source, Special, TEST_FORMS, TRACKED_OPS, Target, UNARY_FORMS,
    },
    operator::{Kind, Operator, Row, fold},
    point::{At, Point, PointKind, Points, Recipe, Wanted},
    print::print,
    stream::{BYTE_STREAMS, STREAM_KINDS, STREAM_OPS, StreamOp, StreamRound, StreamTest},
};
