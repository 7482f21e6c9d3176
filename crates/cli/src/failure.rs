//! [`Failure`]: what is wrong, for programs.

use rotifer::{BacktraceFrame, Error, ErrorKind, TrapCode};
use serde::Serialize;
use std::io;

/// What is wrong. Fields that say nothing are left out.
#[derive(Serialize, Debug)]
pub(crate) struct Failure {
    /// One of a few words that do not change: see docs/CLI.md.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    /// Where in the module, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<usize>,
    /// The function in whose body it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) function: Option<u32>,
    /// How much fuel the next step needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) required_fuel: Option<u64>,
    /// The calls that were active, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) backtrace: Vec<Frame>,
}

/// A call that was active.
#[derive(Serialize, Debug)]
pub(crate) struct Frame {
    pub(crate) function: u32,
    /// The function's name in the name section, or else one under which it is exported.
    pub(crate) name: Option<String>,
    /// The byte offset in the module of the operator that trapped or called.
    pub(crate) offset: Option<usize>,
}

impl Failure {
    /// What the engine says.
    pub(crate) fn of(error: &Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Malformed(_) => "malformed",
            ErrorKind::Invalid(_) => "invalid",
            ErrorKind::Unsupported(_) => "unsupported",
            ErrorKind::Limit(_) => "limit",
            ErrorKind::Link(_) => "link",
            ErrorKind::Instantiation(_) => "instantiation",
            ErrorKind::TrapCode(TrapCode::DeadlineExceeded) => "timeout",
            ErrorKind::TrapCode(TrapCode::OutOfFuel) => "out-of-fuel",
            ErrorKind::TrapCode(TrapCode::Interrupted) => "interrupted",
            ErrorKind::TrapCode(_) => "trap",
            ErrorKind::Host(_) => "host",
            _ => "other",
        };
        let module_error = error.as_module_error();
        Self {
            kind,
            message: error.kind().to_string(),
            offset: module_error.map(|error| error.offset().index()),
            function: module_error.and_then(|error| error.func()).map(|func| func.0),
            required_fuel: error.required_fuel(),
            backtrace: error.backtrace().frames().iter().map(Frame::of).collect(),
        }
    }

    /// What the engine says, or else what anybody says.
    pub(crate) fn of_any(error: &anyhow::Error) -> Self {
        match error.downcast_ref::<Error>() {
            Some(error) => Self::of(error),
            None => Self {
                kind: match () {
                    () if error.is::<io::Error>() => "unreadable",
                    () if error.is::<wat::Error>() => "text",
                    () => "other",
                },
                message: format!("{error:#}"),
                offset: None,
                function: None,
                required_fuel: None,
                backtrace: Vec::new(),
            },
        }
    }
}

impl Frame {
    fn of(frame: &BacktraceFrame) -> Self {
        Self {
            function: frame.func_index(),
            name: frame.func_name().map(str::to_owned),
            offset: frame.module_offset(),
        }
    }
}
