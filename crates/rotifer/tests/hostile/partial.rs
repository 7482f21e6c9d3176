//! Partial mode with one invalid function in a module: the others run and give what they always give, the invalid
//! one gives the error that the other modes give at load, every time, in any order and from any thread, and calling
//! it changes nothing.

use std::thread;

use rotifer::{Engine, Instance, LoadMode, Module, Store, StoreLimits, Val};

use crate::{
    Random,
    binary::{self, Bytes, leb},
    corpus, engines,
    outcome::{Outcome, instantiate, outcome, small_store},
};

const FUNCTIONS: usize = 14;

/// Code that is not valid, whatever comes before and behind it, and the same in words.
const BAD_CODE: &[(&str, &[u8])] = &[
    ("an i64 for an i32", &[0x41, 0, 0x42, 0, 0x6A, 0x1A]),
    ("a float for an i32", &[0x43, 0, 0, 0, 0, 0x45, 0x1A]),
    ("an operand that is not there", &[0x1A]),
    ("operands that are not there", &[0x6A]),
    ("an address that is an i64", &[0x42, 0, 0x28, 2, 0, 0x1A]),
    ("a condition that is an f64", &[0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x04, 0x40, 0x0B]),
    ("a local that is not there", &[0x20, 0xFF, 0xFF, 3, 0x1A]),
    ("a local of another type", &[0x42, 0, 0x21, 0]),
    ("a global that is not there", &[0x23, 9, 0x1A]),
    ("a global of another type", &[0x41, 0, 0x24, 0]),
    ("a function that is not there", &[0x10, 99]),
    ("a type that is not there", &[0x41, 0, 0x11, 99, 0]),
    ("a table that is not there", &[0x41, 0, 0x41, 0, 0x11, 0, 9, 0x1A]),
    ("a memory that is not there", &[0x3F, 9, 0x1A]),
    ("a segment that is not there", &[0xFC, 13, 9]),
    ("data without their count", &[0xFC, 9, 0]),
    ("a label that is not there", &[0x0C, 9]),
    ("a label of a table that is not there", &[0x41, 0, 0x0E, 1, 0, 9]),
    ("a block of a type that is not there", &[0x02, 99, 0x0B]),
    ("a block without its result", &[0x02, 0x7F, 0x0B, 0x1A]),
    ("a block with a value too many", &[0x02, 0x40, 0x41, 0, 0x0B]),
    ("an else without an if", &[0x05]),
    ("a loop that leaves a value", &[0x03, 0x40, 0x41, 0, 0x0B]),
    ("an opcode that is none", &[0xFF]),
    ("an opcode of a later proposal", &[0xFD, 12, 0, 0]),
    ("a prefixed opcode that is none", &[0xFC, 99]),
    ("too large an alignment", &[0x41, 0, 0x28, 7, 0, 0x1A]),
    ("too long a number", &[0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x1A]),
    ("a select of two types", &[0x41, 0, 0x42, 0, 0x41, 0, 0x1B, 0x1A]),
    ("a reference type that is none", &[0xD0, 0x40, 0x1A]),
    ("a return without a value", &[0x02, 0x40, 0x0F, 0x0B, 0x0F]),
    ("a reference that is a number", &[0x41, 0, 0xD1, 0x1A]),
];

/// Where code begins in a body: behind the locals.
fn code_start(body: &[u8]) -> usize {
    let mut bytes = Bytes(body);
    for _ in 0..bytes.leb() {
        bytes.leb();
        bytes.byte();
    }
    body.len() - bytes.0.len()
}

/// A body with something invalid in it, in many ways.
fn spoiled(body: &[u8], random: &mut Random) -> Vec<(String, Vec<u8>)> {
    let (start, end) = (code_start(body), body.len() - 1);
    let insert = |at: usize, code: &[u8]| [&body[..at], code, &body[at..]].concat();
    let mut bodies = Vec::new();
    for (what, code) in BAD_CODE {
        bodies.push((format!("{what}, at the start"), insert(start, code)));
        bodies.push((format!("{what}, at the end"), insert(end, code)));
    }
    let locals = |groups: &[u8]| [groups, &body[start..]].concat();
    bodies.push(("too many locals".into(), locals(&[&[1][..], &leb(50_001), &[0x7F]].concat())));
    bodies.push(("locals that are no type".into(), locals(&[1, 1, 0x20])));
    bodies.push(("more groups of locals than there are".into(), locals(&leb(u32::MAX.into()))));
    bodies.push(("an end too many".into(), insert(end, &[0x0B])));
    bodies.push(("no end".into(), body[..end].to_vec()));
    bodies.push(("nothing".into(), vec![]));
    bodies.push(("no code".into(), body[..start].to_vec()));
    for _ in 0..20 {
        let at = random.below(body.len());
        bodies.push((format!("cut off at {at}"), body[..at].to_vec()));
        let mut other = body.to_vec();
        other[at] = random.next() as u8;
        bodies.push((format!("with byte {at} {:02x}", other[at]), other));
    }
    bodies
}

