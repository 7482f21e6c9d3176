//! Host functions: their types, errors, panics and callers.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use rotifer::{
    Caller, Engine, Error, ErrorKind, Extern, F32, F64, Func, FuncType, HostError, Instance, Linker,
    Nullable, Store, TrapCode, Val, ValType,
};

use super::{engines, load};

#[derive(Debug, PartialEq)]
struct Exit {
    status: u32,
    reason: String,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}: {}", self.status, self.reason)
    }
}

impl HostError for Exit {}

#[derive(Debug)]
struct Other;

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("other")
    }
}

impl HostError for Other {}

#[test]
fn errors_pass_through_webassembly() {
    for engine in engines() {
        let mut linker = Linker::<()>::new(&engine);
        linker
            .func_wrap("", "exit", |status: u32| -> Result<i32, Error> {
                Err(Error::host(Exit { status, reason: "asked".into() }))
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module
                (import "" "exit" (func $exit (param i32) (result i32)))
                (func $inner (result i32) (call $exit (i32.const 3)))
                (func (export "run") (result i32) (i32.add (call $inner) (i32.const 1))))"#,
        );
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
        for _ in 0..3 {
            let error = run.call(&mut store, ()).unwrap_err();
            assert_eq!(error.to_string(), "exit 3: asked");
            assert_eq!(error.downcast_ref::<Exit>().unwrap().status, 3);
            assert!(error.downcast_ref::<Other>().is_none());
            assert!(matches!(error.kind(), ErrorKind::Host(_)));
            assert_eq!(error.backtrace().frames().len(), 2);
            let error = error.try_downcast::<Other>().unwrap_err();
            let exit = error.downcast::<Exit>().unwrap();
            assert_eq!(exit, Exit { status: 3, reason: "asked".into() });
        }
    }
}

#[test]
fn error_kinds() {
    let error = Error::i32_exit(7);
    assert_eq!((error.i32_exit_status(), error.to_string().as_str()), (Some(7), "exited with status 7"));
    let error = Error::new("in words");
    assert!(matches!(error.kind(), ErrorKind::Message(_)));
    let error = Error::from(TrapCode::StackOverflow);
    assert_eq!(error.as_trap_code(), Some(TrapCode::StackOverflow));
    assert!(error.backtrace().frames().is_empty());
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}

#[test]
fn traps_say_where() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        let module = load(
            &engine,
            r#"(module $guest
                (func $div (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
                (func $outer (export "outer") (result i32)
                    (drop (i32.const 1))
                    (call $div (i32.const 1) (i32.const 0))))"#,
        );
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let outer = instance.get_func(&store, "outer").unwrap();
        let error = outer.call(&mut store, &[], &mut [Val::I32(0)]).unwrap_err();
        assert_eq!(error.as_trap_code(), Some(TrapCode::IntegerDivisionByZero));
        let frames = error.backtrace().frames();
        let names: Vec<_> = frames.iter().map(|frame| (frame.func_index(), frame.func_name())).collect();
        assert_eq!(names, [(0, Some("div")), (1, Some("outer"))]);
        assert_eq!(frames[0].module_name(), Some("guest"));
        // The opcodes at those offsets: i32.div_s and call.
        let opcodes: Vec<u8> =
            frames.iter().map(|frame| module.bytes()[frame.module_offset().unwrap()]).collect();
        assert_eq!(opcodes, [0x6D, 0x10]);
        let text = error.to_string();
        assert!(
            text.starts_with("integer divide by zero\n  0: function 0 `div` of module `guest` (at offset 0x")
        );
    }
}

