//! Suspended calls in snapshots: they go on elsewhere as if nothing had been, and what cannot is refused.

use std::{thread, time::Duration};

use rotifer::{
    CallError, Config, DeserializeError, Engine, Error, ErrorKind, Extern, ExternRef, Func, FuncType,
    Instance, ItemKind, Module, Nullable, ResumableCall, Snapshot, SnapshotError, SnapshotSection, Store,
    SuspendReason, SuspendedCall, TypedResumableCall, Val, ValType,
};

use super::{MODES, engines_with, load, wasm};

/// Something of everything that calls can be suspended in. `main(n, f)` gives a sum of all that is computed.
const EVERYTHING: &str = r#"(module
    (type $f (func (param i64) (result i64)))
    (import "host" "ask" (func $ask (type $f)))
    (import "host" "pair" (func $pair (param f32 i32) (result i32 f64)))
    (memory (export "memory") 1 20)
    (table $t 4 30 funcref)
    (table $x 1 30 externref)
    (global $g (mut i64) (i64.const 3))
    (data $d "some bytes of data that are copied")
    (elem $e funcref (ref.func $twice) (ref.func $ask) (ref.null func))
    (elem (table $t) (i32.const 0) func $twice $ask $tail $deep)

    (func $twice (type $f) (i64.mul (local.get 0) (i64.const 2)))
    (func $tail (type $f) (return_call $ask (i64.add (local.get 0) (i64.const 5))))
    (func $tails (type $f) (return_call_indirect $t (type $f) (local.get 0) (i32.const 2)))
    (func $deep (type $f) (local i32 f64)
        (local.set 2 (f64.convert_i64_s (local.get 0)))
        (local.set 1 (i32.wrap_i64 (local.get 0)))
        (i64.add
            (i64.extend_i32_u (i32.mul (local.get 1) (i32.const 3)))
            (i64.add (i64.const 7)
                (i64.add
                    (if (result i64) (i64.eqz (local.get 0))
                        (then (call $ask (i64.const -1)))
                        (else (call $deep (i64.sub (local.get 0) (i64.const 1)))))
                    (i64.trunc_sat_f64_s (local.get 2))))))

    ;; Loops that are left at their start, in the middle and at their end, with operands that are nowhere.
    (func $loops (param $n i32) (param $base i32) (result i64) (local $i i32) (local $sum i64) (local $f f32)
        (block $done
            (loop $again
                (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
                (i32.store (i32.add (local.get $base) (local.get $i))
                    (i32.mul (local.get $i) (i32.const 0x01010101)))
                (local.set $sum (i64.add (local.get $sum) (i64.load8_u offset=1 (local.get $i))))
                (local.set $f (f32.add (local.get $f) (f32.const 0.5)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br $again)))
        ;; Streams: their rounds are executed by one handler.
        (local.set $i (i32.const 0))
        (loop $again
            (i32.store16 offset=64 (i32.add (local.get $base) (local.get $i)) (local.get $n))
            (br_if $again
                (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 2))) (i32.const 15))))
        (loop $again
            (local.set $i (i32.sub (local.get $i) (i32.const 1)))
            (i32.store8 offset=80 (i32.add (local.get $base) (local.get $i)) (i32.const 7))
            (br_if $again (local.get $i)))
        ;; What a round begins with is in a register, and so is the sum.
        (local.set $i (i32.const 123456789))
        (loop $again
            (local.set $sum (i64.add (i64.extend_i32_u (i32.rotl (local.get $i) (i32.const 5))) (local.get $sum)))
            (local.set $f (f32.add (local.get $f) (f32.mul (local.get $f) (f32.const 0.25))))
            (local.set $i (i32.shr_u (local.get $i) (i32.const 3)))
            (br_if $again (i32.gt_u (local.get $i) (i32.const 3))))
        (local.set $i (i32.const 0))
        (loop $again
            (if (i32.lt_u (local.get $i) (local.get $n))
                (then
                    (local.set $sum (i64.xor (local.get $sum) (i64.extend_i32_u (local.get $i))))
                    (local.set $i (i32.add (local.get $i) (i32.const 2)))
                    (br $again))))
        ;; Operands below that are constants, locals and sums.
        (i64.const 0x123456789AB)
        (local.get $sum)
        (i32.add (local.get $n) (local.get $base))
        (i32.sub (local.get $n) (i32.const 9))
        (local.get $f)
        (f32.const nan:0x200123)
        (local.get $n)
        (loop $down (param i32) (result i32)
            (i32.const 1)
            (i32.sub)
            (local.tee $i)
            (br_if $down (local.get $i)))
        (local.set $n)
        (drop)
        (local.set $f)
        (local.set $i)
        (i64.extend_i32_u)
        (i64.extend_i32_s (local.get $i))
        (i64.add)
        (i64.add)
        (i64.add)
        (i64.add (i64.extend_i32_s (local.get $n))))

    ;; Paths that meet with values, tables of branches, several results.
    (func $paths (param $n i32) (result i64 i32)
        (i64.extend_i32_u (local.get $n))
        (if (param i64) (result i64) (i32.and (local.get $n) (i32.const 1))
            (then (i64.add (i64.const 100)) (call $twice))
            (else (i64.mul (i64.const 3))))
        (block $c (result i32)
            (block $b (result i32)
                (block $a (result i32)
                    (i32.const 11)
                    (local.get $n)
                    (br_table $a $b $c $a (i32.rem_u (local.get $n) (i32.const 5))))
                (i32.add (i32.const 1)))
            (i32.add (i32.const 10))
            (br_if $c (i32.const 5) (i32.gt_s (local.get $n) (i32.const 2)))
            (drop)))

    ;; Operators that take fuel for what they do.
    (func $bulk (param $n i32) (result i32) (local funcref externref i32)
        (local.set 1 (ref.func $deep))
        (i32.const 1000)
        (i32.add (local.get $n) (i32.const 4))
        (ref.func $twice)
        (memory.fill (i32.const 4096) (local.get $n) (i32.const 1000))
        (memory.copy (i32.const 8192) (i32.const 4000) (i32.const 500))
        (memory.init $d (i32.const 100) (i32.const 3) (i32.const 20))
        (data.drop $d)
        (drop)
        (local.set 3 (memory.grow (i32.const 1)))
        (i32.add (table.grow $t (local.get 1) (i32.const 3)))
        (table.fill $t (i32.const 1) (ref.null func) (i32.const 1))
        (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2))
        (table.copy $t $t (i32.const 2) (i32.const 0) (i32.const 1))
        (table.set $x (i32.const 0) (local.get 2))
        (i32.add (table.grow $x (local.get 2) (i32.const 20)))
        (i32.add (local.get 3))
        (i32.add (i32.load8_u offset=4100 (local.get $n)))
        (i32.add (ref.is_null (local.get 1)))
        (i32.add))

    (func (export "main") (param $n i32) (param $f f64) (result i64 f64) (local $sum i64) (local $r i32)
        (local.get $f)
        (i64.const 1)
        (call $deep (i64.extend_i32_u (local.get $n)))
        (i64.add)
        (call $loops (local.get $n) (i32.const 64))
        (i64.add)
        (call $tails (i64.const 12))
        (i64.add)
        (call_indirect $t (type $f) (i64.const 4) (i32.const 0))
        (i64.add)
        (call_indirect $t (type $f) (i64.const 5) (i32.const 1))
        (i64.add)
        (local.set $sum)
        (call $paths (local.get $n))
        (local.set $r)
        (local.set $sum (i64.add (local.get $sum)))
        (call $pair (f32.const 1.5) (local.get $r))
        (local.get $f)
        (f64.mul)
        (local.set $f)
        (local.get $r)
        (i32.add)
        (local.set $r)
        (local.get $f)
        (f64.add)
        (local.set $f)
        (global.set $g (i64.add (global.get $g) (local.get $sum)))
        (local.set $r (i32.add (local.get $r) (call $bulk (local.get $n))))
        (i64.add (local.get $sum) (i64.extend_i32_u (local.get $r)))
        (local.get $f)))"#;

