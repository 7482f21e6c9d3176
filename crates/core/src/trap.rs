//! Why execution stopped: one table of trap codes and the texts that the specification's tests use for them.

macro_rules! trap_codes {
    ($( $(#[$doc:meta])* $name:ident = $number:literal $text:literal ),* $(,)?) => {
        /// Why the execution of WebAssembly stopped
        /// ([spec](https://webassembly.github.io/spec/core/intro/overview.html#trap)).
        ///
        /// The numbers are stable: embedders may store them.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum TrapCode {
            $( $(#[$doc])* $name = $number, )*
        }

        impl TrapCode {
            /// The text by which the specification's test suite names this trap.
            pub const fn message(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }

            /// The trap code with this number, if there is one.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $( $number => Some(Self::$name), )* _ => None }
            }
        }
    };
}

trap_codes! {
    /// `unreachable` was executed.
    UnreachableCodeReached = 1 "unreachable",
    /// A load, a store or a bulk operator reached beyond the end of a memory.
    MemoryOutOfBounds = 2 "out of bounds memory access",
    /// A table operator reached beyond the end of a table or of an element segment.
    TableOutOfBounds = 3 "out of bounds table access",
    /// `call_indirect` named an element beyond the end of its table.
    UndefinedElement = 4 "undefined element",
    /// `call_indirect` found a null reference.
    IndirectCallToNull = 5 "uninitialized element",
    /// `call_indirect` found a function of another type.
    BadSignature = 6 "indirect call type mismatch",
    /// An integer was divided by zero.
    IntegerDivisionByZero = 7 "integer divide by zero",
    /// The quotient of two integers, or a truncated float, does not fit its type.
    IntegerOverflow = 8 "integer overflow",
    /// NaN was converted to an integer.
    BadConversionToInteger = 9 "invalid conversion to integer",
    /// Calls nested too deeply, or their frames need more than the value stack.
    StackOverflow = 10 "call stack exhausted",
    /// The fuel does not pay for the next region.
    OutOfFuel = 11 "all fuel consumed by WebAssembly",
    /// A resource limiter refused to let a memory or a table grow and asked for a trap.
    GrowthOperationLimited = 12 "growth operation limited",
    /// Execution was interrupted from outside.
    Interrupted = 13 "interrupted",
    /// A null reference was used where an object is needed.
    NullReference = 14 "null reference",
    /// The deadline of the store has passed.
    DeadlineExceeded = 15 "deadline exceeded",
}

impl core::fmt::Display for TrapCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for TrapCode {}
