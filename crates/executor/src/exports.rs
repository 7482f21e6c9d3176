//! [`ExportIndex`]: finds exports by name.

use core::hash::BuildHasher;
use hashbrown::{DefaultHashBuilder, HashTable};
use rotifer_validator::{Export, ExportItem, Module};

/// The exports of a module by name. The names stay in the module's bytes.
#[derive(Debug)]
pub(crate) struct ExportIndex {
    /// Positions in the module's exports.
    positions: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl ExportIndex {
    pub(crate) fn new(module: &Module, bytes: &[u8]) -> Self {
        let hasher = DefaultHashBuilder::default();
        let mut positions = HashTable::with_capacity(module.exports.len());
        let hash = |&position: &u32| {
            let export: &Export = &module.exports[position as usize];
            hasher.hash_one(export.name.of(bytes))
        };
        for position in 0..module.exports.len() as u32 {
            positions.insert_unique(hash(&position), position, hash);
        }
        Self { positions, hasher }
    }

    pub(crate) fn find(&self, module: &Module, bytes: &[u8], name: &str) -> Option<ExportItem> {
        let name = name.as_bytes();
        let same = |&position: &u32| module.exports[position as usize].name.of(bytes) == name;
        let &position = self.positions.find(self.hasher.hash_one(name), same)?;
        Some(module.exports[position as usize].item)
    }
}
