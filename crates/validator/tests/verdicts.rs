//! Small modules, each for one rule: our verdict, our message, and wasmparser's verdict.

mod common;

use common::{all_features, check_contract, compare, wasm};
use rotifer_core::Features;

/// Checks that a module is accepted, by wasmparser as well.
#[track_caller]
fn accept(text: &str) {
    let bytes = wasm(text);
    let features = all_features();
    match compare(&bytes, &features, &|| text.to_owned()) {
        Ok(module) => check_contract(&module, &bytes, &features),
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// Checks that a module is refused with a message that begins with `message`, and by wasmparser as well.
#[track_caller]
fn refuse(message: &str, text: &str) {
    refuse_bytes(message, &wasm(text), text);
}

#[track_caller]
fn refuse_bytes(message: &str, bytes: &[u8], what: &str) {
    match compare(bytes, &all_features(), &|| what.to_owned()) {
        Ok(_) => panic!("accepted: {what}"),
        Err(error) => assert!(error.message().starts_with(message), "{error}\n{what}"),
    }
}

/// The same for a function body in a module that has one of everything.
fn in_module(body: &str) -> String {
    format!(
        r#"(module
            (type $pair (func (param i32 i64) (result i64 i32)))
            (type $swap (func (param i32 i32) (result i32 i32)))
            (type $id (func (param i32) (result i32)))
            (import "m" "global" (global $imported i32))
            (func $id (type $id) (local.get 0))
            (func $other (param f32) (result f64) (f64.promote_f32 (local.get 0)))
            (func $two (result i32 i64) (i32.const 1) (i64.const 2))
            (memory $m32 1) (memory $m64 i64 1)
            (table $funcs 1 funcref) (table $externs 1 externref) (table $funcs64 i64 1 funcref)
            (global $g (mut i32) (i32.const 0))
            (global $c i64 (i64.const 0))
            (elem $e funcref (ref.func $id)) (elem declare func $other)
            (data $d "data")
            {body})"#
    )
}

#[track_caller]
fn accept_body(body: &str) {
    accept(&in_module(body));
}

#[track_caller]
fn refuse_body(message: &str, body: &str) {
    refuse(message, &in_module(body));
}

#[test]
fn block_parameters() {
    accept_body("(func (param i32) (result i32) local.get 0 (block (param i32) (result i32)))");
    accept_body(
        "(func (result i64 i32) i32.const 1 i64.const 2 (block (type $pair) drop i64.extend_i32_u i32.const 0))",
    );
    accept_body(
        "(func i32.const 1 (loop (param i32) (br_if 0 (i32.const 0)) drop i32.const 1 br 0) unreachable)",
    );
    accept_body("(func i32.const 1 i32.const 2 (loop (type $swap) (br_if 0 (i32.const 0))) drop drop)");
    accept_body("(func i32.const 5 i32.const 1 (if (param i32) (then drop) (else drop)))");
    accept_body("(func (result i32) i32.const 5 i32.const 1 (if (type $id) (then)))");
    refuse_body("type mismatch", "(func (block (param i32) drop))");
    refuse_body("type mismatch", "(func i64.const 1 (block (param i32) drop))");
    refuse_body("type mismatch", "(func i32.const 1 (block i32.eqz drop) drop)");
    refuse_body("type mismatch", "(func i32.const 1 (block (param i32)))");
    refuse_body("type mismatch", "(func i32.const 1 i32.const 1 (if (param i32) (then drop)) drop)");
}

#[test]
fn blocks_end_at_their_height() {
    accept_body("(func (result i32) (block (result i32) (i32.const 1)))");
    refuse_body("type mismatch", "(func (block (result i32)))");
    refuse_body("type mismatch", "(func (block i32.const 1) drop)");
    refuse_body("type mismatch", "(func (result i32) (if (i32.const 1) (then i32.const 1)) i32.const 1)");
    refuse_body("type mismatch", "(func (result i32) (if (result i32) (i32.const 1) (then i32.const 1)))");
    refuse_body(
        "type mismatch",
        "(func (result i32) (if (result i32) (i32.const 1) (then i32.const 1) (else)))",
    );
    refuse_body("type mismatch", "(func i32.const 1)");
    refuse_body("type mismatch", "(func (result i32) i64.const 1)");
    refuse_body("type mismatch", "(func (result i32) i32.const 1 i32.const 1)");
}

#[test]
fn branches_carry_operands() {
    accept_body("(func (result i32) (block (result i32) i64.const 1 i32.const 2 br 0))");
    accept_body("(func (result i32) (br_if 0 (i32.const 1) (i32.const 2)))");
    accept_body("(func (result i32) i64.const 1 i32.const 7 return)");
    accept_body("(func (block (block (block br 3))))");
    refuse_body("unknown label", "(func br 1)");
    refuse_body("unknown label", "(func i32.const 0 br_if 4)");
    refuse_body("type mismatch", "(func (result i32) (block (result i32) i64.const 1 br 0))");
    refuse_body("type mismatch", "(func (block (result i32) i32.const 1 (br_if 0 (i64.const 1))) drop)");
    refuse_body("type mismatch", "(func (result i32) i64.const 1 (block br 1) unreachable)");
}

#[test]
fn br_table_labels_agree() {
    accept_body("(func (param i32) (block (block (br_table 0 1 2 (local.get 0)))))");
    accept_body(
        "(func (param i32) (result i32) (block (result i32) (br_table 0 1 0 1 (i32.const 9) (local.get 0))))",
    );
    // A loop's label takes its parameters, a block's its results.
    accept_body("(func (param i32) (block (loop (result i32) (br_table 0 1 (local.get 0))) drop))");
    refuse_body("type mismatch", "(func (block (result i32) (block (br_table 0 1 (i32.const 9)))) drop)");
    refuse_body(
        "type mismatch",
        "(func (block (result i32) (block (result i64) (br_table 0 1 (i32.const 0) (i32.const 9))) unreachable) drop)",
    );
    refuse_body("unknown label", "(func (br_table 0 1 (i32.const 9)))");
    refuse_body("unknown label", "(func (br_table 1 0 (i32.const 9)))");
    // In dead code, labels may differ where operands are of any type ...
    accept_body("(func (block (result i32) (block (result i64) unreachable br_table 0 1) unreachable) drop)");
    // ... but not in number, and not where an operand has a type.
    refuse_body("type mismatch", "(func (block (block (result i64) unreachable br_table 0 1) drop))");
    refuse_body(
        "type mismatch",
        "(func (block (result i32) (block (result i64) unreachable i64.const 1 i32.const 1 br_table 0 1) unreachable) drop)",
    );
    accept_body(
        "(func (block (result i32) (block (result i64) unreachable i32.const 1 br_table 0 1) unreachable) drop)",
    );
}

#[test]
fn dead_code_is_typed() {
    accept_body("(func (result i32) unreachable)");
    accept_body("(func (result i32) unreachable i32.add)");
    accept_body("(func (result i32) unreachable i32.const 1 i32.add)");
    accept_body("(func unreachable select drop)");
    accept_body("(func (result i64) unreachable i64.const 1 i32.const 1 select)");
    accept_body("(func unreachable ref.is_null drop)");
    accept_body("(func unreachable drop drop drop)");
    accept_body("(func (result i32) i32.const 1 return (block (result i32) i32.const 1))");
    accept_body("(func unreachable (block (param i32) drop))");
    accept_body("(func unreachable (if (then nop) (else nop)))");
    accept_body(
        "(func (result i32) (loop (result i32) br 0 (if (result i32) (then i32.const 1) (else i32.const 2))))",
    );
    refuse_body("type mismatch", "(func (result i32) unreachable i64.const 1)");
    refuse_body("type mismatch", "(func unreachable i64.const 1 i32.eqz drop)");
    refuse_body("type mismatch", "(func unreachable i32.const 1)");
    refuse_body("type mismatch", "(func unreachable (block i32.add drop))");
    refuse_body("type mismatch", "(func unreachable i32.const 1 i64.const 1 i32.const 1 select drop)");
    refuse_body("type mismatch", "(func unreachable ref.null func i32.const 1 select drop)");
    refuse_body("type mismatch", "(func unreachable i32.const 0 ref.is_null drop)");
    refuse_body("unknown local", "(func unreachable local.get 0 drop)");
    refuse_body("unknown function", "(func unreachable call 99)");
    // `br_if` gives operands of any type the types of its label.
    refuse_body(
        "type mismatch",
        "(func (result i32) (block (result i32) unreachable i32.const 0 br_if 0 i64.eqz) drop unreachable)",
    );
    accept_body("(func (result i32) (block (result i32) unreachable i32.const 0 br_if 0 i32.eqz))");
}

#[test]
fn locals_and_globals() {
    accept_body(
        "(func (param i32) (local i64 f32) (local.set 1 (i64.const 1)) (drop (local.tee 2 (f32.const 0))))",
    );
    accept_body("(func (global.set $g (i32.add (global.get $g) (global.get $imported))))");
    refuse_body("unknown local", "(func (local i32) (drop (local.get 1)))");
    refuse_body("type mismatch", "(func (local i32) (local.set 0 (i64.const 1)))");
    refuse_body("type mismatch", "(func (local i32) (drop (local.tee 0 (i64.const 1))))");
    refuse_body("unknown global", "(func (drop (global.get 99)))");
    refuse_body("global is immutable", "(func (global.set $c (i64.const 1)))");
    refuse_body("type mismatch", "(func (global.set $g (i64.const 1)))");
}

#[test]
fn calls() {
    accept_body("(func (result f64) (call $other (f32.const 1)))");
    accept_body("(func (result i32 i64) (call $two))");
    accept_body("(func (result i32) (call_indirect $funcs (type $id) (i32.const 1) (i32.const 0)))");
    accept_body("(func (result i32) (call_indirect $funcs64 (type $id) (i32.const 1) (i64.const 0)))");
    refuse_body("type mismatch", "(func (drop (call $other (f64.const 1))))");
    refuse_body("type mismatch", "(func (drop (call $other)))");
    refuse_body("unknown function", "(func call 99)");
    refuse_body("unknown type", "(func (call_indirect (type 99) (i32.const 0)))");
    refuse_body("unknown table", "(func (call_indirect 99 (i32.const 0)))");
    refuse_body("type mismatch", "(func (call_indirect $externs (i32.const 0)))");
    refuse_body("type mismatch", "(func (call_indirect $funcs64 (i32.const 0)))");
}

#[test]
fn tail_calls() {
    accept_body("(func (param f32) (result f64) (return_call $other (local.get 0)))");
    accept_body("(func (result i32) (return_call_indirect $funcs (type $id) (i32.const 1) (i32.const 0)))");
    accept_body("(func (result i32) (return_call $id (i32.const 1)) i32.add)");
    refuse_body("type mismatch", "(func (return_call $id (i32.const 1)))");
    refuse_body("type mismatch", "(func (result i64) (return_call $id (i32.const 1)))");
    refuse_body("type mismatch", "(func (result i32) (return_call $id (i64.const 1)))");
    refuse_body(
        "type mismatch",
        "(func (result i32) (return_call_indirect $externs (type $id) (i32.const 1) (i32.const 0)))",
    );
}

#[test]
fn select() {
    accept_body("(func (result i64) (select (i64.const 1) (i64.const 2) (i32.const 0)))");
    accept_body(
        "(func (result funcref) (select (result funcref) (ref.null func) (ref.func $id) (i32.const 0)))",
    );
    refuse_body("type mismatch", "(func (drop (select (i64.const 1) (i32.const 2) (i32.const 0))))");
    refuse_body("type mismatch", "(func (drop (select (ref.null func) (ref.null func) (i32.const 0))))");
    refuse_body("type mismatch", "(func (drop (select (i32.const 1) (i32.const 2) (i64.const 0))))");
    refuse_body(
        "type mismatch",
        "(func (drop (select (result i64) (i32.const 1) (i32.const 2) (i32.const 0))))",
    );
    refuse_body("invalid result arity", "(func (select (result) (i32.const 1) (i32.const 2) (i32.const 0)))");
    refuse_body(
        "invalid result arity",
        "(func (select (result i32 i32) (i32.const 1) (i32.const 2) (i32.const 0)))",
    );
}

#[test]
fn references() {
    accept_body("(func (result funcref i32) (ref.func $other) (ref.is_null (ref.null extern)))");
    accept_body("(func (result externref) (table.get $externs (i32.const 0)))");
    refuse_body("undeclared function reference", "(func (drop (ref.func $two)))");
    refuse_body("unknown function", "(func (drop (ref.func 99)))");
    refuse_body("type mismatch", "(func (drop (ref.is_null (i32.const 1))))");
    refuse_body("type mismatch", "(func (result externref) (ref.null func))");
    refuse_body("type mismatch", "(func (table.set $funcs (i32.const 0) (ref.null extern)))");
}

/// Found by fuzzing: without a memory, nothing is the type of its addresses, not even what lies below the
/// operands of dead code.
#[test]
fn memories_that_are_not_there_in_dead_code() {
    for body in ["unreachable i64.load drop", "unreachable i32.store", "return i32.load8_u drop"] {
        refuse("unknown memory 0", &format!("(module (func {body}))"));
    }
}

#[test]
fn memories() {
    accept_body("(func (i32.store $m32 offset=4 align=2 (i32.const 0) (i32.load8_u $m32 (i32.const 1))))");
    accept_body("(func (f64.store $m64 offset=0x100000000 (i64.const 0) (f64.load $m64 (i64.const 1))))");
    accept_body("(func (result i32 i64) (memory.size $m32) (memory.grow $m64 (i64.const 1)))");
    accept_body("(func (memory.copy $m64 $m32 (i64.const 0) (i32.const 0) (i32.const 0)))");
    accept_body("(func (memory.copy $m64 $m64 (i64.const 0) (i64.const 0) (i64.const 0)))");
    accept_body("(func (memory.fill $m64 (i64.const 0) (i32.const 0) (i64.const 0)))");
    accept_body("(func (memory.init $m64 $d (i64.const 0) (i32.const 0) (i32.const 0)) (data.drop $d))");
    refuse_body(
        "alignment must not be larger than natural",
        "(func (drop (i32.load16_u align=4 (i32.const 0))))",
    );
    refuse_body("unknown memory", "(func (drop (i32.load 7 (i32.const 0))))");
    refuse_body("type mismatch", "(func (drop (i32.load $m64 (i32.const 0))))");
    refuse_body("type mismatch", "(func (i64.store $m32 (i32.const 0) (i32.const 0)))");
    refuse_body("type mismatch", "(func (memory.copy $m64 $m32 (i64.const 0) (i32.const 0) (i64.const 0)))");
    refuse_body("unknown data segment", "(func (data.drop 1))");
    refuse_body("unknown memory", "(func (memory.init 9 $d (i32.const 0) (i32.const 0) (i32.const 0)))");
}

#[test]
fn tables() {
    accept_body("(func (result i64) (table.grow $funcs64 (ref.null func) (i64.const 1)))");
    accept_body("(func (result i32) (table.size $externs))");
    accept_body("(func (table.fill $funcs64 (i64.const 0) (ref.func $id) (i64.const 1)))");
    accept_body("(func (table.copy $funcs64 $funcs (i64.const 0) (i32.const 0) (i32.const 0)))");
    accept_body("(func (table.init $funcs64 $e (i64.const 0) (i32.const 0) (i32.const 0)) (elem.drop $e))");
    refuse_body(
        "type mismatch",
        "(func (table.copy $externs $funcs (i32.const 0) (i32.const 0) (i32.const 0)))",
    );
    refuse_body(
        "type mismatch",
        "(func (table.copy $funcs64 $funcs (i64.const 0) (i32.const 0) (i64.const 0)))",
    );
    refuse_body("type mismatch", "(func (table.init $externs $e (i32.const 0) (i32.const 0) (i32.const 0)))");
    refuse_body("unknown table", "(func (drop (table.size 9)))");
    refuse_body("unknown elem segment", "(func (elem.drop 9))");
}

#[test]
fn wide_arithmetic() {
    accept_body(
        "(func (param i64) (result i64 i64) local.get 0 local.get 0 local.get 0 local.get 0 i64.add128)",
    );
    accept_body("(func (param i64) (result i64 i64) local.get 0 local.get 0 i64.mul_wide_u)");
    refuse_body("type mismatch", "(func (param i64) (result i64 i64) local.get 0 local.get 0 i64.sub128)");
    refuse_body(
        "type mismatch",
        "(func (param i32) (result i64 i64) local.get 0 local.get 0 i64.mul_wide_s)",
    );
}

#[test]
fn constant_expressions() {
    let global = |ty: &str, init: &str| {
        format!(
            r#"(module (import "" "a" (global $a i32)) (import "" "m" (global $m (mut i32)))
               (global $own i32 (i32.const 1)) (func $f) (global {ty} {init}))"#
        )
    };
    accept(&global("i32", "(global.get $a)"));
    accept(&global("i32", "(i32.add (global.get $a) (i32.mul (i32.const 2) (i32.const 3)))"));
    accept(&global("i64", "(i64.sub (i64.const 1) (i64.const 2))"));
    accept(&global("funcref", "(ref.func $f)"));
    accept(&global("externref", "(ref.null extern)"));
    accept(&global("f32", "(f32.const nan:0x123456)"));
    refuse("constant expression required", &global("i32", "(global.get $m)"));
    refuse("constant expression required", &global("i32", "(i32.div_u (i32.const 1) (i32.const 1))"));
    refuse("constant expression required", &global("i32", "(nop) (i32.const 1)"));
    refuse("unknown global", &global("i32", "(global.get $own)"));
    refuse("unknown global", &global("i32", "(global.get 9)"));
    refuse("unknown function", &global("funcref", "(ref.func 9)"));
    refuse("type mismatch", &global("i64", "(i32.const 1)"));
    refuse("type mismatch", &global("i64", ""));
    refuse("type mismatch", &global("i32", "(i32.const 1) (i32.const 1)"));
    refuse("type mismatch", &global("i64", "(i64.add (i32.const 1) (i32.const 1))"));
    refuse("type mismatch", &global("externref", "(ref.func $f)"));
}

