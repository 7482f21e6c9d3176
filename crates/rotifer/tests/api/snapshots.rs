//! Snapshots: taken of one instance, restored in it and in others, and what is refused.

use rotifer::{
    Config, Engine, ErrorKind, Extern, ExternRef, Global, Instance, Linker, Memory, MemoryType, Module,
    Mutability, Nullable, Ref, RefType, Snapshot, SnapshotError, Store, StoreLimits, StoreLimitsBuilder,
    Table, TableType, Val,
};

use super::{
    MODES, engines, load,
    reset::{START, disturb, resettable, snapshot_error},
    warm::{SIZES, describe, everything, fresh},
};

/// A snapshot of an instance that is not new, restored in that instance, in another one of the same store and of another
/// store, and as the beginning of one.
#[test]
fn a_snapshot_is_the_whole_state() {
    for engine in engines().into_iter().chain(resettable()) {
        for (pages, bytes) in SIZES {
            let text = everything(pages, bytes).replace("unreachable))", "unreachable)");
            let wasm = wat::parse_str(text + &START.replace("DROP", "")).unwrap();
            for mode in MODES {
                let module = Module::new_with_mode(&engine, &wasm, mode).unwrap();
                for round in [1, 4, 6] {
                    let (mut store, instance) = fresh(&module, 10);
                    let initial = instance.snapshot(&mut store).unwrap();
                    disturb(&mut store, instance, round);
                    let snapshot = instance.snapshot(&mut store).unwrap();
                    let expected = describe(&mut store, instance);
                    for _ in 0..2 {
                        disturb(&mut store, instance, 3);
                        instance.restore(&mut store, &snapshot).unwrap();
                        assert_eq!(instance.snapshot(&mut store).unwrap(), snapshot);
                        assert_eq!(describe(&mut store, instance), expected);
                    }
                    instance.restore(&mut store, &initial).unwrap();
                    assert_eq!(instance.snapshot(&mut store).unwrap(), initial);

                    let (mut store, instance) = fresh(&module, 10);
                    assert_eq!(instance.snapshot(&mut store).unwrap(), initial);
                    instance.restore(&mut store, &snapshot).unwrap();
                    assert_eq!(describe(&mut store, instance), expected);

                    let mut store = Store::new(&engine, ());
                    let instance = begin(&mut store, &module, &snapshot);
                    assert_eq!(instance.snapshot(&mut store).unwrap(), snapshot);
                    assert_eq!(describe(&mut store, instance), expected);
                    let reset = instance.reset(&mut store);
                    if reset.is_ok() {
                        assert_eq!(instance.snapshot(&mut store).unwrap(), snapshot);
                        assert_eq!(describe(&mut store, instance), expected);
                    }
                    drop(store);
                    // Another store gets nothing of all that.
                    let (mut store, instance) = fresh(&module, 10);
                    assert_eq!(instance.snapshot(&mut store).unwrap(), initial);
                }
            }
        }
    }
}

/// The second instance is the first one, which the module has kept: its memory was not written to, and so not renewed.
#[test]
fn a_former_store_has_taken_a_snapshot() {
    for engine in engines().into_iter().chain(resettable()) {
        let module = load(&engine, r#"(module (memory 1) (data (i32.const 5000) "data"))"#);
        for _ in 0..3 {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).unwrap();
            let snapshot = instance.snapshot(&mut store).unwrap();
            let mut data = [0; 4];
            assert!(snapshot.read_memory(0, 5000, &mut data));
            assert_eq!(data, *b"data");
        }
    }
}

/// An instance of `everything` that begins in the state of a snapshot.
pub(super) fn begin(store: &mut Store<()>, module: &Module, snapshot: &Snapshot) -> Instance {
    let mut linker = Linker::new(module.engine());
    let global = Global::new(&mut *store, Val::I32(10), Mutability::Const);
    linker.define("host", "base", global).unwrap();
    linker.func_wrap("host", "seven", || 7).unwrap();
    snapshot.instantiate(&linker.instantiate_pre(module).unwrap(), store).unwrap()
}

#[test]
fn threads_begin_with_one_snapshot() {
    let engine = Engine::new(Config::new().track_writes(true));
    let module = load(&engine, &everything(5, 100_000));
    let (mut store, instance) = fresh(&module, 10);
    disturb(&mut store, instance, 1);
    let snapshot = instance.snapshot(&mut store).unwrap();
    let expected = describe(&mut store, instance);
    drop(store);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..10 {
                    let mut store = Store::new(&engine, ());
                    let instance = begin(&mut store, &module, &snapshot);
                    disturb(&mut store, instance, round);
                    instance.reset(&mut store).unwrap();
                    assert_eq!(describe(&mut store, instance), expected);
                }
            });
        }
    });
}

