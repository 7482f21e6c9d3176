//! Profiles: what profilers are told of, and that nothing else changes.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    thread::sleep,
    time::{Duration, Instant},
};

use rotifer::{
    Caller, Config, Engine, Error, Extern, FuncType, FunctionProfile, FunctionTimes, Instance, Linker,
    Module, ProfiledFunc, Profiler, Store, SuspendedProfile, TrapCode, TypedResumableCall, Val,
};

use super::{engines, engines_with, load, modes::modules, wasm};

/// With each dispatcher: without fuel, with fuel, and interruptible.
fn all_engines() -> Vec<Engine> {
    let mut all = engines_with(|config| {
        config.profile(true);
    });
    all.extend(engines_with(|config| {
        config.profile(true).consume_fuel(true);
    }));
    all.extend(engines_with(|config| {
        config.profile(true).interruptible(true);
    }));
    all
}

/// Writes down what it is told: `name(` when a function begins, `)` when it returns, `!2` when two end otherwise,
/// `~2` when two are suspended, `+2` when they go on.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<String>>);

impl Trace {
    fn of<T>(store: &mut Store<T>) -> Self {
        let trace = Self::default();
        store.set_profiler(Some(Box::new(trace.clone()))).unwrap();
        trace
    }

    fn write(&self, text: &str) {
        self.0.lock().unwrap().push_str(text);
    }

    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Profiler for Trace {
    fn enter(&mut self, func: ProfiledFunc<'_>) {
        self.write(func.func_name().unwrap_or("?"));
        self.write("(");
    }

    fn leave(&mut self, _: ProfiledFunc<'_>) {
        self.write(")");
    }

    fn unwind(&mut self, count: usize) {
        self.write(&format!("!{count}"));
    }

    fn suspend(&mut self, count: usize) -> Option<SuspendedProfile> {
        self.write(&format!("~{count}"));
        Some(Box::new(count))
    }

    fn resume(&mut self, count: usize, state: Option<SuspendedProfile>) {
        assert_eq!(state.and_then(|state| state.downcast().ok()), Some(Box::new(count)));
        self.write(&format!("+{count}"));
    }
}

const LIB: &str = r#"(module
    (import "host" "ask" (func $ask (param i32) (result i32)))
    (func (export "lib") (param i32) (result i32) (call $ask (local.get 0)))
    (func (export "lib_tail") (param i32) (result i32) (return_call $ask (local.get 0))))"#;

const MAIN: &str = r#"(module
    (type $f (func (param i32) (result i32)))
    (import "lib" "lib" (func $lib (type $f)))
    (import "lib" "lib_tail" (func $lib_tail (type $f)))
    (import "host" "ask" (func $ask (type $f)))
    (table funcref (elem $even $trap))
    (func $down (export "down") (type $f)
        (if (result i32) (local.get 0)
            (then (i32.add (call $down (i32.sub (local.get 0) (i32.const 1))) (i32.const 1)))
            (else (i32.const 0))))
    (func $even (export "even") (type $f)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
        (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
    (func $odd (type $f)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
        (return_call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
    (func $cross (export "cross") (type $f) (i32.add (call $lib (local.get 0)) (call $lib_tail (local.get 0))))
    (func $cross_tail (export "cross_tail") (type $f) (return_call $lib_tail (local.get 0)))
    (func $ask_tail (export "ask_tail") (type $f) (return_call $ask (local.get 0)))
    (func $trap (export "trap") (type $f) (i32.div_s (i32.const 1) (local.get 0)))
    (func $outer (export "outer") (type $f) (call_indirect (type $f) (local.get 0) (i32.const 1)))
    (func $null (export "null") (type $f) (return_call_indirect (type $f) (local.get 0) (i32.const 9)))
    (func $endless (export "endless") (type $f) (i32.add (call $endless (local.get 0)) (i32.const 1)))
    (func $caller (export "caller") (type $f) (call $ask (local.get 0))))"#;

/// An instance of [`MAIN`] linked with one of [`LIB`] and a host function.
fn link<T: 'static>(store: &mut Store<T>, mut linker: Linker<T>) -> Instance {
    let engine = store.engine().clone();
    let _ = store.set_fuel(1 << 40);
    let lib = linker.instantiate(&mut *store, &load(&engine, LIB)).unwrap();
    linker.instance(&mut *store, "lib", lib).unwrap();
    linker.instantiate(&mut *store, &load(&engine, MAIN)).unwrap()
}

fn double(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "ask", |n: i32| n * 2).unwrap();
    linker
}

#[track_caller]
fn call<T>(store: &mut Store<T>, instance: Instance, name: &str, param: i32) -> Result<i32, Error> {
    instance.get_typed_func::<i32, i32>(&*store, name).unwrap().call(store, param)
}

#[test]
fn every_way_in_and_out_is_told() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let instance = link(&mut store, double(&engine));
        // Nobody is there to be told.
        assert_eq!(call(&mut store, instance, "down", 3).unwrap(), 3);
        let trace = Trace::of(&mut store);
        let mut runs = |name: &str, param: i32, result: i32, told: &str| {
            assert_eq!(call(&mut store, instance, name, param).unwrap(), result, "{name}");
            assert_eq!(trace.take(), told, "{name}");
        };
        runs("down", 3, 3, "down(down(down(down())))");
        runs("even", 3, 0, "even()odd()even()odd()");
        runs("cross", 5, 20, "cross(lib()lib_tail())");
        runs("cross_tail", 5, 10, "cross_tail()lib_tail()");
        runs("ask_tail", 5, 10, "ask_tail()");
        runs("caller", 5, 10, "caller()");
        runs("outer", 1, 1, "outer(trap())");
        let mut traps = |name: &str, code: TrapCode, told: &str| {
            assert_eq!(call(&mut store, instance, name, 0).unwrap_err().as_trap_code(), Some(code), "{name}");
            assert_eq!(trace.take(), told, "{name}");
        };
        traps("trap", TrapCode::IntegerDivisionByZero, "trap(!1");
        traps("outer", TrapCode::IntegerDivisionByZero, "outer(trap(!2");
        // It has said farewell when it turns out that there is nobody to call.
        traps("null", TrapCode::UndefinedElement, "null()");
        call(&mut store, instance, "endless", 0).unwrap_err();
        let told = trace.take();
        assert!(told.ends_with(&format!("(!{}", told.matches("endless(").count())), "{told}");
        store.set_profiler(None).unwrap();
        assert_eq!(call(&mut store, instance, "down", 3).unwrap(), 3);
        assert_eq!(trace.take(), "");
    }
}

