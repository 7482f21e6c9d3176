//! Bodies for which a careless translator takes time or space in proportion to the square of their size.
//!
//! Each of them is large enough that a square would take minutes; that it does not is what [`GUARD`] says, and is
//! all that it says: how fast things are is for benchmarks.

use std::time::{Duration, Instant};

use rotifer::{LoadMode, Module};

use crate::{
    binary::{self, I32, body, leb},
    engines, engines_with,
};

/// A guard against what does not end in reasonable time, on the slowest of machines.
const GUARD: Duration = Duration::from_secs(100);

/// Loads a module of one function in eager mode, with and without metering.
fn translate(what: &str, body: Vec<u8>) {
    let wasm = binary::functions(&[body]);
    let start = Instant::now();
    for fuel in [true, false] {
        let engine = engines_with(|config| {
            config.consume_fuel(fuel);
        })
        .remove(0);
        let module = Module::new_with_mode(&engine, &wasm, LoadMode::Eager);
        let module = module.unwrap_or_else(|error| panic!("{what}: {error}"));
        let memory = module.memory_usage();
        assert!(memory.code + memory.tables <= 56 * wasm.len() + 64, "{what}: {memory:?}");
    }
    assert!(start.elapsed() < GUARD, "{what}");
}

/// Code above many operands, which it must not look at each time.
#[test]
fn above_many_operands() {
    const DEEP: usize = 60_000;
    const TIMES: usize = 50_000;
    let local = 0;
    for (what, push, part) in [
        ("blocks over constants", &[0x41, 1][..], &[0x02, 0x40, 0x0B][..]),
        ("blocks over locals", &[0x20, local], &[0x02, 0x40, 0x0B]),
        ("loops over constants", &[0x41, 1], &[0x03, 0x40, 0x0B]),
        ("calls over constants", &[0x41, 1], &[0x10, 0]),
        ("branches over constants", &[0x41, 1], &[0x02, 0x40, 0x20, local, 0x0D, 0, 0x0B]),
        ("writes of a local over locals", &[0x20, local], &[0x41, 2, 0x21, local]),
        ("writes of a local over constants", &[0x41, 1], &[0x20, local, 0x21, local]),
        ("ifs over sums", &[0x20, local], &[0x20, local, 0x04, 0x40, 0x05, 0x0B]),
        ("ifs on sums over locals", &[0x20, local], &[0x20, local, 0x20, local, 0x6A, 0x04, 0x40, 0x0B]),
        ("loads over locals", &[0x20, local], &[0x20, local, 0x28, 2, 0, 0x1A, 0x02, 0x40, 0x0B]),
        ("stores and blocks", &[0x20, local], &[0x20, local, 0x20, local, 0x36, 2, 0, 0x02, 0x40, 0x0B]),
        ("drops and blocks", &[0x20, local], &[0x20, local, 0x1A, 0x02, 0x40, 0x0B]),
        ("tees and blocks", &[0x20, local], &[0x20, local, 0x22, local, 0x1A, 0x02, 0x40, 0x0B]),
        (
            "selects and blocks",
            &[0x20, local],
            &[0x20, local, 0x20, local, 0x20, local, 0x1B, 0x1A, 0x02, 0x40, 0x0B],
        ),
        (
            "fills and blocks",
            &[0x20, local],
            &[0x20, local, 0x20, local, 0x20, local, 0xFC, 11, 0, 0x02, 0x40, 0x0B],
        ),
        (
            "tables of branches",
            &[0x20, local],
            &[0x02, 0x40, 0x20, local, 0x0E, 0, 0, 0x0B, 0x02, 0x40, 0x0B],
        ),
        ("indirect calls and blocks", &[0x20, local], &[0x20, local, 0x11, 0, 0, 0x02, 0x40, 0x0B]),
    ] {
        let code = [push.repeat(DEEP), part.repeat(TIMES), vec![0x1A; DEEP]].concat();
        translate(what, [&[1, 1, I32], code.as_slice(), &[0x0B]].concat());
    }
}

/// One local on the stack many times, written again and again.
#[test]
fn aliases_of_locals() {
    let part = [&[0x20, 0].repeat(50)[..], &[0x41, 2, 0x21, 0], &[0x1A; 50]].concat();
    translate("aliases", [&[1, 1, I32], part.repeat(10_000).as_slice(), &[0x0B]].concat());
}

/// Branches forward to one label, which wait for it together; and back to one loop.
#[test]
fn many_branches_to_one_label() {
    for (what, block) in [("forward", 0x02), ("back", 0x03)] {
        let branches = [0x20, 0, 0x0D, 0].repeat(200_000);
        translate(what, [&[1, 1, I32, block, 0x40][..], &branches, &[0x0B, 0x0B]].concat());
    }
}

/// From deep inside to the outermost of many blocks, again and again.
#[test]
fn branches_out_of_many_blocks() {
    const DEPTH: usize = 40_000;
    let out = [&[0x41, 0, 0x0D][..], &leb(DEPTH as u64 - 1)].concat();
    let code = [[0x02, 0x40].repeat(DEPTH), out.repeat(100_000), vec![0x0B; DEPTH]].concat();
    translate("out of blocks", body(&code));
    // Loops whose tests leave them for the outermost block.
    let test = [&[0x03, 0x40, 0x20, 0, 0x0D][..], &leb(DEPTH as u64), &[0x0C, 0, 0x0B]].concat();
    let code = [[0x02, 0x40].repeat(DEPTH), test.repeat(50_000), vec![0x0B; DEPTH]].concat();
    translate("out of loops", [&[1, 1, I32], code.as_slice(), &[0x0B]].concat());
}

/// All regions of fuel open at once; all safepoints of one region.
#[test]
fn regions_and_safepoints() {
    translate("empty loops in each other", body(&[[0x03, 0x40].repeat(49_999), vec![0x0B; 49_999]].concat()));
    let load = [0x41, 0, 0x28, 2, 0, 0x1A];
    translate("one region of many loads", body(&load.repeat(200_000)));
}

/// Calls of many parameters and results, each in a few bytes: work a call is bounded by the limits on both.
#[test]
fn calls_of_many_values() {
    let engine = &engines()[0];
    let count = 1_000;
    let types =
        [&[1, 0x60][..], &leb(count), &vec![I32; count as usize], &leb(count), &vec![I32; count as usize]];
    let code = [[0x10, 0].repeat(5_000), vec![0x0B]].concat();
    // The parameters are pushed once, and results are the next call's parameters.
    let push: Vec<u8> = (0..count).flat_map(|local| [&[0x20][..], &leb(local)].concat()).collect();
    let wasm = binary::module(&[
        binary::Section::new(1, types.concat()),
        binary::Section::new(3, [1, 0]),
        binary::Section::new(10, [vec![1], binary::sized(&[&[0], push.as_slice(), &code].concat())].concat()),
    ]);
    let start = Instant::now();
    Module::new_with_mode(engine, &wasm, LoadMode::Eager).unwrap();
    assert!(start.elapsed() < GUARD);
}
