//! `rotifer wast`.

use crate::Files;
use serde_json::json;
use std::path::PathBuf;

#[test]
fn runs_scripts_and_folders() {
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
fn json_sums_up_and_lists_failures() {
    let files = Files::new(&[
        ("good.wast", b"(module (func (export \"f\"))) (assert_return (invoke \"f\"))"),
        ("bad.wast", b"(module (func (export \"f\")))\n(assert_trap (invoke \"f\") \"unreachable\")"),
    ]);
    let ran = files.rotifer(&["wast", "--format", "json", "good.wast", "bad.wast"]);
    let mut document = ran.json();
    assert_eq!(ran.out().lines().count(), 1);
    ran.fails(1, &[]);
    let message = document["scripts"][1]["failures"][0]["message"].take();
    assert!(message.as_str().unwrap().contains("the result is nothing"), "{message}");
    let expected = json!({
        "scripts": [
            {"file": "good.wast", "passed": 2, "failed": 0, "not_applicable": 0, "failures": []},
            {
                "file": "bad.wast", "passed": 1, "failed": 1, "not_applicable": 0,
                "failures": [{"line": 2, "column": 2, "message": null}]
            },
        ],
        "failed_scripts": 1, "passed": 3, "failed": 1, "not_applicable": 0,
    });
    assert_eq!(document, expected);
    let quiet = files.rotifer(&["wast", "--format", "json", "--quiet", "bad.wast"]).json();
    assert_eq!((&quiet["failed"], &quiet["scripts"][0]["failures"]), (&json!(1), &json!([])));
}
