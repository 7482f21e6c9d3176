//! The golden files of `spec-tests/fuel/`, run by the engine.

use crate::subject::{Manner, Runner, engine, load, ways};
use rotifer_oracle::{Module, script};
use std::{fs, path::Path};

#[test]
fn golden_files_say_what_the_engine_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec-tests/fuel");
    let mut failures = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wat") {
            let text = fs::read_to_string(&path).unwrap();
            failures.extend(check(&path.display().to_string(), &text));
        }
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
}

/// Plays a file in every way, several times: functions are translated when they are called first.
fn check(name: &str, text: &str) -> Vec<String> {
    let wasm = script::wasm(text).unwrap();
    let read = Module::read(&wasm).unwrap();
    let mut options = script::options(text, &read).unwrap();
    let mut failures = Vec::new();
    for way in ways() {
        // Whether NaNs are made canonical is not seen in fuel.
        options.canonical_nans = !options.canonical_nans;
        let module = load(&engine(way, &options), way.load, &wasm).unwrap();
        for (round, manner) in
            [("cold", Manner::Plain), ("warm", Manner::Plain), ("disturbed", Manner::Disturbed)]
        {
            let played =
                script::play(text, &read, &mut Runner::new(&module, &read, &options, manner)).unwrap();
            if played != text {
                failures.push(format!("--- {name}, {way:?}, {round}\n{}", differences(text, &played)));
            }
        }
    }
    failures
}

/// The lines that differ, each with the directive above it.
fn differences(expected: &str, played: &str) -> String {
    let groups = |text: &str| -> Vec<String> {
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(";;")).collect();
        let mut groups: Vec<String> = Vec::new();
        for line in lines {
            match groups.last_mut() {
                Some(group) if line.starts_with(";;>") => {
                    group.push_str("\n    ");
                    group.push_str(line);
                }
                _ => groups.push(line.to_owned()),
            }
        }
        groups
    };
    let pairs =
        groups(expected).into_iter().zip(groups(played)).filter(|(expected, played)| expected != played);
    pairs.map(|(expected, played)| format!("expected {expected}\nbut got  {played}\n")).collect()
}
