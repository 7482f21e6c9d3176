//! Instances that go back to what they were when they were new.

use rotifer::{
    Caller, Config, Engine, ErrorKind, Extern, Func, Global, Instance, Linker, Memory, MemoryType, Module,
    Mutability, Nullable, Ref, RefType, ResumableCall, Snapshot, SnapshotError, Store, Table, TableType,
    TrapCode, Val,
};

use super::{
    MODES, engines, engines_with, load,
    warm::{SIZES, describe, everything, fresh},
};

/// Engines whose instances can be reset: tracking and not, with each dispatcher.
pub(super) fn resettable() -> Vec<Engine> {
    let tracking = |track| {
        engines_with(move |config| {
            config.track_writes(track).resettable(true);
        })
    };
    [tracking(false), tracking(true)].into_iter().flatten().collect()
}

/// Leaves traces in everything that an instance has.
pub(super) const START: &str = r#"(start $begin)
    (func $begin
        (i32.store8 (i32.const 0x102) (i32.const 9))
        (i64.store (i32.const 0xFFF8) (i64.const 77))
        (drop (memory.grow (i32.const 1)))
        (i32.store (i32.sub (i32.mul (memory.size) (i32.const 0x10000)) (i32.const 4)) (i32.const 3))
        (global.set $count (i32.const 100))
        (table.set $mixed (i32.const 0) (ref.func $two))
        (drop (table.grow $defined (ref.func $three) (i32.const 1)))
        (table.init $mixed $passive (i32.const 2) (i32.const 0) (i32.const 1))
        (data.drop $kept) DROP))"#;

fn run(store: &mut Store<()>, instance: Instance, name: &str) -> Result<(), Option<TrapCode>> {
    let func = instance.get_func(&*store, name).unwrap();
    func.call(store, &[], &mut []).map_err(|error| error.as_trap_code())
}

/// Does one of several things to an instance of [`everything`].
pub(super) fn disturb(store: &mut Store<()>, instance: Instance, round: u32) {
    match round % 7 {
        0 => {}
        1 => run(store, instance, "soil").unwrap(),
        2 => assert_eq!(run(store, instance, "trap"), Err(Some(TrapCode::UnreachableCodeReached))),
        3 => (0..5).for_each(|_| run(store, instance, "soil").unwrap()),
        4 => {
            let memory = instance.get_memory(&*store, "memory").unwrap();
            memory.data_mut(&mut *store)[0x5000..].fill(9);
            memory.grow(&mut *store, 1).unwrap();
        }
        5 => {
            let memory = instance.get_memory(&*store, "memory").unwrap();
            let (mut guest, ()) = memory.split(&mut *store);
            guest.write(0x3FFF, &[7, 8]).unwrap();
            guest.slice_mut(0x7FFF..0x8801).unwrap().fill(round as u8);
            memory.grow(&mut *store, 20).unwrap();
            let last = memory.data_size(&*store) - 1;
            memory.write(&mut *store, last, &[1]).unwrap();
        }
        _ => {
            let table = instance.get_table(&*store, "defined").unwrap();
            let two = instance.get_func(&*store, "two").unwrap();
            table.grow(&mut *store, 2, Ref::from(two)).unwrap();
            table.set(&mut *store, 7, Ref::from(two)).unwrap();
        }
    }
}

#[test]
fn an_instance_that_was_reset_is_like_a_new_one() {
    for engine in resettable() {
        for (pages, bytes) in SIZES {
            for start in [None, Some(""), Some("(elem.drop $passive)")] {
                let text = everything(pages, bytes);
                let text = match start {
                    Some(drop) => {
                        text.replace("unreachable))", "unreachable)") + &START.replace("DROP", drop)
                    }
                    None => text,
                };
                let wasm = wat::parse_str(text).unwrap();
                for mode in MODES {
                    let module = Module::new_with_mode(&engine, &wasm, mode).unwrap();
                    // The first instance has no image below it, the second perhaps the first one's remains.
                    for _ in 0..3 {
                        let (mut store, instance) = fresh(&module, 10);
                        let expected = describe(&mut store, instance);
                        instance.reset(&mut store).unwrap();
                        for round in 0..14 {
                            disturb(&mut store, instance, round);
                            instance.reset(&mut store).unwrap();
                            if round % 2 == 0 {
                                disturb(&mut store, instance, round / 2);
                                instance.reset(&mut store).unwrap();
                            }
                            assert_eq!(describe(&mut store, instance), expected, "{pages} {bytes} {round}");
                            instance.reset(&mut store).unwrap();
                        }
                        // Another store gets nothing of all that.
                        disturb(&mut store, instance, 3);
                        drop(store);
                        let (mut store, instance) = fresh(&module, 10);
                        assert_eq!(describe(&mut store, instance), expected);
                    }
                }
            }
        }
    }
}

