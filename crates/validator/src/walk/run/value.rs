//! Steps for the operators of the table, one for each signature. Types are given by their bits.

use super::{LOOK, State, Stop, are_on_top, entry, next, skip_number, stop};
use crate::{locals::SHORT, operand_types::Window, packed_type::PackedType};

/// An operator of kind unary. `GATED` is whether it came with a proposal that may be switched off.
pub(super) fn unary<const A: u8, const RESULT: u8, const GATED: bool>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let a = entry(stack, top.wrapping_sub(1));
    if *a != A || GATED && state.gated {
        return stop(bytes, top);
    }
    if A != RESULT {
        *a = RESULT;
    }
    next(bytes, code, 1, stack, top, locals, state)
}

/// An operator of kind binary or compare.
pub(super) fn binary<const AB: u8, const RESULT: u8, const GATED: bool>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    if !are_on_top(stack, top, AB, AB) || GATED && state.gated {
        return stop(bytes, top);
    }
    if AB != RESULT {
        *entry(stack, top.wrapping_sub(2)) = RESULT;
    }
    next(bytes, code, 1, stack, top - 1, locals, state)
}

/// An operator of kind load, whose alignment is at most `ALIGNMENT`.
pub(super) fn load<const ALIGNMENT: u8, const RESULT: u8, const GATED: bool>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(end) = offset_end::<ALIGNMENT>(code) else { return stop(bytes, top) };
    let address = entry(stack, top.wrapping_sub(1));
    if *address != state.address.bits() || GATED && state.gated {
        return stop(bytes, top);
    }
    *address = RESULT;
    next(bytes, code, end, stack, top, locals, state)
}

/// An operator of kind store, whose alignment is at most `ALIGNMENT`.
pub(super) fn store<const ALIGNMENT: u8, const VALUE: u8, const GATED: bool>(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    let Some(end) = offset_end::<ALIGNMENT>(code) else { return stop(bytes, top) };
    if !are_on_top(stack, top, state.address.bits(), VALUE) || GATED && state.gated {
        return stop(bytes, top);
    }
    next(bytes, code, end, stack, top - 2, locals, state)
}

/// The end of the immediate of a load or a store, if it is short and names no memory.
#[inline(always)]
fn offset_end<const ALIGNMENT: u8>(code: &[u8; LOOK]) -> Option<usize> {
    // Numbers of at most 4 bytes are offsets in every memory.
    if code[1] > ALIGNMENT { None } else { skip_number(code, 2).filter(|&end| end <= 6) }
}
