//! Writes states.
//!
//! The header comes first and has the hashes of all sections, so that every section is written twice: first to its
//! hash, then to where it goes. Nothing but the header is ever held in memory.

use crate::{
    CallCause, CallState, MemoryState, SegmentSet, State, Value,
    cached_hash::Hash,
    format::{
        BYTE_ORDER, ENTRY_SIZE, FORMAT_VERSION, HEADER_SIZE, MAGIC, MANDATORY, STATE_VERSION, Section,
        cause_code,
    },
    state_hash::{bits, function_code, type_code},
};
use alloc::vec::Vec;
use core::convert::Infallible;
use rotifer_core::ValType;

/// Where bytes go.
type Write<'a, E> = &'a mut dyn FnMut(&[u8]) -> Result<(), E>;

impl State {
    /// The state as bytes, equal for equal states.
    pub fn serialize(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self.serialize_to(|piece| {
            bytes.extend_from_slice(piece);
            Ok::<_, Infallible>(())
        }) {
            Ok(()) => bytes,
        }
    }

    /// Gives the bytes of [`State::serialize`] to `write`, piece by piece: with `|bytes| file.write_all(bytes)` they go to
    /// a file.
    ///
    /// # Errors
    /// The first one of `write`.
    pub fn serialize_to<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let sections = self.sections();
        let mut header = Vec::with_capacity(HEADER_SIZE + sections.len() * ENTRY_SIZE + size_of::<Hash>());
        header.extend(MAGIC);
        for number in [FORMAT_VERSION, STATE_VERSION, BYTE_ORDER, 0] {
            header.extend(number.to_le_bytes());
        }
        header.extend(self.module);
        header.extend(self.features.0);
        header.extend((sections.len() as u32).to_le_bytes());
        for &section in &sections {
            let (len, hash) = self.digest(section);
            header.extend((section as u32).to_le_bytes());
            header.extend(MANDATORY.to_le_bytes());
            header.extend(len.to_le_bytes());
            header.extend(hash);
        }
        let hash = blake3::hash(&header);
        header.extend(hash.as_bytes());
        write(&header)?;
        sections.iter().try_for_each(|&section| self.write_section(section, &mut write))
    }

    /// The sections to write, in the order of their kinds.
    fn sections(&self) -> Vec<Section> {
        let mut sections = [Section::Memories, Section::Globals, Section::Tables, Section::Segments].to_vec();
        if self.fuel.is_some() {
            sections.push(Section::Fuel);
        }
        if !self.calls.is_empty() {
            sections.push(Section::Calls);
        }
        sections
    }

    /// The length of a section and its hash.
    fn digest(&self, section: Section) -> (u64, Hash) {
        let (mut len, mut hasher) = (0, blake3::Hasher::new());
        let written = self.write_section(section, &mut |bytes| {
            len += bytes.len() as u64;
            hasher.update(bytes);
            Ok::<_, Infallible>(())
        });
        match written {
            Ok(()) => (len, *hasher.finalize().as_bytes()),
        }
    }

    fn write_section<E>(&self, section: Section, write: Write<'_, E>) -> Result<(), E> {
        match section {
            Section::Memories => {
                write_count(self.memories.len(), write)?;
                self.memories.iter().try_for_each(|memory| write_memory(memory, write))
            }
            Section::Globals => {
                write_count(self.globals.len(), write)?;
                self.globals.iter().try_for_each(|global| {
                    write(&global.index.0.to_le_bytes())?;
                    write_value(global.value, write)
                })
            }
            Section::Tables => {
                write_count(self.tables.len(), write)?;
                self.tables.iter().try_for_each(|table| {
                    write(&table.index.0.to_le_bytes())?;
                    write(&[type_code(ValType::Ref(table.ty))])?;
                    write(&(table.elements.len() as u64).to_le_bytes())?;
                    table
                        .elements
                        .iter()
                        .try_for_each(|&element| write(&function_code(element).to_le_bytes()))
                })
            }
            Section::Segments => {
                write_segments(&self.dropped_data, write)?;
                write_segments(&self.dropped_elements, write)
            }
            Section::Fuel => write(&self.fuel.unwrap_or(0).to_le_bytes()),
            Section::Calls => write_calls(&self.calls, write),
            Section::Header | Section::Unknown => Ok(()),
        }
    }
}

fn write_value<E>(value: Value, write: Write<'_, E>) -> Result<(), E> {
    write(&[type_code(value.ty())])?;
    write(&bits(value).to_le_bytes())
}

fn write_values<E>(values: &[Value], write: Write<'_, E>) -> Result<(), E> {
    write_count(values.len(), write)?;
    values.iter().try_for_each(|&value| write_value(value, write))
}

/// The section of suspended calls, which the hash of a state covers, too.
pub(crate) fn write_calls<E>(calls: &[CallState], write: Write<'_, E>) -> Result<(), E> {
    write_count(calls.len(), write)?;
    calls.iter().try_for_each(|call| {
        write(&call.metering.0)?;
        write_cause(&call.cause, write)?;
        write(&call.depth.to_le_bytes())?;
        write_count(call.frames.len(), write)?;
        call.frames.iter().try_for_each(|frame| {
            write(&frame.func.0.to_le_bytes())?;
            write(&frame.offset.0.to_le_bytes())?;
            write_values(&frame.locals, write)?;
            write_values(&frame.operands, write)
        })
    })
}

fn write_cause<E>(cause: &CallCause, write: Write<'_, E>) -> Result<(), E> {
    let mut coded = |code: u8, fuel: u64| {
        write(&[code])?;
        write(&fuel.to_le_bytes())
    };
    match cause {
        CallCause::Fuel(fuel) => coded(cause_code::FUEL, *fuel),
        CallCause::BulkFuel(fuel) => coded(cause_code::BULK_FUEL, *fuel),
        CallCause::Interrupted => write(&[cause_code::INTERRUPTED]),
        CallCause::DeadlineExceeded => write(&[cause_code::DEADLINE_EXCEEDED]),
        CallCause::Host { func, args } => {
            write(&[cause_code::HOST])?;
            write(&func.0.to_le_bytes())?;
            write_values(args, write)
        }
    }
}

/// No module has 2³² items of a kind.
fn write_count<E>(count: usize, write: Write<'_, E>) -> Result<(), E> {
    write(&(count as u32).to_le_bytes())
}

fn write_memory<E>(memory: &MemoryState, write: Write<'_, E>) -> Result<(), E> {
    let pages = &memory.contents;
    write(&memory.index.0.to_le_bytes())?;
    write(&[memory.page_size_log2])?;
    write(&(pages.len() as u64).to_le_bytes())?;
    let runs = runs(pages.iter().map(|(number, _)| number));
    write(&(runs.len() as u64).to_le_bytes())?;
    let mut contents = pages.iter();
    runs.iter().try_for_each(|&(first, count)| {
        write(&(first as u64).to_le_bytes())?;
        write(&(count as u64).to_le_bytes())?;
        contents.by_ref().take(count).try_for_each(|(_, bytes)| write(bytes))
    })
}

/// Numbers in order as runs: the first of each, and how many follow each other.
fn runs(numbers: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((first, count)) if *first + *count == number => *count += 1,
            _ => runs.push((number, 1)),
        }
    }
    runs
}

fn write_segments<E>(segments: &SegmentSet, write: Write<'_, E>) -> Result<(), E> {
    write(&segments.len().to_le_bytes())?;
    segments.words().iter().try_for_each(|word| write(&word.to_le_bytes()))
}
