//! A module shared by threads: functions are translated once, whoever comes first, while others run.

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use rotifer::{Caller, Engine, Instance, InstancePre, Linker, LoadMode, Module, Store};

use super::{engines, wasm};

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