#[test]
fn calls_of_host_functions_nest() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker
            .func_wrap("host", "ask", |mut caller: Caller<'_, ()>, n: i32| -> Result<i32, Error> {
                let get = |caller: &mut Caller<'_, ()>, name| {
                    let func = caller.get_export(name).and_then(Extern::into_func).unwrap();
                    func.typed::<i32, i32>(caller).unwrap()
                };
                match n {
                    // An error of a call that this one survives.
                    1 => assert!(get(&mut caller, "outer").call(&mut caller, 0).is_err()),
                    2 => return get(&mut caller, "outer").call(&mut caller, 0),
                    3 => panic!("a test"),
                    4 => return Err(Error::new("a test")),
                    _ => {}
                }
                get(&mut caller, "down").call(&mut caller, 1)
            })
            .unwrap();
        let instance = link(&mut store, linker);
        let trace = Trace::of(&mut store);
        for (param, told) in [
            (0, "caller(down(down()))"),
            (1, "caller(outer(trap(!2down(down()))"),
            (2, "caller(outer(trap(!2!1"),
            (3, "caller(!1"),
            (4, "caller(!1"),
        ] {
            let result = catch_unwind(AssertUnwindSafe(|| call(&mut store, instance, "caller", param)));
            assert_eq!(result.is_err(), param == 3);
            assert_eq!(trace.take(), told, "{param}");
        }
    }
}

#[test]
fn suspended_calls_go_on_or_do_not() {
    for engine in all_engines() {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let ty = FuncType::new([rotifer::ValType::I32], [rotifer::ValType::I32]);
        linker.func_suspend("host", "ask", ty, 0).unwrap();
        let instance = link(&mut store, linker);
        let cross = instance.get_typed_func::<i32, i32>(&store, "cross").unwrap();
        let trace = Trace::of(&mut store);
        let start = |store: &mut Store<()>| match cross.call_resumable(store, 1).unwrap() {
            TypedResumableCall::Suspended(call) => call,
            TypedResumableCall::Finished(_) => panic!(),
        };
        let go_on = |store: &mut Store<()>, call: rotifer::TypedSuspendedCall<i32>| {
            call.resume_with(store, &[Val::I32(7)]).unwrap()
        };
        let (first, second, third) = (start(&mut store), start(&mut store), start(&mut store));
        assert_eq!(trace.take(), "cross(lib(~2".repeat(3));
        drop(second);
        assert_eq!(trace.take(), "");
        let TypedResumableCall::Suspended(first) = go_on(&mut store, first) else { panic!() };
        assert_eq!(trace.take(), "+2)lib_tail()~1");
        let TypedResumableCall::Finished(14) = go_on(&mut store, first) else { panic!() };
        assert_eq!(trace.take(), "+1)");
        // Another profiler knows nothing of calls that began before it.
        let other = Trace::of(&mut store);
        let TypedResumableCall::Suspended(third) = go_on(&mut store, third) else { panic!() };
        assert_eq!(other.take(), "lib_tail()");
        let TypedResumableCall::Finished(14) = go_on(&mut store, third) else { panic!() };
        assert_eq!(other.take() + &trace.take(), "");
        assert_eq!(call(&mut store, instance, "down", 1).unwrap(), 1);
        assert_eq!(other.take(), "down(down())");
    }
}

