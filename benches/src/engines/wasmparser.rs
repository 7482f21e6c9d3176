//! wasmparser's validator, which most engines use.

use crate::{
    engine::{Engine, Loader, Validate},
    module::Module,
};
use anyhow::{Result, bail};

/// The validator, with the proposals that it has on by default.
pub struct Wasmparser;

impl Engine for Wasmparser {
    fn name(&self) -> &str {
        "wasmparser"
    }

    fn loader(&self) -> Result<Box<dyn Loader>> {
        bail!("it validates and does nothing else");
    }

    fn validator<'a>(&self, module: &'a Module) -> Result<Validate<'a>> {
        Ok(Box::new(|| {
            wasmparser::Validator::new().validate_all(&module.bytes)?;
            Ok(())
        }))
    }
}
