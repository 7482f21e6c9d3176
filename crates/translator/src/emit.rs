//! Writing cells, and rewriting the last ones.
//!
//! Every op that has a result leaves it in the accumulator of its domain, too. The emitter remembers which slot
//! each accumulator mirrors and which cell put it there, so that
//! * a consumer can take the value from the accumulator,
//! * the producer of a value that is consumed once can be told not to write its slot at all,
//! * the producer of a value that goes to a local can write there at once,
//! * a compare that is consumed by a branch can become that branch, an addition that is consumed by a load its
//!   address, and an addition that a branch compares part of that branch.

use alloc::vec::Vec;
use rotifer_bytecode::{
    Address, CodeBuffer, Described, FIRST_SOURCES, HandlerTable, Kind, Listed, OpCode, Operands, Operator,
    Source, Special, Split, StreamOp, StreamRound, StreamTest, Target, Word,
};
use rotifer_core::{ValType, WasmOffset};

use crate::meter::{Edge, Meter, MeterMemory, Metering, RegionId};

/// What put a value into an accumulator. Three words: each op that has a result writes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    operands: Operands,
    /// The position of the producer's cell, or [`NO_CELL`].
    start: u32,
    /// The slot that the accumulator mirrors.
    slot: u16,
    op: OpCode,
    /// What can be done with the cell.
    caps: Caps,
}

/// The start of what no cell of its own put into an accumulator: not that of a cell that follows, which may write to
/// the other accumulator.
const NO_CELL: u32 = u32::MAX;

/// Which binary operator or compare a cell executes, and where its operands come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    pub(crate) operator: Operator,
    pub(crate) a: Source,
    pub(crate) b: Source,
}

/// A copy that leaves the accumulators alone, or is one of an accumulator.
#[derive(Clone, Copy, Debug)]
struct KeptCopy {
    start: u32,
    operands: Operands,
}

/// A cell that adds to a float, or subtracts from it.
#[derive(Clone, Copy, Debug)]
struct Chain {
    start: u32,
    op: OpCode,
    /// Where the sum goes.
    slot: u16,
}

/// A cell that adds to an integer in a slot, and keeps the sum in one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addition {
    start: u32,
    words: u32,
    /// Those of the cell, with the immediate, if there is one, in `c`.
    pub(crate) operands: Operands,
    /// `i32.add` or `i64.add`.
    operator: Operator,
    /// What is added: a slot or an immediate.
    pub(crate) addend: Source,
}

/// A binary operator that may become part of its consumer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binary {
    pub(crate) operator: Operator,
    pub(crate) a: Source,
    pub(crate) b: Source,
    /// The third word, where the immediate has 64 bits.
    pub(crate) wide_imm: Option<u64>,
}

/// What is added to an address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Addend {
    Slot(u16),
    Imm(u32),
}

/// Which accumulator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Domain {
    Int,
    Float,
}

impl Domain {
    #[inline]
    pub(crate) fn of(ty: ValType) -> Self {
        if ty.is_float() { Self::Float } else { Self::Int }
    }
}

/// What a new cell produces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Result {
    /// Nothing; the accumulators stay as they are.
    None,
    /// Nothing, and the accumulators are lost.
    Clobber,
    /// A value for the slot `a`, and one accumulator.
    Value(Domain, Caps),
    /// A value for the slot `a`, and both accumulators.
    Both,
}

/// What can be done with a producer later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Whether the result may be written elsewhere by changing the cell's `a`.
    pub(crate) can_move: bool,
    /// Whether op number + 1 is the same op without a write to the slot.
    pub(crate) can_skip_slot: bool,
    /// Whether the value is an i32 whose high half is zero.
    pub(crate) is_extended: bool,
    /// For a binary operator or a compare: which, and where its operands come from.
    pub(crate) binary: Option<Operation>,
}

impl Caps {
    /// An op in the form "slot and accumulator" that has a twin "accumulator only" behind it.
    pub(crate) const FULL: Self =
        Self { can_move: true, can_skip_slot: true, is_extended: false, binary: None };
    /// An op that can write any slot but must write one.
    pub(crate) const MOVE: Self = Self { can_skip_slot: false, ..Self::FULL };
    /// What is no cell of its own.
    const NONE: Self = Self { can_move: false, ..Self::MOVE };

    /// Those of an operator with a result of this type: of what handlers compute, an i32 is zero-extended.
    pub(crate) const fn of(result: Option<ValType>) -> Self {
        Self { is_extended: matches!(result, Some(ValType::I32)), ..Self::FULL }
    }
}

/// Code behind a loop's header: the first two cells.
#[derive(Clone, Copy, Debug)]
struct Body {
    /// Where they begin and the second one ends.
    starts: [u32; 3],
    cells: [BodyCell; 2],
    /// The slots that the accumulator of integers mirrors whenever control comes back by the loop register. None as long
    /// as it has not.
    carried: Option<[Option<u16>; 2]>,
}

/// A cell: its op, its operands, and its further ones, if it has any.
#[derive(Clone, Copy, Debug)]
struct BodyCell {
    op: OpCode,
    operands: Operands,
    further: Operands,
}

impl Body {
    const fn at(start: u32) -> Self {
        let operands = Operands { a: 0, b: 0, c: 0 };
        let cell = BodyCell { op: OpCode(0), operands, further: operands };
        Self { starts: [start, NO_CELL, NO_CELL], cells: [cell; 2], carried: None }
    }

    /// Remembers a cell, if it is one of the first.
    #[inline(always)]
    fn note(&mut self, start: u32, words: u32, op: OpCode, operands: Operands) {
        let number = if start == self.starts[0] {
            0
        } else if start == self.starts[1] {
            1
        } else {
            return;
        };
        self.cells[number] = BodyCell { op, operands, further: Operands::default() };
        self.starts[number + 1] = start + words;
        if number == 0 {
            self.starts[2] = NO_CELL;
        }
    }

    /// The cell that begins here, if it is one of the first.
    fn cell_at(&mut self, start: u32) -> Option<&mut BodyCell> {
        let number = self.starts.iter().position(|&at| at == start)?;
        self.cells.get_mut(number)
    }

    /// A cell has become another one of the same length.
    fn patch(&mut self, start: u32, op: OpCode, operands: Operands) {
        if let Some(cell) = self.cell_at(start) {
            (cell.op, cell.operands) = (op, operands);
        }
    }

    /// Whether the first cell can read what is in this slot from the accumulator of integers.
    fn may_carry(&self, slot: u16) -> bool {
        let BodyCell { op, operands, .. } = self.cells[0];
        self.starts[1] != NO_CELL && op.carried(operands, slot).is_some()
    }

    /// Remembers the further operands of a cell.
    fn note_further(&mut self, start: u32, further: Operands) {
        if let Some(cell) = self.cell_at(start) {
            cell.further = further;
        }
    }
}

/// Memory that one emitter leaves to the next, all of it empty.
#[derive(Default)]
pub(crate) struct EmitterMemory {
    pub(crate) buffer: CodeBuffer,
    fixups: Vec<Fixup>,
    jumps: Vec<u32>,
    threaded: Vec<u32>,
    copies: Vec<(u32, Operands)>,
    sums: Vec<(u32, OpCode, u16)>,
    meter: MeterMemory,
}

