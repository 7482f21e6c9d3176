//! Traps, of which there may be many: what one costs depends neither on how many there were, nor on how large the
//! module is, nor on how deep the stack.

use rotifer::{Engine, Module, Store, TrapCode};

use crate::{
    allocator::counted,
    binary::{self, Section, body, leb},
    engines, engines_with,
    outcome::{instantiate, small_store},
};

/// What a trap may allocate: an error and a backtrace of at most 64 calls.
const TRAP: usize = 16 << 10;

/// Enough for every region here.
const FUEL: u64 = 100_000_000;

/// Calls "f0" so many times, with so much fuel; each call fails with this trap.
fn fail(engine: &Engine, wasm: &[u8], times: usize, fuel: u64, expected: TrapCode) {
    let module = Module::new(engine, wasm).unwrap();
    let mut store = small_store(engine);
    let instance = instantiate(&mut store, &module).unwrap();
    let func = instance.get_typed_func::<(), ()>(&store, "f0").unwrap();
    let mut call = || {
        store.set_fuel(fuel).unwrap();
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(expected));
        assert!(!error.backtrace().frames().is_empty() && error.backtrace().frames().len() <= 64);
    };
    // The first call translates.
    call();
    let ((), bytes) = counted(|| (0..times).for_each(|_| call()));
    assert!(bytes.total <= times * TRAP, "{bytes:?} for {times} traps: {expected:?}");
    assert!(bytes.peak <= 4 * TRAP, "{bytes:?}");
}

/// A function that does this and then has a million instructions more.
fn large(code: &[u8]) -> Vec<u8> {
    body(&[code, &[0x41, 0, 0x28, 2, 0, 0x1A].repeat(300_000)].concat())
}

#[test]
fn many_traps_in_large_functions() {
    for engine in engines() {
        fail(&engine, &binary::functions(&[large(&[0x00])]), 2_000, FUEL, TrapCode::UnreachableCodeReached);
        let load = [0x41, 0x7F, 0x28, 2, 0, 0x1A];
        fail(&engine, &binary::functions(&[large(&load)]), 2_000, FUEL, TrapCode::MemoryOutOfBounds);
        // At the far end of the tables of safepoints.
        let late = body(&[&[0x41, 0, 0x28, 2, 0, 0x1A].repeat(500)[..], &[0x00]].concat());
        fail(&engine, &binary::functions(&[late]), 2_000, FUEL, TrapCode::UnreachableCodeReached);
    }
}

/// Without fuel for its first region, or in a loop: nothing is translated again to say where.
#[test]
fn running_out_of_fuel_in_large_functions() {
    for engine in engines() {
        fail(&engine, &binary::functions(&[large(&[])]), 300, 100, TrapCode::OutOfFuel);
        // An endless loop, then as much that is dead.
        let endless = large(&[0x03, 0x40, 0x41, 1, 0x0D, 0, 0x0B]);
        fail(&engine, &binary::functions(&[endless]), 300, 1_000, TrapCode::OutOfFuel);
    }
}

#[test]
fn traps_at_the_end_of_the_stack() {
    for engine in engines_with(|config| {
        config.max_stack_size(16 << 20).max_call_depth(1_000_000);
    }) {
        let wasm = binary::functions(&[body(&[0x10, 0])]);
        let module = Module::new(&engine, &wasm).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = rotifer::Instance::new(&mut store, &module, &[]).unwrap();
        let func = instance.get_typed_func::<(), ()>(&store, "f0").unwrap();
        let mut call = || {
            store.set_fuel(u64::MAX >> 1).unwrap();
            let error = func.call(&mut store, ()).unwrap_err();
            assert_eq!(error.as_trap_code(), Some(TrapCode::StackOverflow));
            assert_eq!(error.backtrace().frames().len(), 64);
        };
        call();
        let ((), bytes) = counted(|| (0..20).for_each(|_| call()));
        assert!(bytes.total <= 20 * TRAP, "{bytes:?}");
    }
}

/// The text of an error names functions, in a module with many exports and no names.
#[test]
fn texts_of_errors_in_modules_with_many_exports() {
    let engine = &engines()[0];
    let count = 100_000_u64;
    let export =
        |number: u64| [binary::sized(format!("e{number}").as_bytes()), vec![0], leb(number % 2)].concat();
    let exports: Vec<_> = (0..count).map(export).collect();
    let mut sections = binary::sections(&binary::functions(&[body(&[0x10, 1]), body(&[0x10, 0])]));
    let place = sections.iter().position(|section| section.id == 7).unwrap();
    sections[place] = Section::new(7, binary::list(&exports));
    let module = Module::new(engine, binary::module(&sections)).unwrap();
    let mut store = small_store(engine);
    let instance = instantiate(&mut store, &module).unwrap();
    let func = instance.get_typed_func::<(), ()>(&store, "e0").unwrap();
    for _ in 0..50 {
        store.set_fuel(5_000).unwrap();
        let error = func.call(&mut store, ()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`e0`") && text.contains("`e1`") && text.len() < 8_000, "{text}");
    }
}