#[test]
fn panics_reach_the_embedder_and_leave_the_store_usable() {
    for engine in engines() {
        let mut linker = Linker::<u32>::new(&engine);
        linker
            .func_wrap("", "panic", |mut caller: Caller<'_, u32>, n: i32| -> i32 {
                *caller.data_mut() += 1;
                if n == 0 { panic!("host panic") } else { n }
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module
                (import "" "panic" (func $panic (param i32) (result i32)))
                (global $depth (export "depth") (mut i32) (i32.const 0))
                (func $down (export "down") (param i32 i32) (result i32)
                    (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
                    (if (result i32) (local.get 0)
                        (then (call $down (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
                        (else (call $panic (local.get 1))))))"#,
        );
        let mut store = Store::new(&engine, 0);
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let down = instance.get_typed_func::<(i32, i32), i32>(&store, "down").unwrap();
        for _ in 0..200 {
            let payload = catch_unwind(AssertUnwindSafe(|| down.call(&mut store, (50, 0)))).unwrap_err();
            assert_eq!(payload.downcast_ref::<&str>(), Some(&"host panic"));
            assert_eq!(down.call(&mut store, (50, 8)).unwrap(), 8);
        }
        assert_eq!(*store.data(), 400);
        let depth = instance.get_global(&store, "depth").unwrap();
        assert_eq!(depth.get(&store).i32(), Some(400 * 51));
    }
}

#[test]
fn callers_are_known() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, Vec::new());
    let callee = Func::wrap(&mut store, |mut caller: Caller<'_, Vec<Option<Instance>>>| {
        let instance = caller.instance();
        let export = caller.get_export("name").and_then(Extern::into_global);
        assert_eq!(export.is_some(), instance.is_some());
        assert!(caller.get_export("nothing").is_none());
        caller.data_mut().push(instance);
    });
    let module = load(
        &engine,
        r#"(module
            (import "" "" (func $callee))
            (global (export "name") i32 (i32.const 0))
            (func (export "run") (call $callee))
            (func (export "tail") (return_call $callee)))"#,
    );
    let one = Instance::new(&mut store, &module, &[callee.into()]).unwrap();
    let two = Instance::new(&mut store, &module, &[callee.into()]).unwrap();
    callee.call(&mut store, &[], &mut []).unwrap();
    for (instance, name) in [(one, "run"), (two, "run"), (one, "tail")] {
        instance.get_func(&store, name).unwrap().call(&mut store, &[], &mut []).unwrap();
    }
    assert_eq!(*store.data(), [None, Some(one), Some(two), Some(one)]);
}

#[test]
fn host_functions_call_back() {
    for engine in engines() {
        let mut linker = Linker::<Vec<i32>>::new(&engine);
        linker
            .func_wrap("", "again", |mut caller: Caller<'_, Vec<i32>>, n: i32| -> Result<i32, Error> {
                caller.data_mut().push(n);
                let run = caller.get_export("run").and_then(Extern::into_func).unwrap();
                let run = run.typed::<i32, i32>(&caller)?;
                // The stack of values moves meanwhile.
                Ok(run.call(&mut caller, n - 1)? + n)
            })
            .unwrap();
        let module = load(
            &engine,
            r#"(module
                (import "" "again" (func $again (param i32) (result i32)))
                (func $fill (param i32 i64 i64 i64 i64) (result i64)
                    (if (result i64) (local.get 0)
                        (then (call $fill (i32.sub (local.get 0) (i32.const 1))
                            (local.get 4) (local.get 1) (local.get 2) (local.get 3)))
                        (else (local.get 1))))
                (func (export "run") (param i32) (result i32)
                    (local i64)
                    (local.set 1 (i64.const 0x1234567890))
                    (drop (call $fill (i32.const 200) (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)))
                    (if (result i32) (local.get 0)
                        (then (call $again (local.get 0)))
                        (else (i32.const 0)))
                    (if (i64.ne (local.get 1) (i64.const 0x1234567890)) (then unreachable))))"#,
        );
        let mut store = Store::new(&engine, Vec::new());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, 40).unwrap(), 820);
        assert_eq!(store.data().len(), 40);
    }
}