const MAIN_ARGS: [Val; 2] = [Val::I32(7), Val::F64(rotifer::F64::from_bits(0x4004_0000_0000_0000))];

/// What the host functions of [`EVERYTHING`] give.
fn answer(args: &[Val]) -> Vec<Val> {
    match args {
        [Val::I64(value)] => vec![Val::I64(value * 3 + 1)],
        [Val::F32(a), Val::I32(b)] => {
            vec![Val::I32(b + 1), Val::F64((f64::from(f32::from_bits(a.to_bits())) + 1.0).into())]
        }
        args => panic!("{args:?}"),
    }
}

/// The imports of [`EVERYTHING`]: their calls are suspended, or answered at once.
fn imports(store: &mut Store<()>, suspending: bool) -> Vec<Extern> {
    let types = [
        FuncType::new([ValType::I64], [ValType::I64]),
        FuncType::new([ValType::F32, ValType::I32], [ValType::I32, ValType::F64]),
    ];
    let func = |ty: FuncType| {
        let answer = move |_: rotifer::Caller<'_, ()>, args: &[Val], results: &mut [Val]| {
            if suspending {
                return Err(Error::suspend());
            }
            results.clone_from_slice(&answer(args));
            Ok(())
        };
        Func::new(&mut *store, ty, answer).into()
    };
    types.map(func).into()
}

