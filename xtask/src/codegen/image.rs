//! The program: its machine code, its symbols, and where its handlers are.

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// The symbol whose address the program prints.
const MAIN: &str = "rotifer_handlers::main";

/// A program.
pub(crate) struct Image {
    architecture: object::Architecture,
    /// Addresses and bytes of the sections with machine code.
    sections: Vec<(u64, Vec<u8>)>,
    /// Names of functions by address.
    symbols: BTreeMap<u64, String>,
}

/// A handler and the ops that it executes: equal handlers are one.
pub(crate) struct Handler {
    pub(crate) address: u64,
    pub(crate) names: Vec<String>,
}

impl Image {
    /// Reads a program.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = object::File::parse(&*bytes).with_context(|| format!("in {}", path.display()))?;
        let mut sections = Vec::new();
        for section in file.sections().filter(|section| section.kind() == SectionKind::Text) {
            sections.push((section.address(), section.data()?.to_vec()));
        }
        let named = |symbol: object::Symbol<'_, '_>| {
            let name = symbol.name().ok().filter(|name| !name.is_empty())?;
            Some((symbol.address(), format!("{:#}", rustc_demangle::demangle(name))))
        };
        let symbols = file.symbols().filter(|symbol| symbol.is_definition()).filter_map(named).collect();
        Ok(Self { architecture: file.architecture(), sections, symbols })
    }

    /// Nothing but machine code.
    #[cfg(test)]
    pub(crate) fn of_code(address: u64, code: Vec<u8>) -> Self {
        Self {
            architecture: object::Architecture::X86_64,
            sections: vec![(address, code)],
            symbols: BTreeMap::new(),
        }
    }

    pub(crate) fn architecture(&self) -> object::Architecture {
        self.architecture
    }

    /// The machine code from an address on.
    pub(crate) fn code(&self, address: u64) -> Option<&[u8]> {
        let inside =
            |(start, bytes): &&(u64, Vec<u8>)| address >= *start && address - start < bytes.len() as u64;
        let (start, bytes) = self.sections.iter().find(inside)?;
        Some(&bytes[(address - start) as usize..])
    }

    /// What is at an address.
    pub(crate) fn symbol(&self, address: u64) -> String {
        self.symbols.get(&address).cloned().unwrap_or_else(|| format!("{address:#x}"))
    }

    /// Runs the program, which prints where its handlers are.
    pub(crate) fn handlers(&self, mut run: Command) -> Result<Vec<Handler>> {
        let output = run.stderr(Stdio::inherit()).output().with_context(|| format!("cannot run {run:?}"))?;
        ensure!(output.status.success(), "{run:?} failed: {}", output.status);
        let text = String::from_utf8(output.stdout)?;
        let parse = |line: &str| -> Option<(u64, String)> {
            let (address, name) = line.split_once(' ')?;
            Some((u64::from_str_radix(address.strip_prefix("0x")?, 16).ok()?, name.to_owned()))
        };
        let lines: Option<Vec<_>> = text.lines().map(parse).collect();
        let mut lines = lines.context("the program prints addresses and names")?.into_iter();
        let (main, name) = lines.next().context("the program prints where it is")?;
        ensure!(name == "main tail", "the dispatcher is not the tail one: {name}");
        let known = self.symbols.iter().find(|(_, name)| *name == MAIN);
        let offset = main.wrapping_sub(*known.with_context(|| format!("no symbol {MAIN}"))?.0);
        let mut handlers: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for (address, name) in lines {
            handlers.entry(address.wrapping_sub(offset)).or_default().push(name);
        }
        Ok(handlers.into_iter().map(|(address, names)| Handler { address, names }).collect())
    }
}
