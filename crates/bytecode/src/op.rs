//! [`OpCode`]: the ops of our code, numbered.
//!
//! An *operator* is WebAssembly's; an *op* is ours. Each operator of the table has one op per *form*, the form
//! saying where the operands come from and where the result goes. Control flow, calls and the like are a
//! second, short list of ops. An op's number indexes the handler table; code itself holds handlers, not
//! numbers.
//!
//! Forms (see ARCHITECTURE.md for the registers):
//!
//! ```text
//! source   s  a slot of the frame      i  an immediate      a  the accumulator of the operand's domain
//! target   s  a slot, and the accumulator too               a  the accumulator only
//! ```
//!
//! A latch has a twin whose local is pinned: its value is in a register for as long as the loop runs, and in the slot
//! as well.

use crate::{
    code::Operands,
    divisor::DIVISIONS,
    fused::{Address, BRANCH_LOADS, FIRST_SOURCES, MOVED_ADDRESSES, MOVED_SIZES, PAIRS, Pair, STORED},
    operator::{COUNTS, Kind, Operator},
    stream::{self, STREAM_OPS, StreamOp},
};

/// Where an op reads an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A slot of the frame.
    Slot,
    /// An immediate in the op's cell.
    Imm,
    /// The accumulator.
    Acc,
}

/// Where an op writes its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// A slot of the frame, and the accumulator as well.
    Slot,
    /// The accumulator only.
    Acc,
}

/// Where a branch goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// To the cell whose address is in the op's last word.
    Cell,
    /// To the header of the innermost loop, whose address is in the loop register.
    Loop,
}

/// The operand forms of binary operators, compares and branches on compares.
///
/// Two immediates would have been folded, and one accumulator cannot serve twice: a value that is in the
/// accumulator and needed twice has a slot too.
pub const BINARY_SOURCES: [(Source, Source); 7] = [
    (Source::Slot, Source::Slot),
    (Source::Slot, Source::Imm),
    (Source::Imm, Source::Slot),
    (Source::Slot, Source::Acc),
    (Source::Acc, Source::Slot),
    (Source::Acc, Source::Imm),
    (Source::Imm, Source::Acc),
];

/// The operand forms of stores: address, value.
pub const STORE_SOURCES: [(Source, Source); 5] = [
    (Source::Slot, Source::Slot),
    (Source::Slot, Source::Imm),
    (Source::Slot, Source::Acc),
    (Source::Acc, Source::Slot),
    (Source::Acc, Source::Imm),
];

/// Forms of a unary operator: sources slot, acc; targets slot, acc.
pub const UNARY_FORMS: u16 = 4;
/// Forms of a binary operator: [`BINARY_SOURCES`] times two targets.
pub const BINARY_FORMS: u16 = 14;
/// Forms of a branch on a compare: [`BINARY_SOURCES`] times (if true, if false) times two destinations.
pub const BRANCH_FORMS: u16 = 28;
/// Forms of a compare: those of a binary operator, then those of a branch.
pub const COMPARE_FORMS: u16 = BINARY_FORMS + BRANCH_FORMS;
/// Forms of a load: sources slot, acc; targets slot, acc; then the general one; then those whose address is a
/// sum, of two slots or of the accumulator and a slot, with both targets; then the sum of a slot or the accumulator
/// and an immediate; then the sum of a slot and one of these shifted; then one of these shifted.
pub const LOAD_FORMS: u16 = 21;
/// Forms of a store: [`STORE_SOURCES`]; then the general one; then those whose address is the sum of two slots,
/// with the value from a slot, an immediate and the accumulator; then the sum of a slot and an immediate, with the
/// value from a slot and the accumulator.
pub const STORE_FORMS: u16 = 11;

const FORMS: [u16; 5] = [UNARY_FORMS, BINARY_FORMS, COMPARE_FORMS, LOAD_FORMS, STORE_FORMS];

const fn first_of_kind(kind: Kind) -> u16 {
    let mut first = 0;
    let mut i = 0;
    while i < kind as usize {
        first += COUNTS[i] * FORMS[i];
        i += 1;
    }
    first
}

/// The first load in the order of the table.
const FIRST_LOAD: usize = {
    let kinds = [Kind::Unary, Kind::Binary, Kind::Compare];
    (COUNTS[kinds[0] as usize] + COUNTS[kinds[1] as usize] + COUNTS[kinds[2] as usize]) as usize
};

const SPECIAL: u16 = first_of_kind(Kind::Store) + COUNTS[4] * FORMS[4];

/// The number of an op: an index into a handler table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpCode(pub u16);

const fn acc(source: Source) -> u16 {
    match source {
        Source::Slot => 0,
        Source::Acc => 1,
        Source::Imm => panic!("no immediate form"),
    }
}

/// The number of each pair of sources in a list of forms, by the first and the second one. [`NO_FORM`] where there
/// is none.
const fn positions(forms: &[(Source, Source)]) -> [[u8; 3]; 3] {
    let mut positions = [[NO_FORM; 3]; 3];
    let mut i = 0;
    while i < forms.len() {
        positions[forms[i].0 as usize][forms[i].1 as usize] = i as u8;
        i += 1;
    }
    positions
}

const NO_FORM: u8 = u8::MAX;

static BINARY_POSITIONS: [[u8; 3]; 3] = positions(&BINARY_SOURCES);
static STORE_POSITIONS: [[u8; 3]; 3] = positions(&STORE_SOURCES);

#[inline]
fn position(positions: &[[u8; 3]; 3], a: Source, b: Source) -> u16 {
    let position = positions[a as usize][b as usize];
    assert!(position != NO_FORM, "no such form");
    position.into()
}

/// The number of each operator's op in the first form.
static FIRST_OPS: [u16; Operator::ALL.len()] = {
    let mut ops = [0; Operator::ALL.len()];
    let mut i = 0;
    while i < ops.len() {
        let (kind, number) = Operator::ALL[i].kind_and_number();
        ops[i] = first_of_kind(kind) + number * FORMS[kind as usize];
        i += 1;
    }
    ops
};

impl OpCode {
    #[inline]
    fn of(operator: Operator, kind: Kind, form: u16) -> Self {
        debug_assert_eq!(operator.row().kind, kind);
        Self(FIRST_OPS[operator as usize] + form)
    }

    /// A unary operator. The source is a slot or the accumulator.
    #[inline]
    pub fn unary(operator: Operator, a: Source, target: Target) -> Self {
        Self::of(operator, Kind::Unary, acc(a) * 2 + target as u16)
    }

    /// A binary operator or a compare whose result is a value.
    #[inline]
    pub fn binary(operator: Operator, a: Source, b: Source, target: Target) -> Self {
        debug_assert!(matches!(operator.row().kind, Kind::Binary | Kind::Compare));
        Self(FIRST_OPS[operator as usize] + position(&BINARY_POSITIONS, a, b) * 2 + target as u16)
    }

    /// A branch taken if the compare's result is `if_true`.
    #[inline]
    pub fn branch(operator: Operator, a: Source, b: Source, if_true: bool, to: Destination) -> Self {
        let form = position(&BINARY_POSITIONS, a, b) * 4 + if_true as u16 * 2 + to as u16;
        Self::of(operator, Kind::Compare, BINARY_FORMS + form)
    }

    /// A load from memory 0 with a 32-bit address.
    #[inline]
    pub fn load(operator: Operator, address: Source, target: Target) -> Self {
        Self::of(operator, Kind::Load, acc(address) * 2 + target as u16)
    }

    /// A load from any memory: address in a slot, result to a slot, 64-bit offset.
    #[inline]
    pub fn load_any(operator: Operator) -> Self {
        Self::of(operator, Kind::Load, 4)
    }

    /// A load from memory 0 at the sum of two 32-bit numbers: of a slot or the accumulator, and of a slot. The
    /// cell's `c` has the slot of the second in its low half and the offset in its high half.
    #[inline]
    pub fn load_sum(operator: Operator, first: Source, target: Target) -> Self {
        Self::of(operator, Kind::Load, 5 + acc(first) * 2 + target as u16)
    }

