//! Huge counts in few bytes, in every place of the binary format that has a count.

use rotifer::Module;

use crate::{
    allocator::within,
    binary::{self, HEADER, I32, Section, leb},
    engines, refusal,
};

/// What loading a module of a few bytes may hold at once.
const LITTLE: usize = 64 << 10;

const HUGE: [u64; 6] = [100, 65_535, 100_000, 1_000_000, 0x7FFF_FFFF, u32::MAX as u64];

/// A module with these bytes in a section, after all that they may refer to.
fn with_section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut sections = vec![
        Section::new(1, [1, 0x60, 0, 0]),
        Section::new(2, [1, 1, b'm', 1, b'f', 0, 0]),
        Section::new(3, [1, 0]),
        Section::new(4, [1, 0x70, 0, 1]),
        Section::new(5, [1, 0, 1]),
        Section::new(6, [1, I32, 0, 0x41, 0, 0x0B]),
        Section::new(7, [1, 1, b'e', 0, 0]),
        Section::new(9, [1, 0, 0x41, 0, 0x0B, 1, 0]),
        Section::new(12, [1]),
        Section::new(10, [1, 2, 0, 0x0B]),
        Section::new(11, [1, 1, 0]),
    ];
    assert!(Module::validate(&engines()[0], &binary::module(&sections)).is_ok());
    match sections.iter_mut().find(|section| section.id == id) {
        Some(section) => section.content = content.to_vec(),
        None => sections.push(Section::new(id, content)),
    }
    binary::module(&sections)
}

#[test]
fn of_every_section() {
    let engine = &engines()[0];
    for id in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12] {
        for count in HUGE {
            for rest in 0..4 {
                let wasm = with_section(id, &[leb(count), vec![0; rest]].concat());
                let message = within(LITTLE, || refusal(engine, &wasm));
                assert!(!message.is_empty());
            }
        }
    }
}

#[test]
fn inside_of_sections() {
    let engine = &engines()[0];
    for count in HUGE.map(leb) {
        // Parameters, results.
        let params = [&[1, 0x60], count.as_slice(), &[I32]].concat();
        let results = [&[1, 0x60, 0], count.as_slice(), &[I32]].concat();
        // Bytes of names: of an import, of an export, of a custom section.
        let import = [&[1], count.as_slice(), b"m"].concat();
        let export = [&[1], count.as_slice(), b"e"].concat();
        // Functions and expressions of an element segment.
        let functions = [&[1, 0, 0x41, 0, 0x0B], count.as_slice(), &[0]].concat();
        let expressions = [&[1, 4, 0x41, 0, 0x0B], count.as_slice(), &[0xD0, 0x70, 0x0B]].concat();
        // Bytes of a data segment, of a body; groups of locals, locals, labels.
        let data = [&[1, 1], count.as_slice(), &[0]].concat();
        let body = [&[1], count.as_slice(), &[0]].concat();
        let groups = [&[1, 9], count.as_slice(), &[0x0B]].concat();
        for (id, content) in [
            (1, params),
            (1, results),
            (2, import),
            (7, export),
            (9, functions),
            (9, expressions),
            (11, data),
            (10, body),
            (10, groups),
            (0, count.clone()),
        ] {
            within(LITTLE, || refusal(engine, &with_section(id, &content)));
        }
        for body in [
            // As many locals of two types, then nothing: the body is not valid, or there are too many.
            [&[2], count.as_slice(), &[I32], &count, &[binary::I64]].concat(),
            // Labels, which are not there.
            [&[0, 0x41, 0, 0x0E], count.as_slice(), &[0, 0x0B]].concat(),
            // Types of a typed select.
            [&[0, 0x41, 0, 0x41, 0, 0x41, 0, 0x1C], count.as_slice(), &[I32, 0x0B]].concat(),
        ] {
            within(LITTLE * 16, || refusal(engine, &binary::functions(std::slice::from_ref(&body))));
        }
    }
}

/// As many as there can be: memory is in proportion to the bytes.
#[test]
fn as_many_as_the_bytes_hold() {
    let engine = &engines()[0];
    let many = 100_000;
    let repeated = |item: &[u8]| [leb(many), item.repeat(many as usize)].concat();
    let types = Section::new(1, [1, 0x60, 0, 0]);
    let memory = Section::new(5, [1, 0, 1]);
    let table = Section::new(4, [1, 0x70, 0, 1]);
    for (what, sections) in [
        ("types", vec![Section::new(1, repeated(&[0x60, 0, 0]))]),
        (
            "functions",
            vec![types.clone(), Section::new(3, repeated(&[0])), Section::new(10, repeated(&[2, 0, 0x0B]))],
        ),
        ("imports", vec![types.clone(), Section::new(2, repeated(&[0, 0, 0, 0]))]),
        ("globals", vec![Section::new(6, repeated(&[I32, 0, 0x41, 0, 0x0B]))]),
        ("data segments", vec![memory.clone(), Section::new(11, repeated(&[1, 0]))]),
        ("active data segments", vec![memory, Section::new(11, repeated(&[0, 0x41, 0, 0x0B, 0]))]),
        ("element segments", vec![table, Section::new(9, repeated(&[0, 0x41, 0, 0x0B, 0]))]),
        (
            "elements",
            vec![
                types.clone(),
                Section::new(3, [1, 0]),
                Section::new(9, [vec![1, 1, 0], repeated(&[0])].concat()),
                Section::new(10, [1, 2, 0, 0x0B]),
            ],
        ),
        (
            "expressions",
            vec![types, Section::new(9, [vec![1, 5, 0x70], repeated(&[0xD0, 0x70, 0x0B])].concat())],
        ),
        ("custom sections", vec![Section::new(0, [0]); many as usize]),
    ] {
        let wasm = binary::module(&sections);
        // The bytes themselves, and what is made of them; lists double when they grow.
        within(40 * wasm.len() + LITTLE, || {
            Module::new(engine, &wasm).unwrap_or_else(|error| panic!("{what}: {error}"))
        });
    }
}

/// One constant expression of everything that the section holds.
#[test]
fn long_constant_expressions() {
    let engine = &engines()[0];
    let count = 200_000;
    let sum = |constants: usize, adds: usize| {
        [&[1, I32, 0], [0x41, 0].repeat(constants).as_slice(), &[0x6A].repeat(adds), &[0x0B]].concat()
    };
    for (valid, init) in [(true, sum(count, count - 1)), (false, sum(count, 0)), (false, sum(1, count))] {
        let wasm = binary::module(&[Section::new(6, init)]);
        let bound = 40 * wasm.len() + LITTLE;
        if valid {
            let outcome = within(bound, || {
                let module = Module::new(engine, &wasm).unwrap();
                crate::outcome::outcome(engine, &module)
            });
            assert!(outcome.is_empty());
        } else {
            within(bound, || refusal(engine, &wasm));
        }
    }
}

#[test]
fn a_header_alone_is_a_module_and_less_is_none() {
    let engine = &engines()[0];
    assert!(Module::validate(engine, &HEADER).is_ok());
    for end in 0..HEADER.len() {
        refusal(engine, &HEADER[..end]);
    }
}
