//! A client that notes its calls and checks that the walk keeps the contract of `Client`.
//!
//! It keeps stacks of its own and compares them with what the walk hands over: every operand has a number, so a
//! stack that is right has the right numbers in the right order.

use rotifer_bytecode::Operator;
use rotifer_core::{FuncIdx, FuncType, GlobalIdx, LocalIdx, MemIdx, TableIdx, TypeIdx, ValType, WasmOffset};
use rotifer_validator::{BodyContext, BulkOp, Client, ControlFrame, ControlStack, FrameKind, MemArg};
use std::convert::Infallible;

/// What the recorder knows of a frame.
struct Frame {
    kind: FrameKind,
    height: usize,
    results: u32,
    label: u32,
}

#[derive(Default)]
pub(crate) struct Recorder {
    /// The calls so far, in words.
    pub(crate) calls: Vec<String>,
    /// The greatest height, as `finish` reports it.
    pub(crate) max_height: Option<u32>,
    stack: Vec<u32>,
    frames: Vec<Frame>,
    live: bool,
    highest: usize,
    operands: u32,
    last_offset: u32,
    func_results: u32,
}

impl Recorder {
    fn call(&mut self, text: impl Into<String>) {
        let text = text.into();
        assert!(self.live, "called in unreachable code: {text}");
        self.calls.push(text);
    }

    fn check(&self, stack: &[u32]) {
        assert_eq!(stack, self.stack, "after {:?}", self.calls);
    }

    fn pop(&mut self, operand: u32) {
        assert_eq!(self.stack.pop(), Some(operand), "after {:?}", self.calls);
    }

    fn push(&mut self) -> u32 {
        self.operands += 1;
        self.stack.push(self.operands);
        self.highest = self.highest.max(self.stack.len());
        self.operands
    }

    /// Removes what the walk removes after the call.
    fn discard(&mut self, count: usize) {
        let height = self.stack.len().checked_sub(count).expect("the operands are on the stack");
        assert!(height >= self.frames.last().map_or(0, |frame| frame.height), "operands of an outer frame");
        self.stack.truncate(height);
    }

    fn check_control(&self, control: &ControlStack<u32>) {
        assert_eq!(control.len(), self.frames.len());
        for (theirs, ours) in control.iter().zip(&self.frames) {
            assert_eq!((theirs.kind, theirs.label), (ours.kind, ours.label));
            assert_eq!((theirs.height as usize, theirs.results), (ours.height, ours.results));
            assert!(!theirs.unreachable);
        }
    }

    fn enter_frame(&mut self, kind: FrameKind, params: u32, stack: &[u32]) -> u32 {
        self.check(stack);
        self.discard(params as usize);
        let label = self.calls.len() as u32;
        // The results become known with the first look at the control stack or at the end.
        self.frames.push(Frame { kind, height: self.stack.len(), results: u32::MAX, label });
        label
    }

    fn check_frame(&mut self, frame: &ControlFrame<u32>, reachable: bool, stack: &[u32]) {
        let ours = self.frames.last().unwrap();
        assert_eq!((frame.kind, frame.label), (ours.kind, ours.label));
        assert_eq!(frame.height as usize, ours.height);
        assert_eq!(frame.unreachable, !reachable);
        assert_eq!(reachable, self.live);
        if reachable {
            assert_eq!(self.stack.len(), ours.height + frame.results as usize);
        } else {
            self.stack.truncate(ours.height);
        }
        self.check(stack);
    }

    /// Makes the results of frames known to the recorder, which cannot see block types.
    fn learn(&mut self, control: &ControlStack<u32>) {
        for (theirs, ours) in control.iter().zip(&mut self.frames) {
            if ours.results == u32::MAX {
                ours.results = theirs.results;
            }
        }
    }

    fn branch(&mut self, text: String, depths: &[u32], control: &ControlStack<u32>, stack: &[u32]) {
        self.call(text);
        self.check(stack);
        self.learn(control);
        self.check_control(control);
        for &depth in depths {
            let target = &control[control.len() - 1 - depth as usize];
            let current = self.frames.last().unwrap();
            assert!(stack.len() >= current.height + target.branch_arity() as usize);
        }
    }
}

impl Client for Recorder {
    type Operand = u32;
    type Label = u32;
    type Error = Infallible;

