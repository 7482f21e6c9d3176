//! The binary reader, the validator and the walk over function bodies.
//!
//! * [`Module::read`] reads all sections and validates everything but function bodies.
//! * [`walk()`] goes over one body: it decodes, validates and drives a [`Client`] in a single pass.
//!   `walk::<(), true>` validates and nothing else.
//! * [`Module::validate_bodies`] and [`Module::read_validated`] validate whole modules.
//!
//! The verdict is that of `wasmparser` with the same features; the tests hold the two against each other.
//! Messages begin with the text that the specification's tests expect. Nothing here recurses on input, and
//! nothing allocates more than the bytes that are present justify.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod client;
mod const_expr;
mod counts;
mod error;
mod locals;
mod module;
mod names;
mod no_client;
mod operand_types;
mod packed_type;
mod reader;
mod sections;
mod segments;
mod signature;
mod type_reader;
mod walk;

pub use self::{
    client::{BodyContext, BulkOp, Client, ControlFrame, ControlStack, FrameKind, MemArg, View},
    counts::Counts,
    error::{Error, ErrorKind},
    module::{
        ConstExpr, ConstOp, DataSegment, ElementItems, ElementSegment, Export, ExportItem, Import,
        ImportType, Module, SegmentMode, Span,
    },
    names::Names,
    sections::Trust,
    segments::ElementItem,
    walk::{Scratch, WalkContext, WalkError, walk},
};
