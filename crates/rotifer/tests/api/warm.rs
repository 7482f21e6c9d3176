//! Instances that modules keep for other stores: nothing of a former store is left in them.

use rotifer::{
    Config, Engine, Extern, Func, Global, Instance, Linker, Module, Mutability, Ref, Store, TrapCode, Val,
};
use std::fmt::Write;

use super::{MODES, engines_with, load};

/// A module with all that an instance has. `PAGES` of memory; `BYTES` of data behind address 0x100.
const EVERYTHING: &str = r#"(module
    (import "host" "base" (global $base i32))
    (import "host" "seven" (func $seven (result i32)))
    (memory (export "memory") PAGES 40)
    (table $defined (export "defined") 8 20 funcref)
    (table $mixed (export "mixed") 4 funcref)
    (global $count (mut i32) (i32.const 5))
    (global $sum i32 (i32.add (global.get $base) (i32.const 1)))
    (global $named (mut funcref) (ref.func $two))
    (elem $active (table $defined) (i32.const 1) func $one $two $three)
    (elem (table $mixed) (i32.const 0) funcref (ref.func $seven) (ref.null func) (ref.func $three))
    (elem $passive func $three $two $seven)
    (elem declare func $four)
    (data (i32.const 0x100) "BYTES")
    (data $kept "passive")
    (type $number (func (result i32)))
    (func $one (result i32) (i32.const 1))
    (func $two (export "two") (result i32) (i32.const 2))
    (func $three (result i32) (i32.const 3))
    (func $four (result i32) (i32.const 4))
    (func (export "four") (result funcref) (ref.func $four))
    (func (export "named") (result funcref) (global.get $named))
    (func (export "count") (result i32) (global.get $count))
    (func (export "sum") (result i32) (global.get $sum))
    (func (export "defined-at") (param i32) (result i32) (call_indirect $defined (type $number) (local.get 0)))
    (func (export "mixed-at") (param i32) (result i32) (call_indirect $mixed (type $number) (local.get 0)))
    (func (export "init-memory") (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 7)))
    (func (export "init-table") (table.init $defined $passive (i32.const 5) (i32.const 0) (i32.const 3)))
    (func (export "init-active") (table.init $defined $active (i32.const 5) (i32.const 0) (i32.const 1)))
    (func (export "soil")
        (i32.store8 (i32.const 0x101) (i32.const 0))
        (i64.store (i32.sub (i32.mul (memory.size) (i32.const 0x10000)) (i32.const 8)) (i64.const -1))
        (if (i32.ge_s (memory.grow (i32.const 2)) (i32.const 0))
            (then (memory.fill (i32.sub (i32.mul (memory.size) (i32.const 0x10000)) (i32.const 100))
                (i32.const 7) (i32.const 100))))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.set $named (ref.func $four))
        (table.set $defined (i32.const 0) (ref.func $four))
        (table.fill $mixed (i32.const 0) (ref.null func) (i32.const 2))
        (drop (table.grow $defined (ref.func $two) (i32.const 3)))
        (data.drop $kept) (elem.drop $passive))
    (func (export "trap") (i32.store (i32.const 4) (i32.const 4)) (table.set $mixed (i32.const 1) (ref.func $two))
        unreachable))"#;

pub(super) fn everything(pages: u32, bytes: usize) -> String {
    EVERYTHING.replace("PAGES", &pages.to_string()).replace("BYTES", &"data".repeat(bytes / 4))
}

/// A store with an instance, whose imports say `base` and 7.
pub(super) fn fresh(module: &Module, base: i32) -> (Store<()>, Instance) {
    let mut store = Store::new(module.engine(), ());
    let mut linker = Linker::new(module.engine());
    let global = Global::new(&mut store, Val::I32(base), Mutability::Const);
    linker.define("host", "base", global).unwrap();
    linker.func_wrap("host", "seven", || 7).unwrap();
    let instance = linker.instantiate_and_start(&mut store, module).unwrap();
    (store, instance)
}