#[test]
fn calls_without_fuel_are_suspended() {
    for engine in engines_with(|config| {
        config.profile(true).consume_fuel(true);
    }) {
        let mut store = Store::new(&engine, ());
        let instance = link(&mut store, double(&engine));
        let down = instance.get_typed_func::<i32, i32>(&store, "down").unwrap();
        let profile = FunctionProfile::new();
        store.set_profiler(Some(profile.recorder())).unwrap();
        store.set_fuel(0).unwrap();
        let mut call = down.call_resumable(&mut store, 20).unwrap();
        let mut stops = 0;
        let result = loop {
            match call {
                TypedResumableCall::Finished(result) => break result,
                TypedResumableCall::Suspended(suspended) => {
                    stops += 1;
                    store.set_fuel(suspended.required_fuel().unwrap()).unwrap();
                    call = suspended.resume(&mut store).unwrap();
                }
            }
        };
        assert_eq!((result, profile.functions()[0].calls), (20, 21));
        assert!(stops > 20);
    }
}

/// Functions with all kinds of bodies, by the names `run0` and up.
const MODULES: [&str; 2] = [
    r#"(module
        (memory 1)
        (func $fib (export "run0") (param i32) (result i32)
            (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
            (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2)))))
        (func (export "run1") (param $n i32) (result i32)
            (local $sum i32)
            (loop $again
                (local.set $sum (i32.add (local.get $sum) (i32.mul (local.get $n) (local.get $n))))
                (i32.store (i32.shl (local.get $n) (i32.const 2)) (local.get $sum))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i32.load (i32.const 8)))
        (func $float (param f64) (result f64) (f64.sqrt (f64.mul (local.get 0) (f64.const 3))))
        (func (export "run2") (param i32) (result i32)
            (i32.trunc_f64_s (call $float (f64.convert_i32_s (local.get 0)))))
        (func $pair (param i32) (result i32 i64) (local.get 0) (i64.extend_i32_u (local.get 0)))
        (func (export "run3") (param i32) (result i32)
            (call $pair (local.get 0)) (i32.wrap_i64) (i32.mul)))"#,
    r#"(module
        (func $even (export "run0") (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
            (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
        (func $odd (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (return_call $even (i32.sub (local.get 0) (i32.const 1))))
                (else (i32.const 0))))
        (func (export "run1") (param i32) (result i32)
            (block (block (block (br_table 0 1 2 (i32.and (local.get 0) (i32.const 3))))
                (return (i32.const 10))) (return (i32.const 20)))
            (i32.add (local.get 0) (i32.const 30)))
        (func (export "run2") (param i32) (result i32)
            (drop (br_if 0 (i32.const 5) (i32.gt_s (local.get 0) (i32.const 7))))
            (i32.div_s (i32.const 100) (i32.sub (local.get 0) (i32.const 3))))
        (memory 1 3)
        (func (export "run3") (param i32) (result i32)
            (memory.fill (i32.const 0) (local.get 0) (i32.const 100))
            (i32.add (memory.grow (i32.const 1)) (i32.load8_u (i32.const 99)))))"#,
];

#[test]
fn results_and_fuel_do_not_depend_on_it() {
    let outcomes = |engine: &Engine, module: &Module| {
        let mut store = Store::new(engine, ());
        let profile = FunctionProfile::new();
        let _ = store.set_profiler(Some(profile.recorder()));
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        let mut outcomes = Vec::new();
        for (number, param) in (0..4).flat_map(|number| (0..12).map(move |param| (number, param))) {
            for fuel in [1 << 30, 40] {
                let _ = store.set_fuel(fuel);
                let result = call(&mut store, instance, &format!("run{number}"), param);
                let result = result.map_err(|error| (error.as_trap_code(), error.required_fuel()));
                outcomes.push((result, store.get_fuel().ok()));
            }
        }
        assert_eq!(!profile.functions().is_empty(), engine.config().get_profile());
        outcomes
    };
    for fuel in [true, false] {
        let engines = |profile| {
            engines_with(|config| {
                config.consume_fuel(fuel).profile(profile);
            })
        };
        for wat in MODULES {
            let bytes = wasm(wat);
            let plain = &engines(false)[0];
            let expected = outcomes(plain, &Module::new(plain, &bytes).unwrap());
            for engine in engines(true) {
                for module in modules(&engine, &bytes) {
                    assert_eq!(outcomes(&engine, &module), expected);
                }
            }
        }
    }
}

