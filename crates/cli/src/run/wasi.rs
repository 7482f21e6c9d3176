//! Programs for WASI: what they are given of the host.

use crate::exit::UsageError;
use anyhow::{Context, Result, bail};
use clap::ValueHint;
use rotifer::Module;
use rotifer_wasi::{DirAccess, PREVIEW1, UNSTABLE, WasiCtx, WasiCtxBuilder};
use std::path::Path;

/// The world of a program for WASI.
#[derive(clap::Args)]
#[command(next_help_heading = "Programs for WASI")]
pub(super) struct WasiOptions {
    /// Sets a variable of the program's environment, which is empty otherwise. Without a value: to the one that
    /// it has here.
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<String>,
    /// Gives the program a folder, with everything below it, for reading and writing; under the same path, or
    /// under GUEST.
    #[arg(long, value_name = "HOST[::GUEST]", value_hint = ValueHint::DirPath)]
    dir: Vec<String>,
    /// Gives the program a folder as --dir does, but for reading only.
    #[arg(long, value_name = "HOST[::GUEST]", value_hint = ValueHint::DirPath)]
    dir_read_only: Vec<String>,
}

/// Whether the module is a program for WASI: whether it imports anything of it.
pub(super) fn is_imported(module: &Module) -> bool {
    module.imports().any(|import| [PREVIEW1, UNSTABLE].contains(&import.module()))
}

impl WasiOptions {
    /// The world of a program from `file` that is given `args`.
    pub(super) fn context(&self, file: &Path, args: &[String]) -> Result<WasiCtx> {
        let mut context = WasiCtxBuilder::new();
        // The name under which the program was called.
        let name = file.file_name().unwrap_or(file.as_os_str());
        context.inherit_stdio().arg(name.to_string_lossy()).args(args);
        for variable in &self.env {
            let (name, value) = match variable.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (variable.as_str(), std::env::var(variable).ok()),
            };
            if name.is_empty() {
                bail!(UsageError(format!("--env {variable}: the name of the variable is missing")));
            }
            if let Some(value) = value {
                context.env(name, value);
            }
        }
        let given = [(&self.dir, DirAccess::ReadWrite), (&self.dir_read_only, DirAccess::ReadOnly)];
        for (dirs, access) in given {
            for dir in dirs {
                let (host, guest) = dir.split_once("::").unwrap_or((dir, dir));
                context
                    .preopened_path(host, guest, access)
                    .with_context(|| format!("cannot open the folder {host}"))?;
            }
        }
        Ok(context.build())
    }
}
