//! Where `unsafe` may stand, and what must be said beside it.
//!
//! The architecture keeps unsafe code in the executor and one file of `core`. What stands elsewhere is on a
//! list here with its reason, and an entry that is no longer needed is an error, so the list can only say
//! what is true. Every unsafe block and impl has a `SAFETY:` comment right above its statement. An
//! invariant that such a comment cites (`I-NAME`) must be one that `docs/INVARIANTS.md` defines; in the
//! executor and `core` the comment of a block must cite one, or say that the caller promised what is needed.

use super::{
    Complaint,
    source::{Kind, SourceFile},
};
use crate::repository;
use anyhow::Result;
use proc_macro2::Delimiter;
use std::{collections::BTreeSet, fs};

/// Where the architecture puts unsafe code, and where invariants must be cited.
const HOMES: &[&str] = &["crates/core/src/", "crates/executor/"];

/// Files of `core` with unsafe code; the architecture allows one.
const CORE_FILES_MAX: usize = 1;

/// Who else uses `unsafe`, and why.
const ALLOWED: &[(&str, &str)] = &[
    ("benches/kernels/src/freestanding.rs", "the allocator of modules without a standard library"),
    ("benches/kernels/src/lib.rs", "`export_name` is an unsafe attribute"),
    ("benches/guest/src/lib.rs", "`no_mangle` is an unsafe attribute"),
    ("benches/src/engines/", "measures the engines' unchecked modes"),
    ("crates/bytecode/src/code.rs", "translated code holds addresses and is shared between threads"),
    ("crates/cli/src/options.rs", "`--mode unchecked`"),
    ("crates/rotifer/tests/leaks.rs", "an allocator that counts"),
    ("crates/rotifer/tests/hostile/allocator.rs", "an allocator that counts"),
    ("crates/rotifer/tests/usage.rs", "an allocator that counts"),
    ("crates/snapshot/tests/memory.rs", "an allocator that counts"),
    ("crates/rotifer/tests/api/bytes.rs", "tests owners of bytes, who promise not to change them"),
    ("crates/rotifer/tests/api/modes.rs", "tests the unchecked mode"),
    ("crates/rotifer/tests/api/reset.rs", "writes to a memory behind the engine's back"),
    ("crates/rotifer/tests/api/warm.rs", "writes to a memory behind the engine's back"),
    ("crates/rotifer/src/", "turns untyped slots into values of the type that validation proved"),
    ("fuzz/src/api/modules.rs", "loads modules unchecked that were just validated"),
    ("fuzz/src/execute.rs", "fuzzes the unchecked mode on modules known to be valid"),
    ("oracle/tests/engine/subject.rs", "compares the unchecked mode with the oracle too"),
    ("crates/wast/src/directive.rs", "runs the suite in unchecked mode too"),
];

/// The invariants that `docs/INVARIANTS.md` defines: names that begin a line, markup aside.
pub(crate) fn invariants() -> Result<BTreeSet<String>> {
    let path = repository::root().join("docs/INVARIANTS.md");
    let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    let names = text.lines().filter_map(|line| {
        let line = line.trim_start_matches(['#', '-', '*', '|', '`', ' ']);
        cited(line).into_iter().next().filter(|name| line.starts_with(name.as_str()))
    });
    Ok(names.collect())
}

/// The invariants that `text` names: `I-` and capitals, digits or dashes.
fn cited(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    text.split(|c: char| !is_part(c))
        .filter(|word| word.starts_with("I-") && word.len() > 2)
        .map(|word| word.trim_end_matches('-').to_owned())
        .collect()
}

/// Checks every `unsafe` of one file.
pub(crate) fn check(file: &SourceFile, invariants: &BTreeSet<String>, complaints: &mut Vec<Complaint>) {
    let is_home = HOMES.iter().any(|home| file.path.starts_with(home));
    let is_allowed = is_home || ALLOWED.iter().any(|(path, _)| file.path.starts_with(path));
    for (index, token) in file.tokens.iter().enumerate() {
        if file.word(index) != Some("unsafe") {
            continue;
        }
        if !is_allowed {
            complaints.push(Complaint::of_line(file, token.line, "`unsafe` where the architecture has none"));
        }
        let is_block =
            file.tokens.get(index + 1).is_some_and(|next| next.kind == Kind::Open(Delimiter::Brace));
        if !is_block && file.word(index + 1) != Some("impl") {
            continue;
        }
        let Some(comment) = safety_comment(file, token.line) else {
            complaints.push(Complaint::of_line(file, token.line, "no `SAFETY:` comment above"));
            continue;
        };
        let cited = cited(&comment);
        for name in cited.iter().filter(|name| !invariants.contains(*name)) {
            let rule = format!("cites {name}, which docs/INVARIANTS.md does not define");
            complaints.push(Complaint::of_line(file, token.line, rule));
        }
        if is_home && is_block && cited.is_empty() && !comment.contains("caller") {
            let rule = "the `SAFETY:` comment cites no invariant and no promise of the caller";
            complaints.push(Complaint::of_line(file, token.line, rule));
        }
    }
}

