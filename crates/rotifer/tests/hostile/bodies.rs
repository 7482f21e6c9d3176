//! Bodies that ask for much in few bytes: nesting, tables of branches, locals, operands.

use rotifer::{Engine, ErrorKind, Limits, LoadMode, Module};

use crate::{
    MODES,
    allocator::{counted, within},
    binary::{self, I32, I64, body, leb},
    engines,
    outcome::{Outcome, outcome},
    refusal,
};

const BLOCK: [u8; 2] = [0x02, 0x40];
const LOOP: [u8; 2] = [0x03, 0x40];
const END: u8 = 0x0B;

/// Code and tables take no more than docs/LIMITS.md says, whatever is translated.
fn assert_code_is_bounded(module: &Module, bodies: usize, functions: usize) {
    module.translate_all().unwrap();
    let memory = module.memory_usage();
    assert!(memory.code + memory.tables <= 56 * bodies + 64 * functions, "{memory:?} for {bodies}");
}

/// Loads in every mode and runs on both dispatchers. While loading, no more is held than so many bytes a byte.
fn run(engines: &[Engine], wasm: &[u8], per_byte: usize) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for engine in engines {
        for mode in MODES {
            let module = within(per_byte * wasm.len() + (2 << 20), || {
                let module =
                    Module::new_with_mode(engine, wasm, mode).unwrap_or_else(|error| panic!("{error}"));
                assert_code_is_bounded(&module, wasm.len(), 1);
                module
            });
            outcomes.push(outcome(engine, &module));
        }
    }
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    outcomes.swap_remove(0)
}

#[test]
fn a_million_blocks_in_each_other() {
    let engine = &engines()[0];
    for opening in [&BLOCK[..], &LOOP, &[0x41, 1, 0x04, 0x40]] {
        let code = [opening.repeat(1_000_000), vec![END; 1_000_000]].concat();
        let wasm = binary::functions(&[body(&code)]);
        let message = within(4 * wasm.len() + (8 << 20), || refusal(engine, &wasm));
        assert!(message.starts_with("too many blocks in each other"), "{message}");
    }
    // The same without ends.
    refusal(engine, &binary::functions(&[body(&BLOCK.repeat(1_000_000))]));
}

#[test]
fn as_many_blocks_in_each_other_as_there_may_be() {
    let depth = Limits::default().nesting as usize;
    let engines = engines();
    for opening in [&BLOCK[..], &LOOP, &[0x41, 1, 0x04, 0x40]] {
        for (depth, expected) in [(depth, "OutOfFuel"), (depth / 10, "Ok([])")] {
            let code = [opening.repeat(depth), vec![END; depth]].concat();
            let results = run(&engines, &binary::functions(&[body(&code)]), 100);
            assert!(results[0].text.contains(expected), "{results:?}");
        }
    }
    // Out of all of them at once, and in dead code.
    let out = [BLOCK.repeat(depth), vec![0x0C], leb(depth as u64), vec![END; depth]].concat();
    run(&engines, &binary::functions(&[body(&out)]), 100);
    let dead = [vec![0x00], BLOCK.repeat(depth), vec![END; depth]].concat();
    run(&engines, &binary::functions(&[body(&dead)]), 100);
}

/// A `br_table` with so many labels, all of them `depth`.
fn table(labels: usize, depth: u8) -> Vec<u8> {
    [vec![0x0E], leb(labels as u64 - 1), vec![depth; labels]].concat()
}

#[test]
fn giant_tables_of_branches() {
    let engines = engines();
    let most = Limits::default().br_table_labels as usize;
    let one = [&BLOCK[..], &[0x41, 5], &table(most, 0), &[END]].concat();
    let results = run(&engines, &binary::functions(&[body(&one)]), 100);
    assert!(results[0].text.contains("Ok([])"), "{results:?}");
    let more = [&BLOCK[..], &[0x41, 5], &table(most + 1, 0), &[END]].concat();
    let error = refusal(&engines[0], &binary::functions(&[body(&more)]));
    assert!(error.starts_with("too many labels of a br_table"), "{error}");
    // A count of labels without the labels.
    let none = [&BLOCK[..], &[0x41, 5, 0x0E], &leb(most as u64 - 1), &[END]].concat();
    refusal(&engines[0], &binary::functions(&[body(&none)]));
}

/// Many tables with many labels, all to one block that takes values with it.
#[test]
fn many_tables_to_one_label() {
    let engines = engines();
    let results = 60;
    let types = [vec![2, 0x60, 0, 0, 0x60, 0, results], vec![I32; results as usize]].concat();
    let values = [0x41, 7].repeat(results as usize);
    // Each in a block of its own: (block (block values... i32.const 1 br_table 1 1 1 ...)).
    let part = [&BLOCK[..], &values, &[0x41, 1], &table(5_000, 1), &[END]].concat();
    let code = [&[0x02, 1][..], &part.repeat(100), &values, &[END], &vec![0x1A; results as usize]].concat();
    let wasm = binary::functions(&[body(&code)]);
    let mut sections = binary::sections(&wasm);
    sections[0].content = types;
    let outcome = run(&engines, &binary::module(&sections), 100);
    assert!(outcome[0].text.contains("Ok([])"), "{outcome:?}");
}