/// All that can be seen of an instance. Asking changes it.
pub(super) fn describe(store: &mut Store<()>, instance: Instance) -> String {
    let mut text = String::new();
    let memory = instance.get_memory(&*store, "memory").unwrap();
    let digest = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3).rotate_left(7))
    };
    writeln!(text, "memory {} {:x}", memory.size(&*store), digest(memory.data(&*store))).unwrap();
    let call = |store: &mut Store<()>, name: &str, arg: Option<i32>| {
        let func = instance.get_func(&*store, name).unwrap();
        let mut results = vec![Val::I32(0); func.ty(&*store).results().len()];
        let args: Vec<Val> = arg.into_iter().map(Val::I32).collect();
        match func.call(&mut *store, &args, &mut results) {
            Ok(()) => format!("{:?}", results.iter().map(|result| value(store, result)).collect::<Vec<_>>()),
            Err(error) => format!("{:?}", error.as_trap_code()),
        }
    };
    for name in ["two", "four", "named", "count", "sum"] {
        writeln!(text, "{name} {}", call(store, name, None)).unwrap();
    }
    for (name, size) in [("defined-at", 12), ("mixed-at", 5)] {
        for index in 0..size {
            writeln!(text, "{name} {index} {}", call(store, name, Some(index))).unwrap();
        }
    }
    for name in ["defined", "mixed"] {
        let table = instance.get_table(&*store, name).unwrap();
        writeln!(text, "{name} {}", table.size(&*store)).unwrap();
        for index in 0..table.size(&*store) {
            let element = table.get(&*store, index).unwrap();
            let Ref::Func(element) = element else { panic!("a table of functions") };
            let element = value(store, &Val::FuncRef(element));
            writeln!(text, "{name} {index} {element}").unwrap();
        }
    }
    for name in ["init-active", "init-memory", "init-table"] {
        writeln!(text, "{name} {}", call(store, name, None)).unwrap();
    }
    writeln!(text, "memory {} {:x}", memory.size(&*store), digest(memory.data(&*store))).unwrap();
    for index in 0..9 {
        writeln!(text, "defined-at {index} {}", call(store, "defined-at", Some(index))).unwrap();
    }
    text
}

/// A value as text: of a function, what it returns.
fn value(store: &mut Store<()>, value: &Val) -> String {
    match value {
        Val::FuncRef(func) => match func.val() {
            Some(&func) => {
                let mut result = [Val::I32(0)];
                func.call(&mut *store, &[], &mut result).unwrap();
                format!("function of {:?}", result[0])
            }
            None => "null".into(),
        },
        number => format!("{number:?}"),
    }
}

/// Sizes of memory and data: in the allocator's memory, mapped, and mapped with an image.
pub(super) const SIZES: [(u32, usize); 3] = [(1, 40), (5, 40), (5, 100_000)];

#[test]
fn nothing_of_a_former_store_is_left() {
    let tracking = |track| {
        engines_with(move |config| {
            config.track_writes(track).warm_memory(if track { 0 } else { 2 << 20 });
        })
    };
    let discarding = engines_with(|config| {
        config.warm_memory(0);
    });
    for engine in [tracking(false), tracking(true), discarding].into_iter().flatten() {
        for (pages, bytes) in SIZES {
            for mode in MODES {
                let wasm = wat::parse_str(everything(pages, bytes)).unwrap();
                let module = Module::new_with_mode(&engine, &wasm, mode).unwrap();
                let (mut store, instance) = fresh(&module, 10);
                let expected = describe(&mut store, instance);
                assert!(expected.contains("sum [\"I32(11)\"]"), "{expected}");
                drop(store);
                let (mut store, instance) = fresh(&module, 20);
                let with_20 = describe(&mut store, instance);
                assert_eq!(with_20, expected.replace("I32(11)", "I32(21)"));
                drop(store);
                for round in 0..24 {
                    let (mut store, instance) = fresh(&module, 10);
                    let mut run = |name: &str| {
                        let func = instance.get_func(&store, name).unwrap();
                        func.call(&mut store, &[], &mut []).map_err(|error| error.as_trap_code())
                    };
                    match round % 6 {
                        0 => {}
                        1 => run("soil").unwrap(),
                        2 => assert_eq!(run("trap"), Err(Some(TrapCode::UnreachableCodeReached))),
                        3 => (0..5).for_each(|_| run("soil").unwrap()),
                        4 => {
                            let memory = instance.get_memory(&store, "memory").unwrap();
                            memory.data_mut(&mut store)[0x5000..].fill(9);
                            memory.grow(&mut store, 1).unwrap();
                        }
                        _ => {
                            let table = instance.get_table(&store, "defined").unwrap();
                            let two = instance.get_func(&store, "two").unwrap();
                            table.grow(&mut store, 2, Ref::from(two)).unwrap();
                            table.set(&mut store, 7, Ref::from(two)).unwrap();
                        }
                    }
                    drop(store);
                    let (mut store, instance) = fresh(&module, 10);
                    assert_eq!(describe(&mut store, instance), expected, "{pages} {bytes} {mode:?} {round}");
                }
            }
        }
    }
}

