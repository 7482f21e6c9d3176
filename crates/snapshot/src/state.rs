//! [`State`]: everything about an instance that can influence what it does later.
//!
//! The state of an instance at rest, as data: it names no store, no instance and no address, so that it can be put
//! back into the instance it was taken from, into another one of the same module, or into a file. Items are named by
//! their indices in the module, imports included: an imported memory, table or mutable global is part of the state,
//! because what an instance does depends on it. So are functions: a reference is an index in the instance's functions.
//!
//! Not part of a state are translated code, what belongs to the host, and what never changes.

use crate::{CallState, Footprint, Pages, footprint::slice_held};
use alloc::sync::Arc;
use core::fmt;
use rotifer_core::{Features, FuncIdx, GlobalIdx, MemIdx, RefType, TableIdx, ValType};

/// The complete state of an instance at rest. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The hash of the module's bytes.
    pub module: [u8; 32],
    /// What the engine lets modules use.
    pub features: FeatureFingerprint,
    /// All memories, in the order of their indices.
    pub memories: Arc<[MemoryState]>,
    /// The mutable globals, in the order of their indices.
    pub globals: Arc<[GlobalState]>,
    /// All tables, in the order of their indices.
    pub tables: Arc<[TableState]>,
    /// The data segments that were dropped.
    pub dropped_data: SegmentSet,
    /// The element segments that were dropped.
    pub dropped_elements: SegmentSet,
    /// The fuel that was left, where it was counted.
    pub fuel: Option<u64>,
    /// The calls that are suspended.
    pub calls: Arc<[CallState]>,
}

impl State {
    /// Bytes allocated; what parts of the state share is counted once. [`Footprint`] counts what several states share.
    pub fn bytes(&self) -> usize {
        let mut footprint = Footprint::default();
        footprint.add_state(self);
        footprint.bytes()
    }

    /// Whether the two can be states of one instance at different times.
    pub(crate) fn is_of_same_module(&self, other: &Self) -> bool {
        let memories = self.memories.iter().map(|memory| (memory.index, memory.page_size_log2));
        self.module == other.module
            && memories.eq(other.memories.iter().map(|memory| (memory.index, memory.page_size_log2)))
    }

    /// Shares with `other` what is equal, besides memories.
    pub(crate) fn share_items(&mut self, other: &Self) {
        share(&mut self.globals, &other.globals);
        share(&mut self.tables, &other.tables);
        share(&mut self.dropped_data.words, &other.dropped_data.words);
        share(&mut self.dropped_elements.words, &other.dropped_elements.words);
        share(&mut self.calls, &other.calls);
    }

    /// How much is allocated for this state that it does not share with `other`, a state of the same module, in the
    /// same places.
    pub(crate) fn bytes_beside(&self, other: Option<&Self>) -> usize {
        let memories = self.memories.iter().enumerate().map(|(place, memory)| {
            let other = other.and_then(|other| other.memories.get(place));
            memory.contents.bytes_beside(other.map(|memory| &memory.contents))
        });
        let tables = self.tables.iter().enumerate().map(|(place, table)| {
            let other = other.and_then(|other| other.tables.get(place));
            slice_beside(&table.elements, other.map(|table| &table.elements))
        });
        slice_beside(&self.memories, other.map(|other| &other.memories))
            + memories.sum::<usize>()
            + slice_beside(&self.globals, other.map(|other| &other.globals))
            + slice_beside(&self.tables, other.map(|other| &other.tables))
            + tables.sum::<usize>()
            + slice_beside(&self.dropped_data.words, other.map(|other| &other.dropped_data.words))
            + slice_beside(&self.dropped_elements.words, other.map(|other| &other.dropped_elements.words))
            + self.bytes_of_calls(other)
    }

    fn bytes_of_calls(&self, other: Option<&Self>) -> usize {
        if other.is_some_and(|other| Arc::ptr_eq(&self.calls, &other.calls)) {
            return 0;
        }
        slice_held(&self.calls) + self.calls.iter().map(CallState::bytes).sum::<usize>()
    }

    pub(crate) fn count(&self, footprint: &mut Footprint) {
        if footprint.add_slice(&self.memories) {
            self.memories.iter().for_each(|memory| memory.contents.count(footprint));
        }
        footprint.add_slice(&self.globals);
        if footprint.add_slice(&self.tables) {
            for table in &*self.tables {
                footprint.add_slice(&table.elements);
            }
        }
        footprint.add_slice(&self.dropped_data.words);
        footprint.add_slice(&self.dropped_elements.words);
        if footprint.add_slice(&self.calls) {
            self.calls.iter().for_each(|call| call.count(footprint));
        }
    }
}

