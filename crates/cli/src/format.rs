//! The option `--format`: the same data for people or for programs.

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::io::{self, Write};

/// How data is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people. It may change between versions.
    #[default]
    Text,
    /// For programs: one JSON document, on one line.
    Json,
}

/// `--format`.
#[derive(Args)]
pub(crate) struct FormatOption {
    /// How to write the output.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) format: Format,
}

/// Writes a document and a line feed.
pub(crate) fn write_json(document: &impl Serialize, output: &mut impl Write) -> Result<()> {
    // As an error of input or output if it is one: a closed pipe is no failure.
    let text = serde_json::to_string(document).map_err(io::Error::from)?;
    writeln!(output, "{text}")?;
    Ok(())
}

/// A name from a module, for people: in backticks, control characters escaped so that no module can write to the
/// terminal as it pleases.
pub(crate) fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    text.push('`');
    for character in name.chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text.push('`');
    text
}

/// `1 function`, `2 functions`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_control_the_terminal() {
        assert_eq!(quoted("größe\u{1b}[2J\n"), "`größe\\u{1b}[2J\\n`");
    }
}