#[test]
fn snapshots_tell_sizes_and_differences() {
    for engine in resettable() {
        let text = r#"(module (memory (export "a") 5 9) (memory (export "b") 1))"#;
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &load(&engine, text), &[]).unwrap();
        let first = instance.snapshot(&mut store).unwrap();
        let [a, b] = ["a", "b"].map(|name| instance.get_memory(&store, name).unwrap());
        a.write(&mut store, 0x2_0000 - 1, &[1, 2]).unwrap();
        b.write(&mut store, 16, &[1]).unwrap();
        a.grow(&mut store, 1).unwrap();
        let second = instance.snapshot(&mut store).unwrap();
        let ranges: Vec<_> = first.diff(&second).into_iter().map(|r| (r.memory, r.range)).collect();
        assert_eq!(
            ranges,
            [(0, 0x1_FFF8..0x2_0008), (0, 0x5_0000..0x6_0000), (1, 16..24)].map(|(m, r)| (m, r.clone()))
        );
        assert_eq!(second.diff(&first), first.diff(&second));
        assert!(first.diff(&first.clone()).is_empty());
        assert_eq!([0, 1, 2].map(|memory| second.memory_size(memory)), [Some(6), Some(1), None]);
        assert_eq!(first.memory_size(0), Some(5));
        let mut bytes = [0; 3];
        assert!(second.read_memory(0, 0x1_FFFE, &mut bytes));
        assert_eq!(bytes, [0, 1, 2]);
        for (memory, offset) in [(0, 0x6_0000 - 2), (0, usize::MAX), (2, 0)] {
            assert!(!second.read_memory(memory, offset, &mut bytes));
        }
        // Two pages and their groups, not the memory.
        assert!(second.bytes() < 20_000, "{}", second.bytes());
    }
}

#[test]
fn fuel_is_restored_if_asked_for() {
    let engine = Engine::new(Config::new().consume_fuel(true));
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &load(&engine, "(module)"), &[]).unwrap();
    store.set_fuel(10).unwrap();
    let snapshot = instance.snapshot(&mut store).unwrap();
    store.set_fuel(5).unwrap();
    instance.restore(&mut store, &snapshot).unwrap();
    assert_eq!(store.get_fuel().unwrap(), 5);
    instance.restore_with_fuel(&mut store, &snapshot).unwrap();
    assert_eq!(store.get_fuel().unwrap(), 10);
}

#[test]
fn snapshots_of_others_are_refused() {
    let engine = Engine::default();
    let (mut store, instance) = fresh(&load(&engine, &everything(1, 40)), 10);
    let snapshot = instance.snapshot(&mut store).unwrap();
    let (mut other, foreign) = fresh(&load(&engine, &everything(2, 40)), 10);
    assert_eq!(snapshot_error(foreign.restore(&mut other, &snapshot)), SnapshotError::ForeignModule);
    // The same bytes loaded anew are the same module.
    let (mut same, equal) = fresh(&load(&engine, &everything(1, 40)), 10);
    equal.restore(&mut same, &snapshot).unwrap();
    let fewer = Engine::new(Config::new().wasm_tail_call(false));
    let (mut other, foreign) = fresh(&load(&fewer, &everything(1, 40)), 10);
    assert_eq!(snapshot_error(foreign.restore(&mut other, &snapshot)), SnapshotError::ForeignEngine);
    assert!(matches!(instance.snapshot(&mut other).unwrap_err().kind(), ErrorKind::WrongStore));
    assert!(matches!(instance.restore(&mut other, &snapshot).unwrap_err().kind(), ErrorKind::WrongStore));
}

