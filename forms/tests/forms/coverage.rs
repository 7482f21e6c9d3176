//! Which ops were executed, in builds that count them.

use rotifer::Dispatch;
use rotifer_bytecode::{OP_COUNT, OpCode};
use std::collections::BTreeSet;

/// Names of ops that the translator never writes, with the reason above each group.
const NEVER: &str = include_str!("never.txt");

/// Compares the ops that were executed with those that should be. Nothing happens in builds that do not count.
pub(crate) fn check() {
    let mut complaints = Vec::new();
    for &dispatch in Dispatch::available() {
        let Some(counts) = dispatch.op_counts() else { return };
        let (mut executed, mut missing) = (0, 0);
        let mut listed = never();
        for number in 0..OP_COUNT as u16 {
            let name = OpCode(number).to_string();
            let is_listed = listed.remove(&name);
            match (counts[usize::from(number)] > 0, is_listed) {
                (true, false) => executed += 1,
                (false, true) => {}
                (true, true) => complaints.push(format!("{}: {name} is listed, but executed", dispatch.name())),
                (false, false) => {
                    missing += 1;
                    complaints.push(format!("{}: {name} is never executed", dispatch.name()));
                }
            }
        }
        for name in listed {
            complaints.push(format!("{name} is listed, but no op"));
        }
        println!("{}: {executed} of {OP_COUNT} ops executed, {missing} missing", dispatch.name());
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The list's names.
fn never() -> BTreeSet<String> {
    let lines = NEVER.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
}
