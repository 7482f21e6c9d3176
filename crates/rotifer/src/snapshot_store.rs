//! [`SnapshotStore`]: pages that snapshots of different instances share.

use alloc::sync::Arc;

use rotifer_snapshot::{PageStore, State};

use crate::{Snapshot, sync::RwLock};

/// Makes equal pages of snapshots one: those of different instances of a module, and those that come again.
///
/// Snapshots of one instance share what does not change between them without it. The store finds pages by their
/// contents and keeps none alive. Clones are the same store.
#[derive(Clone, Default, Debug)]
pub struct SnapshotStore(Arc<RwLock<PageStore>>);

impl SnapshotStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same snapshot, which shares pages with all others that went through this store.
    pub fn share(&self, snapshot: &Snapshot) -> Snapshot {
        self.intern(snapshot.state().clone(), None).into()
    }

    /// The same state; pages that `known` has in the same places, which went through this store, are not looked at.
    pub(crate) fn intern(&self, state: State, known: Option<&State>) -> State {
        self.0.write().intern(state, known)
    }

    /// How many pages it knows. Some may be those of snapshots that are gone.
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether it knows no page.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the pages of snapshots that are gone. The store does so as it goes; until then it keeps their memory, about as
    /// much as that of pages that are used.
    pub fn sweep(&self) {
        self.0.write().sweep();
    }
}