/// Modules in engines of both dispatchers and all load modes; tracked writes and eviction come and go.
fn everywhere(text: &str, change: impl Fn(&mut Config)) -> Vec<Module> {
    let bytes = wasm(text);
    let mut modules = vec![];
    for (number, mode) in MODES.into_iter().enumerate() {
        for engine in engines_with(|config| {
            config.track_writes(number == 1).evictable_code(number == 2).canonical_nans(number == 1);
            change(config);
        }) {
            modules.push(Module::new_with_mode(&engine, &bytes, mode).unwrap());
        }
    }
    modules
}

/// A call in a store of its own.
struct Traveller {
    store: Store<()>,
    instance: Instance,
    call: SuspendedCall,
}

impl Traveller {
    /// Goes on in another store, as bytes. Nothing gets lost.
    fn travel(mut self, module: &Module) -> Self {
        let snapshot = self.instance.snapshot_with_calls(&mut self.store, &[&self.call]).unwrap();
        assert_eq!(snapshot.suspended_calls(), 1);
        let bytes = snapshot.serialize();
        // Without fuel, backtraces only say nearly where loops begin.
        let with_offsets = self.store.get_fuel().is_ok();
        let expected = (format!("{:?}", self.call.reason()), frames(&self.store, &self.call, with_offsets));
        drop(self);
        let snapshot = Snapshot::deserialize(module, &bytes).unwrap();
        assert_eq!(snapshot.serialize(), bytes);
        let mut store = Store::new(module.engine(), ());
        let instance = begin(&mut store, module, &snapshot);
        let call = instance.restore_calls(&mut store, &snapshot).unwrap().remove(0);
        assert_eq!((format!("{:?}", call.reason()), frames(&store, &call, with_offsets)), expected);
        let again = instance.snapshot_with_calls(&mut store, &[&call]).unwrap();
        let state = |snapshot: &Snapshot| snapshot.state().calls.clone();
        assert_eq!(state(&again), state(&snapshot));
        assert_eq!(again.state_hash(), snapshot.state_hash());
        Self { store, instance, call }
    }
}

/// The functions that a call is in, and where.
fn frames(store: &Store<()>, call: &SuspendedCall, with_offsets: bool) -> Vec<(u32, Option<usize>)> {
    let trace = call.backtrace(store);
    let offset = |frame: &rotifer::BacktraceFrame| frame.module_offset().filter(|_| with_offsets);
    trace.frames().iter().map(|frame| (frame.func_index(), offset(frame))).collect()
}

fn begin(store: &mut Store<()>, module: &Module, snapshot: &Snapshot) -> Instance {
    let mut linker = rotifer::Linker::new(module.engine());
    let items = imports(store, true);
    for (import, item) in module.imports().zip(items) {
        linker.define(import.module(), import.name(), item).unwrap();
    }
    snapshot.instantiate(&linker.instantiate_pre(module).unwrap(), store).unwrap()
}

fn bits(results: &[Val]) -> Vec<u64> {
    let bits = |val: &Val| match val {
        Val::I64(value) => *value as u64,
        Val::F64(value) => value.to_bits(),
        val => panic!("{val:?}"),
    };
    results.iter().map(bits).collect()
}

fn snapshot_error(error: &Error) -> &SnapshotError {
    match error.kind() {
        ErrorKind::Snapshot(error) => error,
        other => panic!("{other}"),
    }
}

const ZEROS: [Val; 2] = [Val::I64(0), Val::I64(0)];

