//! [`History`]: states of an instance at earlier times, to go back to.

use rotifer_snapshot::{self as data, HistoryConfig, HistoryError};

use crate::{AsContextMut, Error, Instance, Snapshot, SnapshotStore};

/// Snapshots of an instance by tick, for going back a little way often: rollback netcode, speculative execution.
///
/// The last ticks are kept whole, older ones as what differs from their successors ([`HistoryConfig`]). In engines that
/// [track writes](crate::Config::track_writes) recording a tick takes time for what was written since the last, in others
/// for the size of the memories.
#[derive(Debug, Default)]
pub struct History {
    states: data::History,
    pages: Option<SnapshotStore>,
}

impl History {
    /// An empty history.
    pub fn new(config: HistoryConfig) -> Self {
        Self { states: data::History::new(config), pages: None }
    }

    /// An empty history whose snapshots share pages with all others that go through a store. Worth it where several
    /// instances of a module have a history each: recording takes longer.
    pub fn with_store(config: HistoryConfig, store: &SnapshotStore) -> Self {
        Self { pages: Some(store.clone()), ..Self::new(config) }
    }

    /// The bounds.
    pub fn config(&self) -> &HistoryConfig {
        self.states.config()
    }

    /// Records the state of the instance at a tick, which becomes the newest: what was recorded for it or for later ones
    /// is dropped. Ticks need not be consecutive.
    ///
    /// # Errors
    /// As for [`Instance::snapshot`]; the instance is one of another module than those before; its state takes more than
    /// [`HistoryConfig::max_bytes`]. The history is as before.
    pub fn record(&mut self, store: impl AsContextMut, instance: Instance, tick: u64) -> Result<(), Error> {
        let mut state = instance.snapshot(store)?.state().clone();
        if let Some(pages) = &self.pages {
            state = pages.intern(state, self.states.newest().map(|(_, newest)| newest));
        }
        Ok(self.states.record(tick, state)?)
    }

    /// Gives the instance the state it had at a tick, apart from the fuel of the store. The tick becomes the newest one:
    /// later ones are dropped, to be recorded anew.
    ///
    /// # Errors
    /// There is nothing for this tick ([`HistoryError::TickNotFound`]); as for [`Instance::restore`]. Nothing has
    /// changed then.
    pub fn rollback(
        &mut self,
        mut store: impl AsContextMut,
        instance: Instance,
        tick: u64,
    ) -> Result<(), Error> {
        self.states.rollback_with(tick, |state| instance.restore(&mut store, &state.clone().into()))
    }

    /// As [`rollback`](Self::rollback); the fuel of the store is what it was, too, if the engine counts fuel.
    ///
    /// # Errors
    /// As for [`rollback`](Self::rollback).
    pub fn rollback_with_fuel(
        &mut self,
        mut store: impl AsContextMut,
        instance: Instance,
        tick: u64,
    ) -> Result<(), Error> {
        self.states.rollback_with(tick, |state| instance.restore_with_fuel(&mut store, &state.clone().into()))
    }

    /// The snapshot of a tick. The history stays as it is.
    ///
    /// # Errors
    /// There is nothing for this tick.
    pub fn get(&self, tick: u64) -> Result<Snapshot, HistoryError> {
        self.states.get(tick).map(Snapshot::from)
    }

    /// The ticks that are recorded, in order.
    pub fn ticks(&self) -> impl Iterator<Item = u64> {
        self.states.ticks()
    }

    /// How many ticks are recorded.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether no tick is recorded.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Drops the ticks before `tick`: nobody goes back there any more.
    pub fn truncate_before(&mut self, tick: u64) {
        self.states.truncate_before(tick);
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.states.clear();
    }

    /// Bytes allocated for the states. What they share with others through a [`SnapshotStore`] is counted as their own.
    pub fn bytes(&self) -> usize {
        self.states.bytes()
    }
}
