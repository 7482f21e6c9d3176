//! [`StateType`]: what the states of a module have in common.

use crate::FeatureFingerprint;
use alloc::vec::Vec;
use rotifer_core::{GlobalIdx, MemIdx, MemoryType, TableIdx, TableType, ValType};

/// What every state of a module is like: what a serialized one is checked against.
#[derive(Clone, Debug)]
pub struct StateType {
    /// The hash of the module's bytes.
    pub module: [u8; 32],
    /// What the engine lets modules use.
    pub features: FeatureFingerprint,
    /// How many functions the module has, imports included.
    pub functions: u32,
    /// Its memories, in the order of their indices.
    pub memories: Vec<(MemIdx, MemoryType)>,
    /// The types of its mutable globals, in the order of their indices.
    pub globals: Vec<(GlobalIdx, ValType)>,
    /// Its tables, in the order of their indices.
    pub tables: Vec<(TableIdx, TableType)>,
    /// How many data segments it has.
    pub data_segments: u32,
    /// How many element segments it has.
    pub element_segments: u32,
    /// How many bytes its memories may have together. Who cannot have so large an instance need not read its state.
    pub max_memory_bytes: u64,
}
