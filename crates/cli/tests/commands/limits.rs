//! What ends `rotifer run`: limits of memory, stack, fuel and time, and Ctrl-C.

use crate::{Files, run::RECURSION};
use serde_json::json;

#[test]
fn memories_have_a_limit() {
    let files = Files::new(&[(
        "m.wat",
        b"(module (memory 2) (func (export \"grow\") (result i32) (memory.grow (i32.const 14))))",
    )]);
    files.rotifer(&["run", "m.wat"]).prints("2\n");
    files.rotifer(&["run", "m.wat", "--max-memory", "1MiB"]).prints("2\n");
    files.rotifer(&["run", "m.wat", "--max-memory", "1048576"]).prints("2\n");
    files.rotifer(&["run", "m.wat", "--max-memory", "1023k"]).prints("-1\n");
    files
        .rotifer(&["run", "m.wat", "--max-memory", "64k"])
        .fails(1, &["cannot instantiate m.wat", "minimum size of a memory"]);
    files.rotifer(&["run", "m.wat", "--max-memory", "1x"]).fails(2, &["`x` is no unit of size"]);
}

#[test]
fn calls_have_a_limit() {
    let files = Files::new(&[("m.wat", RECURSION.as_bytes())]);
    let run = |args: &[&str]| files.rotifer(&[&["run", "m.wat"], args].concat());
    run(&["9000"]).fails(134, &["unreachable"]);
    run(&["10000"]).fails(134, &["call stack exhausted"]);
    run(&["--max-call-depth", "100", "90"]).fails(134, &["unreachable"]);
    run(&["--max-call-depth", "100", "100"]).fails(134, &["call stack exhausted"]);
    run(&["--max-stack", "4k", "9"]).fails(134, &["unreachable"]);
    run(&["--max-stack", "4k", "9000"]).fails(134, &["call stack exhausted"]);
    run(&["--max-call-depth", "200000", "--max-stack", "64MiB", "100000"]).fails(134, &["unreachable"]);
}