/// How much is allocated for a slice, unless it is `other`.
fn slice_beside<T>(slice: &Arc<[T]>, other: Option<&Arc<[T]>>) -> usize {
    if other.is_some_and(|other| Arc::ptr_eq(slice, other)) { 0 } else { slice_held(slice) }
}

/// Makes two slices one, if they are equal.
fn share<T: PartialEq>(slice: &mut Arc<[T]>, other: &Arc<[T]>) {
    if slice == other {
        *slice = other.clone();
    }
}

/// A memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryState {
    /// Which memory.
    pub index: MemIdx,
    /// The logarithm of the size of a page of WebAssembly, in which memories grow: 16, or 0 with custom page sizes.
    pub page_size_log2: u8,
    /// All bytes up to its size.
    pub contents: Pages,
}

/// A mutable global.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GlobalState {
    /// Which global.
    pub index: GlobalIdx,
    /// Its value.
    pub value: Value,
}

/// A table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableState {
    /// Which table.
    pub index: TableIdx,
    /// The type of its elements.
    pub ty: RefType,
    /// The functions they refer to; null otherwise. As many as the table has. References to objects of the host other
    /// than null cannot be part of a state.
    pub elements: Arc<[Option<FuncIdx>]>,
}

/// The value of a global, a local or an operand, bit by bit: NaNs are as they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A 32-bit integer.
    I32(u32),
    /// A 64-bit integer.
    I64(u64),
    /// The bits of a 32-bit float.
    F32(u32),
    /// The bits of a 64-bit float.
    F64(u64),
    /// The bits of a vector.
    V128(u128),
    /// A reference to a function, or null.
    Func(Option<FuncIdx>),
    /// The null reference to an object of the host.
    NullExtern,
}

impl Value {
    /// The type of the value.
    pub const fn ty(self) -> ValType {
        match self {
            Self::I32(_) => ValType::I32,
            Self::I64(_) => ValType::I64,
            Self::F32(_) => ValType::F32,
            Self::F64(_) => ValType::F64,
            Self::V128(_) => ValType::V128,
            Self::Func(_) => ValType::FUNCREF,
            Self::NullExtern => ValType::EXTERNREF,
        }
    }
}

/// A set of segments of a module.
#[derive(Clone, PartialEq, Eq)]
pub struct SegmentSet {
    len: u32,
    /// A bit for each segment, the first one the lowest of the first word. Bits that belong to no segment are 0.
    words: Arc<[u64]>,
}

impl SegmentSet {
    const BITS: u32 = u64::BITS;

    /// How many segments the module has, in the set or not.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Whether the module has no segment.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a segment is in the set.
    pub fn contains(&self, segment: u32) -> bool {
        let word = self.words.get((segment / Self::BITS) as usize);
        word.is_some_and(|word| word >> (segment % Self::BITS) & 1 != 0)
    }

    /// A bit for each segment, the first one the lowest of the first word. Other bits are 0.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Whether each segment is in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = bool> {
        (0..self.len).map(|segment| self.contains(segment))
    }
}

/// From whether each segment of the module is in the set, in order. A module has no more than 2³² segments; more are
/// left out.
impl FromIterator<bool> for SegmentSet {
    fn from_iter<I: IntoIterator<Item = bool>>(segments: I) -> Self {
        let mut len = 0;
        let mut words = alloc::vec::Vec::new();
        for is_in_set in segments.into_iter().take(u32::MAX as usize) {
            if len % Self::BITS == 0 {
                words.push(0);
            }
            if let Some(word) = words.last_mut() {
                *word |= u64::from(is_in_set) << (len % Self::BITS);
            }
            len += 1;
        }
        Self { len, words: words.into() }
    }
}

impl fmt::Debug for SegmentSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries((0..self.len).filter(|&segment| self.contains(segment))).finish()
    }
}

/// Which parts of WebAssembly an engine lets modules use. States are for engines that let them use the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FeatureFingerprint(pub [u8; 32]);

impl FeatureFingerprint {
    /// The fingerprint of a set of features. A feature that a later version adds, and that is off, does not change it.
    pub fn new(features: &Features) -> Self {
        let mut names: alloc::vec::Vec<&str> =
            features.iter().filter_map(|(name, is_enabled)| is_enabled.then_some(name)).collect();
        names.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for name in names {
            hasher.update(name.as_bytes()).update(b"\n");
        }
        Self(*hasher.finalize().as_bytes())
    }
}
