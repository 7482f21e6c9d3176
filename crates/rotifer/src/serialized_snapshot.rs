//! Snapshots as bytes, and hashes of them.

use alloc::vec::Vec;

use rotifer_core::{GlobalIdx, MemIdx, TableIdx};
use rotifer_snapshot::{State, StateHash, StateType};

use crate::{
    AsContextMut, DeserializeError, Error, Instance, Module, Snapshot, SnapshotError, SnapshotSection,
    suspended_calls::{Plan, Unfit},
};

/// How large the memories of a snapshot may be together, unless somebody says otherwise: the list of their pages alone
/// takes 1/4096 of that.
const MAX_MEMORY_BYTES: u64 = 1 << 36;

impl Snapshot {
    /// The snapshot as bytes, for [`Snapshot::deserialize`], equal for equal snapshots. Pages of zeros take none. The form is
    /// specified in docs/SNAPSHOT.md.
    pub fn serialize(&self) -> Vec<u8> {
        self.state().serialize()
    }

    /// Gives the bytes of [`Snapshot::serialize`] to `write`, piece by piece, so that they need not be in memory at once:
    /// with `|bytes| file.write_all(bytes)` they go to a file.
    ///
    /// # Errors
    /// The first one of `write`.
    pub fn serialize_to<E>(&self, write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.state().serialize_to(write)
    }

    /// The snapshot of which [`Snapshot::serialize`] made these bytes, here or elsewhere: in another process, on another
    /// machine.
    ///
    /// Bytes from anywhere can be given to this: what is accepted is a state that an instance of the module can have. That
    /// the bytes are those that somebody one trusts has made is another question, which only a signature can answer.
    ///
    /// # Errors
    /// The bytes are no snapshot, one in a version that is not known, one of another module or of an engine with other
    /// features, or they were changed ([`DeserializeError`]). Its memories have more than 64 GiB
    /// together. It has suspended calls, and the engine does not count fuel and interrupts like the one that took it
    /// ([`SnapshotError::ForeignMetering`]).
    pub fn deserialize(module: &Module, bytes: &[u8]) -> Result<Self, Error> {
        Self::deserialize_within(module, bytes, MAX_MEMORY_BYTES)
    }

    /// As [`Snapshot::deserialize`], if its memories have no more than so many bytes together.
    ///
    /// # Errors
    /// As for [`Snapshot::deserialize`].
    pub fn deserialize_within(module: &Module, bytes: &[u8], max_memory_bytes: u64) -> Result<Self, Error> {
        let state = State::deserialize(bytes, &state_type(module, max_memory_bytes))?;
        for call in &*state.calls {
            Plan::new(module.code(), module.engine(), call).map_err(|unfit| match unfit {
                Unfit::Metering => Error::from(SnapshotError::ForeignMetering),
                Unfit::Call(reason) => {
                    DeserializeError::Corrupt { section: SnapshotSection::Calls, reason }.into()
                }
            })?;
        }
        Ok(state.into())
    }

    /// A hash that is the same for equal states, on every machine, whatever executes the module and however the state
    /// came about (docs/SNAPSHOT.md). Fuel does not count.
    ///
    /// Pages keep their hashes: hashing the next snapshot of an instance takes time for what was written since the last.
    pub fn state_hash(&self) -> StateHash {
        self.state().hash()
    }

    /// As [`state_hash`](Self::state_hash), but states with different fuel differ.
    pub fn state_hash_with_fuel(&self) -> StateHash {
        self.state().hash_with_fuel()
    }
}

impl Instance {
    /// The hash of the instance's state: [`Snapshot::state_hash`] of a snapshot.
    ///
    /// # Errors
    /// As for [`Instance::snapshot`].
    pub fn state_hash(&self, store: impl AsContextMut) -> Result<StateHash, Error> {
        Ok(self.snapshot(store)?.state_hash())
    }
}

/// What states of a module are like.
fn state_type(module: &Module, max_memory_bytes: u64) -> StateType {
    let sections = &module.code().module;
    let memories = (0..).map(MemIdx).zip(sections.memories.iter().copied());
    let globals = (0..).map(GlobalIdx).zip(&sections.globals).filter(|(_, ty)| ty.is_mutable());
    let tables = (0..).map(TableIdx).zip(sections.tables.iter().copied());
    StateType {
        module: module.hash(),
        features: module.engine().fingerprint(),
        functions: sections.functions.len() as u32,
        memories: memories.collect(),
        globals: globals.map(|(index, ty)| (index, ty.content)).collect(),
        tables: tables.collect(),
        data_segments: sections.data.len() as u32,
        element_segments: sections.elements.len() as u32,
        max_memory_bytes,
    }
}
