//! Translation of function bodies: the client of the validator's walk that writes code.
//!
//! The translator is driven operator by operator, with validated operands, and never in unreachable code. It
//! keeps no stack of its own: what it knows of an operand is the [`Operand`] on the walk's stack.
//!
//! Frame layout (I-FRAME), in slots of 64 bits:
//!
//! ```text
//! parameters | return address, distance to the caller's frame | other locals | operands by height
//! ```
//!
//! Each position of the operand stack has one canonical slot, whatever path led there. Operands are in their
//! canonical slots wherever control flow meets, and the arguments of a call are in consecutive ones, which
//! become the callee's parameters: frames overlap, nothing is copied. The size of a frame and the place of its
//! callees' frames depend on the WebAssembly function only, never on what is fused.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod control;
mod emit;
mod meter;
mod operand;
mod points;

use alloc::vec::Vec;
use core::{convert::Infallible, fmt};
use rotifer_bytecode::{
    Address, CallPlace, CodeBuffer, Divisor, HandlerTable, MOVED_ADDRESSES, OpCode, Operands, Operator, Pair,
    SUMS, SlowOp, Source, Special, Stored, Target, Wanted, Word, fold,
};
use rotifer_core::{
    FuncIdx, FuncType, GlobalIdx, Limits, LocalIdx, MemIdx, TableIdx, TypeIdx, ValType, WasmOffset,
};
use rotifer_validator::{BodyContext, BulkOp, Client, ControlFrame, ControlStack, MemArg, View};

use self::{
    control::{Label, Pins, twin_if},
    emit::{Addend, Caps, Domain, Emitter, EmitterMemory, Operation, Result},
    operand::{Aliases, Place},
    points::{Recorder, Registers},
};

pub use self::{meter::Metering, operand::Operand};

/// What a translator needs to know of the world.
#[derive(Clone, Copy)]
pub struct TranslatorEnv<'e> {
    /// The handlers that the code will be executed by.
    pub handlers: &'e HandlerTable,
    /// How many functions are imported.
    pub imported_functions: u32,
    /// The entry of a defined function, by index of all functions.
    pub entry: &'e dyn Fn(FuncIdx) -> *const (),
    /// The engine's number of a type of the module.
    pub type_id: &'e dyn Fn(TypeIdx) -> u32,
    /// What the code pays for.
    pub metering: Metering<'e>,
    /// Whether functions tell the host when they begin and when they end.
    pub probes: bool,
    /// Whether every NaN is the canonical one.
    pub canonical_nans: bool,
    /// Whether stores note what they write to.
    pub tracked_writes: bool,
    /// Whether to record a listing.
    pub listing: bool,
    /// The points to record.
    pub points: &'e [Wanted],
}

/// An address that a load computes itself.
struct ComputedAddress {
    /// The load's op, by operator, source of the first summand and target.
    form: fn(Operator, Source, Target) -> OpCode,
    source: Source,
    /// The cell's `b` and `c`.
    operands: Operands,
    /// Word 2, if the cell has one.
    wide: Option<u64>,
}

/// Translates one function body.
pub struct Translator<'e> {
    env: TranslatorEnv<'e>,
    emit: Emitter<'e>,
    aliases: Aliases,
    func: FuncIdx,
    results: Vec<ValType>,
    /// The slot of the linkage: behind the parameters.
    linkage: u16,
    /// The canonical slot of the first operand.
    first_operand: u16,
    /// Who owns the loop register: the loop numbered so, if nothing since its header may have changed it.
    loop_register: Option<u32>,
    /// Where the body of the last loop begins: behind the cell that sets the register.
    loop_body: u32,
    /// The position that the loop register has, if somebody owns it.
    register_body: u32,
    loops: u32,
    /// What may be pinned in the last loop.
    pins: Pins,
    is_finished: bool,
}

/// The memory of a [`Translator`], for the next one. Most functions need little, and less time than it takes to
/// ask the allocator for a dozen lists.
#[derive(Default)]
pub struct Memory {
    emit: EmitterMemory,
    aliases: Aliases,
    results: Vec<ValType>,
    sets: Vec<u16>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("size", &self.size()).finish_non_exhaustive()
    }
}

impl Memory {
    /// Takes back a buffer of code that is not needed any more.
    pub fn recycle(&mut self, mut buffer: CodeBuffer) {
        buffer.clear();
        self.emit.buffer = buffer;
    }

    /// Bytes held.
    pub fn size(&self) -> usize {
        self.emit.size()
            + self.aliases.size()
            + self.results.capacity() * size_of::<ValType>()
            + self.sets.capacity() * size_of::<u16>()
    }
}

impl<'e> Translator<'e> {
    /// A translator for one function body.
    pub fn new(env: TranslatorEnv<'e>) -> Self {
        Self::with_memory(env, Memory::default())
    }

    /// A translator for one function body that uses the memory of another.
    pub fn with_memory(env: TranslatorEnv<'e>, memory: Memory) -> Self {
        let Memory { emit, aliases, results, sets } = memory;
        let mut emit = Emitter::new(env.handlers, env.metering, env.listing, emit);
        emit.meter.recorder = Recorder::new(env.points);
        Self {
            env,
            emit,
            aliases,
            func: FuncIdx(0),
            results,
            linkage: 0,
            first_operand: 0,
            loop_register: None,
            loop_body: 0,
            register_body: 0,
            loops: 0,
            pins: Pins::new(sets),
            is_finished: false,
        }
    }

    /// The code, after a walk that succeeded.
    pub fn into_code(self) -> Option<CodeBuffer> {
        self.into_parts().0
    }

    /// The code, after a walk that succeeded, and the memory for another translator.
    pub fn into_parts(self) -> (Option<CodeBuffer>, Memory) {
        let (buffer, emit) = self.emit.into_parts();
        let mut memory = Memory { emit, aliases: self.aliases, results: self.results, sets: self.pins.sets };
        if self.is_finished {
            return (Some(buffer), memory);
        }
        memory.recycle(buffer);
        (None, memory)
    }

    #[inline]
    fn next_slot(&self, stack: &[Operand]) -> u16 {
        stack.last().map_or(self.first_operand, |top| top.slot + u16::from(top.width))
    }

    #[inline]
    fn temp(&self, stack: &[Operand]) -> Operand {
        Operand::new(Place::Temp, self.next_slot(stack))
    }

    /// The slot of a local.
    #[inline]
    fn local_slot(&self, local: LocalIdx) -> u16 {
        // Validation bounds frames, so locals fit.
        Limits::local_slot(local.0, self.linkage.into()) as u16
    }

    /// An operand is popped: it is no alias any more.
    #[inline]
    fn consume(&mut self, operand: Operand) {
        let (first, second) = operand.locals();
        if let Some(local) = first {
            self.aliases.remove(local);
        }
        if let Some(local) = second {
            self.aliases.remove(local);
        }
    }

