//! Why a module was refused.

use alloc::{borrow::Cow, boxed::Box};
use core::fmt;
use rotifer_core::{FuncIdx, WasmOffset};

/// Whose fault it is that a module was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a module
    /// ([spec](https://webassembly.github.io/spec/core/binary/index.html)).
    Malformed,
    /// The module breaks a rule of validation
    /// ([spec](https://webassembly.github.io/spec/core/valid/index.html)).
    Invalid,
    /// The module uses a proposal that is switched off or unknown.
    Unsupported,
    /// The module asks for more than a limit allows.
    Limit,
}

/// Why a module was refused, and where. One word; made on the cold path only.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    offset: WasmOffset,
    func: Option<FuncIdx>,
}

impl Error {
    /// An error at a byte offset.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>, offset: WasmOffset) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), offset, func: None }))
    }

    /// The same error in the body of a function.
    #[must_use]
    pub fn in_func(mut self, func: FuncIdx) -> Self {
        self.0.func = Some(func);
        self
    }

    /// Whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The specification's message, with detail.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where in the module, in bytes.
    pub fn offset(&self) -> WasmOffset {
        self.0.offset
    }

    /// The function in whose body the error is.
    pub fn func(&self) -> Option<FuncIdx> {
        self.0.func
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(func) = self.0.func {
            write!(f, " in function {func}")?;
        }
        write!(f, " (at offset {:#x})", self.0.offset.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.0.kind)
    }
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WalkError;
    use alloc::{format, string::ToString};

    #[test]
    fn texts_say_what_is_wrong_and_where() {
        let error = Error::new(ErrorKind::Invalid, "type mismatch", WasmOffset(0x20));
        assert_eq!(error.to_string(), "type mismatch (at offset 0x20)");
        assert_eq!(error.func(), None);
        let error = error.in_func(FuncIdx(7));
        assert_eq!(error.to_string(), "type mismatch in function 7 (at offset 0x20)");
        assert_eq!(format!("{error:?}"), "Invalid: type mismatch in function 7 (at offset 0x20)");
        assert_eq!(WalkError::<&str>::Invalid(error.clone()).to_string(), error.to_string());
        assert_eq!(WalkError::Client("no memory").to_string(), "no memory");
    }
}
