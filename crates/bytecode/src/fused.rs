//! Ops that do the work of two operators, the second of which consumes what the first computes.
//!
//! Which operators are worth it was counted over many programs (docs/PERFORMANCE.md); handlers, numbers, names and
//! tests are derived from the lists.

use crate::{
    op::Source,
    operator::{COUNTS, Kind, Operator},
};

/// Calls `$callback!` with the lists of fused operators.
///
/// `pairs`: two binary operators; the word behind says which operand of the second the first computes. Floats are
/// added and multiplied in either order: which NaN comes out is not defined, and where it is (`canonical_nans`) floats
/// are not fused. `stored`: a binary operator whose result is stored.
#[macro_export]
macro_rules! for_each_fused {
    ($callback:ident) => {
        $callback! {
        pairs {
            I32Shl I32Add left;
            I32And I32Shl left;
            I32And I32Add left;
            I32ShrU I32And left;
            I32ShrU I32Xor left;
            I32Xor I32And left;
            I32Shl I32And left;
            I32Shl I32Or left;
            I32Mul I32Add left;
            I32And I32Xor left;
            I32And I32Or left;
            I32Add I32And left;
            I32Add I32Add left;
            I32Add I32Shl left;
            I32Xor I32Rotl left;
            I32Xor I32Xor left;
            I32Rotl I32Xor left;
            I64Xor I64Rotl left;
            I64Xor I64And left;
            I64And I64Xor left;
            I64Xor I64Xor left;
            I64Rotl I64Xor left;
            I64Rotl I64Add left;
            I64Add I64Rotl left;
            I64Add I64Xor left;
            I64Mul I64Add left;
            I64Mul I64ShrU left;
            I64Mul I64Xor left;
            I64Xor I64Mul left;
            I64And I64Mul left;
            I64ShrU I64Xor left;
            I64ShrU I64And left;
            I64Shl I64Xor left;
            I64Shl I64Or left;
            I64Shl I64And left;
            I64Add I64ShrU left;
            I64Add I64Add left;
            F32Mul F32Add left;
            F32Mul F32Sub right;
            F64Mul F64Add left;
            F64Mul F64Sub left;
            F64Mul F64Sub right;
            F64Mul F64Mul left;
            F64Add F64Mul left;
            F64Sub F64Mul left;
            F64Sub F64Add left;
            F64Add F64Add left;
        }
        stored {
            I32Add I32Store;
            I32And I32Store;
            I32Or I32Store;
            I32Xor I32Store;
            I64Add I64Store;
            I64Xor I64Store;
            F32Add F32Store;
            F64Add F64Store;
            F64Sub F64Store;
            F64Mul F64Store;
        }
            }
    };
}

/// Two binary operators in one op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pair {
    /// The operator that is computed first.
    pub first: Operator,
    /// The one that consumes its result.
    pub second: Operator,
    /// Whether the result is the left operand.
    pub left: bool,
}

/// A binary operator and a store of its result in one op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The operator.
    pub first: Operator,
    /// The store.
    pub store: Operator,
}

macro_rules! define {
    (
        pairs { $( $first:ident $second:ident $side:ident; )* }
        stored { $( $computed:ident $store:ident; )* }
    ) => {
        /// The pairs, by number.
        pub const PAIRS: &[Pair] = &[$( Pair {
            first: Operator::$first,
            second: Operator::$second,
            left: define!(@ $side),
        } ),*];
        /// What is stored as soon as it is computed, by number.
        pub const STORED: &[Stored] = &[$( Stored { first: Operator::$computed, store: Operator::$store } ),*];
    };
    (@ left) => { true };
    (@ right) => { false };
}

for_each_fused!(define);

/// The loads whose value a branch compares with another, for equality, in one op.
pub const BRANCH_LOADS: [Operator; 3] = [Operator::I32Load8U, Operator::I32Load16U, Operator::I32Load];

/// The sizes in bytes of what is loaded and stored by one op.
pub const MOVED_SIZES: [u8; 4] = [1, 2, 4, 8];