    fn enter(&mut self, cx: BodyContext<'_>) -> u32 {
        assert!(cx.locals as usize >= cx.ty.params().len());
        *self = Self { live: true, func_results: cx.ty.results().len() as u32, ..Self::default() };
        self.call(format!("enter {} {} locals {}", cx.func, cx.ty, cx.locals));
        self.frames.push(Frame {
            kind: FrameKind::Function,
            height: 0,
            results: self.func_results,
            label: 0,
        });
        0
    }

    fn operator(&mut self, offset: WasmOffset, _: u8) -> bool {
        assert!(offset.0 > self.last_offset, "offsets rise");
        self.last_offset = offset.0;
        false
    }

    fn finish(&mut self, max_height: u32) -> Result<(), Infallible> {
        assert_eq!(self.frames.len(), 1);
        assert_eq!(max_height as usize, self.highest);
        self.max_height = Some(max_height);
        self.calls.push("finish".to_owned());
        Ok(())
    }

    fn fresh(&mut self, ty: ValType, stack: &[u32]) -> u32 {
        self.call(format!("fresh {ty}"));
        self.check(stack);
        self.push()
    }

    fn constant(&mut self, ty: ValType, bits: u64, stack: &mut [u32]) -> u32 {
        self.call(format!("constant {ty} {bits:#x}"));
        self.check(stack);
        self.push()
    }

    fn unary(&mut self, operator: Operator, a: u32, stack: &mut [u32]) -> u32 {
        self.call(operator.row().text);
        self.pop(a);
        self.check(stack);
        self.push()
    }

    fn binary(&mut self, operator: Operator, a: u32, b: u32, stack: &mut [u32]) -> u32 {
        self.call(operator.row().text);
        self.pop(b);
        self.pop(a);
        self.check(stack);
        self.push()
    }

    fn wide(&mut self, opcode: u16, stack: &mut [u32]) {
        self.call(format!("wide {opcode:#x}"));
        self.check(stack);
        self.discard(if opcode <= 0xFC14 { 4 } else { 2 });
    }

    fn select(&mut self, ty: ValType, a: u32, b: u32, condition: u32, stack: &mut [u32]) -> u32 {
        self.call(format!("select {ty}"));
        self.pop(condition);
        self.pop(b);
        self.pop(a);
        self.check(stack);
        self.push()
    }

    fn drop(&mut self, a: u32, stack: &mut [u32]) {
        self.call("drop");
        self.pop(a);
        self.check(stack);
    }

    fn local_get(&mut self, local: LocalIdx, ty: ValType, stack: &mut [u32]) -> u32 {
        self.call(format!("local.get {local} {ty}"));
        self.check(stack);
        self.push()
    }

    fn local_set(&mut self, local: LocalIdx, value: u32, stack: &mut [u32]) {
        self.call(format!("local.set {local}"));
        self.pop(value);
        self.check(stack);
    }

    fn local_tee(&mut self, local: LocalIdx, ty: ValType, value: u32, stack: &mut [u32]) -> u32 {
        self.call(format!("local.tee {local} {ty}"));
        self.pop(value);
        self.check(stack);
        self.push()
    }

    fn global_get(&mut self, global: GlobalIdx, ty: ValType, stack: &mut [u32]) -> u32 {
        self.call(format!("global.get {global} {ty}"));
        self.check(stack);
        self.push()
    }

    fn global_set(&mut self, global: GlobalIdx, ty: ValType, value: u32, stack: &mut [u32]) {
        self.call(format!("global.set {global} {ty}"));
        self.pop(value);
        self.check(stack);
    }

    fn ref_is_null(&mut self, a: u32, stack: &mut [u32]) -> u32 {
        self.call("ref.is_null");
        self.pop(a);
        self.check(stack);
        self.push()
    }

    fn ref_func(&mut self, func: FuncIdx, stack: &mut [u32]) -> u32 {
        self.call(format!("ref.func {func}"));
        self.check(stack);
        self.push()
    }

    fn load(&mut self, operator: Operator, arg: MemArg, address: u32, stack: &mut [u32]) -> u32 {
        self.call(format!("{} {} {}", operator.row().text, arg.memory, arg.offset));
        self.pop(address);
        self.check(stack);
        self.push()
    }

