//! What is read of a module: sections, counts, names, elements; limits; and which of several errors is told.

mod common;

use common::{all_features, wasm};
use rotifer_core::{Features, FuncIdx, GlobalIdx, Limits};
use rotifer_validator::{
    ConstExpr, ConstOp, ElementItem, Error, ErrorKind, Module, Names, Scratch, Trust, WalkContext, WalkError,
    walk,
};

fn read(bytes: &[u8]) -> Module {
    Module::read(bytes, &all_features(), &Limits::default(), Trust::Checked).unwrap()
}

#[test]
fn counts_are_those_of_the_sections() {
    let bytes = wasm(
        r#"(module
            (type (func)) (type (func (param i32)))
            (import "a" "b" (func)) (import "a" "c" (memory 1)) (import "a" "d" (global i32))
            (func) (func (export "f") nop) (table 1 funcref) (memory 1) (global i32 (i32.const 1))
            (elem (i32.const 0) func 0 1 2) (elem funcref (ref.null func))
            (data (i32.const 0) "1234") (data "567"))"#,
    );
    let counts = read(&bytes).counts;
    assert_eq!((counts.types, counts.imports, counts.functions, counts.exports), (2, 3, 2, 1));
    assert_eq!((counts.tables, counts.memories, counts.globals), (1, 1, 1));
    assert_eq!((counts.element_segments, counts.segment_elements), (2, 4));
    assert_eq!((counts.data_segments, counts.data_bytes), (2, 7));
    assert_eq!(counts.code_bytes, 2 + 3);
}

#[test]
fn elements_in_order() {
    let bytes = wasm(
        r#"(module
            (import "" "" (global $g funcref)) (func $a) (func $b) (table 200 funcref)
            (elem (i32.const 0) func $b $a $b)
            (elem funcref (ref.func $a) (global.get $g) (ref.null func))
            (elem func))"#,
    );
    let module = read(&bytes);
    let items: Vec<_> = module.elements[0].items.items(&bytes).collect();
    assert_eq!(items, [1, 0, 1].map(|func| ElementItem::Function(FuncIdx(func))));
    let ops: Vec<_> = module.elements[1]
        .items
        .items(&bytes)
        .map(|item| match item {
            ElementItem::Expression(ConstExpr::One(op)) => *op,
            item => panic!("{item:?}"),
        })
        .collect();
    assert_eq!(ops, [ConstOp::RefFunc(FuncIdx(0)), ConstOp::GlobalGet(GlobalIdx(0)), ConstOp::RefNull]);
    assert_eq!(module.elements[2].items.items(&bytes).count(), 0);
    assert!(module.elements[2].items.is_empty() && !module.elements[0].items.is_empty());
    assert!(
        module.is_declared(FuncIdx(0)) && module.is_declared(FuncIdx(1)) && !module.is_declared(FuncIdx(2))
    );
}

#[test]
fn constant_expressions_are_decoded() {
    let bytes = wasm(
        r#"(module
            (import "" "" (global i32))
            (global i32 (i32.const -2)) (global f64 (f64.const -0)) (global i64 (i64.const -1))
            (global i32 (i32.sub (global.get 0) (i32.const 1))))"#,
    );
    let module = read(&bytes);
    assert_eq!(module.global_inits[0], ConstExpr::One(ConstOp::Const(0xFFFF_FFFE)));
    assert_eq!(module.global_inits[1], ConstExpr::One(ConstOp::Const(1 << 63)));
    assert_eq!(module.global_inits[2], ConstExpr::One(ConstOp::Const(u64::MAX)));
    let expected = [
        ConstOp::GlobalGet(GlobalIdx(0)),
        ConstOp::Const(1),
        ConstOp::Binary(rotifer_bytecode::Operator::I32Sub),
    ];
    assert_eq!(module.global_inits[3].ops(), expected);
}

