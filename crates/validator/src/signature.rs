//! What the walk needs to know of an operator, by opcode, derived from the operator table.

use crate::packed_type::PackedType;
use rotifer_bytecode::{
    Operator,
    semantics::{Binary, Compare, Load, MemoryInt, Store, Unary, Value, ops},
};
use rotifer_core::{Features, ValType};

/// How the walk handles an operator. Operators of the table come by kind, all others have a class of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Unary(Operator),
    /// Kinds binary and compare.
    Binary(Operator),
    Load(Operator),
    Store(Operator),
    Unreachable,
    Nop,
    Block,
    Loop,
    If,
    Else,
    End,
    Br,
    BrIf,
    BrTable,
    Return,
    Call,
    CallIndirect,
    ReturnCall,
    ReturnCallIndirect,
    Drop,
    Select,
    SelectTyped,
    LocalGet,
    LocalSet,
    LocalTee,
    GlobalGet,
    GlobalSet,
    TableGet,
    TableSet,
    MemorySize,
    MemoryGrow,
    I32Const,
    I64Const,
    F32Const,
    F64Const,
    RefNull,
    RefIsNull,
    RefFunc,
    /// The prefix of the miscellaneous operators.
    PrefixFC,
    /// An opcode of a proposal that is not implemented.
    Unsupported,
    Illegal,
}

/// Proposals that the table's operators came with, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Gates(u8);

impl Gates {
    pub(crate) const NONE: Self = Self(0);
    const FLOATS: Self = Self(1);
    const SIGN_EXTENSION: Self = Self(2);
    const SATURATING: Self = Self(4);

    /// The proposals that are switched off.
    pub(crate) fn closed(features: &Features) -> Self {
        let bit = |enabled: bool, gate: Self| if enabled { 0 } else { gate.0 };
        Self(
            bit(features.floats, Self::FLOATS)
                | bit(features.sign_extension, Self::SIGN_EXTENSION)
                | bit(features.saturating_float_to_int, Self::SATURATING),
        )
    }

    /// Whether there are none.
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether one of the proposals is among the `closed` ones.
    #[inline(always)]
    pub(crate) fn intersects(self, closed: Self) -> bool {
        self.0 & closed.0 != 0
    }

    /// The gates of an operator that deals in a number of type `ty`.
    const fn of(opcode: u16, ty: ValType) -> Self {
        match opcode {
            0xC0..=0xC4 => Self::SIGN_EXTENSION,
            0xFC00..=0xFC07 => Self::SATURATING,
            _ if ty.is_float() => Self::FLOATS,
            _ => Self::NONE,
        }
    }
}

/// An operator's class and types. Types and gates matter for the operators of the table only.
///
/// Eight bytes, so that finding one takes no multiplication.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(align(8))]
pub(crate) struct Signature {
    pub(crate) class: Class,
    /// The left or only operand.
    pub(crate) a: PackedType,
    /// The right operand, or the value of a store.
    pub(crate) b: PackedType,
    pub(crate) result: PackedType,
    pub(crate) gates: Gates,
    /// The logarithm of the size of the access, for loads and stores.
    pub(crate) natural_alignment: u8,
}

impl Signature {
    const fn of(class: Class, a: ValType, b: ValType, result: ValType, gates: Gates) -> Self {
        let (a, b) = (PackedType::new(a), PackedType::new(b));
        Self { class, a, b, result: PackedType::new(result), gates, natural_alignment: 0 }
    }

    const fn aligned(mut self, access_bytes: usize) -> Self {
        self.natural_alignment = access_bytes.trailing_zeros() as u8;
        self
    }

