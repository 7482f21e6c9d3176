//! [`Error`]: everything that can go wrong, sorted by whose fault it is.

use alloc::{
    borrow::Cow,
    boxed::Box,
    string::{String, ToString},
};
use core::{any::Any, fmt};
use rotifer_core::TrapCode;
use rotifer_executor::WrongStore;
use rotifer_snapshot::{DeserializeError, HistoryError};
use rotifer_validator::{Error as ModuleError, ErrorKind as ModuleErrorKind};

use crate::WasmBacktrace;

/// An error of the embedder, to pass through WebAssembly from a host function to whoever made the call.
///
/// Implement it for a type and make an [`Error`] of its values with [`Error::host`]. The receiver finds them
/// again with [`Error::downcast_ref`] and [`Error::downcast`].
pub trait HostError: Any + fmt::Display + fmt::Debug + Send + Sync {}

impl dyn HostError {
    /// Whether this is a `T`.
    pub fn is<T: HostError>(&self) -> bool {
        (self as &dyn Any).is::<T>()
    }

    /// This as a `T`, if it is one.
    pub fn downcast_ref<T: HostError>(&self) -> Option<&T> {
        (self as &dyn Any).downcast_ref()
    }

    /// This as a `T`, if it is one.
    pub fn downcast_mut<T: HostError>(&mut self) -> Option<&mut T> {
        (self as &mut dyn Any).downcast_mut()
    }

    /// This as a `T`.
    ///
    /// # Errors
    /// It is none; it is given back.
    pub fn downcast<T: HostError>(self: Box<Self>) -> Result<Box<T>, Box<Self>> {
        if self.is::<T>() {
            let any: Box<dyn Any> = self;
            Ok(any.downcast().expect("the type was tested"))
        } else {
            Err(self)
        }
    }
}

/// Why a module cannot be linked with what it was given. The specification calls such a module *unlinkable*.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// Nothing is defined for an import.
    UnknownImport {
        /// The module's name of the import.
        module: Box<str>,
        /// The item's name of the import.
        name: Box<str>,
        /// The type of the import.
        expected: Box<str>,
    },
    /// What is defined for an import has another type.
    IncompatibleImport {
        /// The module's name of the import.
        module: Box<str>,
        /// The item's name of the import.
        name: Box<str>,
        /// The type of the import.
        expected: Box<str>,
        /// The type of what was given.
        actual: Box<str>,
    },
    /// As many items must be given as there are imports.
    ImportCount {
        /// How many imports the module has.
        expected: usize,
        /// How many items were given.
        actual: usize,
    },
    /// The name is defined already, and the linker does not allow shadowing.
    DuplicateDefinition {
        /// The module's name.
        module: Box<str>,
        /// The item's name.
        name: Box<str>,
    },
    /// No module of this name is known to the linker.
    UnknownModule {
        /// The module's name.
        module: Box<str>,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownImport { module, name, expected } => {
                write!(f, "unknown import: `{module}` `{name}` ({expected}) is not defined")
            }
            Self::IncompatibleImport { module, name, expected, actual } => {
                write!(
                    f,
                    "incompatible import type: `{module}` `{name}` is imported as {expected} but defined \
                     as {actual}"
                )
            }
            Self::ImportCount { expected, actual } => {
                write!(f, "the module has {expected} imports, but {actual} items were given")
            }
            Self::DuplicateDefinition { module, name } => {
                write!(f, "`{module}` `{name}` is defined twice")
            }
            Self::UnknownModule { module } => write!(f, "no module `{module}` is defined"),
        }
    }
}

impl core::error::Error for LinkError {}

/// Why a linked module was not instantiated, other than by a trap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InstantiationError {
    /// The module has a start function, and [`Config::allow_start_fn`](crate::Config::allow_start_fn) or
    /// [`InstancePre::ensure_no_start`](crate::InstancePre::ensure_no_start) forbids it.
    UnexpectedStartFn,
    /// The resource limiter allows no more instances.
    TooManyInstances,
    /// The resource limiter allows no more memories.
    TooManyMemories,
    /// The resource limiter allows no more tables.
    TooManyTables,
    /// The minimum size of a memory is refused by the resource limiter.
    MemoryRefused,
    /// The minimum size of a table is refused by the resource limiter.
    TableRefused,
}