#[test]
fn names_are_read_as_far_as_they_can_be() {
    let bytes = wasm("(module $name (func $first) (func) (func $third))");
    let module = read(&bytes);
    let names = Names::read(&module, &bytes);
    assert_eq!(names.module(&bytes), Some("name"));
    assert_eq!(names.function(FuncIdx(0), &bytes), Some("first"));
    assert_eq!(names.function(FuncIdx(1), &bytes), None);
    assert_eq!(names.function(FuncIdx(2), &bytes), Some("third"));
    assert_eq!(names.function(FuncIdx(3), &bytes), None);

    // A section that breaks off, out of order, with a name that is not UTF-8.
    let mut bytes = b"\0asm\x01\0\0\0\x00\x16\x04name".to_vec();
    bytes.extend(b"\x02\x01\xFF\x01\x0C\x04\x05\x01b\x03\x01\xFF\x01\x01a\x09\x09");
    let len = bytes.len();
    bytes[9] = (len - 10) as u8;
    bytes[19] = (len - 20) as u8;
    let module = read(&bytes);
    let names = Names::read(&module, &bytes);
    assert_eq!(names.module(&bytes), None);
    assert_eq!(names.function(FuncIdx(1), &bytes), Some("a"));
    assert_eq!(names.function(FuncIdx(3), &bytes), None);
    assert_eq!(names.function(FuncIdx(5), &bytes), Some("b"));
    for end in 0..bytes.len() {
        for at in 8..end {
            let mut mutant = bytes[..end].to_vec();
            mutant[at] ^= 0x55;
            if let Ok(module) = Module::read(&mutant, &all_features(), &Limits::default(), Trust::Checked) {
                Names::read(&module, &mutant).function(FuncIdx(1), &mutant);
            }
        }
    }
}

#[test]
fn unchecked_reading_skips_what_cannot_harm() {
    let bytes = b"\0asm\x01\0\0\0\x00\x02\x01\xFF";
    let limits = Limits::default();
    assert!(Module::read(bytes, &all_features(), &limits, Trust::Checked).is_err());
    let module = Module::read(bytes, &all_features(), &limits, Trust::Unchecked).unwrap();
    assert_eq!(module.custom_sections[0].0.name(bytes), "");
}

fn error(bytes: &[u8]) -> Error {
    Module::read_validated(bytes, &all_features(), &Limits::default()).unwrap_err()
}

