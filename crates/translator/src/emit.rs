//! Writing cells, and rewriting the last ones.
//!
//! Every op that has a result leaves it in the accumulator of its domain, too. The emitter remembers which slot
//! each accumulator mirrors and which cell put it there, so that
//! * a consumer can take the value from the accumulator,
//! * the producer of a value that is consumed once can be told not to write its slot at all,
//! * the producer of a value that goes to a local can write there at once,
//! * a compare that is consumed by a branch can become that branch.

use alloc::vec::Vec;
use rotifer_bytecode::{
    CodeBuffer, HandlerTable, Listed, OpCode, Operands, Operator, Source, Special, Target, Word,
};
use rotifer_core::WasmOffset;

/// What put a value into an accumulator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Producer {
    /// The slot that the accumulator mirrors.
    pub(crate) slot: u16,
    /// The position of the producer's cell.
    start: u32,
    op: OpCode,
    operands: Operands,
    /// Whether the result may be written elsewhere by changing the cell's `a`.
    can_move: bool,
    /// Whether op number + 1 is the same op without a write to the slot.
    can_skip_slot: bool,
    /// For a compare: the operator and where its operands come from.
    pub(crate) compare: Option<Compare>,
}

/// A compare that may become a branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compare {
    pub(crate) operator: Operator,
    pub(crate) a: Source,
    pub(crate) b: Source,
    /// The third word, where the immediate is an `f64`.
    pub(crate) wide_imm: Option<u64>,
}

/// Which accumulator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Domain {
    Int,
    Float,
}

impl Domain {
    pub(crate) fn of(ty: rotifer_core::ValType) -> Self {
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
    pub(crate) can_move: bool,
    pub(crate) can_skip_slot: bool,
    pub(crate) compare: Option<Compare>,
}

impl Caps {
    /// An op in the form "slot and accumulator" that has a twin "accumulator only" behind it.
    pub(crate) const FULL: Self = Self { can_move: true, can_skip_slot: true, compare: None };
    /// An op that can write any slot but must write one.
    pub(crate) const MOVE: Self = Self { can_move: true, can_skip_slot: false, compare: None };
}

/// The end of a chain of words that wait for a label.
pub(crate) const NO_FIXUP: u32 = u32::MAX;

pub(crate) struct Emitter<'e> {
    handlers: &'e HandlerTable,
    buffer: CodeBuffer,
    listing: bool,
    pub(crate) offset: WasmOffset,
    /// The position of the last cell, if control reaches the end of the code from it only.
    last_cell: Option<u32>,
    int: Option<Producer>,
    float: Option<Producer>,
    /// Words that wait for labels, chained.
    fixups: Vec<(u32, u32)>,
}

impl<'e> Emitter<'e> {
    pub(crate) fn new(handlers: &'e HandlerTable, listing: bool) -> Self {
        Self {
            handlers,
            buffer: CodeBuffer::default(),
            listing,
            offset: WasmOffset(0),
            last_cell: None,
            int: None,
            float: None,
            fixups: Vec::new(),
        }
    }

    /// Where the next cell goes.
    pub(crate) fn position(&self) -> u32 {
        self.buffer.words.len() as u32
    }

    /// Ends the function.
    pub(crate) fn finish(mut self, frame_slots: u32) -> CodeBuffer {
        self.buffer.frame_slots = frame_slots;
        self.buffer
    }

    fn handler(&self, op: OpCode) -> Word {
        Word { handler: self.handlers[op.0 as usize] }
    }

    fn list(&mut self, op: OpCode, operands: Operands) {
        if self.listing {
            let position = self.position();
            self.buffer.listing.push(Listed { position, op, operands, offset: self.offset });
        }
    }

    /// Starts a cell: its handler.
    fn start(&mut self, op: OpCode, operands: Operands) -> u32 {
        let start = self.position();
        self.list(op, operands);
        let handler = self.handler(op);
        self.buffer.words.push(handler);
        self.last_cell = Some(start);
        start
    }

    /// Emits a cell of two words or more.
    pub(crate) fn op(&mut self, op: OpCode, operands: Operands, rest: &[Word], result: Result) {
        let start = self.start(op, operands);
        self.buffer.words.push(Word { operands });
        self.buffer.words.extend_from_slice(rest);
        let producer = |caps: Caps| {
            Some(Producer {
                slot: operands.a,
                start,
                op,
                operands,
                can_move: caps.can_move,
                can_skip_slot: caps.can_skip_slot,
                compare: caps.compare,
            })
        };
        match result {
            Result::None => {}
            Result::Clobber => self.forget_values(),
            Result::Value(domain, caps) => {
                self.written(operands.a);
                match domain {
                    Domain::Int => self.int = producer(caps),
                    Domain::Float => self.float = producer(caps),
                }
            }
            Result::Both => {
                self.int = producer(Caps::MOVE);
                self.float = producer(Caps::MOVE);
            }
        }
    }

    /// The call that was emitted last returns a value in `slot` and an accumulator.
    pub(crate) fn returned(&mut self, domain: Domain, slot: u16) {
        let producer = Some(Producer {
            slot,
            start: self.position(),
            op: Special::Call.code(),
            operands: Operands::default(),
            can_move: false,
            can_skip_slot: false,
            compare: None,
        });
        match domain {
            Domain::Int => self.int = producer,
            Domain::Float => self.float = producer,
        }
    }

    /// Emits a cell of one word.
    pub(crate) fn op1(&mut self, op: Special) {
        self.start(op.code(), Operands::default());
    }