    fn put_const(&mut self, slot: u16, bits: u64) {
        if let Ok(narrow) = u32::try_from(bits) {
            self.emit.op(Special::Const32.code(), Operands { a: slot, b: 0, c: narrow }, &[], Result::Both);
        } else {
            let operands = Operands { a: slot, b: 0, c: 0 };
            self.emit.op_wide(Special::Const64.code(), operands, Some(bits), Result::Both);
        }
    }

    fn copy(&mut self, to: u16, from: u16) {
        if !self.emit.copy_too(to, from) {
            self.emit.copy(to, from, self.first_operand);
        }
    }

    /// Writes an operand's value to a slot that is not its own.
    fn move_to(&mut self, to: u16, operand: Operand) {
        match operand.place() {
            Place::Const(bits) => self.put_const(to, bits),
            Place::Local(from) => self.copy(to, from),
            Place::Temp if operand.slot != to => self.copy(to, operand.slot),
            Place::Temp => {}
            Place::Sum(a, b) => self.add(to, a, Addend::Slot(b)),
            Place::Displaced(a, imm) => {
                let is_local = to < self.first_operand;
                if !(is_local && self.emit.add_too(to, a, imm, self.first_operand)) {
                    self.add(to, a, Addend::Imm(imm));
                }
            }
        }
    }

    /// The sum that the operator computes, if loads and stores can do so: then it is left to whoever consumes it.
    #[inline]
    fn put_off(operator: Operator, a: Place, b: Place) -> Option<Place> {
        let displaced = |place, imm: u32| match place {
            Place::Local(slot) => Some(Place::Displaced(slot, imm)),
            Place::Displaced(slot, other) => Some(Place::Displaced(slot, other.wrapping_add(imm))),
            _ => None,
        };
        match (operator, a, b) {
            (Operator::I32Add, Place::Local(x), Place::Local(y)) => Some(Place::Sum(x, y)),
            (Operator::I32Add, _, Place::Const(bits)) => displaced(a, bits as u32),
            (Operator::I32Add, Place::Const(bits), _) => displaced(b, bits as u32),
            (Operator::I32Sub, _, Place::Const(bits)) => displaced(a, (bits as u32).wrapping_neg()),
            _ => None,
        }
    }

    /// Computes a sum that has been put off.
    fn add(&mut self, to: u16, a: u16, b: Addend) {
        let (source, operands, addend) = match b {
            Addend::Imm(imm) => (self.mirrored(a), Operands { a: to, b: a, c: imm }, Source::Imm),
            // The accumulator, if it mirrors one of them, is there sooner.
            Addend::Slot(b) if a != b && self.emit.mirrors(Domain::Int, b) => {
                (Source::Acc, Operands { a: to, b: a, c: 0 }, Source::Slot)
            }
            Addend::Slot(b) => match self.mirrored(a) {
                Source::Acc => (Source::Acc, Operands { a: to, b, c: 0 }, Source::Slot),
                source => (source, Operands { a: to, b: a, c: b.into() }, Source::Slot),
            },
        };
        let op = OpCode::binary(Operator::I32Add, source, addend, Target::Slot);
        let binary = Some(Operation { operator: Operator::I32Add, a: source, b: addend });
        let caps = Caps { binary, ..Caps::of(Some(ValType::I32)) };
        self.emit.op(op, operands, &[], Result::Value(Domain::Int, caps));
    }

    /// Where to read a local of an integer type.
    fn mirrored(&self, local: u16) -> Source {
        if self.emit.mirrors(Domain::Int, local) { Source::Acc } else { Source::Slot }
    }

    /// Brings an operand that stays on the stack to its canonical slot.
    fn settle(&mut self, operand: &mut Operand) {
        if !operand.is_temp() {
            self.consume(*operand);
            self.move_to(operand.slot, *operand);
            *operand = operand.at(Place::Temp);
        }
    }

    /// Brings the topmost operands to their canonical slots.
    fn settle_top(&mut self, count: u32, stack: &mut [Operand]) {
        let first = stack.len() - count as usize;
        for operand in &mut stack[first..] {
            self.settle(operand);
        }
    }

    /// Copies out all operands that alias a local which is about to be written.
    fn preserve(&mut self, local: u16, stack: &mut [Operand]) {
        let mut left = self.aliases.count(local);
        for operand in stack.iter_mut().rev() {
            if left == 0 {
                break;
            }
            let aliases = operand.aliases(local);
            if aliases > 0 {
                self.settle(operand);
                left = left.saturating_sub(aliases);
            }
        }
        debug_assert_eq!(left, 0, "an operand was not consumed: this looks at the whole stack for it");
    }

    /// Copies out all operands that alias any local. Done where paths part: a later write of a local would
    /// copy on one path only.
    fn preserve_all(&mut self, stack: &mut [Operand]) {
        let mut left = self.aliases.total();
        for operand in stack.iter_mut().rev() {
            if left == 0 {
                break;
            }
            let (first, second) = operand.locals();
            let aliases = u32::from(first.is_some()) + u32::from(second.is_some());
            if aliases == 0 {
                continue;
            }
            self.settle(operand);
            left = left.saturating_sub(aliases);
        }
        debug_assert_eq!(left, 0, "an operand was not consumed: this looks at the whole stack for it");
    }

    /// Chooses how a consumed operand is read: from its slot or an accumulator.
    fn read_slot(&mut self, operand: Operand, domain: Domain) -> (Source, u16) {
        let slot = operand.source_slot().unwrap_or(operand.slot);
        if !self.emit.mirrors(domain, slot) {
            return (Source::Slot, slot);
        }
        if operand.is_temp() {
            self.emit.skip_slot(domain);
        } else {
            self.emit.keep(domain);
        }
        (Source::Acc, slot)
    }

    /// Makes sure that a consumed operand is in some slot.
    #[inline]
    fn ground(&mut self, operand: Operand) -> Operand {
        match operand.place() {
            Place::Temp | Place::Local(_) => operand,
            Place::Const(_) | Place::Sum(..) | Place::Displaced(..) => self.compute(operand),
        }
    }

    #[inline(never)]
    fn compute(&mut self, operand: Operand) -> Operand {
        self.move_to(operand.slot, operand);
        operand.at(Place::Temp)
    }

    /// Makes sure that a consumed operand is in some slot or a constant.
    #[inline]
    fn computed(&mut self, operand: Operand) -> Operand {
        if operand.is_sum() { self.compute(operand) } else { operand }
    }

    /// The slot of a consumed operand whose op reads slots only.
    fn in_slot(&mut self, operand: Operand) -> u16 {
        let operand = self.ground(operand);
        operand.source_slot().unwrap_or(operand.slot)
    }