const LOOP: &str = r#"
    (module
      (import "spectest" "print_i32" (func $print (param i32)))
      (func $spin (loop (br 0)))
      (func (export "spin") (call $print (i32.const 1)) (call $spin))
      (func (export "count") (param $rounds i32) (result i32)
        (local $sum i32)
        (if (i32.eqz (local.get $rounds)) (then (return (i32.const 0))))
        (loop
          (local.set $sum (i32.add (local.get $sum) (local.get $rounds)))
          (br_if 0 (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
        (local.get $sum)))"#;

fn looping() -> Files {
    Files::new(&[("m.wat", LOOP.as_bytes())])
}

#[test]
fn fuel_is_counted_and_has_a_limit() {
    let files = looping();
    let run = |args: &[&str]| {
        files.rotifer(&[&["run", "m.wat", "--format", "json", "--invoke", "count"], args].concat())
    };
    let consumed =
        |rounds: &str| run(&["--fuel-report", rounds]).json()["fuel"]["consumed"].as_u64().unwrap();
    let (one, two) = (consumed("1"), consumed("2"));
    assert_eq!(consumed("1000"), one + 999 * (two - one));
    assert_eq!(run(&["--fuel-report", "1"]).json()["fuel"], json!({"consumed": one, "left": null}));
    // Exactly enough, and one less.
    let enough = run(&["--fuel", &one.to_string(), "1"]);
    assert_eq!(enough.json()["fuel"], json!({"consumed": one, "left": 0}));
    assert_eq!(enough.json()["results"], json!([{"type": "i32", "value": "1"}]));
    enough.fails(0, &[]);
    let short = run(&["--fuel", &(one - 1).to_string(), "1"]);
    let document = short.json();
    assert_eq!((&document["error"]["kind"], &document["results"]), (&json!("out-of-fuel"), &json!(null)));
    let required = document["error"]["required_fuel"].as_u64().unwrap();
    let left = document["fuel"]["left"].as_u64().unwrap();
    assert_eq!(left + document["fuel"]["consumed"].as_u64().unwrap(), one - 1);
    assert!(required > left, "{document}");
    let message =
        format!("`count` failed: all fuel consumed by WebAssembly: the next step needs {required}\n");
    short.fails(125, &[&message, "in function 3 `count` (at offset"]);
}

#[test]
fn fuel_is_reported_on_standard_error() {
    let files = looping();
    let ran = files.rotifer(&["run", "m.wat", "--fuel-report", "--fuel", "1_000", "--invoke", "count", "0"]);
    assert_eq!(ran.out(), "0\n");
    let err = ran.err();
    let (consumed, left) = err
        .strip_prefix("fuel: ")
        .and_then(|rest| rest.strip_suffix(" left\n")?.split_once(" consumed, "))
        .unwrap_or_else(|| panic!("{err}"));
    assert_eq!(consumed.parse::<u64>().unwrap() + left.parse::<u64>().unwrap(), 1000);
    let unlimited = files.rotifer(&["run", "m.wat", "--fuel-report", "--invoke", "count", "0"]).err();
    assert_eq!(unlimited, format!("fuel: {consumed} consumed\n"));
    // After the error.
    let spent = files.rotifer(&["run", "m.wat", "--fuel-report", "--fuel", "100", "--invoke", "spin"]);
    assert!(spent.err().ends_with("\nfuel: 100 consumed, 0 left\n"), "{}", spent.err());
    spent.fails(125, &[]);
    files.rotifer(&["run", "m.wat", "--fuel", "much", "--invoke", "spin"]).fails(2, &["1_000_000"]);
}

#[test]
fn a_start_function_needs_fuel_too() {
    let files =
        Files::new(&[("m.wat", b"(module (func $s (loop (br 0))) (start $s) (func (export \"f\")))")]);
    files
        .rotifer(&["run", "m.wat", "--fuel", "1000"])
        .fails(125, &["cannot instantiate m.wat: all fuel consumed"]);
}

#[test]
fn time_has_a_limit() {
    let files = looping();
    let ran = files.rotifer(&["run", "m.wat", "--timeout", "50ms", "--format", "json", "--invoke", "spin"]);
    let document = ran.json();
    assert_eq!(document["error"]["kind"], json!("timeout"));
    assert_eq!(document["error"]["backtrace"][0]["name"], json!("spin"));
    ran.fails(124, &["`spin` failed: deadline exceeded\n", "in function 1 `spin`", "in function 2 `spin`"]);
    files.rotifer(&["run", "m.wat", "--timeout", "1h", "--invoke", "count", "3"]).prints("6\n");
    files.rotifer(&["run", "m.wat", "--timeout", "9"]).fails(2, &["the unit is missing"]);
    // Both at once: what comes first ends the program.
    let both = ["run", "m.wat", "--timeout", "50ms", "--fuel", "18446744073709551615", "--invoke", "spin"];
    files.rotifer(&both).fails(124, &["deadline exceeded"]);
}

#[cfg(unix)]
pub(crate) mod signals {
    use super::looping;
    use crate::Files;
    use std::{
        io::{BufRead, BufReader, Read},
        process::{Command, Stdio},
    };

    /// Runs something, interrupts it when it has written the line, and gives its exit code and what it wrote to
    /// standard error.
    pub(crate) fn interrupt(files: &Files, args: &[&str], begun: &str) -> (Option<i32>, String) {
        let mut child = files.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, begun);
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (child.wait().unwrap().code(), err)
    }

    #[test]
    fn a_program_that_looks_for_them_is_interrupted() {
        for args in [["--timeout", "1h"], ["--fuel", "18446744073709551615"]] {
            let args = [&["run", "m.wat", "--invoke", "spin"], &args[..]].concat();
            let (status, err) = interrupt(&looping(), &args, "1\n");
            assert_eq!(status, Some(130), "{err}");
            // In the loop, or before it when `print` has returned.
            let first = "error: `spin` failed: interrupted\n  in function ";
            assert!(err.starts_with(first) && err.contains("in function 2 `spin`"), "{err}");
        }
    }
}