impl fmt::Display for InstantiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnexpectedStartFn => "the module has a start function, which is not allowed",
            Self::TooManyInstances => "the resource limiter allows no more instances",
            Self::TooManyMemories => "the resource limiter allows no more memories",
            Self::TooManyTables => "the resource limiter allows no more tables",
            Self::MemoryRefused => "the resource limiter refused the minimum size of a memory",
            Self::TableRefused => "the resource limiter refused the minimum size of a table",
        })
    }
}

impl core::error::Error for InstantiationError {}

/// Why the state of an instance cannot be taken, or an instance cannot be given an earlier state. Nothing has changed
/// then.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SnapshotError {
    /// WebAssembly of the store is running, or a call of it is suspended.
    NotQuiescent,
    /// The instance keeps nothing to go back to: [`Config::resettable`](crate::Config::resettable) is off.
    NotResettable,
    /// The snapshot is one of another module.
    ForeignModule,
    /// The snapshot is one of an engine that lets modules use other features.
    ForeignEngine,
    /// A table, a global or a suspended call refers to a function that is neither the instance's own nor imported.
    UnreachableImport {
        /// Which kind of item.
        kind: ItemKind,
        /// Its index in the module.
        index: u32,
    },
    /// A table, a global or a suspended call refers to an object of the host.
    ExternRef {
        /// Which kind of item.
        kind: ItemKind,
        /// Its index in the module.
        index: u32,
    },
    /// An item of the snapshot has a type or a size that the instance's one cannot have: one that it imports, unless the
    /// snapshot was not taken of an instance of this module.
    DoesNotFit {
        /// Which kind of item.
        kind: ItemKind,
        /// Its index in the module.
        index: u32,
    },
    /// The resource limiter does not let a memory or a table become as large as it is in the snapshot.
    LimitExceeded {
        /// Which kind of item.
        kind: ItemKind,
        /// Its index in the module.
        index: u32,
    },
    /// The snapshot has suspended calls and is one of an engine that does not count fuel and interrupts alike.
    ForeignMetering,
    /// A suspended call cannot be part of a snapshot, or cannot be made of one.
    Call {
        /// Which one of those that were given, or of the snapshot's.
        index: u32,
        /// Why.
        error: CallError,
    },
    /// A history does not take a state or does not have it.
    History(HistoryError),
    /// Bytes are no snapshot of an instance of the module.
    Deserialize(DeserializeError),
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotQuiescent => f.write_str(
                "the state of an instance cannot be taken or changed while WebAssembly of its store runs or is \
                 suspended: do it when all calls have returned, and drop or resume suspended calls before, or make all of \
                 them part of a snapshot with snapshot_with_calls",
            ),
            Self::NotResettable => f.write_str(
                "the instance keeps nothing to go back to: switch on Config::resettable or Config::track_writes",
            ),
            Self::ForeignModule => f.write_str(
                "the snapshot was taken of an instance of another module: take one of an instance of this module",
            ),
            Self::ForeignEngine => f.write_str(
                "the snapshot was taken in an engine with other features: give this engine's Config the same ones",
            ),
            Self::UnreachableImport { kind, index } => write!(
                f,
                "{kind} {index} refers to a function that is neither the instance's own nor imported by it, which a \
                 snapshot cannot name: import the function"
            ),
            Self::ExternRef { kind, index } => write!(
                f,
                "{kind} {index} refers to an object of the host, which a snapshot cannot hold: set it to null before"
            ),
            Self::DoesNotFit { kind, index } => write!(
                f,
                "{kind} {index} of the snapshot does not fit the instance's one: instantiate with imports of the same \
                 types as where the snapshot was taken"
            ),
            Self::LimitExceeded { kind, index } => {
                write!(f, "the resource limiter does not let {kind} {index} become as large as in the snapshot")
            }
            Self::ForeignMetering => f.write_str(
                "the snapshot has calls that were suspended in an engine that counts otherwise: give this engine's \
                 Config the same consume_fuel, fuel_costs and interruptible",
            ),
            Self::Call { index, error } => write!(f, "suspended call {index}: {error}"),
            Self::History(error) => error.fmt(f),
            Self::Deserialize(error) => error.fmt(f),
        }
    }
}

/// Why a suspended call cannot be part of a snapshot, or cannot be made of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum CallError {
    /// A function of another instance is being called.
    OtherInstance,
    /// It is suspended because a host function failed with an error.
    HostError,
    /// It waits for the results of a host function that the instance does not import.
    HostFuncNotImported,
    /// It has returned but for its results.
    Returned,
    /// Its code was loaded unchecked and is not valid.
    UnknownCode,
    /// It is no call of functions of the module.
    DoesNotFit(&'static str),
    /// Its frames need more stack than calls may have.
    StackOverflow,
}

