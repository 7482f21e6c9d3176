//! `rotifer inspect`.

use crate::{Files, program};
use rotifer::{Engine, Module};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
};

const MODULE: &str = r#"
    (module $sample
      (type (func (param i32 f64) (result i64)))
      (import "env" "f" (func (type 0)))
      (import "env" "g" (global i32))
      (func $begin)
      (func (export "run") (param i32) (result i32) (local.get 0) (if (then nop) (else nop)) (i32.const 1))
      (table (export "t") 2 5 funcref)
      (memory (export "m") 1 16)
      (global (mut i64) (i64.const 1))
      (elem (i32.const 0) 1 2)
      (data (i32.const 8) "hello")
      (start $begin)
      (@custom "note" "x"))"#;

#[test]
fn shows_everything() {
    let files = Files::new(&[("m.wat", MODULE.as_bytes())]);
    files.rotifer(&["inspect", "m.wat"]).prints(
        "\
m.wat: 167 bytes
  valid:     yes
  name:      `sample`
  start:     function 1 `begin`
  proposals: none
  floats:    yes

counts
  types             3
  functions         3 (1 imported)
  tables            1
  memories          1
  globals           2 (1 imported)
  element segments  1 (2 elements)
  data segments     1 (5 bytes)
  instructions      5 (14 bytes)

sections
   1 type       at 0x00000a, 15 bytes, 3 items
   2 import     at 0x00001b, 18 bytes, 2 items
   3 function   at 0x00002f, 3 bytes, 2 items
   4 table      at 0x000034, 5 bytes, 1 item
   5 memory     at 0x00003b, 4 bytes, 1 item
   6 global     at 0x000041, 6 bytes, 1 item
   7 export     at 0x000049, 15 bytes, 3 items
   8 start      at 0x00005a, 1 byte
   9 element    at 0x00005d, 8 bytes, 1 item
  10 code       at 0x000067, 17 bytes, 2 items
  11 data       at 0x00007a, 11 bytes, 1 item
   0 custom     at 0x000087, 6 bytes, `note`
   0 custom     at 0x00008f, 24 bytes, `name`

imports
  `env` `f`: function [i32 f64] -> [i64]
  `env` `g`: global i32

exports
  `run`: function 2: [i32] -> [i32]
  `t`: table 0: 2 5 funcref
  `m`: memory 0: 1 16

memories
  0: 1 page (65536 bytes), at most 16 pages (1048576 bytes)

tables
  0: 2 x funcref, at most 5
",
    );
}

fn inspect(files: &Files, args: &[&str]) -> Value {
    files.rotifer(&[&["inspect", "--format", "json"], args].concat()).json()
}

#[test]
fn json_has_everything() {
    let files = Files::new(&[("m.wat", MODULE.as_bytes())]);
    let found = inspect(&files, &["m.wat"]);
    assert_eq!(found["valid"], json!(true));
    assert_eq!(found["start"], json!({"index": 1, "name": "begin"}));
    assert_eq!(found["proposals"], json!({"used": [], "unsupported": [], "floats": true}));
    assert_eq!(
        found["imports"],
        json!([
            {"module": "env", "name": "f", "kind": "function", "type": "[i32 f64] -> [i64]"},
            {"module": "env", "name": "g", "kind": "global", "type": "i32"},
        ])
    );
    assert_eq!(
        found["exports"],
        json!([
            {"name": "run", "kind": "function", "index": 2, "type": "[i32] -> [i32]"},
            {"name": "t", "kind": "table", "index": 0, "type": "2 5 funcref"},
            {"name": "m", "kind": "memory", "index": 0, "type": "1 16"},
        ])
    );
    assert_eq!(
        found["memories"],
        json!([{
            "index": 0, "imported": false, "minimum": 1, "maximum": 16, "page_size": 65536, "is_64": false,
            "shared": false
        }])
    );
    assert_eq!(found["counts"]["functions"], json!({"imported": 1, "defined": 2}));
    assert_eq!(found["counts"]["data_bytes"], json!(5));
    assert_eq!(found["unreadable"], json!([]));
}

