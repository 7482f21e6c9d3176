//! `cargo xtask bench`: the one command that builds the rivals.
//!
//! The benchmark is a workspace of its own in `benches/`; this builds it in release and hands all arguments
//! on. Its own `--help` lists them.

use crate::{cross, guests, repository};
use anyhow::{Context, Result};
use clap::Args;
use std::{env, ffi::OsString, fs, path::PathBuf};

/// What is handed on.
#[derive(Args)]
pub(crate) struct Options {
    /// The set (`execution`, `startup`, `all`), then options of the benchmark; `all --help` lists them.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true,
        value_name = "SET [OPTIONS]"
    )]
    arguments: Vec<OsString>,
}

/// Builds and runs the benchmark. wasm3 is left out where its bindings cannot be made, so that the others can be
/// measured; the benchmark says so too.
pub(crate) fn run(options: &Options) -> Result<()> {
    let manifest = repository::root().join("benches/Cargo.toml");
    let mut command = repository::cargo();
    // Paths among the arguments are relative to where the caller stands.
    command.current_dir(env::current_dir()?);
    command.args(["run", "--release", "--locked", "--manifest-path"]).arg(&manifest);
    if !has_libclang() {
        eprintln!("wasm3 is left out: its bindings need libclang (Debian: apt-get install libclang-dev)");
        let features = all_features(&fs::read_to_string(&manifest)?)?;
        let others: Vec<&str> = features.iter().filter(|&name| name != WASM3).map(String::as_str).collect();
        command.args(["--no-default-features", "--features", &others.join(",")]);
    }
    if needs_guests(&options.arguments) {
        match guests::build(guests::ENGINES) {
            Ok(folder) => drop(command.env(guests::VARIABLE, folder)),
            Err(error) => match cross::unavailable(&error) {
                Some(reason) => eprintln!("engines compiled to WebAssembly are left out: {reason}"),
                None => return Err(error),
            },
        }
    }
    command.arg("--").args(&options.arguments);
    repository::run(&mut command)
}

/// Whether engines that were compiled to WebAssembly take part.
fn needs_guests(arguments: &[OsString]) -> bool {
    let measures = !arguments.iter().any(|argument| argument == "--from");
    measures && ["inside", "itself", "all", "readme"].iter().any(|set| arguments[0] == *set)
}

/// The feature of the rival that needs libclang.
const WASM3: &str = "wasm3";

/// The benchmark's default features: every engine.
fn all_features(manifest: &str) -> Result<Vec<String>> {
    let manifest: toml::Table = manifest.parse()?;
    let default = manifest.get("features").and_then(|features| features.get("default"));
    let names =
        default.and_then(toml::Value::as_array).context("benches/Cargo.toml has no default features")?;
    Ok(names.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect())
}

/// Whether bindgen will find libclang: where its search looks on Linux.
fn has_libclang() -> bool {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let mut folders: Vec<PathBuf> = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ]
    .map(PathBuf::from)
    .into();
    // Debian's versions lie beside each other: /usr/lib/llvm-19/lib.
    for entry in fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("llvm") {
            folders.push(entry.path().join("lib"));
        }
    }
    folders.iter().any(|folder| {
        let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.map(|name| name.to_string_lossy().into_owned()).any(|name| is_libclang(&name))
    })
}

/// `libclang.so`, `libclang.so.1`, `libclang-14.so.1`; not `libclang-cpp.so`.
fn is_libclang(name: &str) -> bool {
    let version = name.strip_prefix("libclang").and_then(|rest| rest.split_once(".so"));
    version.is_some_and(|(version, _)| !version.contains("cpp"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_are_found() {
        let manifest = fs::read_to_string(repository::root().join("benches/Cargo.toml")).unwrap();
        let features = all_features(&manifest).unwrap();
        assert!(features.iter().any(|name| name == WASM3) && features.iter().any(|name| name == "rotifer"));
    }

    #[test]
    fn libclang_is_known_by_its_names() {
        assert!(["libclang.so", "libclang.so.1", "libclang-14.so.14.0.6"].into_iter().all(is_libclang));
        assert!(!["libclang-cpp.so.14", "libclangAST.a", "libc.so.6"].into_iter().any(is_libclang));
    }
}
