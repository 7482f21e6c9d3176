//! The serialized form of states: what writer and reader have in common. docs/SNAPSHOT.md specifies it.
//!
//! A header says for whom the state is and where its sections are; each section has a hash, and the header has one of
//! itself. Nothing in it is an address, a translated function or a layout of this version's data structures.

use core::fmt;

/// How every serialized state begins. As with PNG, the first byte is no text, and the line ends show whether somebody
/// took it for one.
pub(crate) const MAGIC: [u8; 8] = *b"\x89ROT\r\n\x1A\n";

/// Of header and sections.
pub(crate) const FORMAT_VERSION: u32 = 1;

/// Of what is in the sections: changes with their meaning. A new part of states is a new section, which readers that do
/// not know it refuse.
pub(crate) const STATE_VERSION: u32 = 1;

/// Reads differently in another byte order.
pub(crate) const BYTE_ORDER: u32 = 0x0A0B_0C0D;

/// Bytes before the table of sections.
pub(crate) const HEADER_SIZE: usize = 8 + 4 * 4 + 2 * 32 + 4;

/// Bytes of an entry of the table of sections.
pub(crate) const ENTRY_SIZE: usize = 4 + 4 + 8 + 32;

/// More sections than any version will have.
pub(crate) const MAX_SECTIONS: usize = 64;

/// The flag of a section that a reader must know.
pub(crate) const MANDATORY: u32 = 1;

/// Why a call is suspended.
pub(crate) mod cause_code {
    pub(crate) const FUEL: u8 = 1;
    pub(crate) const BULK_FUEL: u8 = 2;
    pub(crate) const INTERRUPTED: u8 = 3;
    pub(crate) const DEADLINE_EXCEEDED: u8 = 4;
    pub(crate) const HOST: u8 = 5;
}

macro_rules! sections {
    ($( $(#[$doc:meta])* $name:ident = $kind:literal $text:literal ),* $(,)?) => {
        /// A part of a serialized state.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u32)]
        #[non_exhaustive]
        pub enum Section {
            $( $(#[$doc])* $name = $kind, )*
        }

        impl Section {
            /// The section of this kind.
            pub(crate) const fn from_kind(kind: u32) -> Option<Self> {
                match kind { $( $kind => Some(Self::$name), )* _ => None }
            }
        }

        impl fmt::Display for Section {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( Self::$name => $text, )* })
            }
        }
    };
}

sections! {
    /// Versions, module, features, and where the other sections are.
    Header = 0 "header",
    /// Sizes and contents of memories.
    Memories = 1 "memories",
    /// Values of mutable globals.
    Globals = 2 "globals",
    /// Elements of tables.
    Tables = 3 "tables",
    /// Which segments were dropped.
    Segments = 4 "segments",
    /// The fuel that was left; not there if fuel was not counted.
    Fuel = 5 "fuel",
    /// Suspended calls; not there if there are none.
    Calls = 6 "calls",
    /// A section that this version does not know and need not.
    Unknown = 0xFFFF_FFFF "unknown section",
}

/// Why bytes are not a state of a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DeserializeError {
    /// The bytes are no serialized state at all.
    NotASnapshot,
    /// Another version of this crate wrote it.
    Version {
        /// The version of the format.
        format: u32,
        /// The version of what a state is, if the format is known.
        state: Option<u32>,
    },
    /// It is the state of an instance of another module.
    ForeignModule {
        /// The hash of that module's bytes.
        found: [u8; 32],
    },
    /// The engine that took it lets modules use other parts of WebAssembly.
    ForeignEngine,
    /// It has a section that must not be overlooked, of a kind that this version does not know.
    UnknownSection {
        /// The kind.
        kind: u32,
    },
    /// Its memories are larger than they may be.
    LimitExceeded {
        /// How many bytes they have together.
        memory_bytes: u64,
        /// [`StateType::max_memory_bytes`](crate::StateType::max_memory_bytes).
        max_memory_bytes: u64,
    },
    /// A section is not what was written, or not what a state of the module can be.
    Corrupt {
        /// Which one.
        section: Section,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASnapshot => f.write_str("this is no snapshot"),
            Self::Version { format, state: None } => {
                write!(f, "a snapshot in format {format}; this version reads format {FORMAT_VERSION}")
            }
            Self::Version { state: Some(state), .. } => {
                write!(f, "a snapshot of a state of version {state}; this version knows {STATE_VERSION}")
            }
            Self::ForeignModule { found } => {
                f.write_str("a snapshot of another module, whose hash is ")?;
                found.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::ForeignEngine => f.write_str(
                "the engine that took the snapshot had other features switched on; configure this one the same",
            ),
            Self::UnknownSection { kind } => {
                write!(f, "the snapshot has a section of kind {kind}, which this version does not know")
            }
            Self::LimitExceeded { memory_bytes, max_memory_bytes } => {
                write!(f, "the memories have {memory_bytes} bytes, of {max_memory_bytes} that are allowed")
            }
            Self::Corrupt { section, reason } => write!(f, "corrupt snapshot ({section}): {reason}"),
        }
    }
}

impl core::error::Error for DeserializeError {}
