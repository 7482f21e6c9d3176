//! Blocks and branches, and the stack of frames.

use super::{Scratch, Walk};
use crate::{
    Client, ControlFrame, ControlStack, Error, ErrorKind, FrameKind, Module,
    packed_type::PackedType,
    type_reader::{BlockType, check_limit},
};

use alloc::vec::Vec;
use rotifer_core::ValType;

/// A frame, as the walk sees it. For frames that were entered live, the client has a [`ControlFrame`], too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Whether there are operands of any type below the frame's own.
    pub(super) unreachable: bool,
    /// Whether the frame was entered in live code.
    live: bool,
    /// What a branch to this frame carries: see [`summary`].
    pub(super) label: PackedType,
    /// What the frame leaves at its end: see [`summary`].
    pub(super) result: PackedType,
    pub(super) ty: BlockType,
    /// Where the frame's operands begin on the stack of types.
    pub(super) height: u32,
}

/// A list of types in one byte, if it has at most one: [`PackedType::BOTTOM`] stands for none,
/// [`PackedType::SEVERAL`] for more than one.
pub(super) fn summary(types: &[ValType]) -> PackedType {
    match types {
        [] => PackedType::BOTTOM,
        [ty] => PackedType::new(*ty),
        _ => PackedType::SEVERAL,
    }
}

impl Frame {
    /// A frame whose height is not known yet.
    pub(super) fn new(kind: FrameKind, ty: BlockType, live: bool, module: &Module) -> Self {
        let nothing = PackedType::BOTTOM;
        let mut frame =
            Self { kind, unreachable: false, live, label: nothing, result: nothing, ty, height: 0 };
        frame.label = summary(frame.label_types(module));
        frame.result = summary(frame.results(module));
        frame
    }

    /// A block without parameters that is entered in a run, above `below` entries of the stack.
    #[inline(always)]
    pub(super) fn simple(kind: FrameKind, result: PackedType, below: usize) -> Self {
        let label = if kind == FrameKind::Loop { PackedType::BOTTOM } else { result };
        let ty = if result == PackedType::BOTTOM { BlockType::Empty } else { BlockType::Value(result) };
        Self { kind, unreachable: false, live: true, label, result, ty, height: below as u32 + 1 }
    }

    fn params<'m>(&self, module: &'m Module) -> &'m [ValType] {
        match &self.ty {
            BlockType::Func(ty) if self.kind != FrameKind::Function => module.types[ty.index()].params(),
            _ => &[],
        }
    }

    fn results<'m>(&self, module: &'m Module) -> &'m [ValType] {
        match &self.ty {
            BlockType::Empty => &[],
            BlockType::Value(ty) => ty.as_slice(),
            BlockType::Func(ty) => module.types[ty.index()].results(),
        }
    }

    /// The types of the operands that a branch to this frame carries.
    fn label_types<'m>(&self, module: &'m Module) -> &'m [ValType] {
        if self.kind == FrameKind::Loop { self.params(module) } else { self.results(module) }
    }
}

/// The stack of frames. What lies behind its end has no meaning.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<Frame>,
    len: usize,
}

impl Frames {
    /// How many frames a run finds room for from the start.
    const ROOM: usize = 64;

    /// Empties the stack for another body.
    pub(super) fn reset(&mut self) {
        self.len = 0;
    }

    /// Makes room for a run.
    pub(super) fn make_room(&mut self) {
        if self.buffer.len() < Self::ROOM {
            self.buffer.resize(Self::ROOM, Frame::simple(FrameKind::Block, PackedType::BOTTOM, 0));
        }
    }

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        self.buffer.capacity() * size_of::<Frame>()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn push(&mut self, frame: Frame) {
        match self.buffer.get_mut(self.len) {
            Some(place) => *place = frame,
            None => self.buffer.push(frame),
        }
        self.len += 1;
    }

    fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
    }

    fn first(&self) -> Option<&Frame> {
        self.buffer.first()
    }

    pub(super) fn last(&self) -> Option<&Frame> {
        self.buffer.get(self.len.wrapping_sub(1))
    }

    fn last_mut(&mut self) -> Option<&mut Frame> {
        self.buffer.get_mut(self.len.wrapping_sub(1))
    }

    /// The frame that a branch of this depth goes to.
    fn target(&self, depth: u32) -> Option<&Frame> {
        self.buffer[..self.len].iter().nth_back(depth as usize)
    }

    /// The buffer, up to so many frames, and how many there are.
    pub(super) fn parts(&mut self, most: usize) -> (&mut [Frame], usize) {
        let end = self.buffer.len().min(most);
        (&mut self.buffer[..end], self.len)
    }

    /// How many frames there are after a run.
    pub(super) fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.buffer.len());
        self.len = len;
    }
}

impl<'m, C: Client, const CHECKED: bool> Walk<'m, '_, C, CHECKED> {
    /// Enters a frame, its parameters popped. `label` is the client's if it follows.
    pub(super) fn push_frame(&mut self, mut frame: Frame, label: Option<C::Label>) {
        self.stacks.types.enter_frame();
        frame.height = self.stacks.types.len() as u32;
        if let Some(label) = label {
            self.stacks.control.push(ControlFrame {
                kind: frame.kind,
                height: self.stacks.operands.len() as u32,
                params: frame.params(self.module).len() as u32,
                results: frame.results(self.module).len() as u32,
                unreachable: false,
                label,
            });
        }
        self.height = frame.height as usize;
        self.unreachable = false;
        self.stacks.frames.push(frame);
    }

    /// The current frame.
    fn frame(&self) -> Result<Frame, Error> {
        match self.stacks.frames.last() {
            Some(&frame) => Ok(frame),
            // The walk ends with its last frame.
            None => Err(self.invalid("unexpected token")),
        }
    }

    /// The frame that a branch goes to.
    #[inline]
    fn target(&self, depth: u32) -> Result<&Frame, Error> {
        match self.stacks.frames.target(depth) {
            Some(frame) => Ok(frame),
            None => Err(self.unknown("label", depth)),
        }
    }

    /// The types of the operands that a branch carries.
    #[inline]
    fn label_types(&self, depth: u32) -> Result<&'m [ValType], Error> {
        Ok(self.target(depth)?.label_types(self.module))
    }

    /// The results of the function.
    pub(super) fn function_results(&self) -> &'m [ValType] {
        self.stacks.frames.first().map_or(&[], |frame| frame.results(self.module))
    }

    /// Marks the rest of the frame as unreachable.
    pub(super) fn set_unreachable(&mut self) {
        self.stacks.types.truncate(self.height);
        self.unreachable = true;
        if let Some(frame) = self.stacks.frames.last_mut() {
            frame.unreachable = true;
        }
        if self.follows()
            && let Some(frame) = self.stacks.control.last_mut()
        {
            self.stacks.operands.truncate(frame.height as usize);
            frame.unreachable = true;
        }
        // Without a client there is nobody to whom it makes a difference.
        self.live = !C::FOLLOWS;
    }

    pub(super) fn unreachable(&mut self) -> Result<(), Error> {
        if self.follows() {
            self.client.unreachable(&mut self.stacks.operands);
        }
        self.set_unreachable();
        Ok(())
    }

    pub(super) fn block(&mut self) -> Result<(), Error> {
        let ty = self.block_type()?;
        self.enter_block(FrameKind::Block, ty, |client, params, _, stack| client.block(params, stack))
    }

    pub(super) fn loop_(&mut self) -> Result<(), Error> {
        let ty = self.block_type()?;
        self.enter_block(FrameKind::Loop, ty, |client, params, _, stack| client.loop_(params, stack))
    }

    pub(super) fn if_(&mut self) -> Result<(), Error> {
        let ty = self.block_type()?;
        self.pop(PackedType::I32)?;
        let condition = if self.follows() { Some(self.take()?) } else { None };
        self.enter_block(FrameKind::If, ty, |client, params, control, stack| match condition {
            Some(condition) => client.if_(condition, params, control, stack),
            // Only live code calls the client, and live code has a condition.
            None => client.block(params, stack),
        })
    }

    #[inline]
    fn block_type(&mut self) -> Result<BlockType, Error> {
        let ty = self.reader.block_type(self.cx.features)?;
        match ty {
            BlockType::Func(ty) if ty.index() >= self.module.types.len() => Err(self.unknown("type", ty.0)),
            _ => Ok(ty),
        }
    }

    #[inline(always)]
    fn enter_block(
        &mut self,
        kind: FrameKind,
        ty: BlockType,
        enter: impl FnOnce(&mut C, u32, &mut ControlStack<C::Label>, &mut [C::Operand]) -> C::Label,
    ) -> Result<(), Error> {
        // The function's frame is not a block.
        check_limit(
            self.stacks.frames.len() as u64,
            self.cx.limits.nesting.into(),
            "blocks in each other",
            self.offset,
        )?;
        let frame = Frame::new(kind, ty, self.live, self.module);
        let params = frame.params(self.module);
        self.pop_list(params)?;
        let mut label = None;
        if self.follows() {
            let Scratch { control, operands, .. } = &mut self.stacks;
            label = Some(enter(self.client, params.len() as u32, control, operands));
            self.discard(params.len());
        }
        self.push_frame(frame, label);
        if self.follows() {
            self.push_fresh(params);
        }
        self.push_list(params)
    }

    /// Pops the results of the current frame, at its end or `else`.
    fn pop_frame_results(&mut self, frame: &Frame) -> Result<(), Error> {
        self.pop_list(frame.results(self.module))?;
        if self.stacks.types.len() != frame.height as usize {
            return Err(self.invalid("type mismatch: values remain on the stack at the end of a block"));
        }
        Ok(())
    }

    pub(super) fn else_(&mut self) -> Result<(), Error> {
        let frame = self.frame()?;
        if frame.kind != FrameKind::If {
            let message = "END opcode expected: `else` without `if`";
            return Err(Error::new(ErrorKind::Malformed, message, self.offset));
        }
        self.pop_frame_results(&frame)?;
        let params = frame.params(self.module);
        if C::FOLLOWS
            && frame.live
            && let Some(control) = self.stacks.control.last_mut()
        {
            if !self.live {
                // Nothing begins in code that cannot be reached, so there is nothing to look at.
                let _ = self.client.operator(self.offset, 0x05);
            }
            self.client.else_(control, self.live, &mut self.stacks.operands);
            control.kind = FrameKind::Else;
            control.unreachable = false;
            self.stacks.operands.truncate(control.height as usize);
            self.push_fresh(params);
        }
        self.unreachable = false;
        self.revive(&frame);
        if let Some(frame) = self.stacks.frames.last_mut() {
            frame.kind = FrameKind::Else;
            frame.unreachable = false;
        }
        self.push_list(params)
    }

    /// Goes back to the state in which a frame was entered.
    #[inline(always)]
    fn revive(&mut self, frame: &Frame) {
        if frame.live && !self.live {
            self.stacks.types.revive();
            self.live = true;
        }
    }

    pub(super) fn end(&mut self) -> Result<(), Error> {
        let frame = self.frame()?;
        self.pop_frame_results(&frame)?;
        if frame.kind == FrameKind::If {
            self.check_missing_else(&frame)?;
        }
        if C::FOLLOWS && frame.live && !self.live {
            let _ = self.client.operator(self.offset, 0x0B);
        }
        self.stacks.frames.pop();
        let Some(&outer) = self.stacks.frames.last() else {
            if self.follows() {
                self.client.br(0, &mut self.stacks.control, &mut self.stacks.operands);
            }
            return Ok(());
        };
        let results = frame.results(self.module);
        if C::FOLLOWS
            && frame.live
            && let Some(mut control) = self.stacks.control.pop()
        {
            self.client.end(&mut control, self.live, &mut self.stacks.operands);
            self.stacks.operands.truncate(control.height as usize);
            self.push_fresh(results);
        }
        self.stacks.types.leave_frame();
        self.revive(&frame);
        self.height = outer.height as usize;
        self.unreachable = outer.unreachable;
        self.push_list(results)
    }

    /// An `if` without `else` passes its parameters on as its results.
    fn check_missing_else(&self, frame: &Frame) -> Result<(), Error> {
        let (params, results) = (frame.params(self.module), frame.results(self.module));
        let fits = if CHECKED { params == results } else { params.len() == results.len() };
        if fits { Ok(()) } else { Err(self.invalid("type mismatch: an `if` without `else` changes types")) }
    }

    pub(super) fn br(&mut self) -> Result<(), Error> {
        let depth = self.reader.var_u32()?;
        self.pop_list(self.label_types(depth)?)?;
        if self.follows() {
            self.client.br(depth, &mut self.stacks.control, &mut self.stacks.operands);
        }
        self.set_unreachable();
        Ok(())
    }

    pub(super) fn br_if(&mut self) -> Result<(), Error> {
        let depth = self.reader.var_u32()?;
        self.pop(PackedType::I32)?;
        let types = self.label_types(depth)?;
        self.pop_list(types)?;
        // In dead code, operands of any type become operands of the label's types.
        self.push_list(types)?;
        if self.follows() {
            let condition = self.take()?;
            self.client.br_if(condition, depth, &mut self.stacks.control, &mut self.stacks.operands);
        }
        Ok(())
    }

    pub(super) fn br_table(&mut self) -> Result<(), Error> {
        self.read_depths()?;
        self.pop(PackedType::I32)?;
        let default = self.stacks.depths.last().copied().unwrap_or_default();
        let types = self.label_types(default)?;
        for i in 0..self.stacks.depths.len() {
            let other = self.label_types(self.stacks.depths[i])?;
            self.check_same_label(types, other)?;
        }
        self.pop_list(types)?;
        if self.follows() {
            let index = self.take()?;
            let Self { client, stacks, .. } = self;
            client.br_table(index, &stacks.depths, &mut stacks.control, &mut stacks.operands);
        }
        self.set_unreachable();
        Ok(())
    }

    /// Checks a label of a `br_table` against the default one.
    #[inline]
    fn check_same_label(&self, default: &[ValType], other: &[ValType]) -> Result<(), Error> {
        if default.len() != other.len() {
            return Err(self.invalid("type mismatch: the labels of a br_table differ in arity"));
        }
        if !CHECKED || default == other {
            return Ok(());
        }
        // In dead code the labels may differ where the operands are of any type.
        let above = self.stacks.types.above(self.height);
        let fits = |(found, ty): (PackedType, &ValType)| {
            found == PackedType::BOTTOM || found == PackedType::new(*ty)
        };
        if !self.unreachable || !above.rev().zip(other.iter().rev()).all(fits) {
            return Err(self.invalid("type mismatch: the labels of a br_table differ in type"));
        }
        Ok(())
    }

    /// Reads the labels of a `br_table`, the default last.
    fn read_depths(&mut self) -> Result<(), Error> {
        let count = self.reader.var_u32()?;
        let limit = self.cx.limits.br_table_labels;
        check_limit(u64::from(count) + 1, limit.into(), "labels of a br_table", self.offset)?;
        if count as usize > self.reader.remaining() {
            return Err(self.reader.unexpected_end());
        }
        self.stacks.depths.clear();
        for _ in 0..=count {
            let depth = self.reader.var_u32()?;
            self.stacks.depths.push(depth);
        }
        Ok(())
    }

    pub(super) fn return_(&mut self) -> Result<(), Error> {
        self.pop_list(self.function_results())?;
        if self.follows() {
            self.client.return_(&mut self.stacks.control, &mut self.stacks.operands);
        }
        self.set_unreachable();
        Ok(())
    }
}
