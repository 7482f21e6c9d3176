//! Blocks, loops and branches.
//!
//! Where paths meet, operands are in their canonical slots. A branch that carries values moves them from the top
//! of the stack down to the canonical slots of its label.
//!
//! The loop register holds the header of the innermost loop, so that a back-branch need not load its target.
//! A branch to a header uses it if and only if no call and no inner loop was emitted since that header: either
//! may have changed the register, in whatever order the blocks are executed. Other branches to a header go to
//! the cell that sets the register again.

use alloc::{collections::BTreeMap, vec::Vec};
use rotifer_bytecode::{
    Destination, OpCode, Operands, Operator, ReturnKind, SlowOp, Source, Special, StreamTest, Word,
};
use rotifer_core::ValType;
use rotifer_validator::{ControlFrame, ControlStack, FrameKind};

use crate::{
    Operand, Translator,
    emit::{Binary, Domain, NO_FIXUP, Result},
    meter::{Edge, Metering, NO_COST, RegionId},
    operand::Place,
};

/// What the translator keeps for a control frame.
#[derive(Clone, Debug)]
pub struct Label {
    /// The canonical slot of the first operand that a branch to this label carries, and of the first result.
    base: u16,
    /// Words that wait for this label.
    chain: u32,
    /// Costs that wait for this label.
    costs: u32,
    /// For an `if`: the words of the branches to the second arm, and their costs.
    else_chain: u32,
    else_costs: u32,
    /// For an `if`: whether its condition is the test of a loop.
    is_test: bool,
    /// For a loop: its number and the position of its header cell.
    header: Option<(u32, u32)>,
    /// For a loop: the region that begins at its header, and what all before it costs.
    region: Option<(RegionId, u64)>,
    /// For a loop: whether some branch uses the loop register.
    uses_register: bool,
    /// For a loop that begins with a test: the test.
    test: Option<Test>,
}

/// The test at the start of a loop, which branches out of it or is the condition of an `if`.
///
/// Such a loop is inverted: its test stands before its header, and an unconditional branch back to the loop
/// becomes the opposite test, which goes on at the header. One op less a round.
#[derive(Clone, Copy, Debug)]
struct Test {
    condition: Condition,
    /// Whether the loop is left if the condition holds.
    sense: bool,
    /// The position in the control stack of the frame that the test leaves to, or to whose second arm it goes.
    exit: usize,
    /// Whether it goes to a second arm.
    to_else: bool,
    /// The region behind the test.
    behind: RegionId,
}

impl Label {
    pub(crate) fn new(base: u16) -> Self {
        Self {
            base,
            chain: NO_FIXUP,
            costs: NO_COST,
            else_chain: NO_FIXUP,
            else_costs: NO_COST,
            is_test: false,
            header: None,
            region: None,
            uses_register: false,
            test: None,
        }
    }
}

/// What may be pinned in the last loop: the local that its latch counts, if nothing else in the loop writes to it.
pub(crate) struct Pins {
    /// The loop's header.
    header: u32,
    /// The position of the last latch that counts a local and goes on at the header, its pinned twin, and the slot.
    latch: Option<(u32, OpCode, u16)>,
    /// The slots of the locals that were set since the header.
    pub(crate) sets: Vec<u16>,
}

impl Pins {
    /// Nothing, in the memory of a list.
    pub(crate) fn new(mut sets: Vec<u16>) -> Self {
        sets.clear();
        Self { header: 0, latch: None, sets }
    }
}

/// A condition, ready to be branched on.
#[derive(Clone, Copy, Debug)]
enum Condition {
    /// Always or never.
    Known(bool),
    /// A compare that has been taken back from the code.
    Compare(Binary, Operands),
    /// The opposite of such a compare, of floats: of others, a compare is the opposite.
    Not(Binary, Operands),
    /// Whether two integers have a bit in common, or have none.
    Common(Common),
    /// Whether what is loaded equals something.
    Loaded(Loaded),
    /// An i32.
    Value(Source, u16),
}

/// An `and` whose result a branch compares with zero, taken back from the code.
#[derive(Clone, Copy, Debug)]
struct Common {
    /// Whether it is one of i64.
    is_wide: bool,
    sources: (Source, Source),
    operands: Operands,
    /// Whether the condition is that there is a common bit.
    holds: bool,
}

/// A load whose value a branch compares with something else, both taken back from the code.
#[derive(Clone, Copy, Debug)]
struct Loaded {
    /// The number of the load.
    load: u16,
    /// The slot that what is loaded goes to, if it is kept.
    kept: Option<u16>,
    is_sum: bool,
    operands: Operands,
    /// What it is compared with: an immediate or a slot.
    is_imm: bool,
    other: u32,
    /// Whether the condition is that they are equal.
    equal: bool,
}

