//! Packages of Debian: a newer Rust with its library's sources, cross compilers and qemu.
//!
//! Rust is unpacked into a folder, not installed: its packages and rustup exclude each other. The names of
//! some of its packages contain versions, so they are looked up.

use super::{Unavailable, cache, target::Machine};
use crate::repository;
use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The packages with the compiler and the sources of its library, the best first: stable Debian has a newer
/// Rust under another name, for building browsers.
const FAMILIES: [(&str, &str); 2] = [("rustc-web", "rust-web-src"), ("rustc", "rust-src")];

/// The programs that are called from outside.
const RUST_PROGRAMS: [&str; 2] = ["rustc", "rustdoc"];

/// The folder with `rustc`, `rustdoc` and `wasm-ld`; fetched at its first use.
pub(super) fn toolchain() -> Result<PathBuf> {
    let wanted = minimum()?;
    let folder = cache()?.join("rust");
    if folder.exists() {
        match version_of(&folder.join("rustc")) {
            Ok(version) if version >= wanted => return Ok(folder),
            Ok(_) => println!("the Rust in {} is too old", folder.display()),
            Err(error) => println!("the Rust in {} does not run: {error:#}", folder.display()),
        }
    }
    let parent = cache()?;
    fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
    // Made whole beside its place, so that nobody finds half of it.
    let new = parent.join(format!("new-{}", std::process::id()));
    let fetched = fetch(&new, wanted);
    if fetched.is_ok() {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::rename(&new, &folder).with_context(|| format!("cannot make {}", folder.display()))?;
    } else if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    fetched.map(|()| folder)
}

/// The oldest Rust that builds the workspace: major and minor version.
fn minimum() -> Result<(u32, u32)> {
    let text = fs::read_to_string(repository::root().join("Cargo.toml"))?;
    let manifest: toml::Table = text.parse()?;
    let version = manifest["workspace"]["package"]["rust-version"].as_str().context("no rust-version")?;
    parse_version(version).context("rust-version is no version")
}

/// `1.96.0+dfsg1-1` is `(1, 96)`.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn version_of(rustc: &Path) -> Result<(u32, u32)> {
    let text = output(Command::new(rustc).arg("--version"))?;
    text.strip_prefix("rustc ").and_then(parse_version).with_context(|| format!("{text} is no version"))
}

/// Downloads and unpacks everything into `folder`.
fn fetch(folder: &Path, wanted: (u32, u32)) -> Result<()> {
    for program in ["apt-cache", "apt-get", "dpkg", "dpkg-query"] {
        if !has_program(program) {
            return Err(Unavailable::new(format!("{program} is missing: packages come from Debian")).into());
        }
    }
    update_lists();
    let (compiler, sources) = family(wanted)?;
    let packages = with_libraries(&[compiler, sources])
        .map_err(|error| Unavailable::new(format!("packages cannot be found: {error:#}")))?;
    println!("fetching {}", Vec::from_iter(packages.iter().map(String::as_str)).join(" "));
    let (archives, files) = (folder.join("archives"), folder.join("files"));
    fs::create_dir_all(&archives)?;
    fs::create_dir_all(&files)?;
    let mut download = Command::new("apt-get");
    // Root downloads as another user by default, who cannot write here.
    let as_self = "APT::Sandbox::User=root";
    download.args(["download", "-qq", "-o", as_self]).args(&packages).current_dir(&archives);
    if let Err(error) = repository::run(&mut download) {
        return Err(Unavailable::new(format!("packages cannot be downloaded: {error:#}")).into());
    }
    for archive in archives.read_dir()? {
        repository::run(Command::new("dpkg").arg("--extract").arg(archive?.path()).arg(&files))?;
    }
    fs::remove_dir_all(&archives)?;
    write_wrappers(folder)
}

/// Gets the lists of packages that there are. Only root may; others use the lists that they find.
fn update_lists() {
    if is_root()
        && let Err(error) = repository::run(Command::new("apt-get").args(["update", "-qq"]))
    {
        println!("old lists of packages are used: {error:#}");
    }
}

/// The packages of a compiler that is new enough.
fn family(wanted: (u32, u32)) -> Result<(&'static str, &'static str)> {
    for (compiler, sources) in FAMILIES {
        let text = output(Command::new("apt-cache").args(["--no-all-versions", "show", compiler]));
        let text = text.unwrap_or_default();
        let version = text.lines().find_map(|line| line.strip_prefix("Version: "));
        if version.and_then(parse_version).is_some_and(|version| version >= wanted) {
            return Ok((compiler, sources));
        }
    }
    let (major, minor) = wanted;
    let names = FAMILIES.map(|(compiler, _)| compiler).join(" or ");
    Err(Unavailable::new(format!("no package {names} of version {major}.{minor} or newer")).into())
}