    /// A load from memory 0 at the sum of a 32-bit number, from a slot or the accumulator, and the immediate in `c`.
    /// The offset is in word 2.
    #[inline]
    pub fn load_displaced(operator: Operator, base: Source, target: Target) -> Self {
        Self::of(operator, Kind::Load, 9 + acc(base) * 2 + target as u16)
    }

    /// A load from memory 0 at the sum of a 32-bit number, from a slot or the accumulator, shifted left by word 2, and
    /// of a slot. `c` is as for [`load_sum`](Self::load_sum).
    #[inline]
    pub fn load_scaled(operator: Operator, index: Source, target: Target) -> Self {
        Self::of(operator, Kind::Load, 13 + acc(index) * 2 + target as u16)
    }

    /// A load from memory 0 at a 32-bit number, from a slot or the accumulator, shifted left by the lowest 5 bits of `c`.
    /// The other bits of `c` are the offset.
    #[inline]
    pub fn load_shifted(operator: Operator, index: Source, target: Target) -> Self {
        Self::of(operator, Kind::Load, 17 + acc(index) * 2 + target as u16)
    }

    /// A store to memory 0 at the sum of slot `a` and the immediate in `c`, of a value from slot `b` or the
    /// accumulator. The offset is in word 2.
    #[inline]
    pub fn store_displaced(operator: Operator, value: Source) -> Self {
        Self::of(operator, Kind::Store, 9 + acc(value))
    }

    /// A store to memory 0 at the sum of two slots, which are in `a` and the low half of `c`; the offset is in
    /// the high half.
    #[inline]
    pub fn store_sum(operator: Operator, value: Source) -> Self {
        Self::of(operator, Kind::Store, 6 + value as u16)
    }

    /// A store to memory 0 with a 32-bit address.
    #[inline]
    pub fn store(operator: Operator, address: Source, value: Source) -> Self {
        Self::of(operator, Kind::Store, position(&STORE_POSITIONS, address, value))
    }

    /// A store to any memory: address and value in slots, 64-bit offset.
    #[inline]
    pub fn store_any(operator: Operator) -> Self {
        Self::of(operator, Kind::Store, 5)
    }

    /// A return of no or one value from a function with this linkage slot.
    #[inline]
    pub fn return_(kind: ReturnKind, linkage: u16) -> Self {
        if linkage < RETURN_SLOTS {
            Self(RETURNS + kind as u16 * RETURN_SLOTS + linkage)
        } else {
            kind.general().code()
        }
    }

    /// A call within the instance, one of [`PLACED_CALLS`], of a function whose frame is here. If it computes an
    /// argument, that is the last one.
    #[inline]
    pub fn call(call: Special, place: CallPlace) -> Self {
        let number = PLACED_CALLS.iter().position(|placed| *placed == call);
        match (number, place.number()) {
            (Some(number), Some(place)) => Self(CALLS + number as u16 * CallPlace::COUNT + place),
            _ => call.code(),
        }
    }

    /// A latch: slot `a` gets slot `b` plus `c`, a slot or a sign-extended immediate, then the sum is compared with
    /// `c` of word 2, a slot or a zero-extended immediate, and the branch is taken if the result is `if_true`. Its
    /// target, if it has one, is word 3. None if the compare is not one of integers, or there is no such form.
    pub fn latch(
        operator: Operator,
        addend: Source,
        right: Source,
        if_true: bool,
        to: Destination,
    ) -> Option<Self> {
        let number = integer_compare(operator)?;
        let sources = LATCH_SOURCES.iter().position(|&sources| sources == (addend, right))? as u16;
        Some(Self(LATCHES + number * LATCH_FORMS + sources * 4 + if_true as u16 * 2 + to as u16))
    }

    /// A pair of binary operators, by its number in [`PAIRS`]. The first has its operands as any binary operator, but
    /// its immediate in `c`; the other operand of the second is `c` of word 2, a slot or an immediate. None if there
    /// is no such form.
    #[inline]
    pub fn pair(pair: u16, sources: (Source, Source), other: Source, target: Target) -> Option<Self> {
        let sources = first_sources(sources)?;
        let other = match other {
            Source::Slot => 0,
            Source::Imm => 1,
            Source::Acc => return None,
        };
        Some(Self(PAIR + pair * PAIR_FORMS + sources * 4 + other * 2 + target as u16))
    }

    /// A division by a constant that is a multiplication (see [`Divisor`](crate::Divisor)), of a slot or the accumulator. Of
    /// i32, `c` is the divisor and word 2 the inverse; of i64, `c` is the shift, word 2 the inverse and word 3 the divisor.
    /// None if the operator is none of [`DIVISIONS`].
    pub fn division(operator: Operator, a: Source, target: Target) -> Option<Self> {
        let number = DIVISIONS.iter().position(|&division| division == operator)? as u16;
        Some(Self(DIVIDED + number * DIVISION_FORMS + acc(a) * 2 + target as u16))
    }

    /// A `select` on a compare of integers, of two slots, which are in `a` and `b` of word 2. The operands of the compare
    /// are as in a pair. None if there is no such form.
    #[inline]
    pub fn select(operator: Operator, sources: (Source, Source)) -> Option<Self> {
        let number = integer_compare(operator)?;
        let sources = first_sources(sources)?;
        Some(Self(SELECTS + number * SELECT_FORMS + sources))
    }

    /// A pair in the form of this number.
    pub fn pair_form(pair: u16, form: u16) -> Self {
        Self(PAIR + pair * PAIR_FORMS + form)
    }

    /// A result that is stored, in the form of this number.
    pub fn stored_form(stored: u16, form: u16) -> Self {
        Self(STORE_RESULT + stored * STORED_FORMS + form)
    }

    /// A branch on common bits in the form of this number.
    pub fn test_form(form: u16) -> Self {
        Self(TESTS + form)
    }

    /// The number of the pair, if this is one, and its form.
    #[inline]
    pub fn as_pair(self) -> Option<(u16, u16)> {
        let number = self.0.checked_sub(PAIR).filter(|_| self.0 < SELECTS)?;
        Some((number / PAIR_FORMS, number % PAIR_FORMS))
    }

    /// Whether this is an `i32.shl` by an immediate and an `i32.add` of a slot: where what is shifted comes from.
    #[inline]
    pub fn scaled_index(self) -> Option<Source> {
        let (SCALING, form) = self.as_pair()? else { return None };
        match form / 2 {
            2 => Some(Source::Slot),
            6 => Some(Source::Acc),
            _ => None,
        }
    }

    /// A binary operator whose result is stored, by its number in [`STORED`]. The operands of the operator are as in a
    /// pair; word 2: `[a: the slot of the result, b: the slot of the address, c: the offset]`.
    #[inline]
    pub fn stored(stored: u16, sources: (Source, Source), target: Target) -> Option<Self> {
        let sources = first_sources(sources)?;
        Some(Self(STORE_RESULT + stored * STORED_FORMS + sources * 2 + target as u16))
    }

    /// A load from memory 0 and a store to it of as many bytes, by the number of their size in [`MOVED_SIZES`] and of
    /// their addresses in [`MOVED_ADDRESSES`]. `a`: the slot of the store's address, `b` and `c`: as for the load;
    /// word 2: `[a: the second slot of the store's address, c: its offset]`.
    #[inline]
    pub fn moved(size: u16, addresses: u16) -> Self {
        Self(MOVED + size * MOVED_ADDRESSES.len() as u16 + addresses)
    }

    /// A branch that compares what it loads, by the number of the load in [`BRANCH_LOADS`], from the address in slot `b`
    /// or, `is_sum`, in slots `b` and `a`, with offset `c`. The other number is in word 2, an immediate or a slot in
    /// `c`. If it `keeps` what it loads, that goes to slot `a` of word 2 and to the accumulator. The branch is taken if
    /// that they are equal is `if_equal`. Its target, if it has one, is word 3.
    #[inline]
    pub fn load_branch(
        load: u16,
        keeps: bool,
        is_sum: bool,
        is_imm: bool,
        if_equal: bool,
        to: Destination,
    ) -> Self {
        let sources = keeps as u16 * 16 + is_sum as u16 * 8 + is_imm as u16 * 4;
        Self::load_branch_form(load, sources + if_equal as u16 * 2 + to as u16)
    }

