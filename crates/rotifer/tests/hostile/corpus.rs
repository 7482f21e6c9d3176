//! Modules to spoil: the benchmark's kernels, those of our own scripts, and larger ones that are generated here.

use std::path::{Path, PathBuf};

use wast::parser::{self, ParseBuffer};

use crate::Random;

/// The files of a folder whose names end so, in order.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    paths.sort();
    paths
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The modules in a folder, by name.
pub(crate) fn folder(folder: &Path) -> Vec<(String, Vec<u8>)> {
    files(folder, "wasm").iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// The benchmark's kernels.
pub(crate) fn kernels() -> Vec<(String, Vec<u8>)> {
    folder(&root().join("benches/kernels/wasm"))
}

/// The valid modules of the scripts in `spec-tests/own`.
fn scripts() -> Vec<(String, Vec<u8>)> {
    let mut modules = Vec::new();
    for path in files(&root().join("spec-tests/own"), "wast") {
        let text = std::fs::read_to_string(&path).unwrap();
        let buffer = ParseBuffer::new(&text).unwrap();
        let script: wast::Wast<'_> = parser::parse(&buffer).unwrap();
        for (number, directive) in script.directives.into_iter().enumerate() {
            if let wast::WastDirective::Module(mut module) = directive {
                modules.push((format!("{} {number}", name(&path)), module.encode().unwrap()));
            }
        }
    }
    modules
}

/// One of every operator and of every section.
pub(crate) fn everything() -> Vec<u8> {
    let text = include_str!("../../../validator/tests/modules/everything.wat");
    wat::parse_str(text).unwrap()
}

/// All of them, by name.
pub(crate) fn all() -> Vec<(String, Vec<u8>)> {
    let mut modules = kernels();
    modules.extend(scripts());
    modules.push(("everything".into(), everything()));
    modules.push(("generated".into(), generated(60, 1)));
    assert!(modules.len() > 60, "only {} modules", modules.len());
    modules
}

/// A module of `count` functions "f0" and so on, `[i32] -> [i32]`, that work on a memory, globals and a table, and
/// call those of lower numbers.
pub(crate) fn generated(count: usize, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = String::from(
        "(module (type $t (func (param i32) (result i32)))
            (memory (export \"memory\") 1) (data (i32.const 0) \"some bytes to begin with\")
            (global $g (export \"g\") (mut i64) (i64.const 5))\n",
    );
    text += &format!("(table (export \"table\") {count} funcref) (elem (i32.const 0)");
    (0..count).for_each(|func| text += &format!(" $f{func}"));
    text += ")\n";
    for func in 0..count {
        let a = random.below(1000);
        // At most two levels of calls: the number of steps stays small.
        let callee = random.below(count.min(10));
        let kinds = if func < 10 { 4 } else { 7 };
        let body = match random.below(kinds) {
            0 => format!(
                "(local i32) (loop $l (local.set 1 (i32.add (local.get 1) (i32.const {a})))
                    (br_if $l (i32.lt_u (local.get 1) (i32.const 5000))))
                (i32.xor (local.get 0) (local.get 1))"
            ),
            1 => format!(
                "(i32.store offset={a} (i32.and (local.get 0) (i32.const 1023)) (i32.const {a}))
                (i32.load8_u offset=4 (i32.and (local.get 0) (i32.const 4095)))"
            ),
            2 => format!(
                "(global.set $g (i64.add (global.get $g) (i64.const {a})))
                (i32.wrap_i64 (i64.rotl (global.get $g) (i64.extend_i32_u (local.get 0))))"
            ),
            3 => format!(
                "(block $a (block $b (block $c
                    (br_table $a $b $c (i32.rem_u (local.get 0) (i32.const 5))))
                    (return (i32.const {a})))
                    (return (i32.add (local.get 0) (i32.const {a}))))
                (select (i32.const {a}) (local.get 0)
                    (f64.lt (f64.convert_i32_s (local.get 0)) (f64.const {a}.5)))"
            ),
            4 => format!("(i32.add (call $f{callee} (local.get 0)) (call $f{callee} (i32.const {a})))"),
            5 => format!("(call_indirect (type $t) (local.get 0) (i32.const {callee}))"),
            _ => format!(
                "(if (result i32) (local.get 0)
                    (then (return_call $f{callee} (i32.const {a}))) (else (i32.const {a})))"
            ),
        };
        text += &format!("(func $f{func} (export \"f{func}\") (type $t) {body})\n");
    }
    text += ")";
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"))
}
