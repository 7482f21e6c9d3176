//! Colours: only on a terminal, and not if the environment says `NO_COLOR`.
//!
//! `CLICOLOR_FORCE` asks for them elsewhere too. Clap follows the same rules, and its colours are used.

use anstream::{AutoStream, ColorChoice, stream::RawStream};
use clap::builder::styling::{AnsiColor, Style};
use std::fmt;

/// What is wrong.
const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is right.
const GOOD: Style = AnsiColor::Green.on_default();

/// The colours for a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colors {
    enabled: bool,
}

impl Colors {
    /// Looks at a stream and at the environment.
    pub(crate) fn of(stream: &impl RawStream) -> Self {
        Self { enabled: AutoStream::choice(stream) != ColorChoice::Never }
    }

    /// A text about what is wrong.
    pub(crate) fn bad(self, text: impl fmt::Display) -> String {
        self.paint(BAD, text)
    }

    /// A text about what is right.
    pub(crate) fn good(self, text: impl fmt::Display) -> String {
        self.paint(GOOD, text)
    }

    fn paint(self, style: Style, text: impl fmt::Display) -> String {
        if self.enabled { format!("{style}{text}{style:#}") } else { text.to_string() }
    }
}