    /// A branch that compares what it loads, in the form of this number.
    pub fn load_branch_form(load: u16, form: u16) -> Self {
        Self(LOAD_BRANCHES + load * LOAD_BRANCH_FORMS + form)
    }

    /// If this is a load that a branch can take in: its number, and whether its address is a sum of slots.
    #[inline]
    pub fn as_branch_load(self) -> Option<(u16, bool)> {
        let load =
            self.0.checked_sub(first_of_kind(Kind::Load)).filter(|_| self.0 < first_of_kind(Kind::Store))?;
        let is_sum = match load % LOAD_FORMS {
            0 | 1 => false,
            5 | 6 => true,
            _ => return None,
        };
        let operator = Operator::ALL[FIRST_LOAD + (load / LOAD_FORMS) as usize];
        let number = BRANCH_LOADS.iter().position(|&load| load == operator)?;
        Some((number as u16, is_sum))
    }

    /// If this is a load that can be stored at once: the number of its size, and where its address comes from.
    #[inline]
    pub fn as_moved_load(self) -> Option<(u16, Address)> {
        let load =
            self.0.checked_sub(first_of_kind(Kind::Load)).filter(|_| self.0 < first_of_kind(Kind::Store))?;
        let address = match load % LOAD_FORMS {
            0 | 1 => Address::Slot,
            2 | 3 => Address::Acc,
            5 | 6 => Address::Sum,
            _ => return None,
        };
        let bytes = Operator::ALL[FIRST_LOAD + (load / LOAD_FORMS) as usize].row().access_bytes;
        Some((bytes.trailing_zeros() as u16, address))
    }

    /// A branch on whether two i32, or i64 if `is_wide`, have a bit in common; their sources are as in a pair. It is taken
    /// if that is `if_true`. Its target, if it has one, is word 2.
    #[inline]
    pub fn test(is_wide: bool, sources: (Source, Source), if_true: bool, to: Destination) -> Option<Self> {
        let sources = first_sources(sources)?;
        Some(Self(TESTS + is_wide as u16 * 16 + sources * 4 + if_true as u16 * 2 + to as u16))
    }

    /// The twin of a latch to the loop register's cell whose local is pinned: what it adds to is in a register of the
    /// innermost loop, where the sum goes as well. Its cell is the same.
    pub fn pinned(self) -> Option<Self> {
        let latch = self.0.checked_sub(LATCHES).filter(|_| self.0 < TESTS)?;
        let is_loop = latch % 2 == Destination::Loop as u16;
        is_loop.then_some(Self(PINNED + latch / 2))
    }

    /// The op that this one, or the one that it is the metered twin of, is the pinned twin of.
    pub fn unpinned(self) -> Option<Self> {
        let op = self.unmetered().unwrap_or(self).0;
        let latch = op.checked_sub(PINNED).filter(|_| op < METERED_BRANCHES)?;
        Some(Self(LATCHES + latch * 2 + Destination::Loop as u16))
    }

    /// The twin of an op that adds to a float in a slot, or subtracts from it, and may have its result there again: what it
    /// adds to is in a register of the innermost loop, where the sum goes as well as to the slot. Its cell is the same.
    /// The slot is in the cell's `b`, or in `c` of word 2 if this is a pair.
    pub fn summed(self) -> Option<Self> {
        if self.is_canonical() || self.unsummed().is_some() {
            return None;
        }
        let (operator, form) = match self.describe() {
            Described::Operator(operator, form) if form % 2 == Target::Slot as u16 => {
                let sources = BINARY_SOURCES.get(usize::from(form / 2))?;
                let form = SUM_SOURCES.iter().position(|summed| summed == sources)?;
                (operator, form as u16)
            }
            Described::Pair(pair, form) if form % 4 == 0 => {
                let pair = &PAIRS[usize::from(pair)];
                sums_product(pair).then_some((pair.second, SUM_SOURCES.len() as u16 + form / 4))?
            }
            _ => return None,
        };
        let number = SUMS.iter().position(|&sum| sum == operator)? as u16;
        Some(Self(SUMMED + number * SUM_FORMS + form))
    }

    /// The twin of an op that has a [summed](Self::summed) one: it reads what it adds to from the slot, but the sum goes to the
    /// register as well. Its cell is the same.
    pub fn begun(self) -> Option<Self> {
        Some(Self(self.summed()?.0 - SUMMED + BEGUN))
    }

    /// Whether this is the [summed](Self::summed) twin of an op.
    pub fn is_summed(self) -> bool {
        (SUMMED..BEGUN).contains(&self.0)
    }

    /// The op that this one is the [summed](Self::summed) or [begun](Self::begun) twin of.
    pub fn unsummed(self) -> Option<Self> {
        let number = self.0.checked_sub(SUMMED).filter(|_| self.0 < PINNED)? % (BEGUN - SUMMED);
        let (operator, form) = (SUMS[usize::from(number / SUM_FORMS)], number % SUM_FORMS);
        Some(match form.checked_sub(SUM_SOURCES.len() as u16) {
            None => {
                let (a, b) = SUM_SOURCES[usize::from(form)];
                Self::binary(operator, a, b, Target::Slot)
            }
            Some(sources) => {
                let is_sum = |pair: &Pair| pair.second == operator && sums_product(pair);
                let pair = PAIRS.iter().position(is_sum).expect("each of the sums has a pair with a product");
                Self::pair_form(pair as u16, sources * 4)
            }
        })
    }

    /// The op that does the same as the cell of this one with these operands, but reads one of them, slot `from`, from
    /// the accumulator of integers instead; and its operands. None if there is none whose cell has the same layout.
    pub fn carried(self, o: Operands, from: u16) -> Option<(Self, Operands)> {
        if let Some(plain) = self.unmetered() {
            let (op, o) = plain.carried(o, from)?;
            return Some((op.metered()?, o));
        }
        let is_first = o.b == from;
        let with = |forms: u16| is_first.then_some((Self(self.0 + forms), o));
        match self.describe() {
            Described::Operator(operator, form) => {
                let row = operator.row();
                // The steps from a slot to the accumulator in the lists of forms.
                match (row.kind, form) {
                    (Kind::Unary, 0 | 1) if !row.a.is_float() => with(2),
                    (Kind::Binary | Kind::Compare, _) if !row.a.is_float() => {
                        let (targets, first) = if form < BINARY_FORMS { (2, 0) } else { (4, BINARY_FORMS) };
                        let target = (form - first) % targets;
                        let a_and_b = BINARY_SOURCES[usize::from((form - first) / targets)];
                        let (sources, o) = match a_and_b {
                            (Source::Slot, Source::Imm) if is_first => ((Source::Acc, Source::Imm), o),
                            (Source::Slot, Source::Slot) if is_first && o.c != u32::from(from) => {
                                ((Source::Acc, Source::Slot), Operands { b: o.c as u16, c: 0, ..o })
                            }
                            (Source::Slot, Source::Slot) if o.c == u32::from(from) && !is_first => {
                                ((Source::Slot, Source::Acc), Operands { c: 0, ..o })
                            }
                            _ => return None,
                        };
                        let form =
                            first + position(&BINARY_POSITIONS, sources.0, sources.1) * targets + target;
                        Some((Self(FIRST_OPS[operator as usize] + form), o))
                    }
                    (Kind::Load, 0 | 1 | 5 | 6 | 9 | 10 | 13 | 14 | 17 | 18) => with(2),
                    _ => None,
                }
            }
            Described::Division(_, 0 | 1) => with(2),
            Described::Pair(pair, form) if !PAIRS[usize::from(pair)].first.row().a.is_float() => {
                let from_slot = (Source::Slot, Source::Imm);
                (FIRST_SOURCES[usize::from(form / 4)] == from_slot).then_some(())?;
                let sources = first_sources((Source::Acc, Source::Imm))?;
                is_first.then_some((Self::pair_form(pair, sources * 4 + form % 4), o))
            }
            Described::Special(special) => {
                let twin = match special {
                    Special::Copy | Special::CopyKeep => Special::CopyAcc,
                    Special::BrNez => Special::BrNezAcc,
                    Special::BrEqz => Special::BrEqzAcc,
                    Special::BrNezLoop => Special::BrNezAccLoop,
                    Special::BrEqzLoop => Special::BrEqzAccLoop,
                    _ => return None,
                };
                is_first.then_some((twin.code(), o))
            }
            _ => None,
        }
    }