    const fn special(class: Class) -> Self {
        Self::of(class, ValType::I32, ValType::I32, ValType::I32, Gates::NONE)
    }
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
        /// The signature of an operator of the table. With floats switched off, conversions from floats stay:
        /// they have no operands then, so they occur in dead code only, where they do no harm.
        const fn of_table(opcode: u16) -> Option<Signature> {
            const fn unary<O: Unary>(opcode: u16, operator: Operator) -> Option<Signature> {
                let (a, r) = (O::A::TYPE, O::R::TYPE);
                Some(Signature::of(Class::Unary(operator), a, a, r, Gates::of(opcode, r)))
            }
            const fn binary<O: Binary>(opcode: u16, operator: Operator) -> Option<Signature> {
                let (a, b, r) = (O::A::TYPE, O::B::TYPE, O::R::TYPE);
                Some(Signature::of(Class::Binary(operator), a, b, r, Gates::of(opcode, a)))
            }
            const fn compare<O: Compare>(opcode: u16, operator: Operator) -> Option<Signature> {
                let a = O::A::TYPE;
                Some(Signature::of(Class::Binary(operator), a, a, ValType::I32, Gates::of(opcode, a)))
            }
            const fn load<O: Load>(opcode: u16, operator: Operator) -> Option<Signature> {
                let r = O::R::TYPE;
                let signature =
                    Signature::of(Class::Load(operator), ValType::I32, ValType::I32, r, Gates::of(opcode, r));
                Some(signature.aligned(<O::M as MemoryInt>::SIZE))
            }
            const fn store<O: Store>(opcode: u16, operator: Operator) -> Option<Signature> {
                let v = O::V::TYPE;
                let signature =
                    Signature::of(Class::Store(operator), ValType::I32, v, ValType::I32, Gates::of(opcode, v));
                Some(signature.aligned(<O::M as MemoryInt>::SIZE))
            }
            match opcode {
                $( $uo => unary::<ops::$U>(opcode, Operator::$U), )*
                $( $vo => unary::<ops::$V>(opcode, Operator::$V), )*
                $( $bo => binary::<ops::$B>(opcode, Operator::$B), )*
                $( $do => binary::<ops::$D>(opcode, Operator::$D), )*
                $( $co => compare::<ops::$C>(opcode, Operator::$C), )*
                $( $lo => load::<ops::$L>(opcode, Operator::$L), )*
                $( $so => store::<ops::$S>(opcode, Operator::$S), )*
                _ => None,
            }
        }
    };
}

rotifer_bytecode::for_each_operator!(define);

/// The class of an opcode of one byte that is not in the table.
const fn special_class(opcode: u8) -> Class {
    match opcode {
        0x00 => Class::Unreachable,
        0x01 => Class::Nop,
        0x02 => Class::Block,
        0x03 => Class::Loop,
        0x04 => Class::If,
        0x05 => Class::Else,
        0x0B => Class::End,
        0x0C => Class::Br,
        0x0D => Class::BrIf,
        0x0E => Class::BrTable,
        0x0F => Class::Return,
        0x10 => Class::Call,
        0x11 => Class::CallIndirect,
        0x12 => Class::ReturnCall,
        0x13 => Class::ReturnCallIndirect,
        0x1A => Class::Drop,
        0x1B => Class::Select,
        0x1C => Class::SelectTyped,
        0x20 => Class::LocalGet,
        0x21 => Class::LocalSet,
        0x22 => Class::LocalTee,
        0x23 => Class::GlobalGet,
        0x24 => Class::GlobalSet,
        0x25 => Class::TableGet,
        0x26 => Class::TableSet,
        0x3F => Class::MemorySize,
        0x40 => Class::MemoryGrow,
        0x41 => Class::I32Const,
        0x42 => Class::I64Const,
        0x43 => Class::F32Const,
        0x44 => Class::F64Const,
        0xD0 => Class::RefNull,
        0xD1 => Class::RefIsNull,
        0xD2 => Class::RefFunc,
        0xFC => Class::PrefixFC,
        // Exceptions, typed function references, stack switching, GC, SIMD and threads.
        0x06..=0x0A | 0x14 | 0x15 | 0x18 | 0x19 | 0x1F | 0xD3..=0xD6 | 0xE0..=0xE6 | 0xFB | 0xFD | 0xFE => {
            Class::Unsupported
        }
        _ => Class::Illegal,
    }
}

/// The signature of an opcode, of one byte or behind the prefix 0xFC.
pub(crate) const fn signature(opcode: u16) -> Signature {
    match of_table(opcode) {
        Some(signature) => signature,
        None if opcode > 0xFF => Signature::special(Class::Illegal),
        None => match special_class(opcode as u8) {
            Class::I64Const => Signature { result: PackedType::I64, ..Signature::special(Class::I64Const) },
            class => Signature::special(class),
        },
    }
}

