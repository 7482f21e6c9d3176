//! How the process ends: [`Exit`] and the errors that decide it.

use std::{fmt, io, process::ExitCode};

/// The exit codes, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    everything worked
  1    a file cannot be read, a module cannot be loaded or linked, a script fails
  2    the command line is wrong: unknown options, no such function, arguments of other types
  134  WebAssembly trapped
A program that ends itself with a status of its own ends `rotifer run` with that status.";

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    /// Everything worked.
    Success,
    /// Something was found wrong with a file.
    Failure,
    /// The command line is wrong.
    Usage,
    /// WebAssembly trapped.
    Trap,
    /// The program chose its status.
    Status(i32),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failure => Self::FAILURE,
            Exit::Usage => Self::from(2),
            // What shells report for a process that was aborted, as other engines do for traps.
            Exit::Trap => Self::from(134),
            // Of a larger status the system would keep the lowest byte; a failure must not become a success.
            Exit::Status(status) => u8::try_from(status).map_or(Self::FAILURE, Self::from),
        }
    }
}

/// A mistake in the command line that only the module reveals.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Frames of a backtrace to show: an endless recursion has many, all alike.
const FRAMES_SHOWN: usize = 10;

/// Writes an error with its causes to standard error and says how the process ends.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    if let Some(io_error) = error.downcast_ref::<io::Error>()
        && io_error.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever read the output has seen enough: `rotifer bytecode module.wasm | head`.
        return Exit::Success;
    }
    let wasm_error = error.downcast_ref::<rotifer::Error>();
    if let Some(status) = wasm_error.and_then(rotifer::Error::i32_exit_status) {
        return Exit::Status(status);
    }
    eprintln!("error: {}", Report(error));
    if wasm_error.is_some_and(|error| error.as_trap_code().is_some()) {
        Exit::Trap
    } else if error.is::<UsageError>() {
        Exit::Usage
    } else {
        Exit::Failure
    }
}

/// What failed, then why, in one line; the backtrace of a trap in lines below.
pub(crate) struct Report<'error>(pub(crate) &'error anyhow::Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, cause) in self.0.chain().enumerate() {
            if place > 0 {
                f.write_str(": ")?;
            }
            let Some(error) = cause.downcast_ref::<rotifer::Error>() else {
                write!(f, "{cause}")?;
                continue;
            };
            write!(f, "{}", error.kind())?;
            let frames = error.backtrace().frames();
            for frame in frames.iter().take(FRAMES_SHOWN) {
                write!(f, "\n  in {frame}")?;
            }
            if let Some(more @ 1..) = frames.len().checked_sub(FRAMES_SHOWN) {
                write!(f, "\n  and at least {more} more calls")?;
            }
            // Its causes are what it has just said.
            break;
        }
        Ok(())
    }
}
