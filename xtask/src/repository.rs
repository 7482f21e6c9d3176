//! Where the repository is, and how commands are run in it.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Command,
};

/// The crates that users of the library build, the lowest first.
pub(crate) const LIBRARIES: [&str; 7] = [
    "rotifer-core",
    "rotifer-bytecode",
    "rotifer-validator",
    "rotifer-translator",
    "rotifer-executor",
    "rotifer-snapshot",
    "rotifer",
];

/// For builds of their own, which compile all dependencies anew: those take longer to optimise than their part of
/// the tests takes to run.
pub(crate) const QUICK_DEPENDENCIES: [&str; 2] = ["--config", "profile.dev.package.'*'.opt-level=0"];

/// The environment of release builds in which link-time optimisation takes longer than it saves.
pub(crate) const QUICK_RELEASE: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")];

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// Runs `command` and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}

/// Every file below `folder` whose name ends in `.extension`, sorted; build folders are left out.
pub(crate) fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    files_named(folder, |name| Path::new(name).extension().is_some_and(|found| found == extension))
}

/// Every file below `folder` with a name that is `wanted`, sorted; build folders are left out.
pub(crate) fn files_named(folder: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.exists() {
            continue;
        }
        for entry in folder.read_dir().with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(OsStr::to_str) else { continue };
            if path.is_dir() {
                if name != "target" {
                    folders.push(path);
                }
            } else if wanted(name) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// `path` as the repository's users write it: relative to the root.
pub(crate) fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