/// Where a load has its address from whose value is stored at once, and where the store has: the sum of two slots, or
/// one slot, or for the load the accumulator.
pub const MOVED_ADDRESSES: [(Address, Address); 6] = [
    (Address::Slot, Address::Slot),
    (Address::Slot, Address::Sum),
    (Address::Acc, Address::Slot),
    (Address::Acc, Address::Sum),
    (Address::Sum, Address::Slot),
    (Address::Sum, Address::Sum),
];

/// Where an address comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address {
    /// A slot.
    Slot,
    /// The accumulator.
    Acc,
    /// The sum of two slots.
    Sum,
}

/// Where the first operator of a fused op has its operands from.
///
/// All immediates have 32 bits, zero-extended. Cells with larger ones are not fused.
pub const FIRST_SOURCES: [(Source, Source); 4] = [
    (Source::Slot, Source::Slot),
    (Source::Slot, Source::Imm),
    (Source::Acc, Source::Slot),
    (Source::Acc, Source::Imm),
];

const NONE: u8 = u8::MAX;
const BINARIES: usize = COUNTS[Kind::Binary as usize] as usize;

/// The number of each pair, by the numbers of its operators among the binary ones and whether the first one's result
/// is the left operand.
static NUMBERS: [[[u8; 2]; BINARIES]; BINARIES] = {
    let mut numbers = [[[NONE; 2]; BINARIES]; BINARIES];
    let mut i = 0;
    while i < PAIRS.len() {
        let Pair { first, second, left } = PAIRS[i];
        numbers[second.kind_and_number().1 as usize][first.kind_and_number().1 as usize][left as usize] =
            i as u8;
        i += 1;
    }
    numbers
};

/// The number of each operator among the binary ones, if it is the second of a pair, or [`NONE`].
static SECONDS: [u8; Operator::ALL.len()] = {
    let mut seconds = [NONE; Operator::ALL.len()];
    let mut i = 0;
    while i < PAIRS.len() {
        seconds[PAIRS[i].second as usize] = PAIRS[i].second.kind_and_number().1 as u8;
        i += 1;
    }
    seconds
};

/// The first of the binary operators in the order of the table.
const FIRST_BINARY: usize = COUNTS[Kind::Unary as usize] as usize;

impl Pair {
    /// Whether an operator is the second of any pair.
    #[inline]
    pub fn is_second(operator: Operator) -> bool {
        SECONDS[operator as usize] != NONE
    }

    /// The number of a pair of binary operators.
    #[inline]
    pub fn number(first: Operator, second: Operator, left: bool) -> Option<u16> {
        let seconds = NUMBERS.get(usize::from(SECONDS[second as usize]))?;
        let number = seconds.get((first as usize).wrapping_sub(FIRST_BINARY))?[usize::from(left)];
        (number != NONE).then_some(number.into())
    }
}

impl Stored {
    /// The number of an operator and a store.
    #[inline]
    pub fn number(first: Operator, store: Operator) -> Option<u16> {
        STORED.iter().position(|stored| stored.first == first && stored.store == store).map(|i| i as u16)
    }
}

impl Operator {
    /// Whether the operands may be exchanged where it does not matter which NaN comes out.
    pub const fn commutes(self) -> bool {
        use Operator::*;
        self.is_commutative() || matches!(self, F32Add | F32Mul | F64Add | F64Mul)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_fit() {
        assert!(PAIRS.len() < NONE.into());
        for (i, pair) in PAIRS.iter().enumerate() {
            let (first, second) = (pair.first.row(), pair.second.row());
            assert_eq!(Pair::number(pair.first, pair.second, pair.left), Some(i as u16), "{pair:?}");
            assert_eq!((first.kind, second.kind), (Kind::Binary, Kind::Binary));
            assert_eq!((first.b, second.a, second.b), (first.a, first.a, first.a), "{pair:?}");
            assert!(!first.may_trap && !second.may_trap, "{pair:?}");
            assert!(pair.left || !pair.second.commutes(), "{pair:?}: the left operand is the usual one");
        }
        for (i, stored) in STORED.iter().enumerate() {
            assert_eq!(Stored::number(stored.first, stored.store), Some(i as u16));
            assert_eq!(stored.first.row().result, Some(stored.store.row().b));
            assert!(!stored.first.row().may_trap);
        }
    }
}