#[test]
fn the_error_with_the_lowest_offset_is_told() {
    // Two bad bodies.
    let bytes = wasm("(module (func) (func i32.const 1) (func i64.eqz))");
    let first = error(&bytes);
    assert_eq!(first.func(), Some(FuncIdx(1)));
    // A bad body before a bad data section.
    let bytes = wasm(r#"(module (func) (func i32.const 1) (memory 1) (data (i64.const 0) ""))"#);
    let first = error(&bytes);
    assert_eq!((first.func(), first.kind()), (Some(FuncIdx(1)), ErrorKind::Invalid));
    // A bad global before bad bodies.
    let bytes = wasm("(module (global i32 (i64.const 0)) (func i32.const 1))");
    assert_eq!(error(&bytes).func(), None);
    // Good bodies before a bad data section.
    let bytes = wasm(r#"(module (func) (memory 1) (data (i64.const 0) ""))"#);
    assert_eq!(error(&bytes).func(), None);
    // A body that ends too early, and nothing behind it.
    let bytes = wasm("(module (func) (func i32.const 1))");
    let first = error(&bytes[..bytes.len() - 1]);
    assert_eq!(first.func(), None);
    assert!(first.to_string().contains("(at offset 0x"), "{first}");
}

#[test]
fn partial_validation_tells_the_same_error() {
    let bytes = wasm("(module (func) (func i32.const 1) (func))");
    let (features, limits) = (all_features(), Limits::default());
    let module = Module::read(&bytes, &features, &limits, Trust::Checked).unwrap();
    let whole = module.validate_bodies(&bytes, &features, &limits).unwrap_err();
    let cx = WalkContext { module: &module, bytes: &bytes, features: &features, limits: &limits };
    let mut scratch = Scratch::default();
    for func in [0, 2, 1, 0, 1] {
        let verdict = walk::<(), true>(&cx, FuncIdx(func), &mut scratch, &mut ());
        if func == 1 {
            assert_eq!(verdict, Err(WalkError::Invalid(whole.clone())));
        } else {
            assert_eq!(verdict, Ok(()));
        }
    }
    assert!(cx.validate(2..3).is_ok());
    assert!(cx.validate(0..3).is_err());
}

/// Checks that a module is accepted by default and refused with a limit changed.
#[track_caller]
fn check_limit(what: &str, text: &str, change: impl Fn(&mut Limits)) {
    let bytes = wasm(text);
    let features = all_features();
    let mut limits = Limits::default();
    Module::read_validated(&bytes, &features, &limits).unwrap();
    change(&mut limits);
    let error = Module::read_validated(&bytes, &features, &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    let expected = format!("too many {what}");
    assert!(error.message().starts_with(&expected), "{error}");
    // Trust does not lift limits.
    if error.func().is_none() {
        assert_eq!(Module::read(&bytes, &features, &limits, Trust::Unchecked).unwrap_err(), error);
    }
}

#[test]
fn limits_of_every_kind() {
    check_limit("bytes of a module", "(module)", |limits| limits.module_bytes = 7);
    check_limit("types", "(module (type (func)) (type (func (param i32))))", |limits| limits.types = 1);
    check_limit("functions", "(module (func) (func))", |limits| limits.functions = 1);
    check_limit("functions", r#"(module (import "" "" (func)) (func))"#, |limits| limits.functions = 1);
    check_limit("imports", r#"(module (import "" "" (func)))"#, |limits| limits.imports = 0);
    check_limit("exports", r#"(module (func (export "a")))"#, |limits| limits.exports = 0);
    check_limit("globals", "(module (global i32 (i32.const 0)))", |limits| limits.globals = 0);
    check_limit("tables", "(module (table 1 funcref) (table 1 funcref))", |limits| limits.tables = 1);
    check_limit("memories", "(module (memory 1) (memory 1))", |limits| limits.memories = 1);
    check_limit("data segments", r#"(module (data ""))"#, |limits| limits.data_segments = 0);
    check_limit("element segments", "(module (elem func))", |limits| limits.element_segments = 0);
    check_limit("elements of a segment", "(module (func $f) (elem func $f $f))", |limits| {
        limits.segment_elements = 1;
    });
    check_limit("parameters", "(module (func (param i32 i32)))", |limits| limits.params = 1);
    check_limit("results", "(module (type (func (result i32 i32))))", |limits| limits.results = 1);
    check_limit("locals", "(module (func (param i32) (local i32 i64)))", |limits| limits.locals = 2);
    check_limit("bytes of a body", "(module (func nop nop))", |limits| limits.body_bytes = 3);
    check_limit("blocks in each other", "(module (func (block (block))))", |limits| limits.nesting = 1);
    check_limit("labels of a br_table", "(module (func (br_table 0 0 0 (i32.const 0))))", |limits| {
        limits.br_table_labels = 2;
    });
    check_limit("elements of a table", "(module (table 10 funcref))", |limits| limits.table_elements = 9);
    check_limit("bytes of a memory", "(module (memory 2))", |limits| limits.memory_bytes = 0x1_FFFF);
    check_limit("bytes of a name", r#"(module (func (export "abc")))"#, |limits| limits.name_bytes = 2);
}

#[test]
fn frames_are_limited_in_slots() {
    // Two locals, two operands, and the linkage.
    let text = "(module (func (param i32) (local i64) (drop (i32.add (i32.const 1) (i32.const 2)))))";
    let exact = 2 + 2 + Limits::LINKAGE_SLOTS;
    check_limit("slots of a frame", text, |limits| limits.frame_slots = exact - 1);
    check_limit("slots of a frame", text, |limits| limits.frame_slots = 1 + Limits::LINKAGE_SLOTS);
    let mut limits = Limits::default();
    limits.frame_slots = exact;
    Module::read_validated(&wasm(text), &all_features(), &limits).unwrap();
    // What the bytecode cannot address is refused, whatever the limit says.
    let results = "i32 ".repeat(1_000);
    let text = format!(
        "(module (func $f (result {results}) unreachable) (func {} unreachable))",
        "call $f ".repeat(65)
    );
    limits.frame_slots = u32::MAX;
    let error = Module::read_validated(&wasm(&text), &all_features(), &limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    // Dead code is limited, too: its types take memory.
    let text = format!(
        "(module (func $f (result {results}) unreachable) (func return {} unreachable))",
        "call $f ".repeat(65)
    );
    assert!(Module::read_validated(&wasm(&text), &all_features(), &limits).is_err());
}

#[test]
fn claimed_counts_cost_nothing() {
    for section in [1, 2, 3, 4, 5, 6, 7, 9, 10, 11] {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        // Half a million items, and no bytes for them.
        bytes.extend([section, 3, 0xA0, 0xC2, 0x1E]);
        assert!(Module::read(&bytes, &Features::default(), &Limits::default(), Trust::Unchecked).is_err());
    }
}

#[test]
fn big_bodies_take_linear_time() {
    // Deep nesting, with a branch to each level.
    let depth = 20_000;
    let mut text = String::from("(module (func (param i32) ");
    text.push_str(&"block ".repeat(depth));
    text.push_str("local.get 0 br_table");
    (0..depth).for_each(|label| text.push_str(&format!(" {label}")));
    text.push_str(&" end".repeat(depth));
    text.push_str("))");
    let bytes = wasm(&text);
    let start = std::time::Instant::now();
    Module::read_validated(&bytes, &all_features(), &Limits::default()).unwrap();
    // It takes about a millisecond.
    assert!(start.elapsed().as_secs() < 5);
}

/// A module of a type, a function, a table, a memory, and one more section.
fn with_section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.extend([1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 4, 4, 1, 0x70, 0, 1, 5, 3, 1, 0, 1]);
    let section = |id: u8, content: &[u8]| [&[id, content.len() as u8], content].concat();
    let code = section(10, &[1, 2, 0, 0x0B]);
    if id < 10 {
        bytes.extend(section(id, content));
        bytes.extend(code);
    } else {
        bytes.extend(code);
        bytes.extend(section(id, content));
    }
    bytes
}

/// What a byte may be is said where it is read: of what belongs to a later proposal, that it is not supported.
#[test]
fn kinds_that_are_none() {
    use ErrorKind::{Malformed, Unsupported};
    let offset = [0x41, 0, 0x0B];
    let element = |kind: u8| [&[1, kind][..], &offset, &[0]].concat();
    for (id, content, kind, message) in [
        (7, vec![1, 1, b'e', 4, 0], Unsupported, "malformed export kind: exception tags"),
        (7, vec![1, 1, b'e', 5, 0], Malformed, "malformed export kind: 0x5"),
        (9, element(8), Malformed, "malformed elements segment kind"),
        (9, vec![1, 1, 1, 0], Malformed, "malformed element kind"),
        (11, vec![1, 3, 0], Malformed, "malformed data segment kind"),
        // `ref null` and a heap type: of a later proposal, an index, and none at all.
        (9, vec![1, 5, 0x63, 0x6E, 0], Unsupported, "the type of a later proposal"),
        (9, vec![1, 5, 0x63, 0x00, 0], Unsupported, "typed function references"),
        (9, vec![1, 5, 0x63, 0x40, 0], Malformed, "malformed heap type"),
        (9, vec![1, 5, 0x40, 0], Malformed, "malformed reference type"),
    ] {
        let error = error(&with_section(id, &content));
        assert_eq!(error.kind(), kind, "{content:02x?}: {error}");
        assert!(error.message().starts_with(message), "{content:02x?}: {error}");
    }
    // The long form of what has a short one.
    read(&with_section(9, &[1, 5, 0x63, 0x70, 0]));
}

/// Bytes that are not those the module was read from: an error, not a panic.
#[test]
fn bodies_beyond_the_bytes() {
    let bytes = wasm("(module (func) (func (result i32) (i32.const 1)))");
    let module = read(&bytes);
    let (features, limits) = (all_features(), Limits::default());
    for end in 0..bytes.len() {
        let cx = WalkContext { module: &module, bytes: &bytes[..end], features: &features, limits: &limits };
        assert!(cx.validate(0..2).is_err(), "{end}");
    }
    let cx = WalkContext { module: &module, bytes: &bytes, features: &features, limits: &limits };
    let mut scratch = Scratch::default();
    let none = walk::<(), true>(&cx, FuncIdx(2), &mut scratch, &mut ());
    assert!(matches!(none, Err(WalkError::Invalid(error)) if error.message() == "unknown function body 2"));
    assert_eq!(format!("{scratch:?}"), "Scratch { .. }");
}

#[test]
fn the_walk_is_send() {
    fn check<T: Send + Sync>() {}
    check::<Module>();
    check::<Error>();
    check::<WalkContext<'_>>();
    check::<Scratch<()>>();
}
