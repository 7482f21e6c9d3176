//! What the walk tells its client while it validates a function body.
//!
//! The walk owns the operand stack and the control stack. Each operand has a type, which the walk knows, and a
//! payload, which the client knows: where the value *is*. The client sees payloads only. It is never called in
//! unreachable code, and every call it gets is for an operator that has just been validated in full.
//!
//! Conventions of all methods:
//! * Operands that an operator pops are handed over by value, and `stack` is what is left below them.
//! * A single result is returned and pushed by the walk. Several results (of calls and blocks) and the
//!   parameters of blocks are made by [`Client::fresh`], one after the other.
//! * `stack` may be changed in place: a client that moves a value records its new place there.

use crate::{locals::Locals, operand_types::OperandTypes, packed_type::PackedType};
use rotifer_bytecode::Operator;
use rotifer_core::{
    DataIdx, ElemIdx, FuncIdx, FuncType, GlobalIdx, LocalIdx, MemIdx, TableIdx, TypeIdx, ValType, WasmOffset,
};

/// The immediate of a load or a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemArg {
    /// The memory.
    pub memory: MemIdx,
    /// The offset that is added to the address.
    pub offset: u64,
    /// Whether the memory has 64-bit addresses.
    pub memory64: bool,
}

/// What a function body is entered with.
#[derive(Clone, Copy, Debug)]
pub struct BodyContext<'a> {
    /// The function's index, imports counted.
    pub func: FuncIdx,
    /// Its type.
    pub ty: &'a FuncType,
    /// How many locals it has, parameters included. Their types come with the operators that use them.
    pub locals: u32,
}

/// What a control frame was entered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// The body itself: its label is the function's return.
    Function,
    /// `block`.
    Block,
    /// `loop`: its label is its start.
    Loop,
    /// `if`.
    If,
    /// The second arm of an `if`.
    Else,
}

/// An entry of the control stack, as clients see it.
#[derive(Clone, Debug)]
pub struct ControlFrame<L> {
    /// What the frame was entered by.
    pub kind: FrameKind,
    /// How many operands are on the stack below the frame's parameters.
    pub height: u32,
    /// How many operands the frame takes when it is entered.
    pub params: u32,
    /// How many operands the frame leaves at its end.
    pub results: u32,
    /// Whether the code that follows in this frame cannot be reached.
    pub unreachable: bool,
    /// The client's own.
    pub label: L,
}

impl<L> ControlFrame<L> {
    /// How many operands a branch to this frame carries.
    pub fn branch_arity(&self) -> u32 {
        if self.kind == FrameKind::Loop { self.params } else { self.results }
    }
}

/// The control stack, outermost frame first. A branch of depth 0 goes to the last frame.
pub type ControlStack<L> = [ControlFrame<L>];

/// The types of operands and locals, in the middle of a walk.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(crate) types: &'a OperandTypes,
    pub(crate) locals: &'a Locals,
}

impl View<'_> {
    /// The types of the operands, lowest first.
    pub fn operands(&self) -> impl Iterator<Item = ValType> {
        self.types.operands().map(PackedType::val_type)
    }

    /// The types of the locals, parameters first.
    pub fn locals(&self) -> impl Iterator<Item = ValType> {
        (0..self.locals.len()).filter_map(|local| Some(self.locals.get(local)?.val_type()))
    }
}

/// Follows a walk over a function body. `()` is the client that wants nothing: the walk only validates.
pub trait Client {
    /// Where an operand is.
    type Operand: Copy;
    /// What the client keeps for a control frame.
    type Label;
    /// Why the client gives up: only for lack of memory.
    type Error;

    /// Whether the walk calls this client at all. False for `()` only: nothing is then kept for a client.
    const FOLLOWS: bool = true;