/// What imported items were, for a store with several instances.
#[derive(Clone)]
struct Model {
    memory: Vec<u8>,
    table: Vec<bool>,
    global: i64,
}

/// Instances that import the same memory, table and global go back each to what these were at its own instantiation; and
/// to snapshots that were taken of any of them, whatever was reset in between.
#[test]
fn instances_with_the_same_imports_go_back_each_to_its_own_state() {
    let text = r#"(module
        (import "" "memory" (memory 0))
        (import "" "table" (table 0 funcref))
        (import "" "global" (global $global (mut i64)))
        (import "" "start" (global $start i32))
        (import "" "f" (func $f))
        (start $begin)
        (func $begin (if (global.get $start) (then
            (i32.store16 (i32.sub (global.get $start) (i32.const 1)) (i32.const 0xABCD))
            (global.set $global (i64.add (global.get $global) (i64.const 1000))))))
        (elem declare func $f)
        (func (export "write") (param i32 i64) (i64.store (local.get 0) (local.get 1)))
        (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 7) (local.get 1)))
        (func (export "grow") (drop (memory.grow (i32.const 1))) (drop (table.grow (ref.null func) (i32.const 1))))
        (func (export "set") (param i32 i64)
            (table.set (local.get 0) (ref.func $f)) (global.set $global (local.get 1))))"#;
    for (seed, engine) in resettable().into_iter().enumerate() {
        let module = load(&engine, text);
        for pages in [1, 5] {
            let mut random = Random(seed as u64 * 7 + u64::from(pages));
            let mut store = Store::new(&engine, ());
            let memory = Memory::new(&mut store, MemoryType::new(pages, Some(9))).unwrap();
            let null = Ref::Func(Nullable::Null);
            let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, Some(5)), null).unwrap();
            let global = Global::new(&mut store, Val::I64(5), Mutability::Var);
            let func = Func::wrap(&mut store, || ());
            let observe = |store: &Store<()>| Model {
                memory: memory.data(store).to_vec(),
                table: (0..table.size(store)).map(|i| table.get(store, i).unwrap().is_non_null()).collect(),
                global: global.get(store).i64().unwrap(),
            };
            let mut instances: Vec<(Instance, Model)> = Vec::new();
            let mut snapshots: Vec<(Snapshot, Model)> = Vec::new();
            for _ in 0..400 {
                let len = memory.data_size(&store);
                let at = random.below(len as u64 - 8) as i32;
                let any = random.below(instances.len().max(1) as u64) as usize;
                let call = |store: &mut Store<()>, name: &str, args: &[Val]| {
                    if let Some((instance, _)) = instances.get(any) {
                        instance.get_func(&*store, name).unwrap().call(store, args, &mut []).unwrap();
                    }
                };
                let check = |store: &mut Store<()>, expected: &Model| {
                    let found = observe(store);
                    assert!(found.memory == expected.memory);
                    assert_eq!((found.table, found.global), (expected.table.clone(), expected.global));
                    // What lies above the size is zero: it is seen when the memory grows.
                    if memory.grow(&mut *store, 1).is_ok() {
                        let above = &memory.data(&*store)[expected.memory.len()..];
                        assert!(above.iter().all(|&byte| byte == 0));
                    }
                };
                match random.below(16) {
                    15 => store.forget_snapshots(),
                    0 if instances.len() < 6 => {
                        let start = Global::new(&mut store, Val::I32(at & 0xFF01), Mutability::Const);
                        let imports = [
                            Extern::Memory(memory),
                            Extern::Table(table),
                            Extern::Global(global),
                            Extern::Global(start),
                            Extern::Func(func),
                        ];
                        let instance = Instance::new(&mut store, &module, &imports).unwrap();
                        instances.push((instance, observe(&store)));
                    }
                    1 => call(&mut store, "grow", &[]),
                    2 => call(&mut store, "fill", &[Val::I32(at & 0x7000), Val::I32(0x8000)]),
                    3 => memory.data_mut(&mut store)[at as usize] ^= 1,
                    4 => memory.write(&mut store, at as usize, &[random.below(256) as u8]).unwrap(),
                    5 => call(&mut store, "set", &[Val::I32(random.below(2) as i32), Val::I64(at.into())]),
                    6 | 7 => {
                        let bits = random.below(u64::MAX) as i64;
                        call(&mut store, "write", &[Val::I32(at), Val::I64(bits)]);
                    }
                    8 | 9 => {
                        let Some((instance, expected)) = instances.get(any) else { continue };
                        instance.reset(&mut store).unwrap();
                        check(&mut store, expected);
                    }
                    10 | 11 => {
                        let Some((instance, _)) = instances.get(any) else { continue };
                        if snapshots.len() == 8 {
                            snapshots.remove(random.below(8) as usize);
                        }
                        let snapshot = instance.snapshot(&mut store).unwrap();
                        let model = observe(&store);
                        let mut bytes = vec![0; model.memory.len()];
                        assert!(snapshot.read_memory(0, 0, &mut bytes) && bytes == model.memory);
                        snapshots.push((snapshot, model));
                    }
                    _ => {
                        let Some((instance, _)) = instances.get(any) else { continue };
                        if let Some((snapshot, expected)) = snapshots.get(at as usize % 8) {
                            instance.restore(&mut store, snapshot).unwrap();
                            check(&mut store, expected);
                        }
                    }
                }
            }
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A memory whose address is known may be written to at any time.
#[test]
fn what_is_written_behind_the_engine_is_reset() {
    for engine in resettable() {
        for pages in [1, 5] {
            let (mut store, instance) = fresh(&load(&engine, &everything(pages, 40)), 1);
            let memory = instance.get_memory(&store, "memory").unwrap();
            let data = memory.data_ptr(&store);
            for _ in 0..3 {
                // SAFETY: I-MEM: the memory is longer, and nothing else uses it.
                unsafe { data.add(5).write(1) };
                instance.reset(&mut store).unwrap();
                assert_eq!(memory.data(&store)[5], 0);
            }
        }
    }
}