#[test]
fn module_level_rules() {
    accept(r#"(module (func (export "a")) (func (export "b")))"#);
    refuse("duplicate export name", r#"(module (func (export "a")) (func (export "a")))"#);
    refuse("duplicate export name", r#"(module (func (export "a")) (memory (export "a") 1))"#);
    refuse("unknown function", r#"(module (export "a" (func 1)))"#);
    refuse("unknown table", r#"(module (export "a" (table 0)))"#);
    refuse("unknown memory", r#"(module (export "a" (memory 0)))"#);
    refuse("unknown global", r#"(module (export "a" (global 0)))"#);
    refuse("unknown type", r#"(module (import "" "" (func (type 3))))"#);
    refuse("unknown function", "(module (start 0))");
    refuse("start function", "(module (func $f (param i32)) (start $f))");
    refuse("start function", "(module (func $f (result i32) i32.const 1) (start $f))");
    refuse("size minimum must not be greater than maximum", "(module (memory 2 1))");
    refuse("size minimum must not be greater than maximum", "(module (table 2 1 funcref))");
    refuse("memory size must be at most 65536 pages (4GiB)", "(module (memory 65537))");
    refuse("memory size must be at most 65536 pages (4GiB)", "(module (memory 1 65537))");
    accept("(module (memory 65536 65536) (memory i64 0 0x1000000000000))");
    refuse("memory size", "(module (memory i64 0 0x1000000000001))");
    accept("(module (memory 1000 0xffffffff (pagesize 1)) (memory 0 65536 (pagesize 65536)))");
    refuse("invalid custom page size", "(module (memory 0 (pagesize 2)))");
    refuse("unknown table", "(module (func) (elem (i32.const 0) func 0))");
    refuse("unknown function", "(module (table 1 funcref) (elem (i32.const 0) func 0))");
    refuse("unknown memory", r#"(module (data (i32.const 0) ""))"#);
    refuse("type mismatch", r#"(module (memory i64 1) (data (i32.const 0) ""))"#);
    refuse("type mismatch", "(module (table 1 externref) (func) (elem (i32.const 0) func 0))");
    refuse("type mismatch", "(module (table i64 1 funcref) (elem (i32.const 0) func))");
    accept("(module (table i64 1 funcref) (elem (i64.const 0) func))");
    accept("(module (table 1 externref) (elem (i32.const 0) externref (ref.null extern)))");
}

/// Sections that the text format cannot misplace.
#[test]
fn malformed_modules() {
    let with = |sections: &[u8]| [b"\0asm\x01\0\0\0", sections].concat();
    refuse_bytes("unexpected end", b"", "empty");
    refuse_bytes("unexpected end", b"\0as", "half a magic number");
    refuse_bytes("magic header not detected", b"\0bsm\x01\0\0\0", "magic number");
    refuse_bytes("unexpected end", b"\0asm\x01\0\0", "half a version");
    refuse_bytes("unknown binary version", b"\0asm\x02\0\0\0", "version");
    refuse_bytes("unknown binary version", b"\0asm\x0d\0\x01\0", "a component");
    refuse_bytes("malformed section id", &with(&[14, 0]), "section id");
    refuse_bytes("malformed section id", &with(&[0x80, 0, 0]), "long section id");
    refuse_bytes("length out of bounds", &with(&[1, 9, 0]), "long section");
    refuse_bytes("integer representation too long", &with(&[1, 0x80, 0x80, 0x80, 0x80, 0x80, 0]), "size");
    refuse_bytes("section size mismatch", &with(&[1, 2, 0, 0]), "rest of a section");
    refuse_bytes("unexpected content after last section", &with(&[1, 1, 0, 1, 1, 0]), "two type sections");
    refuse_bytes("unexpected content after last section", &with(&[2, 1, 0, 1, 1, 0]), "order of sections");
    refuse_bytes("unexpected end", &with(&[1, 1, 1]), "missing type");
    refuse_bytes("malformed UTF-8 encoding", &with(&[0, 2, 1, 0xFF]), "custom section's name");
    refuse_bytes("length out of bounds", &with(&[0, 1, 1]), "custom section's name");
    refuse_bytes("malformed import kind", &with(&[2, 4, 1, 0, 0, 9]), "import kind");
    refuse_bytes("malformed export kind", &with(&[7, 4, 1, 0, 9, 0]), "export kind");
    refuse_bytes("malformed mutability", &with(&[6, 6, 1, 0x7F, 4, 0x41, 0, 0x0B]), "mutability");
    refuse_bytes("malformed value type", &with(&[1, 5, 1, 0x60, 1, 0x20, 0]), "value type");
    refuse_bytes("malformed reference type", &with(&[4, 4, 1, 0x7F, 0, 0]), "reference type");
    refuse_bytes("malformed limits flags", &with(&[5, 3, 1, 0x10, 0]), "limits");
    refuse_bytes("malformed limits flags", &with(&[4, 4, 1, 0x70, 8, 0]), "limits");
    refuse_bytes(
        "function and code section have inconsistent lengths",
        &with(&[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0]),
        "no code",
    );
    refuse_bytes(
        "function and code section have inconsistent lengths",
        &with(&[10, 4, 1, 2, 0, 0x0B]),
        "code",
    );
    refuse_bytes("data count and data section have inconsistent lengths", &with(&[12, 1, 1]), "no data");
    refuse_bytes(
        "data count and data section have inconsistent lengths",
        &with(&[12, 1, 1, 11, 1, 0]),
        "less data",
    );
    // A function type that no form begins with, and one of a later proposal.
    refuse_bytes("integer representation too long", &with(&[1, 2, 1, 0x40]), "form");
    refuse_bytes("types of the GC proposal", &with(&[1, 3, 1, 0x5F, 0]), "struct");
}

/// A module of one function without parameters and results, with this body.
fn body(code: &[u8]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\0".to_vec();
    bytes.extend([10, code.len() as u8 + 2, 1, code.len() as u8]);
    bytes.extend(code);
    bytes
}

#[test]
fn malformed_bodies() {
    let cases: &[(&str, &[u8])] = &[
        ("unexpected end", &[0]),
        ("unexpected end", &[0, 0x01]),
        ("unexpected end", &[0, 0x02, 0x40, 0x0B]),
        ("unexpected end", &[0, 0x41]),
        ("unexpected end", &[0, 0x43, 0, 0, 0]),
        ("unexpected end", &[0, 0x0E, 9, 0]),
        ("unexpected end", &[1]),
        ("END opcode expected", &[0, 0x0B, 0x0B]),
        ("END opcode expected", &[0, 0x0B, 0x01]),
        ("END opcode expected", &[0, 0x05, 0x0B]),
        ("END opcode expected", &[0, 0x02, 0x40, 0x05, 0x0B, 0x0B]),
        ("END opcode expected", &[0, 0x41, 0, 0x04, 0x40, 0x05, 0x05, 0x0B, 0x0B]),
        ("illegal opcode ff", &[0, 0xFF, 0x0B]),
        ("illegal opcode", &[0, 0xFC, 18, 0, 0x0B]),
        ("illegal opcode", &[0, 0xFD, 0x0C, 0x0B]),
        ("malformed block type", &[0, 0x02, 0xFF, 0x7F, 0x0B, 0x0B]),
        ("unknown type", &[0, 0x02, 1, 0x0B, 0x0B]),
        ("malformed value type", &[1, 1, 0x41, 0x0B]),
        ("too many locals", &[1, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x7F, 0x0B]),
        ("malformed memop flags", &[0, 0x41, 0, 0x28, 0x80, 0x01, 0, 0x1A, 0x0B]),
        ("alignment must not be larger than natural", &[0, 0x41, 0, 0x28, 0x20, 0, 0x1A, 0x0B]),
        ("offset out of range", &[0, 0x41, 0, 0x28, 2, 0x80, 0x80, 0x80, 0x80, 0x10, 0x1A, 0x0B]),
        ("data count section required", &[0, 0xFC, 9, 0, 0x0B]),
    ];
    for (message, code) in cases {
        refuse_bytes(message, &body(code), &format!("{code:02x?}"));
    }
    // Long encodings of small numbers are numbers all the same.
    let code = [0x80, 0x00, 0x41, 0x80, 0x80, 0x00, 0x28, 0x82, 0x00, 0x80, 0x80, 0x00, 0x1A, 0x0B];
    assert!(compare(&body(&code), &all_features(), &|| "long".to_owned()).is_ok());
    // A reference type in its long form.
    let code = [1, 1, 0x63, 0x70, 0x20, 0, 0x1A, 0x0B];
    assert!(compare(&body(&code), &all_features(), &|| "long".to_owned()).is_ok());
}

/// For each feature: modules that need it, and what it cannot do without.
const NEEDS: &[(&str, &[&str])] = &[
    (
        "floats",
        &[
            "(module (func (param f32)))",
            "(module (func (local f64)))",
            "(module (func (drop (f32.const 0))))",
            "(module (global f64 (f64.const 0)))",
            "(module (func (block (result f32) unreachable) drop))",
            "(module (func unreachable f32.convert_i32_s unreachable))",
            "(module (memory 1) (func (drop (f32.load (i32.const 0)))))",
            "(module (func unreachable f64.eq drop))",
        ],
    ),
    (
        "mutable_global",
        &[
            r#"(module (import "" "" (global (mut i32))))"#,
            r#"(module (global (export "g") (mut i32) (i32.const 0)))"#,
        ],
    ),
    ("sign_extension", &["(module (func (drop (i32.extend8_s (i32.const 0)))))"]),
    ("saturating_float_to_int", &["(module (func (drop (i32.trunc_sat_f32_s (f32.const 0)))))"]),
    (
        "multi_value",
        &[
            "(module (func (result i32 i32) i32.const 0 i32.const 0))",
            "(module (func i32.const 0 (block (param i32) drop)))",
            "(module (type $t (func)) (func (block (type $t))) (func (loop (result i32 i32) unreachable) drop drop))",
        ],
    ),
    (
        "bulk_memory",
        &[
            r#"(module (data "passive"))"#,
            r#"(module (memory 1) (data "") (func (data.drop 0)))"#,
            "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
            "(module (memory 1) (func (memory.copy (i32.const 0) (i32.const 0) (i32.const 0))))",
            "(module (table 1 funcref) (func (table.copy (i32.const 0) (i32.const 0) (i32.const 0))))",
            "(module (func $f) (elem func $f))",
            "(module (func $f) (elem declare func $f))",
        ],
    ),
    (
        "reference_types",
        &[
            "(module (func (param externref)))",
            "(module (func (param funcref)))",
            "(module (table 1 externref))",
            "(module (table 1 funcref) (table 1 funcref))",
            "(module (table 1 funcref) (func (drop (table.size 0))))",
            "(module (func (drop (ref.null func))))",
            "(module (func (drop (select (result i32) (i32.const 0) (i32.const 0) (i32.const 0)))))",
            "(module (table 1 funcref) (elem (i32.const 0) funcref (ref.null func)))",
            "(module (global funcref (ref.null func)))",
        ],
    ),
    (
        "tail_call",
        &[
            "(module (func $f (return_call $f)))",
            "(module (table 1 funcref) (func (return_call_indirect (i32.const 0))))",
        ],
    ),
    (
        "extended_const",
        &[
            "(module (global i32 (i32.add (i32.const 1) (i32.const 2))))",
            r#"(module (memory 1) (data (i32.mul (i32.const 1) (i32.const 2)) ""))"#,
        ],
    ),
    (
        "multi_memory",
        &[
            "(module (memory 1) (memory 1))",
            r#"(module (import "" "" (memory 1)) (memory 1) (func (drop (i32.load 1 (i32.const 0)))))"#,
            "(module (memory 1) (memory 1) (func (drop (memory.size 1))))",
        ],
    ),
    (
        "memory64",
        &[
            "(module (memory i64 1))",
            "(module (table i64 1 funcref))",
            r#"(module (import "" "" (memory i64 1)))"#,
            "(module (memory i64 1) (func (drop (i32.load offset=0x1_0000_0000 (i64.const 0)))))",
        ],
    ),
    ("custom_page_sizes", &["(module (memory 1 (pagesize 1)))", "(module (memory 1 (pagesize 65536)))"]),
    ("wide_arithmetic", &["(module (func unreachable i64.add128 drop drop))"]),
];

/// The features without one of them.
fn without(name: &str) -> Features {
    let all = all_features();
    match name {
        "floats" => Features { floats: false, ..all },
        "mutable_global" => Features { mutable_global: false, ..all },
        "sign_extension" => Features { sign_extension: false, ..all },
        "saturating_float_to_int" => Features { saturating_float_to_int: false, ..all },
        "multi_value" => Features { multi_value: false, ..all },
        "bulk_memory" => Features { bulk_memory: false, ..all },
        "reference_types" => Features { reference_types: false, ..all },
        "tail_call" => Features { tail_call: false, ..all },
        "extended_const" => Features { extended_const: false, ..all },
        "multi_memory" => Features { multi_memory: false, ..all },
        "memory64" => Features { memory64: false, ..all },
        "custom_page_sizes" => Features { custom_page_sizes: false, ..all },
        "wide_arithmetic" => Features { wide_arithmetic: false, ..all },
        _ => panic!("no feature {name}"),
    }
}

#[test]
fn every_feature_can_be_switched_off() {
    for (name, _) in Features::default().iter() {
        let (_, modules) =
            NEEDS.iter().find(|(feature, _)| *feature == name).expect("a module for each feature");
        for text in *modules {
            accept(text);
            let verdict = compare(&wasm(text), &without(name), &|| format!("{text} without {name}"));
            assert!(verdict.is_err(), "accepted without {name}: {text}");
        }
    }
}

#[test]
fn what_old_features_ask_for() {
    let mvp = |bytes: &[u8]| compare(bytes, &Features::MVP, &|| format!("{bytes:02x?}")).map(drop);
    // The byte that later became the index of a table or of a memory must be a single zero.
    let call_indirect = |byte: &[u8]| {
        let mut code = vec![0, 0x41, 0, 0x11, 0];
        code.extend(byte);
        code.push(0x0B);
        let mut bytes = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x04\x04\x01\x70\0\0".to_vec();
        bytes.extend([10, code.len() as u8 + 2, 1, code.len() as u8]);
        bytes.extend(code);
        bytes
    };
    assert!(mvp(&call_indirect(&[0])).is_ok());
    assert_eq!(mvp(&call_indirect(&[0x80, 0])).unwrap_err().message(), "zero byte expected");
    assert!(compare(&call_indirect(&[0x80, 0]), &common::version_2(), &String::new).is_ok());
    assert!(mvp(&body(&[0, 0x3F, 0, 0x1A, 0x0B])).is_ok());
    assert_eq!(mvp(&body(&[0, 0x3F, 0x80, 0, 0x1A, 0x0B])).unwrap_err().message(), "zero byte expected");
    assert!(compare(&body(&[0, 0x3F, 0x80, 0, 0x1A, 0x0B]), &all_features(), &String::new).is_ok());
    // Sizes and offsets had 32 bits, so five bytes at most.
    let long_offset = body(&[0, 0x41, 0, 0x28, 2, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x1A, 0x0B]);
    assert_eq!(mvp(&long_offset).unwrap_err().message(), "integer representation too long");
    assert!(compare(&long_offset, &all_features(), &String::new).is_ok());
    assert_eq!(mvp(&wasm("(module (memory 1) (memory 1))")).unwrap_err().message(), "multiple memories");
    assert_eq!(
        mvp(&wasm("(module (table 1 funcref) (table 1 funcref))")).unwrap_err().message(),
        "multiple tables"
    );
    // Without floats, conversions from floats remain, in code that is dead.
    let dead = wasm("(module (func unreachable i32.trunc_f32_s drop))");
    assert!(compare(&dead, &without("floats"), &String::new).is_ok());
}