impl EmitterMemory {
    /// Bytes held.
    pub(crate) fn size(&self) -> usize {
        self.buffer.size()
            + self.fixups.capacity() * size_of::<Fixup>()
            + (self.jumps.capacity() + self.threaded.capacity()) * size_of::<u32>()
            + self.copies.capacity() * size_of::<(u32, Operands)>()
            + self.sums.capacity() * size_of::<(u32, OpCode, u16)>()
            + self.meter.size()
    }
}

/// A word that waits for a label.
#[derive(Clone, Copy, Debug)]
struct Fixup {
    word: u32,
    /// The next one of the chain.
    next: u32,
    /// Whether it is the target of an unconditional branch that costs nothing: a cell of two words.
    is_jump: bool,
}

/// How many cells that add to floats a loop may have for each to be looked at: more are those of unrolled loops.
const MANY_SUMS: usize = 16;

/// The end of a chain of words that wait for a label.
pub(crate) const NO_FIXUP: u32 = u32::MAX;

pub(crate) struct Emitter<'e> {
    handlers: &'e HandlerTable,
    buffer: CodeBuffer,
    listing: bool,
    pub(crate) meter: Meter<'e>,
    pub(crate) offset: WasmOffset,
    /// The position of the last cell, if control reaches the end of the code from it only.
    last_cell: Option<u32>,
    int: Option<Producer>,
    float: Option<Producer>,
    /// For each accumulator that mirrors a slot: another one that it mirrors, too.
    also: [Option<u16>; 2],
    /// The last copy that leaves the accumulators alone, or is one of an accumulator.
    last_copy: Option<KeptCopy>,
    /// The last cell that adds to an integer in a slot and keeps the sum in one.
    last_add: Option<Addition>,
    /// The last immediate of 64 bits.
    last_wide: u64,
    /// Word 2 of the last pair.
    last_other: u32,
    /// What computed the last value that is not kept in a slot, and the last immediate of 64 bits then.
    skipped: Option<(Producer, u64)>,
    /// What computed the last integer that was read from the accumulator and is kept in a slot as well.
    kept: Option<Producer>,
    /// What the loop register leads to.
    body: Body,
    /// The cells behind the loop's header that add to a float local or subtract from it: where they are, their summed twins,
    /// and the local's slot.
    sums: Vec<(u32, OpCode, u16)>,
    /// The last cell that adds to a float or subtracts from it, if the register of sums can have its result.
    chain: Option<Chain>,
    /// Whether a cell behind the loop's header has its sum in the register because another one needs it there.
    is_chained: bool,
    /// Words that wait for labels, chained.
    fixups: Vec<Fixup>,
    /// The unconditional branches to the label that was bound last, as their words, and where that is.
    jumps: Vec<u32>,
    jumps_to: u32,
    /// The slots that the accumulators mirror if control does not come from any of these branches, unless it comes from
    /// somewhere else as well.
    fallen: [[Option<u16>; 2]; 2],
    /// The words of branches that have become returns.
    threaded: Vec<u32>,
    /// The words of unconditional branches that cost nothing and are behind a copy, and what that copies.
    copies: Vec<(u32, Operands)>,
}

impl<'e> Emitter<'e> {
    pub(crate) fn new(
        handlers: &'e HandlerTable,
        metering: Metering<'e>,
        listing: bool,
        memory: EmitterMemory,
    ) -> Self {
        let EmitterMemory { buffer, fixups, jumps, threaded, copies, sums, meter } = memory;
        Self {
            handlers,
            buffer,
            listing,
            meter: Meter::new(metering, meter),
            offset: WasmOffset(0),
            last_cell: None,
            int: None,
            float: None,
            also: [None; 2],
            last_copy: None,
            last_add: None,
            last_wide: 0,
            last_other: 0,
            skipped: None,
            kept: None,
            body: Body::at(NO_CELL),
            sums,
            chain: None,
            is_chained: false,
            fixups,
            jumps,
            jumps_to: 0,
            fallen: [[None; 2]; 2],
            threaded,
            copies,
        }
    }

    /// Where the next cell goes.
    pub(crate) fn position(&self) -> u32 {
        self.buffer.words.len() as u32
    }

    /// Ends the function.
    pub(crate) fn finish(&mut self, frame_slots: u32) {
        self.meter.finish(self.offset, self.listing, &mut self.buffer);
        if !self.threaded.is_empty() {
            self.threaded.sort_unstable();
            let Self { buffer, threaded, .. } = self;
            buffer.branches.retain(|word| threaded.binary_search(word).is_err());
        }
        self.buffer.frame_slots = frame_slots;
        if let Some(recorder) = self.meter.recorder.take() {
            self.buffer.points = recorder.finish(frame_slots, |region| self.meter.cost_of(region));
        }
    }

    /// The slots that the accumulators mirror.
    pub(crate) fn mirrored(&self) -> [Option<u16>; 2] {
        [&self.int, &self.float].map(|producer| producer.as_ref().map(|producer| producer.slot))
    }

    /// The code, and the memory for another function.
    pub(crate) fn into_parts(self) -> (CodeBuffer, EmitterMemory) {
        let Self { buffer, mut fixups, mut jumps, mut threaded, mut copies, mut sums, meter, .. } = self;
        fixups.clear();
        jumps.clear();
        threaded.clear();
        copies.clear();
        sums.clear();
        let meter = meter.into_memory();
        (buffer, EmitterMemory { fixups, jumps, threaded, copies, sums, meter, ..EmitterMemory::default() })
    }

    fn handler(&self, op: OpCode) -> Word {
        Word { handler: self.handlers[op.0 as usize] }
    }

    #[cold]
    fn list(&mut self, op: OpCode, operands: Operands) {
        let position = self.position();
        self.buffer.listing.push(Listed { position, op, operands, wide: 0, offset: self.offset });
    }

    /// Emits the words that a cell begins with. Gives its position.
    #[inline(always)]
    fn start<const WORDS: usize>(&mut self, op: OpCode, operands: Operands, words: [Word; WORDS]) -> u32 {
        let start = self.position();
        if self.listing {
            self.list(op, operands);
        }
        self.buffer.words.extend_from_slice(&words);
        self.last_cell = Some(start);
        start
    }

    /// Emits a cell of two words or more. Inlined, because most callers know what `rest` and `result` are.
    #[inline(always)]
    pub(crate) fn op(&mut self, op: OpCode, operands: Operands, rest: &[Word], result: Result) {
        let start = self.start(op, operands, [self.handler(op), Word { operands }]);
        self.body.note(start, 2 + rest.len() as u32, op, operands);
        if !rest.is_empty() {
            self.buffer.words.extend_from_slice(rest);
        }
        let producer = |caps| Some(Producer { operands, start, slot: operands.a, op, caps });
        match result {
            Result::None => {}
            Result::Clobber => self.forget_values(),
            Result::Value(domain, caps) => {
                if let Some(operation) = caps.binary {
                    self.note_addition(start, operands, operation);
                }
                self.written(operands.a);
                *self.accumulator(domain) = producer(caps);
            }
            Result::Both => {
                self.written(operands.a);
                self.int = producer(Caps::MOVE);
                self.float = producer(Caps::MOVE);
                self.also = [None; 2];
            }
        }
    }

