//! Pools of instances, and caches of pools.

use rotifer::{
    Config, Engine, ErrorKind, Extern, Global, InstancePool, InstancePre, Linker, Memory, MemoryType, Module,
    Mutability, PoolCache, PoolOptions, SnapshotError, Store, Val,
};

use super::{
    load,
    reset::{START, disturb, resettable, snapshot_error},
    warm::{SIZES, describe, everything, fresh},
};

fn options(max_idle: usize, keep_resident: usize) -> PoolOptions {
    let mut options = PoolOptions::default();
    (options.max_idle, options.keep_resident) = (max_idle, keep_resident);
    options
}

/// A module with a counter in a global.
const COUNTER: &str = r#"(module
    (global $n (mut i32) (i32.const 0))
    (memory (export "memory") 5 500)
    (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))"#;

fn counters(engine: &Engine, options: PoolOptions) -> InstancePool<u32> {
    InstancePool::new(&counter_pre(engine), options).unwrap()
}

fn counter_pre(engine: &Engine) -> InstancePre<u32> {
    Linker::new(engine).instantiate_pre(&load(engine, COUNTER)).unwrap()
}

fn next(pooled: &mut rotifer::Pooled<u32>) -> i32 {
    let next = pooled.instance().get_typed_func::<(), i32>(&**pooled, "next").unwrap();
    next.call(&mut **pooled, ()).unwrap()
}

#[test]
fn every_user_finds_a_new_instance() {
    for engine in resettable() {
        let pool = counters(&engine, options(2, usize::MAX));
        for user in 0..5 {
            let mut pooled = pool.get().unwrap();
            assert_eq!((*pooled.data(), next(&mut pooled), next(&mut pooled)), (0, 1, 2));
            *pooled.data_mut() = user + 1;
            pooled.limiter(|_| panic!("nobody asks the limiter of a former user"));
        }
        let usage = pool.usage();
        assert_eq!((usage.idle, usage.made, usage.reused, usage.dropped), (1, 1, 4, 0));
        // Three at once; two are kept.
        let mut users: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
        users.iter_mut().for_each(|user| assert_eq!(next(user), 1));
        drop(users);
        let usage = pool.usage();
        assert_eq!((usage.idle, usage.dropped), (2, 1));
        pool.trim(1);
        assert_eq!(pool.usage().idle, 1);
        assert_eq!(next(&mut pool.get().unwrap()), 1);
        let (mut store, instance) = pool.get().unwrap().into_inner();
        assert_eq!(pool.usage().idle, 0);
        instance.get_typed_func::<(), i32>(&store, "next").unwrap().call(&mut store, ()).unwrap();
    }
}

#[test]
fn instances_whose_stores_have_more_than_before_do_not_come_back() {
    let engine = Engine::new(Config::new().track_writes(true));
    let pool = counters(&engine, PoolOptions::default());
    let uses: [fn(&mut Store<u32>); 4] = [
        |store| _ = rotifer::Func::wrap(store, || ()),
        |store| _ = rotifer::ExternRef::new(store, 5),
        |store| _ = Global::new(store, Val::I32(1), Mutability::Var),
        |store| _ = Memory::new(store, MemoryType::new(1, None)).unwrap(),
    ];
    for (number, make) in uses.into_iter().enumerate() {
        make(&mut pool.get().unwrap());
        let usage = pool.usage();
        assert_eq!((usage.idle, usage.made, usage.dropped), (0, number + 1, number + 1));
    }
}

#[test]
fn a_user_that_panics_gives_its_instance_back() {
    let engine = Engine::new(Config::new().track_writes(true));
    let pool = counters(&engine, PoolOptions::default());
    let user = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let mut pooled = pool.get().unwrap();
        next(&mut pooled);
        panic!("on purpose");
    }));
    assert!(user.is_err());
    assert_eq!(pool.usage().idle, 1);
    assert_eq!(next(&mut pool.get().unwrap()), 1);
}

#[test]
fn threads_share_a_pool() {
    let engine = Engine::new(Config::new().track_writes(true));
    let pool = counters(&engine, options(2, 0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for round in 0..200 {
                    let mut pooled = pool.get().unwrap();
                    assert_eq!(next(&mut pooled), 1);
                    let memory = pooled.instance().get_memory(&*pooled, "memory").unwrap();
                    assert_eq!(memory.data(&*pooled)[round], 0);
                    memory.write(&mut *pooled, round, &[1]).unwrap();
                    if round % 50 == 0 {
                        pool.trim(0);
                    }
                }
            });
        }
    });
    let usage = pool.usage();
    assert_eq!(usage.made + usage.reused, 600);
    assert!(usage.made < 100, "{usage:?}");
}

#[test]
fn instances_that_cannot_be_reset_have_no_pool() {
    let error = InstancePool::new(&counter_pre(&Engine::default()), PoolOptions::default());
    assert_eq!(snapshot_error(error), SnapshotError::NotResettable);
    // With a factory one finds out later.
    let engine = Engine::default();
    let pre = counter_pre(&engine);
    let make = move || {
        let mut store = Store::new(&engine, 0);
        let instance = pre.instantiate(&mut store)?;
        Ok((store, instance))
    };
    let pool = InstancePool::with(PoolOptions::default(), make, |_| {});
    drop(pool.get().unwrap());
    assert_eq!((pool.usage().idle, pool.usage().dropped), (0, 1));
}