    /// The twin of an op that counts fuel. The twin's cell has one more word, the last, with the costs of what it
    /// goes to: first of where it branches to, then of what is behind it. (Of a table of branches each target is
    /// followed by such a word; the ops for returns have no costs of their own, they read those behind the call.)
    /// `None` if the op neither branches, nor calls or returns within the dispatcher.
    pub fn metered(self) -> Option<Self> {
        let compares = first_of_kind(Kind::Compare);
        if (compares..first_of_kind(Kind::Load)).contains(&self.0) {
            let (number, form) = ((self.0 - compares) / COMPARE_FORMS, (self.0 - compares) % COMPARE_FORMS);
            let branch = form.checked_sub(BINARY_FORMS)?;
            return Some(Self(METERED_BRANCHES + number * BRANCH_FORMS + branch));
        }
        if (LATCHES..PAIR).contains(&self.0) {
            return Some(Self(METERED_LATCHES + self.0 - LATCHES));
        }
        // Calls within the instance follow the returns.
        if (RETURNS..LATCHES).contains(&self.0) {
            return Some(Self(METERED_RETURNS + self.0 - RETURNS));
        }
        if (PINNED..METERED_BRANCHES).contains(&self.0) {
            return Some(Self(METERED_PINNED + self.0 - PINNED));
        }
        let special = METERED_SPECIALS.iter().position(|op| op.code() == self)?;
        Some(Self(METERED_SPECIAL + special as u16))
    }

    /// The op that this one is the metered twin of.
    pub fn unmetered(self) -> Option<Self> {
        Some(Self(match self.0.checked_sub(METERED_BRANCHES)? {
            _ if self.0 >= CANONICAL => return None,
            _ if self.0 >= METERED_PINNED => self.0 - METERED_PINNED + PINNED,
            _ if self.0 >= METERED_SPECIAL => {
                return Some(METERED_SPECIALS[(self.0 - METERED_SPECIAL) as usize].code());
            }
            _ if self.0 >= METERED_RETURNS => self.0 - METERED_RETURNS + RETURNS,
            _ if self.0 >= METERED_LATCHES => self.0 - METERED_LATCHES + LATCHES,
            branch => {
                let (number, form) = (branch / BRANCH_FORMS, branch % BRANCH_FORMS);
                first_of_kind(Kind::Compare) + number * COMPARE_FORMS + BINARY_FORMS + form
            }
        }))
    }

    /// The twin of an op that makes each NaN the canonical one, if there is one: of an operator in
    /// [`NAN_OPERATORS`].
    pub fn canonical(self) -> Option<Self> {
        if self.unsummed().is_some() {
            return None;
        }
        let Described::Operator(operator, form) = self.describe() else { return None };
        let position = NAN_OPERATORS.iter().position(|&other| other == operator)? as u16;
        Some(Self(match position.checked_sub(NAN_BINARY) {
            None => CANONICAL + position * BINARY_FORMS + form,
            Some(unary) => CANONICAL + NAN_BINARY * BINARY_FORMS + unary * UNARY_FORMS + form,
        }))
    }

    /// Whether this is the twin of an op that makes each NaN the canonical one.
    pub fn is_canonical(self) -> bool {
        (CANONICAL..TRACKED).contains(&self.0)
    }

    /// The twin of a store that notes which blocks of the memory it writes to.
    pub fn tracked(self) -> Option<Self> {
        // Results that are stored, and what is loaded and stored.
        if let Some(stored) = self.0.checked_sub(STORE_RESULT).filter(|_| self.0 < DIVIDED) {
            return Some(Self(TRACKED_STORED + stored));
        }
        let store = self.0.checked_sub(first_of_kind(Kind::Store)).filter(|_| self.0 < SPECIAL)?;
        Some(Self(TRACKED + store))
    }

    /// Whether this is the twin of a store that notes which blocks of the memory it writes to.
    pub fn is_tracked(self) -> bool {
        self.as_stream().map_or(self.0 >= TRACKED, |stream| stream.tracked)
    }

    /// The twin of a store, tracked or not, that executes the rounds of an innermost loop of which it is the body, but
    /// for a latch of i32, which is metered if it `pays`. Its cell is the same. None if the op has no such twin.
    pub fn streamed(self, pays: bool) -> Option<Self> {
        StreamOp { kind: stream::kind(self)?, counts_first: false, pays, tracked: self.is_tracked() }.code()
    }

    /// The twin of an `i32.add` of a slot and an immediate that executes the rounds of an innermost loop of which it is
    /// the body, together with this store and a branch, which is metered if it `pays`. Whether the address of the store
    /// is the sum in the accumulator; field `a` has to name its slot as well then. None if there is no such twin.
    pub fn streamed_behind_addition(self, pays: bool) -> Option<(Self, bool)> {
        let (kind, is_sum) = match stream::kind(self) {
            Some(kind) => (kind, false),
            None => (stream::kind_at_sum(self)?, true),
        };
        let op = StreamOp { kind, counts_first: true, pays, tracked: self.is_tracked() }.code()?;
        Some((op, is_sum))
    }

    /// What a stream does.
    pub fn as_stream(self) -> Option<StreamOp> {
        StreamOp::of(self.0.checked_sub(STREAMS)?)
    }

    /// Whether this returns one value, which is in a slot.
    pub fn returns_slot(self) -> bool {
        matches!(self.describe(), Described::Special(Special::ReturnSlotInt | Special::ReturnSlotFloat))
    }

    /// The linkage slot of a return that knows it.
    pub fn linkage_slot(self) -> Option<u16> {
        let plain = self.unmetered().unwrap_or(self).0;
        (RETURNS..CALLS).contains(&plain).then(|| (plain - RETURNS) % RETURN_SLOTS)
    }

    /// The place of the callee's frame of a call that knows it.
    pub fn call_place(self) -> Option<CallPlace> {
        let plain = self.unmetered().unwrap_or(self).0;
        let call = plain.checked_sub(CALLS).filter(|_| plain < LATCHES)?;
        Some(CallPlace::ALL[call as usize % CallPlace::ALL.len()])
    }

    /// The operator and the form behind this number, or the special op.
    pub fn describe(self) -> Described {
        if let Some(stream) = self.as_stream() {
            return stream.plain().describe();
        }
        if let Some(stored) = self.0.checked_sub(TRACKED_STORED) {
            return Self(STORE_RESULT + stored).describe();
        }
        if let Some(store) = self.0.checked_sub(TRACKED) {
            return Self(first_of_kind(Kind::Store) + store).describe();
        }
        if let Some(twin) = self.0.checked_sub(CANONICAL) {
            let binary = NAN_BINARY * BINARY_FORMS;
            let (position, form) = match twin.checked_sub(binary) {
                None => (twin / BINARY_FORMS, twin % BINARY_FORMS),
                Some(unary) => (NAN_BINARY + unary / UNARY_FORMS, unary % UNARY_FORMS),
            };
            return Described::Operator(NAN_OPERATORS[position as usize], form);
        }
        if let Some(plain) = self.unmetered() {
            return plain.describe();
        }
        if let Some(plain) = self.unpinned() {
            return plain.describe();
        }
        if let Some(plain) = self.unsummed() {
            return plain.describe();
        }
        if let Some(number) = self.0.checked_sub(DIVIDED) {
            return Described::Division(
                DIVISIONS[(number / DIVISION_FORMS) as usize],
                number % DIVISION_FORMS,
            );
        }
        if let Some(number) = self.0.checked_sub(MOVED) {
            let addresses = MOVED_ADDRESSES.len() as u16;
            return Described::Moved(number / addresses, number % addresses);
        }
        if let Some(number) = self.0.checked_sub(STORE_RESULT) {
            return Described::Stored(number / STORED_FORMS, number % STORED_FORMS);
        }
        if let Some(number) = self.0.checked_sub(SELECTS) {
            return Described::Select(compare(number / SELECT_FORMS), number % SELECT_FORMS);
        }
        if let Some((number, form)) = self.as_pair() {
            return Described::Pair(number, form);
        }
        if let Some(number) = self.0.checked_sub(LOAD_BRANCHES) {
            return Described::LoadBranch(number / LOAD_BRANCH_FORMS, number % LOAD_BRANCH_FORMS);
        }
        if self.0 >= TESTS {
            return Described::Test(self.0 - TESTS);
        }
        if self.0 >= LATCHES {
            let number = self.0 - LATCHES;
            return Described::Latch(compare(number / LATCH_FORMS), number % LATCH_FORMS);
        }
        if let Some(call) = self.0.checked_sub(CALLS) {
            return Described::Special(PLACED_CALLS[call as usize / CallPlace::ALL.len()]);
        }
        if self.0 >= RETURNS {
            let kind = ReturnKind::ALL[((self.0 - RETURNS) / RETURN_SLOTS) as usize];
            return Described::Special(kind.general());
        }
        if self.0 >= SPECIAL {
            return Described::Special(Special::ALL[(self.0 - SPECIAL) as usize]);
        }
        let mut rest = self.0;
        let mut first = 0;
        for kind in 0..5 {
            let ops = COUNTS[kind] * FORMS[kind];
            if rest < ops {
                let operator = Operator::ALL[(first + rest / FORMS[kind]) as usize];
                return Described::Operator(operator, rest % FORMS[kind]);
            }
            rest -= ops;
            first += COUNTS[kind];
        }
        unreachable!("numbers below SPECIAL belong to an operator")
    }
}