/// The engine counts the same things when it loads a module.
#[test]
fn counts_are_those_of_the_engine() {
    let primes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/primes.wat");
    let primes = fs::read(primes).unwrap();
    let files = Files::new(&[
        ("a.wat", MODULE.as_bytes()),
        ("b.wat", &primes),
        ("c.wat", b"(module)"),
        (
            "d.wat",
            b"(module (import \"a\" \"b\" (memory 1)) (import \"a\" \"c\" (table 1 externref)) (memory 2)
              (elem declare func $f) (func $f (drop (ref.func $f))) (data \"ab\") (data \"c\"))",
        ),
    ]);
    for name in ["a.wat", "b.wat", "c.wat", "d.wat"] {
        let wasm = wat::parse_file(files.path().join(name)).unwrap();
        check_counts(&wasm, &inspect(&files, &[name]), name);
    }
}

#[track_caller]
fn check_counts(wasm: &[u8], found: &Value, name: &str) {
    let engine = Module::new(&Engine::default(), wasm).unwrap().counts();
    let counts = &found["counts"];
    let number = |value: &Value| value.as_u64().unwrap();
    let defined = |space: &str| number(&counts[space]["defined"]) as u32;
    assert_eq!(number(&counts["types"]) as u32, engine.types, "{name}");
    assert_eq!(number(&counts["imports"]) as u32, engine.imports, "{name}");
    assert_eq!(number(&counts["exports"]) as u32, engine.exports, "{name}");
    assert_eq!(defined("functions"), engine.functions, "{name}");
    assert_eq!(defined("tables"), engine.tables, "{name}");
    assert_eq!(defined("memories"), engine.memories, "{name}");
    assert_eq!(defined("globals"), engine.globals, "{name}");
    assert_eq!(number(&counts["element_segments"]) as u32, engine.element_segments, "{name}");
    assert_eq!(number(&counts["segment_elements"]), engine.segment_elements, "{name}");
    assert_eq!(number(&counts["data_segments"]) as u32, engine.data_segments, "{name}");
    assert_eq!(number(&counts["data_bytes"]), engine.data_bytes, "{name}");
    assert_eq!(number(&counts["code_bytes"]), engine.code_bytes, "{name}");
}

/// Modules of others, in the folders below ROTIFER_WASM_DIR.
#[test]
fn real_modules_are_read_to_their_ends() {
    let Ok(directory) = std::env::var("ROTIFER_WASM_DIR") else { return };
    let mut folders = vec![PathBuf::from(directory)];
    let files = program();
    let mut modules = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wasm") {
                let name = path.to_str().unwrap();
                let wasm = fs::read(&path).unwrap();
                let found = inspect(&files, &[name]);
                assert_eq!(found["unreadable"], json!([]), "{name}");
                check_sections(&wasm, &found);
                check_counts(&wasm, &found, name);
                modules += 1;
            }
        }
    }
    assert_ne!(modules, 0, "there are no modules in ROTIFER_WASM_DIR");
}

#[test]
fn sections_cover_the_module() {
    let files = program();
    let wasm = fs::read(files.path().join("program.wasm")).unwrap();
    check_sections(&wasm, &inspect(&files, &["program.wasm"]));
}

#[track_caller]
fn check_sections(wasm: &[u8], found: &Value) {
    let mut end = 8;
    for section in found["sections"].as_array().unwrap() {
        let offset = section["offset"].as_u64().unwrap() as usize;
        // Between two contents lie an identifier and a size.
        assert!((2..=6).contains(&(offset - end)), "{section}");
        assert_eq!(u64::from(wasm[end]), section["id"].as_u64().unwrap(), "{section}");
        end = offset + section["size"].as_u64().unwrap() as usize;
    }
    assert_eq!(end, wasm.len());
    assert_eq!(found["size"], json!(wasm.len()));
}