    /// Remembers an addition that a branch can take in.
    #[inline]
    fn note_addition(&mut self, start: u32, operands: Operands, operation: Operation) {
        let Operation { operator, a: Source::Slot, b: addend @ (Source::Slot | Source::Imm) } = operation
        else {
            return;
        };
        let is_wide = operator == Operator::I64Add;
        if !is_wide && operator != Operator::I32Add {
            return;
        }
        let (mut operands, mut words) = (operands, 2);
        if is_wide && addend == Source::Imm {
            // The cell of a latch has 32 bits for it, which are sign-extended.
            let Ok(narrow) = i32::try_from(self.last_wide as i64) else { return };
            (operands.c, words) = (narrow as u32, 3);
        }
        self.last_add = Some(Addition { start, words, operands, operator, addend });
    }

    /// Emits a cell whose third word, if there is one, is an immediate.
    pub(crate) fn op_wide(&mut self, op: OpCode, operands: Operands, wide: Option<u64>, result: Result) {
        let Some(wide) = wide else { return self.op(op, operands, &[], result) };
        self.last_wide = wide;
        self.op(op, operands, &[Word::bits(wide)], result);
        if let Some(listed) = self.buffer.listing.last_mut() {
            listed.wide = wide;
        }
    }

    /// The call that was emitted last returns a value in `slot` and an accumulator.
    pub(crate) fn returned(&mut self, domain: Domain, slot: u16) {
        let producer = Some(Producer {
            operands: Operands::default(),
            start: NO_CELL,
            slot,
            op: Special::Call.code(),
            caps: Caps::NONE,
        });
        *self.accumulator(domain) = producer;
    }

    /// The latch that was emitted last leaves its sum in `slot` and the accumulator.
    pub(crate) fn latched(&mut self, slot: u16, right: u32) {
        self.written(slot);
        self.returned(Domain::Int, slot);
        if let Some(listed) = self.buffer.listing.last_mut() {
            listed.wide = u64::from(right);
        }
    }

    /// Emits a cell of one word, or the start of one.
    pub(crate) fn op1(&mut self, op: OpCode) {
        if self.body.starts[0] == self.position() {
            // Another cell may have been here.
            self.body.starts[1] = NO_CELL;
        }
        self.start(op, Operands::default(), [self.handler(op)]);
    }

    /// Paths part here: the other one may need the slots that the accumulators mirror.
    pub(crate) fn keep_slots(&mut self) {
        for producer in [&mut self.int, &mut self.float].into_iter().flatten() {
            producer.caps.can_skip_slot = false;
        }
    }

    /// Records which operator the next cell executes, for traps and backtraces.
    pub(crate) fn safepoint(&mut self) {
        let position = self.position();
        self.meter.safepoint(position, self.offset, &mut self.buffer);
    }

    /// The operator that is next ends all regions.
    pub(crate) fn end_regions(&mut self) {
        self.meter.end_regions(&mut self.buffer);
        if self.meter.is_on() {
            // A call that comes from a snapshot may go on at the next cell.
            self.chain = None;
        }
    }

    /// Adds a word with the costs of a branch: where it goes, and what is behind it.
    pub(crate) fn costs(&mut self, taken: Edge<'_>, fall: Edge<'_>) {
        let word = self.position();
        self.buffer.words.push(Word::pair(0, 0));
        self.meter.cost(word, false, taken, word + 1, &mut self.buffer);
        self.meter.cost(word, true, fall, word + 1, &mut self.buffer);
    }

    /// The last word's second half is the cost of what is behind it.
    pub(crate) fn cost_behind(&mut self) {
        let behind = self.position();
        if self.meter.is_fuel() {
            self.meter.cost(behind - 1, true, Edge::Next, behind, &mut self.buffer);
        }
    }

    /// Binds a chain of costs to the region that begins here.
    pub(crate) fn bind_costs(&mut self, chain: &mut u32) {
        let position = self.position();
        self.meter.bind(chain, position);
    }

    /// A region begins here.
    pub(crate) fn begin_region(&mut self) -> RegionId {
        let position = self.position();
        self.meter.begin(position)
    }

    /// The costs of the last cell belong to `region` first, which begins at `start`.
    pub(crate) fn split(&mut self, region: RegionId, start: u32) {
        let (costs, cost) = (self.position() - 1, self.meter.cost_of(region));
        self.buffer.splits.push(Split { costs, cost, start });
    }

    /// A slot was written by other means than a producer: no accumulator mirrors it any more.
    pub(crate) fn written(&mut self, slot: u16) {
        let Self { int, float, also, chain, .. } = self;
        *chain = chain.filter(|chain| chain.slot != slot);
        for (accumulator, also) in [int, float].into_iter().zip(also) {
            if *also == Some(slot) {
                *also = None;
            }
            let Some(p) = accumulator.as_mut().filter(|p| p.slot == slot) else { continue };
            match also.take() {
                // What produced the value wrote another slot.
                Some(also) => {
                    let caps = Caps { is_extended: p.caps.is_extended, ..Caps::NONE };
                    let op = Special::Call.code();
                    *p = Producer { operands: Operands::default(), start: NO_CELL, slot: also, op, caps };
                }
                None => *accumulator = None,
            }
        }
    }

    /// The accumulator of a domain holds nothing that is known.
    pub(crate) fn forget_value(&mut self, domain: Domain) {
        *self.accumulator(domain) = None;
    }

    /// The accumulators hold nothing that is known.
    pub(crate) fn forget_values(&mut self) {
        self.int = None;
        self.float = None;
        self.also = [None; 2];
        self.chain = None;
    }

    /// Control may come here from elsewhere.
    pub(crate) fn forget(&mut self) {
        self.forget_values();
        self.last_add = None;
        self.skipped = None;
        self.kept = None;
        self.last_cell = None;
    }

    /// What put a value into the accumulator of a domain.
    #[inline]
    fn producer(&self, domain: Domain) -> Option<&Producer> {
        match domain {
            Domain::Int => self.int.as_ref(),
            Domain::Float => self.float.as_ref(),
        }
    }

    /// The same, to be set anew.
    fn accumulator(&mut self, domain: Domain) -> &mut Option<Producer> {
        self.also[domain as usize] = None;
        match domain {
            Domain::Int => &mut self.int,
            Domain::Float => &mut self.float,
        }
    }

    /// Whether a slot is known to hold an i32 whose high half is zero.
    pub(crate) fn is_extended(&self, slot: u16) -> bool {
        self.mirrors(Domain::Int, slot) && self.int.is_some_and(|p| p.caps.is_extended)
    }

    /// Whether the accumulator of a domain mirrors a slot.
    #[inline]
    pub(crate) fn mirrors(&self, domain: Domain, slot: u16) -> bool {
        self.producer(domain).is_some_and(|p| p.slot == slot || self.also[domain as usize] == Some(slot))
    }