/// The `SAFETY:` comment above the statement, match arm or item that holds the `unsafe` at `line`.
fn safety_comment(file: &SourceFile, line: usize) -> Option<String> {
    /// How many lines a statement may need before its `unsafe`.
    const STATEMENT_LINES_MAX: usize = 8;
    let is_comment = |number: usize| file.line(number).starts_with("//");
    let mut above = line - 1;
    while above > 0 && !is_comment(above) {
        let text = file.line(above);
        let ends_before = text.is_empty() || text.ends_with([';', '{', '}']);
        if ends_before || line - above > STATEMENT_LINES_MAX {
            return None;
        }
        above -= 1;
    }
    let mut comment = Vec::new();
    while above > 0 && is_comment(above) {
        comment.push(file.line(above).trim_start_matches('/').trim());
        above -= 1;
    }
    comment.reverse();
    let comment = comment.join(" ");
    comment.find("SAFETY:").map(|start| comment[start..].to_owned())
}

/// No entry of the list is stale, and `core` keeps its unsafe code in one file.
pub(crate) fn check_allowances<'a>(
    files: impl Iterator<Item = &'a SourceFile> + Clone,
    complaints: &mut Vec<Complaint>,
) {
    let users = files.filter(|file| (0..file.tokens.len()).any(|index| file.word(index) == Some("unsafe")));
    for (path, reason) in ALLOWED {
        if !users.clone().any(|file| file.path.starts_with(path)) {
            let rule = format!("is allowed `unsafe` in xtask ({reason}) but has none");
            complaints.push(Complaint::of_file(path, rule));
        }
    }
    let in_core = users.filter(|file| file.path.starts_with("crates/core/")).count();
    if in_core > CORE_FILES_MAX {
        let rule = format!("{in_core} files with `unsafe`; the architecture allows {CORE_FILES_MAX}");
        complaints.push(Complaint::of_file("crates/core", rule));
    }
}

/// Numbers become pointers in one file only (I-ADDRESS); clippy and the compiler do not know which.
pub(crate) fn check_addresses(file: &SourceFile, complaints: &mut Vec<Complaint>) {
    const WORDS: [&str; 3] = ["expose_provenance", "with_exposed_provenance", "with_exposed_provenance_mut"];
    if file.path == "crates/executor/src/address.rs" {
        return;
    }
    for (index, token) in file.tokens.iter().enumerate() {
        if let Some(word) = file.word(index).filter(|word| WORDS.contains(word)) {
            let rule = format!("`{word}` stands in crates/executor/src/address.rs only");
            complaints.push(Complaint::of_line(file, token.line, rule));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let invariants = BTreeSet::from(["I-SLOT".to_owned()]);
        let mut complaints = Vec::new();
        check(&SourceFile::parse(path, text).unwrap(), &invariants, &mut complaints);
        complaints.into_iter().map(|complaint| complaint.rule).collect()
    }

    #[test]
    fn unsafe_outside_its_homes_is_found() {
        let text = "fn f() {\n    // SAFETY: I-SLOT.\n    unsafe { g() }\n}";
        assert_eq!(complaints("crates/cli/src/main.rs", text), ["`unsafe` where the architecture has none"]);
        assert!(complaints("crates/executor/src/a.rs", text).is_empty());
    }

    #[test]
    fn words_in_strings_and_comments_are_not_code() {
        assert!(complaints("crates/cli/src/main.rs", "// unsafe { }\nfn f() { \"unsafe { }\"; }").is_empty());
    }

    #[test]
    fn a_block_without_comment_is_found() {
        let text = "fn f() {\n    // SAFETY: I-SLOT.\n    let a = 1;\n    unsafe { g(a) }\n}";
        assert_eq!(complaints("crates/executor/src/a.rs", text), ["no `SAFETY:` comment above"]);
    }

    #[test]
    fn a_comment_may_stand_above_a_statement_of_several_lines() {
        let text = "fn f() {\n    // SAFETY: promised by\n    // the caller.\n    let a = first\n        .second(unsafe { g() });\n}";
        assert!(complaints("crates/executor/src/a.rs", text).is_empty());
    }

    #[test]
    fn cited_invariants_must_exist() {
        let text = "fn f() {\n    // SAFETY: I-SLOT and I-NONE.\n    unsafe { g() }\n}";
        let rule = "cites I-NONE, which docs/INVARIANTS.md does not define";
        assert_eq!(complaints("crates/executor/src/a.rs", text), [rule]);
        let text = "fn f() {\n    // SAFETY: it is fine.\n    unsafe { g() }\n}";
        let rule = "the `SAFETY:` comment cites no invariant and no promise of the caller";
        assert_eq!(complaints("crates/executor/src/a.rs", text), [rule]);
        assert!(complaints("crates/rotifer/src/a.rs", text).is_empty());
    }

    #[test]
    fn exposed_addresses_are_found() {
        let text = "fn f(p: *const u8) -> usize { p.expose_provenance() }";
        for (path, count) in [("crates/executor/src/address.rs", 0), ("crates/executor/src/table.rs", 1)] {
            let mut complaints = Vec::new();
            check_addresses(&SourceFile::parse(path, text).unwrap(), &mut complaints);
            assert_eq!(complaints.len(), count, "{path}");
        }
    }

    #[test]
    fn declarations_need_no_comment() {
        assert!(complaints("crates/executor/src/a.rs", "unsafe fn f() {}\nunsafe trait T {}").is_empty());
        let text = "unsafe impl T for U {}";
        assert_eq!(complaints("crates/executor/src/a.rs", text), ["no `SAFETY:` comment above"]);
    }
}