/// Memories that gave their pages back hold what the start function left, whatever lies below.
#[test]
fn nothing_is_lost_when_memory_goes_back_to_the_system() {
    for engine in resettable() {
        for (pages, bytes) in SIZES {
            let text = everything(pages, bytes).replace("unreachable))", "unreachable)");
            let module = load(&engine, &(text + &START.replace("DROP", "")));
            let (mut store, instance) = fresh(&module, 10);
            let expected = describe(&mut store, instance);
            let pool = {
                let module = module.clone();
                InstancePool::with(options(1, 0), move || Ok(fresh(&module, 10)), |_| {})
            };
            for round in 0..14 {
                let mut pooled = pool.get().unwrap();
                let instance = pooled.instance();
                disturb(&mut pooled, instance, round);
                drop(pooled);
                if round % 3 == 0 {
                    pool.trim(1);
                }
                let mut pooled = pool.get().unwrap();
                assert_eq!(describe(&mut pooled, instance), expected, "{pages} {bytes} {round}");
            }
            assert_eq!((pool.usage().made, pool.usage().dropped), (1, 0));
            // Snapshots know of it, too.
            let mut pooled = pool.get().unwrap();
            let instance = pooled.instance();
            let before = instance.snapshot(&mut *pooled).unwrap();
            disturb(&mut pooled, instance, 3);
            let disturbed = instance.snapshot(&mut *pooled).unwrap();
            drop(pooled);
            let mut pooled = pool.get().unwrap();
            assert_eq!(instance.snapshot(&mut *pooled).unwrap(), before);
            instance.restore(&mut *pooled, &disturbed).unwrap();
            assert_eq!(instance.snapshot(&mut *pooled).unwrap(), disturbed);
        }
    }
}

/// As a chain's node has it: memory imported, fuel for each use, and a snapshot that others begin with.
#[test]
fn factories_and_snapshots_begin_instances() {
    let engine = Engine::new(Config::new().track_writes(true).consume_fuel(true));
    let text = r#"(module
        (import "env" "memory" (memory 5))
        (start $begin)
        (func $begin (i32.store (i32.const 8) (i32.const 7)))
        (func (export "add") (param i32) (result i32)
            (i32.store (i32.const 8) (i32.add (i32.load (i32.const 8)) (local.get 0)))
            (i32.load (i32.const 8))))"#;
    let module = load(&engine, text);
    let make = move || {
        let mut store = Store::new(module.engine(), ());
        store.set_fuel(1000)?;
        let memory = Memory::new(&mut store, MemoryType::new(5, None))?;
        let instance = rotifer::Instance::new(&mut store, &module, &[Extern::Memory(memory)])?;
        Ok((store, instance))
    };
    let pool = InstancePool::with(PoolOptions::default(), make, |_| {});
    let mut fuel = Vec::new();
    for _ in 0..3 {
        let mut pooled = pool.get().unwrap();
        fuel.push(pooled.get_fuel().unwrap());
        let add = pooled.instance().get_typed_func::<i32, i32>(&*pooled, "add").unwrap();
        assert_eq!(add.call(&mut *pooled, 1).unwrap(), 8);
        assert!(pooled.get_fuel().unwrap() < fuel[0]);
    }
    assert!(fuel[0] < 1000 && fuel.iter().all(|left| *left == fuel[0]));
    assert_eq!(pool.usage().made, 1);

    let engine = Engine::new(Config::new().track_writes(true));
    let pre = counter_pre(&engine);
    let warmed_up = {
        let mut pooled = InstancePool::new(&pre, PoolOptions::default()).unwrap().get().unwrap();
        next(&mut pooled);
        let instance = pooled.instance();
        instance.snapshot(&mut *pooled).unwrap()
    };
    let pool = InstancePool::from_snapshot(&pre, &warmed_up, PoolOptions::default()).unwrap();
    for _ in 0..3 {
        assert_eq!(next(&mut pool.get().unwrap()), 2);
    }
}

#[test]
fn a_cache_keeps_the_pools_that_were_used_last() {
    let engine = Engine::new(Config::new().track_writes(true));
    let cache = PoolCache::new(2);
    let modules: Vec<Module> = (0..3)
        .map(|n| load(&engine, &format!("(module (func (export \"n\") (result i32) (i32.const {n})))")))
        .collect();
    let mut made = 0;
    let mut get = |number: usize| {
        let module = &modules[number];
        let pool = cache.get_or_make(module.hash(), || {
            made += 1;
            InstancePool::new(&Linker::<()>::new(&engine).instantiate_pre(module)?, PoolOptions::default())
        });
        let mut pooled = pool.unwrap().get().unwrap();
        let n = pooled.instance().get_typed_func::<(), i32>(&*pooled, "n").unwrap();
        assert_eq!(n.call(&mut *pooled, ()).unwrap(), number as i32);
        made
    };
    assert_eq!([0, 1, 0, 1, 0].map(&mut get), [1, 2, 2, 2, 2]);
    // The second one goes.
    assert_eq!([2, 0, 1, 2].map(&mut get), [3, 3, 4, 5]);
    assert!(!cache.is_empty() && cache.len() == 2);
    cache.trim(0);
    assert_eq!(cache.get(modules[2].hash()).unwrap().usage().idle, 0);
    assert!(cache.get(modules[0].hash()).is_none());
    let failed = cache.get_or_make([9; 32], || Err(rotifer::Error::new("no module")));
    assert!(matches!(failed.unwrap_err().kind(), ErrorKind::Message(_)));
}