    /// The value in a canonical slot is consumed from the accumulator and by nobody else: its slot need not be
    /// written.
    pub(crate) fn skip_slot(&mut self, domain: Domain) {
        let Some(producer @ Producer { start, op, caps: Caps { can_skip_slot: true, .. }, .. }) =
            self.producer(domain).copied()
        else {
            return;
        };
        // Nothing mirrors the slot: it was never written.
        self.written(producer.slot);
        self.last_copy = self.last_copy.filter(|copy| copy.operands.b != producer.slot);
        self.skipped = Some((producer, self.last_wide));
        if self.last_add.is_some_and(|add| add.start == start) {
            self.last_add = None;
        }
        let op = OpCode(op.0 + 1);
        self.body.patch(start, op, producer.operands);
        self.buffer.words[start as usize] = self.handler(op);
        if self.listing
            && let Some(listed) = self.buffer.listing.iter_mut().rev().find(|l| l.position == start)
        {
            listed.op = op;
        }
    }

    /// The value of a local is consumed from the accumulator of integers: a branch that does so may compute it as well.
    #[inline]
    pub(crate) fn keep(&mut self, domain: Domain) {
        if domain == Domain::Int {
            self.kept = self.int;
        }
    }

    /// The producer of a slot's value, if its cell is the last one.
    #[inline]
    fn last_producer(&self, slot: u16) -> Option<Producer> {
        let last = self.last_cell?;
        let is_last = |p: &Producer| p.start == last && p.slot == slot;
        match (&self.int, &self.float) {
            (Some(p), _) if is_last(p) => Some(*p),
            (_, Some(p)) if is_last(p) => Some(*p),
            _ => None,
        }
    }

    /// Has the last cell, if it produces the value of slot `from`, write it to slot `to` instead.
    pub(crate) fn redirect(&mut self, from: u16, to: u16) -> bool {
        if self.redirect_copy(from, to) {
            return true;
        }
        let Some(p) = self.last_producer(from) else {
            return false;
        };
        if !p.caps.can_move {
            return false;
        }
        let operands = Operands { a: to, ..p.operands };
        self.body.patch(p.start, p.op, operands);
        if let Some(add) = self.last_add.as_mut().filter(|add| add.start == p.start) {
            add.operands.a = to;
        }
        self.buffer.words[p.start as usize + 1] = Word { operands };
        if self.listing
            && let Some(listed) = self.buffer.listing.last_mut()
        {
            listed.operands = operands;
        }
        self.note_sum(&p, to);
        let chain = self.chain.filter(|chain| chain.start == p.start);
        self.written(to);
        if let Some(chain) = chain {
            self.chain = Some(Chain { slot: to, ..chain });
        }
        for q in [&mut self.int, &mut self.float].into_iter().flatten().filter(|q| q.start == p.start) {
            q.slot = to;
            q.operands = operands;
            // The new slot outlives this value's consumption.
            q.caps.can_skip_slot = false;
        }
        true
    }

    /// What a cell becomes that adds to the float in slot `from` or subtracts from it, as `op` does: its summed twin, if the
    /// last cell that computed such a sum can leave it in the register. None if it stays what it is.
    pub(crate) fn chained(&mut self, op: OpCode, from: u16) -> Option<OpCode> {
        let Chain { start, op: last, .. } = self.chain.filter(|chain| chain.slot == from)?;
        let summed = op.summed()?;
        if let Some(begun) = last.begun() {
            self.replace(start, begun, None);
        }
        self.is_chained = true;
        Some(summed)
    }

    /// The last cell adds to a float or subtracts from it, and keeps the sum in `slot`. While a chain of such cells has the
    /// register, another one must wait.
    pub(crate) fn link(&mut self, op: OpCode, slot: u16) {
        let is_free = self.chain.is_none_or(|chain| !chain.op.is_summed());
        if let Some(start) = self.last_cell
            && (op.is_summed() || is_free && op.summed().is_some())
        {
            self.chain = Some(Chain { start, op, slot });
        }
    }

    /// Remembers a cell that is redirected to `to`, if it adds to what is there or subtracts from it.
    #[inline]
    fn note_sum(&mut self, p: &Producer, to: u16) {
        if self.float.is_none_or(|float| float.start != p.start) {
            return;
        }
        let Some(summed) = p.op.summed() else { return };
        let is_pair = p.op.as_pair().is_some();
        // It is the last cell, so its other operand is that of the last pair.
        let sum = if is_pair { self.last_other } else { p.operands.b.into() };
        if sum == u32::from(to) {
            self.sums.push((p.start, summed, to));
        }
    }

    /// Has the cells that add to a float local do so in a register, if nothing else in the innermost loop sets the local:
    /// `sets` are the slots of the locals that are set there. Gives the slot of the one that most cells add to.
    pub(crate) fn sum(&mut self, sets: &[u16]) -> Option<u16> {
        // A cell of the loop that gave its sum to one behind it would overwrite the register.
        self.chain = None;
        if self.is_chained {
            return None;
        }
        let count = |slot: u16| self.sums.iter().filter(|sum| sum.2 == slot).count();
        let is_summed = |slot: &u16| sets.iter().filter(|set| *set == slot).count() == count(*slot);
        // With few of them, which is what loops have.
        let slots = self.sums.iter().map(|sum| sum.2).take(MANY_SUMS).filter(is_summed);
        let slot = slots.max_by_key(|slot| count(*slot))?;
        for i in 0..self.sums.len() {
            let (start, op, to) = self.sums[i];
            if to == slot {
                self.replace(start, op, None);
            }
        }
        Some(slot)
    }

    /// The same of a copy that leaves the accumulators alone, or is one of an accumulator.
    fn redirect_copy(&mut self, from: u16, to: u16) -> bool {
        let Some(copy) = self.kept_copy().filter(|copy| copy.operands.a == from) else { return false };
        let operands = Operands { a: to, ..copy.operands };
        self.buffer.words[copy.start as usize + 1] = Word { operands };
        if self.listing
            && let Some(listed) = self.buffer.listing.last_mut()
        {
            listed.operands = operands;
        }
        if let Some(cell) = self.body.cell_at(copy.start) {
            cell.operands = operands;
        }
        let is_mirrored = [Domain::Int, Domain::Float].map(|domain| self.mirrors(domain, from));
        self.written(from);
        self.written(to);
        self.copied(copy.start, operands, is_mirrored);
        true
    }

    /// The last cell, if it is a copy that leaves the accumulators alone, or is one of an accumulator.
    fn kept_copy(&self) -> Option<KeptCopy> {
        self.last_copy.filter(|copy| Some(copy.start) == self.last_cell)
    }

    /// The last cell is such a copy; `is_mirrored` says which accumulators hold what it copies.
    fn copied(&mut self, start: u32, operands: Operands, is_mirrored: [bool; 2]) {
        self.last_copy = Some(KeptCopy { start, operands });
        for (also, is_mirrored) in self.also.iter_mut().zip(is_mirrored) {
            if is_mirrored {
                *also = Some(operands.a);
            }
        }
    }

    /// Whether the accumulator of integers has what an operator has computed, and what the loop may carry in it. What was
    /// loaded is left out: lists are reversed faster so, but CoreMark, which does that, was slower.
    fn may_carry(&self) -> bool {
        self.int.is_some_and(|p| p.caps.binary.is_some() && self.body.may_carry(p.slot))
    }

