//! [`History`]: the states of an instance at earlier times, to go back to.
//!
//! The last few states are kept as they are: they share their pages, so that each costs as many pages as were written,
//! and going back to one of them takes no more than finding it. A state that gets older is *demoted*: of its memories
//! only the words are kept that differ from its successor's ([`Delta`]). Going back to it undoes what happened since, as far
//! as the oldest state that is whole.
//!
//! Each call of `record` demotes at most one state and, as long as no bound is lowered, drops as many as it must to
//! make room for one.

use crate::{MemoryState, State, delta::Delta};
use alloc::{boxed::Box, collections::VecDeque};
use core::{fmt, mem};

/// The bounds of a [`History`].
#[derive(Clone, Copy, Debug)]
pub struct HistoryConfig {
    /// How many ticks are kept at most. The oldest are dropped first. Default: 120.
    pub capacity: usize,
    /// How many bytes are kept at most. The oldest ticks are dropped first. Default: no bound.
    pub max_bytes: usize,
    /// How many of the last ticks are kept whole. Default: 10, so that those of a window of eight, as rollback netcode
    /// has it, are among them when the next one has been recorded.
    pub dense: usize,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self { capacity: 120, max_bytes: usize::MAX, dense: 10 }
    }
}

/// Why a state was not recorded or not found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HistoryError {
    /// Nothing is recorded for this tick: it never was, or it was dropped.
    TickNotFound {
        /// The tick that was asked for.
        tick: u64,
        /// The oldest and the newest tick there are.
        recorded: Option<(u64, u64)>,
    },
    /// The state is not one of the module whose states are recorded.
    ForeignModule,
    /// The state alone takes more memory than the history may.
    TooLarge {
        /// How much it takes.
        bytes: usize,
        /// [`HistoryConfig::max_bytes`].
        max_bytes: usize,
    },
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TickNotFound { tick, recorded: Some((oldest, newest)) } => {
                write!(f, "tick {tick} is not in the history, which has some from {oldest} to {newest}")
            }
            Self::TickNotFound { tick, recorded: None } => {
                write!(f, "tick {tick} is not in the history, which is empty")
            }
            Self::ForeignModule => {
                f.write_str("the history has states of another module; a history is for one instance")
            }
            Self::TooLarge { bytes, max_bytes } => {
                write!(f, "a state of {bytes} bytes does not fit into a history of at most {max_bytes} bytes")
            }
        }
    }
}

impl core::error::Error for HistoryError {}

/// The states of an instance by tick.
#[derive(Debug, Default)]
pub struct History {
    config: HistoryConfig,
    /// The older ones, in the order of ticks. None if nothing is whole.
    demoted: VecDeque<Demoted>,
    /// The last ones, in the order of ticks.
    whole: VecDeque<Whole>,
    /// What all of them take.
    bytes: usize,
}

#[derive(Debug)]
struct Whole {
    tick: u64,
    state: State,
    /// How much it takes.
    bytes: usize,
    /// How much of that it did not share with its predecessor.
    own_bytes: usize,
}

/// A state whose memories are known by what became of them.
#[derive(Debug)]
struct Demoted {
    tick: u64,
    /// The state without its memories.
    rest: State,
    /// One for each memory.
    memories: Box<[Delta]>,
    /// How much it takes that it does not share with its successor.
    bytes: usize,
}

impl Whole {
    fn new(tick: u64, mut state: State, predecessor: Option<&Self>) -> Self {
        if let Some(Self { state: predecessor, .. }) = predecessor {
            state.share_items(predecessor);
        }
        let own_bytes = size_of::<Self>() + state.bytes_beside(predecessor.map(|whole| &whole.state));
        // How much the whole state takes is known from its predecessor, which shares most of it.
        let shared =
            predecessor.map_or(0, |whole| whole.bytes - size_of::<Self>() - whole.bytes_beside(&state));
        Self { tick, state, bytes: shared + own_bytes, own_bytes }
    }

    fn bytes_beside(&self, successor: &State) -> usize {
        self.state.bytes_beside(Some(successor))
    }
}

impl Demoted {
    fn new(tick: u64, mut state: State, successor: &State) -> Self {
        let old = mem::take(&mut state.memories);
        let pairs = old.iter().zip(&*successor.memories);
        let memories: Box<[_]> = pairs.map(|(old, new)| Delta::new(&old.contents, &new.contents)).collect();
        let deltas = size_of_val(&*memories) + memories.iter().map(Delta::held).sum::<usize>();
        let bytes = size_of::<Self>() + deltas + state.bytes_beside(Some(successor));
        Self { tick, rest: state, memories, bytes }
    }
}