    /// Reads an integer from a slot or the accumulator.
    fn read_int(&mut self, operand: Operand) -> (Source, u16) {
        let operand = self.ground(operand);
        self.read_slot(operand, Domain::Int)
    }

    /// Emits a binary operator or a compare.
    fn binary_op(&mut self, operator: Operator, a: Operand, b: Operand, to: u16) -> Operand {
        // A constant is added rather than subtracted: a branch may take the addition in.
        let (operator, b) = match (operator, b.place()) {
            (Operator::I32Sub, Place::Const(bits)) => {
                let negated = u64::from((bits as u32).wrapping_neg());
                (Operator::I32Add, b.at(Place::Const(negated)))
            }
            (Operator::I64Sub, Place::Const(bits)) => {
                (Operator::I64Add, b.at(Place::Const(bits.wrapping_neg())))
            }
            _ => (operator, b),
        };
        let result = Operand::new(Place::Temp, to);
        if let (Place::Const(x), Place::Const(y)) = (a.place(), b.place())
            && let Some(bits) = fold(operator, x, y)
        {
            return result.at(Place::Const(bits));
        }
        let (operator, b) = match b.place() {
            Place::Const(divisor) => match bits_of_division(operator, divisor) {
                Some((operator, bits)) => (operator, b.at(Place::Const(bits))),
                None if self.divide(operator, divisor, a, to) => return result,
                None => (operator, b),
            },
            _ => (operator, b),
        };
        let row = operator.row();
        let (a, b) = match (a.place(), b.place()) {
            (Place::Const(_), _) if operator.is_commutative() => (b, a),
            _ => (a, b),
        };
        let domain = Domain::of(row.a);
        let (a, b) = (self.computed(a), self.computed(b));
        if Pair::is_second(operator) && self.pair(operator, a, b, to) {
            return result;
        }
        // Two constants that could not be folded: the first goes to its slot, before anything is read from an
        // accumulator that this changes.
        let a = match (a.place(), b.place()) {
            (Place::Const(_), Place::Const(_)) => self.ground(a),
            _ => a,
        };
        let imm = |operand: Operand| match operand.place() {
            Place::Const(bits) => Some(bits),
            _ => None,
        };
        let is_wide = matches!(row.a, ValType::I64 | ValType::F64);
        let wide_imm = imm(a).or(imm(b)).filter(|_| is_wide);
        let narrow = |bits: u64| if is_wide { 0 } else { bits as u32 };
        let mut slots_are_equal = false;
        let (operands, source_a, source_b) = if let Some(bits) = imm(b) {
            let (source, slot) = self.read_slot(a, domain);
            (Operands { a: to, b: slot, c: narrow(bits) }, source, Source::Imm)
        } else if let Some(bits) = imm(a) {
            let (source, slot) = self.read_slot(b, domain);
            (Operands { a: to, b: slot, c: narrow(bits) }, Source::Imm, source)
        } else {
            let (slot_a, slot_b) = (a.source_slot(), b.source_slot());
            let (slot_a, slot_b) = (slot_a.unwrap_or(a.slot), slot_b.unwrap_or(b.slot));
            slots_are_equal = slot_a == slot_b;
            if slots_are_equal {
                // The same local twice: it has a slot.
                if self.emit.mirrors(domain, slot_a) {
                    (Operands { a: to, b: slot_b, c: 0 }, Source::Acc, Source::Slot)
                } else {
                    (Operands { a: to, b: slot_a, c: u32::from(slot_b) }, Source::Slot, Source::Slot)
                }
            } else if self.emit.mirrors(domain, slot_b) {
                self.read_slot(b, domain);
                (Operands { a: to, b: slot_a, c: 0 }, Source::Slot, Source::Acc)
            } else if self.emit.mirrors(domain, slot_a) {
                self.read_slot(a, domain);
                (Operands { a: to, b: slot_b, c: 0 }, Source::Acc, Source::Slot)
            } else {
                (Operands { a: to, b: slot_a, c: u32::from(slot_b) }, Source::Slot, Source::Slot)
            }
        };
        if row.may_trap {
            self.emit.safepoint();
        }
        let is_square = slots_are_equal && source_a == Source::Acc;
        let square = if is_square { self.square(operator) } else { None };
        let op = square.unwrap_or_else(|| {
            self.nans(row.result, OpCode::binary(operator, source_a, source_b, Target::Slot))
        });
        let binary = Some(Operation { operator, a: source_a, b: source_b });
        let domain = Domain::of(row.result.unwrap_or(row.a));
        if SUMS.contains(&operator) {
            self.emit_sum(op, operands, wide_imm, Caps { binary, ..Caps::of(row.result) });
            return result;
        }
        // One that may trap may move to a local like any other: it writes only after it has succeeded.
        self.emit.op_wide(
            op,
            operands,
            wide_imm,
            Result::Value(domain, Caps { binary, ..Caps::of(row.result) }),
        );
        result
    }

    /// Emits a division by a constant as a multiplication, if it can be one.
    fn divide(&mut self, operator: Operator, divisor: u64, a: Operand, to: u16) -> bool {
        // Elsewhere a product of 128 bits takes as long as a division.
        if cfg!(not(target_pointer_width = "64")) {
            return false;
        }
        let Some(Divisor { inverse, shift }) = Divisor::new(operator, divisor) else { return false };
        let a = self.ground(a);
        let (source, slot) = self.read_slot(a, Domain::Int);
        let op = OpCode::division(operator, source, Target::Slot).expect("it has a divisor");
        let result = operator.row().result;
        let caps = Result::Value(Domain::Int, Caps::of(result));
        let words = [Word::bits(inverse), Word::bits(divisor)];
        if result == Some(ValType::I32) {
            let operands = Operands { a: to, b: slot, c: divisor as u32 };
            self.emit.op(op, operands, &words[..1], caps);
        } else {
            self.emit.op(op, Operands { a: to, b: slot, c: shift }, &words, caps);
        }
        self.emit.list_wide(divisor);
        true
    }

    /// The op that takes the operands of a `memory.fill` or `memory.copy` of memory 0 from where they are, if some are not
    /// in their canonical slots; its operands, and the further ones. They count as settled then.
    fn gather(&mut self, op: BulkOp, stack: &mut [Operand]) -> Option<(Special, Operands, [u32; 2])> {
        let gather = match op {
            BulkOp::MemoryFill(MemIdx(0)) => Special::MemoryFillOf,
            BulkOp::MemoryCopy(MemIdx(0), MemIdx(0)) => Special::MemoryCopyOf,
            _ => return None,
        };
        let first = stack.len().checked_sub(3)?;
        if stack[first..].iter().all(|operand| operand.is_temp()) {
            return None;
        }
        let (mut flags, mut values) = (0, [0; 3]);
        for (number, operand) in stack[first..].iter_mut().enumerate() {
            self.consume(*operand);
            match operand.place() {
                Place::Const(bits) if u32::try_from(bits).is_ok() => {
                    (flags, values[number]) = (flags | 1 << number, bits as u32);
                }
                _ => values[number] = self.in_slot(*operand).into(),
            }
            *operand = operand.at(Place::Temp);
        }
        let [to, others @ ..] = values;
        Some((gather, Operands { a: flags, b: 0, c: to }, others))
    }

