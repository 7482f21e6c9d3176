//! `rotifer run`.

use crate::{Files, program};
use serde_json::json;
use std::path::Path;

#[test]
fn prints_results_one_per_line() {
    let files = program();
    for file in ["program.wat", "program.wasm"] {
        files.rotifer(&["run", file, "--invoke", "add", "40", "2"]).prints("42\n");
    }
    files.rotifer(&["run", "--invoke", "add", "program.wat", "-1", "0xff"]).prints("254\n");
    files.rotifer(&["run", "program.wat", "--invoke", "add", "--", "-1", "-2"]).prints("-3\n");
    files.rotifer(&["run", "program.wat", "--invoke", "divide", "-1", "0"]).prints("-inf\nnan\n");
    files.rotifer(&["run", "program.wat", "--invoke", "divide", "0x1p-3", "-0.5"]).prints("-0.25\nnan\n");
    files.rotifer(&["run", "program.wat", "--invoke", "null", "null"]).prints("null\n");
    files.rotifer(&["run", "program.wat", "--invoke", "print"]).prints("5\n6\n");
}

#[test]
fn works_in_every_mode() {
    let files = program();
    for mode in ["eager", "checked", "partial", "background", "unchecked"] {
        files.rotifer(&["run", "program.wat", "--mode", mode, "--invoke", "add", "1", "2"]).prints("3\n");
    }
    let dispatch = rotifer::Dispatch::available()[0].name();
    files.rotifer(&["run", "program.wat", "--dispatch", dispatch, "--invoke", "add", "1", "2"]).prints("3\n");
    files
        .rotifer(&["run", "program.wat", "--dispatch", "magic", "--invoke", "add"])
        .fails(2, &["magic", dispatch]);
}

#[test]
fn finds_the_function_to_call() {
    let export = |names: &[&str]| {
        let funcs: String = names
            .iter()
            .enumerate()
            .map(|(i, name)| format!("(func (export \"{name}\") (result i32) (i32.const {i}))"))
            .collect();
        Files::new(&[("m.wat", format!("(module {funcs})").as_bytes())])
    };
    export(&["a", "_start", "main"]).rotifer(&["run", "m.wat"]).prints("1\n");
    export(&["a", "main"]).rotifer(&["run", "m.wat"]).prints("1\n");
    export(&["only"]).rotifer(&["run", "m.wat"]).prints("0\n");
    export(&["a", "b"])
        .rotifer(&["run", "m.wat"])
        .fails(2, &["--invoke", "`a`: [] -> [i32]", "`b`: [] -> [i32]"]);
    export(&["a"])
        .rotifer(&["run", "m.wat", "--invoke", "c"])
        .fails(2, &["no function `c`", "`a`: [] -> [i32]"]);
    export(&[]).rotifer(&["run", "m.wat"]).fails(2, &["exports no function"]);
}

#[test]
fn says_what_is_wrong_with_arguments() {
    let files = program();
    let run = |args: &[&str]| files.rotifer(&[&["run", "program.wat", "--invoke", "add"], args].concat());
    run(&["1"]).fails(2, &["[i32 i32] -> [i32]", "takes 2 arguments, but 1 were given"]);
    run(&["1", "2", "--mode", "eager"]).fails(2, &["options must come before the first argument"]);
    run(&["1", "x"]).fails(2, &["argument 2 of `add`", "`x` is no i32"]);
    run(&["1", "4294967296"]).fails(2, &["argument 2"]);
}

#[test]
fn reports_traps_with_a_backtrace() {
    let files = program();
    let trap = files.rotifer(&["run", "program.wat", "--invoke", "trap"]);
    trap.fails(134, &["`trap` failed: unreachable\n", "in function 4 `inner`", "in function 5"]);
}

#[test]
fn says_what_cannot_be_read_loaded_or_linked() {
    let files = Files::new(&[
        ("invalid.wat", b"(module (func (export \"f\") (result i32)))"),
        ("text.wat", b"(module\n  (func (export \"f\") (frobnicate)))"),
        ("broken.wasm", b"\0asm\x01\0\0\0\x01"),
        (
            "imports.wat",
            b"(module (import \"env\" \"a\" (func (param i32))) (import \"env\" \"b\" (memory 1)) \
              (import \"spectest\" \"print\" (func)) (func (export \"f\")))",
        ),
    ]);
    files.rotifer(&["run", "none.wasm"]).fails(1, &["cannot read none.wasm"]);
    files
        .rotifer(&["run", "invalid.wat"])
        .fails(1, &["cannot load invalid.wat: type mismatch", "at offset 0x"]);
    files.rotifer(&["run", "text.wat"]).fails(1, &["text.wat:2", "frobnicate"]);
    files
        .rotifer(&["run", "broken.wasm"])
        .fails(1, &["cannot load broken.wasm: unexpected end", "(at offset 0x9)"]);
    // In partial mode the function is invalid when it is called.
    files.rotifer(&["run", "invalid.wat", "--mode", "partial"]).fails(1, &["`f` failed: type mismatch"]);
    let imports = files.rotifer(&["run", "imports.wat"]);
    assert!(!imports.err().contains("`print`:"), "{}", imports.err());
    imports.fails(1, &["`env` `a`: function [i32] -> []", "`env` `b`: memory 1"]);
}

