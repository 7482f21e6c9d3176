//! Linkers and imports: names, types, shadowing, instances as imports.

use rotifer::{
    Config, Engine, ErrorKind, Extern, Func, Global, Instance, InstantiationError, LinkError, Linker, Memory,
    MemoryType, Mutability, Nullable, Ref, RefType, Store, Table, TableType, UnknownImport, Val,
};

use super::{engines, link_error, load};

#[test]
fn unknown_imports_say_what_is_missing() {
    let engine = Engine::default();
    let (linker, mut store) = (Linker::new(&engine), Store::new(&engine, ()));
    let error =
        link_error(&linker, &mut store, r#"(module (import "env" "f" (func (param i32) (result i64))))"#);
    assert_eq!(error.to_string(), "unknown import: `env` `f` (function [i32] -> [i64]) is not defined");
    let ErrorKind::Link(LinkError::UnknownImport { module, name, .. }) = error.kind() else {
        panic!("{error:?}")
    };
    assert_eq!((&**module, &**name), ("env", "f"));
    assert_eq!(store.data(), &());
}

#[test]
fn incompatible_imports_say_both_types() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(5))).unwrap();
    let table =
        Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(Nullable::Null)).unwrap();
    let global = Global::new(&mut store, Val::I32(0), Mutability::Var);
    let func = Func::wrap(&mut store, |_: i32| {});
    linker.define("m", "memory", memory).unwrap();
    linker.define("m", "table", table).unwrap();
    linker.define("m", "global", global).unwrap();
    linker.define("m", "func", func).unwrap();
    linker.func_wrap("m", "linked", |_: i32| {}).unwrap();
    for (import, expected, actual) in [
        (r#""memory" (memory 2)"#, "memory 2", "memory 1 5"),
        (r#""memory" (memory 1 4)"#, "memory 1 4", "memory 1 5"),
        (r#""memory" (memory i64 1)"#, "memory i64 1", "memory 1 5"),
        (r#""memory" (table 1 funcref)"#, "table 1 funcref", "memory 1 5"),
        (r#""table" (table 3 funcref)"#, "table 3 funcref", "table 2 funcref"),
        (r#""table" (table 1 3 funcref)"#, "table 1 3 funcref", "table 2 funcref"),
        (r#""table" (table 1 externref)"#, "table 1 externref", "table 2 funcref"),
        (r#""global" (global i32)"#, "global i32", "global (mut i32)"),
        (r#""global" (global (mut i64))"#, "global (mut i64)", "global (mut i32)"),
        (r#""func" (func)"#, "function [] -> []", "function [i32] -> []"),
        (r#""linked" (func (param i64))"#, "function [i64] -> []", "function [i32] -> []"),
        (r#""linked" (memory 1)"#, "memory 1", "function [i32] -> []"),
    ] {
        let error = link_error(&linker, &mut store, &format!(r#"(module (import "m" {import}))"#));
        let ErrorKind::Link(LinkError::IncompatibleImport { expected: e, actual: a, .. }) = error.kind()
        else {
            panic!("{error:?}")
        };
        assert_eq!((&**e, &**a), (expected, actual));
    }
    for import in [r#""memory" (memory 0 7)"#, r#""memory" (memory 1)"#, r#""table" (table 2 funcref)"#] {
        let module = load(&engine, &format!(r#"(module (import "m" {import}))"#));
        linker.instantiate(&mut store, &module).unwrap();
    }
    // What counts is the current size.
    memory.grow(&mut store, 2).unwrap();
    let module = load(&engine, r#"(module (import "m" "memory" (memory 3)))"#);
    linker.instantiate(&mut store, &module).unwrap();
}

#[test]
fn names_are_defined_once_unless_shadowing_is_allowed() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("a", "f", || 1).unwrap();
    linker.func_wrap("af", "", || 5).unwrap();
    let error = linker.func_wrap("a", "f", || 2).unwrap_err();
    assert_eq!(error.to_string(), "`a` `f` is defined twice");
    linker.allow_shadowing(true).func_wrap("a", "f", || 3).unwrap();
    let get = |linker: &Linker<()>, store: &mut Store<()>, module: &str, name: &str| {
        let func = linker.get(&mut *store, module, name)?.into_func()?;
        Some(func.typed::<(), i32>(&*store).unwrap().call(store, ()).unwrap())
    };
    assert_eq!(get(&linker, &mut store, "a", "f"), Some(3));
    assert_eq!(get(&linker, &mut store, "", "af"), None);
    assert_eq!(get(&linker, &mut store, "af", ""), Some(5));
    linker.alias_module("a", "b").unwrap();
    assert_eq!(get(&linker, &mut store, "b", "f"), Some(3));
    assert!(linker.alias_module("c", "d").is_err());
    let copy = linker.clone();
    linker.func_wrap("a", "f", || 4).unwrap();
    assert_eq!(get(&copy, &mut store, "a", "f"), Some(3));
    assert_eq!(get(&linker, &mut store, "a", "f"), Some(4));
}

#[test]
fn a_linker_with_many_names_finds_each() {
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    for module in 0..10 {
        for name in 0..100 {
            linker
                .func_wrap(&format!("m{module}"), &format!("f{name}"), move || module * 1000 + name)
                .unwrap();
        }
    }
    let mut store = Store::new(&engine, ());
    for (module, name) in [(0, 0), (3, 99), (9, 50)] {
        let func = linker.get(&mut store, &format!("m{module}"), &format!("f{name}")).unwrap();
        let func = func.into_func().unwrap().typed::<(), i32>(&store).unwrap();
        assert_eq!(func.call(&mut store, ()).unwrap(), module * 1000 + name);
    }
}

#[test]
fn instances_are_linked_with_each_other() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let exporter = load(
        &engine,
        r#"(module
            (memory (export "memory") 1)
            (global (export "global") (mut i32) (i32.const 5))
            (table (export "table") 1 funcref)
            (func (export "load") (result i32) (i32.load8_u (i32.const 0))))"#,
    );
    let exporter = linker.instantiate(&mut store, &exporter).unwrap();
    linker.instance(&store, "exporter", exporter).unwrap();
    assert!(linker.instance(&store, "exporter", exporter).is_err());
    let importer = load(
        &engine,
        r#"(module
            (import "exporter" "load" (func $load (result i32)))
            (import "exporter" "memory" (memory 1))
            (import "exporter" "global" (global $g (mut i32)))
            (import "exporter" "table" (table 1 funcref))
            (elem (i32.const 0) $run)
            (func $run (export "run") (result i32)
                (i32.store8 (i32.const 0) (i32.const 9))
                (global.set $g (i32.const 6))
                (call $load)))"#,
    );
    let importer = linker.instantiate(&mut store, &importer).unwrap();
    let run = importer.get_typed_func::<(), i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 9);
    assert_eq!(exporter.get_global(&store, "global").unwrap().get(&store).i32(), Some(6));
    let element = exporter.get_table(&store, "table").unwrap().get(&store, 0);
    assert_eq!(element, Some(importer.get_func(&store, "run").unwrap().into()));
}

#[test]
fn items_are_given_in_order() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = load(&engine, r#"(module (import "" "" (func)) (import "" "" (func)))"#);
    let func = Func::wrap(&mut store, || {});
    let error = Instance::new(&mut store, &module, &[func.into()]).unwrap_err();
    assert_eq!(error.to_string(), "the module has 2 imports, but 1 items were given");
    Instance::new(&mut store, &module, &[Extern::from(func); 2]).unwrap();
}

#[test]
fn start_functions_run_unless_refused() {
    let engine = Engine::default();
    let mut linker = Linker::<u32>::new(&engine);
    linker.func_wrap("", "count", |mut caller: rotifer::Caller<'_, u32>| *caller.data_mut() += 1).unwrap();
    let with = load(
        &engine,
        r#"(module (import "" "count" (func $count)) (func $start (call $count)) (start $start))"#,
    );
    let imported = load(&engine, r#"(module (import "" "count" (func $count)) (start $count))"#);
    let without = load(&engine, r#"(module (import "" "count" (func $count)))"#);
    let mut store = Store::new(&engine, 0);
    linker.instantiate(&mut store, &with).unwrap();
    linker.instantiate_and_start(&mut store, &imported).unwrap();
    linker.instantiate_pre(&with).unwrap().start(&mut store).unwrap();
    assert_eq!(*store.data(), 3);
    assert!(with.has_start() && !without.has_start());
    assert_eq!((with.start_function(), without.start_function()), (Some(1), None));

    let error = linker.instantiate_pre(&with).unwrap().ensure_no_start(&mut store).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Instantiation(InstantiationError::UnexpectedStartFn)));
    linker.instantiate_pre(&without).unwrap().ensure_no_start(&mut store).unwrap();
    assert_eq!(*store.data(), 3);

    let mut config = Config::new();
    config.allow_start_fn(false);
    let strict = Engine::new(&config);
    let module = load(&strict, "(module (func $start) (start $start))");
    let mut store = Store::new(&strict, ());
    let error = Instance::new(&mut store, &module, &[]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Instantiation(InstantiationError::UnexpectedStartFn)));
}

#[test]
fn a_start_function_that_traps_leaves_its_traces() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let module = load(
        &engine,
        r#"(module
            (import "" "" (memory 1))
            (data (i32.const 0) "data")
            (func $start (i32.store8 (i32.const 4) (i32.const 33)) unreachable)
            (start $start))"#,
    );
    let error = Instance::new(&mut store, &module, &[memory.into()]).unwrap_err();
    assert_eq!(error.as_trap_code(), Some(rotifer::TrapCode::UnreachableCodeReached));
    assert_eq!(error.backtrace().frames().len(), 1);
    assert_eq!(&memory.data(&store)[..5], b"data!");
}

#[test]
fn a_pre_linked_module_is_instantiated_in_many_stores() {
    let engine = Engine::default();
    let mut linker = Linker::<i32>::new(&engine);
    linker.func_wrap("", "get", |caller: rotifer::Caller<'_, i32>| *caller.data()).unwrap();
    linker.func_wrap("", "unused", || {}).unwrap();
    let module = load(
        &engine,
        r#"(module (import "" "get" (func $get (result i32)))
            (func (export "run") (result i32) (i32.add (call $get) (call $get))))"#,
    );
    let pre = linker.instantiate_pre(&module).unwrap();
    drop(linker);
    for n in 0..5 {
        let mut store = Store::new(&engine, n);
        let one = pre.instantiate(&mut store).unwrap();
        let two = pre.instantiate(&mut store).unwrap();
        assert_ne!(one, two);
        let run = two.get_typed_func::<(), i32>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), 2 * n);
    }
}

#[test]
fn unknown_functions_can_stand_in() {
    for engine in engines() {
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "known", || 7).unwrap();
        let module = load(
            &engine,
            r#"(module
                (import "host" "known" (func $known (result i32)))
                (import "host" "un\nknown" (func $unknown (param i64) (result i32)))
                (import "host" "un\nknown" (func (param i64) (result i32)))
                (func (export "known") (result i32) (call $known))
                (func (export "unknown") (result i32) (call $unknown (i64.const 1))))"#,
        );
        let mut store = Store::new(&engine, ());
        assert!(linker.instantiate(&mut store, &module).is_err());
        linker.define_unknown_imports_as_traps(&module).unwrap();
        // Once more changes nothing.
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let call = |store: &mut Store<()>, name| {
            instance.get_typed_func::<(), i32>(&*store, name).unwrap().call(store, ())
        };
        assert_eq!(call(&mut store, "known").unwrap(), 7);
        let error = call(&mut store, "unknown").unwrap_err();
        let unknown = error.downcast_ref::<UnknownImport>().unwrap();
        assert_eq!((unknown.module(), unknown.name()), ("host", "un\nknown"));
        let message = "the imported function `host` `un\\nknown` was called, which is not provided";
        assert_eq!(error.to_string(), message);
        assert_eq!(error.backtrace().frames().len(), 1);
        // Only functions can.
        let memory = load(&engine, r#"(module (import "host" "memory" (memory 1)))"#);
        linker.define_unknown_imports_as_traps(&memory).unwrap();
        let error = linker.instantiate(&mut store, &memory).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Link(LinkError::UnknownImport { .. })));
    }
}
