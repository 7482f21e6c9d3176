//! Modules: imports, exports, custom sections, names and counts.

use std::sync::{Arc, OnceLock};

use rotifer::{Engine, ErrorKind, Instance, Module, Store};

use super::{MODES, load, wasm};

#[test]
fn bytes_are_shared_or_copied() {
    let engine = Engine::default();
    let bytes = wasm(r#"(module (func (export "f") (result i32) (i32.const 1)))"#);
    let shared: Arc<[u8]> = bytes.clone().into();
    let module = Module::from_shared(&engine, shared.clone()).unwrap();
    assert_eq!(module.bytes().as_ptr(), shared.as_ptr());
    // Still reachable when the test ends, so that it is no leak to those who look for them.
    static FOREVER: OnceLock<Vec<u8>> = OnceLock::new();
    let forever: &'static [u8] = FOREVER.get_or_init(|| bytes.clone());
    let modules = [
        module,
        Module::from_shared(&engine, forever).unwrap(),
        Module::from_shared(&engine, bytes.clone()).unwrap(),
        Module::from_shared(&engine, bytes.clone().into_boxed_slice()).unwrap(),
        Module::new(&engine, &bytes).unwrap(),
    ];
    for module in modules {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let f = instance.get_typed_func::<(), i32>(&store, "f").unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap(), 1);
    }
}

#[test]
fn counts_names_and_sections() {
    let engine = Engine::default();
    let module = load(
        &engine,
        r#"(module $m
            (import "" "" (func $imported))
            (memory 1) (data "abc") (data (i32.const 0) "de")
            (table 1 funcref) (elem (i32.const 0) $one)
            (func $one) (func $two (export "two"))
            (@custom "first" "content")
            (@custom "second" ""))"#,
    );
    let counts = module.counts();
    assert_eq!((counts.functions, counts.imports, counts.exports), (2, 1, 1));
    assert_eq!((counts.data_segments, counts.data_bytes), (2, 5));
    assert_eq!((counts.element_segments, counts.segment_elements), (1, 1));
    assert_eq!(module.name(), Some("m"));
    assert_eq!((module.func_name(0), module.func_name(2)), (Some("imported"), Some("two")));
    assert_eq!(module.func_name(3), None);
    let sections: Vec<(&str, &[u8])> =
        module.custom_sections().map(|section| (section.name(), section.data())).collect();
    assert!(sections.contains(&("first", b"content")) && sections.contains(&("second", b"")));
}

#[test]
fn text_and_garbage_are_malformed() {
    let engine = Engine::default();
    for bytes in [&b""[..], b"(module)", b"\0asm", b"\0asm\x02\0\0\0", b"\0asm\x01\0\0\0\x01"] {
        for mode in MODES {
            let error = Module::new_with_mode(&engine, bytes, mode).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{error}");
        }
        assert!(Module::validate(&engine, bytes).is_err());
    }
}

#[test]
fn bytecode_can_be_listed() {
    let engine = Engine::default();
    let module = load(
        &engine,
        r#"(module (import "" "" (func))
            (func (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))"#,
    );
    let cells = module.bytecode(1).unwrap();
    let listing: String = cells.iter().map(|cell| cell.text.clone() + "\n").collect();
    assert!(listing.contains("i32.add"), "{listing}");
    let body = module.bytes().windows(5).position(|bytes| bytes == [0x20, 0, 0x20, 1, 0x6A]).unwrap();
    for cell in &cells {
        assert!((body..body + 6).contains(&(cell.wasm_offset as usize)), "{cell:?}");
    }
    assert!(module.bytecode(0).is_err());
    assert!(module.bytecode(2).is_err());
    assert_eq!(module.code_size(), 0);
}