/// Results, fuel, and the hash of the state, of a call that is not suspended.
fn at_once(module: &Module, fuel: bool) -> (Vec<u64>, u64, rotifer::StateHash) {
    let mut store = Store::new(module.engine(), ());
    if fuel {
        store.set_fuel(1 << 40).unwrap();
    }
    let items = imports(&mut store, false);
    let instance = Instance::new(&mut store, module, &items).unwrap();
    let mut results = ZEROS;
    instance.get_func(&store, "main").unwrap().call(&mut store, &MAIN_ARGS, &mut results).unwrap();
    let spent = if fuel { (1 << 40) - store.get_fuel().unwrap() } else { 0 };
    (bits(&results), spent, instance.state_hash(&mut store).unwrap())
}

#[test]
fn calls_go_on_everywhere_wherever_they_stop() {
    let modules = everywhere(EVERYTHING, |config| {
        config.consume_fuel(true);
    });
    let expected = at_once(&modules[0], true);
    // In each engine, and from each one into the next.
    for first in 0..modules.len() {
        let module = &modules[first];
        let mut store = Store::new(module.engine(), ());
        let items = imports(&mut store, true);
        let instance = Instance::new(&mut store, module, &items).unwrap();
        let main = instance.get_func(&store, "main").unwrap();
        let (mut results, mut spent, mut stops) = (ZEROS, 0, 0);
        let mut call = main.call_resumable(&mut store, &MAIN_ARGS, &mut results).unwrap();
        let mut state = Some((store, instance));
        let (mut store, instance) = loop {
            let (store, instance) = state.take().unwrap();
            let stopped = match call {
                ResumableCall::Finished => break (store, instance),
                ResumableCall::Suspended(call) => call,
            };
            stops += 1;
            // All there are in a round, with a step that has no common factor with their number.
            let next = &modules[(first + stops * 5) % modules.len()];
            let mut here = Traveller { store, instance, call: stopped }.travel(next);
            let host_results = match here.call.reason() {
                SuspendReason::OutOfFuel { required } => {
                    spent += required;
                    here.store.set_fuel(required).unwrap();
                    vec![]
                }
                SuspendReason::HostRequest => {
                    let args: Vec<Val> = here.call.host_args(&here.store).collect();
                    answer(&args)
                }
                reason => panic!("{reason:?}"),
            };
            call = here.call.resume_with(&mut here.store, &host_results, &mut results).unwrap();
            state = Some((here.store, here.instance));
        };
        assert_eq!(store.get_fuel().unwrap(), 0);
        assert!(stops > 80, "{stops}");
        assert_eq!((bits(&results), spent, instance.state_hash(&mut store).unwrap()), expected);
    }
}

/// Without fuel, calls that wait for the host.
#[test]
fn calls_that_wait_for_the_host_go_on_everywhere() {
    for interruptible in [false, true] {
        let modules = everywhere(EVERYTHING, |config| {
            config.interruptible(interruptible);
        });
        let expected = at_once(&modules[0], false);
        for first in 0..modules.len() {
            let mut store = Store::new(modules[first].engine(), ());
            let items = imports(&mut store, true);
            let mut instance = Instance::new(&mut store, &modules[first], &items).unwrap();
            let main = instance.get_func(&store, "main").unwrap();
            let mut results = ZEROS;
            let mut call = main.call_resumable(&mut store, &MAIN_ARGS, &mut results).unwrap();
            for stops in 1.. {
                let stopped = match call {
                    ResumableCall::Finished => break,
                    ResumableCall::Suspended(call) => call,
                };
                let next = &modules[(first + stops) % modules.len()];
                let here = Traveller { store, instance, call: stopped }.travel(next);
                (store, instance) = (here.store, here.instance);
                let args: Vec<Val> = here.call.host_args(&store).collect();
                call = here.call.resume_with(&mut store, &answer(&args), &mut results).unwrap();
            }
            assert_eq!((bits(&results), 0, instance.state_hash(&mut store).unwrap()), expected);
        }
    }
}

