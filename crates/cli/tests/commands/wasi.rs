//! `rotifer run` with programs for WASI.

use crate::{Files, Ran};
use serde_json::json;
use std::{
    fs,
    io::Write,
    process::Stdio,
    time::{Duration, Instant},
};

/// Functions for programs: `$write` writes bytes to standard output.
const PRELUDE: &str = r#"
    (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_open"
      (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func $must (param $errno i32) (if (local.get $errno) (then (call $exit (local.get $errno)))))
    (func $write (param $from i32) (param $len i32)
      (i32.store (i32.const 16) (local.get $from))
      (i32.store (i32.const 20) (local.get $len))
      (call $must (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))"#;

/// A module with the prelude and more.
fn module(rest: &str) -> String {
    format!("(module {PRELUDE} {rest})")
}

/// Writes its arguments and its environment, each ended by a zero.
const SHOW: &str = r#"
    (func (export "_start")
      (call $must (call $args_sizes (i32.const 0) (i32.const 4)))
      (call $must (call $args (i32.const 1024) (i32.const 2048)))
      (call $write (i32.const 2048) (i32.load (i32.const 4)))
      (call $must (call $environ_sizes (i32.const 0) (i32.const 4)))
      (call $must (call $environ (i32.const 1024) (i32.const 2048)))
      (call $write (i32.const 2048) (i32.load (i32.const 4))))"#;

/// What [`SHOW`] writes, with lines for zeros.
#[track_caller]
fn shown(ran: Ran) -> String {
    let out = ran.out().replace('\0', "\n");
    ran.fails(0, &[]);
    out
}

#[test]
fn arguments_and_environment_are_those_that_are_given() {
    let files = Files::new(&[("show.wat", module(SHOW).as_bytes())]);
    let run = |args: &[&str]| {
        let mut command = files.command(&[&["run"], args].concat());
        command.env("INHERITED", "yes").env("SECRET", "x").env_remove("UNSET");
        shown(Ran(command.output().unwrap()))
    };
    assert_eq!(run(&["show.wat"]), "show.wat\n");
    assert_eq!(run(&["show.wat", "one", "-v", "--two=2"]), "show.wat\none\n-v\n--two=2\n");
    assert_eq!(run(&["show.wat", "-V", "--fuel", "1"]), "show.wat\n-V\n--fuel\n1\n");
    assert_eq!(run(&["./show.wat", "--", "--backtrace", ""]), "show.wat\n--backtrace\n\n");
    assert_eq!(
        run(&["--env", "A=1", "--env", "INHERITED", "--env", "UNSET", "--env", "B=x=y", "show.wat", "arg"]),
        "show.wat\narg\nA=1\nINHERITED=yes\nB=x=y\n",
    );
    // Of a function that is asked for they are the arguments, and not the program's.
    assert_eq!(run(&["show.wat", "--invoke", "_start"]), "show.wat\n");
    files.rotifer(&["run", "show.wat", "--invoke", "_start", "1"]).fails(2, &["takes 0 arguments"]);
    files.rotifer(&["run", "--env", "=1", "show.wat"]).fails(2, &["the name of the variable is missing"]);
}

#[test]
fn the_exit_status_is_the_programs() {
    let program = |status: &str| {
        let start = format!("(func (export \"_start\") (call $exit (i32.const {status})) unreachable)");
        Files::new(&[("m.wat", module(&start).as_bytes())])
    };
    program("0").rotifer(&["run", "m.wat"]).prints("");
    for (status, code) in [("7", 7), ("134", 134), ("255", 255), ("256", 1), ("-1", 1)] {
        let ran = program(status).rotifer(&["run", "m.wat"]);
        assert_eq!((ran.out(), ran.err()), (String::new(), String::new()));
        ran.fails(code, &[]);
    }
    let ran = program("7").rotifer(&["run", "--format", "json", "m.wat"]);
    let expected =
        json!({"function": "_start", "results": null, "exit_status": 7, "error": null, "fuel": null});
    assert_eq!(ran.json(), expected);
    ran.fails(7, &[]);
}

/// Opens `file` in the first folder it was given, and writes to standard output what is in it.
const CAT: &str = r#"
    (data (i32.const 100) "file")
    (func (export "_start")
      (call $must (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 4)
        (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
      (i32.store (i32.const 16) (i32.const 1024))
      (i32.store (i32.const 20) (i32.const 1024))
      (call $must (call $fd_read (i32.load (i32.const 0)) (i32.const 16) (i32.const 1) (i32.const 24)))
      (call $write (i32.const 1024) (i32.load (i32.const 24))))"#;

/// Makes `new` in the first folder it was given.
const TOUCH: &str = r#"
    (data (i32.const 100) "new")
    (func (export "_start")
      (call $must (call $path_open (i32.const 3) (i32.const 0) (i32.const 100) (i32.const 3)
        (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 0))))"#;

#[test]
fn folders_are_given_for_writing_or_only_for_reading() {
    let files = Files::new(&[
        ("cat.wat", module(CAT).as_bytes()),
        ("touch.wat", module(TOUCH).as_bytes()),
        ("data/file", b"content\n"),
    ]);
    let new = files.path().join("data/new");
    for option in ["--dir", "--dir-read-only"] {
        files.rotifer(&["run", option, "data", "cat.wat"]).prints("content\n");
        files.rotifer(&["run", option, "data::/somewhere", "cat.wat"]).prints("content\n");
    }
    // 69 is `perm`, 8 is `badf`: there is no folder.
    let refused = files.rotifer(&["run", "--dir-read-only", "data", "touch.wat"]);
    assert!(!new.exists());
    assert_ne!(refused.0.status.code(), Some(0));
    files.rotifer(&["run", "touch.wat"]).fails(8, &[]);
    files.rotifer(&["run", "--dir", "data", "touch.wat"]).prints("");
    assert_eq!(fs::read(new).unwrap(), b"");
    files.rotifer(&["run", "--dir", "nowhere", "cat.wat"]).fails(1, &["cannot open the folder nowhere"]);
}

#[test]
fn standard_input_is_the_programs() {
    let echo = module(
        r#"(func (export "_start")
             (i32.store (i32.const 16) (i32.const 1024))
             (i32.store (i32.const 20) (i32.const 1024))
             (call $must (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
             (call $write (i32.const 1024) (i32.load (i32.const 24))))"#,
    );
    let files = Files::new(&[("echo.wat", echo.as_bytes())]);
    let mut child = files
        .command(&["run", "echo.wat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"spoken").unwrap();
    Ran(child.wait_with_output().unwrap()).prints("spoken");
    // A program that waits for input ends when its time is up. The input stays open.
    let begin = Instant::now();
    let mut child = files
        .command(&["run", "--timeout", "50ms", "echo.wat"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take();
    let ran = Ran(child.wait_with_output().unwrap());
    drop(input);
    assert!(begin.elapsed() < Duration::from_secs(30));
    ran.fails(124, &["error: the time is up"]);
}

#[test]
fn libraries_are_initialised_once() {
    let library = module(
        r#"(global $ready (mut i32) (i32.const 0))
           (func (export "_initialize") (global.set $ready (i32.add (global.get $ready) (i32.const 1))))
           (func (export "ready") (result i32) (global.get $ready))"#,
    );
    let files = Files::new(&[("m.wat", library.as_bytes())]);
    files.rotifer(&["run", "m.wat", "--invoke", "ready"]).prints("1\n");
    files.rotifer(&["run", "m.wat", "--invoke", "_initialize"]).prints("");
}

#[test]
fn broken_rules_end_the_program() {
    let fault = module("(func (export \"_start\") (drop (call $args (i32.const 1) (i32.const 0x7fffffff))))");
    let no_memory = "(module
        (import \"wasi_unstable\" \"sched_yield\" (func $yield (result i32)))
        (func (export \"_start\") (drop (call $yield))))";
    let files = Files::new(&[("fault.wat", fault.as_bytes()), ("memory.wat", no_memory.as_bytes())]);
    let ran = files.rotifer(&["run", "--format", "json", "fault.wat"]);
    assert_eq!(ran.json()["error"]["kind"], json!("host"));
    ran.fails(134, &["`_start` failed: WASI: "]);
    files.rotifer(&["run", "memory.wat"]).fails(134, &["exports no memory"]);
    // What WASI does not have is missing like anything else.
    let unknown = "(module
        (import \"wasi_snapshot_preview1\" \"sched_yield\" (func (result i32)))
        (import \"wasi_snapshot_preview1\" \"sing\" (func))
        (func (export \"_start\")))";
    let files = Files::new(&[("m.wat", unknown.as_bytes())]);
    let ran = files.rotifer(&["run", "m.wat"]);
    assert!(!ran.err().contains("sched_yield"), "{}", ran.err());
    ran.fails(1, &["`wasi_snapshot_preview1` `sing`: function [] -> []"]);
}

/// Prints a line and sleeps for an hour.
const SLEEP: &str = r#"
    (data (i32.const 100) "asleep\n")
    (func (export "_start")
      (call $write (i32.const 100) (i32.const 7))
      ;; The monotonic clock, in nanoseconds from now.
      (i32.store (i32.const 216) (i32.const 1))
      (i64.store (i32.const 224) (i64.const 3600_000_000_000))
      (call $must (call $poll (i32.const 200) (i32.const 304) (i32.const 1) (i32.const 400))))"#;

#[test]
fn sleepers_are_woken_to_stop() {
    let files = Files::new(&[("sleep.wat", module(SLEEP).as_bytes())]);
    let start = Instant::now();
    let ran = files.rotifer(&["run", "sleep.wat", "--timeout", "100ms"]);
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(ran.out(), "asleep\n");
    // By itself rather than by the end of the process: it says where it was.
    ran.fails(124, &["`_start` failed: deadline exceeded", "in function"]);
    #[cfg(unix)]
    {
        let args = ["run", "--timeout", "1h", "sleep.wat"];
        let (status, err) = crate::limits::signals::interrupt(&files, &args, "asleep\n");
        assert_eq!(status, Some(130), "{err}");
        assert!(err.starts_with("error: `_start` failed: interrupted\n  in function"), "{err}");
    }
}
