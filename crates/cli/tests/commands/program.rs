//! What the program says of itself: versions, help, manual pages, completions.

use crate::program;
use std::{fs, process::Command};

#[test]
fn version_names_the_dispatchers() {
    let version = program().rotifer(&["--version"]).out();
    assert!(version.starts_with(concat!("rotifer ", env!("CARGO_PKG_VERSION"), "\ndispatch: ")), "{version}");
    assert!(version.contains(" (default)"), "{version}");
}

#[test]
fn help_documents_the_exit_codes() {
    let help = program().rotifer(&["--help"]).out();
    for text in ["run", "snapshot", "wast", "validate", "bytecode", "Exit codes", "134"] {
        assert!(help.contains(text), "{help}");
    }
    program().rotifer(&["frobnicate"]).fails(2, &["frobnicate"]);
    program().rotifer(&[]).fails(2, &["Usage"]);
}

/// As in the manual.
const COMMANDS: [&str; 8] =
    ["run", "snapshot", "wast", "validate", "inspect", "bytecode", "completions", "man"];

#[test]
fn every_command_has_help_and_is_in_the_manual() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/CLI.md");
    let manual = fs::read_to_string(manual).unwrap();
    let help = program().rotifer(&["--help"]).out();
    for command in COMMANDS {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        assert!(manual.contains(&format!("`rotifer {command} ")), "{command} is not in the manual");
        let own = program().rotifer(&[command, "--help"]).out();
        let options = own.lines().filter_map(|line| line.trim_start().strip_prefix("--")?.split(' ').next());
        for option in options {
            assert!(manual.contains(&format!("--{option}")), "--{option} of {command} is not in the manual");
        }
    }
}

#[test]
fn completions_know_all_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = program().rotifer(&["completions", shell]);
        for command in COMMANDS {
            assert!(ran.out().contains(command), "{command} is not in the completions for {shell}");
        }
        assert!(ran.out().contains("max-memory"), "{shell}");
        ran.fails(0, &[]);
    }
    program().rotifer(&["completions", "abacus"]).fails(2, &["abacus", "zsh"]);
}

#[test]
fn the_shell_accepts_its_completions() {
    let files = program();
    let script = files.rotifer(&["completions", "bash"]).out();
    fs::write(files.path().join("rotifer.bash"), script).unwrap();
    let Ok(output) = Command::new("bash").args(["-n", "rotifer.bash"]).current_dir(files.path()).output()
    else {
        // Without the shell there is nothing to ask.
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn man_writes_a_page_for_each_command() {
    let files = program();
    files.rotifer(&["man", "share/man1"]).prints("");
    let mut pages: Vec<String> = fs::read_dir(files.path().join("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let mut expected: Vec<String> = COMMANDS.iter().map(|command| format!("rotifer-{command}.1")).collect();
    expected.push("rotifer.1".to_owned());
    expected.sort();
    assert_eq!(pages, expected);
    let page = fs::read_to_string(files.path().join("share/man1/rotifer-run.1")).unwrap();
    for text in [".TH rotifer-run 1", "\\-\\-max\\-memory", "rotifer run"] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    let all = files.rotifer(&["man", "-"]).out();
    assert_eq!(all.matches(".TH ").count(), expected.len());
    assert!(all.contains("134  WebAssembly trapped"), "{all}");
    files.rotifer(&["man", "program.wat"]).fails(1, &["cannot write program.wat"]);
}
