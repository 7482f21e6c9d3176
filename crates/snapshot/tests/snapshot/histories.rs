//! Histories: whatever is recorded comes back, whole or demoted, and memory is accounted for.

use crate::{example, random::Random};
use rotifer_core::GlobalIdx;
use rotifer_snapshot::{
    Footprint, GlobalState, History, HistoryConfig, HistoryError, MemoryState, PAGE_SIZE, PageStore, Pages,
    State, Value,
};
use std::{collections::BTreeMap, iter};

/// An instance for tests: a memory and a global, and the state it was last recorded in.
struct Machine {
    random: Random,
    data: Vec<u8>,
    last: State,
}

impl Machine {
    fn new(seed: u64, len: usize) -> Self {
        let mut random = Random::new(seed);
        let data = random.bytes(len);
        let state = example::state();
        let memory = MemoryState { contents: Pages::new(&data), ..state.memories[0].clone() };
        let memories = [memory, state.memories[1].clone()].into();
        Self { random, data, last: State { memories, ..state } }
    }

    /// Writes here and there, grows or shrinks now and then, and counts.
    fn step(&mut self) -> State {
        if self.random.below(8) == 0 {
            let len = self.random.below(64 * PAGE_SIZE);
            self.data.resize(len, 0);
        }
        let mut changed = Vec::new();
        for _ in 0..self.random.below(6) {
            let start = self.random.below(self.data.len() + 1);
            let end = self.data.len().min(start + self.random.below(200));
            self.data[start..end].fill(self.random.below(3) as u8);
            changed.push(start..end);
        }
        let memory = &self.last.memories[0];
        let memory = MemoryState { contents: memory.contents.update(&self.data, changed), ..memory.clone() };
        let memories = [memory, self.last.memories[1].clone()].into();
        let value = Value::I64(self.random.below(2) as u64);
        let globals = [GlobalState { index: GlobalIdx(1), value }].into();
        self.last =
            State { memories, globals, fuel: self.last.fuel.map(|fuel| fuel + 1), ..self.last.clone() };
        self.last.clone()
    }

    fn restore(&mut self, state: &State) {
        self.data.resize(state.memories[0].contents.len(), 0);
        state.memories[0].contents.read(0, &mut self.data);
        self.last = state.clone();
    }
}

/// The state by value: nothing is shared with it.
fn copy(state: &State) -> State {
    let memories = state.memories.iter().map(|memory| {
        let mut bytes = vec![0; memory.contents.len()];
        memory.contents.read(0, &mut bytes);
        MemoryState { contents: Pages::new(&bytes), ..memory.clone() }
    });
    State { memories: memories.collect(), ..state.clone() }
}

#[test]
fn every_tick_comes_back() {
    for dense in [0, 1, 3, 100] {
        let mut history = History::new(HistoryConfig { dense, capacity: 50, ..HistoryConfig::default() });
        let mut machine = Machine::new(dense as u64, 40 * PAGE_SIZE);
        let mut expected = BTreeMap::new();
        let mut tick = 0;
        for _ in 0..300 {
            tick += 1 + machine.random.below(3) as u64;
            let state = machine.step();
            expected.insert(tick, copy(&state));
            while expected.len() > 50 {
                expected.pop_first();
            }
            history.record(tick, state).unwrap();
            if machine.random.below(10) == 0 {
                let place = machine.random.below(expected.len());
                let (&to, state) = expected.iter().nth(place).unwrap();
                let found = history.rollback(to).unwrap();
                assert_eq!(&found, state);
                assert_eq!(found.hash_with_fuel(), state.hash_with_fuel());
                machine.restore(&found);
                expected.retain(|&tick, _| tick <= to);
                tick = to;
            }
            if machine.random.below(20) == 0 {
                let before = tick.saturating_sub(30);
                history.truncate_before(before);
                expected.retain(|&tick, _| tick >= before);
            }
            assert!(history.ticks().eq(expected.keys().copied()));
            assert_eq!(history.len(), expected.len());
        }
        for (tick, state) in expected {
            assert_eq!(history.get(tick).unwrap(), state, "dense {dense}, tick {tick}");
        }
    }
}

