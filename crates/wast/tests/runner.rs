//! What the runner accepts, and above all what it does not.

use rotifer::{Dispatch, Features, Val};
use rotifer_wast::{Fuel, Mode, Outcome, Runner, RunnerConfig};
use std::sync::{Arc, Mutex};

fn in_mode(mode: Mode, script: &str) -> Outcome {
    Runner::new(RunnerConfig::new().mode(mode)).run_script(script)
}

/// Runs a script in every mode; the outcomes must agree but for what is not applicable.
#[track_caller]
fn run(script: &str) -> Outcome {
    let mut outcomes = Mode::ALL.map(|mode| in_mode(mode, script)).into_iter();
    let first = outcomes.next().unwrap();
    for (outcome, mode) in outcomes.zip(&Mode::ALL[1..]) {
        if *mode != Mode::Unchecked {
            assert_eq!(outcome.failures, first.failures, "{mode}");
            assert_eq!(outcome.passed, first.passed, "{mode}");
        }
    }
    first
}

#[track_caller]
fn passes(script: &str) {
    let outcome = run(script);
    assert_eq!(outcome.failures, [], "{script}");
    assert!(outcome.passed > 0);
}

/// The script has one failure, whose message contains `message`.
#[track_caller]
fn fails(script: &str, message: &str) {
    let outcome = run(script);
    let [failure] = &*outcome.failures else { panic!("{} failures: {outcome:?}", outcome.failures.len()) };
    assert!(failure.message.contains(message), "{failure}");
}

#[test]
fn results_are_compared_by_their_bits() {
    const MODULE: &str = r#"(module
        (func (export "f32") (param f32) (result f32) (local.get 0))
        (func (export "f64") (param f64) (result f64) (local.get 0))
        (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2))
        (func (export "none")))"#;
    let assert = |text: &str| format!("{MODULE}\n(assert_return {text})");
    for same in [
        r#"(invoke "f32" (f32.const -0)) (f32.const -0)"#,
        r#"(invoke "f32" (f32.const nan:0x1)) (f32.const nan:0x1)"#,
        r#"(invoke "f32" (f32.const nan)) (f32.const nan:canonical)"#,
        r#"(invoke "f32" (f32.const -nan)) (f32.const nan:canonical)"#,
        r#"(invoke "f32" (f32.const nan:0x600000)) (f32.const nan:arithmetic)"#,
        r#"(invoke "f64" (f64.const -nan)) (f64.const nan:canonical)"#,
        r#"(invoke "f64" (f64.const nan:0xc000000000000)) (f64.const nan:arithmetic)"#,
        r#"(invoke "f64" (f64.const 1)) (either (f64.const 2) (f64.const 1))"#,
        r#"(invoke "two") (i32.const 1) (i64.const 2)"#,
        r#"(invoke "none")"#,
    ] {
        passes(&assert(same));
    }
    for different in [
        r#"(invoke "f32" (f32.const -0)) (f32.const 0)"#,
        r#"(invoke "f32" (f32.const nan:0x1)) (f32.const nan:0x2)"#,
        r#"(invoke "f32" (f32.const nan:0x1)) (f32.const nan:arithmetic)"#,
        r#"(invoke "f32" (f32.const nan:0x600000)) (f32.const nan:canonical)"#,
        r#"(invoke "f32" (f32.const inf)) (f32.const nan:arithmetic)"#,
        r#"(invoke "f64" (f64.const nan:0x1)) (f64.const nan:arithmetic)"#,
        r#"(invoke "f64" (f64.const nan:0xc000000000000)) (f64.const nan:canonical)"#,
        r#"(invoke "f64" (f64.const 1)) (either (f64.const 2) (f64.const 3))"#,
        r#"(invoke "f64" (f64.const 1)) (f32.const 1)"#,
        r#"(invoke "two") (i32.const 1)"#,
        r#"(invoke "two") (i64.const 2) (i32.const 1)"#,
        r#"(invoke "none") (i32.const 0)"#,
    ] {
        fails(&assert(different), "the result is ");
    }
}

