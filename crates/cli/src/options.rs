//! Options that several commands share: [`EngineOptions`].

use crate::{features, module_file};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use rotifer::{Config, Dispatch, Engine, Features, LoadMode, Module};
use rotifer_wast::Mode;
use std::path::Path;

/// How modules are loaded, for the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum ModeOption {
    /// Validate and translate everything at load.
    Eager,
    /// Validate everything at load, translate a function at its first call.
    #[default]
    Checked,
    /// Validate and translate a function at its first call.
    Partial,
    /// The same, while threads validate the rest; what they find is not waited for.
    Background,
    /// Validate nothing. Only for modules that are known to be valid: with any other, everything can happen.
    Unchecked,
}

impl From<ModeOption> for Mode {
    fn from(mode: ModeOption) -> Self {
        match mode {
            ModeOption::Eager => Self::Eager,
            ModeOption::Checked => Self::Checked,
            ModeOption::Partial => Self::Partial,
            ModeOption::Background => Self::Background,
            ModeOption::Unchecked => Self::Unchecked,
        }
    }
}

/// Options of an engine.
#[derive(Args)]
pub(crate) struct EngineOptions {
    #[arg(long, value_name = "LIST", value_parser = features::parse, allow_hyphen_values = true, help = features::HELP)]
    features: Option<Features>,
    /// How the interpreter goes from one op to the next; by default the first that this build has.
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(features::dispatchers()))]
    dispatch: Option<String>,
}

impl EngineOptions {
    /// The proposals that modules may use.
    pub(crate) fn features(&self) -> Features {
        self.features.unwrap_or_default()
    }

    /// The dispatcher.
    pub(crate) fn dispatch(&self) -> Dispatch {
        let chosen =
            Dispatch::available().iter().find(|dispatch| Some(dispatch.name()) == self.dispatch.as_deref());
        chosen.copied().unwrap_or_default()
    }

    /// A configuration with these options.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::default();
        config.features(self.features()).dispatch(self.dispatch());
        config
    }

    /// An engine with these options.
    pub(crate) fn engine(&self) -> Result<Engine> {
        Ok(Engine::try_new(&self.config())?)
    }
}

/// Reads a module from a file and loads it in one of the modes.
pub(crate) fn load_file(engine: &Engine, file: &Path, mode: ModeOption) -> Result<Module> {
    load(engine, &module_file::read(file)?, mode).with_context(|| format!("cannot load {}", file.display()))
}

/// Loads a module in one of the modes.
pub(crate) fn load(engine: &Engine, wasm: &[u8], mode: ModeOption) -> Result<Module, rotifer::Error> {
    let mode = match mode {
        ModeOption::Eager => LoadMode::Eager,
        ModeOption::Checked => LoadMode::Checked,
        ModeOption::Partial => LoadMode::Partial,
        ModeOption::Background => LoadMode::Background,
        // SAFETY: this is the promise that the option's help asks the user for.
        ModeOption::Unchecked => return unsafe { Module::new_unchecked(engine, wasm) },
    };
    Module::new_with_mode(engine, wasm, mode)
}
