//! The repository's rules, checked.
//!
//! Each rule is one that the compiler and clippy do not know: who may depend on whom, where `unsafe` may
//! stand and what must be said beside it, how files begin. A rule that cannot be checked without guessing is
//! not here. `cargo test` runs all of them, so breaking one is found before it is committed.

mod graph;
mod source;
mod unsafe_code;

use crate::repository;
use anyhow::{Result, ensure};
use source::SourceFile;
use std::fmt;

/// A broken rule.
#[derive(Debug)]
pub(crate) struct Complaint {
    place: String,
    line: Option<usize>,
    rule: String,
}

impl Complaint {
    fn of_file(place: &str, rule: impl Into<String>) -> Self {
        Self { place: place.to_owned(), line: None, rule: rule.into() }
    }

    fn of_line(file: &SourceFile, line: usize, rule: impl Into<String>) -> Self {
        Self { place: file.path.clone(), line: Some(line), rule: rule.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.place, self.rule),
            None => write!(f, "{}: {}", self.place, self.rule),
        }
    }
}

/// Checks everything and lists what is wrong.
pub(crate) fn run() -> Result<()> {
    let complaints = check()?;
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    ensure!(complaints.is_empty(), "{} rules broken", complaints.len());
    Ok(())
}

/// Every broken rule of the repository.
fn check() -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let crates = source::read_all(&["crates"])?;
    let others = source::read_all(&["xtask", "benches", "spec-tests", "oracle", "fuzz", "examples"])?;
    let invariants = unsafe_code::invariants()?;
    for file in crates.iter().chain(&others) {
        source::check_head(file, &mut complaints);
        source::check_name(file, &mut complaints);
        source::check_macros(file, &mut complaints);
        unsafe_code::check(file, &invariants, &mut complaints);
        unsafe_code::check_addresses(file, &mut complaints);
    }
    for file in &crates {
        graph::check_io(file, &mut complaints);
        graph::check_std(file, &mut complaints);
    }
    graph::check(&repository::root().join("crates"), &mut complaints)?;
    unsafe_code::check_allowances(crates.iter().chain(&others), &mut complaints);
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_follows_its_rules() {
        let complaints: Vec<String> = check().unwrap().iter().map(Complaint::to_string).collect();
        assert!(complaints.is_empty(), "{} rules broken:\n{}", complaints.len(), complaints.join("\n"));
    }
}