#[test]
fn references_are_compared_by_what_they_refer_to() {
    const MODULE: &str = r#"(module
        (func (export "extern") (param externref) (result externref) (local.get 0))
        (func $f (export "func") (param i32) (result funcref)
          (select (result funcref) (ref.func $f) (ref.null func) (local.get 0))))"#;
    let assert = |text: &str| format!("{MODULE}\n(assert_return {text})");
    passes(&assert(r#"(invoke "extern" (ref.extern 7)) (ref.extern 7)"#));
    passes(&assert(r#"(invoke "extern" (ref.extern 7)) (ref.extern)"#));
    passes(&assert(r#"(invoke "extern" (ref.null extern)) (ref.null extern)"#));
    passes(&assert(r#"(invoke "extern" (ref.null extern)) (ref.null)"#));
    passes(&assert(r#"(invoke "func" (i32.const 1)) (ref.func)"#));
    passes(&assert(r#"(invoke "func" (i32.const 0)) (ref.null func)"#));
    fails(&assert(r#"(invoke "extern" (ref.extern 7)) (ref.extern 8)"#), "ref.extern 7, not ref.extern 8");
    fails(&assert(r#"(invoke "extern" (ref.null extern)) (ref.extern)"#), "ref.null extern, not ref.extern");
    fails(
        &assert(r#"(invoke "extern" (ref.null extern)) (ref.null func)"#),
        "ref.null extern, not ref.null func",
    );
    fails(&assert(r#"(invoke "func" (i32.const 0)) (ref.func)"#), "ref.null func, not ref.func");
    fails(&assert(r#"(invoke "func" (i32.const 1)) (ref.null func)"#), "ref.func, not ref.null func");
}

#[test]
fn traps_must_happen_and_be_the_expected_ones() {
    const MODULE: &str = r#"(module
        (func (export "trap") (unreachable))
        (func (export "endless") (call 1))
        (func (export "return") (result i32) (i32.const 3)))"#;
    let assert = |text: &str| format!("{MODULE}\n({text})");
    passes(&assert(r#"assert_trap (invoke "trap") "unreachable""#));
    passes(&assert(r#"assert_exhaustion (invoke "endless") "call stack exhausted""#));
    fails(&assert(r#"assert_trap (invoke "trap") "integer divide by zero""#), "another error: unreachable");
    fails(&assert(r#"assert_trap (invoke "return") "unreachable""#), "the result is 3; expected a trap");
    fails(
        &assert(r#"assert_exhaustion (invoke "trap") "call stack exhausted""#),
        "another error: unreachable",
    );
    fails(&assert(r#"assert_exhaustion (invoke "return") "call stack exhausted""#), "the call returns");
    fails(&assert(r#"assert_return (invoke "trap")"#), "unreachable");
    fails(&assert(r#"invoke "trap""#), "the call fails: unreachable");
    passes(r#"(assert_trap (module (func $s (unreachable)) (start $s)) "unreachable")"#);
    fails(r#"(assert_trap (module (func $s) (start $s)) "unreachable")"#, "expected a trap");
}

#[test]
fn refusals_must_happen_for_the_expected_reason() {
    passes(r#"(assert_invalid (module (func (result i32))) "type mismatch")"#);
    passes(r#"(assert_malformed (module binary "") "unexpected end")"#);
    passes(r#"(assert_malformed (module quote "(func $") "unexpected token")"#);
    fails(r#"(assert_invalid (module (func)) "type mismatch")"#, "the module is accepted");
    fails(
        r#"(assert_invalid (module (func (result i32))) "unknown local")"#,
        "for another reason: type mismatch",
    );
    fails(r#"(assert_malformed (module binary "\00asm\01\00\00\00") "unexpected end")"#, "is accepted");
    fails(r#"(assert_malformed (module quote "(func)") "unexpected token")"#, "is accepted");
    fails(
        // A module that is invalid is not malformed, whatever the message.
        r#"(assert_malformed (module quote "(func (result i32))") "type mismatch")"#,
        "of the wrong kind",
    );
    // Partial mode looks at the function when it is called.
    let outcome = in_mode(Mode::Checked, "(module (func (result i32)))");
    assert!(outcome.failures[0].message.starts_with("the module is refused: type mismatch"), "{outcome:?}");
    assert!(in_mode(Mode::Partial, "(module (func (result i32)))").is_ok());
}

#[test]
fn linking_must_fail_where_expected() {
    passes(r#"(assert_unlinkable (module (import "none" "such" (func))) "unknown import")"#);
    passes(
        r#"(assert_unlinkable (module (import "spectest" "print" (func (param i64)))) "incompatible import type")"#,
    );
    fails(r#"(assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")"#, "is linked");
    fails(
        r#"(assert_unlinkable (module (import "none" "such" (func))) "incompatible import type")"#,
        "for another reason: unknown import",
    );
    fails(r#"(module (import "none" "such" (func)))"#, "unknown import");
    fails(
        r#"(assert_unlinkable (module (func $s (unreachable)) (start $s)) "unreachable")"#,
        "for another reason",
    );
}

#[test]
fn names_are_looked_up() {
    passes(
        r#"(module $a (global (export "g") i32 (i32.const 1)) (func (export "f") (result i32) (i32.const 2)))
        (module $b (global (export "g") i32 (i32.const 3)))
        (assert_return (get "g") (i32.const 3))
        (assert_return (get $a "g") (i32.const 1))
        (assert_return (invoke $a "f") (i32.const 2))
        (register "a" $a)
        (module (import "a" "f" (func $f (result i32))) (export "h" (func $f)))
        (assert_return (invoke "h") (i32.const 2))"#,
    );
    fails(r#"(module $a) (invoke $b "f")"#, "no instance is called $b");
    fails(r#"(module $a) (invoke "f")"#, "does not export `f`");
    fails(r#"(module (memory (export "m") 0)) (invoke "m")"#, "is no function");
    fails(r#"(module (memory (export "m") 0)) (assert_return (get "m"))"#, "is no global");
    fails(r#"(register "a" $a)"#, "no instance is called $a");
    fails(r#"(module instance $a $m)"#, "no module is called $m");
}

#[test]
fn definitions_can_be_instantiated_often() {
    passes(
        r#"(module definition $m
          (global $g (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $g (i32.add (global.get $g) (i32.const 1)))
            (global.get $g)))
        (module instance $a $m)
        (module instance $b $m)
        (assert_return (invoke $a "next") (i32.const 1))
        (assert_return (invoke $a "next") (i32.const 2))
        (assert_return (invoke $b "next") (i32.const 1))"#,
    );
}

#[test]
fn every_failure_is_reported_with_its_place() {
    let outcome = run("(module (func (export \"one\") (result i32) (i32.const 1)))\n\
        (assert_return (invoke \"one\") (i32.const 2))\n\
        (assert_return (invoke \"one\") (i32.const 1))\n  \
        (assert_return (invoke \"one\") (i32.const 3))");
    let shown: Vec<String> = outcome.failures.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["2:2: the result is 1, not 2", "4:4: the result is 1, not 3"]);
    assert_eq!(outcome.passed, 2);
}

#[test]
fn directives_after_a_module_that_fails_do_not_run_on_the_one_before() {
    let outcome = run(r#"(module (func (export "f"))) (module (memory 2 1)) (invoke "f")"#);
    let messages: Vec<&str> = outcome.failures.iter().map(|failure| &*failure.message).collect();
    assert!(messages[0].starts_with("the module is refused"), "{messages:?}");
    assert_eq!(messages[1..], ["there is no instance"]);
}

#[test]
fn text_that_is_no_script_is_one_failure() {
    for text in ["(", "(assert_return", "(module) (frobnicate)", "\"", "(module $m (func $f (call $g)))"] {
        assert_eq!(run(text).failures.len(), 1, "{text}");
    }
}

#[test]
fn refusals_say_nothing_about_unchecked_mode() {
    let script = r#"(module) (assert_invalid (module (func)) "type mismatch")"#;
    let outcome = in_mode(Mode::Unchecked, script);
    assert!(outcome.is_ok());
    assert_eq!((outcome.passed, outcome.not_applicable), (1, 1));
    // But a module that must load is validated: a script must not break the process.
    let outcome = in_mode(Mode::Unchecked, "(module (func (result i32)))");
    assert!(outcome.failures[0].message.contains("type mismatch"));
}

#[test]
fn features_and_dispatchers_are_those_of_the_configuration() {
    const SCRIPT: &str = "(module (func (result i32 i32) (i32.const 1) (i32.const 2)))";
    let without = RunnerConfig::new().features(Features::MVP);
    assert!(!Runner::new(without).run_script(SCRIPT).is_ok());
    for dispatch in Dispatch::available() {
        assert!(Runner::new(RunnerConfig::new().dispatch(*dispatch)).run_script(SCRIPT).is_ok());
    }
}

#[test]
fn fuel_and_interrupts_change_nothing_but_how_calls_are_made() {
    // 2 regions a round; the start function is not suspended; a trap; a host function; and failures.
    const SCRIPT: &str = r#"
        (module
          (import "spectest" "print_i32" (func $print (param i32)))
          (global $g (mut i32) (i32.const 0))
          (func $start (global.set $g (i32.const 5)))
          (start $start)
          (func (export "count") (param i32) (result i32)
            (loop $again
              (call $print (local.get 0))
              (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (global.get $g))
          (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
          (func $down (export "down") (call $down)))
        (assert_return (invoke "count" (i32.const 100)) (i32.const 5))
        (assert_trap (invoke "divide" (i32.const 0)) "integer divide by zero")
        (assert_exhaustion (invoke "down") "call stack exhausted")
        (assert_return (invoke "divide" (i32.const 1)) (i32.const 2))
        (assert_trap (invoke "divide" (i32.const 0)) "unreachable")"#;
    let plain = run(SCRIPT);
    assert_eq!((plain.passed, plain.failures.len(), plain.suspensions), (4, 2, 0));
    let with = |fuel, interrupt| {
        let mut all = Dispatch::available().iter().map(|dispatch| {
            let config = RunnerConfig::new().dispatch(*dispatch).fuel(fuel).interrupt(interrupt);
            let outcome = Runner::new(config).run_script(SCRIPT);
            assert_eq!(outcome.failures, plain.failures, "{fuel}, {interrupt}");
            assert_eq!(outcome.passed, plain.passed);
            outcome.suspensions
        });
        let first = all.next().unwrap();
        all.for_each(|other| assert_eq!(first, other));
        first
    };
    assert_eq!(with(Fuel::Plenty, false), 0);
    // 5 calls; the one that counts stops at its entry and in each round twice but for the last, which ends with it;
    // the one that overflows 10,000 times.
    let steps = with(Fuel::Stepwise(0), false);
    assert!((10_200..10_220).contains(&steps), "{steps}");
    assert!(with(Fuel::Stepwise(7), false) < steps);
    assert_eq!(with(Fuel::Stepwise(1_000_000), false), 5);
    // Each call is interrupted three times before it begins.
    let interrupts = with(Fuel::Off, true);
    assert_eq!(interrupts, 3 * 5);
    assert!(with(Fuel::Plenty, true) >= interrupts);
    assert!(with(Fuel::Stepwise(0), true) > steps);
}

#[test]
fn limited_fuel_ends_what_does_not_end() {
    const SCRIPT: &str = r#"
        (module (func (export "spin") (loop (br 0))) (func (export "five") (result i32) (i32.const 5)))
        (invoke "spin")
        (assert_return (invoke "five") (i32.const 5))
        (module (func $spin (loop (br 0))) (start $spin))"#;
    for interrupt in [false, true] {
        let config = RunnerConfig::new().fuel(Fuel::Limited(1_000)).interrupt(interrupt);
        let outcome = Runner::new(config).run_script(SCRIPT);
        let failures: Vec<usize> = outcome.failures.iter().map(|failure| failure.line).collect();
        assert_eq!((outcome.passed, failures), (2, vec![3, 5]), "{outcome:?}");
        assert!(outcome.failures.iter().all(|failure| failure.message.contains("fuel")), "{outcome:?}");
    }
}

#[test]
fn spectest_prints_to_the_configured_place() {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&printed);
    let config = RunnerConfig::new().print(move |vals| sink.lock().unwrap().push(vals.to_vec()));
    let outcome = Runner::new(config).run_script(
        r#"(module
          (import "spectest" "print" (func $print))
          (import "spectest" "print_i32_f32" (func $print_i32_f32 (param i32 f32)))
          (func (export "f") (call $print) (call $print_i32_f32 (i32.const 1) (f32.const 2.5))))
        (invoke "f")"#,
    );
    assert!(outcome.is_ok(), "{outcome:?}");
    let printed = printed.lock().unwrap();
    assert!(
        matches!(&**printed, [a, b] if a.is_empty() && matches!(**b, [Val::I32(1), Val::F32(_)])),
        "{printed:?}"
    );
}