#[test]
fn all_types_and_many_values_cross_the_boundary() {
    for engine in engines() {
        let mut store = Store::new(&engine, ());
        type Many = (i32, i64, f32, f64, u32, u64, F32, F64, i32, i64, f32, f64, u32, u64, F32, F64);
        let reverse = Func::wrap(
            &mut store,
            |a: i32,
             b: i64,
             c: f32,
             d: f64,
             e: u32,
             f: u64,
             g: F32,
             h: F64,
             i: i32,
             j: i64,
             k: f32,
             l: f64,
             m: u32,
             n: u64,
             o: F32,
             p: F64| { (p, o, n, m, l, k, j, i, h, g, f, e, d, c, b, a) },
        );
        let module = load(
            &engine,
            r#"(module
                (type $in (func (param i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64 i32 i64 f32 f64)
                    (result f64 f32 i64 i32 f64 f32 i64 i32 f64 f32 i64 i32 f64 f32 i64 i32)))
                (import "" "" (func $reverse (type $in)))
                (func (export "pass") (type $in)
                    (call $reverse
                        (local.get 0) (local.get 1) (local.get 2) (local.get 3)
                        (local.get 4) (local.get 5) (local.get 6) (local.get 7)
                        (local.get 8) (local.get 9) (local.get 10) (local.get 11)
                        (local.get 12) (local.get 13) (local.get 14) (local.get 15))))"#,
        );
        let instance = Instance::new(&mut store, &module, &[reverse.into()]).unwrap();
        type Reversed = (F64, F32, u64, u32, f64, f32, i64, i32, F64, F32, u64, u32, f64, f32, i64, i32);
        let pass = instance.get_typed_func::<Many, Reversed>(&store, "pass").unwrap();
        // Signaling NaNs keep their bits.
        let (g, h) = (F32::from_bits(0xFFA0_0001), F64::from_bits(0x7FF4_0000_0000_0001));
        let (o, p) = (F32::from_bits(0x7F80_0001), F64::from_bits(0xFFF0_0000_0000_0001));
        let params =
            (-1, i64::MIN, 0.5, -0.0, u32::MAX, u64::MAX, g, h, 2, 3, f32::MAX, f64::MIN, 4, 5, o, p);
        let (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p) = params;
        let results = pass.call(&mut store, params).unwrap();
        assert_eq!((results.0, results.1, results.2, results.3), (p, o, n, m));
        assert_eq!((results.4, results.5, results.6, results.7), (l, k, j, i));
        assert_eq!((results.8, results.9, results.10, results.11), (h, g, f, e));
        assert_eq!((results.12, results.13, results.14, results.15), (d, c, b, a));
        assert!(results.12.is_sign_negative());
    }
}

#[test]
fn dynamic_functions_check_what_they_return() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let ty = FuncType::new([ValType::I32, ValType::F64], [ValType::I64, ValType::FUNCREF]);
    let good = Func::new(&mut store, ty.clone(), |_, params, results| {
        assert_eq!(params.len(), 2);
        assert_eq!(results[0].i64(), Some(0));
        assert!(matches!(results[1], Val::FuncRef(Nullable::Null)));
        results[0] = Val::I64(params[0].i32().unwrap().into());
        Ok(())
    });
    let bad = Func::new(&mut store, ty.clone(), |_, _, results| {
        results[0] = Val::I32(1);
        Ok(())
    });
    assert_eq!(good.ty(&store), ty);
    let params = [Val::I32(-3), Val::F64(F64::from(2.0))];
    let mut results = [Val::I32(0), Val::I32(0)];
    good.call(&mut store, &params, &mut results).unwrap();
    assert_eq!(results[0].i64(), Some(-3));
    let error = bad.call(&mut store, &params, &mut results).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Signature(_)), "{error}");
    assert_eq!(error.to_string(), "a host function returned i32, not i64");
}

#[test]
fn wrong_arguments_are_errors() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let func = Func::wrap(&mut store, |a: i32, b: i64| i64::from(a) + b);
    for (params, results, message) in [
        (&[Val::I32(1)][..], 1, "the function has 2 parameters, but 1 were given"),
        (&[Val::I32(1), Val::I32(1)], 1, "parameter 1 has type i64, but the value given has type i32"),
        (&[Val::I32(1), Val::I64(1)], 0, "the function has 1 results, but 0 were given"),
    ] {
        let mut results = vec![Val::I32(0); results];
        let error = func.call(&mut store, params, &mut results).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let error = func.typed::<(i32, i32), i64>(&store).unwrap_err();
    assert_eq!(error.to_string(), "the function has type [i32 i64] -> [i64], not [i32 i32] -> [i64]");
    assert!(func.typed::<(u32, u64), u64>(&store).is_ok());
    assert!(func.typed::<(i32, i64), ()>(&store).is_err());
}