#[test]
fn the_shipped_program_runs() {
    let primes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/primes.wat");
    let primes = primes.to_str().unwrap();
    for (limit, shown) in
        [("0", "0\n0\n"), ("2", "0\n0\n"), ("3", "1\n2\n"), ("10", "4\n7\n"), ("100000", "9592\n99991\n")]
    {
        program().rotifer(&["run", primes, limit]).prints(shown);
    }
    program().rotifer(&["run", primes, "2000000000"]).fails(134, &["unreachable"]);
}

#[test]
fn json_has_values_as_text() {
    let files = program();
    let run = |args: &[&str]| {
        files.rotifer(&[&["run", "program.wat", "--format", "json", "--invoke"], args].concat())
    };
    run(&["add", "40", "2"]).prints(
        "{\"function\":\"add\",\"results\":[{\"type\":\"i32\",\"value\":\"42\"}],\"exit_status\":null,\"error\":null,\"fuel\":null}\n",
    );
    let results = run(&["divide", "-1", "0"]).json()["results"].clone();
    assert_eq!(results, json!([{"type": "f64", "value": "-inf"}, {"type": "f32", "value": "nan"}]));
    assert_eq!(run(&["null", "null"]).json()["results"], json!([{"type": "externref", "value": "null"}]));
    // What the program prints comes first.
    let printed = run(&["print"]);
    assert!(printed.out().starts_with("5\n6\n{"), "{}", printed.out());
    assert_eq!(printed.json()["results"], json!([]));
}

#[test]
fn json_describes_traps() {
    let files = program();
    let ran = files.rotifer(&["run", "program.wasm", "--format", "json", "--invoke", "trap"]);
    let document = ran.json();
    assert_eq!(document["results"], json!(null));
    let error = &document["error"];
    assert_eq!((&error["kind"], &error["message"]), (&json!("trap"), &json!("unreachable")));
    let frames = error["backtrace"].as_array().unwrap();
    assert_eq!(frames.len(), 2);
    assert_eq!((&frames[0]["function"], &frames[0]["name"]), (&json!(4), &json!("inner")));
    // The function has no name but that of its export.
    assert_eq!((&frames[1]["function"], &frames[1]["name"]), (&json!(5), &json!("trap")));
    let bytes = files.path().join("program.wasm");
    let offset = frames[0]["offset"].as_u64().unwrap() as usize;
    assert_eq!(std::fs::read(bytes).unwrap()[offset], 0, "no `unreachable` at {offset:#x}");
    ran.fails(134, &["`trap` failed: unreachable"]);
    // What happens before the program starts has no document.
    let unlinked = files.rotifer(&["run", "program.wat", "--format", "json", "--invoke", "add", "1"]);
    assert_eq!(unlinked.out(), "");
    unlinked.fails(2, &["takes 2 arguments"]);
}

pub(crate) const RECURSION: &str = "(module
    (func $down (export \"down\") (param i32)
      (if (i32.eqz (local.get 0)) (then (unreachable)))
      (call $down (i32.sub (local.get 0) (i32.const 1)))))";

#[test]
fn backtrace_shows_all_calls() {
    let files = Files::new(&[("m.wat", RECURSION.as_bytes())]);
    let calls = |args: &[&str]| files.rotifer(&[&["run", "m.wat"], args].concat()).err();
    let few = calls(&["3"]);
    assert_eq!(few.matches("in function 0 `down` (at offset").count(), 4, "{few}");
    assert!(!few.contains("more call"), "{few}");
    let some = calls(&["20"]);
    assert_eq!(some.matches("in function 0").count(), 5, "{some}");
    assert!(some.contains("and at least 16 more calls: --backtrace shows more"), "{some}");
    let all = calls(&["--backtrace", "20"]);
    assert_eq!(all.matches("in function 0").count(), 21, "{all}");
    assert!(!all.contains("more call"), "{all}");
}

#[test]
fn functions_without_names_are_shown_by_their_exports() {
    let text = RECURSION.replace("$down (export", "(export").replace("call $down", "call 0");
    let files = Files::new(&[("m.wat", text.as_bytes())]);
    files.rotifer(&["run", "m.wat", "0"]).fails(134, &["in function 0 `down` (at offset"]);
}

#[test]
fn unknown_imports_can_be_stood_in_for() {
    let files = Files::new(&[
        (
            "m.wat",
            b"(module
                (import \"env\" \"f\" (func $f (param i32) (result i32 f64 externref)))
                (import \"env\" \"f\" (func (param i32) (result i32 f64 externref)))
                (func (export \"call\") (result i32 f64 externref) (call $f (i32.const 1)))
                (func (export \"other\") (result i32) (i32.const 7)))",
        ),
        ("memory.wat", b"(module (import \"env\" \"m\" (memory 1)) (func (export \"f\")))"),
    ]);
    let run = |what: &str, func: &str| {
        files.rotifer(&["run", "m.wat", "--unknown-imports", what, "--invoke", func])
    };
    run("zero", "call").prints("0\n0\nnull\n");
    run("trap", "other").prints("7\n");
    run("trap", "call").fails(134, &["the imported function `env` `f` was called, which is not provided"]);
    run("refuse", "other").fails(1, &["`env` `f`: function [i32] -> [i32 f64 externref]"]);
    files.rotifer(&["run", "memory.wat", "--unknown-imports", "zero"]).fails(1, &["`env` `m`: memory 1"]);
}