    /// Emits a copy. If the accumulator of integers mirrors what the loop may carry in it, it goes on doing so when a local
    /// is written, one of the slots below `locals`: such copies stand at the ends of loops.
    pub(crate) fn copy(&mut self, to: u16, from: u16, locals: u16) {
        let operands = Operands { a: to, b: from, c: 0 };
        let is_mirrored = [Domain::Int, Domain::Float].map(|domain| self.mirrors(domain, from));
        let op = match is_mirrored {
            [true, _] => Special::CopyAcc,
            [_, true] => Special::CopyAccFloat,
            _ if to < locals && self.may_carry() => Special::CopyKeep,
            _ => {
                let start = self.position();
                self.op(Special::Copy.code(), operands, &[], Result::Both);
                self.also = [Some(from); 2];
                if self.body.starts[0] == start {
                    // The loop may carry what is copied, in the accumulator of integers.
                    self.forget_value(Domain::Float);
                }
                return;
            }
        };
        let start = self.position();
        self.op(op.code(), operands, &[], Result::None);
        self.written(to);
        self.copied(start, operands, is_mirrored);
    }

    /// Has the last cell, if it is a compare whose result is in `slot`, give the opposite result.
    pub(crate) fn negate_compare(&mut self, slot: u16) -> bool {
        let Some(p) = self.last_producer(slot) else {
            return false;
        };
        let Some(compare) = p.caps.binary else { return false };
        let Some(operator) = compare.operator.negated() else {
            return false;
        };
        let Some((Binary { wide_imm, .. }, operands)) = self.take_compare(slot) else {
            return false;
        };
        let op = OpCode::binary(operator, compare.a, compare.b, Target::Slot);
        let binary = Some(Operation { operator, ..compare });
        let result = Result::Value(Domain::Int, Caps { binary, ..Caps::FULL });
        self.op_wide(op, operands, wide_imm, result);
        true
    }

    /// Takes the last cell away if it is a compare whose result is in `slot`.
    pub(crate) fn take_compare(&mut self, slot: u16) -> Option<(Binary, Operands)> {
        self.take_binary(slot, |binary| binary.operator.row().kind == Kind::Compare)
    }

    /// Takes the last cell away if it is an `i32.add` whose result is in `slot`; of two slots, or a slot and the
    /// accumulator, only if `slots`. Gives the source and slot of one operand, and the other one.
    pub(crate) fn take_add(&mut self, slot: u16, slots: bool) -> Option<(Source, u16, Addend)> {
        let is_sum = |b: Operation| {
            b.operator == Operator::I32Add && b.a != Source::Imm && (slots || b.b == Source::Imm)
        };
        let (binary, o) = self.take_binary(slot, is_sum)?;
        Some(match (binary.a, binary.b) {
            (source, Source::Imm) => (source, o.b, Addend::Imm(o.c)),
            (Source::Slot, Source::Slot) => (Source::Slot, o.b, Addend::Slot(o.c as u16)),
            _ => (Source::Acc, 0, Addend::Slot(o.b)),
        })
    }

    /// The addition by this operator in the last cell, if there is one.
    pub(crate) fn last_addition(&self, operator: Operator) -> Option<Addition> {
        let is_last = |add: &Addition| add.operator == operator && add.start + add.words == self.position();
        self.last_add.filter(is_last)
    }

    /// Takes the last cell away, which is this addition.
    pub(crate) fn take_addition(&mut self, add: Addition) {
        (self.last_add, self.skipped) = (None, None);
        self.buffer.words.truncate(add.start as usize);
        if self.listing {
            self.buffer.listing.pop();
        }
    }

    /// Takes the last cell away if it is a binary operator whose result is in `slot`, and can be the first of a fused
    /// op; `fused` says which, by operator, sources and whether the cell keeps its result in a local. Gives this and
    /// the cell's operands, with the immediate, if there is one, in `c`.
    pub(crate) fn take_first<F>(
        &mut self,
        slot: u16,
        fused: impl Fn(Operator, (Source, Source)) -> Option<F>,
    ) -> Option<(F, Operands)> {
        let p = self.last_producer(slot)?;
        let Operation { operator, a, b } = p.caps.binary?;
        let mut operands = p.operands;
        let sources = match (a, b) {
            (Source::Slot, Source::Acc) if operator.commutes() => (b, a),
            sources => sources,
        };
        if b == Source::Imm && matches!(operator.row().a, ValType::I64 | ValType::F64) {
            // It is the last cell, so its immediate is the last one.
            operands.c = u32::try_from(self.last_wide).ok()?;
        }
        let fused = fused(operator, sources)?;
        self.take_last(p);
        Some((fused, operands))
    }

    /// Takes the last cell away if it is a compare whose result is in `slot`, and can be the condition of a `select` in
    /// one op. Whether the sources of its operands will do is for `are_fit` to say. Gives the op and the operands.
    pub(crate) fn take_select(
        &mut self,
        slot: u16,
        are_fit: impl Fn((Source, Source)) -> bool,
    ) -> Option<(OpCode, Operands)> {
        let p = self.last_producer(slot)?;
        let Operation { operator, a, b } = p.caps.binary?;
        let is_exchanged = a == Source::Imm || b == Source::Acc;
        let (operator, sources) =
            if is_exchanged { (operator.exchanged()?, (b, a)) } else { (operator, (a, b)) };
        let op = OpCode::select(operator, sources).filter(|_| are_fit(sources))?;
        let mut operands = p.operands;
        if sources.1 == Source::Imm && operator.row().a == ValType::I64 {
            // It is the last cell, so its immediate is the last one.
            operands.c = u32::try_from(self.last_wide).ok()?;
        }
        self.take_last(p);
        Some((op, operands))
    }

    /// Takes the last cell away if it is an `i32.and` whose result is in `slot`. Gives its sources and operands.
    pub(crate) fn take_and(&mut self, slot: u16) -> Option<((Source, Source), Operands)> {
        let is_and = |operator, sources| {
            (operator == Operator::I32And && FIRST_SOURCES.contains(&sources)).then_some(sources)
        };
        self.take_first(slot, is_and)
    }

    /// The binary operator by this operator in the last cell, after a compare was taken away that had its result from the
    /// accumulator. An immediate is in the operands' `c`, if it has 32 bits or, extended by `extend`, as many.
    fn skipped_binary(
        &self,
        operator: Operator,
        extend: impl Fn(u32) -> u64,
    ) -> Option<(Producer, Operation, Operands)> {
        let (p, wide) = self.skipped?;
        let operation = p.caps.binary.filter(|operation| operation.operator == operator)?;
        let mut operands = p.operands;
        let is_wide = operator.row().a == ValType::I64 && operation.b == Source::Imm;
        if is_wide {
            operands.c = wide as u32;
            if extend(operands.c) != wide {
                return None;
            }
        }
        let is_last = p.start + 2 + u32::from(is_wide) == self.position();
        is_last.then_some((p, operation, operands))
    }

