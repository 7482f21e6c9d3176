//! [`StateHash`]: equal for equal states, on every machine.
//!
//! The hash is BLAKE3 over a canonical byte string that docs/SNAPSHOT.md defines. What goes into it is the state and
//! nothing else: not how it came about, which pages it shares, or what executed it. Numbers are little endian.
//!
//! Hashes of pages and of groups of pages are kept with them, so that hashing the next state of an instance costs as
//! much as changed.

use crate::{Pages, SegmentSet, State, Value, cached_hash::Hash, serialize::write_calls};
use blake3::Hasher;
use core::{convert::Infallible, fmt};
use rotifer_core::{FuncIdx, ValType};

/// Changes whenever the definition does.
const STATE_TAG: &[u8] = b"rotifer state 1\n";
const CALLS_TAG: &[u8] = b"rotifer calls 1\n";
const MEMORY_TAG: &[u8] = b"rotifer memory 1\n";

/// The hash of a state.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateHash(pub [u8; 32]);

/// Hexadecimal digits.
impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

impl State {
    /// The hash of the state but for fuel, which peers may be given different amounts of.
    pub fn hash(&self) -> StateHash {
        self.hash_with(None)
    }

    /// The hash of the state with the fuel that was left.
    pub fn hash_with_fuel(&self) -> StateHash {
        self.hash_with(self.fuel)
    }

    fn hash_with(&self, fuel: Option<u64>) -> StateHash {
        let mut hasher = Hasher::new();
        hasher.update(STATE_TAG).update(&self.module);
        update_count(&mut hasher, self.memories.len());
        for memory in &*self.memories {
            hasher.update(&memory.index.0.to_le_bytes()).update(&[memory.page_size_log2]);
            hasher.update(&(memory.contents.len() as u64).to_le_bytes()).update(&memory.contents.root());
        }
        update_count(&mut hasher, self.globals.len());
        for global in &*self.globals {
            hasher.update(&global.index.0.to_le_bytes()).update(&[type_code(global.value.ty())]);
            hasher.update(&bits(global.value).to_le_bytes());
        }
        update_count(&mut hasher, self.tables.len());
        for table in &*self.tables {
            hasher.update(&table.index.0.to_le_bytes()).update(&[type_code(ValType::Ref(table.ty))]);
            update_count(&mut hasher, table.elements.len());
            for &element in &*table.elements {
                hasher.update(&function_code(element).to_le_bytes());
            }
        }
        update_segments(&mut hasher, &self.dropped_data);
        update_segments(&mut hasher, &self.dropped_elements);
        hasher.update(&[fuel.is_some().into()]).update(&fuel.unwrap_or(0).to_le_bytes());
        if !self.calls.is_empty() {
            hasher.update(CALLS_TAG);
            let written = write_calls(&self.calls, &mut |bytes| {
                hasher.update(bytes);
                Ok::<_, Infallible>(())
            });
            match written {
                Ok(()) => {}
            }
        }
        StateHash(*hasher.finalize().as_bytes())
    }
}

fn update_count(hasher: &mut Hasher, count: usize) {
    hasher.update(&(count as u64).to_le_bytes());
}

fn update_segments(hasher: &mut Hasher, segments: &SegmentSet) {
    hasher.update(&u64::from(segments.len()).to_le_bytes());
    for word in segments.words() {
        hasher.update(&word.to_le_bytes());
    }
}

/// The byte by which the binary format of WebAssembly writes a type.
pub(crate) fn type_code(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => 0x7F,
        ValType::I64 => 0x7E,
        ValType::F32 => 0x7D,
        ValType::F64 => 0x7C,
        ValType::V128 => 0x7B,
        ValType::FUNCREF => 0x70,
        ValType::EXTERNREF => 0x6F,
        // Types that a later version adds come with values of theirs, which no state has before.
        _ => 0,
    }
}

/// The type that [`type_code`] gives this byte for.
pub(crate) fn type_of_code(code: u8) -> Option<ValType> {
    use ValType as Ty;
    let types = [Ty::I32, Ty::I64, Ty::F32, Ty::F64, Ty::V128, Ty::FUNCREF, Ty::EXTERNREF];
    types.into_iter().find(|&ty| type_code(ty) == code)
}

/// The bits of a value, as its type has them; a reference as [`function_code`] has it.
pub(crate) fn bits(value: Value) -> u128 {
    match value {
        Value::I32(bits) | Value::F32(bits) => bits.into(),
        Value::I64(bits) | Value::F64(bits) => bits.into(),
        Value::V128(bits) => bits,
        Value::Func(function) => function_code(function).into(),
        Value::NullExtern => NULL.into(),
    }
}

/// Null among functions: no module has so many.
pub(crate) const NULL: u32 = u32::MAX;

/// A reference to a function as a number.
pub(crate) fn function_code(function: Option<FuncIdx>) -> u32 {
    function.map_or(NULL, |function| function.0)
}

impl Pages {
    /// The hash of the contents but for their length.
    pub(crate) fn root(&self) -> Hash {
        let mut hasher = Hasher::new();
        hasher.update(MEMORY_TAG);
        for (index, hash) in self.group_hashes() {
            hasher.update(&(index as u64).to_le_bytes()).update(&hash);
        }
        *hasher.finalize().as_bytes()
    }
}
