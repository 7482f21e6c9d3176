//! What the walk calls its client for, in order.

mod common;

use common::{all_features, check_contract, recorder::Recorder, wasm};
use rotifer_core::{FuncIdx, Limits};
use rotifer_validator::{Module, Scratch, Trust, WalkContext, walk};

/// The calls for a module's first function.
fn calls(text: &str) -> Vec<String> {
    let bytes = wasm(text);
    let (features, limits) = (all_features(), Limits::default());
    let module = Module::read(&bytes, &features, &limits, Trust::Checked).unwrap();
    let cx = WalkContext { module: &module, bytes: &bytes, features: &features, limits: &limits };
    let mut recorder = Recorder::default();
    walk::<_, true>(&cx, FuncIdx(module.imported_functions), &mut Scratch::default(), &mut recorder).unwrap();
    recorder.calls
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(calls(text), expected);
}

#[test]
fn the_last_end_is_a_branch() {
    check(
        "(module (func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))",
        &[
            "enter 0 [i32] -> [i32] locals 1",
            "local.get 0 i32",
            "constant i32 0x1",
            "i32.add",
            "br 0",
            "finish",
        ],
    );
}

#[test]
fn an_unreachable_end_is_nothing() {
    check(
        "(module (func unreachable i32.const 1 drop))",
        &["enter 0 [] -> [] locals 0", "unreachable", "finish"],
    );
    check("(module (func return))", &["enter 0 [] -> [] locals 0", "return", "finish"]);
}

#[test]
fn block_parameters_are_fresh() {
    check(
        "(module (func i32.const 7 (block (param i32) (result i64) drop i64.const 8) drop))",
        &[
            "enter 0 [] -> [] locals 0",
            "constant i32 0x7",
            "block 1",
            "fresh i32",
            "drop",
            "constant i64 0x8",
            "end true",
            "fresh i64",
            "drop",
            "br 0",
            "finish",
        ],
    );
}

#[test]
fn code_behind_a_block_is_alive_again() {
    check(
        "(module (func (block br 0 (block nop) (if (i32.const 1) (then unreachable))) nop (call 0)))",
        &["enter 0 [] -> [] locals 0", "block 0", "br 0", "end false", "call 0", "br 0", "finish"],
    );
}

#[test]
fn arms_of_an_if() {
    check(
        "(module (func (param i32) (result i32)
            (if (result i32) (local.get 0) (then (return (i32.const 1))) (else (i32.const 2)))))",
        &[
            "enter 0 [i32] -> [i32] locals 1",
            "local.get 0 i32",
            "if 0",
            "constant i32 0x1",
            "return",
            "else false",
            "constant i32 0x2",
            "end true",
            "fresh i32",
            "br 0",
            "finish",
        ],
    );
    // Without `else`, parameters pass by.
    check(
        "(module (func (result i64) i64.const 5 i32.const 0 (if (param i64) (result i64) (then))))",
        &[
            "enter 0 [] -> [i64] locals 0",
            "constant i64 0x5",
            "constant i32 0x0",
            "if 1",
            "fresh i64",
            "end true",
            "fresh i64",
            "br 0",
            "finish",
        ],
    );
}

#[test]
fn an_if_in_dead_code_is_not_seen() {
    check(
        "(module (func unreachable (if (then nop) (else (call 0))) (loop (br 0)) (block (result i32) i32.const 1) drop))",
        &["enter 0 [] -> [] locals 0", "unreachable", "finish"],
    );
}

#[test]
fn br_table_keeps_values_below_label() {
    check(
        "(module (func (param i32) (result i32)
            i32.const 1 i32.const 2
            (block (param i32) (result i32) (br_table 0 1 0 (local.get 0)))
            i32.add))",
        &[
            "enter 0 [i32] -> [i32] locals 1",
            "constant i32 0x1",
            "constant i32 0x2",
            "block 1",
            "fresh i32",
            "local.get 0 i32",
            "br_table [0, 1, 0]",
            "end false",
            "fresh i32",
            "i32.add",
            "br 0",
            "finish",
        ],
    );
}

#[test]
fn calls_and_bulk_operators_leave_fresh_results() {
    check(
        r#"(module
            (func (result i32 i64) (call 1 (i32.const 3)) (drop (memory.grow (i32.const 1))))
            (func (param i32) (result i32 i64) unreachable)
            (memory 1))"#,
        &[
            "enter 0 [] -> [i32 i64] locals 0",
            "constant i32 0x3",
            "call 1",
            "fresh i32",
            "fresh i64",
            "constant i32 0x1",
            "MemoryGrow(MemIdx(0))",
            "fresh i32",
            "drop",
            "br 0",
            "finish",
        ],
    );
    check(
        "(module (func (param i64) local.get 0 local.get 0 i64.mul_wide_s drop drop))",
        &[
            "enter 0 [i64] -> [] locals 1",
            "local.get 0 i64",
            "local.get 0 i64",
            "wide 0xfc15",
            "fresh i64",
            "fresh i64",
            "drop",
            "drop",
            "br 0",
            "finish",
        ],
    );
}

#[test]
fn the_greatest_height_is_that_of_live_code() {
    let height = |text: &str| {
        let bytes = wasm(text);
        let (features, limits) = (all_features(), Limits::default());
        let module = Module::read_validated(&bytes, &features, &limits).unwrap();
        check_contract(&module, &bytes, &features);
        let cx = WalkContext { module: &module, bytes: &bytes, features: &features, limits: &limits };
        let mut recorder = Recorder::default();
        walk::<_, true>(&cx, FuncIdx(0), &mut Scratch::default(), &mut recorder).unwrap();
        recorder.max_height
    };
    assert_eq!(height("(module (func))"), Some(0));
    assert_eq!(height("(module (func (drop (i32.add (i32.const 1) (i32.const 2)))))"), Some(2));
    // Dead code may be higher, before and after live code that is not.
    assert_eq!(
        height(
            "(module (func i32.const 0
                (block br 0 i32.const 1 i32.const 2 i32.const 3 i32.const 4 drop drop drop drop)
                i32.const 1 drop
                (block unreachable i32.const 1 i32.const 2 (block i32.const 3 drop) drop drop)
                i32.const 1 i32.const 2 i32.add drop drop))"
        ),
        Some(3)
    );
}