#[test]
fn deadlines_hold() {
    for engine in engines_with(|config| {
        config.profile(true).interruptible(true);
    }) {
        let mut store = Store::new(&engine, ());
        let module = load(&engine, r#"(module (func $f) (func (export "spin") (loop (call $f) (br 0))))"#);
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        store.set_profiler(Some(FunctionProfile::new().recorder())).unwrap();
        store.set_deadline(Some(Instant::now() + Duration::from_millis(20))).unwrap();
        let spin = instance.get_typed_func::<(), ()>(&store, "spin").unwrap();
        let error = spin.call(&mut store, ()).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::DeadlineExceeded));
    }
}

#[track_caller]
fn times(profile: &FunctionProfile, name: &str) -> FunctionTimes {
    let functions = profile.functions();
    functions.into_iter().find(|function| function.name.as_deref() == Some(name)).unwrap()
}

#[test]
fn time_is_counted_once() {
    const NAP: Duration = Duration::from_millis(5);
    for engine in engines_with(|config| {
        config.profile(true);
    }) {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        linker.func_wrap("", "nap", || sleep(NAP)).unwrap();
        let module = load(
            &engine,
            r#"(module $dreams
                (import "" "nap" (func $nap))
                (func $deep (param i32)
                    (if (local.get 0) (then (call $deep (i32.sub (local.get 0) (i32.const 1)))))
                    (call $nap))
                (func $idle (param i32) (call $deep (local.get 0)))
                (func $fail (call $nap) (unreachable))
                (func (export "run") (param i32) (call $idle (local.get 0)))
                (func (export "fail") (call $fail)))"#,
        );
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let profile = FunctionProfile::new();
        assert!(store.set_profiler(Some(profile.recorder())).unwrap().is_none());
        let began = Instant::now();
        let run = instance.get_typed_func::<i32, ()>(&store, "run").unwrap();
        run.call(&mut store, 3).unwrap();
        let wall = began.elapsed();
        let (deep, idle) = (times(&profile, "deep"), times(&profile, "idle"));
        assert_eq!((deep.calls, idle.calls, deep.index), (4, 1, 1));
        assert_eq!(deep.module_name.as_deref(), Some("dreams"));
        // Four naps: counted once in spite of the recursion.
        assert!(deep.total >= NAP * 4 && deep.total <= wall, "{deep:?}");
        assert!(deep.own >= NAP * 4 && deep.own <= deep.total, "{deep:?}");
        assert!(idle.total >= deep.total && idle.own <= idle.total - deep.total, "{idle:?}");
        let sum: Duration = profile.functions().iter().map(|function| function.own).sum();
        assert_eq!(sum, times(&profile, "run").total);
        assert!(profile.functions().is_sorted_by(|a, b| a.own >= b.own));
        // What happens between calls belongs to nobody, also after a trap.
        let fail = instance.get_typed_func::<(), ()>(&store, "fail").unwrap();
        let began = Instant::now();
        fail.call(&mut store, ()).unwrap_err();
        let wall = began.elapsed();
        sleep(NAP * 4);
        run.call(&mut store, 0).unwrap();
        let fail = times(&profile, "fail");
        assert!(fail.total >= NAP && fail.total <= wall, "{fail:?}");
        assert_eq!(times(&profile, "deep").calls, 5);
    }
}

#[test]
fn suspended_calls_take_no_time() {
    const NAP: Duration = Duration::from_millis(30);
    for engine in engines_with(|config| {
        config.profile(true);
    }) {
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let ty = FuncType::new([rotifer::ValType::I32], [rotifer::ValType::I32]);
        linker.func_suspend("host", "ask", ty, 0).unwrap();
        let instance = link(&mut store, linker);
        let profile = FunctionProfile::new();
        store.set_profiler(Some(profile.recorder())).unwrap();
        let caller = instance.get_typed_func::<i32, i32>(&store, "caller").unwrap();
        for goes_on in [true, false] {
            let began = Instant::now();
            let TypedResumableCall::Suspended(call) = caller.call_resumable(&mut store, 1).unwrap() else {
                panic!()
            };
            let mut wall = began.elapsed();
            sleep(NAP);
            if goes_on {
                let began = Instant::now();
                call.resume_with(&mut store, &[Val::I32(1)]).unwrap();
                wall += began.elapsed();
                let times = times(&profile, "caller");
                assert_eq!(times.calls, 1);
                assert!(times.total <= wall && times.own <= times.total, "{times:?}");
            }
        }
        assert_eq!(times(&profile, "caller").calls, 2);
    }
}

#[test]
fn engines_must_be_made_for_it() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let Err(error) = store.set_profiler(Some(FunctionProfile::new().recorder())) else { panic!() };
        assert!(error.to_string().contains("Config::profile"), "{error}");
    }
    let mut config = Config::new();
    assert!(!config.get_profile());
    assert!(config.profile(true).get_profile());
}