/// The metered twin of a branch, a call or a return, if it pays.
pub(crate) fn twin_if(pays: bool, op: OpCode) -> OpCode {
    if !pays {
        return op;
    }
    op.metered().expect("branches, calls and returns have metered twins")
}

/// How many carried values are moved one by one. More are first brought to their canonical slots, where they
/// stay, so that the branch costs one cell however many they are and code stays linear in the body's size.
const FEW: usize = 3;

/// How many labels of a `br_table` each have their values moved one by one. With more, the values are first brought
/// to their canonical slots, however few they are: code stays within its bound (docs/LIMITS.md).
const FEW_LABELS: usize = 4;

impl Translator<'_> {
    fn base_below(&self, count: u32, stack: &[Operand]) -> u16 {
        self.next_slot(&stack[..stack.len() - count as usize])
    }

    pub(crate) fn enter_block(&mut self, params: u32, stack: &mut [Operand]) -> Label {
        self.preserve_all(stack);
        self.settle_top(params, stack);
        Label::new(self.base_below(params, stack))
    }

    pub(crate) fn enter_loop(&mut self, params: u32, stack: &mut [Operand]) -> Label {
        let mut label = self.enter_block(params, stack);
        let number = self.loops;
        self.loops += 1;
        label.header = Some((number, self.emit.position()));
        let region = self.emit.begin_region();
        label.region = Some((region, self.emit.meter.sum()));
        self.emit_header();
        self.loop_register = Some(number);
        self.loop_body = self.emit.position();
        self.begin_body(region);
        self.pins.latch = None;
        self.pins.sets.clear();
        label
    }

    pub(crate) fn enter_if(
        &mut self,
        condition: Operand,
        params: u32,
        control: &mut ControlStack<Label>,
        stack: &mut [Operand],
    ) -> Label {
        // It is not on the stack any more, so it is not to be looked for there.
        self.consume(condition);
        // Only if nothing must move can a compare that is the last cell become the branch.
        self.preserve_all(stack);
        self.settle_top(params, stack);
        let mut label = Label::new(self.base_below(params, stack));
        self.emit.end_regions();
        let condition = self.consumed_condition(condition);
        let inverted = if params == 0 { self.inverts(condition, control) } else { None };
        if inverted.is_some() {
            self.emit.take_loop_enter();
        }
        let Label { else_chain, else_costs, .. } = &mut label;
        self.emit_branch_if(
            condition,
            false,
            Destination::Cell,
            Edge::Label(else_costs),
            Edge::Next,
            &mut |t| {
                t.emit.pending_target(else_chain);
            },
        );
        self.emit.keep_slots();
        if let Some(inner) = inverted {
            label.is_test = true;
            let (exit, behind) = (control.len(), self.enter_inverted());
            control[inner].label.test = Some(Test { condition, sense: false, exit, to_else: true, behind });
        }
        label
    }

    pub(crate) fn enter_else(
        &mut self,
        frame: &mut ControlFrame<Label>,
        reachable: bool,
        stack: &mut [Operand],
    ) {
        if reachable {
            self.carry(frame.label.base, frame.results, stack);
            self.emit.end_regions();
            self.jump(&mut frame.label);
        }
        self.emit.forget();
        self.aliases.clear();
        self.emit.bind(&mut frame.label.else_chain);
        self.emit.bind_costs(&mut frame.label.else_costs);
    }

    pub(crate) fn leave(&mut self, frame: &mut ControlFrame<Label>, reachable: bool, stack: &mut [Operand]) {
        if reachable {
            self.carry(frame.label.base, frame.results, stack);
        } else {
            self.emit.forget();
        }
        self.aliases.clear();
        let label = &mut frame.label;
        if let Some((number, header)) = label.header {
            if self.loop_register == Some(number) {
                let (pinned, carried) = (self.pin_latch(), self.emit.carry());
                let sum = self.emit.sum(&self.pins.sets);
                self.emit.enter_with(self.pins.header, [pinned, carried, sum]);
            }
            let label = &mut frame.label;
            // An inverted loop is entered at its test. In another, if no branch uses the register, none need
            // set it again.
            let target = if label.uses_register || label.test.is_some() {
                header
            } else {
                header + Special::LoopEnter.words() as u32
            };
            self.emit.resolve(&mut label.chain, target);
            // Whatever loop is outside has lost the register.
            self.loop_register = None;
        } else {
            self.emit.bind(&mut label.else_chain);
            self.emit.bind(&mut label.chain);
            self.emit.bind_costs(&mut label.else_costs);
            self.emit.bind_costs(&mut label.costs);
        }
    }

    /// Moves the topmost operands to the canonical slots from `base` on; control leaves the code above.
    fn carry(&mut self, base: u16, count: u32, stack: &mut [Operand]) {
        self.carry_few(FEW, base, count, stack);
    }

    /// As [`carry`](Self::carry); more than `few` operands are moved by one cell.
    fn carry_few(&mut self, few: usize, base: u16, count: u32, stack: &mut [Operand]) {
        let first = stack.len() - count as usize;
        if let [operand] = &stack[first..] {
            // The one value, if the last cell produces it, can be produced in the right place.
            if operand.is_temp() && operand.slot != base && self.emit.redirect(operand.slot, base) {
                return;
            }
        }
        if count as usize > few {
            self.settle_top(count, stack);
            let from = stack[first].slot;
            if from != base {
                let operands = Operands { a: base, b: from, c: count };
                self.emit.op(Special::CopyMany.code(), operands, &[], Result::None);
                self.emit.forget_values();
            }
            return;
        }
        // Upwards: an operand's own slot is never below its target, nor below the targets before it.
        for (i, operand) in stack[first..].iter().enumerate() {
            self.move_to(base + i as u16, *operand);
        }
    }

    /// Whether the topmost operands are in the canonical slots from `base` on.
    fn is_carried(&self, base: u16, count: u32, stack: &[Operand]) -> bool {
        let first = stack.len() - count as usize;
        stack[first..].iter().all(|operand| operand.is_temp())
            && stack.get(first).is_none_or(|operand| operand.slot == base)
    }

    /// Whether a branch to this label can use the loop register.
    fn in_register(&self, label: &Label) -> bool {
        label.test.is_none() && self.owns_register(label)
    }

    fn owns_register(&self, label: &Label) -> bool {
        label.header.is_some_and(|(number, _)| self.loop_register == Some(number))
    }

    /// What a branch to a label pays, which this gives as an edge together with the label's chain of targets.
    fn edge<'l>(&self, label: &'l mut Label) -> (Edge<'l>, &'l mut u32) {
        let Label { region, costs, chain, .. } = label;
        let edge = match (*region, self.emit.meter.metering) {
            (Some((region, _)), Metering::Fuel(_)) => Edge::Region(region),
            (Some((_, start)), Metering::Interrupts) => Edge::Back(self.emit.meter.since(start)),
            (None, Metering::Fuel(_)) => Edge::Label(costs),
            _ => Edge::Free,
        };
        (edge, chain)
    }

    /// Whether a branch with this edge is metered.
    fn pays(&self, taken: &Edge<'_>) -> bool {
        self.emit.meter.is_fuel() || matches!(taken, Edge::Back(_))
    }

    /// Emits an unconditional branch to a label.
    fn jump(&mut self, label: &mut Label) {
        let (edge, chain) = self.edge(label);
        let pays = self.pays(&edge);
        if pays {
            self.emit.op1(twin_if(true, Special::Br.code()));
            self.emit.pending_target(chain);
            self.emit.costs(edge, Edge::Free);
        } else {
            self.emit.jump(chain);
        }
    }

    pub(crate) fn branch(&mut self, depth: u32, control: &mut ControlStack<Label>, stack: &mut [Operand]) {
        let target = control.len() - 1 - depth as usize;
        let frame = &mut control[target];
        self.emit.end_regions();
        if frame.kind == FrameKind::Function {
            self.return_values(stack);
            return;
        }
        self.carry(frame.label.base, frame.branch_arity(), stack);
        let frame = &control[target];
        if let Some(test) = frame.label.test
            && self.owns_register(&frame.label)
            && self.can_leave(test, control)
        {
            self.branch_to_test(test, target, control);
            return;
        }
        let label = &mut control[target].label;
        if !self.in_register(label) {
            self.jump(label);
            return;
        }
        label.uses_register = true;
        let (edge, _) = self.edge(label);
        let pays = self.pays(&edge);
        self.emit.op1(twin_if(pays, Special::BrLoop.code()));
        self.emit.goes_back();
        if pays {
            self.emit.costs(edge, Edge::Free);
        }
    }

    /// Emits a branch back to a loop that begins with a test: the test, and the branches that it decides between.
    /// The cell pays for the test's region, too.
    fn branch_to_test(&mut self, test: Test, target: usize, control: &mut ControlStack<Label>) {
        let label = &mut control[target].label;
        let (taken, fall) = match (label.region, self.edge(label).0) {
            (_, Edge::Region(region)) => (Edge::Both(region, test.behind), Edge::Region(region)),
            (_, edge) => (edge, Edge::Free),
        };
        self.emit_branch_if(test.condition, !test.sense, Destination::Loop, taken, fall, &mut |_| {});
        if let (Some((region, _)), Some((_, start))) = (label.region, label.header)
            && self.emit.meter.is_fuel()
        {
            self.emit.split(region, start);
        }
        let exit = &mut control[test.exit].label;
        if test.to_else {
            self.jump_else(exit);
        } else {
            self.jump(exit);
        }
    }

    /// Whether a test at the start of a loop can be repeated here: whether where it leaves to is still to come.
    fn can_leave(&self, test: Test, control: &ControlStack<Label>) -> bool {
        let is_open = |frame: &ControlFrame<Label>| frame.kind == FrameKind::If && frame.label.is_test;
        !test.to_else || control.get(test.exit).is_some_and(is_open)
    }

    /// Emits an unconditional branch to the second arm of an `if`.
    fn jump_else(&mut self, label: &mut Label) {
        if self.emit.meter.is_fuel() {
            self.emit.op1(twin_if(true, Special::Br.code()));
            self.emit.pending_target(&mut label.else_chain);
            self.emit.costs(Edge::Label(&mut label.else_costs), Edge::Free);
        } else {
            self.emit.jump(&mut label.else_chain);
        }
    }

    pub(crate) fn branch_if(
        &mut self,
        condition: Operand,
        depth: u32,
        control: &mut ControlStack<Label>,
        stack: &mut [Operand],
    ) {
        let target = control.len() - 1 - depth as usize;
        let frame = &mut control[target];
        let count = frame.branch_arity();
        if count as usize > FEW {
            self.settle_top(count, stack);
        }
        self.emit.end_regions();
        if frame.kind != FrameKind::Function && self.is_carried(frame.label.base, count, stack) {
            let condition = self.condition(condition);
            if count == 0 && self.invert_loop(condition, target, control) {
                return;
            }
            let label = &mut control[target].label;
            let in_register = self.in_register(label);
            label.uses_register |= in_register;
            let (edge, chain) = self.edge(label);
            if in_register {
                self.emit_branch_if(condition, true, Destination::Loop, edge, Edge::Next, &mut |_| {});
            } else {
                self.emit_branch_if(condition, true, Destination::Cell, edge, Edge::Next, &mut |t| {
                    t.emit.pending_target(chain);
                });
            }
            self.emit.keep_slots();
            return;
        }
        // Around the moves if the condition does not hold. The values stay where they are for the code behind.
        let condition = self.condition(condition);
        let (mut skip, mut skip_costs) = (NO_FIXUP, NO_COST);
        let over = if self.emit.meter.is_fuel() { Edge::Label(&mut skip_costs) } else { Edge::Free };
        self.emit_branch_if(condition, false, Destination::Cell, over, Edge::Free, &mut |t| {
            t.emit.pending_target(&mut skip);
        });
        self.emit.keep_slots();
        if frame.kind == FrameKind::Function {
            self.return_copies(stack);
        } else {
            self.carry(frame.label.base, count, stack);
            self.jump(&mut frame.label);
        }
        self.emit.forget();
        self.emit.bind(&mut skip);
        self.emit.bind_costs(&mut skip_costs);
    }

    /// The position in the control stack of the loop that begins with this condition, if it can be its test.
    fn inverts(&self, condition: Condition, control: &ControlStack<Label>) -> Option<usize> {
        let repeatable = match condition {
            Condition::Known(_) | Condition::Loaded(_) => false,
            Condition::Compare(compare, _) | Condition::Not(compare, _) => {
                compare.a != Source::Acc && compare.b != Source::Acc
            }
            Condition::Common(Common { sources, .. }) => sources.0 != Source::Acc,
            Condition::Value(source, _) => source == Source::Slot,
        };
        let number = self.loop_register?;
        if !repeatable || self.emit.position() != self.loop_body {
            return None;
        }
        let is_loop = |frame: &ControlFrame<Label>| frame.label.header.is_some_and(|(n, _)| n == number);
        control.iter().rposition(is_loop)
    }

    /// Begins the body of an inverted loop, behind its test. Gives the region.
    fn enter_inverted(&mut self) -> RegionId {
        let behind = self.emit.begin_region();
        self.emit_header();
        self.begin_body(behind);
        behind
    }

    /// Emits the header of a loop.
    fn emit_header(&mut self) {
        self.pins.header = self.emit.position();
        self.emit.loop_enter();
    }

    /// Pins the local that the latch of the innermost loop counts. Gives its slot.
    fn pin_latch(&mut self) -> Option<u16> {
        let (latch, op, slot) = self.pins.latch?;
        let is_pinned = self.pins.sets.iter().filter(|&&set| set == slot).count() == 1;
        if is_pinned {
            self.emit.replace(latch, op, None);
        }
        is_pinned.then_some(slot)
    }

    /// The cell that sets the loop register was emitted: the register leads to what follows.
    fn begin_body(&mut self, region: RegionId) {
        self.register_body = self.emit.position();
        self.emit.begin_body();
        let body = self.register_body;
        self.emit.meter.enter_again(region, body);
        if let Some(recorder) = &mut self.emit.meter.recorder {
            recorder.begin(body, Some(region));
        }
    }

    /// Makes a branch out of the innermost loop, if the loop begins with it, its test. See [`Test`].
    fn invert_loop(&mut self, condition: Condition, exit: usize, control: &mut ControlStack<Label>) -> bool {
        let Some(inner) = self.inverts(condition, control).filter(|&inner| exit < inner) else {
            return false;
        };
        self.emit.take_loop_enter();
        let (edge, chain) = self.edge(&mut control[exit].label);
        self.emit_branch_if(condition, true, Destination::Cell, edge, Edge::Next, &mut |t| {
            t.emit.pending_target(chain);
        });
        let behind = self.enter_inverted();
        control[inner].label.test = Some(Test { condition, sense: true, exit, to_else: false, behind });
        true
    }

    pub(crate) fn branch_table(
        &mut self,
        index: Operand,
        depths: &[u32],
        control: &mut ControlStack<Label>,
        stack: &mut [Operand],
    ) {
        self.consume(index);
        let index = self.ground(index);
        let innermost = control.len() - 1;
        let target = |depth: u32| innermost - depth as usize;
        let arity = control[target(depths[depths.len() - 1])].branch_arity();
        let few = if depths.len() > FEW_LABELS { 0 } else { FEW };
        if arity as usize > few {
            self.settle_top(arity, stack);
        }
        let (source, slot) = self.read_slot(index, Domain::Int);
        let op = if source == Source::Acc { Special::BrTableAcc } else { Special::BrTable };
        let to_loop = |&depth: &u32| control[target(depth)].kind == FrameKind::Loop;
        let pays = self.emit.meter.is_fuel() || self.emit.meter.is_on() && depths.iter().any(to_loop);
        let operands = Operands { a: 0, b: slot, c: depths.len() as u32 - 1 };
        self.emit.end_regions();
        self.emit.op(twin_if(pays, op.code()), operands, &[], Result::None);
        // Labels whose values must move, and returns, are reached through code of their own behind the table.
        let mut stubs: BTreeMap<u32, u32> = BTreeMap::new();
        for &depth in depths {
            let frame = &mut control[target(depth)];
            let edge = if frame.kind != FrameKind::Function && self.is_carried(frame.label.base, arity, stack)
            {
                let (edge, chain) = self.edge(&mut frame.label);
                self.emit.pending_target(chain);
                edge
            } else {
                self.emit.pending_target(stubs.entry(depth).or_insert(NO_FIXUP));
                Edge::Free
            };
            if pays {
                self.emit.costs(edge, Edge::Free);
            }
        }
        for (depth, mut chain) in stubs {
            self.emit.bind(&mut chain);
            let frame = &mut control[target(depth)];
            if frame.kind == FrameKind::Function {
                self.return_copies(stack);
            } else {
                self.carry_few(few, frame.label.base, arity, stack);
                self.jump(&mut frame.label);
            }
        }
        self.emit.forget();
    }

    /// Consumes a condition.
    fn condition(&mut self, condition: Operand) -> Condition {
        self.consume(condition);
        self.consumed_condition(condition)
    }

    /// A condition that was consumed.
    fn consumed_condition(&mut self, condition: Operand) -> Condition {
        match condition.place() {
            Place::Const(bits) => return Condition::Known(bits as u32 != 0),
            Place::Temp => {
                if let Some((compare, operands)) = self.emit.take_compare(condition.slot) {
                    let fused = self.common_bits(compare, operands);
                    let fused = fused.or_else(|| self.opposite(compare, operands));
                    let fused = fused.or_else(|| self.loaded(compare, operands));
                    return fused.unwrap_or(Condition::Compare(compare, operands));
                }
                if let Some((sources, operands)) = self.emit.take_and(condition.slot) {
                    return Condition::Common(Common { is_wide: false, sources, operands, holds: true });
                }
            }
            Place::Local(_) | Place::Sum(..) | Place::Displaced(..) => {}
        }
        let condition = self.ground(condition);
        let (source, slot) = self.read_slot(condition, Domain::Int);
        let is_not_zero = Binary { operator: Operator::I32Ne, a: source, b: Source::Imm, wide_imm: None };
        let loaded = self.loaded(is_not_zero, Operands { a: 0, b: slot, c: 0 });
        loaded.unwrap_or(Condition::Value(source, slot))
    }

    /// The condition that a compare with zero is, if what it compares is an `and` in the last cell.
    fn common_bits(&mut self, compare: Binary, operands: Operands) -> Option<Condition> {
        let (and, holds) = match compare.operator {
            Operator::I32Eq => (Operator::I32And, false),
            Operator::I32Ne => (Operator::I32And, true),
            Operator::I64Eq => (Operator::I64And, false),
            Operator::I64Ne => (Operator::I64And, true),
            _ => return None,
        };
        let is_test = (compare.a, compare.b) == (Source::Acc, Source::Imm)
            && compare.wide_imm.unwrap_or(operands.c.into()) == 0;
        let (sources, operands) = if is_test { self.emit.take_skipped_and(and)? } else { return None };
        Some(Condition::Common(Common { is_wide: and == Operator::I64And, sources, operands, holds }))
    }

    /// The condition that a compare with zero is, if what it compares is the result of a compare in the last cell.
    fn opposite(&mut self, compare: Binary, operands: Operands) -> Option<Condition> {
        let is_test = (compare.operator, compare.a, compare.b, operands.c)
            == (Operator::I32Eq, Source::Acc, Source::Imm, 0);
        let (compare, operands) = if is_test { self.emit.take_skipped_compare()? } else { return None };
        Some(Condition::Not(compare, operands))
    }

    /// The condition that a compare for equality is, if the last cell loads what it compares.
    fn loaded(&mut self, compare: Binary, o: Operands) -> Option<Condition> {
        let (is_imm, other) = match (compare.a, compare.b) {
            (Source::Acc, Source::Imm) => (true, o.c),
            (Source::Acc, Source::Slot) | (Source::Slot, Source::Acc) => (false, u32::from(o.b)),
            _ => return None,
        };
        if !matches!(compare.operator, Operator::I32Eq | Operator::I32Ne) {
            return None;
        }
        let (load, is_sum, operands, kept) = self.emit.take_consumed_load()?;
        // The second slot of a sum goes to `a`.
        let operands = match is_sum {
            true => Operands { a: operands.c as u16, c: operands.c >> 16, ..operands },
            false => Operands { a: 0, ..operands },
        };
        let equal = compare.operator == Operator::I32Eq;
        Some(Condition::Loaded(Loaded { load, kept, is_sum, operands, is_imm, other, equal }))
    }

    /// Emits a branch that is taken if the condition is `sense`; `target` adds the target's word. `taken` and `fall`
    /// are paid where it goes.
    fn emit_branch_if(
        &mut self,
        condition: Condition,
        sense: bool,
        to: Destination,
        taken: Edge<'_>,
        fall: Edge<'_>,
        target: &mut dyn FnMut(&mut Self),
    ) {
        let pays = self.pays(&taken);
        match condition {
            Condition::Known(value) if value == sense => {
                let op = if to == Destination::Loop { Special::BrLoop } else { Special::Br };
                self.emit.op1(twin_if(pays, op.code()));
            }
            Condition::Known(_) => {
                if pays && !matches!(fall, Edge::Free) {
                    // A branch all the same, if only to pay for what is behind it.
                    self.emit.op1(twin_if(true, Special::Br.code()));
                    let mut chain = NO_FIXUP;
                    self.emit.pending_target(&mut chain);
                    let behind = self.emit.position() + 1;
                    self.emit.resolve(&mut chain, behind);
                    self.emit.costs(fall, Edge::Free);
                }
                return;
            }
            Condition::Compare(compare, operands) if self.emit_latch(compare, operands, sense, to, pays) => {}
            // A compare with zero for equality is a test of the value itself.
            Condition::Compare(compare, operands)
                if matches!(compare.operator, Operator::I32Eq | Operator::I32Ne)
                    && compare.b == Source::Imm
                    && operands.c == 0 =>
            {
                let sense = sense == (compare.operator == Operator::I32Ne);
                self.branch_on_value(compare.a, operands.b, sense, to, pays);
            }
            Condition::Compare(compare, operands) | Condition::Not(compare, operands) => {
                let sense = sense != matches!(condition, Condition::Not(..));
                self.branch_on_compare(compare, operands, sense, to, pays);
            }
            Condition::Common(Common { is_wide, sources, operands, holds }) => {
                let op = OpCode::test(is_wide, sources, sense == holds, to)
                    .expect("the sources are those of a first operator");
                let operands = Operands { a: 0, ..operands };
                self.emit.op(twin_if(pays, op), operands, &[], Result::None);
            }
            Condition::Loaded(loaded) => {
                let Loaded { load, kept, is_sum, operands, is_imm, other, equal } = loaded;
                let op = OpCode::load_branch(load, kept.is_some(), is_sum, is_imm, sense == equal, to);
                let slot = kept.unwrap_or_default();
                self.emit.op(twin_if(pays, op), operands, &[Word::operands(slot, 0, other)], Result::None);
                self.emit.list_wide(u64::from(other) | u64::from(slot) << 32);
                if kept.is_some() {
                    self.emit.written(slot);
                    self.emit.returned(Domain::Int, slot);
                }
            }
            Condition::Value(source, slot) => {
                // The test of a value is a compare with zero.
                let compare = Binary { operator: Operator::I32Ne, a: source, b: Source::Imm, wide_imm: None };
                if !self.emit_latch(compare, Operands { a: 0, b: slot, c: 0 }, sense, to, pays) {
                    self.branch_on_value(source, slot, sense, to, pays);
                }
            }
        }
        match to {
            Destination::Cell => target(self),
            Destination::Loop => self.emit.goes_back(),
        }
        if pays {
            self.emit.costs(taken, fall);
        }
    }

    /// Emits a compare of a sum that the last cell computed together with that sum.
    fn emit_latch(&mut self, compare: Binary, o: Operands, sense: bool, to: Destination, pays: bool) -> bool {
        let is_wide = compare.operator.row().a == ValType::I64;
        let add = if is_wide { Operator::I64Add } else { Operator::I32Add };
        let kept = self.emit.last_addition(add);
        let Some(add) = kept.or_else(|| self.emit.skipped_addition(add)) else { return false };
        let sum = add.operands.a;
        let is_sum = |slot: u32| kept.is_some() && slot == u32::from(sum);
        // 32 bits of the cell, which are zero-extended.
        let Ok(imm) = compare.wide_imm.map_or(Ok(o.c), u32::try_from) else { return false };
        let exchanged = compare.operator.exchanged().unwrap_or(compare.operator);
        let (operator, source, right) = match (compare.a, compare.b) {
            (Source::Acc, Source::Slot) => (compare.operator, Source::Slot, u32::from(o.b)),
            (Source::Slot, Source::Acc) => (exchanged, Source::Slot, u32::from(o.b)),
            (Source::Slot, Source::Slot) if is_sum(o.b.into()) => (compare.operator, Source::Slot, o.c),
            (Source::Slot, Source::Slot) if is_sum(o.c) => (exchanged, Source::Slot, u32::from(o.b)),
            (Source::Acc, Source::Imm) => (compare.operator, Source::Imm, imm),
            (Source::Slot, Source::Imm) if is_sum(o.b.into()) => (compare.operator, Source::Imm, imm),
            _ => return false,
        };
        let Some(op) = OpCode::latch(operator, add.addend, source, sense, to) else { return false };
        self.emit.take_addition(add);
        if let Some(pinned) = op.pinned()
            && sum == add.operands.b
        {
            self.pins.latch = Some((self.emit.position(), twin_if(pays, pinned), sum));
        }
        let latch = self.emit.position();
        self.emit.op(twin_if(pays, op), add.operands, &[Word::operands(0, 0, right)], Result::None);
        self.emit.latched(sum, right);
        if to == Destination::Loop
            && sum == add.operands.b
            && let Some(test) = StreamTest::new(operator, sense, add.addend, source)
        {
            // A stream leaves the register of a pinned local alone: another latch of the loop may pin one.
            if self.emit.stream(latch, test, (add.operands, right), pays) {
                self.pins.latch = None;
            }
        }
        if kept.is_none() {
            self.emit.forget_value(Domain::Int);
        }
        true
    }

    /// Emits a branch on a compare.
    fn branch_on_compare(&mut self, compare: Binary, o: Operands, sense: bool, to: Destination, pays: bool) {
        let op = OpCode::branch(compare.operator, compare.a, compare.b, sense, to);
        let operands = Operands { a: 0, ..o };
        let start = self.emit.position();
        self.emit.op_wide(twin_if(pays, op), operands, compare.wide_imm, Result::None);
        if to == Destination::Loop {
            self.stream(start, compare, sense, operands, pays);
        }
    }

    /// Makes the innermost loop a stream, if it consists of an addition, a store and the branch that was emitted last,
    /// at `start`, on a compare of the sum.
    fn stream(&mut self, start: u32, compare: Binary, sense: bool, operands: Operands, pays: bool) {
        let (is_acc, right) = match (compare.a, compare.b) {
            (Source::Slot, Source::Slot | Source::Imm) => (false, operands.c),
            (Source::Acc, Source::Imm) => (true, operands.c),
            (Source::Acc, Source::Slot) => (true, operands.b.into()),
            _ => return,
        };
        if let Some(test) = StreamTest::new(compare.operator, sense, Source::Imm, compare.b) {
            let operands = Operands { c: right, ..operands };
            self.emit.stream_behind_addition(start, test, (operands, is_acc), pays);
        }
    }

    fn branch_on_value(&mut self, source: Source, slot: u16, sense: bool, to: Destination, pays: bool) {
        use Special::*;
        let op = match (source == Source::Acc, sense, to) {
            (false, true, Destination::Cell) => BrNez,
            (false, false, Destination::Cell) => BrEqz,
            (true, true, Destination::Cell) => BrNezAcc,
            (true, false, Destination::Cell) => BrEqzAcc,
            (false, true, Destination::Loop) => BrNezLoop,
            (false, false, Destination::Loop) => BrEqzLoop,
            (true, true, Destination::Loop) => BrNezAccLoop,
            (true, false, Destination::Loop) => BrEqzAccLoop,
        };
        let start = self.emit.position();
        let operands = Operands { a: 0, b: slot, c: 0 };
        self.emit.op(twin_if(pays, op.code()), operands, &[], Result::None);
        if to == Destination::Loop {
            let compare = Binary { operator: Operator::I32Ne, a: source, b: Source::Imm, wide_imm: None };
            self.stream(start, compare, sense, operands, pays);
        }
    }

    /// Returns the topmost operands, which are not needed afterwards.
    pub(crate) fn return_values(&mut self, stack: &mut [Operand]) {
        let count = self.results.len();
        if let [ty] = self.results[..] {
            let domain = Domain::of(ty);
            let value = stack[stack.len() - 1];
            let value = self.ground(value);
            let (source, slot) = self.read_slot(value, domain);
            self.return_one(domain, source, slot);
        } else {
            self.settle_top(count as u32, stack);
            self.return_copies(stack);
        }
    }

    /// Returns copies of the topmost operands, which stay where they are for code on another path.
    fn return_copies(&mut self, stack: &mut [Operand]) {
        let linkage = u32::from(self.linkage);
        let first = stack.len() - self.results.len();
        match (&self.results[..], &stack[first..]) {
            ([], _) => {
                self.probe(SlowOp::ProbeLeave);
                let op = twin_if(self.emit.meter.is_fuel(), OpCode::return_(ReturnKind::None, self.linkage));
                self.emit.return_(op, op, Operands { a: 0, b: 0, c: linkage });
            }
            ([ty], [value]) => {
                let domain = Domain::of(*ty);
                let (value, computed) = (*value, value.source_slot().is_none());
                let value = self.ground(value);
                let slot = value.source_slot().unwrap_or(value.slot);
                let source = if computed { Source::Acc } else { Source::Slot };
                self.return_one(domain, source, slot);
            }
            (results, values) => {
                let count = results.len();
                // All in consecutive slots, at the end of the stack if they are not there already.
                let from = values[0].slot;
                let values = values.to_vec();
                for value in values {
                    self.move_to(value.slot, value);
                }
                let operands = Operands { a: from, b: count as u16, c: linkage };
                let op = twin_if(self.emit.meter.is_fuel(), Special::ReturnMany.code());
                self.probe(SlowOp::ProbeLeave);
                self.emit.return_(op, op, operands);
            }
        }
    }

    fn return_one(&mut self, domain: Domain, source: Source, slot: u16) {
        let (acc, in_slot) = match domain {
            Domain::Int => (ReturnKind::AccInt, ReturnKind::SlotInt),
            Domain::Float => (ReturnKind::AccFloat, ReturnKind::SlotFloat),
        };
        let is_fuel = self.emit.meter.is_fuel();
        let op = |kind| twin_if(is_fuel, OpCode::return_(kind, self.linkage));
        let (acc, in_slot) = (op(acc), op(in_slot));
        let operands = Operands { a: slot, b: 0, c: u32::from(self.linkage) };
        self.probe(SlowOp::ProbeLeave);
        match source {
            Source::Acc => self.emit.return_(acc, acc, operands),
            // Unless control comes from a branch, the value may be in the accumulator all the same.
            _ if self.emit.mirrors_fallen(domain, slot) => self.emit.return_(acc, in_slot, operands),
            _ => self.emit.return_(in_slot, in_slot, operands),
        }
    }
}
