//! Streams: stores, and loads with a store, that are all of an innermost loop's body but for the latch, or for an
//! addition before them and a branch behind. The twin of the first cell executes the rounds of the loop itself.
//!
//! The cells are those of the plain ops, but for one thing: an unused half-word of the branch says what the twin needs
//! to know about it ([`StreamTest`]). The last round's branch, and whatever is out of the ordinary (a trap, fuel that
//! does not suffice, the first write to a block), is left to the plain ops.

use crate::{
    fused::{Address, MOVED_ADDRESSES},
    op::{Described, OpCode, STREAMS, Source, Target},
    operator::{Kind, Operator},
};

/// Kinds of streams: a move for each size; then stores, for each size by whether the address is a sum and whether the
/// value is an immediate.
pub const STREAM_KINDS: u16 = 20;

/// The kinds that are moves.
const MOVES: u16 = 4;

/// The stores of bytes, of which there are streams that count first, too: how bytes are filled downwards.
pub const BYTE_STREAMS: [u16; 4] = [MOVES, MOVES + 1, MOVES + 2, MOVES + 3];

/// How many streams there are: plain, metered, tracked, and both.
pub const STREAM_OPS: usize = 4 * (STREAM_KINDS as usize + BYTE_STREAMS.len());

/// A stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamOp {
    pub(crate) kind: u16,
    /// Whether the addition stands before the store, not in a latch. The first cell is that of the addition then.
    pub counts_first: bool,
    /// Whether the branch pays.
    pub pays: bool,
    /// Whether writes are noted.
    pub tracked: bool,
}

impl StreamOp {
    /// The stream with this number.
    pub(crate) fn of(number: u16) -> Option<Self> {
        let counted = number.checked_sub(4 * STREAM_KINDS);
        let (twin, kind) = match counted {
            None => (number / STREAM_KINDS, number % STREAM_KINDS),
            Some(number) => {
                let kinds = BYTE_STREAMS.len() as u16;
                (number / kinds, BYTE_STREAMS[(number % kinds) as usize])
            }
        };
        (twin < 4).then_some(Self {
            kind,
            counts_first: counted.is_some(),
            pays: twin & 1 != 0,
            tracked: twin & 2 != 0,
        })
    }

    /// Its op, if there is one.
    pub(crate) fn code(self) -> Option<OpCode> {
        let twin = self.pays as u16 + 2 * self.tracked as u16;
        let number = if self.counts_first {
            let kind = BYTE_STREAMS.iter().position(|kind| *kind == self.kind)? as u16;
            4 * STREAM_KINDS + twin * BYTE_STREAMS.len() as u16 + kind
        } else {
            twin * STREAM_KINDS + self.kind
        };
        Some(OpCode(STREAMS + number))
    }

    /// An op that does what the first cell does.
    pub(crate) fn plain(self) -> OpCode {
        if self.counts_first {
            return OpCode::binary(Operator::I32Add, Source::Slot, Source::Imm, Target::Slot);
        }
        self.store()
    }

    /// An op that stores as it does.
    pub(crate) fn store(self) -> OpCode {
        plain(self.kind)
    }

    /// What a round stores.
    pub fn round(self) -> StreamRound {
        let Some(store) = self.kind.checked_sub(MOVES) else { return StreamRound::Move };
        let (is_sum, value) = STORES[store as usize % STORES.len()];
        StreamRound::Store { is_sum, is_imm: value == Source::Imm }
    }
}

/// What a round of a stream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StreamRound {
    /// A load and a store, both at sums.
    Move,
    /// A store.
    Store {
        /// Whether its address is a sum.
        is_sum: bool,
        /// Whether the value is an immediate, not in a slot.
        is_imm: bool,
    },
}

/// The kind of stream that an op can become.
pub(crate) fn kind(op: OpCode) -> Option<u16> {
    match op.describe() {
        Described::Moved(size, addresses) => {
            let are_sums = MOVED_ADDRESSES[addresses as usize] == (Address::Sum, Address::Sum);
            are_sums.then_some(size)
        }
        Described::Operator(operator, form) if operator.row().kind == Kind::Store => {
            let size = operator.row().access_bytes.trailing_zeros() as u16;
            let stores =
                |op: &(bool, Source)| store(operator, *op).describe() == Described::Operator(operator, form);
            let form = STORES.iter().position(stores)? as u16;
            Some(MOVES + size * STORES.len() as u16 + form)
        }
        _ => None,
    }
}

/// The kind that a store becomes whose address is in the accumulator, if that is what the cell before has added.
pub(crate) fn kind_at_sum(op: OpCode) -> Option<u16> {
    let Described::Operator(operator, form) = op.describe() else { return None };
    if operator.row().kind != Kind::Store {
        return None;
    }
    let at = |address, value| OpCode::store(operator, address, value);
    let is_this = |&value: &Source| at(Source::Acc, value).describe() == Described::Operator(operator, form);
    kind(at(Source::Slot, [Source::Slot, Source::Imm].into_iter().find(is_this)?))
}