    /// Emits an addition or subtraction of floats, which may be a link of a chain.
    fn emit_sum(&mut self, op: OpCode, operands: Operands, wide_imm: Option<u64>, caps: Caps) {
        let chained = self.emit.chained(op, operands.b);
        let caps = Caps { can_skip_slot: chained.is_none(), ..caps };
        let op = chained.unwrap_or(op);
        self.emit.op_wide(op, operands, wide_imm, Result::Value(Domain::Float, caps));
        self.emit.link(op, operands.a);
    }

    /// The op that multiplies the accumulator with itself. The slot with the same value, which was written just before,
    /// is what such code would wait for.
    fn square(&self, operator: Operator) -> Option<OpCode> {
        let op = match operator {
            Operator::I32Mul => Special::I32Square,
            Operator::I64Mul => Special::I64Square,
            Operator::F32Mul if !self.env.canonical_nans => Special::F32Square,
            Operator::F64Mul if !self.env.canonical_nans => Special::F64Square,
            _ => return None,
        };
        Some(op.code())
    }

    /// Emits a binary operator together with the one in the last cell that computes one of its operands, if there is
    /// an op for both.
    fn pair(&mut self, operator: Operator, a: Operand, b: Operand, to: u16) -> bool {
        if self.env.canonical_nans && operator.row().a.is_float() {
            return false;
        }
        let (operand, other, left) = match (a.is_temp(), b.is_temp()) {
            // Of two, the one on the right was computed last.
            (_, true) => (b, a, operator.commutes()),
            (true, false) => (a, b, true),
            _ => return false,
        };
        let (source, field) = match other.place() {
            Place::Const(bits) => match u32::try_from(bits) {
                Ok(narrow) => (Source::Imm, narrow),
                Err(_) => return false,
            },
            _ => (Source::Slot, u32::from(other.source_slot().unwrap_or(other.slot))),
        };
        let op = |first, sources| {
            OpCode::pair(Pair::number(first, operator, left)?, sources, source, Target::Slot)
        };
        let Some((op, operands)) = self.emit.take_first(operand.slot, op) else { return false };
        self.emit.pair(op, Operands { a: to, ..operands }, field, operator.row().a);
        true
    }

    /// Emits a store together with the operator in the last cell that computes its value, if there is an op for both.
    fn store_result(&mut self, store: Operator, offset: u32, address: Operand, value: Operand) -> bool {
        if self.env.canonical_nans && store.row().b.is_float() {
            return false;
        }
        let (Some(value_slot), Some(address_slot)) = (value.source_slot(), address.source_slot()) else {
            return false;
        };
        // A value that is only stored need not be kept.
        let target = if value.is_temp() { Target::Acc } else { Target::Slot };
        let op = |first, sources| OpCode::stored(Stored::number(first, store)?, sources, target);
        if address_slot == value_slot {
            return false;
        }
        let Some((op, operands)) = self.emit.take_first(value_slot, op) else { return false };
        self.emit.safepoint();
        let second = Operands { a: value_slot, b: address_slot, c: offset };
        let rest = [Word { operands: second }];
        self.emit.op(self.writes(op), Operands { a: 0, ..operands }, &rest, Result::None);
        self.emit.further_operands(second);
        if target == Target::Slot {
            self.emit.written(value_slot);
            self.emit.returned(Domain::of(store.row().b), value_slot);
        } else {
            self.emit.forget_value(Domain::of(store.row().b));
        }
        true
    }

    /// Emits a store together with the load in the last cell that gives its value, if there is an op for both.
    fn move_(&mut self, store: Operator, offset: u32, address: Operand, value: Operand) -> bool {
        let (to, first, second) = match address.place() {
            Place::Sum(a, b) => (Address::Sum, a, b),
            Place::Local(slot) => (Address::Slot, slot, 0),
            Place::Temp => (Address::Slot, address.slot, 0),
            Place::Const(_) | Place::Displaced(..) => return false,
        };
        let size = store.row().access_bytes.trailing_zeros() as u16;
        let Some((from, operands)) = self.emit.take_load(value.slot, size) else { return false };
        let addresses = MOVED_ADDRESSES.iter().position(|&addresses| addresses == (from, to));
        let op = OpCode::moved(size, addresses.expect("all pairs of addresses have a form") as u16);
        self.emit.safepoint_within();
        let second = Operands { a: second, b: 0, c: offset };
        let rest = [Word { operands: second }];
        self.emit.op(self.writes(op), Operands { a: first, ..operands }, &rest, Result::None);
        self.emit.further_operands(second);
        true
    }

    /// Takes the compare in the last cell away that a `select` of two operands has as its condition, if there is an op
    /// for both. Gives this and the compare's operands.
    fn select_compare(&mut self, condition: u16, a: Operand, b: Operand) -> Option<(OpCode, Operands)> {
        let are_in_slots = a.source_slot().is_some() && b.source_slot().is_some();
        // Operands that are brought to slots overwrite the accumulator.
        self.emit.take_select(condition, |(first, _)| are_in_slots || first != Source::Acc)
    }

    fn zero_of(&self, operand: Operand) -> Operand {
        // The canonical slot is never used: zero is an immediate of both integer types.
        operand.at(Place::Const(0))
    }

    /// The offset of an access to memory 0 with 32-bit addresses; any other needs the general form.
    fn is_simple(arg: MemArg) -> Option<u32> {
        if arg.memory.0 == 0 && !arg.memory64 { u32::try_from(arg.offset).ok() } else { None }
    }