/// Interrupts stop loops and the beginnings of functions, at times that nobody knows.
#[test]
fn interrupted_calls_go_on_everywhere() {
    let text = r#"(module
        (func $step (param i64 i64) (result i64)
            (i64.xor (i64.mul (local.get 0) (i64.const 6364136223846793005)) (local.get 1)))
        (func (export "main") (param i64) (result i64) (local $i i64) (local $x i64)
            (i64.const 5)
            (local.get 0)
            (block $done
                (loop $outer
                    (br_if $done (i64.ge_u (local.get $i) (local.get 0)))
                    (loop $inner
                        (local.set $x (call $step (local.get $x) (local.get $i)))
                        (local.set $i (i64.add (local.get $i) (i64.const 1)))
                        (br_if $inner (i64.ne (i64.and (local.get $i) (i64.const 63)) (i64.const 0))))
                    (br $outer)))
            (i64.sub)
            (i64.add (local.get $x))))"#;
    for fuel in [false, true] {
        let modules = everywhere(text, |config| {
            config.interruptible(true).consume_fuel(fuel);
        });
        let module = &modules[0];
        let rounds = 1_000_000;
        let mut store = Store::new(module.engine(), ());
        let _ = store.set_fuel(1 << 40);
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        let main = instance.get_typed_func::<i64, i64>(&store, "main").unwrap();
        let expected = main.call(&mut store, rounds).unwrap();
        let spent = store.get_fuel().ok();

        let mut store = Store::new(module.engine(), ());
        let _ = store.set_fuel(1 << 40);
        let mut instance = Instance::new(&mut store, module, &[]).unwrap();
        let mut handle = store.interrupt_handle().unwrap();
        handle.interrupt();
        let main = instance.get_func(&store, "main").unwrap();
        let mut results = [Val::I64(0)];
        let mut call = main.call_resumable(&mut store, &[Val::I64(rounds)], &mut results).unwrap();
        let mut stops = 0;
        while let ResumableCall::Suspended(stopped) = call {
            assert!(matches!(stopped.reason(), SuspendReason::Interrupted));
            stops += 1;
            let left = store.get_fuel().ok();
            let here = Traveller { store, instance, call: stopped }.travel(&modules[stops % modules.len()]);
            (store, instance) = (here.store, here.instance);
            if let Some(left) = left {
                store.set_fuel(left).unwrap();
            }
            handle = store.interrupt_handle().unwrap();
            call = thread::scope(|scope| {
                let handle = &handle;
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(2));
                    handle.interrupt();
                });
                here.call.resume(&mut store, &mut results).unwrap()
            });
        }
        assert!(stops > 1, "{stops}");
        assert_eq!(results[0].i64(), Some(expected));
        assert_eq!(store.get_fuel().ok(), spent);
    }
}

/// With a call that waits for a host function.
fn waiting(text: &str, name: &str) -> (Store<()>, Instance, SuspendedCall) {
    let module = load(&Engine::default(), text);
    let mut store = Store::new(module.engine(), ());
    let items = imports(&mut store, true).into_iter().take(module.imports().len()).collect::<Vec<_>>();
    let instance = Instance::new(&mut store, &module, &items).unwrap();
    let func = instance.get_func(&store, name).unwrap();
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    let call = func.call_resumable(&mut store, &[], &mut results).unwrap();
    let ResumableCall::Suspended(call) = call else { panic!("the host function suspends") };
    (store, instance, call)
}

const WAITING: &str = r#"(module
    (type $f (func (param i64) (result i64)))
    (import "host" "ask" (func $ask (type $f)))
    (table (export "table") 3 funcref)
    (func (export "main") (drop (call $ask (i64.const 9))))
    (func (export "two") (result i64 i32) (i64.add (call $ask (i64.const 9)) (i64.const 1)) (i32.const 7))
    (func (export "tail") (result i64) (return_call $ask (i64.const 9))))"#;

#[test]
fn calls_are_told_that_go_on_in_no_frame() {
    let module = load(&Engine::default(), WAITING);
    let mut store = Store::new(module.engine(), ());
    let items = &imports(&mut store, true)[..1];
    let instance = Instance::new(&mut store, &module, items).unwrap();
    let tail = instance.get_typed_func::<(), i64>(&store, "tail").unwrap();
    let TypedResumableCall::Suspended(call) = tail.call_resumable(&mut store, ()).unwrap() else { panic!() };
    let here = Traveller { call: call.into_untyped(), store, instance }.travel(&module);
    let mut store = here.store;
    assert_eq!(here.call.result_types(&store), [ValType::I64]);
    assert_eq!(here.call.host_arg(&store, 0).unwrap().i64(), Some(9));
    let mut results = [Val::I64(0)];
    here.call.resume_with(&mut store, &[Val::I64(77)], &mut results).unwrap();
    assert_eq!(results[0].i64(), Some(77));
}

