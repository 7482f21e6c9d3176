//! Translates the functions of `tests/code/*.wat` and compares the code with the one at the end of each file.
//!
//! `BLESS=1 cargo test -p rotifer-translator` rewrites the expectations. Code of files whose names begin with
//! `fuel_` or `profile_fuel_` consumes fuel, that of files with `interrupts_` can be interrupted, that of files with
//! `profile_` tells when functions begin and end.

use std::{fmt::Write as _, fs, path::Path};

use rotifer_bytecode::{HandlerAddr, HandlerTable, OP_COUNT, print};
use rotifer_core::{Features, FuelCosts, FuncIdx, Limits, TypeIdx};
use rotifer_translator::{Metering, Translator, TranslatorEnv};
use rotifer_validator::{Module, Scratch, Trust, WalkContext, walk};

static HANDLERS: HandlerTable = [HandlerAddr(std::ptr::null()); OP_COUNT];

/// The code of all functions of a module as text.
fn code(name: &str, wat: &str, metering: Metering<'_>) -> String {
    let bytes = wat::parse_str(wat).expect("the file is valid text");
    let features = Features { wide_arithmetic: true, ..Features::default() };
    let limits = Limits::default();
    let module = Module::read(&bytes, &features, &limits, Trust::Checked).expect("the module is valid");
    let cx = WalkContext { module: &module, bytes: &bytes, features: &features, limits: &limits };
    let mut out = String::new();
    for defined in 0..module.bodies.len() as u32 {
        let func = FuncIdx(module.imported_functions + defined);
        let env = TranslatorEnv {
            handlers: &HANDLERS,
            imported_functions: module.imported_functions,
            entry: &|_| std::ptr::null(),
            type_id: &|TypeIdx(index)| index,
            metering,
            probes: name.starts_with("profile_"),
            canonical_nans: name.starts_with("nans_"),
            tracked_writes: name.starts_with("tracked_"),
            listing: true,
            points: &[],
        };
        let mut translator = Translator::new(env);
        walk::<_, true>(&cx, func, &mut Scratch::default(), &mut translator).expect("the body is valid");
        let code = translator.into_code().expect("the walk has ended");
        writeln!(out, ";; function {func}, {} slots", code.frame_slots).unwrap();
        if code.entry_cost > 0 {
            writeln!(out, ";;   entry costs {}", code.entry_cost).unwrap();
        }
        for cell in &code.listing {
            out.push_str(";;   ");
            print(&code, cell, &mut out).unwrap();
            out.push('\n');
        }
        for split in &code.splits {
            writeln!(out, ";;   {}: splits {} for {}", split.costs, split.cost, split.start).unwrap();
        }
        for point in code.safepoints.iter().filter(|point| point.refund > 0) {
            writeln!(out, ";;   {}: refunds {}", point.position, point.refund).unwrap();
        }
    }
    out
}

#[test]
fn code_is_as_expected() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/code");
    let bless = std::env::var_os("BLESS").is_some();
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let source = text.split("\n;; function").next().unwrap().trim_end();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let costs = FuelCosts::default();
        let metering = match &*name {
            name if name.starts_with("fuel_") || name.starts_with("profile_fuel_") => Metering::Fuel(&costs),
            name if name.starts_with("interrupts_") => Metering::Interrupts,
            _ => Metering::Off,
        };
        let expected = format!("{source}\n{}", code(&name, source, metering));
        if bless {
            fs::write(&file, &expected).unwrap();
        } else {
            assert_eq!(text, expected, "{}: run with BLESS=1 to accept", file.display());
        }
    }
}
