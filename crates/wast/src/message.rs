//! Whether an error is the one that a script expects, by the specification's messages.
//!
//! As in the reference interpreter, the expected message must be the beginning of the reported one; ours
//! continue with details. The exceptions are rows of [`DEVIATIONS`].

/// A pair of messages that mean the same refusal, or two errors of one broken module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deviation {
    /// The message in the scripts.
    pub expected: &'static str,
    /// The beginning of ours.
    pub reported: &'static str,
    /// Why they differ.
    pub reason: &'static str,
}

/// How a message compares with the expected one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Comparison {
    Same,
    /// There is a row in [`DEVIATIONS`].
    Deviates,
    Different,
}

const RENAMED: &str = "the same error: versions of the suite differ in its text";

const TEXT: &str = "the text is malformed for the reference interpreter; the crate `wast` encodes it, so the \
    decoder of the binary format finds the error";

const TWO_ERRORS: &str = "the module has two errors: its sections, functions or vectors are shorter or longer than \
    they claim. The reference interpreter decodes on and compares lengths at the end, so an integer or an operator \
    of what follows comes first; Rotifer never reads behind the end of a section or function, and in partial mode \
    reads no function before all sections are known";

macro_rules! deviations {
    ($( $expected:literal <- $( $reported:literal )|+: $reason:expr; )*) => {
        &[$($( Deviation { expected: $expected, reported: $reported, reason: $reason }, )+)*]
    };
}

/// Every pair of messages that passes though the texts differ. [`Outcome::deviations`](crate::Outcome) counts how
/// often that happens.
pub const DEVIATIONS: &[Deviation] = deviations! {
    "invalid UTF-8 encoding" <- "malformed UTF-8 encoding": RENAMED;
    "zero flag expected" <- "zero byte expected": RENAMED;
    "invalid mutability" <- "malformed mutability": RENAMED;
    "invalid section id" <- "malformed section id": RENAMED;
    "junk after last section" <- "unexpected content after last section": RENAMED;
    "unexpected end" <- "length out of bounds": RENAMED;
    "unexpected end of section or function" <- "length out of bounds": RENAMED;

    "i32 constant" <- "integer too large": TEXT;
    "i32 constant out of range" <- "integer too large": TEXT;
    "multiple start sections" <- "unexpected content after last section": TEXT;

    "integer too large" <- "unexpected end of section or function" | "malformed section id"
        | "malformed limits flags" | "section size mismatch": TWO_ERRORS;
    "integer representation too long" <- "unexpected end of section or function" | "malformed section id"
        | "malformed limits flags" | "section size mismatch": TWO_ERRORS;
    "zero flag expected" <- "section size mismatch": TWO_ERRORS;
    "section size mismatch" <- "unexpected end of section or function": TWO_ERRORS;
    "length out of bounds" <- "unexpected end of section or function": TWO_ERRORS;
    "END opcode expected" <- "unexpected end of section or function": TWO_ERRORS;
    "illegal opcode" <- "unexpected end of section or function" | "constant expression required": TWO_ERRORS;
    "malformed limits flags" <- "unexpected end of section or function": TWO_ERRORS;
    "malformed elements segment kind" <- "unexpected end of section or function": TWO_ERRORS;
    "invalid value type" <- "unexpected end of section or function": TWO_ERRORS;
    "invalid mutability" <- "length out of bounds": TWO_ERRORS;
    "unexpected end of section or function" <- "unknown label": TWO_ERRORS;
    "unexpected content after last section" <- "function and code section have inconsistent lengths": TWO_ERRORS;
};

/// Compares a message with the expected one.
pub(crate) fn compare(expected: &str, reported: &str) -> Comparison {
    if reported.starts_with(expected) || expected.strip_prefix(reported).is_some_and(is_element_number) {
        Comparison::Same
    } else if DEVIATIONS.iter().any(|row| row.expected == expected && reported.starts_with(row.reported)) {
        Comparison::Deviates
    } else {
        Comparison::Different
    }
}

/// The reference interpreter reports which element of a table is null, ours does not: ` 2`.
fn is_element_number(rest: &str) -> bool {
    rest.strip_prefix(' ').is_some_and(|number| number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_message_must_be_a_prefix() {
        assert_eq!(compare("unknown memory", "unknown memory 1: the module has none"), Comparison::Same);
        assert_eq!(compare("out of bounds", "out of bounds table access"), Comparison::Same);
        assert_eq!(compare("memory 1", "unknown memory 1"), Comparison::Different);
        assert_eq!(compare("type mismatch", "type"), Comparison::Different);
    }

    #[test]
    fn number_of_the_element_is_optional() {
        assert_eq!(compare("uninitialized element 2", "uninitialized element"), Comparison::Same);
        assert_eq!(compare("uninitialized elements", "uninitialized element"), Comparison::Different);
        assert_eq!(compare("uninitialized element x", "uninitialized element"), Comparison::Different);
    }

    #[test]
    fn deviations_are_no_prefixes_and_not_repeated() {
        for (place, row) in DEVIATIONS.iter().enumerate() {
            assert_eq!(compare(row.expected, row.reported), Comparison::Deviates, "{row:?} is not needed");
            let same = |other: &&Deviation| (other.expected, other.reported) == (row.expected, row.reported);
            assert_eq!(DEVIATIONS.iter().position(|other| same(&other)), Some(place), "{row:?} is repeated");
        }
    }
}