impl From<rotifer_executor::NotPortable> for CallError {
    fn from(error: rotifer_executor::NotPortable) -> Self {
        use rotifer_executor::NotPortable;
        match error {
            NotPortable::OtherInstance => Self::OtherInstance,
            NotPortable::Returned => Self::Returned,
            NotPortable::Invalid(_) | NotPortable::Unknown => Self::UnknownCode,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherInstance => {
                "it is in a function of another instance, which a snapshot does not have: resume it until that has \
                 returned"
            }
            Self::HostError => {
                "a host function failed with an error, which a snapshot cannot hold: resume the call with results"
            }
            Self::HostFuncNotImported => {
                "it waits for a host function that the instance does not import as such: import the function"
            }
            Self::Returned => "it has returned but for its results: resume it",
            Self::UnknownCode => "its code was loaded unchecked and is not valid",
            Self::DoesNotFit(reason) => return write!(f, "it is none of this module: {reason}"),
            Self::StackOverflow => {
                "it needs more stack than Config::max_stack_size and max_call_depth allow: give calls as much as where \
                 the snapshot was taken"
            }
        })
    }
}

impl core::error::Error for CallError {}

/// A kind of items that an instance consists of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ItemKind {
    /// Memories.
    Memory,
    /// Tables.
    Table,
    /// Mutable globals.
    Global,
    /// Segments of data or elements.
    Segment,
    /// Suspended calls.
    SuspendedCall,
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Global => "global",
            Self::Segment => "segment",
            Self::SuspendedCall => "suspended call",
        })
    }
}

impl core::error::Error for SnapshotError {}

/// What went wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a module.
    Malformed(ModuleError),
    /// The module breaks a rule of validation. In partial mode also the outcome of calling a function whose
    /// body does.
    Invalid(ModuleError),
    /// The module uses a proposal that is switched off or unknown.
    Unsupported(ModuleError),
    /// The module asks for more than the [`Limits`](crate::Limits) allow.
    Limit(ModuleError),
    /// The module cannot be linked with what it was given.
    Link(LinkError),
    /// The module was not instantiated.
    Instantiation(InstantiationError),
    /// The state of an instance cannot be taken or changed.
    Snapshot(SnapshotError),
    /// WebAssembly trapped. [`Error::backtrace`] says where.
    TrapCode(TrapCode),
    /// A host function failed with an error of the embedder.
    Host(Box<dyn HostError>),
    /// A host function asked to end the program with this status.
    I32ExitStatus(i32),
    /// A host function asked to suspend the call, which was not made with
    /// [`Func::call_resumable`](crate::Func::call_resumable).
    Suspend,
    /// A function was called or wrapped with the wrong number or types of parameters or results.
    Signature(Box<str>),
    /// A memory, table or global was used in a way that its type or size does not allow.
    Access(Cow<'static, str>),
    /// An item belongs to another store.
    WrongStore,
    /// A module belongs to another engine than the store.
    WrongEngine,
    /// The host has no memory left.
    OutOfMemory,
    /// Something else, in words.
    Message(Box<str>),
}

impl ErrorKind {
    /// The trap code, if this is a trap.
    pub fn as_trap_code(&self) -> Option<TrapCode> {
        match self {
            Self::TrapCode(code) => Some(*code),
            _ => None,
        }
    }

    /// The exit status, if this is one.
    pub fn as_i32_exit_status(&self) -> Option<i32> {
        match self {
            Self::I32ExitStatus(status) => Some(*status),
            _ => None,
        }
    }

    /// The embedder's error, if this is one.
    pub fn as_host(&self) -> Option<&dyn HostError> {
        match self {
            Self::Host(error) => Some(&**error),
            _ => None,
        }
    }

