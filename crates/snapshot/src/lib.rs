//! States of WebAssembly instances as data.
//!
//! A [`State`] is everything about an instance that can influence what it does later. The contents of its memories
//! are [`Pages`], which states share as long as they do not change, so that the next state of an instance costs as
//! much as was written since the last. [`State::hash`] is equal for equal states on every machine; a [`History`] keeps
//! states to go back to; a [`PageStore`] finds what the states of different instances have in common. [`State::serialize`] and [`State::deserialize`] are for files.
//!
//! Nothing here knows how an instance is made of: taking a state from one and putting it back is the business of who
//! uses this crate.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod cached_hash;
mod call;
mod delta;
mod deserialize;
mod footprint;
mod format;
mod history;
mod page;
mod page_store;
mod pages;
mod serialize;
mod state;
mod state_hash;
mod state_type;

pub use rotifer_core::{FuncIdx, GlobalIdx, MemIdx, TableIdx, WasmOffset};

pub use self::{
    call::{CallCause, CallState, FrameState, MeteringFingerprint},
    footprint::Footprint,
    format::{DeserializeError, Section},
    history::{History, HistoryConfig, HistoryError},
    page::PAGE_SIZE,
    page_store::PageStore,
    pages::Pages,
    state::{FeatureFingerprint, GlobalState, MemoryState, SegmentSet, State, TableState, Value},
    state_hash::StateHash,
    state_type::StateType,
};