/// `packages`, those of the libraries below them that are not installed, and the linker for WebAssembly that
/// fits the compiler's LLVM.
fn with_libraries(packages: &[&str]) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<String> = packages.iter().map(|&package| package.to_owned()).collect();
    while let Some(package) = waiting.pop() {
        if let Some(linker) = linker_of(&package) {
            waiting.push(linker);
        }
        // Rust's own libraries are looked for beside the compiler.
        let needed = !package.starts_with("lib") || package.contains("rust") || !is_installed(&package);
        if needed && found.insert(package.clone()) {
            let text = output(Command::new("apt-cache").args(["depends", "--important", &package]))?;
            waiting.extend(dependencies(&text).filter(|name| name.starts_with("lib")).map(str::to_owned));
        }
    }
    ensure!(
        found.iter().any(|package| package.starts_with("lld-")),
        "{packages:?} depend on no LLVM: {found:?}"
    );
    Ok(found)
}

/// The package names in what `apt-cache depends` prints; `<...>` are names that no package has.
fn dependencies(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| line.trim_start_matches([' ', '|']).strip_prefix("Depends: "));
    names.filter(|name| !name.starts_with('<')).map(|name| name.split(':').next().unwrap_or(name))
}

/// The package with the linker of the LLVM in `package`: `libllvm22` and `libllvm22t64` have `lld-22`.
fn linker_of(package: &str) -> Option<String> {
    let version = package.strip_prefix("libllvm").or_else(|| package.strip_prefix("libLLVM-"))?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    (digits > 0).then(|| format!("lld-{}", &version[..digits]))
}

/// Scripts that call the programs with their libraries.
fn write_wrappers(folder: &Path) -> Result<()> {
    let files = folder.join("files");
    // The folder is renamed when it is complete, so scripts find it by their own place.
    let libraries: BTreeSet<String> = repository::files_named(&files, |name| name.contains(".so"))?
        .iter()
        .filter_map(|path| path.parent()?.strip_prefix(folder).ok())
        .map(|path| format!("$here/{}", path.display()))
        .collect();
    let libraries = Vec::from_iter(libraries).join(":");
    let linkers = repository::files_named(&files.join("usr/bin"), |name| name.starts_with("wasm-ld-"))?;
    let linker = linkers.first().context("the packages have no wasm-ld")?;
    let linker = linker.file_name().and_then(|name| name.to_str()).context("a strange name")?;
    for (name, program) in RUST_PROGRAMS.map(|name| (name, name)).into_iter().chain([("wasm-ld", linker)]) {
        let path = folder.join(name);
        let script = format!(
            "#!/bin/sh\nhere=$(dirname \"$0\")\nLD_LIBRARY_PATH={libraries} exec \"$here/files/usr/bin/{program}\" \"$@\"\n"
        );
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        output(Command::new(&path).arg("--version"))?;
    }
    Ok(())
}

/// Installs the cross compiler and the emulator for a machine, if they are missing.
pub(super) fn install_machine(machine: &Machine) -> Result<()> {
    let missing = |program: &String| !has_program(program);
    let programs = machine.programs();
    if !programs.iter().any(missing) {
        return Ok(());
    }
    let packages = machine.packages();
    let listed = packages.join(" ");
    if !is_root() || !has_program("apt-get") {
        let reason = format!("{} missing: `apt-get install {listed}` as root", programs.join(" or "));
        return Err(Unavailable::new(reason).into());
    }
    update_lists();
    println!("installing {listed}");
    let mut install = Command::new("apt-get");
    install.args(["install", "-qq", "-y", "--no-install-recommends"]).args(&packages);
    install.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    repository::run(&mut install)
        .map_err(|error| Unavailable::new(format!("{listed} cannot be installed: {error:#}")).into())
}

fn is_installed(package: &str) -> bool {
    let status =
        output(Command::new("dpkg-query").args(["--show", "--showformat=${db:Status-Status} ", package]));
    status.is_ok_and(|status| status.split_whitespace().any(|status| status == "installed"))
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Whether a program of this name can be run.
pub(crate) fn has_program(name: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}

/// What a command prints; its complaints are part of the error.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(parse_version("1.96.0+dfsg1-1~deb12u2"), Some((1, 96)));
        assert_eq!(parse_version("1.95"), Some((1, 95)));
        assert_eq!(parse_version("bookworm"), None);
        assert!(minimum().unwrap() >= (1, 95));
    }

    #[test]
    fn the_linker_fits_the_library() {
        assert_eq!(linker_of("libllvm22").as_deref(), Some("lld-22"));
        assert_eq!(linker_of("libllvm19t64").as_deref(), Some("lld-19"));
        assert_eq!(linker_of("libLLVM-17").as_deref(), Some("lld-17"));
        assert_eq!(linker_of("libstdc++6"), None);
    }

    #[test]
    fn dependencies_are_names_of_packages() {
        let text = "rustc-web\n  Depends: libc6\n |Depends: gcc\n  Depends: <libc-dev>\n    libc6-dev\n  \
                    Conflicts: rustc\n  Depends: libstd-rust-web-dev:any\n";
        assert_eq!(Vec::from_iter(dependencies(text)), ["libc6", "gcc", "libstd-rust-web-dev"]);
    }
}
