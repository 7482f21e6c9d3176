//! `cargo xtask kernels`: compiles the benchmark's kernels to the modules in `benches/kernels/wasm`.
//!
//! The modules are committed, because most machines lack a Rust that targets WebAssembly; `cargo xtask cross`
//! says where one comes from. Another compiler may produce other code: rebuild only to change a kernel, and
//! measure again afterwards.

use crate::{cross, repository};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

const TARGET: &str = "wasm32-unknown-unknown";

/// The module that exports every Rust kernel under its own name.
const COMBINED: &str = "all";

/// How the kernels are built.
#[derive(Args)]
pub(crate) struct Options {
    /// Only compares with the committed modules.
    #[arg(long)]
    check: bool,
}

/// Builds every kernel.
pub(crate) fn run(options: &Options) -> Result<()> {
    let folder = repository::root().join("benches/kernels");
    let mut total = 0;
    let mut changed = Vec::new();
    let mut names = rust_kernels(&folder)?;
    names.push(COMBINED.to_owned());
    for name in &names {
        let module = compile(&folder, name)?;
        total += install(options, &folder, name, &module, &mut changed)?;
    }
    for path in repository::files(&folder.join("wat"), "wat")? {
        let name = path.file_stem().and_then(OsStr::to_str).context("a file name that is not text")?;
        let module = wat::parse_file(&path)?;
        total += install(options, &folder, name, &module, &mut changed)?;
    }
    println!("{total} bytes in all");
    ensure!(
        !options.check || changed.is_empty(),
        "differs from the committed module: {}",
        changed.join(", ")
    );
    Ok(())
}

/// The names in the `kernels!` list of the crate.
fn rust_kernels(folder: &Path) -> Result<Vec<String>> {
    let source = fs::read_to_string(folder.join("src/lib.rs"))?;
    let (_, list) =
        source.split_once("\nkernels! {").context("benches/kernels/src/lib.rs lists no kernels")?;
    let (list, _) = list.split_once("\n}").context("the list of kernels does not end")?;
    Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Compiles the crate with only kernel `name` exported.
fn compile(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let target_dir = match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => PathBuf::from(dir).join("kernels"),
        None => folder.join("target"),
    };
    let mut command = cross::cargo_with(TARGET, Some("core,alloc"))?;
    command.current_dir(folder);
    command.args(["rustc", "--quiet", "--release", "--lib", "--crate-type", "cdylib"]);
    command.arg("--target-dir").arg(&target_dir);
    command.arg("--").arg("--cfg").arg(format!("kernel=\"{name}\""));
    // The square root instruction is behind an unstable name in `core`. The stack of 64 KiB keeps memories
    // small.
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Clink-arg=-zstack-size=65536");
    repository::run(&mut command)?;
    let path = target_dir.join(TARGET).join("release/rotifer_kernels.wasm");
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes or compares one module and returns its size.
fn install(
    options: &Options,
    folder: &Path,
    name: &str,
    module: &[u8],
    changed: &mut Vec<String>,
) -> Result<usize> {
    let module = without_custom_sections(module).with_context(|| format!("kernel {name}"))?;
    let path = folder.join("wasm").join(name).with_extension("wasm");
    if fs::read(&path).ok().as_deref() != Some(&module) {
        changed.push(name.to_owned());
    }
    if !options.check {
        fs::write(&path, &module)?;
    }
    println!("{name}: {} bytes", module.len());
    Ok(module.len())
}

/// Drops names and notes on the producer: nothing that runs.
fn without_custom_sections(module: &[u8]) -> Result<Vec<u8>> {
    const HEADER_LEN: usize = 8;
    ensure!(module.len() >= HEADER_LEN, "not a module");
    let (header, mut rest) = module.split_at(HEADER_LEN);
    let mut kept = header.to_vec();
    while !rest.is_empty() {
        let section_len = section_len(rest)?;
        let (section, after) = rest.split_at_checked(section_len).context("a section is cut off")?;
        if section[0] != 0 {
            kept.extend_from_slice(section);
        }
        rest = after;
    }
    Ok(kept)
}

/// The length of the section at the start of `bytes`: id, size in LEB128, contents.
fn section_len(bytes: &[u8]) -> Result<usize> {
    let mut size = 0;
    for (i, &byte) in bytes[1..].iter().enumerate().take(5) {
        size |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Ok(1 + i + 1 + size);
        }
    }
    bail!("a section's size does not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_sections_are_dropped_and_others_kept() {
        let module =
            wat::parse_str(r#"(module $named (memory 1) (func $f) (@custom "note" "text"))"#).unwrap();
        let bare = wat::parse_str("(module (memory 1) (func))").unwrap();
        assert_ne!(module, bare);
        assert_eq!(without_custom_sections(&module).unwrap(), bare);
    }

    #[test]
    fn a_cut_section_is_an_error() {
        let module = wat::parse_str("(module (memory 1))").unwrap();
        assert!(without_custom_sections(&module[..module.len() - 1]).is_err());
    }
}
