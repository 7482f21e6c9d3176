//! One instance for ten thousand calls, each of which finds it as new.
//!
//!     cargo run --release --example instance_reuse
//!
//! A node of a chain calls its runtime for every transaction, and no call may see what an earlier one left in the instance.
//! The runtime here has what makes that hard: a start function that builds a table, an allocator that never frees and lets
//! the memory grow, a counter in a global that is not exported, a segment that is dropped at its first use. The state of the
//! chain is the host's, in a map that each call is lent.

use rotifer::{
    Caller, Config, Engine, Error, InstancePool, InstancePre, Linker, Module, PoolCache, PoolOptions, Store,
};
use std::{collections::BTreeMap, time::Instant};

const RUNTIME: &str = r#"(module
    (import "host" "get" (func $get (param i32) (result i64)))
    (import "host" "set" (func $set (param i32 i64)))
    (import "host" "log" (func $log (param i32 i32)))
    (memory (export "memory") 16)
    (global $heap (mut i32) (i32.const 0x10000))
    (global $calls (mut i32) (i32.const 0))
    (data $message "transferred!")

    ;; Fees by the size of the amount: computed once, not by every call.
    (start $begin)
    (func $begin (local $i i32)
        (loop $next
            (i64.store (i32.shl (local.get $i) (i32.const 3))
                (i64.add (i64.extend_i32_u (i32.popcnt (local.get $i))) (i64.const 1)))
            (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 64)))))

    (func $allocate (param $size i32) (result i32)
        (global.get $heap)
        (global.set $heap (i32.add (global.get $heap) (local.get $size)))
        (if (i32.gt_u (global.get $heap) (i32.shl (memory.size) (i32.const 16)))
            (then (if (i32.lt_s (memory.grow (i32.const 1)) (i32.const 0)) (then unreachable)))))

    ;; Returns the number of the call in this instance: 1, if it is as new.
    (func (export "transfer") (param $from i32) (param $to i32) (param $amount i64) (result i32)
        (local $message i32) (local $fee i64) (local $balance i64)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (local.set $message (call $allocate (i32.const 0x8000)))
        (local.set $fee (i64.load (i32.shl
            (i32.wrap_i64 (i64.clz (local.get $amount))) (i32.const 3))))
        (local.set $balance (call $get (local.get $from)))
        (if (i64.lt_u (local.get $balance) (i64.add (local.get $amount) (local.get $fee))) (then unreachable))
        (call $set (local.get $from)
            (i64.sub (local.get $balance) (i64.add (local.get $amount) (local.get $fee))))
        (call $set (local.get $to) (i64.add (call $get (local.get $to)) (local.get $amount)))
        ;; The table of fees is scratch space from here on, as the call is over.
        (memory.fill (i32.const 0) (i32.const 0xFF) (i32.const 512))
        (memory.init $message (local.get $message) (i32.const 0) (i32.const 12))
        (data.drop $message)
        (call $log (local.get $message) (i32.const 12))
        (global.get $calls)))"#;

/// What a call is lent: the balances of accounts, and what the runtime has said.
#[derive(Default)]
struct Host {
    balances: BTreeMap<i32, i64>,
    messages: usize,
}

fn main() -> Result<(), Error> {
    let engine = Engine::new(Config::new().track_writes(true));
    let wasm = wat::parse_str(RUNTIME).map_err(Error::new)?;
    // The runtimes of the last two blocks that were upgrades; this chain has had none.
    let cache = PoolCache::new(2);
    let code_hash = Module::new(&engine, &wasm)?.hash();
    let pool = cache.get_or_make(code_hash, || {
        InstancePool::new(&link(&Module::new(&engine, &wasm)?)?, PoolOptions::default())
    })?;
    let fresh = link(&Module::new(&engine, &wasm)?)?;

    const CALLS: i32 = 10_000;
    let (mut reused, mut expected) = (genesis(), genesis());
    let start = Instant::now();
    let mut failures = 0;
    for call in 0..CALLS {
        failures += i32::from(transfer_in_pool(&pool, &mut reused, call).is_err());
    }
    let in_pool = start.elapsed() / CALLS as u32;
    let start = Instant::now();
    for call in 0..CALLS {
        failures -= i32::from(transfer_in_new(&fresh, &mut expected, call).is_err());
    }
    let in_new = start.elapsed() / CALLS as u32;

    assert_eq!(failures, 0, "calls fail in both or in none");
    assert!(reused.balances == expected.balances && reused.messages == expected.messages);
    assert_eq!(pool.usage().made, 1);
    println!("{CALLS} transfers, {} of them done, by {} instance", reused.messages, pool.usage().made);
    println!("{in_pool:?} for a call in an instance that is reset, {in_new:?} in one that is made");
    Ok(())
}

fn genesis() -> Host {
    Host { balances: (0..16).map(|account| (account, 100_000)).collect(), messages: 0 }
}

fn link(module: &Module) -> Result<InstancePre<Host>, Error> {
    let mut linker = Linker::<Host>::new(module.engine());
    linker.func_wrap("host", "get", |caller: Caller<'_, Host>, account: i32| {
        caller.data().balances.get(&account).copied().unwrap_or(0)
    })?;
    linker.func_wrap("host", "set", |mut caller: Caller<'_, Host>, account: i32, balance: i64| {
        caller.data_mut().balances.insert(account, balance);
    })?;
    linker.func_wrap("host", "log", |mut caller: Caller<'_, Host>, at: i32, len: i32| {
        let memory = caller.get_export("memory").and_then(|item| item.into_memory());
        let memory = memory.ok_or_else(|| Error::new("the runtime has no memory"))?;
        let mut message = vec![0; len as u32 as usize];
        memory.read(&caller, at as u32 as usize, &mut message)?;
        caller.data_mut().messages += usize::from(message == b"transferred!");
        Ok(())
    })?;
    linker.instantiate_pre(module)
}

fn transfer_in_pool(pool: &InstancePool<Host>, host: &mut Host, call: i32) -> Result<(), Error> {
    let mut pooled = pool.get()?;
    std::mem::swap(pooled.data_mut(), host);
    let instance = pooled.instance();
    let done = transfer(&mut pooled, instance, call);
    // A call that failed may have changed the state: a real node would take it back.
    std::mem::swap(pooled.data_mut(), host);
    done
}

fn transfer_in_new(pre: &InstancePre<Host>, host: &mut Host, call: i32) -> Result<(), Error> {
    let mut store = Store::new(pre.module().engine(), std::mem::take(host));
    let instance = pre.instantiate(&mut store)?;
    let done = transfer(&mut store, instance, call);
    *host = store.into_data();
    done
}

fn transfer(store: &mut Store<Host>, instance: rotifer::Instance, call: i32) -> Result<(), Error> {
    let func = instance.get_typed_func::<(i32, i32, i64), i32>(&*store, "transfer")?;
    let count = func.call(store, (call % 16, call * 7 % 16, i64::from(call) % 1_500))?;
    assert_eq!(count, 1, "every call is the first one of its instance");
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