    /// How a load can compute its address itself.
    fn sum_address(&mut self, arg: MemArg, address: Operand) -> Option<ComputedAddress> {
        let offset = Self::is_simple(arg)?;
        let narrow = u16::try_from(offset).ok();
        let (source, first, second) = match address.place() {
            Place::Sum(a, b) => {
                narrow?;
                // The accumulator, if it mirrors one of them, is there sooner.
                if self.emit.mirrors(Domain::Int, a) {
                    (Source::Acc, a, Addend::Slot(b))
                } else if self.emit.mirrors(Domain::Int, b) {
                    (Source::Acc, b, Addend::Slot(a))
                } else {
                    (Source::Slot, a, Addend::Slot(b))
                }
            }
            Place::Displaced(a, imm) => (self.mirrored(a), a, Addend::Imm(imm)),
            Place::Temp => {
                if narrow.is_some()
                    && let Some((source, index, shift, base)) = self.emit.take_scaled(address.slot)
                {
                    let operands = Operands { a: 0, b: index, c: u32::from(base) | offset << 16 };
                    return Some(ComputedAddress {
                        form: OpCode::load_scaled,
                        source,
                        operands,
                        wide: Some(shift.into()),
                    });
                }
                if offset < 1 << 27
                    && let Some((source, index, shift)) = self.emit.take_shift(address.slot)
                {
                    let operands = Operands { a: 0, b: index, c: offset << 5 | shift & 31 };
                    return Some(ComputedAddress {
                        form: OpCode::load_shifted,
                        source,
                        operands,
                        wide: None,
                    });
                }
                self.emit.take_add(address.slot, narrow.is_some())?
            }
            Place::Local(_) | Place::Const(_) => return None,
        };
        let operands = |c| Operands { a: 0, b: first, c };
        Some(match second {
            Addend::Slot(slot) => {
                let operands = operands(u32::from(slot) | offset << 16);
                ComputedAddress { form: OpCode::load_sum, source, operands, wide: None }
            }
            Addend::Imm(imm) => {
                let wide = Some(offset.into());
                ComputedAddress { form: OpCode::load_displaced, source, operands: operands(imm), wide }
            }
        })
    }

    fn params_slots(ty: &FuncType) -> u16 {
        // Validation bounds frames, so parameters fit.
        ty.param_slots() as u16
    }

    /// An op with such a result that makes the NaNs that are asked for.
    fn nans(&self, result: Option<ValType>, op: OpCode) -> OpCode {
        if !self.env.canonical_nans || !result.is_some_and(ValType::is_float) {
            return op;
        }
        op.canonical().unwrap_or(op)
    }

    /// A store that notes what it writes to, if stores do.
    fn writes(&self, op: OpCode) -> OpCode {
        if self.env.tracked_writes { op.tracked().unwrap_or(op) } else { op }
    }

    /// An op that pays where calls and branches back do.
    fn metered(&self, op: Special) -> OpCode {
        twin_if(self.emit.meter.is_on(), op.code())
    }

    /// Emits a probe, if the code has any: one cell, which costs nothing and belongs to the region around it. The
    /// driver keeps the accumulators, so that a value to be returned may wait there.
    pub(crate) fn probe(&mut self, op: SlowOp) {
        if self.env.probes {
            let operands = Operands { a: op as u16, b: 0, c: self.func.0 };
            self.emit.op(Special::Slow.code(), operands, &[Word::pair(0, 0)], Result::None);
        }
    }

    /// Settles the arguments of a call. Returns the slot where the callee's frame begins.
    fn arguments(&mut self, ty: &FuncType, stack: &mut [Operand]) -> u16 {
        let count = ty.params().len();
        self.settle_top(count as u32, stack);
        let first = stack.len() - count;
        stack.get(first).map_or_else(|| self.next_slot(&stack[..first]), |operand| operand.slot)
    }

    /// Emits a call whose frame begins at `frame`. Its result, if it has just one, is there and in an accumulator.
    fn emit_call(
        &mut self,
        op: OpCode,
        operands: Operands,
        rest: &[Word],
        ty: &FuncType,
        (frame, stack): (u16, &[Operand]),
    ) {
        self.emit.safepoint();
        self.emit.end_regions();
        self.emit.op(op, operands, rest, Result::Clobber);
        self.emit.cost_behind();
        let position = self.emit.position();
        if let Some(recorder) = &mut self.emit.meter.recorder {
            recorder.call(position, &stack[..stack.len() - ty.params().len()], frame, ty.results());
        }
        if let [result] = ty.results() {
            self.emit.returned(Domain::of(*result), frame);
        }
        self.loop_register = None;
    }
}

/// The operator on bits that an unsigned division by a power of two is, and its second operand.
fn bits_of_division(operator: Operator, divisor: u64) -> Option<(Operator, u64)> {
    if divisor == 1 || !divisor.is_power_of_two() {
        return None;
    }
    let log = u64::from(divisor.trailing_zeros());
    Some(match operator {
        Operator::I32DivU => (Operator::I32ShrU, log),
        Operator::I32RemU => (Operator::I32And, divisor - 1),
        Operator::I64DivU => (Operator::I64ShrU, log),
        Operator::I64RemU => (Operator::I64And, divisor - 1),
        _ => return None,
    })
}