    /// Takes the last cell away if it is this `and`, after a compare was taken away that had its result from the
    /// accumulator. Gives its sources and operands.
    pub(crate) fn take_skipped_and(&mut self, and: Operator) -> Option<((Source, Source), Operands)> {
        let (p, Operation { a, b, .. }, operands) = self.skipped_binary(and, u64::from)?;
        let sources = if (a, b) == (Source::Slot, Source::Acc) { (b, a) } else { (a, b) };
        if !FIRST_SOURCES.contains(&sources) {
            return None;
        }
        self.skipped = None;
        self.take_last(p);
        Some((sources, operands))
    }

    /// Takes the last cell away if it is a compare, after another was taken away that had its result from the
    /// accumulator.
    pub(crate) fn take_skipped_compare(&mut self) -> Option<(Binary, Operands)> {
        let (p, wide) = self.skipped?;
        let Operation { operator, a, b } = p.caps.binary?;
        let row = operator.row();
        let is_wide = matches!(row.a, ValType::I64 | ValType::F64) && (a == Source::Imm || b == Source::Imm);
        if row.kind != Kind::Compare || p.start + 2 + u32::from(is_wide) != self.position() {
            return None;
        }
        self.skipped = None;
        self.take_last(p);
        Some((Binary { operator, a, b, wide_imm: is_wide.then_some(wide) }, p.operands))
    }

    /// The addition by this operator in the last cell, after a compare was taken away that had the sum from the
    /// accumulator. Nobody else wants the sum.
    pub(crate) fn skipped_addition(&self, operator: Operator) -> Option<Addition> {
        let (p, Operation { a, b: addend, .. }, operands) =
            self.skipped_binary(operator, |imm| imm as i32 as u64)?;
        let (Source::Slot, Source::Slot | Source::Imm) = (a, addend) else { return None };
        Some(Addition { start: p.start, words: self.position() - p.start, operands, operator, addend })
    }

    /// Takes a load away that a branch can take in, after a compare was taken away that has it from the accumulator.
    /// Gives the load's number, whether its address is a sum, the cell's operands, and the slot that keeps the value, if
    /// one does.
    pub(crate) fn take_consumed_load(&mut self) -> Option<(u16, bool, Operands, Option<u16>)> {
        let is_last = |p: &Producer| p.start.wrapping_add(2) == self.position();
        let (p, kept) = match self.skipped.map(|skipped| skipped.0).filter(is_last) {
            Some(p) => (p, None),
            None => self.kept.filter(is_last).map(|p| (p, Some(p.slot)))?,
        };
        let (load, is_sum) = p.op.as_branch_load()?;
        (self.skipped, self.kept) = (None, None);
        self.take_last(p);
        Some((load, is_sum, p.operands, kept))
    }

    /// Takes the last cell away if it is an `i32.shl` by an immediate and an `i32.add` of a slot, and its result is in
    /// `slot`. Gives the source and the slot of what is shifted, by how much, and the slot that is added.
    pub(crate) fn take_scaled(&mut self, slot: u16) -> Option<(Source, u16, u32, u16)> {
        let p = self.last_producer(slot)?;
        let source = OpCode::scaled_index(p.op)?;
        let other = self.last_other as u16;
        self.take_last(p);
        Some((source, p.operands.b, p.operands.c, other))
    }

    /// Takes the last cell away if it is an `i32.shl` by an immediate whose result is in `slot`. Gives the source and the
    /// slot of what is shifted, and by how much.
    pub(crate) fn take_shift(&mut self, slot: u16) -> Option<(Source, u16, u32)> {
        let is_shift =
            |b: Operation| b.operator == Operator::I32Shl && b.a != Source::Imm && b.b == Source::Imm;
        let (binary, o) = self.take_binary(slot, is_shift)?;
        Some((binary.a, o.b, o.c))
    }

    /// Takes the last cell away if it is a load of the size with this number, whose value is in `slot`, from an address
    /// that an op can store from at once. Gives where it comes from, and the cell's operands.
    pub(crate) fn take_load(&mut self, slot: u16, size: u16) -> Option<(Address, Operands)> {
        let p = self.last_producer(slot)?;
        let (_, address) = p.op.as_moved_load().filter(|load| load.0 == size)?;
        self.take_last(p);
        Some((address, p.operands))
    }

    /// Records which operator a part of the next cell executes: the cell's own is recorded already.
    pub(crate) fn safepoint_within(&mut self) {
        let position = self.position() + 1;
        self.meter.safepoint(position, self.offset, &mut self.buffer);
    }

    /// Emits a pair.
    pub(crate) fn pair(&mut self, op: OpCode, operands: Operands, other: u32, ty: ValType) {
        let (domain, caps) = (Domain::of(ty), Caps::of(Some(ty)));
        let chained = if domain == Domain::Float { self.chained(op, other as u16) } else { None };
        self.last_other = other;
        let rest = [Word::operands(0, 0, other)];
        let caps = Caps { can_skip_slot: chained.is_none(), ..caps };
        let op = chained.unwrap_or(op);
        self.op(op, operands, &rest, Result::Value(domain, caps));
        if domain == Domain::Float {
            self.link(op, operands.a);
        }
        self.list_wide(other.into());
    }

    /// The operands that the last cell has besides its own.
    pub(crate) fn further_operands(&mut self, o: Operands) {
        if let Some(start) = self.last_cell {
            self.body.note_further(start, o);
        }
        self.list_wide(u64::from(o.a) | u64::from(o.b) << 16 | u64::from(o.c) << 32);
    }

    /// In a listing: what the last cell has in word 2.
    pub(crate) fn list_wide(&mut self, wide: u64) {
        if let Some(listed) = self.buffer.listing.last_mut() {
            listed.wide = wide;
        }
    }

    /// Makes the last cell, if it adds an immediate to an i32 and keeps the sum in a slot below `locals`, one that adds
    /// `imm` to `from` as well and keeps that in `to`.
    pub(crate) fn add_too(&mut self, to: u16, from: u16, imm: u32, locals: u16) -> bool {
        let Some(add) = self.last_addition(Operator::I32Add) else { return false };
        let Some(p) = self.int.filter(|p| p.start == add.start && Some(p.start) == self.last_cell) else {
            return false;
        };
        if add.addend != Source::Imm || add.operands.a >= locals {
            return false;
        }
        self.take_last(p);
        let second = Operands { a: to, b: from, c: imm };
        self.op(Special::AddTwo.code(), add.operands, &[Word { operands: second }], Result::Clobber);
        self.further_operands(second);
        self.returned(Domain::Int, to);
        true
    }

    /// Makes the last cell, if it is a copy, one that copies from `from` to `to` as well.
    pub(crate) fn copy_too(&mut self, to: u16, from: u16) -> bool {
        let second = Operands { a: to, b: from, c: 0 };
        if let Some(copy) = self.kept_copy() {
            self.take_cell(copy.start);
            self.op(Special::CopyTwoKeep.code(), copy.operands, &[Word { operands: second }], Result::None);
            self.further_operands(second);
            self.written(to);
            return true;
        }
        let Some(p) = self.int else { return false };
        if Some(p.start) != self.last_cell || p.op != Special::Copy.code() || p.slot != p.operands.a {
            return false;
        }
        self.take_last(p);
        self.op(Special::CopyTwo.code(), p.operands, &[Word { operands: second }], Result::Clobber);
        self.further_operands(second);
        self.returned(Domain::Int, to);
        self.returned(Domain::Float, to);
        true
    }

