//! The state hash: as docs/SNAPSHOT.md defines it, whatever the history of the state.

use crate::{example, random::Random};
use blake3::Hasher;
use rotifer_core::{FuncIdx, GlobalIdx, TableIdx};
use rotifer_snapshot::{GlobalState, MemoryState, PAGE_SIZE, Pages, SegmentSet, State, TableState, Value};
use std::iter;

/// The definition, followed word by word over the bytes of the state.
fn defined(state: &State, fuel: Option<u64>) -> [u8; 32] {
    *blake3::hash(&input(state, fuel)).as_bytes()
}

/// Without calls.
fn input(state: &State, fuel: Option<u64>) -> Vec<u8> {
    let mut input = b"rotifer state 1\n".to_vec();
    input.extend(state.module);
    input.extend((state.memories.len() as u64).to_le_bytes());
    for memory in &*state.memories {
        input.extend(memory.index.0.to_le_bytes());
        input.push(memory.page_size_log2);
        input.extend((memory.contents.len() as u64).to_le_bytes());
        let mut bytes = vec![0; memory.contents.len().next_multiple_of(PAGE_SIZE)];
        memory.contents.read(0, &mut bytes);
        input.extend(root(&bytes));
    }
    input.extend((state.globals.len() as u64).to_le_bytes());
    for global in &*state.globals {
        input.extend(global.index.0.to_le_bytes());
        let (ty, bits) = match global.value {
            Value::I32(bits) => (0x7F, bits.into()),
            Value::I64(bits) => (0x7E, bits.into()),
            Value::F32(bits) => (0x7D, bits.into()),
            Value::F64(bits) => (0x7C, bits.into()),
            Value::V128(bits) => (0x7B, bits),
            Value::Func(function) => (0x70, function.map_or(u32::MAX, |function| function.0).into()),
            Value::NullExtern => (0x6F, u32::MAX.into()),
            _ => unreachable!("all values are here"),
        };
        input.push(ty);
        input.extend(u128::to_le_bytes(bits));
    }
    input.extend((state.tables.len() as u64).to_le_bytes());
    for table in &*state.tables {
        input.extend(table.index.0.to_le_bytes());
        input.push(0x70);
        input.extend((table.elements.len() as u64).to_le_bytes());
        let codes = table.elements.iter().map(|element| element.map_or(u32::MAX, |function| function.0));
        input.extend(codes.flat_map(u32::to_le_bytes));
    }
    for segments in [&state.dropped_data, &state.dropped_elements] {
        input.extend(u64::from(segments.len()).to_le_bytes());
        let bits: Vec<bool> = segments.iter().collect();
        for bits in bits.chunks(64) {
            let word = bits.iter().rev().fold(0u64, |word, &bit| word << 1 | u64::from(bit));
            input.extend(word.to_le_bytes());
        }
    }
    input.push(fuel.is_some().into());
    input.extend(fuel.unwrap_or(0).to_le_bytes());
    input
}

/// Calls come behind the rest, as they are serialized; without calls the hash is what it was before there were any.
#[test]
fn calls_are_part_of_the_hash() {
    let (without, with) = (example::state(), example::with_calls());
    assert_ne!(with.hash(), without.hash());
    let bytes = with.serialize();
    let (start, end) = crate::seal::sections(&bytes)[5];
    let mut input = input(&with, None);
    input.extend(b"rotifer calls 1\n");
    input.extend(&bytes[start..end]);
    assert_eq!(with.hash().0, *blake3::hash(&input).as_bytes());
}

fn root(bytes: &[u8]) -> [u8; 32] {
    let mut root = Hasher::new();
    root.update(b"rotifer memory 1\n");
    for (index, group) in bytes.chunks(8 * PAGE_SIZE).enumerate().filter(|(_, bytes)| is_used(bytes)) {
        let mut hash = Hasher::new();
        hash.update(b"rotifer group 1\n");
        for (place, page) in group.chunks(PAGE_SIZE).enumerate().filter(|(_, bytes)| is_used(bytes)) {
            hash.update(&[place as u8]).update(blake3::hash(page).as_bytes());
        }
        root.update(&(index as u64).to_le_bytes()).update(hash.finalize().as_bytes());
    }
    *root.finalize().as_bytes()
}