    /// Why the module was refused, if it was.
    pub fn as_module_error(&self) -> Option<&ModuleError> {
        match self {
            Self::Malformed(error) | Self::Invalid(error) | Self::Unsupported(error) | Self::Limit(error) => {
                Some(error)
            }
            _ => None,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) | Self::Invalid(error) | Self::Unsupported(error) | Self::Limit(error) => {
                error.fmt(f)
            }
            Self::Link(error) => error.fmt(f),
            Self::Instantiation(error) => error.fmt(f),
            Self::Snapshot(error) => error.fmt(f),
            Self::TrapCode(code) => code.fmt(f),
            Self::Host(error) => error.fmt(f),
            Self::I32ExitStatus(status) => write!(f, "exited with status {status}"),
            Self::Suspend => f.write_str(
                "a host function asked to suspend a call that cannot be: it must be made with call_resumable",
            ),
            Self::Signature(message) | Self::Message(message) => f.write_str(message),
            Self::Access(message) => f.write_str(message),
            Self::WrongStore => f.write_str("the item belongs to another store"),
            Self::WrongEngine => f.write_str("the module belongs to another engine than the store"),
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

/// What went wrong, and where. One word.
///
/// Nothing is allocated for the wish to suspend, which is part of normal operation.
pub struct Error(Option<Box<Inner>>);

struct Inner {
    kind: ErrorKind,
    backtrace: WasmBacktrace,
    required_fuel: u64,
}

static NO_BACKTRACE: WasmBacktrace = WasmBacktrace::empty();

impl Error {
    #[cold]
    pub(crate) fn from_kind(kind: ErrorKind) -> Self {
        Self(Some(Box::new(Inner { kind, backtrace: WasmBacktrace::default(), required_fuel: 0 })))
    }

    #[cold]
    pub(crate) fn trap(code: TrapCode, required_fuel: u64, backtrace: WasmBacktrace) -> Self {
        Self(Some(Box::new(Inner { kind: ErrorKind::TrapCode(code), backtrace, required_fuel })))
    }

    #[cold]
    pub(crate) fn out_of_fuel(required: u64) -> Self {
        Self::trap(TrapCode::OutOfFuel, required, WasmBacktrace::default())
    }

    /// Whether this, returned by a host function, shall be given the calls that led to it. Not what has them already,
    /// and not what is part of normal operation.
    pub(crate) fn wants_backtrace(&self) -> bool {
        let is_normal = |kind: &ErrorKind| matches!(kind, ErrorKind::I32ExitStatus(_));
        self.0.as_ref().is_some_and(|inner| inner.backtrace.frames().is_empty() && !is_normal(&inner.kind))
    }

    pub(crate) fn with_backtrace(mut self, backtrace: WasmBacktrace) -> Self {
        if let Some(inner) = &mut self.0 {
            inner.backtrace = backtrace;
        }
        self
    }

    /// The wish of a host function to suspend the call: returned by it, it suspends a call that was made with
    /// [`Func::call_resumable`](crate::Func::call_resumable) and ends any other.
    #[inline]
    pub const fn suspend() -> Self {
        Self(None)
    }

    #[inline]
    pub(crate) fn is_suspend(&self) -> bool {
        self.0.is_none()
    }

    #[cold]
    pub(crate) fn signature(message: String) -> Self {
        Self::from_kind(ErrorKind::Signature(message.into()))
    }

    #[cold]
    pub(crate) fn access(message: impl Into<Cow<'static, str>>) -> Self {
        Self::from_kind(ErrorKind::Access(message.into()))
    }

    /// An error in words.
    #[cold]
    pub fn new(message: impl fmt::Display) -> Self {
        Self::from_kind(ErrorKind::Message(message.to_string().into()))
    }

    /// An error of the embedder.
    #[cold]
    pub fn host(error: impl HostError) -> Self {
        Self::from_kind(ErrorKind::Host(Box::new(error)))
    }

    /// The wish of a host function to end the program with an exit status.
    #[cold]
    pub fn i32_exit(status: i32) -> Self {
        Self::from_kind(ErrorKind::I32ExitStatus(status))
    }

    /// What went wrong.
    pub fn kind(&self) -> &ErrorKind {
        self.0.as_ref().map_or(&ErrorKind::Suspend, |inner| &inner.kind)
    }

    /// What went wrong, by value.
    pub fn into_kind(self) -> ErrorKind {
        self.0.map_or(ErrorKind::Suspend, |inner| inner.kind)
    }

    /// The calls of WebAssembly that were active at a trap, or when a host function failed, innermost first. Empty
    /// for other errors, for exit statuses and the wish to suspend, for errors of calls made with
    /// [`Func::call_resumable`](crate::Func::call_resumable) (but not for their traps), and for those of host functions
    /// without [`Config::host_error_backtrace`](crate::Config::host_error_backtrace).
    pub fn backtrace(&self) -> &WasmBacktrace {
        self.0.as_ref().map_or(&NO_BACKTRACE, |inner| &inner.backtrace)
    }

    /// If this is [`TrapCode::OutOfFuel`]: how much fuel the store must have for the next step.
    pub fn required_fuel(&self) -> Option<u64> {
        self.0.as_ref().filter(|_| self.as_trap_code() == Some(TrapCode::OutOfFuel)).map(|i| i.required_fuel)
    }

    /// The trap code, if this is a trap.
    pub fn as_trap_code(&self) -> Option<TrapCode> {
        self.kind().as_trap_code()
    }

    /// The exit status, if this is one.
    pub fn i32_exit_status(&self) -> Option<i32> {
        self.kind().as_i32_exit_status()
    }

    /// Why the module was refused, if it was.
    pub fn as_module_error(&self) -> Option<&ModuleError> {
        self.kind().as_module_error()
    }

    /// The embedder's error as a `T`, if it is one.
    pub fn downcast_ref<T: HostError>(&self) -> Option<&T> {
        self.kind().as_host()?.downcast_ref()
    }

    /// The embedder's error as a `T`, if it is one.
    pub fn downcast_mut<T: HostError>(&mut self) -> Option<&mut T> {
        match &mut self.0.as_mut()?.kind {
            ErrorKind::Host(error) => error.downcast_mut(),
            _ => None,
        }
    }

    /// The embedder's error as a `T`.
    ///
    /// # Errors
    /// This is another error; it is given back.
    pub fn try_downcast<T: HostError>(self) -> Result<T, Self> {
        if self.downcast_ref::<T>().is_none() {
            return Err(self);
        }
        match self.into_kind() {
            ErrorKind::Host(error) => Ok(*error.downcast().expect("the type was tested")),
            _ => unreachable!("only errors of the embedder have other types"),
        }
    }

    /// The embedder's error as a `T`, if it is one.
    pub fn downcast<T: HostError>(self) -> Option<T> {
        self.try_downcast().ok()
    }
}

/// What went wrong, and of a trap where. What a host function says stands alone; `Debug` gives its backtrace, too.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind().fmt(f)?;
        match self.kind() {
            ErrorKind::TrapCode(_) => self.backtrace().fmt(f),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.kind(), f)?;
        self.backtrace().fmt(f)
    }
}

