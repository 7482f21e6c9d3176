//! The crates and who may depend on whom, as ARCHITECTURE.md draws it.

use super::{Complaint, source::SourceFile};
use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// Each crate with the arrows that leave it in the drawing. A crate may depend on everything below it.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("bytecode", &["core"]),
    ("validator", &["bytecode"]),
    ("translator", &["validator"]),
    ("executor", &["validator"]),
    ("snapshot", &["core"]),
    ("rotifer", &["translator", "executor", "snapshot"]),
    ("wast", &["rotifer"]),
    ("wasi", &["rotifer"]),
    ("cli", &["wast", "wasi", "rotifer"]),
];

/// The crates that work without an operating system.
const NO_STD: &[&str] = &["core", "bytecode", "validator", "translator", "executor", "snapshot", "rotifer"];

/// The crate a file of the repository belongs to.
fn crate_of(file: &SourceFile) -> Option<&str> {
    file.path.strip_prefix("crates/")?.split('/').next()
}

/// Everything below `name`.
fn below(name: &str) -> BTreeSet<&'static str> {
    let arrows = ARROWS.iter().find(|(from, _)| *from == name).map_or(&[][..], |(_, arrows)| *arrows);
    arrows.iter().flat_map(|arrow| below(arrow).into_iter().chain([*arrow])).collect()
}

/// Compares the manifests in `folder` with the drawing.
pub(crate) fn check(folder: &Path, complaints: &mut Vec<Complaint>) -> Result<()> {
    for (name, dependencies) in crates(folder)? {
        let place = format!("crates/{name}/Cargo.toml");
        let Some((_, arrows)) = ARROWS.iter().find(|(known, _)| *known == name) else {
            complaints.push(Complaint::of_file(&place, "the architecture has no such crate"));
            continue;
        };
        let allowed = below(&name);
        for dependency in dependencies.iter().filter(|dependency| !allowed.contains(dependency.as_str())) {
            let rule = format!("depends on {dependency}, which is not below it in the architecture");
            complaints.push(Complaint::of_file(&place, rule));
        }
        for arrow in arrows.iter().filter(|arrow| !dependencies.contains(**arrow)) {
            let rule = format!("does not depend on {arrow}, though the architecture draws an arrow");
            complaints.push(Complaint::of_file(&place, rule));
        }
    }
    Ok(())
}

/// The crates in `folder` with those of them that each depends on. Dependencies of tests do not count.
fn crates(folder: &Path) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut found = BTreeMap::new();
    for entry in folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let manifest_path = path.join("Cargo.toml");
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if !manifest_path.exists() {
            continue;
        }
        let manifest: toml::Table = fs::read_to_string(&manifest_path)?
            .parse()
            .with_context(|| format!("in {}", manifest_path.display()))?;
        found.insert(name.to_owned(), ours(&manifest));
    }
    Ok(found)
}

/// The crates of this repository among a manifest's dependencies, by folder.
fn ours(manifest: &toml::Table) -> BTreeSet<String> {
    let tables =
        ["dependencies", "build-dependencies"].into_iter().filter_map(|name| manifest.get(name)?.as_table());
    let names = tables.flat_map(toml::Table::keys).filter_map(|name| match name.strip_prefix("rotifer-") {
        Some(folder) => Some(folder),
        None => (name == "rotifer").then_some("rotifer"),
    });
    names.map(str::to_owned).collect()
}

/// No library crate does input or output.
pub(crate) fn check_io(file: &SourceFile, complaints: &mut Vec<Complaint>) {
    const OUTSIDE_WORLD: [&str; 5] = ["env", "fs", "io", "net", "process"];
    let is_library = crate_of(file).is_some_and(|name| NO_STD.contains(&name));
    if !is_library || !file.path.contains("/src/") {
        return;
    }
    for (index, token) in file.tokens.iter().enumerate() {
        if file.word(index) != Some("std") || !file.is_path_separator(index + 1) {
            continue;
        }
        if let Some(module) = file.word(index + 3).filter(|module| OUTSIDE_WORLD.contains(module)) {
            let rule = format!("`std::{module}` in a library crate: they do no input or output");
            complaints.push(Complaint::of_line(file, token.line, rule));
        }
    }
}

/// Library crates are `no_std`, and name `std` only behind the feature. Built without the feature, any other
/// use of `std` then fails to compile, on every host.
pub(crate) fn check_std(file: &SourceFile, complaints: &mut Vec<Complaint>) {
    let Some(name) = crate_of(file).filter(|name| NO_STD.contains(name)) else {
        return;
    };
    if file.path == format!("crates/{name}/src/lib.rs") && !file.lines.iter().any(|line| line == "#![no_std]")
    {
        complaints.push(Complaint::of_file(&file.path, "a library crate without `#![no_std]`"));
    }
    for (index, token) in file.tokens.iter().enumerate() {
        let words = [0, 1, 2].map(|offset| file.word(index + offset));
        if words == [Some("extern"), Some("crate"), Some("std")] {
            let guard = file.line(token.line.saturating_sub(1));
            let is_guarded = guard.starts_with("#[cfg(")
                && (guard.contains("feature = \"std\"") || guard.contains("test"));
            if !is_guarded {
                complaints.push(Complaint::of_line(
                    file,
                    token.line,
                    "`std` without `#[cfg(feature = \"std\")]`",
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_below_are_found_through_others() {
        assert_eq!(below("executor"), BTreeSet::from(["core", "bytecode", "validator"]));
        assert!(!below("executor").contains("translator"));
        assert!(below("cli").contains("core"));
    }

    #[test]
    fn dependencies_of_tests_do_not_count() {
        let manifest = "[dependencies]\nrotifer-core = {}\nlibm = \"1\"\nrotifer = {}\n[dev-dependencies]\nrotifer-cli = {}";
        assert_eq!(
            ours(&manifest.parse().unwrap()),
            BTreeSet::from(["core".to_owned(), "rotifer".to_owned()])
        );
    }

    #[test]
    fn std_is_found_outside_its_guard() {
        let check = |path: &str, text: &str| {
            let file = SourceFile::parse(path, text).unwrap();
            let mut complaints = Vec::new();
            check_std(&file, &mut complaints);
            check_io(&file, &mut complaints);
            complaints.len()
        };
        let good = "#![no_std]\n#[cfg(feature = \"std\")]\nextern crate std;";
        assert_eq!(check("crates/core/src/lib.rs", good), 0);
        assert_eq!(check("crates/core/src/lib.rs", "#![no_std]\nextern crate std;"), 1);
        assert_eq!(check("crates/core/src/lib.rs", "fn f() {}"), 1);
        assert_eq!(check("crates/core/src/a.rs", "use std::fs::File;"), 1);
        assert_eq!(check("crates/core/src/a.rs", "use std::sync::Arc; // std::fs"), 0);
        assert_eq!(check("crates/cli/src/main.rs", "use std::fs::File;"), 0);
    }
}