/// A store, or a load and a store, of this kind.
fn plain(kind: u16) -> OpCode {
    let Some(number) = kind.checked_sub(MOVES) else {
        let sums = MOVED_ADDRESSES.iter().position(|addresses| *addresses == (Address::Sum, Address::Sum));
        return OpCode::moved(kind, sums.unwrap_or_default() as u16);
    };
    let operators = [Operator::I32Store8, Operator::I32Store16, Operator::I32Store, Operator::I64Store];
    let stores = STORES.len() as u16;
    store(operators[(number / stores) as usize], STORES[(number % stores) as usize])
}

/// Whether the address is a sum, and where the value is.
const STORES: [(bool, Source); 4] =
    [(false, Source::Slot), (false, Source::Imm), (true, Source::Slot), (true, Source::Imm)];

fn store(operator: Operator, (is_sum, value): (bool, Source)) -> OpCode {
    if is_sum { OpCode::store_sum(operator, value) } else { OpCode::store(operator, Source::Slot, value) }
}

/// What a stream knows about the end of a round: where the operands are, and how it is decided whether there is another
/// one. In field `a` of the latch's word 2; of a branch that is no latch, in that of word 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamTest(pub u16);

impl StreamTest {
    const ADDEND_SLOT: u16 = 1;
    const RIGHT_SLOT: u16 = 2;
    const EQUAL: u16 = 4;
    const SIGNED: u16 = 8;
    const OR_EQUAL: u16 = 16;
    const OPPOSITE: u16 = 32;

    /// What is to be known about a latch that goes on if this compare of i32 gives `if_true`.
    pub fn new(compare: Operator, if_true: bool, addend: Source, right: Source) -> Option<Self> {
        let order = match compare {
            Operator::I32Eq => Self::EQUAL,
            Operator::I32Ne => Self::EQUAL | Self::OPPOSITE,
            Operator::I32LtS => Self::SIGNED,
            Operator::I32LtU => 0,
            Operator::I32GtS => Self::SIGNED | Self::OR_EQUAL | Self::OPPOSITE,
            Operator::I32GtU => Self::OR_EQUAL | Self::OPPOSITE,
            Operator::I32LeS => Self::SIGNED | Self::OR_EQUAL,
            Operator::I32LeU => Self::OR_EQUAL,
            Operator::I32GeS => Self::SIGNED | Self::OPPOSITE,
            Operator::I32GeU => Self::OPPOSITE,
            _ => return None,
        };
        let sense = if if_true { 0 } else { Self::OPPOSITE };
        let slot = |source, bit| if source == Source::Slot { bit } else { 0 };
        Some(Self((order ^ sense) | slot(addend, Self::ADDEND_SLOT) | slot(right, Self::RIGHT_SLOT)))
    }

    /// Whether what is added is in a slot.
    #[inline(always)]
    pub const fn is_addend_slot(self) -> bool {
        self.0 & Self::ADDEND_SLOT != 0
    }

    /// Whether what the sum is compared with is in a slot.
    #[inline(always)]
    pub const fn is_right_slot(self) -> bool {
        self.0 & Self::RIGHT_SLOT != 0
    }

    /// What the sum is to be xored with, and what it must be less than for another round.
    #[inline(always)]
    pub fn bound(self, right: u32) -> (u32, u64) {
        let has = |bit| self.0 & bit != 0;
        let sign = if has(Self::SIGNED) { 1 << 31 } else { 0 };
        let (mask, limit) = if has(Self::EQUAL) { (right, 1) } else { (sign, (right ^ sign) as u64) };
        let limit = limit + has(Self::OR_EQUAL) as u64;
        if has(Self::OPPOSITE) { (!mask, (1 << 32) - limit) } else { (mask, limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::fold;

    #[test]
    fn bounds_are_the_compares() {
        const SAMPLES: [u32; 9] =
            [0, 1, 2, 0x7FFF_FFFE, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001, 0xFFFF_FFFE, u32::MAX];
        let compares = Operator::ALL.iter().filter(|o| o.row().kind == Kind::Compare);
        let mut count = 0;
        for &compare in compares {
            for if_true in [false, true] {
                let Some(test) = StreamTest::new(compare, if_true, Source::Imm, Source::Slot) else {
                    continue;
                };
                assert_eq!((test.is_addend_slot(), test.is_right_slot()), (false, true));
                count += 1;
                for right in SAMPLES {
                    let (mask, limit) = test.bound(right);
                    for sum in SAMPLES {
                        let holds = fold(compare, sum.into(), right.into()) == Some(1);
                        let goes_on = u64::from(sum ^ mask) < limit;
                        assert_eq!(goes_on, holds == if_true, "{compare:?} {if_true} {sum:#x} {right:#x}");
                    }
                }
            }
        }
        assert_eq!(count, 20);
    }

    #[test]
    fn plain_ops_are_of_their_kind() {
        for number in 0..STREAM_KINDS {
            assert_eq!(kind(plain(number)), Some(number));
        }
        assert_eq!(kind(OpCode::store(Operator::F32Store, Source::Slot, Source::Imm)), Some(MOVES + 9));
        assert_eq!(kind(OpCode::store(Operator::F32Store, Source::Acc, Source::Imm)), None);
    }
}