#[test]
fn several_stores_at_once_have_instances_of_their_own() {
    let engine = Engine::default();
    let module = load(&engine, &everything(5, 100_000));
    let (mut store, instance) = fresh(&module, 10);
    let expected = describe(&mut store, instance);
    for _ in 0..3 {
        let mut stores: Vec<_> = (0..12).map(|_| fresh(&module, 10)).collect();
        for (store, instance) in &mut stores[..6] {
            instance.get_func(&*store, "soil").unwrap().call(store, &[], &mut []).unwrap();
        }
        for (store, instance) in &mut stores[6..] {
            assert_eq!(describe(store, *instance), expected);
        }
    }
    let kept = engine.memory_usage().warm_instances;
    assert!(kept > 0);
    let again: Vec<_> = (0..20).map(|_| fresh(&module, 10)).collect();
    assert_eq!(engine.memory_usage().warm_instances, 0);
    drop(again);
    // Eight are kept, whatever the number of stores was.
    assert_eq!(engine.memory_usage().warm_instances, kept);
    module.drop_warm_instances();
    assert_eq!(engine.memory_usage().warm_instances, 0);
}

#[test]
fn instances_of_one_store_are_all_kept() {
    let engine = Engine::default();
    let module = load(&engine, &everything(1, 40));
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("host", "seven", || 7).unwrap();
    let mut results = Vec::new();
    for _ in 0..4 {
        let mut store = Store::new(&engine, ());
        let global = Global::new(&mut store, Val::I32(1), Mutability::Const);
        let mut linker = linker.clone();
        linker.define("host", "base", global).unwrap();
        let instances: Vec<_> = (0..3).map(|_| linker.instantiate(&mut store, &module).unwrap()).collect();
        instances[0].get_func(&store, "soil").unwrap().call(&mut store, &[], &mut []).unwrap();
        results.push(describe(&mut store, instances[2]));
    }
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn nothing_is_kept_if_nothing_shall_be() {
    for engine in engines_with(|config| {
        config.warm_instances(0);
    }) {
        let module = load(&engine, &everything(5, 100_000));
        let (mut store, instance) = fresh(&module, 10);
        let expected = describe(&mut store, instance);
        drop(store);
        assert_eq!(engine.memory_usage().warm_instances, 0);
        let (mut store, instance) = fresh(&module, 10);
        assert_eq!(describe(&mut store, instance), expected);
    }
}

#[test]
fn a_module_that_is_gone_keeps_nothing() {
    let engine = Engine::default();
    let module = load(&engine, &everything(5, 100_000));
    drop(fresh(&module, 1));
    let (store, _) = fresh(&module, 1);
    drop(fresh(&module, 1));
    drop(module);
    assert!(engine.memory_usage().warm_instances > 0);
    drop(store);
    assert_eq!(engine.memory_usage().total(), 0);
}

#[test]
fn memories_and_tables_that_have_grown_far_are_not_kept() {
    let engine = Engine::new(Config::new().warm_instances(1));
    let wat = r#"(module (memory (export "m") 1 1000) (table (export "t") 1 funcref)
        (func (export "grow") (drop (memory.grow (i32.const 500))) (drop (table.grow (ref.null func) (i32.const 9)))))"#;
    let module = load(&engine, wat);
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        assert_eq!(instance.get_memory(&store, "m").unwrap().size(&store), 1);
        instance.get_func(&store, "grow").unwrap().call(&mut store, &[], &mut []).unwrap();
        assert_eq!(instance.get_memory(&store, "m").unwrap().size(&store), 501);
        drop(store);
        assert_eq!(engine.memory_usage().warm_instances, 0);
    }
}