#[test]
fn what_has_no_name_in_a_module_is_refused() {
    let engine = Engine::default();
    let text = r#"(module
        (table (export "funcs") 3 funcref) (table (export "externs") 2 externref)
        (global (export "func") (mut funcref) (ref.null func))
        (global (export "extern") (mut externref) (ref.null extern)))"#;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &load(&engine, text), &[]).unwrap();
    let object = ExternRef::new(&mut store, 5_u32);
    let func = rotifer::Func::wrap(&mut store, || ());
    let null = Ref::Func(Nullable::Null);
    let tables = ["funcs", "externs"].map(|name| instance.get_table(&store, name).unwrap());
    let globals = ["func", "extern"].map(|name| instance.get_global(&store, name).unwrap());
    let (table, global) = (rotifer::ItemKind::Table, rotifer::ItemKind::Global);

    tables[0].set(&mut store, 2, Ref::from(func)).unwrap();
    let error = snapshot_error(instance.snapshot(&mut store));
    assert_eq!(error, SnapshotError::UnreachableImport { kind: table, index: 0 });
    tables[0].set(&mut store, 2, null).unwrap();
    tables[1].set(&mut store, 1, Ref::Extern(Nullable::Val(object))).unwrap();
    let error = snapshot_error(instance.snapshot(&mut store));
    assert_eq!(error, SnapshotError::ExternRef { kind: table, index: 1 });
    assert!(error.to_string().contains("table 1"));
    tables[1].set(&mut store, 1, Ref::Extern(Nullable::Null)).unwrap();
    globals[0].set(&mut store, Val::FuncRef(Nullable::Val(func))).unwrap();
    let error = snapshot_error(instance.snapshot(&mut store));
    assert_eq!(error, SnapshotError::UnreachableImport { kind: global, index: 0 });
    globals[0].set(&mut store, Val::FuncRef(Nullable::Null)).unwrap();
    globals[1].set(&mut store, Val::ExternRef(Nullable::Val(object))).unwrap();
    let error = snapshot_error(instance.snapshot(&mut store));
    assert_eq!(error, SnapshotError::ExternRef { kind: global, index: 1 });
    globals[1].set(&mut store, Val::ExternRef(Nullable::Null)).unwrap();
    let snapshot = instance.snapshot(&mut store).unwrap();
    // Objects of the host give way to nulls.
    tables[1].set(&mut store, 1, Ref::Extern(Nullable::Val(object))).unwrap();
    instance.restore(&mut store, &snapshot).unwrap();
    assert!(!tables[1].get(&store, 1).unwrap().is_non_null());
}

/// A state may come from anywhere: whatever it says, it is refused or fits.
#[test]
fn states_that_no_instance_has_are_refused() {
    use rotifer::{
        ItemKind,
        state::{FuncIdx, State, Value},
    };
    let engine = Engine::new(Config::new().track_writes(true));
    let text = r#"(module
        (memory 1 4) (table 1 3 funcref) (table 1 externref)
        (global (mut i32) (i32.const 1)) (global (mut funcref) (ref.null func))
        (global (export "extern") (mut externref) (ref.null extern))
        (data "d") (elem func $f) (func $f))"#;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &load(&engine, text), &[]).unwrap();
    let valid = instance.snapshot(&mut store).unwrap();
    type Edit = (ItemKind, u32, fn(&mut State));
    let edits: &[Edit] = &[
        (ItemKind::Memory, 0, |state| state.memories = [].into()),
        (ItemKind::Memory, 0, |state| {
            let mut memory = state.memories[0].clone();
            memory.contents = memory.contents.update(&[0; 100], []);
            state.memories = [memory].into();
        }),
        (ItemKind::Memory, 0, |state| {
            let mut memory = state.memories[0].clone();
            memory.contents = memory.contents.update(&[0; 5 << 16], []);
            state.memories = [memory].into();
        }),
        (ItemKind::Memory, 0, |state| {
            let mut memory = state.memories[0].clone();
            memory.page_size_log2 = 0;
            state.memories = [memory].into();
        }),
        (ItemKind::Table, 2, |state| state.tables = [0, 1, 1].map(|at| state.tables[at].clone()).into()),
        (ItemKind::Table, 0, |state| {
            let mut tables = [0, 1].map(|at| state.tables[at].clone());
            tables[0].elements = vec![None; 4].into();
            state.tables = tables.into();
        }),
        (ItemKind::Table, 0, |state| {
            let mut tables = [0, 1].map(|at| state.tables[at].clone());
            tables[0].elements = [Some(FuncIdx(1))].into();
            state.tables = tables.into();
        }),
        (ItemKind::Table, 1, |state| {
            let mut tables = [0, 1].map(|at| state.tables[at].clone());
            tables[1].elements = [Some(FuncIdx(0))].into();
            state.tables = tables.into();
        }),
        (ItemKind::Table, 0, |state| {
            state.tables = [1, 0].map(|at| state.tables[at].clone()).into();
        }),
        (ItemKind::Global, 2, |state| state.globals = [0, 1].map(|at| state.globals[at]).into()),
        (ItemKind::Global, 0, |state| state.globals = [1, 0, 2].map(|at| state.globals[at]).into()),
        (ItemKind::Global, 1, |state| {
            let mut globals = [0, 1, 2].map(|at| state.globals[at]);
            globals[1].value = Value::Func(Some(FuncIdx(u32::MAX)));
            state.globals = globals.into();
        }),
        (ItemKind::Global, 2, |state| {
            let mut globals = [0, 1, 2].map(|at| state.globals[at]);
            globals[2].value = Value::Func(Some(FuncIdx(0)));
            state.globals = globals.into();
        }),
        (ItemKind::Segment, 0, |state| state.dropped_data = [].into_iter().collect()),
        (ItemKind::Segment, 1, |state| state.dropped_elements = [true, true].into_iter().collect()),
    ];
    for (number, (kind, index, edit)) in edits.iter().enumerate() {
        let mut state = valid.state().clone();
        edit(&mut state);
        let error = snapshot_error(instance.restore(&mut store, &state.into()));
        assert_eq!(error, SnapshotError::DoesNotFit { kind: *kind, index: *index }, "edit {number}");
        assert_eq!(instance.snapshot(&mut store).unwrap(), valid);
    }
    let mut state = valid.state().clone();
    let mut tables = [0, 1].map(|at| state.tables[at].clone());
    tables[0].elements = [Some(FuncIdx(0)), None, None].into();
    state.tables = tables.into();
    instance.restore(&mut store, &state.clone().into()).unwrap();
    assert_eq!(*instance.snapshot(&mut store).unwrap().state(), state);
}