/// The message says everything: there is no source that would repeat it.
impl core::error::Error for Error {}

impl From<ModuleError> for Error {
    #[cold]
    fn from(error: ModuleError) -> Self {
        Self::from_kind(match error.kind() {
            ModuleErrorKind::Malformed => ErrorKind::Malformed(error),
            ModuleErrorKind::Invalid => ErrorKind::Invalid(error),
            ModuleErrorKind::Unsupported => ErrorKind::Unsupported(error),
            // The kinds that later versions add are limits until this line is revised.
            _ => ErrorKind::Limit(error),
        })
    }
}

impl From<TrapCode> for Error {
    #[cold]
    fn from(code: TrapCode) -> Self {
        Self::from_kind(ErrorKind::TrapCode(code))
    }
}

impl From<LinkError> for Error {
    #[cold]
    fn from(error: LinkError) -> Self {
        Self::from_kind(ErrorKind::Link(error))
    }
}

impl From<InstantiationError> for Error {
    #[cold]
    fn from(error: InstantiationError) -> Self {
        Self::from_kind(ErrorKind::Instantiation(error))
    }
}

impl From<SnapshotError> for Error {
    #[cold]
    fn from(error: SnapshotError) -> Self {
        Self::from_kind(ErrorKind::Snapshot(error))
    }
}

impl From<HistoryError> for Error {
    #[cold]
    fn from(error: HistoryError) -> Self {
        SnapshotError::History(error).into()
    }
}

impl From<DeserializeError> for Error {
    #[cold]
    fn from(error: DeserializeError) -> Self {
        SnapshotError::Deserialize(error).into()
    }
}

impl From<WrongStore> for Error {
    #[cold]
    fn from(_: WrongStore) -> Self {
        Self::from_kind(ErrorKind::WrongStore)
    }
}

impl From<rotifer_core::MemoryTypeError> for Error {
    #[cold]
    fn from(error: rotifer_core::MemoryTypeError) -> Self {
        Self::access(error.to_string())
    }
}