/// A module with one invalid function, and the error of the modes that validate at load.
struct Spoiled {
    what: String,
    wasm: Vec<u8>,
    /// Imports counted.
    func: u32,
    error: String,
}

/// Modules with one invalid function each; variants that happen to be valid are left out.
fn variants(engine: &Engine, name: &str, wasm: &[u8], each: impl Fn(usize) -> bool) -> Vec<Spoiled> {
    let imported = {
        let module = Module::new(engine, wasm).unwrap();
        module.imports().filter(|import| import.ty().func().is_some()).count() as u32
    };
    let sections = binary::sections(wasm);
    let code = sections.iter().find(|section| section.id == 10).expect("a code section");
    let bodies = binary::bodies(&code.content);
    let mut random = Random(wasm.len() as u64);
    let mut variants = Vec::new();
    for (index, body) in bodies.iter().enumerate().filter(|(index, _)| each(*index)) {
        for (what, spoiled) in spoiled(body, &mut random) {
            let mut bodies = bodies.clone();
            bodies[index] = spoiled;
            let (wasm, func) = (binary::with_bodies(wasm, &bodies), imported + index as u32);
            let Err(error) = Module::validate(engine, &wasm) else { continue };
            let module_error = error.as_module_error().expect("a module's error");
            assert_eq!(module_error.func().map(|func| func.0), Some(func), "{name}, {func}: {what}");
            let what = format!("{name}, function {func}: {what}");
            variants.push(Spoiled { what, wasm, func, error: error.to_string() });
        }
    }
    variants
}

/// What an instance can change: memory, globals, tables, and what it has consumed.
fn state(store: &Store<StoreLimits>, instance: Instance) -> (u64, Vec<String>) {
    let items = instance.exports(store).map(|export| {
        let item = export.into_extern();
        if let Some(memory) = item.into_memory() {
            format!(
                "{:?}",
                memory.data(store).iter().enumerate().filter(|(_, byte)| **byte != 0).collect::<Vec<_>>()
            )
        } else if let Some(global) = item.into_global() {
            format!("{:?}", global.get(store))
        } else if let Some(table) = item.into_table() {
            format!("{:?}", (0..table.size(store)).map(|index| table.get(store, index)).collect::<Vec<_>>())
        } else {
            String::new()
        }
    });
    let items = items.collect();
    (store.get_fuel().unwrap(), items)
}

fn call(
    store: &mut Store<StoreLimits>,
    instance: Instance,
    func: usize,
    arg: i32,
) -> Result<i32, rotifer::Error> {
    store.set_fuel(200_000).unwrap();
    let func = instance.get_func(&*store, &format!("f{func}")).expect("an export");
    let mut results = [Val::I32(0)];
    func.call(store, &[Val::I32(arg)], &mut results)?;
    Ok(results[0].i32().expect("an i32"))
}

/// Calls functions of the spoiled module in this order, and those of the good one beside it.
fn check(engine: &Engine, spoiled: &Spoiled, module: &Module, good: &Module, order: &[usize]) {
    let what = &spoiled.what;
    let mut stores = [small_store(engine), small_store(engine)];
    let instances =
        [instantiate(&mut stores[0], module).unwrap(), instantiate(&mut stores[1], good).unwrap()];
    let bad = spoiled.func as usize;
    let mut failures = 0;
    for (round, &func) in order.iter().enumerate() {
        stores[0].set_fuel(200_000).unwrap();
        let before = state(&stores[0], instances[0]);
        match call(&mut stores[0], instances[0], func, round as i32) {
            Err(error) if error.as_module_error().is_some() => {
                assert_eq!(error.to_string(), spoiled.error, "{what}");
                let after = state(&stores[0], instances[0]);
                assert_eq!(before.1, after.1, "{what}: called by {func}");
                // Who calls it has paid for what it did itself.
                assert!(func != bad || before.0 == after.0, "{what}: fuel is gone");
                assert!(func == bad || bad < 10, "{what}: {func} does not call it");
                failures += usize::from(func == bad);
            }
            result => {
                assert_ne!(func, bad, "{what}: {result:?}");
                let expected = call(&mut stores[1], instances[1], func, round as i32);
                assert_eq!(format!("{result:?}"), format!("{expected:?}"), "{what}: {func}");
                let fuel = [stores[0].get_fuel().unwrap(), stores[1].get_fuel().unwrap()];
                assert_eq!(fuel[0], fuel[1], "{what}: {func}");
            }
        }
    }
    assert!(failures >= 2, "{what}");
    let [spoiled, good] = [0, 1].map(|index| {
        stores[index].set_fuel(0).unwrap();
        let (_, mut items) = state(&stores[index], instances[index]);
        // Tables hold functions, which are those of the store.
        items.retain(|item| !item.contains("Func"));
        items
    });
    assert_eq!(spoiled, good, "{what}: what is left");
}

