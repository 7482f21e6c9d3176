//! Steps for locals, globals, constants, `drop` and `select`.

use super::{Facts, LOOK, ROOM, State, Stop, eight_entries, entry, next, number, skip_number, stop};
use crate::{locals::SHORT, operand_types::Window, packed_type::PackedType};
use core::ops::Range;

/// `local.get`, and the next operator as well if it is another one or `i32.const`. These two make up 40 % of all
/// operators, so this often saves a jump.
pub(super) fn local_get(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(&ty) = locals.get(usize::from(code[1])) else {
        return long_local::<GET>(bytes, stack, top, locals, state);
    };
    if ty == PackedType::NO_LOCAL || top >= ROOM {
        return stop(bytes, top);
    }
    stack[top] = ty.bits();
    if code[2] == 0x20
        && let Some(&ty) = locals.get(usize::from(code[3]))
        && ty != PackedType::NO_LOCAL
    {
        stack[top + 1] = ty.bits();
        return next(bytes, code, 4, stack, top + 2, locals, state);
    }
    if code[2] == 0x41 && code[3] < 0x80 {
        stack[top + 1] = PackedType::I32.bits();
        return next(bytes, code, 4, stack, top + 2, locals, state);
    }
    next(bytes, code, 2, stack, top + 1, locals, state)
}

pub(super) fn local_set(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(&ty) = locals.get(usize::from(code[1])) else {
        return long_local::<SET>(bytes, stack, top, locals, state);
    };
    if *entry(stack, top.wrapping_sub(1)) != ty.bits() {
        return stop(bytes, top);
    }
    next(bytes, code, 2, stack, top - 1, locals, state)
}

pub(super) fn local_tee(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(&ty) = locals.get(usize::from(code[1])) else {
        return long_local::<TEE>(bytes, stack, top, locals, state);
    };
    if *entry(stack, top.wrapping_sub(1)) != ty.bits() {
        return stop(bytes, top);
    }
    next(bytes, code, 2, stack, top, locals, state)
}

const GET: u8 = 0;
const SET: u8 = 1;
const TEE: u8 = 2;

/// `local.get` and its like, with an index of more than one byte.
#[inline(never)]
fn long_local<const KIND: u8>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((local, end)) = number(code, 1) else { return stop(bytes, top) };
    let Some(&ty) = state.locals.get(local) else { return stop(bytes, top) };
    let top = if KIND == GET {
        if ty == PackedType::NO_LOCAL || top >= ROOM {
            return stop(bytes, top);
        }
        stack[top] = ty.bits();
        top + 1
    } else {
        if *entry(stack, top.wrapping_sub(1)) != ty.bits() {
            return stop(bytes, top);
        }
        if KIND == SET { top - 1 } else { top }
    };
    next(bytes, code, end, stack, top, locals, state)
}

pub(super) fn i32_const(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(end) = skip_number(code, 1) else { return stop(bytes, top) };
    // In the fifth byte, the bits from the sign bit up must be equal.
    let is_number = end <= 5 || end == 6 && matches!(code[5] & 0x78, 0 | 0x78);
    if !is_number || top >= ROOM {
        return stop(bytes, top);
    }
    stack[top] = PackedType::I32.bits();
    next(bytes, code, end, stack, top + 1, locals, state)
}

pub(super) fn i64_const(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(end) = skip_number(code, 1) else { return stop(bytes, top) };
    if top >= ROOM {
        return stop(bytes, top);
    }
    stack[top] = PackedType::I64.bits();
    next(bytes, code, end, stack, top + 1, locals, state)
}

/// `f32.const` or `f64.const`, of so many bytes.
pub(super) fn float_const<const TYPE: u8, const LEN: usize>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    if state.gated || top >= ROOM {
        return stop(bytes, top);
    }
    stack[top] = TYPE;
    next(bytes, code, LEN, stack, top + 1, locals, state)
}

pub(super) fn global_get(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((global, end)) = number(code, 1) else { return stop(bytes, top) };
    let Some(&ty) = state.facts.globals.get(global) else { return stop(bytes, top) };
    if top >= ROOM {
        return stop(bytes, top);
    }
    stack[top] = ty & !Facts::MUTABLE;
    next(bytes, code, end, stack, top + 1, locals, state)
}

pub(super) fn global_set(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some((global, end)) = number(code, 1) else { return stop(bytes, top) };
    let Some(&ty) = state.facts.globals.get(global) else { return stop(bytes, top) };
    if *entry(stack, top.wrapping_sub(1)) | Facts::MUTABLE != ty {
        return stop(bytes, top);
    }
    next(bytes, code, end, stack, top - 1, locals, state)
}

pub(super) fn drop(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    if *entry(stack, top.wrapping_sub(1)) == PackedType::NONE.bits() {
        return stop(bytes, top);
    }
    next(bytes, code, 1, stack, top - 1, locals, state)
}

/// `select` of two numbers of one type.
pub(super) fn select(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    const NUMBERS: Range<u8> = PackedType::I32.bits()..PackedType::F64.bits() + 1;
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let [.., a, b, condition] = eight_entries(stack, top).to_le_bytes();
    if condition != PackedType::I32.bits() || a != b || !NUMBERS.contains(&a) {
        return stop(bytes, top);
    }
    next(bytes, code, 1, stack, top - 2, locals, state)
}