/// The number of the sources of a fused op's first operator, if there is such a form.
#[inline]
fn first_sources(sources: (Source, Source)) -> Option<u16> {
    FIRST_SOURCES.iter().position(|&first| first == sources).map(|number| number as u16)
}

/// Whether a pair adds a product of floats to its other operand, or subtracts it from that.
fn sums_product(pair: &Pair) -> bool {
    matches!(pair.first, Operator::F32Mul | Operator::F64Mul)
        && pair.left == matches!(pair.second, Operator::F32Add | Operator::F64Add)
}

/// The number of a compare of integers among the compares.
#[inline]
fn integer_compare(operator: Operator) -> Option<u16> {
    let (kind, number) = operator.kind_and_number();
    (kind == Kind::Compare && number < LATCH_COMPARES).then_some(number)
}

/// The compare with this number.
fn compare(number: u16) -> Operator {
    let first = COUNTS[Kind::Unary as usize] + COUNTS[Kind::Binary as usize];
    Operator::ALL[(first + number) as usize]
}

/// What an op number stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Described {
    /// An operator of the table and its form.
    Operator(Operator, u16),
    /// A latch with this compare, and its form.
    Latch(Operator, u16),
    /// A branch on common bits, by its form.
    Test(u16),
    /// A branch that compares what it loads, by the number of the load, and its form.
    LoadBranch(u16, u16),
    /// A pair, by number, and its form.
    Pair(u16, u16),
    /// A `select` on this compare, and its form.
    Select(Operator, u16),
    /// A result that is stored, by number, and its form.
    Stored(u16, u16),
    /// A load and a store, by the numbers of their size and of their addresses.
    Moved(u16, u16),
    /// A division by a constant that is a multiplication, and its form: that of a unary operator.
    Division(Operator, u16),
    /// One of the other ops.
    Special(Special),
}