#[test]
fn recording_an_earlier_tick_drops_later_ones() {
    let mut machine = Machine::new(1, 10 * PAGE_SIZE);
    let states: Vec<State> = (0..20).map(|_| machine.step()).collect();
    for dense in [2, 100] {
        for tick in [0, 5, 10, 17, 19, 20] {
            let mut history = History::new(HistoryConfig { dense, ..HistoryConfig::default() });
            (0..).zip(&states).for_each(|(tick, state)| history.record(tick, state.clone()).unwrap());
            history.record(tick, states[3].clone()).unwrap();
            assert!(history.ticks().eq(0..=tick));
            assert_eq!(history.newest(), Some((tick, &states[3])));
            for earlier in 0..tick {
                assert_eq!(history.get(earlier).unwrap(), states[earlier as usize]);
            }
        }
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let mut history = History::default();
    assert!(history.is_empty() && history.newest().is_none());
    assert_eq!(history.rollback(1), Err(HistoryError::TickNotFound { tick: 1, recorded: None }));
    let state = example::state();
    history.record(4, state.clone()).unwrap();
    history.record(6, state.clone()).unwrap();
    let error = history.rollback(5).unwrap_err();
    assert_eq!(error, HistoryError::TickNotFound { tick: 5, recorded: Some((4, 6)) });
    assert_eq!(error.to_string(), "tick 5 is not in the history, which has some from 4 to 6");
    let foreign = State { module: [1; 32], ..state.clone() };
    assert_eq!(history.record(7, foreign), Err(HistoryError::ForeignModule));
    let foreign = State { memories: [].into(), ..state };
    assert_eq!(history.record(7, foreign), Err(HistoryError::ForeignModule));
    assert!(history.ticks().eq([4, 6]));
    history.truncate_before(u64::MAX);
    assert!(history.is_empty());
    assert_eq!(history.bytes(), 0);
}

#[test]
fn the_oldest_ticks_make_room() {
    let mut machine = Machine::new(2, 20 * PAGE_SIZE);
    let first = machine.step();
    let max_bytes = first.bytes() + 30 * PAGE_SIZE;
    let mut history = History::new(HistoryConfig { max_bytes, dense: 4, ..HistoryConfig::default() });
    for tick in 0..200 {
        let state = machine.step();
        let bytes = state.bytes();
        match history.record(tick, state) {
            Ok(()) => assert!(history.bytes() <= max_bytes),
            Err(HistoryError::TooLarge { bytes: found, .. }) => {
                assert!(found > max_bytes && found < bytes + 1000);
                let ticks: Vec<u64> = history.ticks().collect();
                assert!(!ticks.contains(&tick) && history.bytes() <= max_bytes);
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(history.len() > 1);
    let mut tiny = History::new(HistoryConfig { max_bytes: 100, ..HistoryConfig::default() });
    assert!(matches!(tiny.record(0, first), Err(HistoryError::TooLarge { max_bytes: 100, .. })));
    assert!(tiny.is_empty());
}

/// Whole states take what they allocate, and an entry each.
#[test]
fn bytes_of_whole_states_are_exact() {
    let mut machine = Machine::new(3, 60 * PAGE_SIZE);
    let mut history = History::new(HistoryConfig { dense: 1000, capacity: 30, ..HistoryConfig::default() });
    let entry = {
        let state = machine.step();
        history.record(0, state.clone()).unwrap();
        history.bytes() - state.bytes()
    };
    for tick in 1..200 {
        history.record(tick, machine.step()).unwrap();
        if tick % 17 == 0 {
            let state = history.rollback(tick - 5).unwrap();
            machine.restore(&state);
        }
        let mut footprint = Footprint::default();
        history.ticks().for_each(|tick| footprint.add_state(&history.get(tick).unwrap()));
        assert_eq!(history.bytes(), footprint.bytes() + history.len() * entry);
    }
}

#[test]
fn old_ticks_take_little() {
    let mut data = Random::new(4).bytes(1000 * PAGE_SIZE);
    let state = example::state();
    let with = |contents| {
        let memory = MemoryState { contents, ..state.memories[0].clone() };
        State { memories: [memory].into(), ..state.clone() }
    };
    let mut pages = Pages::new(&data);
    let mut history = History::new(HistoryConfig::default());
    let mut sizes = Vec::new();
    for tick in 0..60 {
        history.record(tick, with(pages.clone())).unwrap();
        sizes.push(history.bytes());
        // A word on each of a hundred pages.
        let start = |page: usize| (tick as usize + page * 10) % 1000 * PAGE_SIZE + 8 * tick as usize;
        (0..100).for_each(|page| data[start(page)] ^= 0x55);
        pages = pages.update(&data, (0..100).map(|page| start(page)..start(page) + 1));
    }
    let old_tick = (sizes[59] - sizes[39]) / 20;
    assert!(old_tick < 100 * 40 + 500, "{old_tick}");
    assert!(sizes[5] - sizes[4] > 100 * PAGE_SIZE);
}

#[test]
fn a_store_makes_equal_pages_one() {
    let mut store = PageStore::new();
    let data = Random::new(5).bytes(20 * PAGE_SIZE);
    let state = example::state();
    let with = |bytes: &[u8]| {
        let memory = MemoryState { contents: Pages::new(bytes), ..state.memories[0].clone() };
        State { memories: [memory].into(), ..state.clone() }
    };
    let first = store.intern(with(&data), None);
    assert_eq!(first, with(&data));
    assert_eq!(store.len(), 20);
    // The same pages in other places.
    let mut turned = data.clone();
    turned.rotate_left(PAGE_SIZE);
    let second = store.intern(with(&turned), None);
    assert_eq!((second.clone(), store.len()), (with(&turned), 20));
    let mut footprint = Footprint::default();
    footprint.add_state(&first);
    footprint.add_state(&second);
    assert!(footprint.bytes() < first.bytes() + 2 * PAGE_SIZE);
    // Only what is new is looked at.
    let third = first.memories[0].contents.update(&[&[1], &data[1..]].concat(), iter::once(0..1));
    let third = State {
        memories: [MemoryState { contents: third, ..first.memories[0].clone() }].into(),
        ..first.clone()
    };
    let interned = store.intern(third.clone(), Some(&first));
    assert_eq!((&interned, store.len()), (&third, 21));
    assert_eq!(interned.hash(), third.hash());
    // The store keeps nothing.
    drop((first, second, third, interned));
    store.sweep();
    assert!(store.is_empty());
}

#[test]
fn a_store_forgets_unused_pages_as_it_goes() {
    let mut store = PageStore::new();
    let mut random = Random::new(6);
    let state = example::state();
    for _ in 0..100 {
        let memory =
            MemoryState { contents: Pages::new(&random.bytes(10 * PAGE_SIZE)), ..state.memories[0].clone() };
        store.intern(State { memories: [memory].into(), ..state.clone() }, None);
        assert!(store.len() <= 40, "{}", store.len());
    }
}