/// A snapshot that does not fit, or that the limiter refuses, changes nothing.
#[test]
fn restoring_is_all_or_nothing() {
    let engine = Engine::new(Config::new().track_writes(true));
    let text = r#"(module
        (import "" "m" (memory 1 10)) (import "" "t" (table 1 10 funcref))
        (memory (export "first") 1 10)
        (global (export "g") (mut i32) (i32.const 1)))"#;
    let module = load(&engine, text);
    let null = Ref::Func(Nullable::Null);
    let make = |maximum: u32, table: (u32, u32)| {
        let mut store = Store::new(&engine, StoreLimits::default());
        let memory = Memory::new(&mut store, MemoryType::new(1, Some(maximum))).unwrap();
        let table = TableType::new(RefType::FUNCREF, table.0, Some(table.1));
        let table = Table::new(&mut store, table, null).unwrap();
        let instance =
            Instance::new(&mut store, &module, &[Extern::Memory(memory), Extern::Table(table)]).unwrap();
        (store, instance, memory, table)
    };
    let (mut store, instance, memory, table) = make(10, (1, 10));
    memory.grow(&mut store, 5).unwrap();
    table.grow(&mut store, 5, null).unwrap();
    let first = instance.get_memory(&store, "first").unwrap();
    first.write(&mut store, 0, b"changed").unwrap();
    let large = instance.snapshot(&mut store).unwrap();
    let small = {
        let (mut store, instance, ..) = make(10, (1, 10));
        instance.snapshot(&mut store).unwrap()
    };
    for (snapshot, maximum, sizes, expected) in [
        (&large, 3, (1, 10), SnapshotError::DoesNotFit { kind: rotifer::ItemKind::Memory, index: 0 }),
        (&large, 10, (1, 3), SnapshotError::DoesNotFit { kind: rotifer::ItemKind::Table, index: 0 }),
        (&small, 10, (2, 3), SnapshotError::DoesNotFit { kind: rotifer::ItemKind::Table, index: 0 }),
    ] {
        let (mut store, instance, ..) = make(maximum, sizes);
        let before = instance.snapshot(&mut store).unwrap();
        assert_eq!(snapshot_error(instance.restore(&mut store, snapshot)), expected);
        assert_eq!(instance.snapshot(&mut store).unwrap(), before);
    }
    let (mut store, instance, ..) = make(10, (1, 10));
    let before = instance.snapshot(&mut store).unwrap();
    store.limiter(|limits| limits);
    for (limits, kind) in [
        (StoreLimitsBuilder::new().memory_size(4 << 16).build(), rotifer::ItemKind::Memory),
        (StoreLimitsBuilder::new().table_elements(4).build(), rotifer::ItemKind::Table),
    ] {
        *store.data_mut() = limits;
        let error = snapshot_error(instance.restore(&mut store, &large));
        assert_eq!(error, SnapshotError::LimitExceeded { kind, index: 0 });
        assert_eq!(instance.snapshot(&mut store).unwrap(), before);
    }
    *store.data_mut() = StoreLimits::default();
    instance.restore(&mut store, &large).unwrap();
    assert_eq!(instance.snapshot(&mut store).unwrap(), large);
}
