//! Histories, state hashes and serialized snapshots of instances.

use rotifer::{
    Config, DeserializeError, Dispatch, Engine, Features, FuncType, History, HistoryConfig, HistoryError,
    Instance, Linker, Module, ResumableCall, Snapshot, SnapshotError, SnapshotSection, SnapshotStore,
    StateHash, Store, state::Footprint,
};

use super::{
    MODES, engines_with, load,
    reset::{START, disturb, snapshot_error},
    snapshots::begin,
    warm::{SIZES, describe, everything, fresh},
};

/// Engines that track writes and that do not, with each dispatcher.
fn tracking() -> Vec<Engine> {
    let tracking = |track| {
        engines_with(move |config| {
            config.track_writes(track);
        })
    };
    [false, true].into_iter().flat_map(tracking).collect()
}

fn whole(pages: u32, bytes: usize) -> Vec<u8> {
    let text = everything(pages, bytes).replace("unreachable))", "unreachable)");
    wat::parse_str(text + &START.replace("DROP", "")).unwrap()
}

#[test]
fn an_instance_goes_back_to_any_tick() {
    for engine in tracking() {
        for (pages, bytes) in SIZES {
            let module = Module::new(&engine, whole(pages, bytes)).unwrap();
            let (mut store, instance) = fresh(&module, 10);
            let pages = SnapshotStore::new();
            let config = HistoryConfig { dense: 3, ..HistoryConfig::default() };
            for mut history in [History::new(config), History::with_store(config, &pages)] {
                let mut states = Vec::new();
                for tick in 0..12 {
                    disturb(&mut store, instance, tick);
                    history.record(&mut store, instance, tick.into()).unwrap();
                    states.push(instance.snapshot(&mut store).unwrap());
                }
                assert!(history.ticks().eq(0..12));
                for tick in [11, 9, 3, 0] {
                    history.rollback(&mut store, instance, tick.into()).unwrap();
                    assert_eq!(instance.snapshot(&mut store).unwrap(), states[tick as usize]);
                    assert!(history.ticks().eq(0..=tick.into()));
                    // What is recorded anew is as before: an instance that went back does the same again.
                    let before = states.clone();
                    states.truncate(tick as usize + 1);
                    for tick in tick + 1..12 {
                        disturb(&mut store, instance, tick);
                        history.record(&mut store, instance, tick.into()).unwrap();
                        states.push(instance.snapshot(&mut store).unwrap());
                    }
                    assert_eq!(states, before);
                }
                for (tick, state) in (0..).zip(&states) {
                    assert_eq!(history.get(tick).as_ref(), Ok(state));
                }
                history.truncate_before(8);
                assert_eq!(history.len(), 4);
                history.rollback(&mut store, instance, 8).unwrap();
                assert_eq!(instance.snapshot(&mut store).unwrap(), states[8]);
                instance.restore(&mut store, &states[0]).unwrap();
            }
            assert!(!pages.is_empty());
        }
    }
}