macro_rules! special_ops {
    ($( $(#[$doc:meta])* $name:ident $text:literal $words:literal ),* $(,)?) => {
        /// The ops that are not derived from the operator table, with the layout of their cells. The first
        /// word is the handler, the second `[a: u16, b: u16, c: u32]` unless said otherwise.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum Special {
            $( $(#[$doc])* $name, )*
        }

        impl Special {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$( Self::$name ),*];

            /// The op's name as the printer writes it.
            pub const fn text(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }

            /// The length of the op's cell in words (of `br_table`: without its targets).
            pub const fn words(self) -> usize {
                match self { $( Self::$name => $words, )* }
            }

            /// The op's number.
            pub const fn code(self) -> OpCode {
                OpCode(SPECIAL + self as u16)
            }
        }
    };
}

special_ops! {
    /// Traps. One word.
    Unreachable "unreachable" 1,
    /// Zeroes `c` slots from `a` on: the locals that are not parameters.
    Enter "enter" 2,
    /// Slot `a` and both accumulators get the zero-extended `c`.
    Const32 "const32" 2,
    /// Slot `a` and both accumulators get word 2.
    Const64 "const64" 3,
    /// Slot `a` and both accumulators get slot `b`.
    Copy "copy" 2,
    /// Slot `a` gets slot `b`; the accumulators stay as they are.
    CopyKeep "copy.keep" 2,
    /// Slot `a` gets the accumulator. `b`: a slot that holds it, too.
    CopyAcc "copy.a" 2,
    /// Slot `a` gets the float accumulator. `b`: a slot that holds it, too.
    CopyAccFloat "copy.af" 2,
    /// Two copies: slot `a` gets slot `b`, then slot `a` of word 2 and both accumulators get its slot `b`.
    CopyTwo "copy.two" 3,
    /// The same; the accumulators stay as they are.
    CopyTwoKeep "copy.two.keep" 3,
    /// Two additions to an i32: slot `a` gets slot `b` plus `c`, then slot `a` of word 2 and the accumulator get its
    /// slot `b` plus its `c`.
    AddTwo "add.two" 3,
    /// The `c` slots from `a` on get those from `b` on; they may overlap.
    CopyMany "copy.many" 2,
    /// Goes to the cell in word 1.
    Br "br" 2,
    /// Goes to the header of the innermost loop. One word.
    BrLoop "br.loop" 1,
    /// Goes to the cell in word 2 if the i32 in slot `b` is not zero.
    BrNez "br_nez.s" 3,
    /// Goes to the cell in word 2 if the i32 in slot `b` is zero.
    BrEqz "br_eqz.s" 3,
    /// Goes to the cell in word 2 if the i32 in the accumulator is not zero.
    BrNezAcc "br_nez.a" 3,
    /// Goes to the cell in word 2 if the i32 in the accumulator is zero.
    BrEqzAcc "br_eqz.a" 3,
    /// Goes to the innermost loop's header if the i32 in slot `b` is not zero.
    BrNezLoop "br_nez.s.loop" 2,
    /// Goes to the innermost loop's header if the i32 in slot `b` is zero.
    BrEqzLoop "br_eqz.s.loop" 2,
    /// Goes to the innermost loop's header if the i32 in the accumulator is not zero.
    BrNezAccLoop "br_nez.a.loop" 2,
    /// Goes to the innermost loop's header if the i32 in the accumulator is zero.
    BrEqzAccLoop "br_eqz.a.loop" 2,
    /// Goes to the cell in word `2 + min(slot b, c)`; `c + 1` targets follow word 1.
    BrTable "br_table.s" 2,
    /// The same with the index in the accumulator.
    BrTableAcc "br_table.a" 2,
    /// Sets the loop register to the next cell, and the accumulator to slot `b`: to the local that the loop carries in
    /// it, if it carries one. The loop's pinned local, if it has one, is that in slot `a`; its sum, that in slot `c`.
    LoopEnter "loop" 2,
    /// The square of the i32 in the accumulator: to slot `a` and the accumulator. `b`: a slot that holds it, too.
    I32Square "i32.square.s" 2,
    /// The same to the accumulator only; and so on.
    I32SquareAcc "i32.square.a" 2,
    /// Of an i64.
    I64Square "i64.square.s" 2,
    /// The same to the accumulator only.
    I64SquareAcc "i64.square.a" 2,
    /// Of an f32.
    F32Square "f32.square.s" 2,
    /// The same to the accumulator only.
    F32SquareAcc "f32.square.a" 2,
    /// Of an f64.
    F64Square "f64.square.s" 2,
    /// The same to the accumulator only.
    F64SquareAcc "f64.square.a" 2,
    /// Slot `a` and both accumulators get slot `c` if the i32 in slot `b` is not zero, else slot `word 2`.
    Select "select.s" 3,
    /// The same with the condition in the accumulator.
    SelectAcc "select.a" 3,
    /// Returns nothing. `c`: the slot of the linkage.
    Return0 "return" 2,
    /// Returns the integer or reference in slot `a`. `c`: the slot of the linkage.
    ReturnSlotInt "return.s" 2,
    /// Returns the float in slot `a`. `c`: the slot of the linkage.
    ReturnSlotFloat "return.sf" 2,
    /// Returns the accumulator. `c`: the slot of the linkage.
    ReturnAccInt "return.a" 2,
    /// Returns the float accumulator. `c`: the slot of the linkage.
    ReturnAccFloat "return.af" 2,
    /// Returns the `b` slots from `a` on. `c`: the slot of the linkage.
    ReturnMany "return.many" 2,
    /// Calls a function of the same instance. `a`: the slot of this frame's linkage; `b`: the slot of the
    /// callee's; `c`: where the callee's frame begins (at its first argument), in bytes; word 2: the function's
    /// entry.
    Call "call" 3,
    /// An addition to an i32 and a call: slot `a` of word 3 gets its slot `b`, another one, plus its `c`; then as `call`.
    CallAdd "call.add" 4,
    /// The same of an i64, with the sign-extended `c`.
    CallAddWide "call.add64" 4,
    /// A copy and a call: slot `a` of word 3 gets its slot `b`; then as `call`.
    CallCopy "call.copy" 4,
    /// Calls imported function `c`. `a`: the slot where the callee's frame begins; `b`: the slot of its linkage;
    /// word 2: `[a: this frame's linkage slot, c: what is behind the call costs]`.
    CallImport "call.import" 3,
    /// Calls element `slot c` of a table. `a`, `b`: as for `call.import`. Word 2: `[a: this frame's linkage
    /// slot, c: table]`; word 3: the engine's number of the expected type, and what is behind the call costs.
    CallIndirect "call_indirect.s" 4,
    /// The same with a 32-bit index in the accumulator.
    CallIndirectAcc "call_indirect.a" 4,
    /// Tail call of a function of the same instance. The arguments are in the slots from `a` on, `b` of them;
    /// word 2: the function's entry; word 3: `[a: this frame's linkage slot, b: the callee's]`.
    ReturnCall "return_call" 4,
    /// Tail call of imported function `c`. `a`, `b`: as for `return_call`; word 2: as its word 3.
    ReturnCallImport "return_call.import" 3,
    /// Tail call of element `slot c` of a table. `a`, `b`: as for `return_call`; word 2:
    /// `[a: this frame's linkage slot, b: the callee's, c: table]`; word 3: the expected type.
    ReturnCallIndirect "return_call_indirect" 4,
    /// Slot `a` and the accumulator get global `c`.
    GlobalGetInt "global.get" 2,
    /// Slot `a` and the float accumulator get global `c`.
    GlobalGetFloat "global.get.f" 2,
    /// Global `c` gets slot `b`.
    GlobalSet "global.set.s" 2,
    /// Global `c` gets the accumulator.
    GlobalSetAccInt "global.set.a" 2,
    /// Global `c` gets the float accumulator.
    GlobalSetAccFloat "global.set.af" 2,
    /// Slot `a` and the accumulator get the size of memory `c` in pages.
    MemorySize "memory.size" 2,
    /// Slot `a` and the accumulator get a reference to function `c`.
    RefFunc "ref.func" 2,
    /// 128-bit sum of the slots `a`, `a+1` and `a+2`, `a+3` (low, high) to `a`, `a+1`.
    I64Add128 "i64.add128" 2,
    /// 128-bit difference of the slots `a`, `a+1` and `a+2`, `a+3` (low, high) to `a`, `a+1`.
    I64Sub128 "i64.sub128" 2,
    /// 128-bit signed product of the slots `a` and `a+1` to `a`, `a+1`.
    I64MulWideS "i64.mul_wide_s" 2,
    /// 128-bit unsigned product of the slots `a` and `a+1` to `a`, `a+1`.
    I64MulWideU "i64.mul_wide_u" 2,
    /// Leaves the dispatcher to do a [`SlowOp`]. `a`: which; `b`: the slot of its first operand and of its
    /// result; `c` and the low half of word 2: its immediates; the high half of word 2: what is behind it costs.
    Slow "slow" 3,
    /// `memory.fill` of memory 0 without leaving the dispatcher. `a`: the [`SlowOp`], for the
    /// driver, who does it if the fuel does not suffice; `b`: the slot of the first operand; `c`: how many bytes a unit
    /// of fuel pays for; word 2: as of `slow`.
    MemoryFill "memory.fill" 3,
    /// `memory.copy` within memory 0. The cell is as for `memory.fill`.
    MemoryCopy "memory.copy" 3,
    /// Does what the `memory.fill` behind it would, with operands that are anywhere: its first in `c`, the others in word
    /// 2, each a slot, or an immediate if the bit of its number is set in `a`. Then it goes on behind that cell. If the
    /// fuel does not suffice or an operand is out of bounds, it puts them where that cell expects them, which is next.
    MemoryFillOf "memory.fill.of" 3,
    /// The same of `memory.copy`.
    MemoryCopyOf "memory.copy.of" 3,
    /// Leaves the dispatcher: the outermost frame has returned. One word.
    HostExit "exit" 1,
    /// Returns to another instance. One word.
    ReturnCross "return.cross" 1,
}

/// Operators that run outside the dispatcher because they may allocate, fail or touch the store.
///
/// All operands are in consecutive slots, the result replaces the first. The probes have neither, and keep the
/// accumulators: their `c` is the index of the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
#[allow(
    missing_docs,
    reason = "all but the probes are the operator of the same name; x and y are its immediates in order"
)]
pub enum SlowOp {
    MemoryGrow,
    MemoryFill,
    MemoryCopy,
    MemoryInit,
    DataDrop,
    TableGet,
    TableSet,
    TableSize,
    TableGrow,
    TableFill,
    TableCopy,
    TableInit,
    ElemDrop,
    /// A function's body begins. Only in code that is profiled.
    ProbeEnter,
    /// A function is about to return or to end with a tail call. Only in code that is profiled.
    ProbeLeave,
}

impl SlowOp {
    /// All of them, by number.
    pub const ALL: [Self; 15] = [
        Self::MemoryGrow,
        Self::MemoryFill,
        Self::MemoryCopy,
        Self::MemoryInit,
        Self::DataDrop,
        Self::TableGet,
        Self::TableSet,
        Self::TableSize,
        Self::TableGrow,
        Self::TableFill,
        Self::TableCopy,
        Self::TableInit,
        Self::ElemDrop,
        Self::ProbeEnter,
        Self::ProbeLeave,
    ];

    /// The operator's name.
    pub const fn text(self) -> &'static str {
        match self {
            Self::MemoryGrow => "memory.grow",
            Self::MemoryFill => "memory.fill",
            Self::MemoryCopy => "memory.copy",
            Self::MemoryInit => "memory.init",
            Self::DataDrop => "data.drop",
            Self::TableGet => "table.get",
            Self::TableSet => "table.set",
            Self::TableSize => "table.size",
            Self::TableGrow => "table.grow",
            Self::TableFill => "table.fill",
            Self::TableCopy => "table.copy",
            Self::TableInit => "table.init",
            Self::ElemDrop => "elem.drop",
            Self::ProbeEnter => "probe.enter",
            Self::ProbeLeave => "probe.leave",
        }
    }

    /// The op with this number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }
}

/// How a function returns no or one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum ReturnKind {
    /// No value.
    None,
    /// The integer or reference in a slot.
    SlotInt,
    /// The float in a slot.
    SlotFloat,
    /// The accumulator.
    AccInt,
    /// The float accumulator.
    AccFloat,
}

impl ReturnKind {
    /// All of them, by number.
    pub const ALL: [Self; 5] = [Self::None, Self::SlotInt, Self::SlotFloat, Self::AccInt, Self::AccFloat];

