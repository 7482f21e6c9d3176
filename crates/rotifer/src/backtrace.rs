//! [`WasmBacktrace`]: the calls that were active when something failed.

use alloc::vec::Vec;
use core::fmt;
use rotifer_executor::TrapFrame;

use crate::module::func_name;

/// The calls of WebAssembly functions that were active at a trap or at the failure of a host function, innermost
/// first: at most 64 of the last call that the embedder made.
#[derive(Clone, Default)]
pub struct WasmBacktrace {
    frames: Vec<BacktraceFrame>,
}

/// A call in a [`WasmBacktrace`].
#[derive(Clone)]
pub struct BacktraceFrame(TrapFrame);

impl WasmBacktrace {
    pub(crate) const fn empty() -> Self {
        Self { frames: Vec::new() }
    }

    pub(crate) fn new(frames: Vec<TrapFrame>) -> Self {
        Self { frames: frames.into_iter().map(BacktraceFrame).collect() }
    }

    /// The calls, innermost first.
    pub fn frames(&self) -> &[BacktraceFrame] {
        &self.frames
    }
}

impl BacktraceFrame {
    /// The function's index in its module, imports counted.
    pub fn func_index(&self) -> u32 {
        self.0.func.0
    }

    /// The function's name in the module's name section, or else one under which it is exported.
    pub fn func_name(&self) -> Option<&str> {
        func_name(&self.0.module, self.0.func)
    }

    /// The module's name, if its name section has one.
    pub fn module_name(&self) -> Option<&str> {
        self.0.module.name()
    }

    /// The byte offset in the module of the operator that trapped or called, or with which a call that has run out
    /// of fuel goes on; the latter is found when it is asked for, in about the time that translating the function takes.
    pub fn module_offset(&self) -> Option<usize> {
        self.0.offset().map(|offset| offset.index())
    }
}

impl fmt::Display for BacktraceFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function {}", self.func_index())?;
        if let Some(name) = self.func_name() {
            write!(f, " `{name}`")?;
        }
        if let Some(name) = self.module_name() {
            write!(f, " of module `{name}`")?;
        }
        match self.module_offset() {
            Some(offset) => write!(f, " (at offset {offset:#x})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for BacktraceFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One line for each call, each after a line feed.
impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, frame) in self.frames.iter().enumerate() {
            write!(f, "\n  {}: {frame}", i)?;
        }
        Ok(())
    }
}

impl fmt::Debug for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