#[test]
fn all_suspended_calls_are_part_of_it_or_none() {
    let (mut store, instance, call) = waiting(WAITING, "main");
    let second = instance.get_func(&store, "main").unwrap();
    let ResumableCall::Suspended(second) = second.call_resumable(&mut store, &[], &mut []).unwrap() else {
        panic!()
    };
    let refused = |error: Error| assert_eq!(snapshot_error(&error), &SnapshotError::NotQuiescent);
    refused(instance.snapshot(&mut store).unwrap_err());
    refused(instance.snapshot_with_calls(&mut store, &[]).unwrap_err());
    refused(instance.snapshot_with_calls(&mut store, &[&call]).unwrap_err());
    refused(instance.snapshot_with_calls(&mut store, &[&call, &call]).unwrap_err());
    let snapshot = instance.snapshot_with_calls(&mut store, &[&second, &call]).unwrap();
    refused(instance.restore(&mut store, &snapshot).unwrap_err());
    drop((call, second));
    instance.restore(&mut store, &snapshot).unwrap();
    let calls = instance.restore_calls(&mut store, &snapshot).unwrap();
    assert_eq!(calls.len(), 2);
    for call in calls {
        call.resume_with(&mut store, &[Val::I64(0)], &mut []).unwrap();
    }
    // They are as good as any, and so is what is left of them.
    let without = instance.snapshot(&mut store).unwrap();
    assert_eq!(without.suspended_calls(), 0);
    assert_ne!(without.state_hash(), snapshot.state_hash());
    assert!(snapshot.bytes() > without.bytes());
}

#[test]
fn what_no_state_of_one_instance_can_tell_is_refused() {
    let call_error = |error: &Error| match snapshot_error(error) {
        &SnapshotError::Call { index: 0, error } => error,
        error => panic!("{error:?}"),
    };
    // Frames of two instances, and a call that is another instance's.
    let (mut store, instance, call) = waiting(WAITING, "main");
    drop(call);
    let outer = r#"(module (import "a" "f" (func $f)) (func (export "main") (call $f)))"#;
    let module = load(&store.engine().clone(), outer);
    let main = instance.get_export(&store, "main").unwrap();
    let other = Instance::new(&mut store, &module, &[main]).unwrap();
    let func = other.get_func(&store, "main").unwrap();
    let ResumableCall::Suspended(call) = func.call_resumable(&mut store, &[], &mut []).unwrap() else {
        panic!()
    };
    for instance in [other, instance] {
        let error = instance.snapshot_with_calls(&mut store, &[&call]).unwrap_err();
        assert_eq!(call_error(&error), CallError::OtherInstance);
        assert!(error.to_string().contains("resume it until"), "{error}");
    }
    // One of another store.
    let (mut another, elsewhere, _call) = waiting(WAITING, "main");
    let error = elsewhere.snapshot_with_calls(&mut another, &[&call]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WrongStore), "{error}");

    // A host function that failed, and one that nobody imports.
    let text = r#"(module
        (table (export "table") 1 funcref)
        (func (export "main") (call_indirect (i32.const 0))))"#;
    let module = load(&Engine::default(), text);
    for (fails, expected) in [(true, CallError::HostError), (false, CallError::HostFuncNotImported)] {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let func = Func::new(&mut store, FuncType::new([], []), move |_, _, _| {
            Err(if fails { Error::new("no") } else { Error::suspend() })
        });
        let table = instance.get_table(&store, "table").unwrap();
        table.set(&mut store, 0, rotifer::Ref::Func(Nullable::Val(func))).unwrap();
        let main = instance.get_func(&store, "main").unwrap();
        let ResumableCall::Suspended(call) = main.call_resumable(&mut store, &[], &mut []).unwrap() else {
            panic!()
        };
        // The table can be part of a snapshot without the function.
        table.set(&mut store, 0, rotifer::Ref::Func(Nullable::Null)).unwrap();
        let error = instance.snapshot_with_calls(&mut store, &[&call]).unwrap_err();
        assert_eq!(call_error(&error), expected);
    }

    // Objects of the host.
    let text = r#"(module
        (import "host" "ask" (func $ask (param i64) (result i64)))
        (func (export "main") (param externref) (drop (call $ask (i64.const 0)))))"#;
    let module = load(&Engine::default(), text);
    let mut store = Store::new(module.engine(), ());
    let items = &imports(&mut store, true)[..1];
    let instance = Instance::new(&mut store, &module, items).unwrap();
    let object = ExternRef::new(&mut store, 5u32);
    let main = instance.get_func(&store, "main").unwrap();
    for (object, is_refused) in [(Nullable::Val(object), true), (Nullable::Null, false)] {
        let call = main.call_resumable(&mut store, &[Val::ExternRef(object)], &mut []).unwrap();
        let ResumableCall::Suspended(call) = call else { panic!() };
        let taken = instance.snapshot_with_calls(&mut store, &[&call]);
        assert_eq!(taken.is_err(), is_refused);
        if let Err(error) = taken {
            let expected = SnapshotError::ExternRef { kind: ItemKind::SuspendedCall, index: 0 };
            assert_eq!(snapshot_error(&error), &expected);
        }
    }
}

