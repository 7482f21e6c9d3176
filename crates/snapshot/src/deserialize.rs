//! Reads states.
//!
//! Nothing is believed. Hashes find what was damaged; everything is also compared with what a state of the module can
//! be, because anybody can compute hashes. Memory is allocated for what the bytes hold, and for sizes that were
//! compared with the bounds of a [`StateType`]. There is one way to write a state, and any other is refused.

use crate::{
    CallCause, CallState, FrameState, GlobalState, MemoryState, MeteringFingerprint, PAGE_SIZE, Pages,
    SegmentSet, State, StateType, TableState, Value,
    format::{
        BYTE_ORDER, DeserializeError, FORMAT_VERSION, MAGIC, MANDATORY, MAX_SECTIONS, STATE_VERSION, Section,
        cause_code,
    },
    state_hash::{NULL, type_code, type_of_code},
};
use alloc::{sync::Arc, vec::Vec};
use rotifer_core::{FuncIdx, MemoryType, TableType, ValType, WasmOffset};

type Result<T, E = DeserializeError> = core::result::Result<T, E>;

impl State {
    /// The state of which [`State::serialize`] made these bytes.
    ///
    /// # Errors
    /// The bytes are not a state of this type.
    pub fn deserialize(bytes: &[u8], ty: &StateType) -> Result<Self> {
        let sections = Sections::read(bytes, ty)?;
        let (dropped_data, dropped_elements) = sections.get(Section::Segments, |reader| {
            Ok((reader.segments(ty.data_segments)?, reader.segments(ty.element_segments)?))
        })?;
        let has_fuel = sections.find(Section::Fuel).is_some();
        let fuel = has_fuel.then(|| sections.get(Section::Fuel, Reader::u64)).transpose()?;
        let has_calls = sections.find(Section::Calls).is_some();
        let calls =
            has_calls.then(|| sections.get(Section::Calls, |reader| read_calls(reader, ty))).transpose()?;
        let calls = calls.unwrap_or_default();
        Ok(Self {
            module: ty.module,
            features: ty.features,
            memories: sections.get(Section::Memories, |reader| read_memories(reader, ty))?,
            globals: sections.get(Section::Globals, |reader| read_globals(reader, ty))?,
            tables: sections.get(Section::Tables, |reader| read_tables(reader, ty))?,
            dropped_data,
            dropped_elements,
            fuel,
            calls,
        })
    }
}

/// The sections of a state, whose hashes are right.
struct Sections<'a>(Vec<(Section, &'a [u8])>);

impl<'a> Sections<'a> {
    /// Reads the header and finds what it names.
    fn read(bytes: &'a [u8], ty: &StateType) -> Result<Self> {
        let mut reader = Reader { rest: bytes, section: Section::Header };
        if !bytes.starts_with(&MAGIC) {
            return Err(DeserializeError::NotASnapshot);
        }
        reader.take(MAGIC.len() as u64)?;
        let format = reader.u32()?;
        if format != FORMAT_VERSION {
            return Err(DeserializeError::Version { format, state: None });
        }
        let state = reader.u32()?;
        let (byte_order, flags) = (reader.u32()?, reader.u32()?);
        let (module, features) = (reader.array()?, reader.array()?);
        let count = reader.u32()? as usize;
        reader.check(count <= MAX_SECTIONS, "too many sections")?;
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push((reader.u32()?, reader.u32()?, reader.u64()?, reader.array::<32>()?));
        }
        let header = &bytes[..bytes.len() - reader.rest.len()];
        let hash: [u8; 32] = reader.array()?;
        reader.check(hash == *blake3::hash(header).as_bytes(), "its hash is wrong")?;
        // The header is what was written.
        if state != STATE_VERSION {
            return Err(DeserializeError::Version { format, state: Some(state) });
        }
        reader.check(byte_order == BYTE_ORDER && flags == 0, "byte order or flags that no writer uses")?;
        if module != ty.module {
            return Err(DeserializeError::ForeignModule { found: module });
        }
        if features != ty.features.0 {
            return Err(DeserializeError::ForeignEngine);
        }
        reader.check(entries.is_sorted_by_key(|&(kind, ..)| kind), "sections out of order")?;
        let mut sections = Self(Vec::with_capacity(count));
        for (kind, flags, len, hash) in entries {
            sections.add(&mut reader, (kind, flags), len, hash)?;
        }
        reader.finish()?;
        Ok(sections)
    }

    /// Adds what comes next.
    fn add(
        &mut self,
        reader: &mut Reader<'a>,
        (kind, flags): (u32, u32),
        len: u64,
        hash: [u8; 32],
    ) -> Result<()> {
        reader.check(flags & !MANDATORY == 0, "flags of a section that no writer uses")?;
        let section = match Section::from_kind(kind) {
            Some(Section::Header | Section::Unknown) | None if flags & MANDATORY != 0 => {
                return Err(DeserializeError::UnknownSection { kind });
            }
            Some(Section::Header) | None => Section::Unknown,
            Some(section) => section,
        };
        reader.section = section;
        let bytes = reader.take(len)?;
        reader.check(hash == *blake3::hash(bytes).as_bytes(), "its hash is wrong")?;
        if section != Section::Unknown {
            reader.check(flags & MANDATORY != 0, "it is said not to matter, and does")?;
            reader.check(self.find(section).is_none(), "there are two of it")?;
            self.0.push((section, bytes));
        }
        reader.section = Section::Header;
        Ok(())
    }

    fn find(&self, section: Section) -> Option<&'a [u8]> {
        self.0.iter().find(|(found, _)| *found == section).map(|(_, bytes)| *bytes)
    }

    /// What `read` makes of all of a section.
    fn get<T>(&self, section: Section, read: impl FnOnce(&mut Reader<'a>) -> Result<T>) -> Result<T> {
        let bytes =
            self.find(section).ok_or(DeserializeError::Corrupt { section, reason: "it is missing" })?;
        let mut reader = Reader { rest: bytes, section };
        let value = read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }
}

