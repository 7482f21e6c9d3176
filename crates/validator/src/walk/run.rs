//! Runs: the fast path of a walk that only validates.
//!
//! A run goes over the most frequent kinds of operators with its state in registers. It does nothing that general
//! code does not do: where anything is unusual - a long number, an operand of the wrong type, a stack higher than
//! ever - general code handles the operator from its start, errors included. Without this file, walks would be
//! slower and otherwise the same.

use super::Walk;
use crate::{
    Client, Error,
    packed_type::PackedType,
    signature::{Class, Gates, SIGNATURES, Signature},
};
use rotifer_core::WasmOffset;

/// What a run needs of a walk. Its functions change nothing and return `None` where something is unusual.
///
/// All of them are inlined, so that the fields are local variables.
struct Run<'a> {
    bytes: &'a [u8],
    /// Of the current operator.
    position: usize,
    /// The first ones; to use another is unusual.
    locals: &'a [PackedType],
    types: &'a mut [PackedType],
    len: usize,
    /// The type of addresses of the first memory. To name another one is unusual.
    address: PackedType,
    closed: Gates,
}

/// Leaves an operator to general code, behind its opcode, and begins another run behind it.
macro_rules! general {
    ($walk:ident, $run:ident, $handle:expr) => {{
        let (position, len) = ($run.position, $run.len);
        $walk.park(position, 1, len);
        let handled: Result<(), Error> = $handle;
        handled?;
        $run = $walk.start_run();
        Some(())
    }};
}

impl<C: Client, const CHECKED: bool> Walk<'_, '_, C, CHECKED> {
    /// Walks to the last `end`.
    pub(super) fn run(&mut self) -> Result<(), Error> {
        let mut run = self.start_run();
        loop {
            let signature = match run.bytes.get(run.position) {
                Some(&opcode) => &SIGNATURES[usize::from(opcode)],
                None => return Err(self.reader.unexpected_end()),
            };
            let usual = match signature.class {
                Class::LocalGet => run.local_get_and_next(),
                Class::LocalSet => run.local_set(),
                Class::LocalTee => run.local_tee(),
                Class::I32Const => run.constant(PackedType::I32),
                Class::I64Const => run.constant(PackedType::I64),
                Class::Unary(_) => run.unary(signature),
                Class::Binary(_) => run.binary(signature),
                Class::Load(_) => run.load(signature),
                Class::Store(_) => run.store(signature),
                Class::Br => general!(self, run, self.br()),
                Class::BrIf => general!(self, run, self.br_if()),
                Class::Call => general!(self, run, self.call()),
                Class::Block => general!(self, run, self.block()),
                Class::If => general!(self, run, self.if_()),
                Class::End => general!(self, run, {
                    self.end()?;
                    if self.stacks.frames.is_empty() {
                        return Ok(());
                    }
                    Ok(())
                }),
                class => general!(self, run, self.other(class)),
            };
            if usual.is_none() {
                let (position, len) = (run.position, run.len);
                self.park(position, 0, len);
                self.operator()?;
                run = self.start_run();
            }
        }
    }

    #[inline(always)]
    fn start_run(&mut self) -> Run<'_> {
        let address = self.module.memories.first().map(|ty| PackedType::address(ty.memory64));
        let (types, len) = self.stacks.types.parts();
        Run {
            bytes: self.reader.bytes_to_end(),
            position: self.reader.position(),
            locals: self.stacks.locals.listed(),
            types,
            len,
            address: address.unwrap_or(PackedType::NO_MEMORY),
            closed: self.closed,
        }
    }

    /// Brings the walk to where a run is, `skip` bytes into the operator.
    #[inline(always)]
    fn park(&mut self, position: usize, skip: usize, len: usize) {
        self.offset = WasmOffset(position as u32);
        self.reader.seek(position + skip);
        self.stacks.types.set_len(len);
    }
}

impl Run<'_> {
    /// `local.get`, and the next operator as well if it is another one or `i32.const`. These two make up 40 % of
    /// all operators, so this often saves a dispatch: 8 % of the time for spidermonkey, 24 % for a small contract
    /// (2026-11, Zen 4).
    #[inline(always)]
    fn local_get_and_next(&mut self) -> Option<()> {
        self.local_get()?;
        match self.bytes.get(self.position) {
            Some(0x20) => self.local_get(),
            Some(0x41) => self.constant(PackedType::I32),
            _ => Some(()),
        }
    }

    #[inline(always)]
    fn local_get(&mut self) -> Option<()> {
        let (local, next) = short_number(self.bytes, self.position + 1)?;
        let ty = *self.locals.get(local)?;
        self.push(ty)?;
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn local_set(&mut self) -> Option<()> {
        let (local, next) = short_number(self.bytes, self.position + 1)?;
        let ty = *self.locals.get(local)?;
        if *self.top()? != ty {
            return None;
        }
        self.len -= 1;
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn local_tee(&mut self) -> Option<()> {
        let (local, next) = short_number(self.bytes, self.position + 1)?;
        let ty = *self.locals.get(local)?;
        if *self.top()? != ty {
            return None;
        }
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn constant(&mut self, ty: PackedType) -> Option<()> {
        let next = skip_number(self.bytes, self.position + 1)?;
        self.push(ty)?;
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn unary(&mut self, signature: &Signature) -> Option<()> {
        self.check_gates(signature)?;
        let top = self.top()?;
        if *top != signature.a {
            return None;
        }
        *top = signature.result;
        self.position += 1;
        Some(())
    }

    #[inline(always)]
    fn binary(&mut self, signature: &Signature) -> Option<()> {
        self.check_gates(signature)?;
        let [a, b] = self.top_two()?;
        if *a != signature.a || *b != signature.b {
            return None;
        }
        *a = signature.result;
        self.len -= 1;
        self.position += 1;
        Some(())
    }

    #[inline(always)]
    fn load(&mut self, signature: &Signature) -> Option<()> {
        self.check_gates(signature)?;
        let next = self.mem_arg(signature)?;
        let address = self.address;
        let top = self.top()?;
        if *top != address {
            return None;
        }
        *top = signature.result;
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn store(&mut self, signature: &Signature) -> Option<()> {
        self.check_gates(signature)?;
        let next = self.mem_arg(signature)?;
        let address = self.address;
        let [a, b] = self.top_two()?;
        if *a != address || *b != signature.b {
            return None;
        }
        self.len -= 2;
        self.position = next;
        Some(())
    }

    #[inline(always)]
    fn check_gates(&self, signature: &Signature) -> Option<()> {
        if signature.gates.intersects(self.closed) { None } else { Some(()) }
    }

    /// The end of the immediate of a load or a store, if it is short and names no memory.
    #[inline(always)]
    fn mem_arg(&self, signature: &Signature) -> Option<usize> {
        if *self.bytes.get(self.position + 1)? > signature.natural_alignment {
            return None;
        }
        skip_number(self.bytes, self.position + 2)
    }

    #[inline(always)]
    fn push(&mut self, ty: PackedType) -> Option<()> {
        *self.types.get_mut(self.len)? = ty;
        self.len += 1;
        Some(())
    }

    #[inline(always)]
    fn top(&mut self) -> Option<&mut PackedType> {
        self.types.get_mut(self.len.wrapping_sub(1))
    }

    #[inline(always)]
    fn top_two(&mut self) -> Option<&mut [PackedType; 2]> {
        self.types.get_mut(self.len.wrapping_sub(2)..self.len)?.first_chunk_mut()
    }
}

/// Skips a LEB128 number of at most four bytes, which is a number of every type.
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