/// The signatures of so many opcodes from the first one on.
const fn signatures<const N: usize>(first: u16) -> [Signature; N] {
    let mut signatures = [Signature::special(Class::Illegal); N];
    let mut index = 0;
    while index < N {
        signatures[index] = signature(first + index as u16);
        index += 1;
    }
    signatures
}

/// The signatures of all opcodes of one byte.
pub(crate) static SIGNATURES: [Signature; 256] = signatures(0);

/// The signatures of the operators of the table behind the prefix 0xFC.
pub(crate) static SATURATING_SIGNATURES: [Signature; 8] = signatures(0xFC00);

#[cfg(test)]
mod tests {
    use super::*;
    use rotifer_bytecode::Kind;

    #[test]
    fn signatures_agree_with_rows() {
        for &operator in Operator::ALL {
            let row = operator.row();
            let signature = match row.opcode {
                0..=0xFF => SIGNATURES[usize::from(row.opcode)],
                opcode => SATURATING_SIGNATURES[usize::from(opcode & 0xFF)],
            };
            let class = match row.kind {
                Kind::Unary => Class::Unary(operator),
                Kind::Binary | Kind::Compare => Class::Binary(operator),
                Kind::Load => Class::Load(operator),
                Kind::Store => Class::Store(operator),
            };
            assert_eq!(signature.class, class, "{}", row.text);
            assert_eq!(signature.a.val_type(), row.a, "{}", row.text);
            assert_eq!(signature.b.val_type(), row.b, "{}", row.text);
            if let Some(result) = row.result {
                assert_eq!(signature.result.val_type(), result, "{}", row.text);
            }
            if row.access_bytes > 0 {
                assert_eq!(1 << signature.natural_alignment, row.access_bytes, "{}", row.text);
            }
        }
    }

    /// The tables are made by the compiler; made again they are the same. Operators are those of the operator table
    /// and no others.
    #[test]
    fn all_opcodes_have_the_signatures_of_the_tables() {
        assert_eq!(signatures::<256>(0), SIGNATURES);
        assert_eq!(signatures::<8>(0xFC00), SATURATING_SIGNATURES);
        for opcode in (0..=0xFF).chain(0xFC00..=0xFCFF) {
            let signature = signature(opcode);
            let operator = match signature.class {
                Class::Unary(operator)
                | Class::Binary(operator)
                | Class::Load(operator)
                | Class::Store(operator) => Some(operator),
                _ => None,
            };
            assert_eq!(operator, Operator::from_opcode(opcode), "{opcode:#x}");
            assert!(operator.is_some() || signature.gates == Gates::NONE, "{opcode:#x}");
        }
    }

    /// What belongs to a proposal is refused without it, and nothing else is.
    #[test]
    fn gates_are_those_of_the_proposals() {
        let gates = |opcode: u16| signature(opcode).gates;
        for (opcode, expected) in [
            (0xC0, Gates::SIGN_EXTENSION),
            (0xC4, Gates::SIGN_EXTENSION),
            (0xFC00, Gates::SATURATING),
            (0xFC07, Gates::SATURATING),
            // f32.add, f64.lt, f32.load, f64.store, f64.convert_i32_s; i32.add, i64.load, i32.wrap_i64.
            (0x92, Gates::FLOATS),
            (0x63, Gates::FLOATS),
            (0x2A, Gates::FLOATS),
            (0x39, Gates::FLOATS),
            (0xB7, Gates::FLOATS),
            (0x6A, Gates::NONE),
            (0x29, Gates::NONE),
            (0xA7, Gates::NONE),
        ] {
            assert_eq!(gates(opcode), expected, "{opcode:#x}");
        }
        let mut features = Features::default();
        assert!(!Gates::FLOATS.intersects(Gates::closed(&features)));
        features.floats = false;
        assert!(Gates::FLOATS.intersects(Gates::closed(&features)));
        assert!(!Gates::SATURATING.intersects(Gates::closed(&features)));
    }
}