    /// A body is entered. Returns the label of the function's frame.
    fn enter(&mut self, cx: BodyContext<'_>) -> Self::Label;
    /// The operator at `offset` is next. Called before every reachable operator, and before every `else` and
    /// `end` of a frame that was entered reachably, reachable themselves or not. `opcode` is the first byte.
    ///
    /// Says whether to [`look`](Self::look) at the operands before that.
    fn operator(&mut self, offset: WasmOffset, opcode: u8) -> bool;
    /// What there is on the stack before an operator, if [`operator`](Self::operator) asked for it.
    fn look(&mut self, _view: View<'_>, _stack: &[Self::Operand]) {}
    /// The operator that is next has this number behind its prefix 0xFC.
    fn prefixed(&mut self, _number: u32) {}
    /// The body has ended and is valid. `max_height` is the greatest height that the operand stack reached in
    /// reachable code, in slots (`ValType::slots`).
    fn finish(&mut self, max_height: u32) -> Result<(), Self::Error>;

    /// A new operand of type `ty` on top of `stack`, in its canonical place: the result of a call, a block's
    /// parameter or result.
    fn fresh(&mut self, ty: ValType, stack: &[Self::Operand]) -> Self::Operand;

    // Numbers, locals, globals.

    /// `t.const`, with the bits zero-extended, and `ref.null` with bits 0.
    fn constant(&mut self, ty: ValType, bits: u64, stack: &mut [Self::Operand]) -> Self::Operand;
    /// An operator of kind unary.
    fn unary(&mut self, operator: Operator, a: Self::Operand, stack: &mut [Self::Operand]) -> Self::Operand;
    /// An operator of kind binary or compare.
    fn binary(
        &mut self,
        operator: Operator,
        a: Self::Operand,
        b: Self::Operand,
        stack: &mut [Self::Operand],
    ) -> Self::Operand;
    /// `i64.add128`, `i64.sub128`, `i64.mul_wide_s`, `i64.mul_wide_u`: the low byte-pair of the opcode says
    /// which (0xFC13 to 0xFC16). The operands are the top of `stack` (4 for the first two, 2 else); the walk
    /// replaces them by two [`fresh`](Self::fresh) ones afterwards.
    fn wide(&mut self, opcode: u16, stack: &mut [Self::Operand]);
    /// `select`, of any kind. `a` is the result if the condition is not zero.
    fn select(
        &mut self,
        ty: ValType,
        a: Self::Operand,
        b: Self::Operand,
        condition: Self::Operand,
        stack: &mut [Self::Operand],
    ) -> Self::Operand;
    /// `drop`.
    fn drop(&mut self, a: Self::Operand, stack: &mut [Self::Operand]);
    /// `local.get`.
    fn local_get(&mut self, local: LocalIdx, ty: ValType, stack: &mut [Self::Operand]) -> Self::Operand;
    /// `local.set`.
    fn local_set(&mut self, local: LocalIdx, value: Self::Operand, stack: &mut [Self::Operand]);
    /// `local.tee`.
    fn local_tee(
        &mut self,
        local: LocalIdx,
        ty: ValType,
        value: Self::Operand,
        stack: &mut [Self::Operand],
    ) -> Self::Operand;
    /// `global.get`.
    fn global_get(&mut self, global: GlobalIdx, ty: ValType, stack: &mut [Self::Operand]) -> Self::Operand;
    /// `global.set`.
    fn global_set(
        &mut self,
        global: GlobalIdx,
        ty: ValType,
        value: Self::Operand,
        stack: &mut [Self::Operand],
    );

    // References.

    /// `ref.is_null`.
    fn ref_is_null(&mut self, a: Self::Operand, stack: &mut [Self::Operand]) -> Self::Operand;
    /// `ref.func`.
    fn ref_func(&mut self, func: FuncIdx, stack: &mut [Self::Operand]) -> Self::Operand;

    // Memories and tables.

    /// An operator of kind load.
    fn load(
        &mut self,
        operator: Operator,
        arg: MemArg,
        address: Self::Operand,
        stack: &mut [Self::Operand],
    ) -> Self::Operand;
    /// An operator of kind store.
    fn store(
        &mut self,
        operator: Operator,
        arg: MemArg,
        address: Self::Operand,
        value: Self::Operand,
        stack: &mut [Self::Operand],
    );
    /// `memory.size`.
    fn memory_size(&mut self, memory: MemIdx, stack: &mut [Self::Operand]) -> Self::Operand;
    /// A bulk, growth or table operator. Its operands are the top of `stack`, as many as
    /// [`BulkOp::operands`] says; the walk pops them afterwards and pushes a [`fresh`](Self::fresh) result if
    /// [`BulkOp::has_result`].
    fn bulk(&mut self, op: BulkOp, stack: &mut [Self::Operand]);

    // Control.

    /// `unreachable`.
    fn unreachable(&mut self, stack: &mut [Self::Operand]);
    /// `block`: its `params` operands are the top of `stack`; the walk replaces them by
    /// [`fresh`](Self::fresh) ones, so they must be brought to their canonical places.
    fn block(&mut self, params: u32, stack: &mut [Self::Operand]) -> Self::Label;
    /// `loop`: as [`block`](Self::block).
    fn loop_(&mut self, params: u32, stack: &mut [Self::Operand]) -> Self::Label;
    /// `if`: as [`block`](Self::block), its condition popped. It is not on `control` yet.
    fn if_(
        &mut self,
        condition: Self::Operand,
        params: u32,
        control: &mut ControlStack<Self::Label>,
        stack: &mut [Self::Operand],
    ) -> Self::Label;
    /// `else`. If `reachable`, the first arm ends here with its results on top of `stack`, which begins with
    /// the operands below the frame. The walk then puts [`fresh`](Self::fresh) parameters on the stack.
    /// Called even if the `if` itself ended unreachable (but not if the whole `if` is in dead code).
    fn else_(&mut self, frame: &mut ControlFrame<Self::Label>, reachable: bool, stack: &mut [Self::Operand]);
    /// `end` of a frame that was entered reachably, the function's body excepted. If `reachable`, control
    /// falls through with the frame's results on top of `stack`. An `if` without `else` passes its parameters
    /// on as results. The walk then replaces what is above the frame's height by fresh results.
    fn end(&mut self, frame: &mut ControlFrame<Self::Label>, reachable: bool, stack: &mut [Self::Operand]);
    /// `br`; also the function's last `end`, if reachable, as a branch to the outermost frame. The carried
    /// operands are the top of `stack`.
    fn br(&mut self, depth: u32, control: &mut ControlStack<Self::Label>, stack: &mut [Self::Operand]);
    /// `br_if`, condition popped. The carried operands stay on the stack.
    fn br_if(
        &mut self,
        condition: Self::Operand,
        depth: u32,
        control: &mut ControlStack<Self::Label>,
        stack: &mut [Self::Operand],
    );
    /// `br_table`, index popped. The last of `depths` is the default. All labels have the same arity.
    fn br_table(
        &mut self,
        index: Self::Operand,
        depths: &[u32],
        control: &mut ControlStack<Self::Label>,
        stack: &mut [Self::Operand],
    );
    /// `return`: the function's results are the top of `stack`.
    fn return_(&mut self, control: &mut ControlStack<Self::Label>, stack: &mut [Self::Operand]);

    // Calls. The arguments are the top of `stack` and stay there during the call of the method.

    /// `call`. The walk pops the arguments afterwards and pushes fresh results.
    fn call(&mut self, func: FuncIdx, ty: &FuncType, stack: &mut [Self::Operand]);
    /// `call_indirect`, index popped.
    fn call_indirect(
        &mut self,
        type_idx: TypeIdx,
        ty: &FuncType,
        table: TableIdx,
        index: Self::Operand,
        stack: &mut [Self::Operand],
    );
    /// `return_call`.
    fn return_call(&mut self, func: FuncIdx, ty: &FuncType, stack: &mut [Self::Operand]);
    /// `return_call_indirect`, index popped.
    fn return_call_indirect(
        &mut self,
        type_idx: TypeIdx,
        ty: &FuncType,
        table: TableIdx,
        index: Self::Operand,
        stack: &mut [Self::Operand],
    );
}

/// An operator on memories, tables or segments that is rare or long enough to be executed out of line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BulkOp {
    /// `memory.grow`.
    MemoryGrow(MemIdx),
    /// `memory.fill`.
    MemoryFill(MemIdx),
    /// `memory.copy`: destination, source.
    MemoryCopy(MemIdx, MemIdx),
    /// `memory.init`.
    MemoryInit(DataIdx, MemIdx),
    /// `data.drop`.
    DataDrop(DataIdx),
    /// `table.get`.
    TableGet(TableIdx),
    /// `table.set`.
    TableSet(TableIdx),
    /// `table.size`.
    TableSize(TableIdx),
    /// `table.grow`.
    TableGrow(TableIdx),
    /// `table.fill`.
    TableFill(TableIdx),
    /// `table.copy`: destination, source.
    TableCopy(TableIdx, TableIdx),
    /// `table.init`.
    TableInit(ElemIdx, TableIdx),
    /// `elem.drop`.
    ElemDrop(ElemIdx),
}

impl BulkOp {
    /// How many operands the operator takes.
    pub const fn operands(self) -> u32 {
        match self {
            Self::DataDrop(_) | Self::ElemDrop(_) | Self::TableSize(_) => 0,
            Self::MemoryGrow(_) | Self::TableGet(_) => 1,
            Self::TableSet(_) | Self::TableGrow(_) => 2,
            Self::MemoryFill(_)
            | Self::MemoryCopy(..)
            | Self::MemoryInit(..)
            | Self::TableFill(_)
            | Self::TableCopy(..)
            | Self::TableInit(..) => 3,
        }
    }

    /// Whether the operator ends a region, as docs/FUEL.md says: growth, and what fills, copies or initialises.
    pub const fn ends_region(self) -> bool {
        matches!(
            self,
            Self::MemoryGrow(_)
                | Self::MemoryFill(_)
                | Self::MemoryCopy(..)
                | Self::MemoryInit(..)
                | Self::TableGrow(_)
                | Self::TableFill(_)
                | Self::TableCopy(..)
                | Self::TableInit(..)
        )
    }

    /// Whether the operator has a result.
    pub const fn has_result(self) -> bool {
        matches!(self, Self::MemoryGrow(_) | Self::TableGet(_) | Self::TableSize(_) | Self::TableGrow(_))
    }
}