/// The order in which functions are called: up, down, and the invalid one alone again and again.
fn orders(bad: usize) -> [Vec<usize>; 3] {
    let up: Vec<usize> = (0..FUNCTIONS).chain([bad]).collect();
    let down: Vec<usize> = up.iter().rev().copied().chain([bad]).collect();
    [up, down, vec![bad, bad, 0, bad, 1, bad]]
}

#[test]
fn one_invalid_function_among_others() {
    let engines = engines();
    let wasm = corpus::generated(FUNCTIONS, 3);
    let variants = variants(&engines[0], "generated", &wasm, |_| true);
    println!("{} variants", variants.len());
    assert!(variants.len() > 900, "{}", variants.len());
    for engine in &engines {
        let good = Module::new(engine, &wasm).unwrap();
        for (number, spoiled) in variants.iter().enumerate() {
            let module = Module::new_with_mode(engine, &spoiled.wasm, LoadMode::Partial).unwrap();
            // The shortest order is also the second, when all is translated that can be.
            let orders = orders(spoiled.func as usize);
            check(engine, spoiled, &module, &good, &orders[number % 2]);
            check(engine, spoiled, &module, &good, &orders[2]);
            assert_eq!(module.validate_all().unwrap_err().to_string(), spoiled.error, "{}", spoiled.what);
            for _ in 0..2 {
                assert_eq!(
                    module.translate_all().unwrap_err().to_string(),
                    spoiled.error,
                    "{}",
                    spoiled.what
                );
            }
            assert!(module.bytecode(spoiled.func).is_err());
        }
    }
}

#[test]
fn threads_share_a_module_with_an_invalid_function() {
    let engines = engines();
    let wasm = corpus::generated(FUNCTIONS, 4);
    let variants = variants(&engines[0], "generated", &wasm, |index| index % 5 == 2);
    assert!(variants.len() > 200, "{}", variants.len());
    for engine in &engines {
        let good = Module::new(engine, &wasm).unwrap();
        for spoiled in &variants {
            let module = Module::new_with_mode(engine, &spoiled.wasm, LoadMode::Partial).unwrap();
            let orders = orders(spoiled.func as usize);
            thread::scope(|scope| {
                for order in &orders[..2] {
                    scope.spawn(|| check(engine, spoiled, &module, &good, order));
                }
            });
        }
    }
}

/// The kernels, each of which has one body spoiled: what an export does is what it always does, or the error.
#[test]
fn kernels_with_an_invalid_function() {
    let engines = engines();
    let mut tried = 0;
    for (name, wasm) in corpus::kernels().into_iter().filter(|(_, wasm)| wasm.len() < 3_000) {
        let good = Module::new(&engines[0], &wasm).unwrap();
        let expected = outcome(&engines[0], &good);
        let functions = good.counts().functions as usize;
        let variants = variants(&engines[0], &name, &wasm, |index| index % functions.div_ceil(3) == 0);
        for (number, spoiled) in variants.iter().enumerate().filter(|(number, _)| number % 5 == 0) {
            let engine = &engines[number / 5 % engines.len()];
            let module = Module::new_with_mode(engine, &spoiled.wasm, LoadMode::Partial).unwrap();
            let found = outcome(engine, &module);
            // State that an export before has not left changes what those behind it do, but not what they call.
            let invalid = |outcome: &Outcome| outcome.text.contains(&spoiled.error);
            let first = found.iter().position(invalid).unwrap_or(found.len());
            // Offsets of what is behind the spoiled body are others.
            for (found, expected) in found.iter().zip(&expected).take(first) {
                assert_eq!(found.text, expected.text, "{}", spoiled.what);
            }
            assert!(module.validate_all().unwrap_err().to_string() == spoiled.error);
            assert_eq!(outcome(engine, &module), found, "{}: again", spoiled.what);
            tried += 1;
        }
    }
    println!("{tried} variants");
    assert!(tried > 300, "{tried}");
}