    /// The op for any linkage slot.
    pub const fn general(self) -> Special {
        match self {
            Self::None => Special::Return0,
            Self::SlotInt => Special::ReturnSlotInt,
            Self::SlotFloat => Special::ReturnSlotFloat,
            Self::AccInt => Special::ReturnAccInt,
            Self::AccFloat => Special::ReturnAccFloat,
        }
    }
}

/// Linkage slots below this number have return ops of their own, with the slot as a constant.
///
/// A return is a link of the longest chain of loads in call-heavy code: code pointer, return cell, linkage slot,
/// return address. Knowing the slot takes the return cell out of it.
pub const RETURN_SLOTS: u16 = 6;

const RETURNS: u16 = SPECIAL + Special::ALL.len() as u16;

const CALLS: u16 = RETURNS + ReturnKind::ALL.len() as u16 * RETURN_SLOTS;

/// Where a callee's frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallPlace {
    /// The slot of the caller's frame at which it begins.
    pub frame: u16,
    /// The slot of its linkage in it: behind its parameters.
    pub linkage: u16,
}

impl CallPlace {
    /// The places that have call ops of their own, with both slots as constants: of small functions that call small
    /// functions, where a call is a large part of the work.
    ///
    /// What binds such code is one chain of loads through each call and return: where the stack pointer goes depends
    /// on the call's cell, the cell on the return address, and that on where the stack pointer was. With constants the
    /// stack pointer does not wait for any cell, and the linkage is written where the return is already known to read.
    pub const ALL: [Self; Self::COUNT as usize] = {
        let mut all = [Self { frame: 0, linkage: 0 }; Self::COUNT as usize];
        let mut number = 0;
        while number < Self::COUNT {
            let (frame, linkage) = (number / Self::LINKAGES, number % Self::LINKAGES);
            all[number as usize] =
                Self { frame: Self::FIRST_FRAME + frame, linkage: Self::FIRST_LINKAGE + linkage };
            number += 1;
        }
        all
    };
    const COUNT: u16 = 24;
    const FIRST_FRAME: u16 = 3;
    const FIRST_LINKAGE: u16 = 1;
    const LINKAGES: u16 = 3;

    /// The slot of the caller's frame with the last argument; there must be one.
    pub const fn last_argument(self) -> u16 {
        // Arguments lie in the caller's frame, whose slots are 16-bit numbers.
        self.frame.wrapping_add(self.linkage).wrapping_sub(1)
    }

    /// The position in [`ALL`](Self::ALL).
    #[inline]
    fn number(self) -> Option<u16> {
        let frame = self.frame.checked_sub(Self::FIRST_FRAME)?;
        let linkage = self.linkage.checked_sub(Self::FIRST_LINKAGE).filter(|slot| *slot < Self::LINKAGES)?;
        (frame < Self::COUNT / Self::LINKAGES).then(|| frame * Self::LINKAGES + linkage)
    }
}

/// The calls that have ops for [places](CallPlace::ALL).
pub const PLACED_CALLS: [Special; 4] =
    [Special::Call, Special::CallAdd, Special::CallAddWide, Special::CallCopy];

const LATCHES: u16 = CALLS + (PLACED_CALLS.len() * CallPlace::ALL.len()) as u16;

/// The compares that a latch can make: the first of the table, those of integers.
pub const LATCH_COMPARES: u16 = 20;
/// The operand forms of a latch: what is added, what the sum is compared with.
pub const LATCH_SOURCES: [(Source, Source); 3] =
    [(Source::Imm, Source::Slot), (Source::Imm, Source::Imm), (Source::Slot, Source::Slot)];
/// Forms of a latch: [`LATCH_SOURCES`], times (if true, if false), times two destinations.
pub const LATCH_FORMS: u16 = 12;

/// Forms of a pair: [`FIRST_SOURCES`], times slot or immediate, times two targets.
pub const PAIR_FORMS: u16 = 16;
/// Forms of an operator whose result is stored: [`FIRST_SOURCES`], times two targets.
pub const STORED_FORMS: u16 = 8;
/// Forms of a branch on common bits: of i32 or i64, times [`FIRST_SOURCES`], times (if true, if false), times two
/// destinations.
pub const TEST_FORMS: u16 = 32;

/// Forms of a `select` on a compare: [`FIRST_SOURCES`].
pub const SELECT_FORMS: u16 = FIRST_SOURCES.len() as u16;

/// The number of the pair that computes the address of an element.
const SCALING: u16 = 0;
const _: () =
    assert!(matches!(PAIRS[0].first, Operator::I32Shl) && matches!(PAIRS[0].second, Operator::I32Add));

/// Forms of a branch that compares what it loads: whether it keeps that, times address in a slot or a sum, times slot or
/// immediate, times (if not equal, if equal), times two destinations.
pub const LOAD_BRANCH_FORMS: u16 = 32;

const TESTS: u16 = LATCHES + LATCH_COMPARES * LATCH_FORMS;
const LOAD_BRANCHES: u16 = TESTS + TEST_FORMS;
const PAIR: u16 = LOAD_BRANCHES + BRANCH_LOADS.len() as u16 * LOAD_BRANCH_FORMS;
const SELECTS: u16 = PAIR + PAIRS.len() as u16 * PAIR_FORMS;
const STORE_RESULT: u16 = SELECTS + LATCH_COMPARES * SELECT_FORMS;
const MOVED: u16 = STORE_RESULT + STORED.len() as u16 * STORED_FORMS;

/// The special ops that have a metered twin.
pub const METERED_SPECIALS: [Special; 30] = [
    Special::Br,
    Special::BrLoop,
    Special::BrNez,
    Special::BrEqz,
    Special::BrNezAcc,
    Special::BrEqzAcc,
    Special::BrNezLoop,
    Special::BrEqzLoop,
    Special::BrNezAccLoop,
    Special::BrEqzAccLoop,
    Special::BrTable,
    Special::BrTableAcc,
    Special::Return0,
    Special::ReturnSlotInt,
    Special::ReturnSlotFloat,
    Special::ReturnAccInt,
    Special::ReturnAccFloat,
    Special::ReturnMany,
    Special::Call,
    Special::CallAdd,
    Special::CallAddWide,
    Special::CallCopy,
    Special::CallIndirect,
    Special::CallIndirectAcc,
    Special::ReturnCall,
    Special::ReturnCallIndirect,
    Special::MemoryFill,
    Special::MemoryCopy,
    Special::MemoryFillOf,
    Special::MemoryCopyOf,
];

/// Forms of a division by a constant: those of a unary operator.
pub const DIVISION_FORMS: u16 = UNARY_FORMS;

/// Where the divisions by a constant begin, by operator and form.
const DIVIDED: u16 = MOVED + (MOVED_SIZES.len() * MOVED_ADDRESSES.len()) as u16;

/// The operators that have [summed](OpCode::summed) twins.
pub const SUMS: [Operator; 4] = [Operator::F32Add, Operator::F32Sub, Operator::F64Add, Operator::F64Sub];
/// Where their operands come from if they are ops of their own: the sum is the one in a slot, the first one if both are.
pub const SUM_SOURCES: [(Source, Source); 3] =
    [(Source::Slot, Source::Slot), (Source::Slot, Source::Acc), (Source::Acc, Source::Slot)];
/// Forms of a summed twin: [`SUM_SOURCES`], then those of products that are summed: [`FIRST_SOURCES`].
pub const SUM_FORMS: u16 = (SUM_SOURCES.len() + FIRST_SOURCES.len()) as u16;

/// Where the summed twins begin, by operator and form.
const SUMMED: u16 = DIVIDED + DIVISIONS.len() as u16 * DIVISION_FORMS;

/// Where the begun twins begin.
const BEGUN: u16 = SUMMED + SUMS.len() as u16 * SUM_FORMS;

/// Where the twins of latches begin whose local is pinned, by compare and form.
const PINNED: u16 = BEGUN + (BEGUN - SUMMED);

/// Where the metered twins begin: of the branches on compares, by compare and form.
const METERED_BRANCHES: u16 = PINNED + LATCH_COMPARES * LATCH_FORMS / 2;
const METERED_LATCHES: u16 = METERED_BRANCHES + COUNTS[Kind::Compare as usize] * BRANCH_FORMS;
const METERED_RETURNS: u16 = METERED_LATCHES + PAIR - LATCHES;
const METERED_SPECIAL: u16 = METERED_RETURNS + LATCHES - RETURNS;

