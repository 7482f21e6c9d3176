//! Which ops were executed, in builds that count them.

use rotifer::Dispatch;
use rotifer_bytecode::{OP_COUNT, OpCode};

/// Names of ops that the translator never writes, with the reason above each group; `*` stands for anything.
const NEVER: &str = include_str!("never.txt");

/// Compares the ops that were executed with those that should be. Nothing happens in builds that do not count.
pub(crate) fn check() {
    let lines = NEVER.lines().filter(|line| !line.starts_with('#'));
    let never: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    let mut complaints = Vec::new();
    for &dispatch in Dispatch::available() {
        let Some(counts) = dispatch.op_counts() else { return };
        let names: Vec<String> = (0..OP_COUNT).map(|number| OpCode(number as u16).to_string()).collect();
        let is_listed = |name: &str| never.iter().any(|pattern| fits(pattern, name));
        for (name, &count) in names.iter().zip(&counts) {
            match (count > 0, is_listed(name)) {
                (true, true) => {
                    complaints.push(format!("{}: {name} is executed, but listed", dispatch.name()))
                }
                (false, false) => complaints.push(format!("{}: {name} is never executed", dispatch.name())),
                _ => {}
            }
        }
        let stale = never.iter().filter(|pattern| !names.iter().any(|name| fits(pattern, name)));
        complaints.extend(stale.map(|pattern| format!("{pattern} is listed, but no op")));
        let executed = counts.iter().filter(|&&count| count > 0).count();
        let listed = names.iter().filter(|name| is_listed(name)).count();
        println!("{}: {executed} of {OP_COUNT} ops executed; {listed} are never written", dispatch.name());
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Whether a name fits a pattern.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name
            .strip_prefix(start)
            .is_some_and(|name| (0..=name.len()).any(|from| fits(rest, &name[from..]))),
    }
}