#[test]
fn references_to_functions_cross_the_boundary() {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let apply = Func::wrap(
        &mut store,
        |mut caller: Caller<'_, ()>, func: Option<Func>, n: i32| -> Result<i32, Error> {
            let Some(func) = func else { return Ok(-1) };
            func.typed::<i32, i32>(&caller)?.call(&mut caller, n)
        },
    );
    let module = load(
        &engine,
        r#"(module
            (import "" "" (func $apply (param funcref i32) (result i32)))
            (elem declare func $double)
            (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
            (func (export "run") (param i32) (result i32) (call $apply (ref.func $double) (local.get 0)))
            (func (export "null") (result i32) (call $apply (ref.null func) (i32.const 1)))
            (func (export "get") (result funcref) (ref.func $double)))"#,
    );
    let instance = Instance::new(&mut store, &module, &[apply.into()]).unwrap();
    let run = instance.get_typed_func::<i32, i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, 21).unwrap(), 42);
    let null = instance.get_typed_func::<(), i32>(&store, "null").unwrap();
    assert_eq!(null.call(&mut store, ()).unwrap(), -1);
    let get = instance.get_typed_func::<(), Option<Func>>(&store, "get").unwrap();
    let double = get.call(&mut store, ()).unwrap().unwrap();
    assert_eq!(
        apply.typed::<(Option<Func>, i32), i32>(&store).unwrap().call(&mut store, (Some(double), 4)).unwrap(),
        8
    );
}

#[test]
fn closures_are_dropped_with_their_last_owner() {
    let engine = Engine::default();
    let witness = Arc::new(());
    let mut linker = Linker::<()>::new(&engine);
    let captured = witness.clone();
    linker.func_wrap("", "", move || _ = &captured).unwrap();
    let module = load(&engine, r#"(module (import "" "" (func)))"#);
    let mut store = Store::new(&engine, ());
    linker.instantiate(&mut store, &module).unwrap();
    linker.instantiate(&mut store, &module).unwrap();
    assert_eq!(Arc::strong_count(&witness), 2, "the linker and the store share the closure");
    drop(linker);
    assert_eq!(Arc::strong_count(&witness), 2);
    drop(store);
    assert_eq!(Arc::strong_count(&witness), 1);
}

/// Closures without captured values take no memory; those with a destructor are dropped all the same.
#[test]
fn closures_without_size_are_told_apart_and_dropped() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Token;
    impl Drop for Token {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let token = Token;
    linker.func_wrap("", "token", move || _ = &token).unwrap();
    // The compiler may merge these two.
    linker.func_wrap("", "a", |_: i32| {}).unwrap();
    linker.func_wrap("", "b", |_: f32| {}).unwrap();
    linker.func_wrap("", "one", || 1).unwrap();
    linker.func_wrap("", "two", || 2).unwrap();
    let module = load(
        &engine,
        r#"(module
            (import "" "token" (func $token))
            (import "" "a" (func $a (param i32)))
            (import "" "b" (func $b (param f32)))
            (import "" "one" (func $one (result i32)))
            (import "" "two" (func $two (result i32)))
            (func (export "run") (result i32)
                (call $token) (call $a (i32.const 0)) (call $b (f32.const 0))
                (i32.add (call $one) (i32.mul (call $two) (i32.const 10)))))"#,
    );
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let run = instance.get_typed_func::<(), i32>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), 21);
    let a = linker.get(&mut store, "", "a").unwrap().into_func().unwrap();
    let b = linker.get(&mut store, "", "b").unwrap().into_func().unwrap();
    assert_ne!(a, b);
    assert_eq!(linker.get(&mut store, "", "a").unwrap().into_func(), Some(a), "a store has it once");
    drop(linker);
    assert_eq!(DROPS.load(Ordering::Relaxed), 0);
    drop(store);
    assert_eq!(DROPS.load(Ordering::Relaxed), 1);
}
