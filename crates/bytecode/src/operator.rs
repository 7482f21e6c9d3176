//! [`Operator`]: the operators of the table as numbers, with their rows as data.

use crate::semantics::{Binary, Compare, Load, MemoryInt, Store, Unary, Value, ops};
use rotifer_core::ValType;

/// Which generic handler executes an operator, and so which operand forms it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One operand, one result.
    Unary,
    /// Two operands, one result.
    Binary,
    /// Two operands; the result is 0 or 1.
    Compare,
    /// An address; the result comes from memory.
    Load,
    /// An address and a value.
    Store,
}

/// The row of an operator as data.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The opcode, a prefix in the high byte.
    pub opcode: u16,
    /// The name in the text format.
    pub text: &'static str,
    /// What the operator does, in a sentence.
    pub doc: &'static str,
    /// The kind.
    pub kind: Kind,
    /// The type of the left or only operand. For a load or a store with a 32-bit address: `i32`, the address.
    pub a: ValType,
    /// The type of the right operand; of the value for a store; the same as `a` where there is none.
    pub b: ValType,
    /// The type of the result; none for a store.
    pub result: Option<ValType>,
    /// Bytes accessed in memory, for a load or a store.
    pub access_bytes: u8,
    /// Whether the operator may trap for its operands' values (loads and stores always may).
    pub may_trap: bool,
}

