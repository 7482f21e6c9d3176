//! Memories: bytes, and the operators on them.

use crate::machine::Options;
use rotifer_core::TrapCode;
use std::ops::Range;
use wasmparser::{
    MemArg, MemoryType,
    Operator::{self, *},
};

/// A memory.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    ty: MemoryType,
    pub(crate) bytes: Vec<u8>,
}

impl Memory {
    pub(crate) fn new(ty: MemoryType) -> Self {
        let mut memory = Self { ty, bytes: Vec::new() };
        memory.bytes = vec![0; (ty.initial * memory.page_size()) as usize];
        memory
    }

    fn page_size(&self) -> u64 {
        1 << self.ty.page_size_log2.unwrap_or(16)
    }

    /// The size in pages.
    pub(crate) fn pages(&self) -> u64 {
        self.bytes.len() as u64 / self.page_size()
    }

    /// What `memory.grow` gives where it fails.
    pub(crate) fn minus_one(&self) -> u64 {
        if self.ty.memory64 { u64::MAX } else { u32::MAX.into() }
    }

    /// The size in bytes that the memory would have with so many more pages, if its type and the number of
    /// addresses allow that.
    pub(crate) fn grown(&self, delta: u64) -> Option<u64> {
        let addresses = if self.ty.memory64 { 1u128 << 64 } else { 1 << 32 };
        let pages = u128::from(self.pages()) + u128::from(delta);
        let bytes = pages * u128::from(self.page_size());
        let is_allowed = bytes <= addresses && self.ty.maximum.is_none_or(|maximum| pages <= maximum.into());
        is_allowed.then(|| u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// How many bytes growth by so many pages adds; none if it is not allowed.
    pub(crate) fn bytes_added(&self, delta: u64) -> u64 {
        self.grown(delta).map_or(0, |bytes| bytes - self.bytes.len() as u64)
    }

    /// Grows, if type and embedder allow it, and returns what `memory.grow` gives.
    pub(crate) fn grow(&mut self, delta: u64, options: &Options) -> Result<u64, TrapCode> {
        let before = self.pages();
        match self.grown(delta) {
            Some(bytes) if bytes <= options.max_memory_bytes => {
                self.bytes.resize(bytes as usize, 0);
                Ok(before)
            }
            Some(_) if options.refused_growth_traps => Err(TrapCode::GrowthOperationLimited),
            _ => Ok(self.minus_one()),
        }
    }

    /// A range of bytes.
    pub(crate) fn range(&self, start: u64, len: u64) -> Result<Range<usize>, TrapCode> {
        range(self.bytes.len(), start, len).ok_or(TrapCode::MemoryOutOfBounds)
    }

    fn load<const N: usize>(&self, address: u64, memarg: &MemArg) -> Result<[u8; N], TrapCode> {
        let range = self.accessed(address, memarg, N)?;
        Ok(self.bytes[range].try_into().expect("the range has this length"))
    }

    fn store(&mut self, address: u64, memarg: &MemArg, bytes: &[u8]) -> Result<(), TrapCode> {
        let range = self.accessed(address, memarg, bytes.len())?;
        self.bytes[range].copy_from_slice(bytes);
        Ok(())
    }

    fn accessed(&self, address: u64, memarg: &MemArg, len: usize) -> Result<Range<usize>, TrapCode> {
        let start = address.checked_add(memarg.offset).ok_or(TrapCode::MemoryOutOfBounds)?;
        self.range(start, len as u64)
    }
}

/// The range, if it lies within `0..len`.
pub(crate) fn range(len: usize, start: u64, count: u64) -> Option<Range<usize>> {
    let end = start.checked_add(count)?;
    (end <= len as u64).then_some(start as usize..end as usize)
}

fn memory_of<'m>(memories: &'m mut [Memory], memarg: &MemArg) -> &'m mut Memory {
    match memarg.target {
        wasmparser::MemArgTarget::Memory(index) => &mut memories[index as usize],
        wasmparser::MemArgTarget::Array(_) => unreachable!("validation refuses arrays"),
    }
}

/// Executes a load, if this is one.
pub(crate) fn load(
    operator: &Operator<'_>,
    memories: &mut [Memory],
    stack: &mut Vec<u64>,
) -> Result<bool, TrapCode> {
    type Load = fn(&Memory, u64, &MemArg) -> Result<u64, TrapCode>;
    let (memarg, load): (&MemArg, Load) = match operator {
        I32Load { memarg } | F32Load { memarg } | I64Load32U { memarg } => {
            (memarg, |m, a, at| Ok(u32::from_le_bytes(m.load(a, at)?).into()))
        }
        I64Load { memarg } | F64Load { memarg } => {
            (memarg, |m, a, at| Ok(u64::from_le_bytes(m.load(a, at)?)))
        }
        I32Load8U { memarg } | I64Load8U { memarg } => {
            (memarg, |m, a, at| Ok(u8::from_le_bytes(m.load(a, at)?).into()))
        }
        I32Load16U { memarg } | I64Load16U { memarg } => {
            (memarg, |m, a, at| Ok(u16::from_le_bytes(m.load(a, at)?).into()))
        }
        I32Load8S { memarg } => {
            (memarg, |m, a, at| Ok(u64::from(i32::from(i8::from_le_bytes(m.load(a, at)?)) as u32)))
        }
        I32Load16S { memarg } => {
            (memarg, |m, a, at| Ok(u64::from(i32::from(i16::from_le_bytes(m.load(a, at)?)) as u32)))
        }
        I64Load8S { memarg } => (memarg, |m, a, at| Ok(i64::from(i8::from_le_bytes(m.load(a, at)?)) as u64)),
        I64Load16S { memarg } => {
            (memarg, |m, a, at| Ok(i64::from(i16::from_le_bytes(m.load(a, at)?)) as u64))
        }
        I64Load32S { memarg } => {
            (memarg, |m, a, at| Ok(i64::from(i32::from_le_bytes(m.load(a, at)?)) as u64))
        }
        _ => return Ok(false),
    };
    let address = stack.pop().expect("validation counted the operands");
    stack.push(load(memory_of(memories, memarg), address, memarg)?);
    Ok(true)
}

/// Executes a store, if this is one.
pub(crate) fn store(
    operator: &Operator<'_>,
    memories: &mut [Memory],
    stack: &mut Vec<u64>,
) -> Result<bool, TrapCode> {
    let (memarg, len) = match operator {
        I32Store8 { memarg } | I64Store8 { memarg } => (memarg, 1),
        I32Store16 { memarg } | I64Store16 { memarg } => (memarg, 2),
        I32Store { memarg } | F32Store { memarg } | I64Store32 { memarg } => (memarg, 4),
        I64Store { memarg } | F64Store { memarg } => (memarg, 8),
        _ => return Ok(false),
    };
    let value = stack.pop().expect("validation counted the operands");
    let address = stack.pop().expect("validation counted the operands");
    memory_of(memories, memarg).store(address, memarg, &value.to_le_bytes()[..len])?;
    Ok(true)
}
