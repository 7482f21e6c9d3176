//! States of WebAssembly instances as data.
//!
//! A [`State`] is everything about an instance that can influence what it does later. The contents of its memories
//! are [`Pages`], which states share as long as they do not change, so that the next state of an instance costs as
//! much as was written since the last.
//!
//! Nothing here knows how an instance is made of: taking a state from one and putting it back is the business of who
//! uses this crate.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod footprint;
mod page;
mod pages;
mod state;

pub use self::{
    footprint::Footprint,
    page::PAGE_SIZE,
    pages::Pages,
    state::{FeatureFingerprint, GlobalState, MemoryState, SegmentSet, State, TableState, Value},
};
