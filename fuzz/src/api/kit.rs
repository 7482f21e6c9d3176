//! Modules that are made for `api`: of everything a little, with imports that host functions fit.

use std::sync::LazyLock;

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the text is a module")
}

/// Functions of many types that call the host in many ways. All calls end, but for what the host does.
pub(super) static KIT: LazyLock<Vec<u8>> = LazyLock::new(|| wasm(include_str!("kit.wat")));

/// Has a start function, which calls the host.
pub(super) static STARTS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    wasm(
        r#"(module $starts (import "host" "none" (func $none)) (import "kit" "memory" (memory 0))
            (func $start (call $none) (i32.store8 (i32.const 100) (i32.const 1)))
            (func (export "after") (result i32) (i32.load8_u (i32.const 100)))
            (start $start))"#,
    )
});

/// Never ends by itself.
pub(super) static ENDLESS: LazyLock<Vec<u8>> = LazyLock::new(|| {
    wasm(
        r#"(module $endless (import "host" "unary" (func $unary (param i32) (result i32)))
            (func (export "spin") (loop (br 0)))
            (func (export "double") (param i32) (result i32) (local i32)
                (loop (local.set 1 (i32.add (local.get 1) (local.get 0))) (br 0)) (local.get 1))
            (func $deep (export "deep") (param i32) (result i32)
                (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (call $unary (local.get 0))))
            (func (export "ask") (param i32) (result i32)
                (loop (local.set 0 (call $unary (local.get 0))) (br 0)) (local.get 0)))"#,
    )
});
