//! Steps for blocks, branches and calls.

use super::{Facts, LOOK, ROOM, State, Stop, eight_entries, entry, next, number, stop};
use crate::{
    FrameKind, locals::SHORT, operand_types::Window, packed_type::PackedType, type_reader::BlockType,
    walk::control::Frame,
};
use rotifer_core::TypeIdx;

pub(super) const BLOCK: u8 = 0;
pub(super) const LOOP: u8 = 1;
pub(super) const IF: u8 = 2;

/// `block`, `loop` or `if`, without parameters and with at most one result.
pub(super) fn block<const KIND: u8>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let result = match code[1] {
        0x40 => PackedType::BOTTOM,
        // Floats may be switched off.
        0x7C | 0x7D if state.gated => return stop(bytes, top),
        0x7C..=0x7F => PackedType::from_bits(0x80 - code[1]),
        _ => return stop(bytes, top),
    };
    let mut below = top;
    if KIND == IF {
        below = top.wrapping_sub(1);
        if *entry(stack, below) != PackedType::I32.bits() {
            return stop(bytes, top);
        }
    }
    let (true, Some(frame)) = (below < ROOM, state.frames.get_mut(state.depth)) else {
        return stop(bytes, top);
    };
    let kind = match KIND {
        LOOP => FrameKind::Loop,
        IF => FrameKind::If,
        _ => FrameKind::Block,
    };
    *frame = Frame::simple(kind, result, below);
    state.depth += 1;
    stack[below] = PackedType::NONE.bits();
    next(bytes, code, 2, stack, below + 1, locals, state)
}

/// The operands that a frame ends with: how many there are, if they are what the frame leaves.
#[inline(always)]
fn frame_results(frame: &Frame, stack: &mut Window, top: usize) -> Option<usize> {
    let found =
        frame.result != PackedType::BOTTOM && *entry(stack, top.wrapping_sub(1)) == frame.result.bits();
    // In dead code, there may be none.
    let fits = found
        || frame.result == PackedType::BOTTOM
        || frame.unreachable && frame.result != PackedType::SEVERAL;
    let count = usize::from(found);
    if fits && top - count == frame.height as usize { Some(count) } else { None }
}

pub(super) fn end(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(frame) = state.frames.get(state.depth.wrapping_sub(1)) else { return stop(bytes, top) };
    let Some(_) = frame_results(frame, stack, top) else { return stop(bytes, top) };
    // An `if` without `else` passes its parameters on as its results.
    if frame.kind == FrameKind::If && frame.ty != BlockType::Empty {
        return stop(bytes, top);
    }
    // The sentinel is in the place of the result.
    let (result, sentinel) = (frame.result, (frame.height as usize).wrapping_sub(1));
    state.depth -= 1;
    *entry(stack, sentinel) = result.bits();
    let top = sentinel.wrapping_add(usize::from(result != PackedType::BOTTOM));
    if state.depth == 0 {
        return Stop { left: bytes.len() - 1, top };
    }
    next(bytes, code, 1, stack, top, locals, state)
}

pub(super) fn else_(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(frame) = state.frames.get_mut(state.depth.wrapping_sub(1)) else { return stop(bytes, top) };
    let Some(count) = frame_results(frame, stack, top) else { return stop(bytes, top) };
    if frame.kind != FrameKind::If || matches!(frame.ty, BlockType::Func(_)) {
        return stop(bytes, top);
    }
    frame.kind = FrameKind::Else;
    frame.unreachable = false;
    next(bytes, code, 1, stack, top - count, locals, state)
}

pub(super) fn br_if(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((depth, end)) = number(code, 1) else { return stop(bytes, top) };
    let Some(frame) = target(state, depth) else { return stop(bytes, top) };
    if *entry(stack, top.wrapping_sub(1)) != PackedType::I32.bits()
        || !carries(frame, stack, top.wrapping_sub(1))
    {
        return stop(bytes, top);
    }
    next(bytes, code, end, stack, top - 1, locals, state)
}

pub(super) fn br(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((depth, end)) = number(code, 1) else { return stop(bytes, top) };
    let Some(frame) = target(state, depth) else { return stop(bytes, top) };
    if !carries(frame, stack, top) {
        return stop(bytes, top);
    }
    leave(bytes, code, end, stack, top, locals, state)
}

pub(super) fn return_(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(frame) = state.frames.first() else { return stop(bytes, top) };
    if !carries(frame, stack, top) {
        return stop(bytes, top);
    }
    leave(bytes, code, 1, stack, top, locals, state)
}

pub(super) fn unreachable(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    leave(bytes, code, 1, stack, top, locals, state)
}

/// The frame that a branch goes to.
#[inline(always)]
fn target<'a>(state: &'a State<'_>, depth: usize) -> Option<&'a Frame> {
    state.frames.get(state.depth.wrapping_sub(1).wrapping_sub(depth))
}

/// Whether what a branch to a frame carries lies on top of the stack.
#[inline(always)]
fn carries(frame: &Frame, stack: &mut Window, top: usize) -> bool {
    frame.label == PackedType::BOTTOM || *entry(stack, top.wrapping_sub(1)) == frame.label.bits()
}

/// Continues behind an operator behind which code is unreachable.
#[inline(always)]
fn leave(
    bytes: &[u8],
    code: &[u8; LOOK],
    len: usize,
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(frame) = state.frames.get_mut(state.depth.wrapping_sub(1)) else { return stop(bytes, top) };
    frame.unreachable = true;
    let top = frame.height as usize;
    next(bytes, code, len, stack, top, locals, state)
}

pub(super) fn call(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((func, end)) = number(code, 1) else { return stop(bytes, top) };
    let Some(&ty) = state.functions.get(func) else { return stop(bytes, top) };
    let Some(top_behind) = call_type(state.facts, ty, stack, top) else { return stop(bytes, top) };
    next(bytes, code, end, stack, top_behind, locals, state)
}

/// `call_indirect` through the first table.
pub(super) fn call_indirect(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((ty, end)) = number(code, 1) else { return stop(bytes, top) };
    let index = top.wrapping_sub(1);
    if code[end] != 0 || *entry(stack, index) != state.table.bits() {
        return stop(bytes, top);
    }
    let ty = TypeIdx(ty as u32);
    let Some(top_behind) = call_type(state.facts, ty, stack, index) else { return stop(bytes, top) };
    next(bytes, code, end + 1, stack, top_behind, locals, state)
}

/// Replaces arguments by results. Gives where the stack ends then.
#[inline(always)]
fn call_type(facts: &Facts, ty: TypeIdx, stack: &mut Window, top: usize) -> Option<usize> {
    let ty = facts.types.get(ty.index())?;
    if eight_entries(stack, top) & ty.mask != ty.params || top >= ROOM {
        return None;
    }
    let top = top.wrapping_sub(usize::from(ty.count));
    *entry(stack, top) = ty.result.bits();
    Some(top.wrapping_add(usize::from(ty.results)))
}