#[test]
fn fuel_is_reset_if_asked_for() {
    let engines = engines_with(|config| {
        config.consume_fuel(true).resettable(true);
    });
    for engine in engines {
        let module =
            load(&engine, r#"(module (func $f (export "f") (drop (memory.size))) (start $f) (memory 0))"#);
        let mut store = Store::new(&engine, ());
        store.set_fuel(1000).unwrap();
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let after_start = store.get_fuel().unwrap();
        run(&mut store, instance, "f").unwrap();
        let after_call = store.get_fuel().unwrap();
        assert!(after_call < after_start && after_start < 1000);
        instance.reset(&mut store).unwrap();
        assert_eq!(store.get_fuel().unwrap(), after_call);
        instance.reset_with_fuel(&mut store).unwrap();
        assert_eq!(store.get_fuel().unwrap(), after_start);
    }
}

pub(super) fn snapshot_error<T>(result: Result<T, rotifer::Error>) -> SnapshotError {
    match result.err().expect("it is refused").into_kind() {
        ErrorKind::Snapshot(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_not_kept_cannot_come_back() {
    for engine in engines() {
        let (mut store, instance) = fresh(&load(&engine, &everything(1, 40)), 1);
        run(&mut store, instance, "soil").unwrap();
        let error = instance.reset(&mut store).unwrap_err();
        assert!(error.to_string().contains("Config::resettable"), "{error}");
        assert_eq!(snapshot_error::<()>(Err(error)), SnapshotError::NotResettable);
    }
    let engine = Engine::new(Config::new().track_writes(true).resettable(false));
    let (mut store, instance) = fresh(&load(&engine, &everything(1, 40)), 1);
    assert_eq!(snapshot_error(instance.reset(&mut store)), SnapshotError::NotResettable);
    let (mut other, _) = fresh(&load(&engine, &everything(1, 40)), 1);
    assert!(matches!(instance.reset(&mut other).unwrap_err().kind(), ErrorKind::WrongStore));
}

#[test]
fn nothing_is_reset_while_calls_run_or_are_suspended() {
    for engine in resettable() {
        let mut linker = Linker::<Option<Instance>>::new(&engine);
        linker
            .func_wrap("", "host", |mut caller: Caller<'_, Option<Instance>>| {
                // The start function runs before there is an instance to tell of.
                let instance = caller.data().or(caller.instance()).unwrap();
                assert_eq!(snapshot_error(instance.reset(&mut caller)), SnapshotError::NotQuiescent);
            })
            .unwrap();
        linker
            .func_wrap("", "stop", || -> Result<(), rotifer::Error> { Err(rotifer::Error::suspend()) })
            .unwrap();
        let module = load(
            &engine,
            r#"(module (import "" "host" (func $host)) (import "" "stop" (func $stop)) (start $begin)
                (global $n (export "n") (mut i32) (i32.const 0))
                (func $begin (call $host))
                (func (export "call") (global.set $n (i32.const 1)) (call $host))
                (func (export "suspend") (call $stop) (global.set $n (i32.const 2))))"#,
        );
        let mut store = Store::new(&engine, None);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        *store.data_mut() = Some(instance);
        let n = |store: &Store<_>| instance.get_global(store, "n").unwrap().get(store).i32();
        instance.get_func(&store, "call").unwrap().call(&mut store, &[], &mut []).unwrap();
        assert_eq!(n(&store), Some(1));
        instance.reset(&mut store).unwrap();
        assert_eq!(n(&store), Some(0));
        let suspend = instance.get_func(&store, "suspend").unwrap();
        let start = |store: &mut Store<_>| match suspend.call_resumable(store, &[], &mut []).unwrap() {
            ResumableCall::Suspended(call) => call,
            ResumableCall::Finished => panic!("it is suspended"),
        };
        for _ in 0..3 {
            let (first, second) = (start(&mut store), start(&mut store));
            drop(first);
            assert_eq!(snapshot_error(instance.reset(&mut store)), SnapshotError::NotQuiescent);
            assert!(matches!(second.resume(&mut store, &mut []), Ok(ResumableCall::Finished)));
            assert_eq!(n(&store), Some(2));
            instance.reset(&mut store).unwrap();
            assert_eq!(n(&store), Some(0));
        }
        // A host function that panics or fails leaves nothing behind.
        let fails =
            Func::wrap(&mut store, || -> Result<(), rotifer::Error> { Err(rotifer::Error::new("no")) });
        assert!(fails.call(&mut store, &[], &mut []).is_err());
        instance.reset(&mut store).unwrap();
    }
}

#[test]
fn a_hundred_thousand_resets_take_no_memory() {
    for engine in resettable() {
        let module = load(&engine, &everything(5, 40));
        let (mut store, instance) = fresh(&module, 10);
        let soil = instance.get_typed_func::<(), ()>(&store, "soil").unwrap();
        let cycle = |store: &mut Store<()>| {
            soil.call(&mut *store, ()).unwrap();
            instance.reset(&mut *store).unwrap();
        };
        cycle(&mut store);
        let held = (store.memory_usage(), engine.memory_usage());
        assert_eq!(held.0.memories, held.1.store_memory.memories);
        assert_eq!(held.0.tables, held.1.store_memory.tables);
        (0..25_000).for_each(|_| cycle(&mut store));
        assert_eq!((store.memory_usage(), engine.memory_usage()), held);
        // The same with snapshots, which have what was written in two sets.
        let snapshot = instance.snapshot(&mut store).unwrap();
        cycle(&mut store);
        instance.restore(&mut store, &snapshot).unwrap();
        let held = (store.memory_usage(), engine.memory_usage());
        assert_eq!(held.0.memories, held.1.store_memory.memories);
        for _ in 0..100 {
            cycle(&mut store);
            instance.restore(&mut store, &snapshot).unwrap();
        }
        assert_eq!((store.memory_usage(), engine.memory_usage()), held);
        store.forget_snapshots();
        assert!(store.memory_usage().memories < held.0.memories);
        assert_eq!(store.memory_usage().memories, engine.memory_usage().store_memory.memories);
        assert_eq!(instance.snapshot(&mut store).unwrap(), snapshot);
    }
}