#[test]
fn fuel_goes_back_if_it_is_asked_to() {
    for engine in engines_with(|config| {
        config.consume_fuel(true);
    }) {
        let module = load(&engine, r#"(module (memory 1) (func (export "f")))"#);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let mut history = History::default();
        for tick in 0..5 {
            store.set_fuel(100 - tick).unwrap();
            history.record(&mut store, instance, tick).unwrap();
        }
        history.rollback(&mut store, instance, 3).unwrap();
        assert_eq!(store.get_fuel().unwrap(), 96);
        history.rollback_with_fuel(&mut store, instance, 1).unwrap();
        assert_eq!(store.get_fuel().unwrap(), 99);
        let same = [history.get(0).unwrap(), history.get(1).unwrap()];
        assert_eq!(same[0].state_hash(), same[1].state_hash());
        assert_ne!(same[0].state_hash_with_fuel(), same[1].state_hash_with_fuel());
    }
}

#[test]
fn a_history_that_refuses_changes_nothing() {
    let engine = Engine::default();
    let module = load(
        &engine,
        r#"(module (import "" "wait" (func $wait)) (memory 1) (func (export "f") (call $wait)))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_suspend("", "wait", FuncType::new([], []), 0).unwrap();
    let instance = linker.instantiate_and_start(&mut store, &module).unwrap();
    let mut history = History::default();
    history.record(&mut store, instance, 1).unwrap();
    history.record(&mut store, instance, 2).unwrap();
    let not_found = HistoryError::TickNotFound { tick: 3, recorded: Some((1, 2)) };
    let missing = history.rollback(&mut store, instance, 3);
    assert_eq!(snapshot_error(missing), SnapshotError::History(not_found));
    let func = instance.get_func(&store, "f").unwrap();
    let ResumableCall::Suspended(suspended) = func.call_resumable(&mut store, &[], &mut []).unwrap() else {
        panic!("the call waits");
    };
    let refused = [
        history.record(&mut store, instance, 3),
        history.rollback(&mut store, instance, 1),
        instance.state_hash(&mut store).map(drop),
    ];
    for refused in refused {
        assert_eq!(snapshot_error(refused), SnapshotError::NotQuiescent);
    }
    drop(suspended);
    let other = load(&engine, "(module (memory 1))");
    let other = Instance::new(&mut store, &other, &[]).unwrap();
    let foreign = history.record(&mut store, other, 3);
    assert_eq!(snapshot_error(foreign), SnapshotError::History(HistoryError::ForeignModule));
    assert!(history.ticks().eq([1, 2]));
    history.rollback(&mut store, instance, 1).unwrap();
}

/// Whatever executes a module, and however its state came about.
#[test]
fn the_state_hash_is_the_same_everywhere() {
    let wasm = whole(5, 100_000);
    let mut expected: Option<Vec<StateHash>> = None;
    for engine in tracking() {
        for mode in MODES {
            let module = Module::new_with_mode(&engine, &wasm, mode).unwrap();
            let (mut store, instance) = fresh(&module, 10);
            let mut hashes = vec![instance.state_hash(&mut store).unwrap()];
            for round in 0..8 {
                disturb(&mut store, instance, round);
                // Some hashes are computed from those before, others from nothing.
                if round % 3 != 0 {
                    hashes.push(instance.state_hash(&mut store).unwrap());
                }
            }
            let snapshot = instance.snapshot(&mut store).unwrap();
            let copy = Snapshot::deserialize(&module, &snapshot.serialize()).unwrap();
            assert_eq!(copy.state_hash(), *hashes.last().unwrap());
            assert_eq!(*expected.get_or_insert(hashes.clone()), hashes);
        }
    }
    let mut different = expected.unwrap();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 4);
}

#[test]
fn a_serialized_snapshot_begins_an_instance_elsewhere() {
    let wasm = whole(5, 100_000);
    let mut bytes = Vec::new();
    let mut expected = String::new();
    for engine in tracking() {
        for mode in MODES {
            let module = Module::new_with_mode(&engine, &wasm, mode).unwrap();
            if bytes.is_empty() {
                let (mut store, instance) = fresh(&module, 10);
                disturb(&mut store, instance, 1);
                let snapshot = instance.snapshot(&mut store).unwrap();
                snapshot.serialize_to(|piece| std::io::Write::write_all(&mut bytes, piece)).unwrap();
                assert_eq!(bytes, snapshot.serialize());
                assert_eq!(Snapshot::deserialize(&module, &bytes).unwrap(), snapshot);
                expected = describe(&mut store, instance);
            }
            let snapshot = Snapshot::deserialize(&module, &bytes).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = begin(&mut store, &module, &snapshot);
            assert_eq!(instance.snapshot(&mut store).unwrap(), snapshot);
            assert_eq!(describe(&mut store, instance), expected);
        }
    }
}

fn deserialize_error(module: &Module, bytes: &[u8]) -> DeserializeError {
    match snapshot_error(Snapshot::deserialize(module, bytes)) {
        SnapshotError::Deserialize(error) => error,
        error => panic!("{error}"),
    }
}

#[test]
fn bytes_that_are_no_snapshot_are_refused() {
    let engine = Engine::default();
    let wasm = whole(1, 100);
    let module = Module::new(&engine, &wasm).unwrap();
    let (mut store, instance) = fresh(&module, 10);
    let bytes = instance.snapshot(&mut store).unwrap().serialize();
    assert_eq!(deserialize_error(&module, &wasm), DeserializeError::NotASnapshot);
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let DeserializeError::Corrupt { section, .. } = deserialize_error(&module, &damaged) else {
        panic!("it is damaged");
    };
    assert_eq!(section, SnapshotSection::Segments);
    let other = load(&engine, "(module)");
    let foreign = deserialize_error(&other, &bytes);
    assert_eq!(foreign, DeserializeError::ForeignModule { found: module.hash() });
    let mut config = Config::new();
    config.features(Features { tail_call: false, ..Features::default() });
    let elsewhere = Module::new(&Engine::new(&config), &wasm).unwrap();
    assert_eq!(deserialize_error(&elsewhere, &bytes), DeserializeError::ForeignEngine);
    let large = Snapshot::deserialize_within(&module, &bytes, 100_000);
    let limit = DeserializeError::LimitExceeded { memory_bytes: 2 << 16, max_memory_bytes: 100_000 };
    assert_eq!(snapshot_error(large), SnapshotError::Deserialize(limit));
}

/// A snapshot that somebody made up may hold anything that the module can have, and no more.
#[test]
fn made_up_states_are_harmless() {
    let wasm = whole(1, 100);
    for dispatch in Dispatch::available() {
        let mut config = Config::new();
        config.dispatch(*dispatch);
        let module = Module::new(&Engine::new(&config), &wasm).unwrap();
        let (mut store, instance) = fresh(&module, 10);
        let snapshot = instance.snapshot(&mut store).unwrap();
        let bytes = snapshot.serialize();
        // The sections' lengths, to find the tables and make every element function 3.
        let section =
            |index: usize| u64::from_le_bytes(bytes[92 + 48 * index + 8..][..8].try_into().unwrap());
        let count = u32::from_le_bytes(bytes[88..92].try_into().unwrap()) as usize;
        let start = 92 + 48 * count + 32 + (section(0) + section(1)) as usize;
        for code in [0u32, 3, 4, 5, 6, u32::MAX] {
            let mut changed = bytes.clone();
            // The first table has at least eight elements behind number, index, type and size.
            for element in 0..8 {
                changed[start + 17 + 4 * element..][..4].copy_from_slice(&code.to_le_bytes());
            }
            let tables = start..start + section(2) as usize;
            let hash = *blake3::hash(&changed[tables]).as_bytes();
            changed[92 + 48 * 2 + 16..][..32].copy_from_slice(&hash);
            let end = 92 + 48 * count;
            let hash = *blake3::hash(&changed[..end]).as_bytes();
            changed[end..end + 32].copy_from_slice(&hash);
            match Snapshot::deserialize(&module, &changed) {
                Ok(made_up) => {
                    instance.restore(&mut store, &made_up).unwrap();
                    assert_eq!(instance.snapshot(&mut store).unwrap(), made_up);
                    describe(&mut store, instance);
                }
                refused => {
                    let SnapshotError::Deserialize(DeserializeError::Corrupt { section, .. }) =
                        snapshot_error(refused)
                    else {
                        panic!("the module has no such function");
                    };
                    assert_eq!(section, SnapshotSection::Tables);
                }
            }
        }
    }
}

#[test]
fn snapshots_of_different_instances_share_pages() {
    let engine = Engine::new(Config::new().track_writes(true));
    let module = Module::new(&engine, whole(20, 1 << 20)).unwrap();
    let pages = SnapshotStore::new();
    let take = |round| {
        let (mut store, instance) = fresh(&module, 10);
        disturb(&mut store, instance, round);
        instance.snapshot(&mut store).unwrap()
    };
    let first = pages.share(&take(1));
    let second = pages.share(&take(3));
    assert_eq!((&first, &second), (&take(1), &take(3)));
    // The module's data is the same text again and again, so that its 256 pages are one; tables of pages are not shared.
    assert!(pages.len() < 20, "{}", pages.len());
    let mut footprint = Footprint::default();
    footprint.add_state(first.state());
    footprint.add_state(second.state());
    assert!(footprint.bytes() < 64 * 1024, "{}", footprint.bytes());
    drop((first, second));
    pages.sweep();
    assert!(pages.is_empty());
}
