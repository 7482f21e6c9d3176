//! What `memory_usage` says, compared with what the allocator gave. A file of its own: the allocator counts for the whole
//! process, so nothing else may run, and there is one test.

use rotifer::{
    Caller, Config, Engine, EngineMemory, Linker, LoadMode, Module, ResumableCall, Store, StoreMemory, Val,
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: promised by the caller: all calls are handed on as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        HELD.fetch_add(size, Relaxed);
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: promised by the caller.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A module with many functions, a memory, a table and a passive segment.
fn guest() -> Vec<u8> {
    let functions: String = (0..2_000)
        .map(|i| {
            format!(
                "(func $f{i} (param i32 i64) (result i64)
                   (i64.add (local.get 1) (i64.div_u (i64.const {i}) (i64.load (local.get 0)))))"
            )
        })
        .collect();
    let text = format!(
        r#"(module
            (import "host" "ask" (func $ask (result i32)))
            (memory (export "memory") 5)
            (table $table 1000 funcref)
            (elem funcref (ref.func $f0) (ref.func $f1))
            {functions}
            (func (export "grow") (result i32)
              (drop (table.grow $table (ref.null func) (i32.const 5000)))
              (memory.grow (i32.const 10)))
            (func $deep (export "deep") (param i32) (result i32)
              (if (result i32) (local.get 0)
                (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
                (else (call $ask)))))"#
    );
    wat::parse_str(text).unwrap()
}

/// Whether `counted` is nearly what the allocator gave since it held `before`.
#[track_caller]
fn assert_near(counted: usize, before: usize) {
    let given = HELD.load(Relaxed) - before;
    let difference = given.abs_diff(counted);
    assert!(difference < given / 10 + 4_096, "{counted} bytes counted, {given} given");
}

fn check_module(engine: &Engine, wasm: &[u8]) {
    let before = HELD.load(Relaxed);
    let module = Module::new_with_mode(engine, wasm, LoadMode::Partial).unwrap();
    let unused = module.memory_usage();
    assert_eq!((unused.functions, unused.code, unused.tables, unused.bytes), (0, 0, 0, wasm.len()));
    assert_near(unused.total(), before);
    module.translate_all().unwrap();
    let used = module.memory_usage();
    assert_eq!(used.functions, 2_002);
    assert!(used.metadata > unused.metadata);
    assert!(used.code > 2_000 * 50 && used.tables > 2_000);
    assert_near(used.total(), before);
    assert_eq!(module.code_size(), used.code + used.tables);
    let all = engine.memory_usage();
    assert_eq!((all.modules, all.stores, all.module_memory), (1, 0, used));
    assert_eq!(all.total(), used.total());
    // A second one adds as much.
    let second = Module::new_with_mode(engine, wasm, LoadMode::Eager).unwrap();
    let sum = engine.memory_usage();
    assert_eq!((sum.modules, sum.module_memory.total()), (2, used.total() + second.memory_usage().total()));
}

/// What of a store the allocator gave. Large memories are mapped where the system can.
fn from_allocator(store: StoreMemory) -> usize {
    let mapped = cfg!(all(target_os = "linux", target_pointer_width = "64"));
    if mapped { store.total() - store.memories } else { store.total() }
}

fn check_store(engine: &Engine, wasm: &[u8]) {
    let module = Module::new_with_mode(engine, wasm, LoadMode::Eager).unwrap();
    let mut linker = Linker::new(engine);
    linker
        .func_wrap("host", "ask", |_: Caller<'_, ()>| -> Result<i32, rotifer::Error> {
            Err(rotifer::Error::suspend())
        })
        .unwrap();
    let before = HELD.load(Relaxed);
    let mut store = Store::new(engine, ());
    assert_eq!(store.memory_usage().total(), 0);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let fresh = store.memory_usage();
    assert!(fresh.memories >= 5 << 16 && fresh.memories <= 6 << 16);
    assert_eq!((fresh.tables, fresh.stack), (8_000, 0));
    assert!(fresh.instances > 2_000 * 32);
    assert_near(from_allocator(fresh), before);

    let grow = instance.get_typed_func::<(), i32>(&store, "grow").unwrap();
    assert_eq!(grow.call(&mut store, ()).unwrap(), 5);
    let grown = store.memory_usage();
    assert!(grown.memories >= 15 << 16 && grown.tables >= 48_000 && grown.stack > 0);
    assert_near(from_allocator(grown), before);
    let engine_sees = engine.memory_usage().store_memory;
    assert_eq!(engine_sees.total(), grown.total() - grown.entities);

    // The stack of a suspended call is the call's, and the engine's.
    let deep = instance.get_func(&store, "deep").unwrap();
    let mut results = [Val::I32(0)];
    let suspended = deep.call_resumable(&mut store, &[Val::I32(5_000)], &mut results).unwrap();
    let ResumableCall::Suspended(call) = suspended else { panic!("it suspends") };
    let own = engine.memory_usage().store_memory.stack - store.memory_usage().stack;
    assert!(own > 5_000 * 24, "{own}");
    drop(store);
    assert_eq!(engine.memory_usage().store_memory.total(), own);
    assert_eq!((engine.memory_usage().stores, engine.memory_usage().modules), (0, 1));
    drop(call);
    assert_eq!(engine.memory_usage().store_memory.total(), 0);
    // It has grown too far to be kept for another store; one that has not is.
    assert_eq!(engine.memory_usage().warm_instances, 0);
    let mut store = Store::new(engine, ());
    linker.instantiate(&mut store, &module).unwrap();
    drop(store);
    let kept = engine.memory_usage().warm_instances;
    assert!(kept > 2_000 * 32, "{kept}");
    // An instance keeps its module alive.
    let mut store = Store::new(engine, ());
    linker.instantiate(&mut store, &module).unwrap();
    drop(module);
    assert_eq!(engine.memory_usage().modules, 1);
    drop(store);
    assert_eq!(engine.memory_usage(), EngineMemory::default());
}

/// Threads that load, translate and drop at once leave nothing behind.
fn check_threads(engine: &Engine, wasm: &[u8]) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let module = Module::new(engine, wasm).unwrap();
                    module.translate_all().unwrap();
                    assert!(engine.memory_usage().module_memory.functions >= 2_002);
                }
            });
        }
    });
}

#[test]
fn usage_is_what_the_allocator_gave_and_ends_at_zero() {
    let wasm = guest();
    for fuel in [false, true] {
        let mut config = Config::new();
        config.interruptible(fuel);
        let engine = Engine::new(&config);
        assert_eq!(engine.memory_usage(), EngineMemory::default());
        check_module(&engine, &wasm);
        assert_eq!(engine.memory_usage(), EngineMemory::default());
        check_store(&engine, &wasm);
        check_threads(&engine, &wasm);
        // A module that is invalid leaves nothing either.
        assert!(Module::new(&engine, b"\0asm\x01\0\0\0\x03").is_err());
        assert_eq!(engine.memory_usage(), EngineMemory::default());
    }
}
