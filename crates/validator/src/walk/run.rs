//! Runs: the fast path of a walk that only validates.
//!
//! A run goes over consecutive operators of the most frequent kinds with its state in registers. It does nothing
//! that general code does not do: wherever anything is unusual - a long number, an operand of the wrong type, a
//! stack higher than ever - the run ends *before* that operator, and general code handles it, errors included.
//! Without this file, walks are slower and otherwise the same.

use super::Walk;
use crate::{
    Client,
    packed_type::PackedType,
    signature::{Class, Gates, SIGNATURES},
};

impl<C: Client, const CHECKED: bool> Walk<'_, '_, C, CHECKED> {
    /// Validates operators as long as they are usual.
    pub(super) fn run(&mut self) {
        if self.closed != Gates::NONE {
            return;
        }
        // Loads and stores name the first memory, unless they are unusual.
        let address = self.module.memories.first().map(|ty| PackedType::address(ty.memory64));
        let address = address.unwrap_or(PackedType::NONE);
        let locals = self.stacks.locals.as_slice();
        let bytes = self.reader.bytes_to_end();
        let mut position = self.reader.position();
        let (types, mut len) = self.stacks.types.parts();
        while let Some(&opcode) = bytes.get(position) {
            let signature = &SIGNATURES[usize::from(opcode)];
            let next = position + 1;
            match signature.class {
                Class::LocalGet => {
                    let Some((local, next)) = short_number(bytes, next) else { break };
                    let Some(&ty) = locals.get(local) else { break };
                    let Some(top) = types.get_mut(len) else { break };
                    *top = ty;
                    len += 1;
                    position = next;
                }
                Class::LocalSet => {
                    let Some((local, next)) = short_number(bytes, next) else { break };
                    let Some(&ty) = locals.get(local) else { break };
                    let Some(&top) = types.get(len.wrapping_sub(1)) else { break };
                    if top != ty {
                        break;
                    }
                    len -= 1;
                    position = next;
                }
                Class::LocalTee => {
                    let Some((local, next)) = short_number(bytes, next) else { break };
                    let Some(&ty) = locals.get(local) else { break };
                    let Some(&top) = types.get(len.wrapping_sub(1)) else { break };
                    if top != ty {
                        break;
                    }
                    position = next;
                }
                Class::I32Const => {
                    let Some(next) = skip_number(bytes, next) else { break };
                    let Some(top) = types.get_mut(len) else { break };
                    *top = PackedType::I32;
                    len += 1;
                    position = next;
                }
                Class::I64Const => {
                    let Some(next) = skip_number(bytes, next) else { break };
                    let Some(top) = types.get_mut(len) else { break };
                    *top = PackedType::I64;
                    len += 1;
                    position = next;
                }
                Class::Unary(_) => {
                    let Some(top) = types.get_mut(len.wrapping_sub(1)) else { break };
                    if *top != signature.a {
                        break;
                    }
                    *top = signature.result;
                    position = next;
                }
                Class::Binary(_) => {
                    let Some([a, b]) = types.get_mut(len.wrapping_sub(2)..len) else { break };
                    if *a != signature.a || *b != signature.b {
                        break;
                    }
                    *a = signature.result;
                    len -= 1;
                    position = next;
                }
                Class::Load(_) => {
                    let Some(next) = mem_arg(bytes, next, signature.natural_alignment) else { break };
                    let Some(top) = types.get_mut(len.wrapping_sub(1)) else { break };
                    if *top != address {
                        break;
                    }
                    *top = signature.result;
                    position = next;
                }
                Class::Store(_) => {
                    let Some(next) = mem_arg(bytes, next, signature.natural_alignment) else { break };
                    let Some([a, b]) = types.get_mut(len.wrapping_sub(2)..len) else { break };
                    if *a != address || *b != signature.b {
                        break;
                    }
                    len -= 2;
                    position = next;
                }
                _ => break,
            }
        }
        self.reader.seek(position);
        self.stacks.types.set_len(len);
    }
}

/// Skips the immediate of a load or a store on the first memory, if it is short.
#[inline(always)]
fn mem_arg(bytes: &[u8], at: usize, natural_alignment: u8) -> Option<usize> {
    if *bytes.get(at)? > natural_alignment {
        return None;
    }
    skip_number(bytes, at + 1)
}

/// Skips a LEB128 number of at most four bytes, which fits every type.
#[inline(always)]
fn skip_number(bytes: &[u8], at: usize) -> Option<usize> {
    if *bytes.get(at)? < 0x80 {
        return Some(at + 1);
    }
    let word = u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    let ends = !word & 0x8080_8080;
    if ends == 0 { None } else { Some(at + 1 + ends.trailing_zeros() as usize / 8) }
}

/// Reads an unsigned LEB128 number of one or two bytes.
#[inline(always)]
fn short_number(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let low = *bytes.get(at)?;
    if low < 0x80 {
        return Some((usize::from(low), at + 1));
    }
    let high = *bytes.get(at + 1)?;
    if high < 0x80 { Some((usize::from(low & 0x7F) | usize::from(high) << 7, at + 2)) } else { None }
}