    /// Emits an unconditional branch to a label whose position is unknown.
    pub(crate) fn op_with_target(&mut self, op: Special, chain: &mut u32) {
        self.op1(op);
        self.pending_target(chain);
    }

    /// Paths part here: the other one may need the slots that the accumulators mirror.
    pub(crate) fn keep_slots(&mut self) {
        for producer in [&mut self.int, &mut self.float].into_iter().flatten() {
            producer.can_skip_slot = false;
        }
    }

    /// Records which operator the next cell executes, for traps and backtraces.
    pub(crate) fn safepoint(&mut self) {
        let position = self.position();
        self.buffer.safepoints.push(position, self.offset);
    }

    /// A slot was written by other means than a producer: no accumulator mirrors it any more.
    pub(crate) fn written(&mut self, slot: u16) {
        if self.int.is_some_and(|p| p.slot == slot) {
            self.int = None;
        }
        if self.float.is_some_and(|p| p.slot == slot) {
            self.float = None;
        }
    }

    /// The accumulators hold nothing that is known.
    pub(crate) fn forget_values(&mut self) {
        self.int = None;
        self.float = None;
    }

    /// Control may come here from elsewhere.
    pub(crate) fn forget(&mut self) {
        self.forget_values();
        self.last_cell = None;
    }

    fn accumulator(&self, domain: Domain) -> Option<Producer> {
        match domain {
            Domain::Int => self.int,
            Domain::Float => self.float,
        }
    }

    /// Whether the accumulator of a domain mirrors a slot.
    pub(crate) fn mirrors(&self, domain: Domain, slot: u16) -> bool {
        self.accumulator(domain).is_some_and(|p| p.slot == slot)
    }

    /// The value in a canonical slot is consumed from the accumulator and by nobody else: its slot need not be
    /// written.
    pub(crate) fn skip_slot(&mut self, domain: Domain) {
        let Some(mut p) = self.accumulator(domain) else {
            return;
        };
        if p.can_skip_slot {
            p.op = OpCode(p.op.0 + 1);
            let handler = self.handler(p.op);
            self.buffer.words[p.start as usize] = handler;
            if self.listing {
                if let Some(listed) = self.buffer.listing.iter_mut().rev().find(|l| l.position == p.start) {
                    listed.op = p.op;
                }
            }
            // Nothing mirrors the slot: it was never written.
            match domain {
                Domain::Int => self.int = None,
                Domain::Float => self.float = None,
            }
        }
    }

    /// The producer of a slot's value, if its cell is the last one.
    fn last_producer(&self, slot: u16) -> Option<Producer> {
        let last = self.last_cell?;
        [self.int, self.float].into_iter().flatten().find(|p| p.start == last && p.slot == slot)
    }

    /// Has the last cell, if it produces the value of slot `from`, write it to slot `to` instead.
    pub(crate) fn redirect(&mut self, from: u16, to: u16) -> bool {
        let Some(p) = self.last_producer(from) else {
            return false;
        };
        if !p.can_move {
            return false;
        }
        let operands = Operands { a: to, ..p.operands };
        self.buffer.words[p.start as usize + 1] = Word { operands };
        if self.listing {
            if let Some(listed) = self.buffer.listing.last_mut() {
                listed.operands = operands;
            }
        }
        for accumulator in [&mut self.int, &mut self.float] {
            match accumulator {
                Some(q) if q.start == p.start => {
                    q.slot = to;
                    q.operands = operands;
                    // The new slot outlives this value's consumption.
                    q.can_skip_slot = false;
                }
                Some(q) if q.slot == to => *accumulator = None,
                _ => {}
            }
        }
        true
    }

    /// Has the last cell, if it is a compare whose result is in `slot`, give the opposite result.
    pub(crate) fn negate_compare(&mut self, slot: u16) -> bool {
        let Some(p) = self.last_producer(slot) else {
            return false;
        };
        let Some(compare) = p.compare else { return false };
        let Some(operator) = compare.operator.negated() else {
            return false;
        };
        let Some((_, operands)) = self.take_compare(slot) else {
            return false;
        };
        let op = OpCode::binary(operator, compare.a, compare.b, Target::Slot);
        let wide_imm = compare.wide_imm.map(Word::bits);
        let compare = Some(Compare { operator, ..compare });
        let rest = wide_imm.as_slice();
        self.op(op, operands, rest, Result::Value(Domain::Int, Caps { compare, ..Caps::FULL }));
        true
    }

    /// Takes the last cell away if it is a compare whose result is in `slot`.
    pub(crate) fn take_compare(&mut self, slot: u16) -> Option<(Compare, Operands)> {
        let p = self.last_producer(slot)?;
        let compare = p.compare?;
        self.buffer.words.truncate(p.start as usize);
        if self.listing {
            self.buffer.listing.pop();
        }
        self.int = None;
        self.last_cell = None;
        Some((compare, p.operands))
    }

    /// Adds the address of a cell as a word, the cell being unknown: it is chained to `chain`.
    pub(crate) fn pending_target(&mut self, chain: &mut u32) {
        let at = self.position();
        self.buffer.branches.push(at);
        self.buffer.words.push(Word::bits(0));
        self.fixups.push((at, *chain));
        *chain = self.fixups.len() as u32 - 1;
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
        while next != NO_FIXUP {
            let (word, after) = self.fixups[next as usize];
            self.set_target(word, position);
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
