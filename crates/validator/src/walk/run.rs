//! Runs: the fast path of a walk that only validates.
//!
//! A run goes over operators one by one, with its state in registers. It does nothing that general code does not
//! do: where anything is unusual - a long number, an operand of the wrong type, a block with parameters - general
//! code handles the operator from its start, errors included. Without runs, walks would be slower and otherwise
//! the same.
//!
//! There is a small function for each signature, a [`Step`]: it decodes and validates one operator and then calls
//! the step of the next. All steps have the same arguments, which fill the registers that arguments are passed in,
//! so that compilers make these calls jumps. Nothing relies on that: a run ends after [`CHUNK`] bytes, and with it
//! the stack of calls, if there is one.
//!
//! A step reads its operator from the next [`LOOK`] bytes, whether or not they are the body's. One comparison of
//! what is left of the run serves both this and the end of the run: a run's bytes go on for [`LOOK`]` - 1` bytes
//! behind the last place where an operator may begin. If the last operator turns out to reach beyond the end of the
//! body, its immediates were cut off.

mod control;
mod steps;
mod value;
mod variable;

use super::Walk;
use crate::{
    Client, Error, Module,
    locals::SHORT,
    operand_types::{REACH, Window},
    packed_type::PackedType,
    walk::control::{Frame, summary},
};
use alloc::vec::Vec;
use core::ops::Range;
use rotifer_core::{FuncType, GlobalType, Mutability, RefType, TypeIdx, ValType};

use self::steps::STEPS;

/// How many bytes a step may look at: its operator and the next one's opcode.
const LOOK: usize = 16;

/// How many bytes a run covers. Where compilers do not make calls of steps jumps, as many calls may be in each other.
const CHUNK: usize = if cfg!(debug_assertions) { 128 } else { 512 };

/// Whether a step calls the next one. Elsewhere it returns, and the loop of [`Walk::run`] calls it.
const CHAINED: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The stack is not to be higher than this for a step that makes it higher, by at most two entries.
const ROOM: usize = REACH - 2;

/// Validates an operator, the first of the bytes, and all that follow; or nothing, if the operator is unusual.
///
/// The other arguments are the stack, where it ends, the types of the first locals and everything else.
type Step = fn(&[u8], &mut Window, usize, &[PackedType; SHORT], &mut State<'_>) -> Stop;

/// Where a run stopped.
#[derive(Clone, Copy)]
struct Stop {
    /// How many bytes of the run are left.
    left: usize,
    /// Where the stack ends.
    top: usize,
}

/// What steps seldom need.
struct State<'a> {
    /// The stack of frames. What lies behind its end is room.
    frames: &'a mut [Frame],
    depth: usize,
    /// The types of locals, if there are not too many.
    locals: &'a [PackedType],
    functions: &'a [TypeIdx],
    facts: &'a Facts,
    /// The type of addresses of the first memory.
    address: PackedType,
    /// The type of indices of the first table, if it is one of functions.
    table: PackedType,
    /// Whether some proposal is switched off that came with operators of the table.
    gated: bool,
}

/// What runs know of a module.
#[derive(Debug, Default)]
pub(super) struct Facts {
    types: Vec<TypeFacts>,
    /// The type of each global, and [`Self::MUTABLE`].
    globals: Vec<u8>,
}

/// The type of a function, if it has at most 8 parameters and one result.
#[derive(Clone, Copy, Debug)]
struct TypeFacts {
    /// The parameters as they lie on top of the stack, the last one in the highest byte.
    params: u64,
    /// The bytes of `params` that are parameters.
    mask: u64,
    count: u8,
    results: u8,
    result: PackedType,
}

impl TypeFacts {
    fn of(ty: &FuncType) -> Self {
        let (params, result) = (ty.params(), summary(ty.results()));
        if params.len() > 8 || result == PackedType::SEVERAL {
            // Equal to nothing.
            return Self { params: 1, mask: 0, count: 0, results: 0, result };
        }
        let push = |word: u64, &ty: &ValType| word >> 8 | u64::from(PackedType::new(ty).bits()) << 56;
        let mask = |word: u64, _: &ValType| word >> 8 | 0xFF << 56;
        Self {
            params: params.iter().fold(0, push),
            mask: params.iter().fold(0, mask),
            count: params.len() as u8,
            results: u8::from(result != PackedType::BOTTOM),
            result,
        }
    }
}

impl Facts {
    /// Set for a global that may be written.
    const MUTABLE: u8 = 0x80;

    /// How many types and globals are known. To name another one is unusual.
    const MOST: usize = 1024;

    /// Bytes held.
    pub(super) fn size(&self) -> usize {
        self.types.capacity() * size_of::<TypeFacts>() + self.globals.capacity()
    }

    /// What is worth knowing for some bodies: the time that this takes is in proportion to theirs.
    pub(super) fn of(module: &Module, bodies: Range<u32>) -> Self {
        let bodies = module.bodies.get(bodies.start as usize..bodies.end as usize).unwrap_or_default();
        let bytes = match bodies {
            [] => 0,
            [first, ..] => bodies[bodies.len() - 1].end - first.start,
        };
        let most = Self::MOST.min(bytes as usize);
        let global = |ty: &GlobalType| {
            let mutable = if ty.mutability == Mutability::Const { 0 } else { Self::MUTABLE };
            PackedType::new(ty.content).bits() | mutable
        };
        Self {
            types: module.types.iter().take(most).map(TypeFacts::of).collect(),
            globals: module.globals.iter().take(most).map(global).collect(),
        }
    }
}