    /// Takes the last cell away if it is a copy, or adds an immediate to an i32, and a call can do so. Gives the call's
    /// op and what it copies or adds.
    pub(crate) fn take_argument(&mut self) -> Option<(Special, Operands)> {
        if let Some(KeptCopy { start, operands }) = self.kept_copy() {
            self.take_cell(start);
            self.written(operands.a);
            return Some((Special::CallCopy, operands));
        }
        let p = self.int.filter(|p| Some(p.start) == self.last_cell && p.slot == p.operands.a)?;
        // A call that needs more stack is executed again: its addition must not change what it adds to.
        if p.operands.a == p.operands.b {
            return None;
        }
        let (op, operands) = match p.caps.binary {
            None if p.op == Special::Copy.code() => (Special::CallCopy, Operands { c: 0, ..p.operands }),
            Some(Operation { operator: Operator::I32Add, a: Source::Slot, b: Source::Imm }) => {
                (Special::CallAdd, p.operands)
            }
            Some(Operation { operator: Operator::I64Add, a: Source::Slot, b: Source::Imm }) => {
                // It is the last cell, so its immediate is the last one.
                let imm = i32::try_from(self.last_wide as i64).ok()?;
                (Special::CallAddWide, Operands { c: imm as u32, ..p.operands })
            }
            _ => return None,
        };
        self.take_last(p);
        Some((op, operands))
    }

    /// Emits the header of a loop.
    pub(crate) fn loop_enter(&mut self) {
        self.op(Special::LoopEnter.code(), Operands::default(), &[], Result::None);
        self.forget();
    }

    /// Has the header of a loop, at `header`, set the registers of the locals that are pinned, carried and a sum.
    pub(crate) fn enter_with(&mut self, header: u32, registers: [Option<u16>; 3]) {
        if registers.iter().any(Option::is_some) {
            let [a, b, c] = registers.map(Option::unwrap_or_default);
            self.rewrite(header, Special::LoopEnter.code(), Operands { a, b, c: c.into() });
        }
    }

    /// The loop register leads to what is emitted next.
    pub(crate) fn begin_body(&mut self) {
        self.body = Body::at(self.position());
        self.sums.clear();
        self.is_chained = false;
    }

    /// Has the cell behind a loop's header, if it is a store and the next one the latch that was emitted at `latch`,
    /// execute the rounds of the loop: if of what it needs nothing but the last summand of its addresses changes, which
    /// is what the latch counts. `count` are the latch's operands and what it compares with. Says whether it does.
    pub(crate) fn stream(
        &mut self,
        latch: u32,
        test: StreamTest,
        count: (Operands, u32),
        pays: bool,
    ) -> bool {
        let Body { starts: [start, end, ..], cells: [store, ..], .. } = self.body;
        let (Operands { a: counter, c: addend, .. }, right) = count;
        if end != latch || test.is_addend_slot() && addend == u32::from(counter) {
            return false;
        }
        let Some(op) = store.op.streamed(pays) else { return false };
        let is_stream = self.stream_of(op, (start, store), counter, test, right);
        if is_stream {
            self.replace(start, op, None);
            self.body.starts[0] = NO_CELL;
            self.buffer.words[latch as usize + 2] = Word::operands(test.0, 0, right);
        }
        is_stream
    }

    /// The same of an addition behind a loop's header, if a store follows and then the branch that was emitted at
    /// `branch`. It has these operands, or tests the accumulator and what is in `c`.
    pub(crate) fn stream_behind_addition(
        &mut self,
        branch: u32,
        test: StreamTest,
        (operands, is_acc): (Operands, bool),
        pays: bool,
    ) {
        let Body { starts: [start, second, end], cells: [add, mut store], .. } = self.body;
        let Operands { a: counter, b: from, .. } = add.operands;
        let addition = OpCode::binary(Operator::I32Add, Source::Slot, Source::Imm, Target::Slot);
        let tests_counter = if is_acc { self.mirrors(Domain::Int, counter) } else { operands.b == counter };
        if end != branch || add.op != addition || from != counter || !tests_counter {
            return;
        }
        let Some((op, is_at_sum)) = store.op.streamed_behind_addition(pays) else { return };
        if is_at_sum {
            store.operands.a = counter;
        }
        if self.stream_of(op, (second, store), counter, test, operands.c) {
            self.replace(start, op, None);
            self.body.starts[0] = NO_CELL;
            self.buffer.words[branch as usize + 1] = Word { operands: Operands { a: test.0, ..operands } };
        }
    }

    /// Whether a store can be that of a stream. If so, what the stream counts becomes the last summand of addresses.
    fn stream_of(
        &mut self,
        op: OpCode,
        (start, store): (u32, BodyCell),
        counter: u16,
        test: StreamTest,
        right: u32,
    ) -> bool {
        let BodyCell { op: store, operands: mut first, further: mut second } = store;
        // Whether just one of two summands is the counter. It is made the second.
        let counts = |a: &mut u16, b: &mut u16| {
            if *a == counter {
                core::mem::swap(a, b);
            }
            *a != counter && *b == counter
        };
        // The second summand, of an address that is a sum.
        let mut summand = first.c as u16;
        let is_counted = match op.as_stream().map(StreamOp::round) {
            Some(StreamRound::Move) => {
                counts(&mut first.b, &mut summand) && counts(&mut first.a, &mut second.a)
            }
            Some(StreamRound::Store { is_sum, is_imm }) => {
                let is_value_fixed = is_imm || first.b != counter;
                let is_counted = if is_sum { counts(&mut first.a, &mut summand) } else { first.a == counter };
                is_counted && is_value_fixed
            }
            None => false,
        };
        if !is_counted || test.is_right_slot() && right == u32::from(counter) {
            return false;
        }
        first.c = first.c & 0xFFFF_0000 | u32::from(summand);
        self.buffer.words[start as usize + 1] = Word { operands: first };
        let is_move = matches!(store.describe(), Described::Moved(..));
        if is_move {
            self.buffer.words[start as usize + 2] = Word { operands: second };
        }
        self.replace(start, store, Some((first, second.a)));
        true
    }

    /// Replaces the op of the cell at `start`; in a listing, its operands as well, and the half-word of a move that has
    /// the second summand.
    pub(crate) fn replace(&mut self, start: u32, op: OpCode, operands: Option<(Operands, u16)>) {
        self.buffer.words[start as usize] = self.handler(op);
        if !self.listing {
            return;
        }
        if let Some(listed) = self.buffer.listing.iter_mut().rev().find(|listed| listed.position == start) {
            listed.op = op;
            if let Some((first, second)) = operands {
                listed.operands = first;
                if let Described::Moved(..) = op.describe() {
                    listed.wide = listed.wide & !0xFFFF | u64::from(second);
                }
            }
        }
    }

    /// A branch to what the loop register leads to was emitted.
    pub(crate) fn goes_back(&mut self) {
        let slots = [self.int.map(|p| p.slot), self.also[Domain::Int as usize]];
        self.body.carried = Some(match self.body.carried {
            None => slots,
            Some(others) => others.map(|slot| slot.filter(|_| slots.contains(&slot))),
        });
    }