/// Labels of the same arity but other types, compared with each other in live and in dead code.
#[test]
fn tables_whose_labels_differ() {
    let engine = &engines()[0];
    let wide = 1_000;
    let results = |last: u8| [&leb(wide)[..], &vec![I32; wide as usize - 1], &[last]].concat();
    let types = [&[3, 0x60, 0, 0, 0x60, 0][..], &results(I32), &[0x60, 0], &results(I64)].concat();
    for dead in [true, false] {
        let values = if dead { vec![0x00] } else { [0x41, 7].repeat(wide as usize) };
        let labels = [[0, 1].repeat(10_000), vec![1]].concat();
        let code = [
            &[0x02, 1, 0x02, 2][..],
            &values,
            &[0x41, 0, 0x0E],
            &leb(20_000),
            &labels,
            &[END, 0x00, END, 0x00],
        ]
        .concat();
        let mut sections = binary::sections(&binary::functions(&[body(&code)]));
        sections[0].content.clone_from(&types);
        let wasm = binary::module(&sections);
        if dead {
            Module::validate(engine, &wasm).unwrap();
        } else {
            let message = refusal(engine, &wasm);
            assert!(message.starts_with("type mismatch: the labels of a br_table differ"), "{message}");
        }
    }
}

#[test]
fn locals_by_the_ten_thousands() {
    let engines = engines();
    let body = |groups: &[(u64, u8)]| {
        let groups: Vec<_> = groups.iter().map(|&(count, ty)| [leb(count), vec![ty]].concat()).collect();
        [binary::list(&groups), vec![END]].concat()
    };
    for (groups, valid) in [
        (vec![(50_000, I32)], true),
        (vec![(50_001, I32)], false),
        (vec![(25_000, I32), (25_000, I64)], true),
        (vec![(50_000, I32), (1, I64)], false),
        (vec![(0, I64); 100_000], true),
        (vec![(u64::from(u32::MAX), I32)], false),
        (vec![(u64::from(u32::MAX), I32); 3], false),
        (vec![(1, I32), (u64::from(u32::MAX), I64)], false),
    ] {
        let wasm = binary::functions(&[body(&groups)]);
        if valid {
            Module::new_with_mode(&engines[0], &wasm, LoadMode::Eager).unwrap();
        } else {
            let message = refusal(&engines[0], &wasm);
            assert!(message.starts_with("too many locals"), "{message}");
        }
    }
}

/// Bodies of a few bytes that declare as many locals as there may be: what is allocated is in proportion to the
/// bytes, not to the locals.
#[test]
fn many_functions_of_many_locals() {
    let count = 20_000;
    // One local is used, beyond the few that have a place of their own in tables.
    let uses = [&[1][..], &leb(50_000), &[I64, 0x20], &leb(49_999), &[0x21], &leb(20_000), &[END]].concat();
    let unused = [&[1][..], &leb(50_000), &[I32, END]].concat();
    for body in [uses, unused] {
        let wasm = binary::functions(&vec![body; count]);
        for engine in engines() {
            for mode in MODES {
                let (module, bytes) = counted(|| Module::new_with_mode(&engine, &wasm, mode).unwrap());
                // Translation allocates anew for each function: a few kilobytes.
                let bound = if mode == LoadMode::Eager { 8_000 * count } else { 100 * wasm.len() };
                assert!(bytes.total < bound, "{mode:?}: {bytes:?}");
                drop(module);
            }
        }
    }
}

/// As many operands as a frame has room for, and one more.
#[test]
fn operands_by_the_ten_thousands() {
    let engines = engines();
    let code = |operands: usize| body(&[[0x41, 3].repeat(operands), vec![0x1A; operands]].concat());
    // Two slots are the linkage.
    let most = Limits::MAX_FRAME_SLOTS as usize - 2;
    let results = run(&engines, &binary::functions(&[code(most)]), 100);
    assert!(results[0].text.contains("StackOverflow"), "the frame is larger than the stack: {results:?}");
    let message = refusal(&engines[0], &binary::functions(&[code(most + 1)]));
    assert!(message.starts_with("too many slots of a frame"), "{message}");
}

#[test]
fn bodies_longer_than_allowed() {
    let engine = &engines()[0];
    let most = Limits::default().body_bytes as usize;
    // Locals and the last `end` are two.
    let nops = |count: usize| binary::functions(&[body(&vec![0x01; count - 2])]);
    Module::validate(engine, &nops(most)).unwrap();
    let error = Module::new_with_mode(engine, nops(most + 1), LoadMode::Partial).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
}
