//! [`STEPS`]: which step takes which opcode, derived from the operator table.

use super::{LOOK, State, Step, Stop, control, next, stop, value, variable};
use crate::{
    locals::SHORT,
    operand_types::Window,
    packed_type::PackedType,
    signature::{Class, Signature, signature},
};

/// The steps of all opcodes of one byte.
pub(super) static STEPS: [Step; 256] = {
    let mut steps: [Step; 256] = [unusual; 256];
    let mut opcode = 0;
    while opcode < 256 {
        steps[opcode] = step(signature(opcode as u16));
        opcode += 1;
    }
    steps
};

/// Leaves an operator to general code.
fn unusual(bytes: &[u8], _: &mut Window, top: usize, _: &[PackedType; SHORT], _: &mut State<'_>) -> Stop {
    stop(bytes, top)
}

fn nop(
    bytes: &[u8],
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let Some(code) = bytes.first_chunk::<LOOK>() else { return stop(bytes, top) };
    next(bytes, code, 1, stack, top, locals, state)
}

const fn step(signature: Signature) -> Step {
    match signature.class {
        Class::Unary(_) => unary(signature),
        Class::Binary(_) => binary(signature),
        Class::Load(_) => load(signature),
        Class::Store(_) => store(signature),
        Class::Unreachable => control::unreachable,
        Class::Nop => nop,
        Class::Block => control::block::<{ control::BLOCK }>,
        Class::Loop => control::block::<{ control::LOOP }>,
        Class::If => control::block::<{ control::IF }>,
        Class::Else => control::else_,
        Class::End => control::end,
        Class::Br => control::br,
        Class::BrIf => control::br_if,
        Class::Return => control::return_,
        Class::Call => control::call,
        Class::CallIndirect => control::call_indirect,
        Class::Drop => variable::drop,
        Class::Select => variable::select,
        Class::LocalGet => variable::local_get,
        Class::LocalSet => variable::local_set,
        Class::LocalTee => variable::local_tee,
        Class::GlobalGet => variable::global_get,
        Class::GlobalSet => variable::global_set,
        Class::I32Const => variable::i32_const,
        Class::I64Const => variable::i64_const,
        Class::F32Const => variable::float_const::<{ PackedType::F32.bits() }, 5>,
        Class::F64Const => variable::float_const::<{ PackedType::F64.bits() }, 9>,
        _ => unusual,
    }
}

const fn unary(signature: Signature) -> Step {
    macro_rules! steps {
        ($( $a:literal )*) => {
            match (signature.a.bits(), signature.result.bits(), !signature.gates.is_none()) {
                $(
                    ($a, 1, false) => value::unary::<$a, 1, false>,
                    ($a, 2, false) => value::unary::<$a, 2, false>,
                    ($a, 1, true) => value::unary::<$a, 1, true>,
                    ($a, 2, true) => value::unary::<$a, 2, true>,
                    ($a, 3, true) => value::unary::<$a, 3, true>,
                    ($a, 4, true) => value::unary::<$a, 4, true>,
                )*
                _ => unusual,
            }
        };
    }
    steps!(1 2 3 4)
}

const fn binary(signature: Signature) -> Step {
    if signature.a.bits() != signature.b.bits() {
        return unusual;
    }
    match (signature.a.bits(), signature.result.bits(), !signature.gates.is_none()) {
        (1, 1, false) => value::binary::<1, 1, false>,
        (2, 1, false) => value::binary::<2, 1, false>,
        (2, 2, false) => value::binary::<2, 2, false>,
        (3, 1, true) => value::binary::<3, 1, true>,
        (3, 3, true) => value::binary::<3, 3, true>,
        (4, 1, true) => value::binary::<4, 1, true>,
        (4, 4, true) => value::binary::<4, 4, true>,
        _ => unusual,
    }
}

const fn load(signature: Signature) -> Step {
    match (signature.natural_alignment, signature.result.bits(), !signature.gates.is_none()) {
        (0, 1, false) => value::load::<0, 1, false>,
        (1, 1, false) => value::load::<1, 1, false>,
        (2, 1, false) => value::load::<2, 1, false>,
        (0, 2, false) => value::load::<0, 2, false>,
        (1, 2, false) => value::load::<1, 2, false>,
        (2, 2, false) => value::load::<2, 2, false>,
        (3, 2, false) => value::load::<3, 2, false>,
        (2, 3, true) => value::load::<2, 3, true>,
        (3, 4, true) => value::load::<3, 4, true>,
        _ => unusual,
    }
}

const fn store(signature: Signature) -> Step {
    match (signature.natural_alignment, signature.b.bits(), !signature.gates.is_none()) {
        (0, 1, false) => value::store::<0, 1, false>,
        (1, 1, false) => value::store::<1, 1, false>,
        (2, 1, false) => value::store::<2, 1, false>,
        (0, 2, false) => value::store::<0, 2, false>,
        (1, 2, false) => value::store::<1, 2, false>,
        (2, 2, false) => value::store::<2, 2, false>,
        (3, 2, false) => value::store::<3, 2, false>,
        (2, 3, true) => value::store::<2, 3, true>,
        (3, 4, true) => value::store::<3, 4, true>,
        _ => unusual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::SIGNATURES;

    /// An operator of the table that no step takes would be slow, and nobody would see it.
    #[test]
    fn all_operators_of_the_table_have_steps() {
        let is_unusual = |opcode: usize| core::ptr::fn_addr_eq(STEPS[opcode], unusual as Step);
        for (opcode, signature) in SIGNATURES.iter().enumerate() {
            let of_table = matches!(
                signature.class,
                Class::Unary(_) | Class::Binary(_) | Class::Load(_) | Class::Store(_)
            );
            assert!(!of_table || !is_unusual(opcode), "{opcode:#x}");
        }
        assert!(is_unusual(0xFC) && is_unusual(0x0E) && is_unusual(0xFF));
    }
}