macro_rules! define {
    (
        unary { $( #[doc = $ud:literal] $uo:literal $ut:literal $U:ident: ($ua:ty) -> $ur:ty = $uf:expr; )* }
        unary_try { $( #[doc = $vd:literal] $vo:literal $vt:literal $V:ident: ($va:ty) -> $vr:ty = $vf:expr; )* }
        binary { $( #[doc = $bd:literal] $bo:literal $bt:literal $B:ident: ($ba:ty, $bb:ty) -> $br:ty = $bf:expr; )* }
        binary_try { $( #[doc = $dd:literal] $do:literal $dt:literal $D:ident: ($da:ty, $db:ty) -> $dr:ty = $df:expr; )* }
        compare { $( #[doc = $cd:literal] $co:literal $ct:literal $C:ident: ($ca:ty, $cb:ty) = $cf:expr; )* }
        load { $( #[doc = $ld:literal] $lo:literal $lt:literal $L:ident: ($lm:ty) -> $lr:ty = $lf:expr; )* }
        store { $( #[doc = $sd:literal] $so:literal $st:literal $S:ident: ($sv:ty) -> $sm:ty = $sf:expr; )* }
    ) => {
        /// An operator of the table. The numbers are dense and in the order of the table.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        #[allow(missing_docs, reason = "each row's documentation stands on its type in `ops`")]
        pub enum Operator {
            $( $U, )* $( $V, )* $( $B, )* $( $D, )* $( $C, )* $( $L, )* $( $S, )*
        }

        impl Operator {
            /// All operators, in the order of the table.
            pub const ALL: &'static [Self] = &[
                $( Self::$U, )* $( Self::$V, )* $( Self::$B, )* $( Self::$D, )* $( Self::$C, )*
                $( Self::$L, )* $( Self::$S, )*
            ];

            /// The operator with this opcode.
            #[deny(unreachable_patterns)]
            pub const fn from_opcode(opcode: u16) -> Option<Self> {
                Some(match opcode {
                    $( $uo => Self::$U, )* $( $vo => Self::$V, )* $( $bo => Self::$B, )* $( $do => Self::$D, )*
                    $( $co => Self::$C, )* $( $lo => Self::$L, )* $( $so => Self::$S, )*
                    _ => return None,
                })
            }
        }

        static ROWS: &[Row] = &[
            $( Row {
                opcode: $uo, text: $ut, doc: $ud, kind: Kind::Unary,
                a: <<ops::$U as Unary>::A as Value>::TYPE,
                b: <<ops::$U as Unary>::A as Value>::TYPE,
                result: Some(<<ops::$U as Unary>::R as Value>::TYPE),
                access_bytes: 0, may_trap: false,
            }, )*
            $( Row {
                opcode: $vo, text: $vt, doc: $vd, kind: Kind::Unary,
                a: <<ops::$V as Unary>::A as Value>::TYPE,
                b: <<ops::$V as Unary>::A as Value>::TYPE,
                result: Some(<<ops::$V as Unary>::R as Value>::TYPE),
                access_bytes: 0, may_trap: true,
            }, )*
            $( Row {
                opcode: $bo, text: $bt, doc: $bd, kind: Kind::Binary,
                a: <<ops::$B as Binary>::A as Value>::TYPE,
                b: <<ops::$B as Binary>::B as Value>::TYPE,
                result: Some(<<ops::$B as Binary>::R as Value>::TYPE),
                access_bytes: 0, may_trap: false,
            }, )*
            $( Row {
                opcode: $do, text: $dt, doc: $dd, kind: Kind::Binary,
                a: <<ops::$D as Binary>::A as Value>::TYPE,
                b: <<ops::$D as Binary>::B as Value>::TYPE,
                result: Some(<<ops::$D as Binary>::R as Value>::TYPE),
                access_bytes: 0, may_trap: true,
            }, )*
            $( Row {
                opcode: $co, text: $ct, doc: $cd, kind: Kind::Compare,
                a: <<ops::$C as Compare>::A as Value>::TYPE,
                b: <<ops::$C as Compare>::A as Value>::TYPE,
                result: Some(ValType::I32),
                access_bytes: 0, may_trap: false,
            }, )*
            $( Row {
                opcode: $lo, text: $lt, doc: $ld, kind: Kind::Load,
                a: ValType::I32, b: ValType::I32,
                result: Some(<<ops::$L as Load>::R as Value>::TYPE),
                access_bytes: <<ops::$L as Load>::M as MemoryInt>::SIZE as u8, may_trap: true,
            }, )*
            $( Row {
                opcode: $so, text: $st, doc: $sd, kind: Kind::Store,
                a: ValType::I32, b: <<ops::$S as Store>::V as Value>::TYPE,
                result: None,
                access_bytes: <<ops::$S as Store>::M as MemoryInt>::SIZE as u8, may_trap: true,
            }, )*
        ];

        /// The count of operators of each kind, in the order of [`Kind`].
        pub(crate) const COUNTS: [u16; 5] = [
            [$( $uo, )* $( $vo, )*].len() as u16,
            [$( $bo, )* $( $do, )*].len() as u16,
            [$( $co, )*].len() as u16,
            [$( $lo, )*].len() as u16,
            [$( $so, )*].len() as u16,
        ];

        /// Computes an operator on constants, given and returned as slots.
        ///
        /// `None` where execution must decide: the operator may trap on these operands, reads memory, or deals
        /// in floats (whose NaN bits may depend on the machine).
        pub fn fold(operator: Operator, a: u64, b: u64) -> Option<u64> {
            fn unary<O: Unary>(a: u64) -> Option<u64> {
                if O::A::TYPE.is_float() || O::R::TYPE.is_float() {
                    return None;
                }
                O::eval(O::A::from_slot(a)).ok().map(O::R::to_slot)
            }
            fn binary<O: Binary>(a: u64, b: u64) -> Option<u64> {
                if O::A::TYPE.is_float() {
                    return None;
                }
                O::eval(O::A::from_slot(a), O::B::from_slot(b)).ok().map(O::R::to_slot)
            }
            fn compare<O: Compare>(a: u64, b: u64) -> Option<u64> {
                Some(u64::from(O::test(O::A::from_slot(a), O::A::from_slot(b))))
            }
            match operator {
                $( Operator::$U => unary::<ops::$U>(a), )*
                $( Operator::$V => unary::<ops::$V>(a), )*
                $( Operator::$B => binary::<ops::$B>(a, b), )*
                $( Operator::$D => binary::<ops::$D>(a, b), )*
                $( Operator::$C => compare::<ops::$C>(a, b), )*
                $( Operator::$L => None, )*
                $( Operator::$S => None, )*
            }
        }
    };
}

crate::for_each_operator!(define);

impl Operator {
    /// The row of this operator.
    #[inline]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The kind of this operator and its number among those of that kind.
    pub const fn kind_and_number(self) -> (Kind, u16) {
        const KINDS: [Kind; 5] = [Kind::Unary, Kind::Binary, Kind::Compare, Kind::Load, Kind::Store];
        let mut number = self as u16;
        let mut kind = 0;
        while number >= COUNTS[kind] {
            number -= COUNTS[kind];
            kind += 1;
        }
        (KINDS[kind], number)
    }

    /// Whether the operands may be exchanged without a change of the result's bits.
    ///
    /// Not for floats: which operand's NaN payload survives may depend on the order.
    pub const fn is_commutative(self) -> bool {
        use Operator::*;
        matches!(
            self,
            I32Add
                | I32Mul
                | I32And
                | I32Or
                | I32Xor
                | I64Add
                | I64Mul
                | I64And
                | I64Or
                | I64Xor
                | I32Eq
                | I32Ne
                | I64Eq
                | I64Ne
        )
    }
}

impl Operator {
    /// The compare that gives the opposite result on all operands. None for floats: NaN is neither less than
    /// a number nor not less.
    pub const fn negated(self) -> Option<Self> {
        use Operator::*;
        Some(match self {
            I32Eq => I32Ne,
            I32Ne => I32Eq,
            I32LtS => I32GeS,
            I32LtU => I32GeU,
            I32GtS => I32LeS,
            I32GtU => I32LeU,
            I32LeS => I32GtS,
            I32LeU => I32GtU,
            I32GeS => I32LtS,
            I32GeU => I32LtU,
            I64Eq => I64Ne,
            I64Ne => I64Eq,
            I64LtS => I64GeS,
            I64LtU => I64GeU,
            I64GtS => I64LeS,
            I64GtU => I64LeU,
            I64LeS => I64GtS,
            I64LeU => I64GtU,
            I64GeS => I64LtS,
            I64GeU => I64LtU,
            F32Eq => F32Ne,
            F32Ne => F32Eq,
            F64Eq => F64Ne,
            F64Ne => F64Eq,
            _ => return None,
        })
    }
}

impl Operator {
    /// The compare that gives the same result with its operands exchanged.
    pub const fn exchanged(self) -> Option<Self> {
        use Operator::*;
        Some(match self {
            I32Eq | I32Ne | I64Eq | I64Ne | F32Eq | F32Ne | F64Eq | F64Ne => self,
            I32LtS => I32GtS,
            I32LtU => I32GtU,
            I32GtS => I32LtS,
            I32GtU => I32LtU,
            I32LeS => I32GeS,
            I32LeU => I32GeU,
            I32GeS => I32LeS,
            I32GeU => I32LeU,
            I64LtS => I64GtS,
            I64LtU => I64GtU,
            I64GtS => I64LtS,
            I64GtU => I64LtU,
            I64LeS => I64GeS,
            I64LeU => I64GeU,
            I64GeS => I64LeS,
            I64GeU => I64LeU,
            F32Lt => F32Gt,
            F32Gt => F32Lt,
            F32Le => F32Ge,
            F32Ge => F32Le,
            F64Lt => F64Gt,
            F64Gt => F64Lt,
            F64Le => F64Ge,
            F64Ge => F64Le,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_match_their_numbers() {
        for (i, &operator) in Operator::ALL.iter().enumerate() {
            assert_eq!(operator as usize, i);
            assert_eq!(Operator::from_opcode(operator.row().opcode), Some(operator));
            assert_eq!(operator.kind_and_number().0, operator.row().kind, "{operator:?}");
        }
        assert_eq!(COUNTS.iter().sum::<u16>() as usize, Operator::ALL.len());
    }

    #[test]
    fn negated_compares_give_the_opposite() {
        let samples = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, u64::MAX];
        for &operator in Operator::ALL {
            let Some(negated) = operator.negated() else {
                continue;
            };
            assert_eq!(negated.negated(), Some(operator));
            for a in samples {
                for b in samples {
                    assert_eq!(fold(operator, a, b).map(|x| x ^ 1), fold(negated, a, b), "{operator:?}");
                }
            }
        }
    }

    #[test]
    fn exchanged_compares_give_the_same() {
        let samples = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 1 << 63, 0x3FF8 << 48, u64::MAX];
        for &operator in Operator::ALL {
            let Some(exchanged) = operator.exchanged() else {
                assert_ne!(operator.row().kind, Kind::Compare, "{operator:?}");
                continue;
            };
            for a in samples {
                for b in samples {
                    assert_eq!(fold(operator, a, b), fold(exchanged, b, a), "{operator:?}");
                }
            }
        }
    }

    #[test]
    fn folding_leaves_traps_to_execution() {
        assert_eq!(fold(Operator::I32DivU, 7, 0), None);
        assert_eq!(fold(Operator::I32DivS, 0x8000_0000, u64::MAX), None);
        assert_eq!(fold(Operator::I32Add, u64::MAX, 1), Some(0));
        assert_eq!(fold(Operator::I64LtS, u64::MAX, 0), Some(1));
    }
}