/// The data of another module's segment are in a memory that nobody else has written to.
#[test]
fn data_of_importers_do_not_stay() {
    for track in [false, true] {
        let engine = Engine::new(Config::new().track_writes(track));
        let owner = load(&engine, r#"(module (memory (export "m") 1))"#);
        let importer = load(&engine, r#"(module (import "" "m" (memory 1)) (data (i32.const 5) "left"))"#);
        for _ in 0..3 {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &owner, &[]).unwrap();
            let memory = instance.get_memory(&store, "m").unwrap();
            assert_eq!(memory.data(&store)[5..9], [0; 4]);
            Instance::new(&mut store, &importer, &[memory.into()]).unwrap();
            assert_eq!(&memory.data(&store)[5..9], b"left");
        }
    }
}

/// Segments that do not fit, and segments that depend on imports: their instances are not as good as new.
#[test]
fn segments_that_depend_on_imports_are_written_again() {
    let engine = Engine::default();
    let wat = r#"(module
        (import "" "at" (global $at i32))
        (import "" "memory" (memory $theirs 1))
        (memory $own (export "own") 5)
        (table $own (export "table") 4 funcref)
        (data (memory $theirs) (i32.const 3) "theirs")
        (data (memory $own) (global.get $at) "own")
        (elem (table $own) (global.get $at) func $f)
        (func $f (export "f")))"#;
    let module = load(&engine, wat);
    for at in [0, 3, 4, 1, 0x4_FFFE, 2, 2] {
        let mut store = Store::new(&engine, ());
        let global = Global::new(&mut store, Val::I32(at), Mutability::Const);
        let memory = rotifer::Memory::new(&mut store, rotifer::MemoryType::new(1, None)).unwrap();
        let result = Instance::new(&mut store, &module, &[Extern::Global(global), Extern::Memory(memory)]);
        let fits = at < 4;
        assert_eq!(result.is_ok(), fits, "{at}");
        let Ok(instance) = result else { continue };
        let own = instance.get_memory(&store, "own").unwrap().data(&store);
        let at = at as usize;
        let expected: Vec<u8> =
            (0..8).map(|i| b"own".get(i - at.min(i)).copied().filter(|_| i >= at).unwrap_or(0)).collect();
        assert_eq!(own[..8], expected, "{at}");
        assert!(own[8..].iter().all(|&byte| byte == 0));
        assert_eq!(&memory.data(&store)[..10], b"\0\0\0theirs\0");
        let table = instance.get_table(&store, "table").unwrap();
        for index in 0..4 {
            let element = table.get(&store, index).unwrap();
            assert_eq!(element.is_non_null(), index == at as u64);
        }
    }
}

