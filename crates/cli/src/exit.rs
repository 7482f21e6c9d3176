//! How the process ends: [`Exit`] and the errors that decide it.

use crate::{
    colors::Colors,
    format::{counted, quoted},
};
use rotifer::{BacktraceFrame, ErrorKind, TrapCode};
use std::{fmt, io, process::ExitCode, sync::LazyLock};

/// The exit codes, for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    everything worked
  1    a file cannot be read, a module cannot be loaded or linked, a script fails
  2    the command line is wrong: unknown options, no such function, arguments of other types
  124  the program took longer than --timeout
  125  the program needed more than --fuel
  130  the program was interrupted with Ctrl-C
  134  WebAssembly trapped, or a function of the host that it called failed
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
    /// WebAssembly trapped, or a function of the host failed.
    Trap,
    /// The deadline passed.
    Timeout,
    /// The fuel was used up.
    OutOfFuel,
    /// Somebody interrupted the program.
    Interrupted,
    /// The program chose its status.
    Status(i32),
}

impl Exit {
    /// How the process ends after an error of the engine.
    fn of(error: &rotifer::Error) -> Self {
        match error.kind() {
            ErrorKind::TrapCode(TrapCode::DeadlineExceeded) => Self::Timeout,
            ErrorKind::TrapCode(TrapCode::OutOfFuel) => Self::OutOfFuel,
            ErrorKind::TrapCode(TrapCode::Interrupted) => Self::Interrupted,
            ErrorKind::TrapCode(_) | ErrorKind::Host(_) => Self::Trap,
            ErrorKind::I32ExitStatus(status) => Self::Status(*status),
            _ => Self::Failure,
        }
    }

    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            // As the program `timeout` does.
            Self::Timeout => 124,
            Self::OutOfFuel => 125,
            // What shells report for a process that was interrupted.
            Self::Interrupted => 130,
            // What they report for one that was aborted, as other engines do for traps.
            Self::Trap => 134,
            // Of a larger status the system would keep the lowest byte; a failure must not become a success.
            Self::Status(status) => u8::try_from(status).unwrap_or(1),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
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

/// Writes an error with its causes to standard error and says how the process ends.
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    report_with(error, &Backtrace::default())
}

/// [`report`] with a say in what is shown of a trap's backtrace.
pub(crate) fn report_with(error: &anyhow::Error, backtrace: &Backtrace) -> Exit {
    if let Some(io_error) = error.downcast_ref::<io::Error>()
        && io_error.kind() == io::ErrorKind::BrokenPipe
    {
        // Whoever read the output has seen enough: `rotifer bytecode module.wasm | head`.
        return Exit::Success;
    }
    let exit = match error.downcast_ref::<rotifer::Error>() {
        Some(error) => Exit::of(error),
        None if error.is::<UsageError>() => Exit::Usage,
        None => Exit::Failure,
    };
    if !matches!(exit, Exit::Status(_)) {
        message(Report { error, backtrace });
    }
    exit
}

/// Writes an error to standard error.
pub(crate) fn message(text: impl fmt::Display) {
    let prefix = Colors::of(&io::stderr()).bad("error:");
    eprintln!("{prefix} {text}");
}

/// What is shown of a trap's backtrace.
#[derive(Default)]
pub(crate) struct Backtrace {
    /// All calls, not only the innermost few.
    pub(crate) is_complete: bool,
}

/// Calls that are shown unless all are asked for: an endless recursion has many, all alike.
const FRAMES_SHOWN: usize = 5;

/// What failed, then why, in one line; the backtrace of a trap in lines below.
pub(crate) struct Report<'error> {
    error: &'error anyhow::Error,
    backtrace: &'error Backtrace,
}

impl<'error> Report<'error> {
    /// An error with the innermost calls of its backtrace.
    pub(crate) fn new(error: &'error anyhow::Error) -> Self {
        static DEFAULT: LazyLock<Backtrace> = LazyLock::new(Backtrace::default);
        Self { error, backtrace: &DEFAULT }
    }

    fn frame(&self, frame: &BacktraceFrame, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let func = frame.func_index();
        write!(f, "\n  in function {func}")?;
        if let Some(name) = frame.func_name() {
            write!(f, " {}", quoted(name))?;
        }
        match frame.module_offset() {
            Some(offset) => write!(f, " (at offset {offset:#x})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, cause) in self.error.chain().enumerate() {
            if place > 0 {
                f.write_str(": ")?;
            }
            let Some(error) = cause.downcast_ref::<rotifer::Error>() else {
                write!(f, "{cause}")?;
                continue;
            };
            write!(f, "{}", error.kind())?;
            if let Some(required) = error.required_fuel() {
                write!(f, ": the next step needs {required}")?;
            }
            let frames = error.backtrace().frames();
            let shown = if self.backtrace.is_complete { frames.len() } else { FRAMES_SHOWN };
            frames.iter().take(shown).try_for_each(|frame| self.frame(frame, f))?;
            if let Some(more @ 1..) = frames.len().checked_sub(shown) {
                let calls = counted(more as u64, "more call");
                write!(f, "\n  and at least {calls}: --backtrace shows more")?;
            }
            // Its causes are what it has just said.
            break;
        }
        Ok(())
    }
}
