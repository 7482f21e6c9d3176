//! `rotifer validate`, and the switches for proposals.

use crate::Files;
use serde_json::json;

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
fn judges_every_file() {
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
fn json_says_what_is_wrong_and_where() {
    let files = Files::new(&[
        ("good.wat", b"(module (func))"),
        ("bad.wat", b"(module (func) (func (result i32)))"),
        ("text.wat", b"(module (func"),
        ("broken.wasm", b"\0asm\x01\0\0\0\x01"),
        ("simd.wat", b"(module (func (param v128)))"),
    ]);
    let ran = files.rotifer(&[
        "validate",
        "--format",
        "json",
        "good.wat",
        "bad.wat",
        "text.wat",
        "broken.wasm",
        "simd.wat",
        "none",
    ]);
    let document = ran.json();
    assert_eq!(ran.out().lines().count(), 1);
    ran.fails(1, &[]);
    let found = document["files"].as_array().unwrap();
    assert_eq!(found[0], json!({"file": "good.wat", "valid": true, "error": null}));
    let kinds: Vec<_> = found[1..].iter().map(|file| file["error"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["invalid", "text", "malformed", "unsupported", "unreadable"]);
    let error = &found[1]["error"];
    assert_eq!(error["function"], json!(1));
    assert!(error["message"].as_str().unwrap().contains("type mismatch"), "{error}");
    assert!(error["offset"].as_u64().is_some(), "{error}");
    assert_eq!(files.rotifer(&["validate", "--format", "json", "-q", "bad.wat"]).out(), "");
}

#[test]
fn colors_are_for_terminals() {
    let files = Files::new(&[("good.wat", b"(module)"), ("bad.wat", b"(module (func (result i32)))")]);
    let args = ["validate", "good.wat", "bad.wat"];
    let out = |variables: &[&str]| {
        let mut command = files.command(&args);
        command.envs(variables.iter().map(|name| (name, "1")));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(!out(&[]).contains('\u{1b}'));
    assert!(!out(&["NO_COLOR"]).contains('\u{1b}'));
    let colored = out(&["CLICOLOR_FORCE"]);
    assert!(colored.contains("good.wat: \u{1b}[32mvalid\u{1b}[0m\n"), "{colored:?}");
    assert!(colored.contains("bad.wat: \u{1b}[1m\u{1b}[31mtype mismatch"), "{colored:?}");
    // The errors of all commands as well.
    let error = |variable: &str| {
        let output = files.command(&["run", "none"]).env(variable, "1").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(error("CLICOLOR_FORCE").starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m cannot read none"));
    assert!(error("NO_COLOR").starts_with("error: cannot read none"));
}