#[test]
fn functions_are_made_by_whoever_asks_first() {
    let engine = Engine::default();
    let many: String =
        (0..200).map(|i| format!("(func (export \"{i}\") (result i32) (i32.const {i}))")).collect();
    let module = load(&engine, &format!("(module {many})"));
    let mut store = Store::new(&engine, ());
    let instance = Linker::<()>::new(&engine).instantiate(&mut store, &module).unwrap();
    let shared = &store;
    let found: Vec<Vec<Func>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(move || {
                    (0..200).map(|i| instance.get_func(shared, &i.to_string()).unwrap()).collect()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found[0] == found[1]);
    for (i, func) in found[0].iter().enumerate() {
        assert_eq!(func.typed::<(), i32>(&store).unwrap().call(&mut store, ()).unwrap(), i as i32);
    }
}

/// Each way to write, at the edges of blocks: what is not noted would be left for the next store.
#[test]
fn every_write_is_noted() {
    let stores = [
        ("i32.store8", "i32"),
        ("i32.store16", "i32"),
        ("i32.store", "i32"),
        ("i64.store8", "i64"),
        ("i64.store16", "i64"),
        ("i64.store32", "i64"),
        ("i64.store", "i64"),
        ("f32.store", "f32"),
        ("f64.store", "f64"),
    ];
    let mut functions = String::new();
    for (number, (store, ty)) in stores.iter().enumerate() {
        for (memory, name) in [("$first", "first"), ("$second", "second")] {
            let value = if ty.starts_with('i') { "-1" } else { "nan" };
            writeln!(
                functions,
                r#"(func (export "{name}{number}") (param i32)
                    ({store} {memory} (local.get 0) ({ty}.const {value})))
                (func (export "{name}{number}+") (param i32) (local i32)
                    (local.set 1 (i32.const 16))
                    ({store} {memory} offset=1 (i32.add (local.get 0) (local.get 1)) ({ty}.const {value})))"#
            )
            .unwrap();
        }
    }
    let wat = format!(
        r#"(module (memory $first (export "m0") PAGES 9) (memory $second (export "m1") 1 9)
        (data $ones "\ff\ff\ff")
        {functions}
        (func (export "fill") (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 1030)))
        (func (export "copy") (param i32)
            (i32.store $second (i32.const 0) (i32.const 1))
            (memory.copy $first $second (local.get 0) (i32.const 0) (i32.const 3)))
        (func (export "init") (param i32) (memory.init $first $ones (local.get 0) (i32.const 0) (i32.const 3)))
        (func (export "grow") (param i32)
            (drop (memory.grow (i32.const 1)))
            (i64.store (i32.sub (i32.mul (memory.size) (i32.const 0x10000)) (i32.const 9)) (i64.const -1))
            (memory.fill (local.get 0) (i32.const 3) (i32.const 5))))"#
    );
    let mut names: Vec<String> = ["fill", "copy", "init", "grow"].map(String::from).to_vec();
    for number in 0..stores.len() {
        names.extend(["first", "second"].map(|memory| format!("{memory}{number}")));
        names.extend(["first", "second"].map(|memory| format!("{memory}{number}+")));
    }
    for engine in engines_with(|config| {
        config.track_writes(true).warm_memory(0);
    }) {
        for pages in ["1", "5"] {
            let module = load(&engine, &wat.replace("PAGES", pages));
            let run = |call: Option<(&str, i32)>| {
                let mut store = Store::new(&engine, ());
                let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
                for name in ["m0", "m1"] {
                    let memory = instance.get_memory(&store, name).unwrap();
                    let dirty = memory.data(&store).iter().position(|&byte| byte != 0);
                    assert_eq!(dirty, None, "{name} before {call:?}");
                }
                match call {
                    Some(("host", at)) => {
                        let memory = instance.get_memory(&store, "m0").unwrap();
                        memory.write(&mut store, at as usize, &[1; 2_000]).unwrap();
                    }
                    Some(("split", at)) => {
                        let memory = instance.get_memory(&store, "m0").unwrap();
                        let (mut memory, ()) = memory.split(&mut store);
                        memory.slice_mut(at as usize..at as usize + 3).unwrap().fill(1);
                        memory.write(at as usize + 2_000, b"x").unwrap();
                        let mut bytes = [0; 3];
                        memory.read(at as usize, &mut bytes).unwrap();
                        assert_eq!((bytes, memory.data()[at as usize + 2_000]), ([1; 3], b'x'));
                    }
                    Some(("slice", at)) => {
                        let memory = instance.get_memory(&store, "m0").unwrap();
                        memory.data_mut(&mut store)[at as usize] = 1;
                    }
                    Some((name, at)) => {
                        let func = instance.get_typed_func::<i32, ()>(&store, name).unwrap();
                        func.call(&mut store, at).unwrap();
                    }
                    None => {}
                }
            };
            for name in names.iter().map(String::as_str).chain(["host", "split", "slice"]) {
                for at in (1_000..1_030).step_by(if name.starts_with('f') { 1 } else { 3 }).chain([0, 0xF000])
                {
                    run(Some((name, at)));
                }
            }
            run(None);
        }
    }
}

#[test]
fn a_memory_whose_address_is_known_is_not_kept() {
    for track in [false, true] {
        let engine = Engine::new(Config::new().track_writes(track));
        for pages in [1, 5] {
            let module = load(&engine, &everything(pages, 40));
            drop(fresh(&module, 1));
            assert!(engine.memory_usage().warm_instances > 0);
            let (store, instance) = fresh(&module, 1);
            let data = instance.get_memory(&store, "memory").unwrap().data_ptr(&store);
            // SAFETY: I-MEM: the memory is longer, and nothing else uses it.
            unsafe { data.add(5).write(1) };
            drop(store);
            assert_eq!(engine.memory_usage().warm_instances, 0);
            let (store, instance) = fresh(&module, 1);
            assert_eq!(instance.get_memory(&store, "memory").unwrap().data(&store)[5], 0);
        }
    }
}