/// Bytes that are still to be read.
struct Reader<'a> {
    rest: &'a [u8],
    section: Section,
}

impl<'a> Reader<'a> {
    fn corrupt(&self, reason: &'static str) -> DeserializeError {
        DeserializeError::Corrupt { section: self.section, reason }
    }

    fn check(&self, is_right: bool, otherwise: &'static str) -> Result<()> {
        if is_right { Ok(()) } else { Err(self.corrupt(otherwise)) }
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let pieces = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let (bytes, rest) = pieces.ok_or(self.corrupt("it ends too early"))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN]> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(self.corrupt("it ends too early"))?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn u128(&mut self) -> Result<u128> {
        self.array().map(u128::from_le_bytes)
    }

    /// The index of an item that the module must agree with.
    fn index(&mut self, expected: u32) -> Result<()> {
        let index = self.u32()?;
        self.check(index == expected, "the module has other ones")
    }

    /// A number of items that the module must agree with.
    fn count(&mut self, expected: usize) -> Result<()> {
        let count = self.u32()?;
        self.check(count as usize == expected, "the module has another number of them")
    }

    /// A reference to a function of a module that has `functions`.
    fn function(&self, code: u32, functions: u32) -> Result<Option<FuncIdx>> {
        self.check(
            code == NULL || code < functions,
            "a reference to a function that the module does not have",
        )?;
        Ok((code != NULL).then_some(FuncIdx(code)))
    }

    fn segments(&mut self, expected: u32) -> Result<SegmentSet> {
        self.count(expected as usize)?;
        let bytes = self.take(u64::from(expected.div_ceil(u64::BITS)) * 8)?;
        let is_set = |segment: usize| bytes[segment / 8] >> (segment % 8) & 1 != 0;
        let no_segments = expected as usize..bytes.len() * 8;
        self.check(!no_segments.into_iter().any(is_set), "segments that the module does not have")?;
        Ok((0..expected as usize).map(is_set).collect())
    }

    fn finish(&self) -> Result<()> {
        self.check(self.rest.is_empty(), "something follows its end")
    }
}

fn read_memories(reader: &mut Reader<'_>, ty: &StateType) -> Result<Arc<[MemoryState]>> {
    reader.count(ty.memories.len())?;
    let mut memory_bytes = 0u64;
    let memories = ty.memories.iter().map(|(index, memory)| {
        reader.index(index.0)?;
        let page_size_log2 = reader.u8()?;
        reader.check(page_size_log2 == memory.page_size_log2, "pages of another size")?;
        let len = reader.u64()?;
        check_size(reader, memory, len)?;
        memory_bytes = memory_bytes.saturating_add(len);
        let max_memory_bytes = ty.max_memory_bytes;
        match usize::try_from(len) {
            Ok(len) if memory_bytes <= max_memory_bytes => {
                let contents = read_contents(reader, len)?;
                Ok(MemoryState { index: *index, page_size_log2, contents })
            }
            _ => Err(DeserializeError::LimitExceeded { memory_bytes, max_memory_bytes }),
        }
    });
    memories.collect()
}

fn check_size(reader: &Reader<'_>, ty: &MemoryType, len: u64) -> Result<()> {
    let is_whole = len.checked_rem(ty.page_size()) == Some(0);
    reader.check(is_whole, "a size in parts of pages")?;
    let pages = len >> ty.page_size_log2;
    reader.check(pages >= ty.minimum && pages <= ty.max_pages(), "a size that the memory cannot have")
}

fn read_contents(reader: &mut Reader<'_>, len: usize) -> Result<Pages> {
    let mut pages = Pages::zeroed(len);
    let (end, mut next) = (len.div_ceil(PAGE_SIZE) as u64, 0);
    for run in 0..reader.u64()? {
        let (first, count) = (reader.u64()?, reader.u64()?);
        // Runs that touch are one.
        reader.check(if run == 0 { first >= next } else { first > next }, "pages out of order")?;
        next = first.checked_add(count).filter(|&next| count > 0 && next <= end).unwrap_or(0);
        reader.check(next > 0, "pages that the memory does not have")?;
        for number in first..next {
            let bytes = reader.array()?;
            let number = number as usize;
            reader
                .check(pages.insert(number, &bytes), "a page of zeros, or bytes behind the memory's end")?;
        }
    }
    Ok(pages)
}