/// The operators whose NaNs are the machine's choice, the binary ones first. The others that compute floats always
/// give the canonical NaN.
pub const NAN_OPERATORS: [Operator; 10] = [
    Operator::F32Add,
    Operator::F32Sub,
    Operator::F32Mul,
    Operator::F32Div,
    Operator::F64Add,
    Operator::F64Sub,
    Operator::F64Mul,
    Operator::F64Div,
    Operator::F32DemoteF64,
    Operator::F64PromoteF32,
];

/// How many of them are binary.
pub const NAN_BINARY: u16 = 8;

/// Where the metered twins of latches begin whose local is pinned.
const METERED_PINNED: u16 = METERED_SPECIAL + METERED_SPECIALS.len() as u16;

/// Where the twins begin that make NaNs canonical, by operator and form.
const CANONICAL: u16 = METERED_PINNED + METERED_BRANCHES - PINNED;

/// Where the twins of stores begin that note what they write to, by operator and form.
const TRACKED: u16 =
    CANONICAL + NAN_BINARY * BINARY_FORMS + (NAN_OPERATORS.len() as u16 - NAN_BINARY) * UNARY_FORMS;

/// The same of results that are stored.
const TRACKED_STORED: u16 = TRACKED + COUNTS[Kind::Store as usize] * STORE_FORMS;

/// How many there are of them.
pub const TRACKED_OPS: usize = (COUNTS[Kind::Store as usize] * STORE_FORMS + DIVIDED - STORE_RESULT) as usize;

/// Where the streams begin.
pub(crate) const STREAMS: u16 = TRACKED + TRACKED_OPS as u16;

/// The count of all ops: the length of a handler table.
pub const OP_COUNT: usize = STREAMS as usize + STREAM_OPS;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn numbers_and_descriptions_agree() {
        let op = OpCode::binary(Operator::I64Sub, Source::Acc, Source::Imm, Target::Acc);
        assert_eq!(op.describe(), Described::Operator(Operator::I64Sub, 11));
        let op = OpCode::store_any(Operator::I64Store32);
        assert_eq!(op.describe(), Described::Operator(Operator::I64Store32, 5));
        assert_eq!(Special::ReturnCross.code().describe(), Described::Special(Special::ReturnCross));
        let latch = OpCode::latch(Operator::I64GeU, Source::Slot, Source::Slot, true, Destination::Loop);
        assert_eq!(latch.map(|op| op.0 + 1), Some(TESTS));
        let last = PAIRS.len() as u16 - 1;
        let pair = OpCode::pair(last, (Source::Acc, Source::Imm), Source::Imm, Target::Acc).unwrap();
        assert_eq!((pair.0 + 1, pair.describe()), (SELECTS, Described::Pair(last, 15)));
        let select = OpCode::select(Operator::I64GeU, (Source::Acc, Source::Imm)).unwrap();
        let described = Described::Select(Operator::I64GeU, 3);
        assert_eq!((select.0 + 1, select.describe()), (STORE_RESULT, described));
        let stored = OpCode::stored(0, (Source::Acc, Source::Slot), Target::Slot).unwrap();
        assert_eq!(stored.describe(), Described::Stored(0, 4));
        let test = OpCode::test(false, (Source::Slot, Source::Slot), true, Destination::Cell).unwrap();
        assert_eq!(test.describe(), Described::Test(2));
        let op = OpCode::latch(Operator::I32Ne, Source::Imm, Source::Slot, true, Destination::Cell).unwrap();
        assert_eq!(op.describe(), Described::Latch(Operator::I32Ne, 2));
        assert_eq!(OpCode::latch(Operator::F64Eq, Source::Imm, Source::Slot, true, Destination::Cell), None);
        let op = OpCode::return_(ReturnKind::AccInt, 3);
        assert_eq!(op.describe(), Described::Special(Special::ReturnAccInt));
        assert_eq!((op.linkage_slot(), op.call_place()), (Some(3), None));
        let op = OpCode::call(Special::CallCopy, CallPlace { frame: 10, linkage: 3 });
        assert_eq!((op.0 + 1, op.describe()), (LATCHES, Described::Special(Special::CallCopy)));
        assert_eq!((op.linkage_slot(), op.call_place()), (None, Some(CallPlace { frame: 10, linkage: 3 })));
        for frame in [0, 2, 11, 65_000, u16::MAX] {
            let place = CallPlace { frame, linkage: 1 };
            assert_eq!(OpCode::call(Special::CallAdd, place), Special::CallAdd.code());
        }
        let division = OpCode::division(Operator::I64RemU, Source::Acc, Target::Acc).unwrap();
        let described = Described::Division(Operator::I64RemU, 3);
        assert_eq!((division.0 + 1, division.describe()), (SUMMED, described));
        assert_eq!(OpCode::division(Operator::I64Mul, Source::Acc, Target::Acc), None);
        for (i, op) in SlowOp::ALL.iter().enumerate() {
            assert_eq!(*op as usize, i);
        }
    }

    #[test]
    fn twins_belong_to_each_other() {
        let mut twins = 0;
        for number in 0..METERED_BRANCHES {
            let Some(twin) = OpCode(number).metered() else { continue };
            assert_eq!(twin.unmetered(), Some(OpCode(number)));
            assert_eq!(twin.describe(), OpCode(number).describe());
            twins += 1;
        }
        assert_eq!(METERED_BRANCHES + twins, CANONICAL);
        let pinned = (0..PINNED).filter_map(|number| {
            let twin = OpCode(number).pinned()?;
            assert_eq!(twin.unpinned(), Some(OpCode(number)));
            assert_eq!(twin.describe(), OpCode(number).describe());
            Some(twin.0)
        });
        assert!(pinned.eq(PINNED..METERED_BRANCHES));
        for number in SUMMED..PINNED {
            let plain = OpCode(number).unsummed().unwrap();
            let twin = if number < BEGUN { plain.summed() } else { plain.begun() };
            assert_eq!((twin, OpCode(number).is_summed()), (Some(OpCode(number)), number < BEGUN));
            assert_eq!(plain.describe(), OpCode(number).describe());
        }
        assert_eq!(
            (0..SUMMED).filter_map(|number| OpCode(number).summed()).count(),
            usize::from(BEGUN - SUMMED)
        );
        assert_eq!(Special::Enter.code().metered(), None);
        let canonical = (0..CANONICAL).filter_map(|number| {
            let twin = OpCode(number).canonical()?;
            assert_eq!(twin.describe(), OpCode(number).describe());
            Some(twin.0)
        });
        let mut canonical: Vec<u16> = canonical.collect();
        canonical.sort_unstable();
        assert!(canonical.into_iter().eq(CANONICAL..TRACKED));
        let tracked = (0..TRACKED).filter_map(|number| {
            let twin = OpCode(number).tracked()?;
            assert_eq!(twin.describe(), OpCode(number).describe());
            Some(twin.0)
        });
        assert!(tracked.eq(TRACKED..STREAMS));
        for number in STREAMS..OP_COUNT as u16 {
            let stream = OpCode(number).as_stream().unwrap();
            let store = stream.store();
            let twin = if stream.tracked { store.tracked().unwrap() } else { store };
            let op = if stream.counts_first {
                twin.streamed_behind_addition(stream.pays).map(|(op, _)| op)
            } else {
                twin.streamed(stream.pays)
            };
            assert_eq!((op, OpCode(number).is_tracked()), (Some(OpCode(number)), stream.tracked));
        }
        let [slot, acc] = [Source::Slot, Source::Acc].map(|address| {
            OpCode::store(Operator::I64Store8, address, Source::Slot).streamed_behind_addition(true)
        });
        assert_eq!(
            (acc.map(|(op, _)| op), acc.map(|(_, is_sum)| is_sum)),
            (slot.map(|(op, _)| op), Some(true))
        );
        assert_eq!(OpCode::binary(Operator::I32Eq, Source::Slot, Source::Imm, Target::Acc).metered(), None);
    }
}