fn is_used(bytes: &[u8]) -> bool {
    bytes.iter().any(|&byte| byte != 0)
}

#[test]
fn the_hash_is_as_defined() {
    let state = example::state();
    assert_eq!(state.hash().0, defined(&state, None));
    assert_eq!(state.hash_with_fuel().0, defined(&state, Some(1000)));
    assert_ne!(state.hash(), state.hash_with_fuel());
}

/// A change of the definition needs new tags, and this.
#[test]
fn the_hash_stays_the_same() {
    assert_eq!(
        example::state().hash().to_string(),
        "acf9b5fb6a88b5ce7aff238c5f4fd8bce1c43bfb6e5d82c3f6b25deeb6561d9c"
    );
}

#[test]
fn every_part_of_a_state_counts() {
    let state = example::state();
    let memory = &state.memories[0];
    let memories = |changed: MemoryState| [changed, state.memories[1].clone()].into();
    let contents = |byte: usize, len: usize| {
        let mut bytes = vec![0; len];
        memory.contents.read(0, &mut bytes);
        bytes[byte] ^= 1;
        MemoryState { contents: Pages::new(&bytes), ..memory.clone() }
    };
    let len = memory.contents.len();
    let value = |value: Value| {
        let globals = state.globals.iter().map(|global| match global.value {
            Value::F32(_) => GlobalState { value, ..*global },
            _ => *global,
        });
        State { globals: globals.collect(), ..state.clone() }
    };
    let table = |elements: &[Option<FuncIdx>]| State {
        tables: [TableState { index: TableIdx(1), ty: state.tables[0].ty, elements: elements.into() }].into(),
        ..state.clone()
    };
    let others = [
        State { module: [8; 32], ..state.clone() },
        State { memories: memories(contents(0, len)), ..state.clone() },
        State { memories: memories(contents(len - 1, len)), ..state.clone() },
        State { memories: memories(contents(len + 1, len + 2 * PAGE_SIZE)), ..state.clone() },
        State { memories: memories(MemoryState { page_size_log2: 0, ..memory.clone() }), ..state.clone() },
        State { memories: [memory.clone()].into(), ..state.clone() },
        State { globals: [GlobalState { index: GlobalIdx(9), ..state.globals[0] }].into(), ..state.clone() },
        value(Value::F32(0x7FC0_0001)),
        value(Value::I32(0x7FC0_0000)),
        table(&[None, None]),
        table(&[Some(FuncIdx(0)), None]),
        table(&[None]),
        State { dropped_data: SegmentSet::from_iter([true, true, true]), ..state.clone() },
        State { dropped_elements: SegmentSet::from_iter([false, false]), ..state.clone() },
    ];
    let mut hashes: Vec<_> = others.iter().chain([&state]).map(State::hash).collect();
    for state in &others {
        assert_eq!(state.hash().0, defined(state, None));
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), others.len() + 1);
    // Fuel and what the engine lets modules use do not.
    assert_eq!(State { fuel: None, ..state.clone() }.hash(), state.hash());
}

#[test]
fn the_hash_does_not_depend_on_history() {
    let mut random = Random::new(5);
    let mut data = vec![0; 40 * PAGE_SIZE];
    let mut pages = Pages::new(&data);
    let with = |contents: Pages| {
        let state = example::state();
        let memory = MemoryState { contents, ..state.memories[0].clone() };
        State { memories: [memory].into(), ..state }
    };
    for _ in 0..200 {
        let start = random.below(data.len());
        let end = data.len().min(start + random.below(2 * PAGE_SIZE));
        data[start..end].fill(random.below(3) as u8);
        pages = pages.update(&data, iter::once(start..end));
        let (state, copy) = (with(pages.clone()), with(Pages::new(&data)));
        assert_eq!(state.hash(), copy.hash());
        // A state that has been hashed gives the same again.
        assert_eq!(state.hash(), copy.hash());
    }
}

#[test]
fn threads_hash_the_same_state() {
    let state = example::state();
    let expected = defined(&state, None);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(state.hash().0, expected));
        }
    });
}