#[test]
fn proposals_are_named() {
    let files = Files::new(&[
        (
            "two.wat",
            b"(module (memory 1) (memory i64 1) (func (param i32) (result i32 i32) local.get 0 i32.const 1))",
        ),
        ("off.wat", b"(module (memory 1 (pagesize 1)))"),
        ("simd.wat", b"(module (func (result i32 i32) unreachable) (func (param v128)))"),
        ("invalid.wat", b"(module (func (result i32)))"),
    ]);
    let found = inspect(&files, &["two.wat"]);
    assert_eq!(found["proposals"]["used"], json!(["multi-value", "multi-memory", "memory64"]));
    // Not valid, for the proposal is off unless it is asked for.
    let off = inspect(&files, &["off.wat"]);
    assert_eq!((&off["valid"], &off["error"]["kind"]), (&json!(false), &json!("unsupported")));
    assert_eq!(off["proposals"]["used"], json!(["custom-page-sizes"]));
    assert_eq!(inspect(&files, &["off.wat", "--features", "custom-page-sizes"])["valid"], json!(true));
    let simd = inspect(&files, &["simd.wat"]);
    assert_eq!(simd["proposals"], json!({"used": ["multi-value"], "unsupported": ["simd"], "floats": false}));
    let text = files.rotifer(&["inspect", "simd.wat"]);
    assert!(text.out().contains("\n  not supported: simd\n"), "{}", text.out());
    text.fails(1, &[]);
    assert_eq!(inspect(&files, &["invalid.wat"])["proposals"], json!(null));
}

#[test]
fn what_is_not_valid_is_shown_as_far_as_it_can_be_read() {
    let valid = wat::parse_str(MODULE).unwrap();
    let mut cut = valid.clone();
    cut.truncate(valid.len() - 40);
    let mut bad_type = wat::parse_str("(module (import \"a\" \"b\" (func (param i32))) (func))").unwrap();
    // The import's type is one that there is none of.
    let place = bad_type.windows(2).position(|pair| pair == b"b\0").unwrap();
    bad_type[place + 2] = 9;
    let files = Files::new(&[
        ("invalid.wat", b"(module (func (export \"f\") (result i32)))"),
        ("cut.wasm", &cut),
        ("type.wasm", &bad_type),
        ("no.wasm", b"\0nothing of the kind"),
        ("component.wasm", b"\0asm\x0d\0\x01\0"),
    ]);
    let invalid = files.rotifer(&["inspect", "invalid.wat"]);
    for text in ["valid:     no: type mismatch", "proposals: unknown", "`f`: function 0: [] -> [i32]"] {
        assert!(invalid.out().contains(text), "{}", invalid.out());
    }
    invalid.fails(1, &[]);
    let cut = inspect(&files, &["cut.wasm"]);
    assert_eq!(cut["imports"].as_array().unwrap().len(), 2);
    assert!(!cut["unreadable"].as_array().unwrap().is_empty(), "{cut}");
    let bad_type = inspect(&files, &["type.wasm"]);
    assert_eq!(bad_type["imports"][0]["type"], json!(null), "{bad_type}");
    assert_eq!(bad_type["counts"]["functions"], json!({"imported": 1, "defined": 1}));
    let no = files.rotifer(&["inspect", "no.wasm"]);
    assert!(no.out().contains("valid:     no: magic header"), "{}", no.out());
    no.fails(1, &[]);
    let component = inspect(&files, &["component.wasm"]);
    assert_eq!(component["unreadable"][0]["message"], json!("this is a component, not a module"));
    files.rotifer(&["inspect", "none"]).fails(1, &["cannot read none"]);
}

#[test]
fn names_cannot_control_the_terminal() {
    let files = Files::new(&[("m.wat", b"(module (func (export \"\\1b[2J\")))")]);
    let out = files.rotifer(&["inspect", "m.wat"]).out();
    assert!(out.contains("`\\u{1b}[2J`: function 0: [] -> []"), "{out}");
    assert!(!out.contains('\u{1b}'), "{out:?}");
}
