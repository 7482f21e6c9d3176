//! `rotifer snapshot`, and `rotifer run --from`.

use crate::Files;
use std::fs;

/// A counter in a memory, a global and a table; the start function prints, and so does `init`.
const COUNTER: &str = r#"
    (module
      (import "spectest" "print_i32" (func $print (param i32)))
      (memory 1 3) (table 1 4 funcref) (global $step (mut i32) (i32.const 0))
      (elem declare func $seven)
      (type $number (func (result i32)))
      (func $seven (result i32) (i32.const 7))
      (func $start (call $print (i32.const 1)))
      (start $start)
      (func (export "init") (param i32)
        (call $print (i32.const 2))
        (global.set $step (local.get 0))
        (i32.store (i32.const 70000) (i32.add (memory.grow (i32.const 1)) (i32.const 100)))
        (drop (table.grow (ref.func $seven) (i32.const 1))))
      (func (export "grow") (drop (memory.grow (i32.const 1))))
      (func (export "next") (result i32)
        (i32.store (i32.const 70000) (i32.add (i32.load (i32.const 70000)) (global.get $step)))
        (i32.add (i32.load (i32.const 70000)) (call_indirect (type $number) (i32.const 1)))))"#;

fn counter() -> Files {
    Files::new(&[("counter.wat", COUNTER.as_bytes())])
}

#[test]
fn a_program_begins_with_a_state_that_was_saved() {
    let files = counter();
    let saved = ["snapshot", "counter.wat", "--invoke", "init", "-o", "saved", "5"];
    files.rotifer(&saved).prints("1\n2\n");
    // Nothing is initialized again, and the file stays as it is.
    for _ in 0..2 {
        files.rotifer(&["run", "counter.wat", "--from", "saved", "--invoke", "next"]).prints("113\n");
    }
    let other_mode = ["run", "counter.wat", "--from", "saved", "--mode", "partial", "--invoke", "next"];
    files.rotifer(&other_mode).prints("113\n");
    // Saved again, over the same file. Arguments are those of the function.
    files.rotifer(&["snapshot", "counter.wat", "-o", "saved"]).prints("1\n");
    files
        .rotifer(&["run", "counter.wat", "--from", "saved", "--invoke", "next"])
        .fails(134, &["out of bounds"]);
    files.rotifer(&["snapshot", "counter.wat", "-o", "saved", "5"]).fails(2, &["--invoke"]);
    let names: Vec<_> = fs::read_dir(files.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_is_no_state_of_the_module_is_refused() {
    let files = counter();
    files.rotifer(&["snapshot", "counter.wat", "-o", "saved"]).prints("1\n");
    fs::write(files.path().join("other.wat"), "(module (func (export \"f\")))").unwrap();
    let run = |file: &str, from: &str| files.rotifer(&["run", file, "--from", from, "--invoke", "next"]);
    files.rotifer(&["run", "other.wat", "--from", "saved"]).fails(1, &["saved", "another module"]);
    run("counter.wat", "counter.wat").fails(1, &["this is no snapshot"]);
    run("counter.wat", "nothing").fails(1, &["cannot read nothing"]);
    let mut bytes = fs::read(files.path().join("saved")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(files.path().join("damaged"), bytes).unwrap();
    run("counter.wat", "damaged").fails(1, &["damaged", "corrupt snapshot (segments)"]);
}

#[test]
fn nothing_is_written_if_it_fails() {
    let files = Files::new(&[(
        "m.wat",
        br#"(module (table 1 externref) (func (export "trap") unreachable) (func (export "ok")))"#,
    )]);
    files.rotifer(&["snapshot", "m.wat", "--invoke", "trap", "-o", "saved"]).fails(134, &["`trap` failed"]);
    files
        .rotifer(&["snapshot", "m.wat", "--invoke", "none", "-o", "saved"])
        .fails(2, &["no function `none`"]);
    files.rotifer(&["snapshot", "m.wat", "-o", "folder/saved"]).fails(1, &["cannot write folder/saved"]);
    assert_eq!(fs::read_dir(files.path()).unwrap().count(), 1);
    files.rotifer(&["snapshot", "m.wat", "--invoke", "ok", "-o", "saved"]).prints("");
}

#[test]
fn memories_of_a_state_keep_to_limits() {
    let files = counter();
    files.rotifer(&["snapshot", "counter.wat", "--invoke", "init", "-o", "saved", "5"]).prints("1\n2\n");
    files
        .rotifer(&["run", "counter.wat", "--from", "saved", "--max-memory", "64k", "--invoke", "next"])
        .fails(1, &["limiter"]);
}
