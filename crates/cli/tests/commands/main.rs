//! The commands, as a user runs them: output, errors and exit codes.

mod bytecode;
mod inspect;
mod limits;
mod profile;
mod program;
mod run;
mod snapshot;
mod validate;
mod wasi;
mod wast;

use serde_json::Value;
use std::{
    fs,
    path::Path,
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
        Ran(self.command(args).output().unwrap())
    }

    /// What [`Files::rotifer`] runs.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rotifer"));
        command.args(args).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["NO_COLOR", "CLICOLOR_FORCE", "CLICOLOR"] {
            command.env_remove(variable);
        }
        command
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

    /// The last line of the output as a JSON document.
    #[track_caller]
    fn json(&self) -> Value {
        let out = self.out();
        let line = out.lines().last().unwrap_or_else(|| panic!("no output: {}", self.err()));
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
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