#[test]
fn engines_must_count_alike_and_have_room() {
    let text = r#"(module (func $deep (export "main") (param i32)
        (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))))"#;
    let engine = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::new();
        config.consume_fuel(true);
        change(&mut config);
        Engine::new(&config)
    };
    let module = load(&engine(&|_| {}), text);
    let mut store = Store::new(module.engine(), ());
    store.set_fuel(700).unwrap();
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let main = instance.get_func(&store, "main").unwrap();
    let call = main.call_resumable(&mut store, &[Val::I32(1_000)], &mut []).unwrap();
    let ResumableCall::Suspended(call) = call else { panic!() };
    let snapshot = instance.snapshot_with_calls(&mut store, &[&call]).unwrap();
    let bytes = snapshot.serialize();
    let restored = |engine: &Engine| {
        let module = load(engine, text);
        let deserialized = Snapshot::deserialize(&module, &bytes).map(drop);
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        (deserialized, instance.restore_calls(&mut store, &snapshot).map(drop))
    };
    let others: [&dyn Fn(&mut Config); 3] = [
        &|config| {
            config.consume_fuel(false);
        },
        &|config| {
            config.consume_fuel(false).interruptible(true);
        },
        &|config| {
            config.fuel_costs(rotifer::FuelCosts::default().call(2));
        },
    ];
    for change in others {
        let (deserialized, restored) = restored(&engine(change));
        for error in [deserialized.unwrap_err(), restored.unwrap_err()] {
            assert_eq!(snapshot_error(&error), &SnapshotError::ForeignMetering);
        }
    }
    let small: [&dyn Fn(&mut Config); 2] = [
        &|config| {
            config.max_call_depth(60);
        },
        &|config| {
            config.max_stack_size(1_000);
        },
    ];
    for change in small {
        let (deserialized, restored) = restored(&engine(change));
        deserialized.unwrap();
        let expected = SnapshotError::Call { index: 0, error: CallError::StackOverflow };
        assert_eq!(snapshot_error(&restored.unwrap_err()), &expected);
    }
    // What does not count does not matter.
    let (deserialized, restored) = restored(&engine(&|config| {
        config.interruptible(true).track_writes(true).canonical_nans(true).profile(true);
    }));
    deserialized.unwrap();
    restored.unwrap();
    // Another module.
    let module = load(&engine(&|_| {}), "(module (func (export \"main\")))");
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    let error = instance.restore_calls(&mut store, &snapshot).unwrap_err();
    assert_eq!(snapshot_error(&error), &SnapshotError::ForeignModule);
}

/// Where the section of calls begins, which is the last, and its hash and the header's made right.
fn seal(bytes: &mut [u8]) -> usize {
    let count = u32::from_le_bytes(bytes[88..92].try_into().unwrap()) as usize;
    let entry = 92 + (count - 1) * 48;
    let len = u64::from_le_bytes(bytes[entry + 8..entry + 16].try_into().unwrap()) as usize;
    let start = bytes.len() - len;
    let hash = *blake3::hash(&bytes[start..]).as_bytes();
    bytes[entry + 16..entry + 48].copy_from_slice(&hash);
    let hash = *blake3::hash(&bytes[..entry + 48]).as_bytes();
    bytes[entry + 48..entry + 80].copy_from_slice(&hash);
    start
}

