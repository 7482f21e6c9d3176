//! Names: of imports and exports, of custom sections, and what a name section says, which may be anything.

use rotifer::{ErrorKind, Module};

use crate::{
    Random,
    allocator::within,
    binary::{self, Section, leb, sized},
    engines, refusal,
};

fn exporting(names: &[Vec<u8>]) -> Vec<u8> {
    let export = |name: &Vec<u8>| [sized(name), vec![0, 0]].concat();
    binary::module(&[
        Section::new(1, [1, 0x60, 0, 0]),
        Section::new(3, [1, 0]),
        Section::new(7, binary::list(&names.iter().map(export).collect::<Vec<_>>())),
        Section::new(10, [1, 2, 0, 0x0B]),
    ])
}

#[test]
fn long_names() {
    let engine = &engines()[0];
    let longest = vec![b'a'; 100_000];
    let module = Module::new(engine, exporting(std::slice::from_ref(&longest))).unwrap();
    assert!(module.get_export(std::str::from_utf8(&longest).unwrap()).is_some());
    let error = Module::new(engine, exporting(&[vec![b'a'; 100_001]])).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Limit(_)), "{error}");
    let import = |module: &[u8], name: &[u8]| {
        binary::module(&[
            Section::new(1, [1, 0x60, 0, 0]),
            Section::new(2, [vec![1], sized(module), sized(name), vec![0, 0]].concat()),
        ])
    };
    Module::validate(engine, &import(&longest, &longest)).unwrap();
    refusal(engine, &import(&longest, &vec![b'a'; 100_001]));
    refusal(engine, &binary::module(&[Section::new(0, sized(&vec![b'a'; 100_001]))]));
}

#[test]
fn names_that_are_not_utf8_or_occur_twice() {
    let engine = &engines()[0];
    let bad: [&[u8]; 5] = [b"\xFF", b"a\xC0\x80", b"\xED\xA0\x80", b"\xF4\x90\x80\x80", b"\xE2\x82"];
    for name in bad {
        assert!(refusal(engine, &exporting(&[name.to_vec()])).starts_with("malformed UTF-8 encoding"));
        let custom = binary::module(&[Section::new(0, sized(name))]);
        assert!(refusal(engine, &custom).starts_with("malformed UTF-8 encoding"));
    }
    let many: Vec<_> = (0..20_000).map(|number| format!("export {number}").into_bytes()).collect();
    let mut twice = many.clone();
    twice.push(many[7_000].clone());
    let wasm = exporting(&many);
    within(20 * wasm.len(), || Module::validate(engine, &wasm).unwrap());
    assert!(refusal(engine, &exporting(&twice)).starts_with("duplicate export name: export 7000"));
}

/// A module of one function with this content in its name section.
fn named(content: Vec<u8>) -> Vec<u8> {
    let mut wasm = exporting(&[b"export".to_vec()]);
    wasm.push(0);
    wasm.extend(sized(&[sized(b"name"), content].concat()));
    wasm
}

#[test]
fn name_sections_of_anything() {
    let engine = &engines()[0];
    let part = |id: u8, content: &[u8]| [vec![id], sized(content)].concat();
    let function = |index: u64, name: &[u8]| [leb(index), sized(name)].concat();
    let huge = leb(u32::MAX.into());
    for (content, expected) in [
        (vec![], None),
        (part(1, &[vec![1], function(0, b"good")].concat()), Some("good")),
        // The first of several, whatever the order.
        (
            part(1, &[vec![3], function(7, b"far"), function(0, b"one"), function(0, b"two")].concat()),
            Some("one"),
        ),
        // Counts and lengths that lie.
        (part(1, &[huge.clone(), function(0, b"good")].concat()), Some("good")),
        (part(1, &[vec![1], huge.clone(), sized(b"far")].concat()), None),
        (part(1, &[vec![1, 0], huge.clone(), b"bad".to_vec()].concat()), None),
        ([vec![1], huge].concat(), None),
        // What is not text is no name; parts of other proposals are passed over.
        (part(1, &[vec![1], function(0, b"\xFF")].concat()), None),
        ([part(9, b"?"), part(1, &[vec![1], function(0, b"good")].concat())].concat(), Some("good")),
        (
            [part(0, &sized(b"\xFF")), part(1, &[vec![1], function(0, b"good")].concat())].concat(),
            Some("good"),
        ),
    ] {
        let module = Module::new(engine, named(content.clone())).unwrap();
        assert_eq!(module.func_name(0), expected, "{content:02x?}");
        assert_eq!(module.func_name(77), None);
        assert_eq!(module.name(), None);
    }
}

#[test]
fn noise_in_name_sections() {
    let engine = &engines()[0];
    let mut random = Random(12);
    for _ in 0..5_000 {
        let content: Vec<u8> = (0..random.below(24)).map(|_| (random.next() % 12) as u8).collect();
        let module = Module::new(engine, named(content)).unwrap();
        // Names are text of the module, if there are any.
        let names = (0..12).filter_map(|func| module.func_name(func)).chain(module.name());
        assert!(names.map(str::len).sum::<usize>() <= 12 * 24);
    }
}

/// Thousands of name sections, all of which are read.
#[test]
fn many_name_sections() {
    let engine = &engines()[0];
    let mut wasm = exporting(&[b"export".to_vec()]);
    let section = [vec![0], sized(&[sized(b"name"), vec![1, 4, 1, 0, 1, b'x']].concat())].concat();
    wasm.extend(section.repeat(20_000));
    within(20 * wasm.len(), || {
        let module = Module::new(engine, &wasm).unwrap();
        assert_eq!(module.func_name(0), Some("x"));
        assert_eq!(module.custom_sections().count(), 20_000);
    });
}
