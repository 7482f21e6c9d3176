//! A module shared by threads: functions are translated once, whoever comes first, while others run.

use std::{
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use rotifer::{
    Caller, Engine, Error, Instance, InstancePre, InterruptHandle, Linker, LoadMode, Module, Store,
    SuspendReason, TypedResumableCall, TypedSuspendedCall,
};

use super::{engines, engines_with, wasm};

const FUNCTIONS: usize = 200;

/// Functions that call each other: `f0` calls all others, `fN` returns N; every seventh from 3 on is bad and is
/// not called by `f0`.
fn many_functions(with_bad: bool) -> Vec<u8> {
    let mut text = String::from("(module\n");
    for i in 0..FUNCTIONS {
        let bad = with_bad && i % 7 == 3;
        // 0x5afe is looked for below and made an i64.
        let body = if bad { "(i32.const 0x5afe)".into() } else { format!("(i32.const {i})") };
        text += &format!("(func $f{i} (export \"f{i}\") (result i32) {body})\n");
    }
    text += "(func (export \"sum\") (result i32) (i32.const 0)\n";
    for i in 0..FUNCTIONS {
        if !(with_bad && i % 7 == 3) {
            text += &format!("(i32.add (call $f{i}))\n");
        }
    }
    text += "))";
    let mut bytes = wasm(&text);
    let marker = [0x41, 0xFE, 0xB5, 0x01];
    while let Some(at) = bytes.windows(4).position(|window| window == marker) {
        bytes[at] = 0x42;
    }
    bytes
}

#[test]
fn threads_share_a_module_that_is_being_translated() {
    for engine in engines() {
        let bytes = many_functions(false);
        let expected: i32 = (0..FUNCTIONS as i32).sum();
        let mut sizes = Vec::new();
        for round in 0..20 {
            let mode = if round % 2 == 0 { LoadMode::Checked } else { LoadMode::Partial };
            let module = Module::new_with_mode(&engine, &bytes, mode).unwrap();
            let barrier = Barrier::new(4);
            thread::scope(|scope| {
                for thread in 0..4 {
                    let (engine, module, barrier) = (&engine, &module, &barrier);
                    scope.spawn(move || {
                        let mut store = Store::new(engine, ());
                        let instance = Instance::new(&mut store, module, &[]).unwrap();
                        barrier.wait();
                        if thread % 2 == 0 {
                            let sum = instance.get_typed_func::<(), i32>(&store, "sum").unwrap();
                            assert_eq!(sum.call(&mut store, ()).unwrap(), expected);
                        } else {
                            for i in (0..FUNCTIONS).rev() {
                                let f = instance.get_typed_func::<(), i32>(&store, &format!("f{i}")).unwrap();
                                assert_eq!(f.call(&mut store, ()).unwrap(), i as i32);
                            }
                        }
                    });
                }
            });
            sizes.push(module.code_size());
        }
        assert!(sizes.iter().all(|&size| size == sizes[0]), "translated once: {sizes:?}");
    }
}

#[test]
fn the_verdict_on_an_invalid_body_is_the_same_for_all_threads() {
    for engine in engines() {
        let bytes = many_functions(true);
        for _ in 0..10 {
            let module = Module::new_with_mode(&engine, &bytes, LoadMode::Partial).unwrap();
            let barrier = Barrier::new(3);
            let stop = AtomicBool::new(false);
            let calls = AtomicUsize::new(0);
            let verdicts: Vec<Vec<String>> = thread::scope(|scope| {
                // One thread runs valid functions all the time.
                let runner = scope.spawn(|| {
                    let mut store = Store::new(&engine, ());
                    let instance = Instance::new(&mut store, &module, &[]).unwrap();
                    let sum = instance.get_typed_func::<(), i32>(&store, "sum").unwrap();
                    barrier.wait();
                    let expected = sum.call(&mut store, ()).unwrap();
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(sum.call(&mut store, ()).unwrap(), expected);
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
                let threads: Vec<_> = (0..2)
                    .map(|thread| {
                        let (engine, module, barrier) = (&engine, &module, &barrier);
                        scope.spawn(move || {
                            let mut store = Store::new(engine, ());
                            let instance = Instance::new(&mut store, module, &[]).unwrap();
                            barrier.wait();
                            let mut verdicts = vec![String::new(); FUNCTIONS];
                            for i in 0..2 * FUNCTIONS {
                                let i = if thread == 0 { i } else { 2 * FUNCTIONS - 1 - i } % FUNCTIONS;
                                let f = instance.get_typed_func::<(), i32>(&store, &format!("f{i}")).unwrap();
                                let verdict = match f.call(&mut store, ()) {
                                    Ok(result) => result.to_string(),
                                    Err(error) => error.to_string(),
                                };
                                assert!(verdicts[i].is_empty() || verdicts[i] == verdict, "stable");
                                verdicts[i] = verdict;
                            }
                            verdicts
                        })
                    })
                    .collect();
                let verdicts = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
                stop.store(true, Ordering::Relaxed);
                runner.join().unwrap();
                verdicts
            });
            assert_eq!(verdicts[0], verdicts[1]);
            for (i, verdict) in verdicts[0].iter().enumerate() {
                if i % 7 == 3 {
                    assert!(verdict.contains(&format!("in function {i} (at offset ")), "{verdict}");
                } else {
                    assert_eq!(*verdict, i.to_string());
                }
            }
        }
    }
}

#[test]
fn stores_move_between_threads() {
    let engine = Engine::default();
    let mut linker = Linker::<Vec<u32>>::new(&engine);
    linker
        .func_wrap("", "push", |mut caller: Caller<'_, Vec<u32>>, n: u32| caller.data_mut().push(n))
        .unwrap();
    let module = Module::new(
        &engine,
        wasm(
            r#"(module (import "" "push" (func $push (param i32)))
                (func (export "run") (param i32) (call $push (local.get 0))))"#,
        ),
    )
    .unwrap();
    let pre: Arc<InstancePre<Vec<u32>>> = Arc::new(linker.instantiate_pre(&module).unwrap());
    let stores: Vec<_> = (0..4)
        .map(|n| {
            let (engine, pre) = (engine.clone(), pre.clone());
            thread::spawn(move || {
                let mut store = Store::new(&engine, Vec::new());
                let instance = pre.instantiate(&mut store).unwrap();
                let run = instance.get_typed_func::<u32, ()>(&store, "run").unwrap();
                run.call(&mut store, n).unwrap();
                (store, run)
            })
        })
        .map(|thread| thread.join().unwrap())
        .collect();
    for (n, (mut store, run)) in stores.into_iter().enumerate() {
        run.call(&mut store, 100).unwrap();
        assert_eq!(*store.data(), [n as u32, 100]);
    }
}

/// Functions of the module that [`stress`] runs.
const NODES: u32 = 1_000;

/// A tree: `f(n)` adds `n` to what its parent `(n - 1) / 2` gives. `walk` calls nodes through a table in an order
/// that its seed determines.
fn tree() -> Vec<u8> {
    let mut text = String::from("(module (type $node (func (result i64)))\n");
    for n in 0..NODES {
        let parent = if n == 0 { String::new() } else { format!("(i64.add (call $f{}))", (n - 1) / 2) };
        text += &format!("(func $f{n} (type $node) (i64.const {n}) {parent})\n");
    }
    let nodes: String = (0..NODES).map(|n| format!(" $f{n}")).collect();
    text += &format!(
        r#"(table funcref (elem{nodes}))
        (func (export "walk") (param $seed i32) (param $steps i32) (result i64) (local $sum i64)
            (loop $again
                (local.set $seed (i32.add (i32.mul (local.get $seed) (i32.const 1103515245)) (i32.const 12345)))
                (local.set $sum (i64.add (local.get $sum)
                    (call_indirect (type $node)
                        (i32.rem_u (i32.shr_u (local.get $seed) (i32.const 8)) (i32.const {NODES})))))
                (br_if $again (local.tee $steps (i32.sub (local.get $steps) (i32.const 1)))))
            (local.get $sum)))"#
    );
    wasm(&text)
}

/// What `walk` gives.
fn expected(mut seed: u32, steps: u32) -> i64 {
    let mut sum = 0;
    for _ in 0..steps {
        seed = seed.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let mut node = (seed >> 8) % NODES;
        while node > 0 {
            sum += i64::from(node);
            node = (node - 1) / 2;
        }
    }
    sum
}

/// A call that one thread after the other goes on with.
struct Job {
    store: Store<()>,
    /// None: not begun.
    call: Option<TypedSuspendedCall<i64>>,
    instance: Instance,
    seed: u32,
    steps: u32,
}

impl Job {
    fn new(engine: &Engine, module: &Module, number: u32, steps: u32) -> Self {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        Self { store, call: None, instance, seed: number.wrapping_mul(0x9E37_79B9), steps }
    }

    /// Begins the call or goes on with it, with little fuel where fuel counts. Tells whether it has returned.
    fn run(&mut self) -> bool {
        let fuel = self.call.as_ref().and_then(|call| call.required_fuel()).unwrap_or(0) + 20_000;
        let _ = self.store.set_fuel(fuel);
        let outcome: Result<_, Error> = match self.call.take() {
            Some(call) => call.resume(&mut self.store),
            None => {
                let walk = self.instance.get_typed_func::<(u32, u32), i64>(&self.store, "walk").unwrap();
                walk.call_resumable(&mut self.store, (self.seed, self.steps))
            }
        };
        match outcome.unwrap() {
            TypedResumableCall::Finished(sum) => {
                assert_eq!(sum, expected(self.seed, self.steps));
                true
            }
            TypedResumableCall::Suspended(call) => {
                assert!(matches!(
                    call.reason(),
                    SuspendReason::OutOfFuel { .. } | SuspendReason::Interrupted
                ));
                self.call = Some(call);
                false
            }
        }
    }
}

/// Threads translate functions of one module, run them, interrupt each other and resume what others began.
fn stress(engine: &Engine, threads: usize, jobs: u32, steps: u32) {
    let module = Module::new_with_mode(engine, tree(), LoadMode::Partial).unwrap();
    let mut waiting: Vec<Job> = (0..jobs).map(|number| Job::new(engine, &module, number, steps)).collect();
    let handles: Vec<InterruptHandle> =
        waiting.iter_mut().map(|job| job.store.interrupt_handle().unwrap()).collect();
    // Every call is suspended at least once, however threads are scheduled.
    handles.iter().for_each(InterruptHandle::interrupt);
    let waiting = Mutex::new(waiting);
    let (finished, pauses) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let barrier = Barrier::new(threads);
    let worker = || {
        barrier.wait();
        while finished.load(Ordering::Relaxed) < jobs as usize {
            let Some(mut job) = waiting.lock().unwrap().pop() else {
                thread::yield_now();
                continue;
            };
            if job.run() {
                finished.fetch_add(1, Ordering::Relaxed);
            } else {
                pauses.fetch_add(1, Ordering::Relaxed);
                // To the other end, so that it is another thread's turn.
                waiting.lock().unwrap().insert(0, job);
            }
        }
    };
    let interrupter = || {
        while finished.load(Ordering::Relaxed) < jobs as usize {
            handles.iter().for_each(InterruptHandle::interrupt);
            thread::sleep(Duration::from_micros(300));
        }
    };
    thread::scope(|scope| {
        let mut all: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        all.push(scope.spawn(interrupter));
        for thread in all {
            // One that failed must not leave the others waiting for its job.
            if let Err(panic) = thread.join() {
                finished.store(jobs as usize, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    });
    assert!(pauses.into_inner() >= jobs as usize, "calls were suspended");
}

fn stressed_engines() -> Vec<Engine> {
    let mut all = engines_with(|config| {
        config.interruptible(true);
    });
    all.extend(engines_with(|config| {
        config.consume_fuel(true).interruptible(true);
    }));
    all
}

#[test]
fn calls_are_resumed_by_other_threads_while_functions_are_translated() {
    for engine in stressed_engines() {
        stress(&engine, 4, 8, 20_000);
    }
}

#[test]
#[ignore = "takes a minute; `cargo xtask race` runs it"]
fn calls_are_resumed_by_many_threads_many_times() {
    for _ in 0..20 {
        for engine in stressed_engines() {
            stress(&engine, 16, 48, 20_000);
        }
    }
}
