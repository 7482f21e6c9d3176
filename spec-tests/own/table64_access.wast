;; table.get, table.set, table.size, table.grow and table.fill of tables with 64-bit indices.

(module
  (table $externs i64 2 6 externref)
  (table $funcs i64 3 funcref)
  (elem (table $funcs) (i64.const 1) func $answer)
  (func $answer (result i32) (i32.const 42))

  (func (export "get") (param i64) (result externref) (table.get $externs (local.get 0)))
  (func (export "set") (param i64 externref) (table.set $externs (local.get 0) (local.get 1)))
  (func (export "size") (result i64) (table.size $externs))
  (func (export "grow") (param externref i64) (result i64)
    (table.grow $externs (local.get 0) (local.get 1)))
  (func (export "fill") (param i64 externref i64)
    (table.fill $externs (local.get 0) (local.get 1) (local.get 2)))
  (func (export "get_func") (param i64) (result funcref) (table.get $funcs (local.get 0)))
  (func (export "is_null") (param i64) (result i32) (ref.is_null (table.get $funcs (local.get 0))))
  (func (export "copy_func") (param i64 i64)
    (table.set $funcs (local.get 0) (table.get $funcs (local.get 1))))
  (func (export "const_get") (result i32) (ref.is_null (table.get $funcs (i64.const 1))))
  (func (export "const_get_huge") (result i32) (ref.is_null (table.get $funcs (i64.const 0x1_0000_0001))))
)
(assert_return (invoke "size") (i64.const 2))
(assert_return (invoke "get" (i64.const 0)) (ref.null extern))
(invoke "set" (i64.const 1) (ref.extern 11))
(assert_return (invoke "get" (i64.const 1)) (ref.extern 11))
(assert_return (invoke "get" (i64.const 0)) (ref.null extern))
(assert_trap (invoke "get" (i64.const 2)) "out of bounds table access")
(assert_trap (invoke "get" (i64.const -1)) "out of bounds table access")
;; The upper half of an index counts.
(assert_trap (invoke "get" (i64.const 0x1_0000_0001)) "out of bounds table access")
(assert_trap (invoke "get" (i64.const 0x8000_0000_0000_0000)) "out of bounds table access")
(assert_trap (invoke "set" (i64.const 2) (ref.extern 1)) "out of bounds table access")
(assert_trap (invoke "set" (i64.const 0x1_0000_0000) (ref.extern 1)) "out of bounds table access")
(assert_trap (invoke "set" (i64.const -1) (ref.null extern)) "out of bounds table access")
(assert_return (invoke "get" (i64.const 0)) (ref.null extern))

(assert_return (invoke "get_func" (i64.const 1)) (ref.func))
(assert_return (invoke "get_func" (i64.const 0)) (ref.null func))
(assert_return (invoke "is_null" (i64.const 2)) (i32.const 1))
(invoke "copy_func" (i64.const 2) (i64.const 1))
(assert_return (invoke "is_null" (i64.const 2)) (i32.const 0))
(assert_return (invoke "const_get") (i32.const 0))
(assert_trap (invoke "const_get_huge") "out of bounds table access")
(assert_trap (invoke "copy_func" (i64.const 3) (i64.const 0)) "out of bounds table access")
(assert_trap (invoke "copy_func" (i64.const 0) (i64.const 3)) "out of bounds table access")

;; grow
(assert_return (invoke "grow" (ref.extern 5) (i64.const 0)) (i64.const 2))
(assert_return (invoke "grow" (ref.extern 5) (i64.const 2)) (i64.const 2))
(assert_return (invoke "size") (i64.const 4))
(assert_return (invoke "get" (i64.const 1)) (ref.extern 11))
(assert_return (invoke "get" (i64.const 2)) (ref.extern 5))
(assert_return (invoke "get" (i64.const 3)) (ref.extern 5))
(assert_trap (invoke "get" (i64.const 4)) "out of bounds table access")
(assert_return (invoke "grow" (ref.extern 6) (i64.const 3)) (i64.const -1))
(assert_return (invoke "grow" (ref.extern 6) (i64.const 0x1_0000_0000)) (i64.const -1))
(assert_return (invoke "grow" (ref.extern 6) (i64.const 0x1_0000_0001)) (i64.const -1))
(assert_return (invoke "grow" (ref.extern 6) (i64.const -1)) (i64.const -1))
(assert_return (invoke "grow" (ref.extern 6) (i64.const -4)) (i64.const -1))
(assert_return (invoke "size") (i64.const 4))

;; fill
(invoke "fill" (i64.const 0) (ref.extern 7) (i64.const 2))
(assert_return (invoke "get" (i64.const 0)) (ref.extern 7))
(assert_return (invoke "get" (i64.const 1)) (ref.extern 7))
(assert_return (invoke "get" (i64.const 2)) (ref.extern 5))
(invoke "fill" (i64.const 4) (ref.extern 8) (i64.const 0))
(assert_trap (invoke "fill" (i64.const 5) (ref.extern 8) (i64.const 0)) "out of bounds table access")
(assert_trap (invoke "fill" (i64.const 3) (ref.extern 8) (i64.const 2)) "out of bounds table access")
(assert_trap (invoke "fill" (i64.const 0) (ref.extern 8) (i64.const 0x1_0000_0000)) "out of bounds table access")
(assert_trap (invoke "fill" (i64.const 0x1_0000_0000) (ref.extern 8) (i64.const 0)) "out of bounds table access")
(assert_trap (invoke "fill" (i64.const 1) (ref.extern 8) (i64.const -1)) "out of bounds table access")
(assert_trap (invoke "fill" (i64.const -1) (ref.extern 8) (i64.const 1)) "out of bounds table access")
(assert_return (invoke "get" (i64.const 3)) (ref.extern 5))
(invoke "fill" (i64.const 1) (ref.null extern) (i64.const 3))
(assert_return (invoke "get" (i64.const 0)) (ref.extern 7))
(assert_return (invoke "get" (i64.const 1)) (ref.null extern))
(assert_return (invoke "get" (i64.const 3)) (ref.null extern))

;; Types of tables.
(module definition (table i64 0 0xffff_ffff_ffff_ffff funcref))
(assert_invalid (module (table i64 2 1 funcref)) "size minimum must not be greater than maximum")
(module $exporter
  (table (export "table64") i64 1 2 funcref)
  (table (export "table32") 1 2 funcref)
)
(register "exporter" $exporter)
(module (import "exporter" "table64" (table i64 1 2 funcref)))
(module (import "exporter" "table64" (table i64 0 funcref)))
(assert_unlinkable
  (module (import "exporter" "table64" (table 1 2 funcref)))
  "incompatible import type")
(assert_unlinkable
  (module (import "exporter" "table32" (table i64 1 2 funcref)))
  "incompatible import type")
(assert_unlinkable
  (module (import "exporter" "table64" (table i64 1 2 externref)))
  "incompatible import type")

(assert_invalid
  (module (table i64 1 funcref) (func (drop (table.get 0 (i32.const 0)))))
  "type mismatch")
(assert_invalid
  (module (table 1 funcref) (func (drop (table.get 0 (i64.const 0)))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (table.set 0 (i32.const 0) (ref.null func))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (result i32) (table.size 0)))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (drop (table.grow 0 (ref.null func) (i32.const 0)))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (result i32) (table.grow 0 (ref.null func) (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (table.fill 0 (i32.const 0) (ref.null func) (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (table.fill 0 (i64.const 0) (ref.null func) (i32.const 0))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (table.fill 0 (i64.const 0) (ref.null extern) (i64.const 0))))
  "type mismatch")