fn read_globals(reader: &mut Reader<'_>, ty: &StateType) -> Result<Arc<[GlobalState]>> {
    reader.count(ty.globals.len())?;
    let globals = ty.globals.iter().map(|&(index, ty_of_global)| {
        reader.index(index.0)?;
        let code = reader.u8()?;
        reader.check(code == type_code(ty_of_global), "a value of another type than the global's")?;
        let bits = reader.u128()?;
        let value = read_value(reader, ty_of_global, bits, ty.functions)?;
        Ok(GlobalState { index, value })
    });
    globals.collect()
}

/// Any number of calls but none.
fn read_calls(reader: &mut Reader<'_>, ty: &StateType) -> Result<Arc<[CallState]>> {
    let count = reader.u32()?;
    reader.check(count > 0, "there are none")?;
    let calls = (0..count).map(|_| {
        Ok(CallState {
            metering: MeteringFingerprint(reader.array()?),
            cause: read_cause(reader, ty)?,
            depth: reader.u32()?,
            frames: read_frames(reader, ty)?,
        })
    });
    calls.collect()
}

fn read_cause(reader: &mut Reader<'_>, ty: &StateType) -> Result<CallCause> {
    Ok(match reader.u8()? {
        cause_code::FUEL => CallCause::Fuel(reader.u64()?),
        cause_code::BULK_FUEL => CallCause::BulkFuel(reader.u64()?),
        cause_code::INTERRUPTED => CallCause::Interrupted,
        cause_code::DEADLINE_EXCEEDED => CallCause::DeadlineExceeded,
        cause_code::HOST => {
            CallCause::Host { func: read_function(reader, ty)?, args: read_values(reader, ty)? }
        }
        _ => return Err(reader.corrupt("a reason that no writer uses")),
    })
}

fn read_frames(reader: &mut Reader<'_>, ty: &StateType) -> Result<Arc<[FrameState]>> {
    let frames = (0..reader.u32()?).map(|_| {
        Ok(FrameState {
            func: read_function(reader, ty)?,
            offset: WasmOffset(reader.u32()?),
            locals: read_values(reader, ty)?,
            operands: read_values(reader, ty)?,
        })
    });
    frames.collect()
}

fn read_function(reader: &mut Reader<'_>, ty: &StateType) -> Result<FuncIdx> {
    let code = reader.u32()?;
    reader.check(code < ty.functions, "a function that the module does not have")?;
    Ok(FuncIdx(code))
}

/// Values of any types.
fn read_values(reader: &mut Reader<'_>, ty: &StateType) -> Result<Arc<[Value]>> {
    let values = (0..reader.u32()?).map(|_| {
        let code = reader.u8()?;
        let bits = reader.u128()?;
        let of_type = type_of_code(code).ok_or(reader.corrupt("a type that no value has"))?;
        read_value(reader, of_type, bits, ty.functions)
    });
    values.collect()
}

fn read_value(reader: &Reader<'_>, ty: ValType, bits: u128, functions: u32) -> Result<Value> {
    const TOO_LARGE: &str = "a value that is too large for its type";
    let small = u32::try_from(bits).map_err(|_| reader.corrupt(TOO_LARGE));
    let large = u64::try_from(bits).map_err(|_| reader.corrupt(TOO_LARGE));
    Ok(match ty {
        ValType::I32 => Value::I32(small?),
        ValType::I64 => Value::I64(large?),
        ValType::F32 => Value::F32(small?),
        ValType::F64 => Value::F64(large?),
        ValType::V128 => Value::V128(bits),
        ValType::FUNCREF => Value::Func(reader.function(small?, functions)?),
        ValType::EXTERNREF if bits == NULL.into() => Value::NullExtern,
        _ => return Err(reader.corrupt("a reference that a state cannot hold")),
    })
}

fn read_tables(reader: &mut Reader<'_>, ty: &StateType) -> Result<Arc<[TableState]>> {
    reader.count(ty.tables.len())?;
    let tables = ty.tables.iter().map(|&(index, table)| {
        reader.index(index.0)?;
        let code = reader.u8()?;
        reader.check(code == type_code(ValType::Ref(table.element)), "elements of another type")?;
        let elements = read_elements(reader, &table, ty.functions)?;
        Ok(TableState { index, ty: table.element, elements })
    });
    tables.collect()
}

fn read_elements(reader: &mut Reader<'_>, ty: &TableType, functions: u32) -> Result<Arc<[Option<FuncIdx>]>> {
    let len = reader.u64()?;
    let is_possible = len >= ty.minimum && ty.maximum.is_none_or(|maximum| len <= maximum);
    reader.check(is_possible, "a size that the table cannot have")?;
    let bytes = reader.take(len.saturating_mul(4))?;
    let functions = if ValType::Ref(ty.element) == ValType::FUNCREF { functions } else { 0 };
    let codes = bytes.as_chunks().0.iter().map(|code| u32::from_le_bytes(*code));
    codes.map(|code| reader.function(code, functions)).collect()
}