impl History {
    /// An empty history.
    pub fn new(config: HistoryConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// The bounds.
    pub fn config(&self) -> &HistoryConfig {
        &self.config
    }

    /// Records the state at a tick, which becomes the newest: what was recorded for it or for later ones is dropped.
    /// Ticks need not be consecutive.
    ///
    /// # Errors
    /// The state is one of another module, or does not fit alone. The history is as before.
    pub fn record(&mut self, tick: u64, state: State) -> Result<(), HistoryError> {
        let newest = self.whole.back();
        if newest.is_some_and(|newest| !newest.state.is_of_same_module(&state)) {
            return Err(HistoryError::ForeignModule);
        }
        let mut new = Whole::new(tick, state, newest);
        let max_bytes = self.config.max_bytes;
        if new.bytes > max_bytes {
            return Err(HistoryError::TooLarge { bytes: new.bytes, max_bytes });
        }
        if newest.is_some_and(|newest| newest.tick >= tick) {
            self.drop_from(tick);
            new = Whole::new(tick, new.state, self.whole.back());
        }
        self.bytes += new.own_bytes;
        self.whole.push_back(new);
        while self.whole.len() > self.config.dense.max(1) {
            self.demote();
        }
        while self.len() > self.config.capacity.max(1) || self.bytes > max_bytes && self.len() > 1 {
            self.drop_oldest();
        }
        Ok(())
    }

    /// Demotes the oldest whole state, unless it is the newest.
    fn demote(&mut self) {
        let Some(old) = self.whole.pop_front() else { return };
        let Some(successor) = self.whole.front() else {
            return self.whole.push_front(old);
        };
        self.bytes -= size_of::<Whole>() + old.bytes_beside(&successor.state);
        let demoted = Demoted::new(old.tick, old.state, &successor.state);
        self.bytes += demoted.bytes;
        self.demoted.push_back(demoted);
    }

    fn drop_oldest(&mut self) {
        if let Some(demoted) = self.demoted.pop_front() {
            self.bytes -= demoted.bytes;
        } else if let Some(whole) = self.whole.pop_front() {
            self.bytes -= match self.whole.front() {
                Some(successor) => size_of::<Whole>() + whole.bytes_beside(&successor.state),
                None => self.bytes,
            };
        }
    }

    /// Drops `tick` and what is later.
    fn drop_from(&mut self, tick: u64) {
        match self.ticks().take_while(|&earlier| earlier < tick).last() {
            // The one before becomes the newest.
            Some(earlier) => drop(self.rollback(earlier)),
            None => self.clear(),
        }
    }

    /// The state at a tick, to be put back into the instance. The tick becomes the newest one: later ones are dropped,
    /// to be recorded anew.
    ///
    /// # Errors
    /// There is nothing for this tick. The history is as before.
    pub fn rollback(&mut self, tick: u64) -> Result<State, HistoryError> {
        self.rollback_with(tick, |state| Ok(state.clone()))
    }

    /// As [`rollback`](Self::rollback), if `put` can put the state back; returns what that returns.
    ///
    /// # Errors
    /// There is nothing for this tick, or `put` fails. The history is as before.
    pub fn rollback_with<T, E: From<HistoryError>>(
        &mut self,
        tick: u64,
        put: impl FnOnce(&State) -> Result<T, E>,
    ) -> Result<T, E> {
        let state = self.get(tick)?;
        let result = put(&state)?;
        while let Some(later) = self.whole.pop_back_if(|newest| newest.tick > tick) {
            self.bytes -= later.own_bytes;
        }
        if self.whole.is_empty() {
            while self.demoted.pop_back_if(|newest| newest.tick >= tick).is_some() {}
            let whole = Whole::new(tick, state, None);
            self.bytes = whole.bytes + self.demoted.iter().map(|demoted| demoted.bytes).sum::<usize>();
            self.whole.push_back(whole);
        }
        Ok(result)
    }

    /// The state at a tick. The history stays as it is.
    ///
    /// # Errors
    /// There is nothing for this tick.
    pub fn get(&self, tick: u64) -> Result<State, HistoryError> {
        if let Ok(place) = self.whole.binary_search_by_key(&tick, |whole| whole.tick) {
            return Ok(self.whole[place].state.clone());
        }
        let place = self.demoted.binary_search_by_key(&tick, |demoted| demoted.tick);
        let (Ok(place), Some(oldest_whole)) = (place, self.whole.front()) else {
            let recorded = self.ticks().next().zip(self.newest().map(|(tick, _)| tick));
            return Err(HistoryError::TickNotFound { tick, recorded });
        };
        let memories = oldest_whole.state.memories.iter().enumerate().map(|(index, memory)| {
            let later = self.demoted.range(place..).rev();
            let deltas = later.filter_map(|demoted| demoted.memories.get(index));
            MemoryState { contents: Delta::undo(deltas, memory.contents.clone()), ..*memory }
        });
        let memories = memories.collect();
        Ok(State { memories, ..self.demoted[place].rest.clone() })
    }

    /// The newest tick and its state.
    pub fn newest(&self) -> Option<(u64, &State)> {
        self.whole.back().map(|whole| (whole.tick, &whole.state))
    }

    /// The ticks that are recorded, in order.
    pub fn ticks(&self) -> impl Iterator<Item = u64> {
        let demoted = self.demoted.iter().map(|demoted| demoted.tick);
        demoted.chain(self.whole.iter().map(|whole| whole.tick))
    }

    /// How many ticks are recorded.
    pub fn len(&self) -> usize {
        self.demoted.len() + self.whole.len()
    }

    /// Whether no tick is recorded.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// Drops the ticks before `tick`: nobody goes back there any more.
    pub fn truncate_before(&mut self, tick: u64) {
        while self.ticks().next().is_some_and(|oldest| oldest < tick) {
            self.drop_oldest();
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.demoted.clear();
        self.whole.clear();
        self.bytes = 0;
    }

    /// Bytes allocated for the states. What neighbours share in the same places is counted once; pages that somebody
    /// shares elsewhere, as a [`PageStore`](crate::PageStore) makes them, are counted as if they did not.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}
