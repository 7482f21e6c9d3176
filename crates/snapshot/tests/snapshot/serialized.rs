//! The serialized form: states come back, files of former versions stay readable, and nothing else is accepted.

use crate::{
    example,
    random::Random,
    seal::{ENTRY, TABLE, seal, sections},
};
use rotifer_core::{FuncIdx, GlobalIdx, ValType};
use rotifer_snapshot::{
    DeserializeError, FeatureFingerprint, GlobalState, MemoryState, PAGE_SIZE, Pages, Section, SegmentSet,
    State, StateType, Value,
};
use std::{env, fs, path::PathBuf};

/// The bytes of the example after a change, with the right hashes.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Result<State, DeserializeError> {
    let mut bytes = example::state().serialize();
    change(&mut bytes);
    seal(&mut bytes);
    State::deserialize(&bytes, &example::state_type())
}

/// Writes over a section of the example from `place` on.
fn changed_section(index: usize, place: usize, with: &[u8]) -> Result<State, DeserializeError> {
    changed(|bytes| {
        let start = sections(bytes)[index].0 + place;
        bytes[start..start + with.len()].copy_from_slice(with);
    })
}

#[track_caller]
fn assert_corrupt(result: Result<State, DeserializeError>, expected: Section) {
    match result {
        Err(DeserializeError::Corrupt { section, .. }) => assert_eq!(section, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn states_come_back() {
    let state = example::state();
    let bytes = state.serialize();
    let found = State::deserialize(&bytes, &example::state_type()).unwrap();
    assert_eq!(found, state);
    assert_eq!(found.hash_with_fuel(), state.hash_with_fuel());
    assert_eq!(found.serialize(), bytes);
    // Pages of zeros take nothing.
    assert!(bytes.len() < 8 * PAGE_SIZE, "{}", bytes.len());
    let without_fuel = State { fuel: None, ..state };
    assert_eq!(State::deserialize(&without_fuel.serialize(), &example::state_type()), Ok(without_fuel));
}

#[test]
fn a_state_of_nothing_comes_back() {
    let state = State {
        memories: [].into(),
        globals: [].into(),
        tables: [].into(),
        dropped_data: SegmentSet::from_iter([]),
        dropped_elements: SegmentSet::from_iter([]),
        fuel: None,
        ..example::state()
    };
    let ty = StateType {
        memories: vec![],
        globals: vec![],
        tables: vec![],
        data_segments: 0,
        element_segments: 0,
        ..example::state_type()
    };
    assert_eq!(State::deserialize(&state.serialize(), &ty), Ok(state));
}

#[test]
fn random_memories_come_back() {
    let mut random = Random::new(1);
    for _ in 0..50 {
        let mut data = vec![0; random.below(4) * 16 * PAGE_SIZE + 16 * PAGE_SIZE];
        for _ in 0..random.below(8) {
            let start = random.below(data.len());
            let end = data.len().min(start + random.below(3 * PAGE_SIZE));
            data[start..end].fill(random.below(2) as u8);
        }
        let state = example::state();
        let memory = MemoryState { contents: Pages::new(&data), ..state.memories[0].clone() };
        let state = State { memories: [memory, state.memories[1].clone()].into(), ..state };
        let bytes = state.serialize();
        assert_eq!(State::deserialize(&bytes, &example::state_type()), Ok(state));
    }
}

#[test]
fn bytes_go_anywhere_and_errors_come_back() {
    let state = example::state();
    let mut bytes = Vec::new();
    state.serialize_to(|piece| std::io::Write::write_all(&mut bytes, piece)).unwrap();
    assert_eq!(bytes, state.serialize());
    let mut room = 1000usize;
    let full = state.serialize_to(|piece| {
        room = room.checked_sub(piece.len()).ok_or("full")?;
        Ok(())
    });
    assert_eq!(full, Err("full"));
}

/// What a version wrote, later ones read. A new version of the format or of the state gets a file of its own; `BLESS=1`
/// writes the newest.
#[test]
fn files_of_former_versions_stay_readable() {
    let files = [("format-1-state-1", example::state()), ("format-1-state-1-calls", example::with_calls())];
    for (name, state) in files {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.snapshot"));
        if env::var_os("BLESS").is_some() {
            fs::write(&path, state.serialize()).unwrap();
        }
        let bytes = fs::read(path).unwrap();
        assert_eq!(State::deserialize(&bytes, &example::state_type()), Ok(state.clone()));
        assert_eq!(state.serialize(), bytes);
    }
}

/// Calls are a section of their own, which readers that do not know it refuse.
#[test]
fn calls_are_what_was_written() {
    let state = example::with_calls();
    let bytes = state.serialize();
    assert_eq!(State::deserialize(&bytes, &example::state_type()), Ok(state.clone()));
    assert_eq!(bytes[TABLE + 5 * ENTRY..][..8], [6, 0, 0, 0, 1, 0, 0, 0]);
    let (start, end) = sections(&bytes)[5];
    let changed = |place: usize, with: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[start + place..][..with.len()].copy_from_slice(with);
        seal(&mut bytes);
        State::deserialize(&bytes, &example::state_type())
    };
    // Numbers of calls, frames, locals and operands; a reason; functions; types and values.
    let (reason, frames) = (4 + 32, 4 + 32 + 9 + 4);
    let frame = frames + 4;
    let operands = frame + 4 + 4 + 4;
    for (place, with) in [
        (0, 0u32),
        (0, 6),
        (0, u32::MAX),
        (reason, 0),
        (reason, 9),
        (frames, 1),
        (frames, u32::MAX),
        (frame, 5),
        (operands - 4, 1),
        (operands - 4, u32::MAX),
        (operands, u32::MAX),
        (operands + 4, 0x42),
        (operands + 4 + 9, 1),
        (operands + 4 + 4 * 17 + 1, 5),
    ] {
        assert_corrupt(changed(place, &with.to_le_bytes()), Section::Calls);
    }
    assert!(changed(4, &[0; 32]).is_ok());
    let mut shorter = bytes.clone();
    shorter.truncate(end - 1);
    let len = (end - start - 1) as u64;
    shorter[TABLE + 5 * ENTRY + 8..][..8].copy_from_slice(&len.to_le_bytes());
    seal(&mut shorter);
    assert_corrupt(State::deserialize(&shorter, &example::state_type()), Section::Calls);
}

/// Whatever mutations are accepted is what would be written.
#[test]
fn mutated_calls_are_refused_or_are_others() {
    let mut random = Random::new(4);
    let bytes = example::with_calls().serialize();
    let (start, end) = sections(&bytes)[5];
    let mut accepted = 0;
    for _ in 0..20_000 {
        let mut mutated = bytes.clone();
        for _ in 0..1 + random.below(3) {
            mutated[start + random.below(end - start)] = [0, 1, 2, 0x7F, 0xFF][random.below(5)];
        }
        seal(&mut mutated);
        if let Ok(state) = State::deserialize(&mutated, &example::state_type()) {
            assert_eq!(state.serialize(), mutated);
            accepted += 1;
        }
    }
    assert!(accepted > 1_000, "{accepted}");
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = example::state().serialize();
    let step = |len: &usize| *len < 2000 || len.is_multiple_of(61) || bytes.len() - len < 200;
    for len in (0..bytes.len()).filter(step) {
        match State::deserialize(&bytes[..len], &example::state_type()) {
            Err(DeserializeError::NotASnapshot) => assert!(len < 8),
            Err(DeserializeError::Corrupt { .. }) => {}
            other => panic!("{len}: {other:?}"),
        }
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_corrupt(State::deserialize(&longer, &example::state_type()), Section::Header);
}

#[test]
fn every_damage_is_found() {
    let mut random = Random::new(2);
    let bytes = example::state().serialize();
    for _ in 0..5_000 {
        let mut damaged = bytes.clone();
        let place = if random.below(4) == 0 { random.below(bytes.len()) } else { random.below(TABLE + 400) };
        damaged[place] ^= 1 << random.below(8);
        let error = State::deserialize(&damaged, &example::state_type()).unwrap_err();
        assert!(!error.to_string().is_empty());
    }
}

/// Mutations whose hashes are right reach everything behind the hashes. What is accepted is a state, and the bytes are
/// the ones that are written for it.
#[test]
fn whatever_is_accepted_is_what_would_be_written() {
    let mut random = Random::new(3);
    let bytes = example::state().serialize();
    let starts: Vec<usize> = sections(&bytes).into_iter().map(|(start, _)| start).collect();
    let mut accepted = 0;
    for _ in 0..3_000 {
        let mut mutated = bytes.clone();
        for _ in 0..1 + random.below(3) {
            // Most of it is contents of pages, of which anything is possible.
            let near = [0, TABLE].into_iter().chain(starts.iter().copied()).nth(random.below(7)).unwrap();
            let place = (near + random.below(120)).min(bytes.len() - 1);
            match random.below(4) {
                0 => mutated[place] ^= 1 << random.below(8),
                1 => mutated[place] = random.below(256) as u8,
                2 => mutated[place] = [0, 1, 0x7F, 0x80, 0xFF][random.below(5)],
                _ => {
                    let end = (place + 1 + random.below(16)).min(bytes.len());
                    mutated[place..end].fill(if random.below(2) == 0 { 0 } else { 0xFF });
                }
            }
        }
        // The table of sections is left as it is, so that the hashes can be computed.
        mutated[TABLE - 4..TABLE + 5 * ENTRY].copy_from_slice(&bytes[TABLE - 4..TABLE + 5 * ENTRY]);
        seal(&mut mutated);
        if let Ok(state) = State::deserialize(&mutated, &example::state_type()) {
            assert_eq!(state.serialize(), mutated);
            accepted += 1;
        }
    }
    assert!(accepted > 200, "{accepted}");
}

#[test]
fn versions_and_owners_are_told() {
    let deserialize = |bytes: &[u8], ty: &StateType| State::deserialize(bytes, ty).unwrap_err();
    let ty = example::state_type();
    assert_eq!(deserialize(b"\0asm\x01\0\0\0", &ty), DeserializeError::NotASnapshot);
    let version = changed(|bytes| bytes[8] = 2).unwrap_err();
    assert_eq!(version, DeserializeError::Version { format: 2, state: None });
    assert_eq!(version.to_string(), "a snapshot in format 2; this version reads format 1");
    let version = changed(|bytes| bytes[12] = 7).unwrap_err();
    assert_eq!(version, DeserializeError::Version { format: 1, state: Some(7) });
    assert_corrupt(changed(|bytes| bytes[16] = 0), Section::Header);
    assert_corrupt(changed(|bytes| bytes[20] = 1), Section::Header);
    let bytes = example::state().serialize();
    let other_module = StateType { module: [8; 32], ..ty.clone() };
    assert_eq!(deserialize(&bytes, &other_module), DeserializeError::ForeignModule { found: [7; 32] });
    let other_engine = StateType { features: FeatureFingerprint([0; 32]), ..ty.clone() };
    assert_eq!(deserialize(&bytes, &other_engine), DeserializeError::ForeignEngine);
    let smaller = StateType { max_memory_bytes: 128 * 1024, ..ty };
    let memory_bytes = 128 * 1024 + PAGE_SIZE as u64 + 1000;
    let expected = DeserializeError::LimitExceeded { memory_bytes, max_memory_bytes: 128 * 1024 };
    assert_eq!(deserialize(&bytes, &smaller), expected);
}

/// Inserts a section of an unknown kind between the last two.
fn with_unknown_section(flags: u32) -> Result<State, DeserializeError> {
    let mut bytes = example::state().serialize();
    let (start, _) = sections(&bytes)[4];
    bytes.splice(start..start, *b"something");
    let entry = [&9u32.to_le_bytes()[..], &flags.to_le_bytes(), &9u64.to_le_bytes(), &[0; 32]].concat();
    let place = TABLE + 5 * ENTRY;
    bytes.splice(place..place, entry);
    bytes[TABLE - 4] = 6;
    // Behind the others, as its kind asks for.
    let (start, end) = sections(&bytes)[5];
    let (fuel, _) = sections(&bytes)[4];
    bytes[fuel..end].rotate_left(9);
    assert_eq!(end, bytes.len());
    assert_eq!(&bytes[start..], b"something");
    seal(&mut bytes);
    State::deserialize(&bytes, &example::state_type())
}

#[test]
fn unknown_sections_are_refused_if_they_matter() {
    assert_eq!(with_unknown_section(0), Ok(example::state()));
    assert_eq!(with_unknown_section(1), Err(DeserializeError::UnknownSection { kind: 9 }));
    assert_corrupt(with_unknown_section(2), Section::Header);
    // Known ones always matter, and are there once and in order.
    assert_corrupt(changed(|bytes| bytes[TABLE + 4] = 0), Section::Memories);
    assert_corrupt(changed(|bytes| bytes[TABLE] = 2), Section::Globals);
    assert_corrupt(changed(|bytes| bytes[TABLE + ENTRY] = 4), Section::Header);
    assert_corrupt(
        changed(|bytes| {
            bytes[TABLE - 4] = 3;
            bytes.truncate(TABLE + 3 * ENTRY);
            bytes.extend([0; 32]);
            let state = example::state().serialize();
            let all = sections(&state);
            bytes.extend(&state[all[0].0..all[2].1]);
        }),
        Section::Segments,
    );
    let mut bytes = example::state().serialize();
    bytes[TABLE - 4..TABLE].fill(0xFF);
    assert_corrupt(State::deserialize(&bytes, &example::state_type()), Section::Header);
}

#[test]
fn items_are_those_of_the_module() {
    // Counts, indices and types.
    for section in 0..4 {
        assert_corrupt(
            changed_section(section, 0, &[99]),
            [Section::Memories, Section::Globals, Section::Tables, Section::Segments][section],
        );
    }
    for (index, section) in [Section::Memories, Section::Globals, Section::Tables].into_iter().enumerate() {
        assert_corrupt(changed_section(index, 4, &[99]), section);
        assert_corrupt(changed_section(index, 8, &[1]), section);
    }
    // A memory of five pages, of none, and of a part of one.
    for size in [5 << 16, 0, 1 << 15] {
        assert_corrupt(changed_section(0, 9, &u64::to_le_bytes(size)), Section::Memories);
    }
    // The first global is an `i32`, whose value has 32 bits; the fifth a reference to one of five functions.
    assert_corrupt(changed_section(1, 9 + 4, &[1]), Section::Globals);
    assert_corrupt(changed_section(1, 9 + 4 * 21, &[5]), Section::Globals);
    assert!(changed_section(1, 9 + 4 * 21, &[4]).is_ok());
    // A table has two to ten elements, which are functions.
    for size in [1, 11, u64::MAX] {
        assert_corrupt(changed_section(2, 9, &u64::to_le_bytes(size)), Section::Tables);
    }
    assert_corrupt(changed_section(2, 17, &[5, 0, 0, 0]), Section::Tables);
    // Seventy segments have 70 bits.
    assert!(changed_section(3, 4 + 8, &[0x3F]).is_ok());
    assert_corrupt(changed_section(3, 4 + 8, &[0x7F]), Section::Segments);
}

#[test]
fn pages_are_where_they_can_be() {
    // The first memory has pages 0, then 2 to 4, then 31: its runs begin behind index, size and number.
    let (run, second) = (4 + 4 + 1 + 8 + 8, 4 + 4 + 1 + 8 + 8 + 16 + PAGE_SIZE);
    assert!(changed_section(0, second, &[3]).is_ok());
    // Touching the first run, before it, and behind the end.
    for first in [1, 0, 30, 0xFF] {
        assert_corrupt(changed_section(0, second, &[first]), Section::Memories);
    }
    for count in [0, 33, u64::MAX] {
        assert_corrupt(changed_section(0, run + 8, &count.to_le_bytes()), Section::Memories);
    }
    assert_corrupt(changed_section(0, run - 8, &u64::MAX.to_le_bytes()), Section::Memories);
    // A page of zeros.
    assert_corrupt(changed_section(0, run + 16, &[0; PAGE_SIZE]), Section::Memories);
    // The second memory ends within a page, and nothing is behind its end.
    let behind = |bytes: &mut Vec<u8>| {
        let (_, end) = sections(bytes)[0];
        bytes[end - 1] = 1;
    };
    assert_corrupt(changed(behind), Section::Memories);
}

#[test]
fn references_of_the_host_are_null() {
    let ty = StateType { globals: vec![(GlobalIdx(1), ValType::EXTERNREF)], ..example::state_type() };
    let with = |value| {
        let globals = [GlobalState { index: GlobalIdx(1), value }].into();
        State { globals, ..example::state() }
    };
    let null = with(Value::NullExtern);
    assert_eq!(State::deserialize(&null.serialize(), &ty), Ok(null));
    // The same bits with another type.
    let function = with(Value::Func(Some(FuncIdx(1))));
    assert_corrupt(State::deserialize(&function.serialize(), &ty), Section::Globals);
}