impl<C: Client, const CHECKED: bool> Walk<'_, '_, C, CHECKED> {
    /// Walks to the last `end`.
    pub(super) fn run(&mut self) -> Result<(), Error> {
        self.stacks.frames.make_room();
        while !self.stacks.frames.is_empty() {
            let start = self.reader.position();
            let Some((bytes, stop)) = self.start_run(start) else {
                self.operator()?;
                continue;
            };
            // Steps took the same bytes.
            let left = stop.left;
            let position = start + bytes - left;
            self.reader.seek(position);
            if position > self.reader.bytes_to_end().len() {
                return Err(self.reader.unexpected_end());
            }
            // A step that did nothing leaves its operator to general code.
            if left >= LOOK && (CHAINED || left == bytes) && !self.stacks.frames.is_empty() {
                self.operator()?;
            }
        }
        Ok(())
    }

    /// Makes a run, from a position on, if there can be one. Gives how many bytes it had, and where it stopped.
    #[inline(always)]
    fn start_run(&mut self, start: usize) -> Option<(usize, Stop)> {
        let end = self
            .reader
            .bytes_to_end()
            .len()
            .min(start + CHUNK)
            .min(self.cx.bytes.len().checked_sub(LOOK - 1)?);
        if start >= end {
            return None;
        }
        let bytes = self.cx.bytes.get(start..end + LOOK - 1)?;
        let stacks = &mut self.stacks;
        let (stack, top) = stacks.types.window()?;
        let locals = stacks.locals.short()?;
        let address = self.module.memories.first().map(|ty| PackedType::address(ty.memory64));
        let functions = self.module.tables.first().filter(|ty| ty.element == RefType::FUNCREF);
        let table = functions.map(|ty| PackedType::address(ty.table64));
        let (frames, depth) = stacks.frames.parts((self.cx.limits.nesting as usize).saturating_add(1));
        let mut state = State {
            frames,
            depth,
            locals: stacks.locals.listed(),
            functions: &self.module.functions,
            facts: &stacks.facts,
            address: address.unwrap_or(PackedType::NO_MEMORY),
            table: table.unwrap_or(PackedType::NO_MEMORY),
            gated: !self.closed.is_none(),
        };
        let stop = STEPS[usize::from(bytes[0])](bytes, stack, top, locals, &mut state);
        let depth = state.depth;
        stacks.frames.set_len(depth);
        stacks.types.resume(stop.top, depth);
        if let Some(frame) = stacks.frames.last() {
            self.height = frame.height as usize;
            self.unreachable = frame.unreachable;
        }
        Some((bytes.len(), stop))
    }
}

/// The run ends before the operator that the bytes begin with.
#[inline(always)]
fn stop(bytes: &[u8], top: usize) -> Stop {
    Stop { left: bytes.len(), top }
}

/// Continues behind an operator of `len` bytes, which begins with `code`.
#[inline(always)]
fn next(
    bytes: &[u8],
    code: &[u8; LOOK],
    len: usize,
    stack: &mut Window,
    top: usize,
    locals: &[PackedType; SHORT],
    state: &mut State<'_>,
) -> Stop {
    let rest = &bytes[len..];
    if CHAINED { STEPS[usize::from(code[len])](rest, stack, top, locals, state) } else { stop(rest, top) }
}

/// An entry of the stack.
#[inline(always)]
fn entry(stack: &mut Window, index: usize) -> &mut u8 {
    // The masks in this file change nothing: no run reaches further. They take the place of comparisons.
    &mut stack[index & (REACH - 1)]
}

/// Whether the topmost entries are these. They were often stored just now, one by one: a processor that would have
/// to combine both stores for one load waits until they have left its store buffer.
#[inline(always)]
fn are_on_top(stack: &Window, top: usize, a: u8, b: u8) -> bool {
    let index = top.wrapping_sub(2) & (REACH - 1);
    stack[index + 1] == b && stack[index] == a
}

/// The topmost 8 entries of the stack.
#[inline(always)]
fn eight_entries(stack: &Window, top: usize) -> u64 {
    let index = top.wrapping_sub(8) & (REACH - 1);
    let mut word = [0; 8];
    word.copy_from_slice(&stack[index..index + 8]);
    u64::from_le_bytes(word)
}

/// Where a LEB128 number ends that begins at `at`, which has at most 8 bytes.
#[inline(always)]
fn skip_number(code: &[u8; LOOK], at: usize) -> Option<usize> {
    if code[at] < 0x80 {
        return Some(at + 1);
    }
    let mut word = [0; 8];
    word.copy_from_slice(&code[at..at + 8]);
    let ends = !u64::from_le_bytes(word) & 0x8080_8080_8080_8080;
    if ends == 0 { None } else { Some(at + 1 + ((ends.trailing_zeros() as usize / 8) & 7)) }
}

/// An unsigned LEB128 number of at most 4 bytes, and where it ends.
#[inline(always)]
fn number(code: &[u8; LOOK], at: usize) -> Option<(usize, usize)> {
    if code[at] < 0x80 {
        return Some((usize::from(code[at]), at + 1));
    }
    let word = u32::from_le_bytes([code[at], code[at + 1], code[at + 2], code[at + 3]]);
    let ends = !word & 0x8080_8080;
    if ends == 0 {
        return None;
    }
    let word = word & (ends ^ (ends - 1));
    let value = word & 0x7F | word >> 1 & 0x3F80 | word >> 2 & 0x1F_C000 | word >> 3 & 0x0FE0_0000;
    Some((value as usize, at + 1 + ((ends.trailing_zeros() as usize / 8) & 3)))
}
