//! Files with a module in them, binary or text.

use anyhow::{Context, Result};
use std::{
    fs,
    io::{self, Read},
    path::Path,
};

/// Reads a module; text is encoded. `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        bytes
    } else {
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))?
    };
    if looks_binary(&bytes) {
        return Ok(bytes);
    }
    let wasm = wat::parse_bytes(&bytes).map_err(|mut error| {
        error.set_path(path);
        error
    })?;
    Ok(wasm.into_owned())
}

/// Text is UTF-8 without zeros. Everything else is for the reader of modules to judge: it says what is wrong with
/// a broken header, which a parser of text cannot.
fn looks_binary(bytes: &[u8]) -> bool {
    bytes.contains(&0) || std::str::from_utf8(bytes).is_err()
}
