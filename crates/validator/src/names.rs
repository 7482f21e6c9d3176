//! [`Names`]: what the custom section "name" calls a module and its functions
//! ([spec](https://webassembly.github.io/spec/core/appendix/custom.html#name-section)).
//!
//! Names are a convenience for backtraces, so nothing about them is an error: what cannot be read is left out.

use crate::{Error, Module, Span, reader::Reader};
use alloc::vec::Vec;
use rotifer_core::FuncIdx;

/// The names in a module's name section. They are made on demand: loading a module does not look at them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    module: Option<Span>,
    /// Sorted by function.
    functions: Vec<(FuncIdx, Span)>,
}

impl Names {
    /// Reads the name section of a module from the module's bytes. Without one, there are no names.
    pub fn read(module: &Module, bytes: &[u8]) -> Self {
        let mut names = Self::default();
        for &(name, content) in &module.custom_sections {
            if bytes.get(name.start as usize..name.end as usize) == Some(b"name")
                && let Some(bytes) = bytes.get(..content.end as usize)
            {
                // An error ends the section where it stands; the names so far are good.
                let _ = names.section(&mut Reader::new(bytes, content.start as usize));
            }
        }
        // Producers sort them. If one did not, the first of several names counts, as everywhere.
        names.functions.sort_by_key(|&(func, _)| func);
        names
    }

    fn section(&mut self, reader: &mut Reader) -> Result<(), Error> {
        while !reader.is_at_end() {
            let id = reader.u8()?;
            let len = reader.var_u32()?;
            let mut part = reader.split(len)?;
            match id {
                0 => self.module = Some(part.name(u32::MAX)?),
                1 => {
                    for _ in 0..part.var_u32()? {
                        let func = FuncIdx(part.var_u32()?);
                        self.functions.push((func, part.name(u32::MAX)?));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The module's name. `bytes` are those of the module; a name that is not UTF-8 is none.
    pub fn module<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        text(self.module?, bytes)
    }

    /// The name of a function. `bytes` are those of the module; a name that is not UTF-8 is none.
    pub fn function<'a>(&self, func: FuncIdx, bytes: &'a [u8]) -> Option<&'a str> {
        let first = self.functions.partition_point(|&(other, _)| other < func);
        let &(found, span) = self.functions.get(first)?;
        if found == func { text(span, bytes) } else { None }
    }
}

fn text(span: Span, bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes.get(span.start as usize..span.end as usize)?).ok()
}