    fn store(&mut self, operator: Operator, arg: MemArg, address: u32, value: u32, stack: &mut [u32]) {
        self.call(format!("{} {} {}", operator.row().text, arg.memory, arg.offset));
        self.pop(value);
        self.pop(address);
        self.check(stack);
    }

    fn memory_size(&mut self, memory: MemIdx, stack: &mut [u32]) -> u32 {
        self.call(format!("memory.size {memory}"));
        self.check(stack);
        self.push()
    }

    fn bulk(&mut self, op: BulkOp, stack: &mut [u32]) {
        self.call(format!("{op:?}"));
        self.check(stack);
        self.discard(op.operands() as usize);
    }

    fn unreachable(&mut self, stack: &mut [u32]) {
        self.call("unreachable");
        self.check(stack);
        self.live = false;
    }

    fn block(&mut self, params: u32, stack: &mut [u32]) -> u32 {
        self.call(format!("block {params}"));
        self.enter_frame(FrameKind::Block, params, stack)
    }

    fn loop_(&mut self, params: u32, stack: &mut [u32]) -> u32 {
        self.call(format!("loop {params}"));
        self.enter_frame(FrameKind::Loop, params, stack)
    }

    fn if_(&mut self, condition: u32, params: u32, _: &mut ControlStack<u32>, stack: &mut [u32]) -> u32 {
        self.call(format!("if {params}"));
        self.pop(condition);
        self.enter_frame(FrameKind::If, params, stack)
    }

    fn else_(&mut self, frame: &mut ControlFrame<u32>, reachable: bool, stack: &mut [u32]) {
        self.calls.push(format!("else {reachable}"));
        self.check_frame(frame, reachable, stack);
        self.live = true;
        let ours = self.frames.last_mut().unwrap();
        ours.kind = FrameKind::Else;
        self.stack.truncate(ours.height);
    }

    fn end(&mut self, frame: &mut ControlFrame<u32>, reachable: bool, stack: &mut [u32]) {
        self.calls.push(format!("end {reachable}"));
        self.check_frame(frame, reachable, stack);
        self.live = true;
        let ours = self.frames.pop().unwrap();
        self.stack.truncate(ours.height);
    }

    fn br(&mut self, depth: u32, control: &mut ControlStack<u32>, stack: &mut [u32]) {
        self.branch(format!("br {depth}"), &[depth], control, stack);
        self.live = false;
    }

    fn br_if(&mut self, condition: u32, depth: u32, control: &mut ControlStack<u32>, stack: &mut [u32]) {
        self.pop(condition);
        self.branch(format!("br_if {depth}"), &[depth], control, stack);
    }

    fn br_table(&mut self, index: u32, depths: &[u32], control: &mut ControlStack<u32>, stack: &mut [u32]) {
        self.pop(index);
        self.branch(format!("br_table {depths:?}"), depths, control, stack);
        self.live = false;
    }

    fn return_(&mut self, control: &mut ControlStack<u32>, stack: &mut [u32]) {
        let outermost = control.len() as u32 - 1;
        self.branch("return".to_owned(), &[outermost], control, stack);
        self.live = false;
    }

    fn call(&mut self, func: FuncIdx, ty: &FuncType, stack: &mut [u32]) {
        Recorder::call(self, format!("call {func}"));
        self.check(stack);
        self.discard(ty.params().len());
    }

    fn call_indirect(
        &mut self,
        ty_idx: TypeIdx,
        ty: &FuncType,
        table: TableIdx,
        index: u32,
        stack: &mut [u32],
    ) {
        Recorder::call(self, format!("call_indirect {ty_idx} {table}"));
        self.pop(index);
        self.check(stack);
        self.discard(ty.params().len());
    }

    fn return_call(&mut self, func: FuncIdx, ty: &FuncType, stack: &mut [u32]) {
        Recorder::call(self, format!("return_call {func}"));
        self.check(stack);
        self.discard(ty.params().len());
        self.live = false;
    }

    fn return_call_indirect(
        &mut self,
        ty_idx: TypeIdx,
        ty: &FuncType,
        table: TableIdx,
        index: u32,
        stack: &mut [u32],
    ) {
        Recorder::call(self, format!("return_call_indirect {ty_idx} {table}"));
        self.pop(index);
        self.check(stack);
        self.discard(ty.params().len());
        self.live = false;
    }
}