    /// Has the innermost loop carry in the accumulator of integers what its first cell reads from a slot, if it is there
    /// whenever control comes back. Gives the slot.
    pub(crate) fn carry(&mut self) -> Option<u16> {
        let Body { starts: [start, end, ..], cells: [cell, _], carried: Some(slots) } = self.body else {
            return None;
        };
        let carried = |slot| Some((slot, cell.op.carried(cell.operands, slot)?));
        let (slot, (op, operands)) =
            slots.into_iter().flatten().find_map(carried).filter(|_| start != NO_CELL && end != NO_CELL)?;
        self.rewrite(start, op, operands);
        Some(slot)
    }

    /// Makes the cell at `start` another op of the same length.
    fn rewrite(&mut self, start: u32, op: OpCode, operands: Operands) {
        self.buffer.words[start as usize + 1] = Word { operands };
        self.replace(start, op, None);
        if self.listing
            && let Some(listed) = self.buffer.listing.iter_mut().rev().find(|listed| listed.position == start)
        {
            listed.operands = operands;
        }
    }

    /// Takes the loop header at the end of the code away.
    pub(crate) fn take_loop_enter(&mut self) {
        let header = self.buffer.words.len() - Special::LoopEnter.words();
        self.buffer.words.truncate(header);
        if self.listing {
            self.buffer.listing.pop();
        }
    }

    fn take_binary(&mut self, slot: u16, wanted: impl Fn(Operation) -> bool) -> Option<(Binary, Operands)> {
        let p = self.last_producer(slot)?;
        let Operation { operator, a, b } = p.caps.binary.filter(|&binary| wanted(binary))?;
        self.take_last(p);
        let is_wide = matches!(operator.row().a, ValType::I64 | ValType::F64);
        // It is the last cell, so its immediate is the last one.
        let wide_imm = (is_wide && (a == Source::Imm || b == Source::Imm)).then_some(self.last_wide);
        Some((Binary { operator, a, b, wide_imm }, p.operands))
    }

    /// Takes the last cell away, which begins here.
    fn take_cell(&mut self, start: u32) {
        self.buffer.words.truncate(start as usize);
        if self.listing {
            self.buffer.listing.pop();
        }
        while self.sums.last().is_some_and(|sum| sum.0 >= start) {
            self.sums.pop();
        }
        self.chain = self.chain.filter(|chain| chain.start < start);
        self.last_cell = None;
        self.last_copy = None;
    }

    /// Takes the last cell away, which is this producer's.
    fn take_last(&mut self, p: Producer) {
        self.take_cell(p.start);
        self.int = None;
        self.also[Domain::Int as usize] = None;
        self.kept = self.kept.filter(|kept| kept.start != p.start);
        if self.float.is_some_and(|f| f.start == p.start) {
            self.forget_value(Domain::Float);
        }
        if self.last_add.is_some_and(|add| add.start == p.start) {
            self.last_add = None;
        }
    }

    /// Adds the address of a cell as a word, the cell being unknown: it is chained to `chain`.
    pub(crate) fn pending_target(&mut self, chain: &mut u32) {
        self.pending(chain, false);
    }

    /// Emits an unconditional branch that costs nothing to what `chain` waits for.
    pub(crate) fn jump(&mut self, chain: &mut u32) {
        let copy = self.int.filter(|p| Some(p.start) == self.last_cell && p.op == Special::Copy.code());
        let copied = copy.map(|p| p.operands).or_else(|| self.kept_copy().map(|copy| copy.operands));
        self.op1(Special::Br.code());
        if let Some(operands) = copied {
            self.copies.push((self.position(), operands));
        }
        self.pending(chain, true);
    }

    fn pending(&mut self, chain: &mut u32, is_jump: bool) {
        let word = self.position();
        self.buffer.branches.push(word);
        self.buffer.words.push(Word::bits(0));
        self.fixups.push(Fixup { word, next: *chain, is_jump });
        *chain = self.fixups.len() as u32 - 1;
    }

    /// Whether the accumulator of a domain mirrors a slot unless control comes from a branch that [`return_`] makes a
    /// return.
    ///
    /// [`return_`]: Self::return_
    pub(crate) fn mirrors_fallen(&self, domain: Domain, slot: u16) -> bool {
        self.jumps_to == self.position() && self.fallen[domain as usize].contains(&Some(slot))
    }

    /// Emits a return. Branches that would come here return instead, as `op` does, and so do the copies before them of
    /// what is returned.
    pub(crate) fn return_(&mut self, own: OpCode, op: OpCode, operands: Operands) {
        let has_jumps = self.jumps_to == self.position();
        self.op(own, operands, &[], Result::None);
        if !has_jumps {
            return;
        }
        let from_slot = op.returns_slot();
        for i in 0..self.jumps.len() {
            let word = self.jumps[i];
            self.become_return(word, op, operands);
            self.threaded.push(word);
            if let Ok(copy) = self.copies.binary_search_by_key(&word, |copy| copy.0)
                && from_slot
                && self.copies[copy].1.a == operands.a
            {
                let from = self.copies[copy].1.b;
                self.become_return(word - 2, op, Operands { a: from, ..operands });
            }
        }
        self.jumps.clear();
    }

    /// Makes a cell of two words, the last of which is `word`, a return.
    fn become_return(&mut self, word: u32, op: OpCode, operands: Operands) {
        self.buffer.words[word as usize - 1] = self.handler(op);
        self.buffer.words[word as usize] = Word { operands };
        if self.listing {
            self.relist(word, op, operands);
        }
    }

    /// In a listing: the cell of two words, the last of which is `word`, has become another op.
    #[cold]
    fn relist(&mut self, word: u32, op: OpCode, operands: Operands) {
        self.buffer.targets.remove(&word);
        if let Ok(index) = self.buffer.listing.binary_search_by_key(&(word - 1), |listed| listed.position) {
            let listed = &mut self.buffer.listing[index];
            (listed.op, listed.operands) = (op, operands);
        }
    }

    fn set_target(&mut self, word: u32, position: u32) {
        self.buffer.words[word as usize] = Word::bits(u64::from(position));
        if self.listing {
            self.buffer.targets.insert(word, position);
        }
    }

    /// Resolves a chain of words to a position.
    pub(crate) fn resolve(&mut self, chain: &mut u32, position: u32) {
        let mut next = core::mem::replace(chain, NO_FIXUP);
        if next != NO_FIXUP && self.jumps_to != position {
            self.jumps.clear();
            self.jumps_to = position;
            let [int, float] = self.mirrored();
            self.fallen = [[int, self.also[0]], [float, self.also[1]]];
        }
        while next != NO_FIXUP {
            let Fixup { word, next: after, is_jump } = self.fixups[next as usize];
            self.set_target(word, position);
            match is_jump {
                true => self.jumps.push(word),
                false => self.fallen = [[None; 2]; 2],
            }
            next = after;
        }
    }

    /// Binds a chain to the next cell. Where nothing waits for the label, nothing is forgotten.
    pub(crate) fn bind(&mut self, chain: &mut u32) {
        if *chain != NO_FIXUP {
            let position = self.position();
            self.resolve(chain, position);
            self.forget();
        }
    }
}
