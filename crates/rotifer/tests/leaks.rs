//! Suspended calls that are dropped leave nothing behind: memory is counted, so this is a program of its own.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use rotifer::{
    Config, Dispatch, Engine, Error, FuncType, Linker, Module, Store, TypedFunc, TypedResumableCall, Val,
    ValType,
};

/// Counts what the current thread allocates and frees.
struct Counting;

thread_local! {
    static BLOCKS: Cell<i64> = const { Cell::new(0) };
    static BYTES: Cell<i64> = const { Cell::new(0) };
}

fn count(blocks: i64, bytes: i64) {
    BLOCKS.set(BLOCKS.get() + blocks);
    BYTES.set(BYTES.get() + bytes);
}

// SAFETY: promised by the caller: all is left to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-1, -(layout.size() as i64));
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(0, size as i64 - layout.size() as i64);
        // SAFETY: promised by the caller.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIB: &str = r#"(module
    (import "host" "ask" (func $ask (param i64) (result i64)))
    (import "host" "fail" (func $fail (param i64) (result i64)))
    (func (export "ask") (param i64) (result i64) (i64.add (call $ask (local.get 0)) (call $fail (i64.const 2)))))"#;

const MAIN: &str = r#"(module
    (import "lib" "ask" (func $ask (param i64) (result i64)))
    (memory 1)
    (func $deep (export "deep") (param i64) (result i64)
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 200))
        (if (i64.eqz (local.get 0)) (then (return (call $ask (i64.const 1)))))
        (i64.add
            (call $deep (i64.sub (local.get 0) (i64.const 1)))
            (call $ask (local.get 0)))))"#;

const DEPTH: i64 = 12;

/// A call that is dropped after so many stops; or its result.
fn run(store: &mut Store<()>, deep: TypedFunc<i64, i64>, stops: usize) -> Option<i64> {
    store.set_fuel(0).unwrap();
    let mut call = deep.call_resumable(&mut *store, DEPTH).unwrap();
    for _ in 0..stops {
        let suspended = match call {
            TypedResumableCall::Finished(result) => return Some(result),
            TypedResumableCall::Suspended(suspended) => suspended,
        };
        call = match suspended.required_fuel() {
            Some(required) => {
                store.set_fuel(required).unwrap();
                suspended.resume(&mut *store).unwrap()
            }
            None => suspended.resume_with(&mut *store, &[Val::I64(1)]).unwrap(),
        };
    }
    match call {
        TypedResumableCall::Finished(result) => Some(result),
        // Every other one ends by its error.
        TypedResumableCall::Suspended(suspended) if stops.is_multiple_of(2) => {
            drop(suspended.into_error());
            None
        }
        TypedResumableCall::Suspended(suspended) => {
            let _ = suspended.backtrace(&*store);
            None
        }
    }
}

#[test]
fn dropped_calls_free_what_they_had() {
    for &dispatch in Dispatch::available() {
        let mut config = Config::default();
        config.dispatch(dispatch).consume_fuel(true);
        let engine = Engine::new(&config);
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_suspend("host", "ask", FuncType::new([ValType::I64], [ValType::I64]), 0).unwrap();
        let fail = |n: i64| -> Result<i64, Error> { Err(Error::new(format!("error number {n}"))) };
        linker.func_wrap("host", "fail", fail).unwrap();
        let lib = Module::new(&engine, wat::parse_str(LIB).unwrap()).unwrap();
        let lib = linker.instantiate(&mut store, &lib).unwrap();
        linker.instance(&mut store, "lib", lib).unwrap();
        let main = Module::new(&engine, wat::parse_str(MAIN).unwrap()).unwrap();
        let main = linker.instantiate(&mut store, &main).unwrap();
        let deep = main.get_typed_func::<i64, i64>(&store, "deep").unwrap();
        let all = (0..).find(|stops| run(&mut store, deep, *stops).is_some()).unwrap();
        assert!(all > 100, "{all}");
        let mut before = None;
        for round in 0..1_000 {
            for stops in 0..=all {
                let result = run(&mut store, deep, stops);
                assert_eq!(result, (stops >= all).then_some(2 * (DEPTH + 1)));
            }
            let now = (BLOCKS.get(), BYTES.get());
            // Meanwhile the store keeps some stacks for later calls.
            if round >= 10 {
                assert_eq!(*before.get_or_insert(now), now, "in round {round}");
            }
        }
        // Calls that wait together are freed together.
        for _ in 0..10 {
            let waiting: Vec<_> = (0..500)
                .map(|_| {
                    store.set_fuel(1_000_000).unwrap();
                    deep.call_resumable(&mut store, DEPTH).unwrap()
                })
                .collect();
            assert!(BLOCKS.get() > before.unwrap().0 + 500);
            drop(waiting);
            // They took the stacks that the store had kept.
            let (blocks, bytes) = before.unwrap();
            assert!(BLOCKS.get() <= blocks && BYTES.get() <= bytes);
        }
        // And what outlives its store.
        store.set_fuel(1_000_000).unwrap();
        let call = deep.call_resumable(&mut store, DEPTH).unwrap();
        drop(store);
        drop(call);
    }
    let before = (BLOCKS.get(), BYTES.get());
    for _ in 0..20 {
        let mut config = Config::default();
        config.consume_fuel(true);
        let engine = Engine::new(&config);
        let mut store = Store::new(&engine, ());
        let spin = wat::parse_str(r#"(module (func (export "spin") (loop $l (br $l))))"#).unwrap();
        let module = Module::new(&engine, &spin).unwrap();
        let instance = rotifer::Instance::new(&mut store, &module, &[]).unwrap();
        let spin = instance.get_typed_func::<(), ()>(&store, "spin").unwrap();
        store.set_fuel(1_000).unwrap();
        let call = spin.call_resumable(&mut store, ()).unwrap();
        drop((instance, module, engine, store));
        drop(call);
    }
    assert_eq!(before, (BLOCKS.get(), BYTES.get()), "engines, modules and stores");
}
