//! The commands, as a user runs them: output, errors and exit codes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

const PROGRAM: &str = r#"
    (module
      (import "spectest" "print_i32" (func $print (param i32)))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
      (func (export "divide") (param f64 f64) (result f64 f32)
        (f64.div (local.get 0) (local.get 1))
        (f32.const nan))
      (func (export "print") (call $print (i32.const 5)) (call $print (i32.const 6)))
      (func $inner (unreachable))
      (func (export "trap") (call $inner))
      (func (export "null") (param externref) (result externref) (local.get 0)))"#;

/// A folder with files for one test.
struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = TempDir::new().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Runs `rotifer` in the folder.
    #[track_caller]
    fn rotifer(&self, args: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_rotifer"))
            .args(args)
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ran(output)
    }
}

struct Ran(Output);

impl Ran {
    fn out(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn err(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    #[track_caller]
    fn prints(self, out: &str) {
        assert_eq!(self.0.status.code(), Some(0), "{}", self.err());
        assert_eq!(self.out(), out);
        assert_eq!(self.err(), "");
    }

    /// Exits with `code` and says all of `messages` on standard error.
    #[track_caller]
    fn fails(self, code: i32, messages: &[&str]) {
        assert_eq!(self.0.status.code(), Some(code), "{}{}", self.out(), self.err());
        for message in messages {
            assert!(self.err().contains(message), "`{message}` is not in: {}", self.err());
        }
    }
}

fn program() -> Files {
    Files::new(&[("program.wat", PROGRAM.as_bytes()), ("program.wasm", &wat::parse_str(PROGRAM).unwrap())])
}

#[test]
fn run_prints_results_one_per_line() {
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
fn run_works_in_every_mode() {
    let files = program();
    for mode in ["eager", "checked", "partial", "unchecked"] {
        files.rotifer(&["run", "program.wat", "--mode", mode, "--invoke", "add", "1", "2"]).prints("3\n");
    }
    let dispatch = rotifer::Dispatch::available()[0].name();
    files.rotifer(&["run", "program.wat", "--dispatch", dispatch, "--invoke", "add", "1", "2"]).prints("3\n");
    files
        .rotifer(&["run", "program.wat", "--dispatch", "magic", "--invoke", "add"])
        .fails(2, &["magic", dispatch]);
}

#[test]
fn run_finds_the_function_to_call() {
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
        .fails(2, &["--invoke", "a: [] -> [i32]", "b: [] -> [i32]"]);
    export(&["a"])
        .rotifer(&["run", "m.wat", "--invoke", "c"])
        .fails(2, &["no function `c`", "a: [] -> [i32]"]);
    export(&[]).rotifer(&["run", "m.wat"]).fails(2, &["exports no function"]);
}

#[test]
fn run_says_what_is_wrong_with_arguments() {
    let files = program();
    let run = |args: &[&str]| files.rotifer(&[&["run", "program.wat", "--invoke", "add"], args].concat());
    run(&["1"]).fails(2, &["[i32 i32] -> [i32]", "takes 2 arguments, but 1 were given"]);
    run(&["1", "2", "--mode", "eager"]).fails(2, &["options must come before the first argument"]);
    run(&["1", "x"]).fails(2, &["argument 2 of `add`", "`x` is no i32"]);
    run(&["1", "4294967296"]).fails(2, &["argument 2"]);
}

#[test]
fn run_reports_traps_with_a_backtrace() {
    let files = program();
    let trap = files.rotifer(&["run", "program.wat", "--invoke", "trap"]);
    trap.fails(134, &["`trap` failed: unreachable\n", "in function 4 `inner`", "in function 5"]);
}

#[test]
fn run_says_what_cannot_be_read_loaded_or_linked() {
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
    assert!(!imports.err().contains("spectest print:"), "{}", imports.err());
    imports.fails(1, &["env a: function [i32] -> []", "env b: memory 1"]);
}

#[test]
fn features_switch_proposals() {
    let files =
        Files::new(&[("m.wat", b"(module (func (export \"f\") (result i32 i32) i32.const 1 i32.const 2))")]);
    files.rotifer(&["run", "m.wat"]).prints("1\n2\n");
    files.rotifer(&["run", "m.wat", "--features", "mvp,multi-value"]).prints("1\n2\n");
    files.rotifer(&["run", "m.wat", "--features", "-multi-value"]).fails(1, &["cannot load m.wat"]);
    files
        .rotifer(&["run", "m.wat", "--features", "warp"])
        .fails(2, &["no proposal is called `warp`", "memory64"]);
}

#[test]
fn validate_judges_every_file() {
    let files = Files::new(&[
        ("good.wat", b"(module (func))"),
        ("bad.wat", b"(module (func (result i32)))"),
        ("other.wat", b"(module)"),
    ]);
    files.rotifer(&["validate", "good.wat", "other.wat"]).prints("good.wat: valid\nother.wat: valid\n");
    let judged = files.rotifer(&["validate", "good.wat", "bad.wat", "other.wat"]);
    assert!(judged.out().contains("bad.wat: type mismatch"), "{}", judged.out());
    assert!(judged.out().ends_with("other.wat: valid\n"), "{}", judged.out());
    judged.fails(1, &[]);
    let quiet = files.rotifer(&["validate", "-q", "bad.wat"]);
    assert_eq!(quiet.out(), "");
    quiet.fails(1, &[]);
}

#[test]
fn wast_runs_scripts_and_folders() {
    let files = Files::new(&[
        ("scripts/good.wast", b"(module (func (export \"f\"))) (assert_return (invoke \"f\"))"),
        (
            "scripts/more/bad.wast",
            b"(module (func (export \"f\")))\n(assert_trap (invoke \"f\") \"unreachable\")",
        ),
        ("scripts/note.txt", b"no script"),
        ("empty/note.txt", b"no script"),
    ]);
    files
        .rotifer(&["wast", "scripts/good.wast"])
        .prints("1 scripts, 0 with failures; directives: 2 passed, 0 failed\n");
    let ran = files.rotifer(&["wast", "scripts", "--mode", "partial"]);
    let place: PathBuf = ["scripts", "more", "bad.wast"].iter().collect();
    assert!(
        ran.out().starts_with(&format!("{}:2:2: the result is nothing", place.display())),
        "{}",
        ran.out()
    );
    assert!(
        ran.out().ends_with("2 scripts, 1 with failures; directives: 3 passed, 1 failed\n"),
        "{}",
        ran.out()
    );
    // No progress bar where there is no terminal.
    assert_eq!(ran.err(), "");
    ran.fails(1, &[]);
    files.rotifer(&["wast", "empty"]).fails(1, &["no scripts (.wast) in empty"]);
    files.rotifer(&["wast", "none"]).fails(1, &["cannot read none"]);
}

#[test]
fn bytecode_stands_beside_the_operators() {
    let files = program();
    let all = files.rotifer(&["bytecode", "program.wasm"]).out();
    assert_eq!(all.matches("\nfunction ").count() + 1, 6, "{all}");
    let by_name = files.rotifer(&["bytecode", "program.wasm", "add"]).out();
    assert!(by_name.starts_with("function 1: (func"), "{by_name}");
    // The operator, and somewhere beside or below it the op with the forms of its operands.
    assert!(by_name.contains("  i32.add") && by_name.contains(": i32.add."), "{by_name}");
    assert_eq!(files.rotifer(&["bytecode", "program.wasm", "1"]).out(), by_name);
    assert!(files.rotifer(&["bytecode", "program.wasm", "inner"]).out().contains("unreachable"));
    files.rotifer(&["bytecode", "program.wasm", "0"]).fails(2, &["imported"]);
    files.rotifer(&["bytecode", "program.wasm", "77"]).fails(2, &["no function 77"]);
    files.rotifer(&["bytecode", "program.wasm", "nobody"]).fails(2, &["`nobody`"]);
}

#[test]
fn version_names_the_dispatchers() {
    let version = program().rotifer(&["--version"]).out();
    assert!(version.starts_with(concat!("rotifer ", env!("CARGO_PKG_VERSION"), "\ndispatch: ")), "{version}");
    assert!(version.contains(" (default)"), "{version}");
}

#[test]
fn help_documents_the_exit_codes() {
    let help = program().rotifer(&["--help"]).out();
    for text in ["run", "wast", "validate", "bytecode", "Exit codes", "134"] {
        assert!(help.contains(text), "{help}");
    }
    program().rotifer(&["frobnicate"]).fails(2, &["frobnicate"]);
    program().rotifer(&[]).fails(2, &["Usage"]);
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
