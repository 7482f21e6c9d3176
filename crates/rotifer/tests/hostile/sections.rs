//! Sections that lie about their size, stand in the wrong place or occur twice; and numbers that are written long.

use rotifer::{ErrorKind, Limits, LoadMode, Module};

use crate::{
    binary::{self, HEADER, I32, Section, leb},
    corpus, engines, engines_with, refusal,
};

/// The module with another size before one of its sections.
fn with_size(sections: &[Section], target: usize, size: Vec<u8>) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    for (index, section) in sections.iter().enumerate() {
        bytes.push(section.id);
        bytes.extend(if index == target { size.clone() } else { leb(section.content.len() as u64) });
        bytes.extend(&section.content);
    }
    bytes
}

#[test]
fn sizes_that_lie() {
    let engine = &engines()[0];
    let sections = binary::sections(&corpus::everything());
    assert_eq!(sections.len(), 13);
    for (target, section) in sections.iter().enumerate() {
        let real = section.content.len() as u64;
        let rest: usize = sections[target..].iter().map(|section| section.content.len() + 2).sum();
        let next = sections.get(target + 1).map_or(0, |next| next.content.len() as u64);
        for size in
            [0, 1, real / 2, real - 1, real + 1, real + 2, real + next + 2, rest as u64 + 20, u32::MAX.into()]
        {
            // A name section may be anything.
            if size == real || section.id == 0 && size < real {
                continue;
            }
            let wasm = with_size(&sections, target, leb(size));
            let message = refusal(engine, &wasm);
            assert!(message.contains("at offset"), "{message}");
        }
        // More than 32 bits, and a number that does not end.
        for size in [leb(1 << 32), vec![0xFF; 5], vec![0x80; 20]] {
            let message = refusal(engine, &with_size(&sections, target, size));
            assert!(message.starts_with("integer "), "{message}");
        }
    }
}

#[test]
fn sections_out_of_order_or_twice() {
    let engine = &engines()[0];
    let sections = binary::sections(&corpus::everything());
    for one in 0..sections.len() {
        let mut twice = sections.clone();
        twice.insert(one, sections[one].clone());
        if sections[one].id != 0 {
            let message = refusal(engine, &binary::module(&twice));
            assert!(message.contains("section out of order"), "{message}");
        }
        for other in 0..one {
            let mut swapped = sections.clone();
            swapped.swap(one, other);
            if sections[one].id != 0 && sections[other].id != 0 {
                refusal(engine, &binary::module(&swapped));
            }
        }
    }
    // All of them except one: something that refers to it is missing it.
    for one in 0..sections.len() {
        let mut fewer = sections.clone();
        let removed = fewer.remove(one).id;
        if ![0, 7, 8].contains(&removed) {
            refusal(engine, &binary::module(&fewer));
        }
    }
}

/// Numbers may have more bytes than they need, up to what their type has.
#[test]
fn numbers_written_long() {
    let engine = &engines()[0];
    let long = |value: u8, bytes: usize| {
        let mut number = vec![value | 0x80];
        number.extend(vec![0x80; bytes - 2]);
        number.push(0);
        number
    };
    let with_type_count = |count: Vec<u8>| {
        let content = [count, vec![0x60, 0, 0]].concat();
        binary::module(&[Section::new(1, content)])
    };
    for bytes in 2..=5 {
        Module::validate(engine, &with_type_count(long(1, bytes))).unwrap();
    }
    for bytes in 6..=12 {
        let message = refusal(engine, &with_type_count(long(1, bytes)));
        assert!(message.starts_with("integer representation too long"), "{message}");
    }
    let message = refusal(engine, &with_type_count(vec![0x81, 0x80, 0x80, 0x80, 0x10]));
    assert!(message.starts_with("integer too large"), "{message}");
    // In a body: an i64 has ten bytes at most, its last one only the sign.
    let constant = |opcode: u8, number: &[u8]| {
        binary::functions(&[binary::body(&[&[opcode], number, &[0x1A]].concat())])
    };
    Module::validate(engine, &constant(0x42, &long(1, 10))).unwrap();
    Module::validate(engine, &constant(0x42, &[&[0xFF; 9], [0x7F].as_slice()].concat())).unwrap();
    refusal(engine, &constant(0x42, &long(1, 11)));
    refusal(engine, &constant(0x42, &[&[0xFF; 9], [0x01].as_slice()].concat()));
    Module::validate(engine, &constant(0x41, &long(1, 5))).unwrap();
    refusal(engine, &constant(0x41, &long(1, 6)));
    refusal(engine, &constant(0x41, &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F]));
}

/// Types that refer to types, as later proposals have them, however deep.
#[test]
fn types_of_later_proposals() {
    let engine = &engines()[0];
    for content in [
        // A recursive group, one in another, of as many types as a number can say.
        vec![1, 0x4E, 1, 0x60, 0, 0],
        [vec![1], [0x4E, 1].repeat(100_000)].concat(),
        [vec![1, 0x4E], leb(u32::MAX.into())].concat(),
        // Subtypes of subtypes, structures of arrays of arrays.
        [vec![1], [0x50, 1, 0].repeat(1_000)].concat(),
        [vec![1, 0x5F], leb(u32::MAX.into()), vec![0x5E; 1_000]].concat(),
        // References to types, nullable or not.
        vec![1, 0x60, 1, 0x64, 0, 0],
        vec![1, 0x60, 1, 0x63, 0, 0],
    ] {
        let wasm = binary::module(&[Section::new(1, content)]);
        let error = Module::validate(engine, &wasm).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported(_)), "{error}");
        refusal(engine, &wasm);
    }
    // Not a type at all: a reference to a reference.
    let nested = [vec![1, 0x60, 1], vec![0x63; 100_000]].concat();
    refusal(engine, &binary::module(&[Section::new(1, nested)]));
}

/// Each limit, at what it allows and one above.
#[test]
fn limits_are_errors() {
    let limited = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        engines_with(|config| {
            config.limits(limits);
        })
        .remove(0)
    };
    let items = |id: u8, item: &'static [u8]| {
        move |count: u64| {
            let content = [leb(count), item.repeat(count as usize)].concat();
            binary::module(&[Section::new(1, [1, 0x60, 0, 0]), Section::new(id, content)])
        }
    };
    let globals = items(6, &[I32, 0, 0x41, 0, 0x0B]);
    let tables = items(4, &[0x70, 0, 0]);
    let memories = items(5, &[0, 0]);
    let data = items(11, &[1, 0]);
    let elements = items(9, &[1, 0, 0]);
    let imports = items(2, &[0, 0, 0, 0]);
    type Build<'a> = &'a dyn Fn(u64) -> Vec<u8>;
    type Case<'a> = (fn(&mut Limits), Build<'a>, &'static str);
    let cases: [Case<'_>; 6] = [
        (|limits| limits.globals = 3, &globals, "globals"),
        (|limits| limits.tables = 3, &tables, "tables"),
        (|limits| limits.memories = 3, &memories, "memories"),
        (|limits| limits.data_segments = 3, &data, "data segments"),
        (|limits| limits.element_segments = 3, &elements, "element segments"),
        (|limits| limits.imports = 3, &imports, "imports"),
    ];
    for (change, build, what) in cases {
        let engine = limited(change);
        Module::validate(&engine, &build(3)).unwrap_or_else(|error| panic!("{what}: {error}"));
        let error = Module::new_with_mode(&engine, build(4), LoadMode::Partial).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{what}: {error}");
        assert!(refusal(&engine, &build(4)).starts_with(&format!("too many {what}: 4, at most 3")));
    }
}
