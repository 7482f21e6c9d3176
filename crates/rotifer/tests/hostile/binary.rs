//! The binary format, as far as one needs it to write what is wrong: nothing here checks anything.

/// The bytes that every module begins with.
pub(crate) const HEADER: [u8; 8] = *b"\0asm\x01\0\0\0";

pub(crate) const I32: u8 = 0x7F;
pub(crate) const I64: u8 = 0x7E;

/// An unsigned LEB128 number.
pub(crate) fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A list with its length before it.
pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = leb(items.len() as u64);
    items.iter().for_each(|item| bytes.extend(item));
    bytes
}

/// Bytes with their length before them.
pub(crate) fn sized(bytes: &[u8]) -> Vec<u8> {
    [leb(bytes.len() as u64).as_slice(), bytes].concat()
}

/// A section.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Section {
    pub(crate) id: u8,
    pub(crate) content: Vec<u8>,
}

impl Section {
    pub(crate) fn new(id: u8, content: impl Into<Vec<u8>>) -> Self {
        Self { id, content: content.into() }
    }
}

/// A module of these sections.
pub(crate) fn module(sections: &[Section]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for section in sections {
        bytes.push(section.id);
        bytes.extend(sized(&section.content));
    }
    bytes
}

/// A module of functions `[] -> []` with these bodies, declarations of locals included, which are exported as "f0",
/// "f1" and so on if there are few. There is a memory and a table.
pub(crate) fn functions(bodies: &[Vec<u8>]) -> Vec<u8> {
    let exports = |index: usize| [sized(format!("f{index}").as_bytes()), vec![0], leb(index as u64)].concat();
    let exported = bodies.len().min(100);
    let bodies: Vec<_> = bodies.iter().map(|body| sized(body)).collect();
    module(&[
        Section::new(1, [1, 0x60, 0, 0]),
        Section::new(3, list(&vec![vec![0]; bodies.len()])),
        Section::new(4, [1, 0x70, 0, 1]),
        Section::new(5, [1, 0, 1]),
        Section::new(7, list(&(0..exported).map(exports).collect::<Vec<_>>())),
        Section::new(10, list(&bodies)),
    ])
}

/// A body without locals; the last `end` is added.
pub(crate) fn body(code: &[u8]) -> Vec<u8> {
    [&[0], code, &[0x0B]].concat()
}

/// Reads well-formed bytes.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(crate) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    pub(crate) fn leb(&mut self) -> usize {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            value |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return value;
            }
        }
    }
}

/// The sections of a well-formed module.
pub(crate) fn sections(wasm: &[u8]) -> Vec<Section> {
    let mut bytes = Bytes(&wasm[HEADER.len()..]);
    let mut sections = Vec::new();
    while !bytes.0.is_empty() {
        let id = bytes.byte();
        let len = bytes.leb();
        sections.push(Section::new(id, bytes.take(len)));
    }
    sections
}

/// The bodies in a well-formed code section.
pub(crate) fn bodies(code: &[u8]) -> Vec<Vec<u8>> {
    let mut bytes = Bytes(code);
    let count = bytes.leb();
    let mut body = || {
        let len = bytes.leb();
        bytes.take(len).to_vec()
    };
    (0..count).map(|_| body()).collect()
}

/// A well-formed module with other bodies.
pub(crate) fn with_bodies(wasm: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut sections = sections(wasm);
    let code = sections.iter_mut().find(|section| section.id == 10).expect("a code section");
    code.content = list(&bodies.iter().map(|body| sized(body)).collect::<Vec<_>>());
    module(&sections)
}