/// Mutated bytes with the right hashes are refused, or are a call that can go on in some way.
#[test]
fn mutated_calls_give_typed_errors_or_go_on() {
    let modules = everywhere(EVERYTHING, |config| {
        config.consume_fuel(true);
    });
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut below = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % limit
    };
    let (mut accepted, mut refused) = (0, 0);
    for fuel in [0, 3, 40, 90, 140, 190, 260, 300, 330, 350, 370, 400] {
        let module = &modules[0];
        let mut store = Store::new(module.engine(), ());
        store.set_fuel(fuel).unwrap();
        let items = imports(&mut store, true);
        let instance = Instance::new(&mut store, module, &items).unwrap();
        let main = instance.get_func(&store, "main").unwrap();
        let mut results = ZEROS;
        let call = main.call_resumable(&mut store, &MAIN_ARGS, &mut results).unwrap();
        let ResumableCall::Suspended(mut call) = call else { panic!() };
        while let SuspendReason::HostRequest = call.reason() {
            let args: Vec<Val> = call.host_args(&store).collect();
            if below(3) == 0 {
                break;
            }
            match call.resume_with(&mut store, &answer(&args), &mut results).unwrap() {
                ResumableCall::Suspended(next) => call = next,
                ResumableCall::Finished => panic!("it has not so much fuel"),
            }
        }
        let bytes = instance.snapshot_with_calls(&mut store, &[&call]).unwrap().serialize();
        for _ in 0..400 {
            let mut mutated = bytes.clone();
            let start = seal(&mut mutated);
            for _ in 0..1 + below(2) {
                let place = start + 36 + below(bytes.len() - start - 36);
                mutated[place] = match below(3) {
                    0 => mutated[place] ^ 1 << below(8),
                    1 => mutated[place].wrapping_add(1),
                    _ => below(256) as u8,
                };
            }
            seal(&mut mutated);
            let module = &modules[below(modules.len())];
            let snapshot = match Snapshot::deserialize(module, &mutated) {
                Ok(snapshot) => snapshot,
                Err(error) => {
                    let SnapshotError::Deserialize(DeserializeError::Corrupt { section, .. }) =
                        snapshot_error(&error)
                    else {
                        panic!("{error}")
                    };
                    assert_eq!(*section, SnapshotSection::Calls);
                    refused += 1;
                    continue;
                }
            };
            accepted += 1;
            assert_eq!(snapshot.serialize(), mutated);
            let mut store = Store::new(module.engine(), ());
            let instance = begin(&mut store, module, &snapshot);
            let Ok(mut calls) = instance.restore_calls(&mut store, &snapshot) else { continue };
            store.set_fuel(100_000).unwrap();
            let mut call = calls.remove(0);
            for _ in 0..30 {
                let host_results = match call.reason() {
                    SuspendReason::HostRequest => {
                        let args: Vec<Val> = call.host_args(&store).collect();
                        answer(&args)
                    }
                    _ => vec![],
                };
                let mut results: Vec<Val> =
                    call.result_types(&store).iter().map(|ty| Val::default_for_ty(*ty)).collect();
                match call.resume_with(&mut store, &host_results, &mut results) {
                    Ok(ResumableCall::Suspended(next)) => call = next,
                    Ok(ResumableCall::Finished) | Err(_) => break,
                }
            }
        }
    }
    assert!(accepted > 200 && refused > 200, "{accepted} {refused}");
}

/// A value that both arms of an `if` take is in its slot, though the first arm could have it from an accumulator.
#[test]
fn restored_calls_get_types() {
    let (mut store, instance, call) = waiting(WAITING, "two");
    let snapshot = instance.snapshot_with_calls(&mut store, &[&call]).unwrap();
    drop(call);
    instance.restore(&mut store, &snapshot).unwrap();
    let mut restore = || instance.restore_calls(&mut store, &snapshot).unwrap().pop().unwrap();
    let (call, other) = (restore(), restore());
    let error = other.typed::<i64>(&store).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Signature(_)));
    assert!(error.to_string().contains("[] -> [i64 i32]"), "{error}");
    let call = call.typed::<(i64, i32)>(&store).unwrap();
    let TypedResumableCall::Finished(results) = call.resume_with(&mut store, &[Val::I64(41)]).unwrap() else {
        panic!("nothing else suspends it");
    };
    assert_eq!(results, (42, 7));
}

#[test]
fn parameters_of_both_arms_are_kept() {
    let text = r#"(module (func (export "f") (param i32 i32) (result i32)
        (i32.mul (local.get 0) (i32.const 5))
        (local.get 1)
        (if (param i32) (result i32)
            (then (i32.mul (i32.const 3)))
            (else (i32.mul (i32.const 7))))))"#;
    for module in everywhere(text, |_| {}) {
        let mut store = Store::new(module.engine(), ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_typed_func::<(i32, i32), i32>(&store, "f").unwrap();
        assert_eq!([f.call(&mut store, (2, 1)).unwrap(), f.call(&mut store, (2, 0)).unwrap()], [30, 70]);
    }
}