impl Client for Translator<'_> {
    type Operand = Operand;
    type Label = Label;
    type Error = Infallible;

    fn enter(&mut self, cx: BodyContext<'_>) -> Label {
        self.func = cx.func;
        self.linkage = Self::params_slots(cx.ty);
        // Validation bounds frames, so locals fit.
        let slot = cx.locals as u16 + Limits::LINKAGE_SLOTS as u16;
        self.first_operand = slot;
        self.emit.begin_region();
        self.results.clear();
        self.results.extend_from_slice(cx.ty.results());
        self.aliases.reset(slot as usize);
        let first = self.linkage + Limits::LINKAGE_SLOTS as u16;
        if slot > first {
            match slot - first {
                1 => self.put_const(first, 0),
                count => {
                    let operands = Operands { a: first, b: 0, c: count.into() };
                    self.emit.op(Special::Enter.code(), operands, &[], Result::None);
                }
            }
        }
        self.probe(SlowOp::ProbeEnter);
        Label::new(self.first_operand)
    }

    #[inline]
    fn operator(&mut self, offset: WasmOffset, opcode: u8) -> bool {
        self.emit.offset = offset;
        self.emit.meter.operator(offset, opcode);
        match &mut self.emit.meter.recorder {
            None => false,
            Some(recorder) => {
                recorder.operator(offset);
                true
            }
        }
    }

    fn look(&mut self, view: View<'_>, stack: &[Operand]) {
        let [acc, facc] = self.emit.mirrored();
        let loop_body = self.loop_register.map(|_| self.register_body);
        if let Some(recorder) = &mut self.emit.meter.recorder {
            recorder.look(view, stack, Registers { acc, facc, loop_body });
        }
    }

    fn prefixed(&mut self, number: u32) {
        self.emit.meter.prefixed(number);
    }

    fn finish(&mut self, max_height: u32) -> core::result::Result<(), Infallible> {
        let frame_slots = u32::from(self.first_operand) + max_height;
        self.emit.finish(frame_slots);
        self.is_finished = true;
        Ok(())
    }

    #[inline]
    fn fresh(&mut self, ty: ValType, stack: &[Operand]) -> Operand {
        let mut operand = self.temp(stack);
        operand.width = ty.slots() as u8;
        operand
    }

    #[inline]
    fn constant(&mut self, _: ValType, bits: u64, stack: &mut [Operand]) -> Operand {
        self.temp(stack).at(Place::Const(bits))
    }

    fn unary(&mut self, operator: Operator, a: Operand, stack: &mut [Operand]) -> Operand {
        // Tests for zero are compares with zero, which branches can take in, or the last compare negated.
        match operator {
            Operator::I32Eqz if a.is_temp() && self.emit.negate_compare(a.slot) => return a,
            Operator::I32Eqz => return self.binary(Operator::I32Eq, a, self.zero_of(a), stack),
            Operator::I64Eqz => return self.binary(Operator::I64Eq, a, self.zero_of(a), stack),
            // The same bits are another type's value: the high half of a slot with an i32 means nothing (I-REF).
            Operator::I32ReinterpretF32
            | Operator::I64ReinterpretF64
            | Operator::F32ReinterpretI32
            | Operator::F64ReinterpretI64 => return a,
            Operator::I64ExtendI32U if a.is_temp() && self.emit.is_extended(a.slot) => return a,
            Operator::I32WrapI64 if !matches!(a.place(), Place::Const(_)) => return a,
            _ => {}
        }
        self.consume(a);
        let result = self.temp(stack);
        if let Place::Const(bits) = a.place()
            && let Some(bits) = fold(operator, bits, 0)
        {
            return result.at(Place::Const(bits));
        }
        let row = operator.row();
        let a = self.ground(a);
        let (source, slot) = self.read_slot(a, Domain::of(row.a));
        if row.may_trap {
            self.emit.safepoint();
        }
        let operands = Operands { a: result.slot, b: slot, c: 0 };
        let domain = Domain::of(row.result.unwrap_or(row.a));
        let op = self.nans(row.result, OpCode::unary(operator, source, Target::Slot));
        self.emit.op(op, operands, &[], Result::Value(domain, Caps::of(row.result)));
        result
    }

    fn binary(&mut self, operator: Operator, a: Operand, b: Operand, stack: &mut [Operand]) -> Operand {
        if matches!(operator, Operator::I32Add | Operator::I32Sub)
            && let Some(sum) = Self::put_off(operator, a.place(), b.place())
        {
            return self.temp(stack).at(sum);
        }
        self.consume(a);
        self.consume(b);
        let to = self.next_slot(stack);
        self.binary_op(operator, a, b, to)
    }

    fn wide(&mut self, opcode: u16, stack: &mut [Operand]) {
        let (op, count) = match opcode {
            0xFC13 => (Special::I64Add128, 4),
            0xFC14 => (Special::I64Sub128, 4),
            0xFC15 => (Special::I64MulWideS, 2),
            _ => (Special::I64MulWideU, 2),
        };
        self.settle_top(count, stack);
        let first = stack[stack.len() - count as usize].slot;
        self.emit.op(op.code(), Operands { a: first, b: 0, c: 0 }, &[], Result::Clobber);
    }

    fn select(
        &mut self,
        _: ValType,
        a: Operand,
        b: Operand,
        condition: Operand,
        stack: &mut [Operand],
    ) -> Operand {
        self.consume(a);
        self.consume(b);
        self.consume(condition);
        let result = self.temp(stack);
        if let Place::Const(bits) = condition.place() {
            let chosen = if bits as u32 != 0 { a } else { b };
            self.move_to(result.slot, chosen);
            return result;
        }
        if condition.is_temp()
            && let Some((op, operands)) = self.select_compare(condition.slot, a, b)
        {
            let (a, b) = (self.in_slot(a), self.in_slot(b));
            let operands = Operands { a: result.slot, ..operands };
            let chosen = Operands { a, b, c: 0 };
            self.emit.op(op, operands, &[Word { operands: chosen }], Result::Both);
            self.emit.further_operands(chosen);
            return result;
        }
        let a = self.in_slot(a);
        let b = self.in_slot(b);
        let (source, slot) = self.read_int(condition);
        let op = if source == Source::Acc { Special::SelectAcc } else { Special::Select };
        let operands = Operands { a: result.slot, b: slot, c: u32::from(a) };
        self.emit.op(op.code(), operands, &[Word::bits(u64::from(b))], Result::Both);
        result
    }

    #[inline]
    fn drop(&mut self, a: Operand, _: &mut [Operand]) {
        self.consume(a);
    }

    #[inline]
    fn local_get(&mut self, local: LocalIdx, _: ValType, stack: &mut [Operand]) -> Operand {
        let slot = self.local_slot(local);
        self.aliases.add(slot);
        self.temp(stack).at(Place::Local(slot))
    }

    fn local_set(&mut self, local: LocalIdx, value: Operand, stack: &mut [Operand]) {
        self.consume(value);
        let slot = self.local_slot(local);
        if value.place() == Place::Local(slot) {
            return;
        }
        if self.loop_register.is_some() {
            self.pins.sets.push(slot);
        }
        let in_place =
            value.is_temp() && self.aliases.count(slot) == 0 && self.emit.redirect(value.slot, slot);
        if !in_place {
            self.preserve(slot, stack);
            self.move_to(slot, value);
        }
    }

    fn local_tee(&mut self, local: LocalIdx, ty: ValType, value: Operand, stack: &mut [Operand]) -> Operand {
        if let Place::Const(_) = value.place() {
            self.local_set(local, value, stack);
            return value;
        }
        self.local_set(local, value, stack);
        self.local_get(local, ty, stack)
    }

    fn global_get(&mut self, global: GlobalIdx, ty: ValType, stack: &mut [Operand]) -> Operand {
        let result = self.temp(stack);
        let domain = Domain::of(ty);
        let op = match domain {
            Domain::Int => Special::GlobalGetInt,
            Domain::Float => Special::GlobalGetFloat,
        };
        let operands = Operands { a: result.slot, b: 0, c: global.0 };
        self.emit.op(op.code(), operands, &[], Result::Value(domain, Caps::MOVE));
        result
    }

    fn global_set(&mut self, global: GlobalIdx, ty: ValType, value: Operand, _: &mut [Operand]) {
        self.consume(value);
        let domain = Domain::of(ty);
        let value = self.ground(value);
        let (source, slot) = self.read_slot(value, domain);
        let op = match (source, domain) {
            (Source::Acc, Domain::Int) => Special::GlobalSetAccInt,
            (Source::Acc, Domain::Float) => Special::GlobalSetAccFloat,
            _ => Special::GlobalSet,
        };
        self.emit.op(op.code(), Operands { a: 0, b: slot, c: global.0 }, &[], Result::None);
    }

    fn ref_is_null(&mut self, a: Operand, stack: &mut [Operand]) -> Operand {
        // Null is 0 in a slot.
        self.binary(Operator::I64Eq, a, self.zero_of(a), stack)
    }

    fn ref_func(&mut self, func: FuncIdx, stack: &mut [Operand]) -> Operand {
        let result = self.temp(stack);
        let operands = Operands { a: result.slot, b: 0, c: func.0 };
        self.emit.op(Special::RefFunc.code(), operands, &[], Result::Value(Domain::Int, Caps::MOVE));
        result
    }

    fn load(&mut self, operator: Operator, arg: MemArg, address: Operand, stack: &mut [Operand]) -> Operand {
        self.consume(address);
        let result = self.temp(stack);
        let caps = Caps::of(operator.row().result);
        let domain = Domain::of(operator.row().result.unwrap_or(ValType::I32));
        if let Some(ComputedAddress { form, source, operands, wide }) = self.sum_address(arg, address) {
            self.emit.safepoint();
            let operands = Operands { a: result.slot, ..operands };
            let op = form(operator, source, Target::Slot);
            self.emit.op_wide(op, operands, wide, Result::Value(domain, caps));
        } else if let Some(offset) = Self::is_simple(arg) {
            let (source, slot) = self.read_int(address);
            self.emit.safepoint();
            let operands = Operands { a: result.slot, b: slot, c: offset };
            let op = OpCode::load(operator, source, Target::Slot);
            self.emit.op(op, operands, &[], Result::Value(domain, caps));
        } else {
            let slot = self.in_slot(address);
            self.emit.safepoint();
            let operands = Operands { a: result.slot, b: slot, c: arg.memory.0 };
            let rest = [Word::bits(arg.offset)];
            self.emit.op(OpCode::load_any(operator), operands, &rest, Result::Value(domain, Caps::MOVE));
        }
        result
    }

    fn store(
        &mut self,
        operator: Operator,
        arg: MemArg,
        address: Operand,
        value: Operand,
        _: &mut [Operand],
    ) {
        self.consume(address);
        self.consume(value);
        let domain = Domain::of(operator.row().b);
        let Some(offset) = Self::is_simple(arg) else {
            let address = self.in_slot(address);
            let value = self.in_slot(value);
            self.emit.safepoint();
            let operands = Operands { a: address, b: value, c: arg.memory.0 };
            self.emit.op(
                self.writes(OpCode::store_any(operator)),
                operands,
                &[Word::bits(arg.offset)],
                Result::None,
            );
            return;
        };
        if value.is_temp() && self.move_(operator, offset, address, value) {
            return;
        }
        if let (Place::Sum(a, b), Ok(offset)) = (address.place(), u16::try_from(offset)) {
            let value = self.computed(value);
            let (source, slot, imm) = match value.place() {
                Place::Const(bits) => (Source::Imm, 0, Some(bits)),
                _ => {
                    let (source, slot) = self.read_slot(value, domain);
                    (source, slot, None)
                }
            };
            self.emit.safepoint();
            let operands = Operands { a, b: slot, c: u32::from(b) | u32::from(offset) << 16 };
            self.emit.op_wide(self.writes(OpCode::store_sum(operator, source)), operands, imm, Result::None);
            return;
        }
        let value = self.computed(value);
        if let Place::Displaced(a, imm) = address.place()
            && value.source_slot().is_some()
        {
            let (source, slot) = self.read_slot(value, domain);
            self.emit.safepoint();
            let op = self.writes(OpCode::store_displaced(operator, source));
            let operands = Operands { a, b: slot, c: imm };
            self.emit.op_wide(op, operands, Some(offset.into()), Result::None);
            return;
        }
        let address = self.ground(address);
        if self.store_result(operator, offset, address, value) {
            return;
        }
        if let Place::Const(bits) = value.place() {
            let (source, slot) = self.read_slot(address, Domain::Int);
            self.emit.safepoint();
            let operands = Operands { a: slot, b: 0, c: offset };
            let op = self.writes(OpCode::store(operator, source, Source::Imm));
            self.emit.op_wide(op, operands, Some(bits), Result::None);
            return;
        }
        let address_slot = address.source_slot().unwrap_or(address.slot);
        let value_slot = value.source_slot().unwrap_or(value.slot);
        let (a, b) = if self.emit.mirrors(domain, value_slot) && address_slot != value_slot {
            self.read_slot(value, domain);
            (Source::Slot, Source::Acc)
        } else if self.emit.mirrors(Domain::Int, address_slot) && address_slot != value_slot {
            self.read_slot(address, Domain::Int);
            (Source::Acc, Source::Slot)
        } else {
            (Source::Slot, Source::Slot)
        };
        self.emit.safepoint();
        let operands = Operands { a: address_slot, b: value_slot, c: offset };
        self.emit.op(self.writes(OpCode::store(operator, a, b)), operands, &[], Result::None);
    }

    fn memory_size(&mut self, memory: MemIdx, stack: &mut [Operand]) -> Operand {
        let result = self.temp(stack);
        let operands = Operands { a: result.slot, b: 0, c: memory.0 };
        self.emit.op(Special::MemorySize.code(), operands, &[], Result::Value(Domain::Int, Caps::MOVE));
        result
    }

    fn bulk(&mut self, op: BulkOp, stack: &mut [Operand]) {
        let count = op.operands();
        let gathered = self.gather(op, stack);
        if gathered.is_none() {
            self.settle_top(count, stack);
        }
        let first = stack.len() - count as usize;
        let slot = stack.get(first).map_or_else(|| self.next_slot(&stack[..first]), |o| o.slot);
        let (slow, x, y) = match op {
            BulkOp::MemoryGrow(x) => (SlowOp::MemoryGrow, x.0, 0),
            BulkOp::MemoryFill(x) => (SlowOp::MemoryFill, x.0, 0),
            BulkOp::MemoryCopy(x, y) => (SlowOp::MemoryCopy, x.0, y.0),
            BulkOp::MemoryInit(x, y) => (SlowOp::MemoryInit, x.0, y.0),
            BulkOp::DataDrop(x) => (SlowOp::DataDrop, x.0, 0),
            BulkOp::TableGet(x) => (SlowOp::TableGet, x.0, 0),
            BulkOp::TableSet(x) => (SlowOp::TableSet, x.0, 0),
            BulkOp::TableSize(x) => (SlowOp::TableSize, x.0, 0),
            BulkOp::TableGrow(x) => (SlowOp::TableGrow, x.0, 0),
            BulkOp::TableFill(x) => (SlowOp::TableFill, x.0, 0),
            BulkOp::TableCopy(x, y) => (SlowOp::TableCopy, x.0, y.0),
            BulkOp::TableInit(x, y) => (SlowOp::TableInit, x.0, y.0),
            BulkOp::ElemDrop(x) => (SlowOp::ElemDrop, x.0, 0),
        };
        if let Some((gather, operands, others)) = gathered {
            // The cell behind it is for what is out of the ordinary: snapshots know that one only.
            let gather = twin_if(self.emit.meter.is_fuel(), gather.code());
            self.emit.op(gather, operands, &[Word::pair(others[0], others[1])], Result::None);
            self.emit.list_wide(u64::from(others[0]) | u64::from(others[1]) << 32);
        }
        self.emit.safepoint();
        let first = match op {
            BulkOp::MemoryFill(MemIdx(0)) => Some(Special::MemoryFill),
            BulkOp::MemoryCopy(MemIdx(0), MemIdx(0)) => Some(Special::MemoryCopy),
            _ => None,
        };
        if op.ends_region() {
            self.emit.end_regions();
        }
        let position = self.emit.position();
        if let Some(recorder) = &mut self.emit.meter.recorder {
            recorder.bulk(position, stack);
        }
        let (code, c) = match (first, self.env.metering) {
            (Some(first), Metering::Fuel(costs)) => (twin_if(true, first.code()), costs.per_fuel().0.get()),
            (Some(first), _) => (first.code(), 0),
            (None, _) => (Special::Slow.code(), x),
        };
        let operands = Operands { a: slow as u16, b: slot, c };
        self.emit.op(code, operands, &[Word::pair(y, 0)], Result::Clobber);
        if op.ends_region() {
            self.emit.cost_behind();
        }
        self.loop_register = None;
    }

    fn unreachable(&mut self, _: &mut [Operand]) {
        self.emit.safepoint();
        self.emit.end_regions();
        self.emit.op1(Special::Unreachable.code());
    }

    fn block(&mut self, params: u32, stack: &mut [Operand]) -> Label {
        self.enter_block(params, stack)
    }

    fn loop_(&mut self, params: u32, stack: &mut [Operand]) -> Label {
        self.enter_loop(params, stack)
    }

    fn if_(
        &mut self,
        condition: Operand,
        params: u32,
        control: &mut ControlStack<Label>,
        stack: &mut [Operand],
    ) -> Label {
        self.enter_if(condition, params, control, stack)
    }

    fn else_(&mut self, frame: &mut ControlFrame<Label>, reachable: bool, stack: &mut [Operand]) {
        self.enter_else(frame, reachable, stack);
    }

    fn end(&mut self, frame: &mut ControlFrame<Label>, reachable: bool, stack: &mut [Operand]) {
        self.leave(frame, reachable, stack);
    }

    fn br(&mut self, depth: u32, control: &mut ControlStack<Label>, stack: &mut [Operand]) {
        self.branch(depth, control, stack);
    }

    fn br_if(
        &mut self,
        condition: Operand,
        depth: u32,
        control: &mut ControlStack<Label>,
        stack: &mut [Operand],
    ) {
        self.branch_if(condition, depth, control, stack);
    }

    fn br_table(
        &mut self,
        index: Operand,
        depths: &[u32],
        control: &mut ControlStack<Label>,
        stack: &mut [Operand],
    ) {
        self.branch_table(index, depths, control, stack);
    }

    fn return_(&mut self, _: &mut ControlStack<Label>, stack: &mut [Operand]) {
        self.emit.end_regions();
        self.return_values(stack);
    }

    fn call(&mut self, func: FuncIdx, ty: &FuncType, stack: &mut [Operand]) {
        let frame = self.arguments(ty, stack);
        let operands = Operands { a: frame, b: Self::params_slots(ty), c: func.0 };
        if func.0 < self.env.imported_functions {
            let own = Word::operands(self.linkage, 0, 0);
            self.emit_call(Special::CallImport.code(), operands, &[own], ty, (frame, stack));
        } else {
            let entry = Word { entry: (self.env.entry)(func) };
            let operands = Operands { a: self.linkage, c: u32::from(frame) * 8, ..operands };
            let cost = Word::pair(0, 0);
            let is_on = self.emit.meter.is_on();
            let place = CallPlace { frame, linkage: operands.b };
            let placed = |call| OpCode::call(call, place);
            match self.emit.take_argument() {
                Some((call, argument)) => {
                    let is_last = argument.a == place.last_argument();
                    let op = if is_last { placed(call) } else { call.code() };
                    let rest = [entry, Word { operands: argument }, cost];
                    let rest = &rest[..2 + usize::from(is_on)];
                    self.emit_call(twin_if(is_on, op), operands, rest, ty, (frame, stack));
                    self.emit.further_operands(argument);
                }
                None => {
                    let rest = [entry, cost];
                    let rest = &rest[..1 + usize::from(is_on)];
                    let op = twin_if(is_on, placed(Special::Call));
                    self.emit_call(op, operands, rest, ty, (frame, stack));
                }
            }
        }
    }

    fn call_indirect(
        &mut self,
        type_idx: TypeIdx,
        ty: &FuncType,
        table: TableIdx,
        index: Operand,
        stack: &mut [Operand],
    ) {
        self.consume(index);
        // Arguments that move now would push the index out of the accumulator, never out of its slot.
        let index = self.ground(index);
        let frame = self.arguments(ty, stack);
        let (source, slot) = self.read_slot(index, Domain::Int);
        let op = if source == Source::Acc { Special::CallIndirectAcc } else { Special::CallIndirect };
        let operands = Operands { a: frame, b: Self::params_slots(ty), c: u32::from(slot) };
        let rest = [Word::operands(self.linkage, 0, table.0), Word::pair((self.env.type_id)(type_idx), 0)];
        self.emit_call(self.metered(op), operands, &rest, ty, (frame, stack));
    }

    fn return_call(&mut self, func: FuncIdx, ty: &FuncType, stack: &mut [Operand]) {
        let first = self.arguments(ty, stack);
        let count = Self::params_slots(ty);
        let operands = Operands { a: first, b: count, c: func.0 };
        let slots = Word::operands(self.linkage, count, 0);
        self.probe(SlowOp::ProbeLeave);
        self.emit.safepoint();
        if func.0 < self.env.imported_functions {
            self.emit.end_regions();
            self.emit.op(Special::ReturnCallImport.code(), operands, &[slots], Result::None);
        } else {
            let entry = Word { entry: (self.env.entry)(func) };
            self.emit.end_regions();
            self.emit.op(self.metered(Special::ReturnCall), operands, &[entry, slots], Result::None);
        }
    }

    fn return_call_indirect(
        &mut self,
        type_idx: TypeIdx,
        ty: &FuncType,
        table: TableIdx,
        index: Operand,
        stack: &mut [Operand],
    ) {
        self.consume(index);
        let index = self.in_slot(index);
        let first = self.arguments(ty, stack);
        let count = Self::params_slots(ty);
        let operands = Operands { a: first, b: count, c: u32::from(index) };
        let rest =
            [Word::operands(self.linkage, count, table.0), Word::pair((self.env.type_id)(type_idx), 0)];
        self.probe(SlowOp::ProbeLeave);
        self.emit.safepoint();
        self.emit.end_regions();
        self.emit.op(self.metered(Special::ReturnCallIndirect), operands, &rest, Result::None);
    }
}
