;; table.copy, table.init and elem.drop of tables with 64-bit indices, active segments, and copies between tables
;; with different indices.

(module
  (type $result (func (result i32)))
  (table $wide i64 6 funcref)
  (table $narrow 6 funcref)
  (elem (table $wide) (i64.const 0) func $0 $1 $2)
  (elem (table $narrow) (i32.const 3) func $3 $4)
  (elem $passive func $5 $4 $3)
  (func $0 (result i32) (i32.const 0))
  (func $1 (result i32) (i32.const 1))
  (func $2 (result i32) (i32.const 2))
  (func $3 (result i32) (i32.const 3))
  (func $4 (result i32) (i32.const 4))
  (func $5 (result i32) (i32.const 5))

  (func (export "wide") (param i64) (result i32) (call_indirect $wide (type $result) (local.get 0)))
  (func (export "narrow") (param i32) (result i32) (call_indirect $narrow (type $result) (local.get 0)))
  (func (export "copy_wide") (param i64 i64 i64)
    (table.copy $wide $wide (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to_wide") (param i64 i32 i32)
    (table.copy $wide $narrow (local.get 0) (local.get 1) (local.get 2)))
  (func (export "to_narrow") (param i32 i64 i32)
    (table.copy $narrow $wide (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64 i32 i32)
    (table.init $wide $passive (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (elem.drop $passive))
)
(assert_return (invoke "wide" (i64.const 2)) (i32.const 2))
(assert_trap (invoke "wide" (i64.const 3)) "uninitialized element")
(assert_return (invoke "narrow" (i32.const 4)) (i32.const 4))

;; copy within a table, overlapping in both directions
(invoke "copy_wide" (i64.const 1) (i64.const 0) (i64.const 3))
(assert_return (invoke "wide" (i64.const 0)) (i32.const 0))
(assert_return (invoke "wide" (i64.const 1)) (i32.const 0))
(assert_return (invoke "wide" (i64.const 2)) (i32.const 1))
(assert_return (invoke "wide" (i64.const 3)) (i32.const 2))
(invoke "copy_wide" (i64.const 0) (i64.const 1) (i64.const 4))
(assert_return (invoke "wide" (i64.const 0)) (i32.const 0))
(assert_return (invoke "wide" (i64.const 1)) (i32.const 1))
(assert_return (invoke "wide" (i64.const 2)) (i32.const 2))
(assert_trap (invoke "wide" (i64.const 3)) "uninitialized element")
(invoke "copy_wide" (i64.const 6) (i64.const 6) (i64.const 0))
(assert_trap (invoke "copy_wide" (i64.const 7) (i64.const 0) (i64.const 0)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 0) (i64.const 7) (i64.const 0)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 4) (i64.const 0) (i64.const 3)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 0) (i64.const 4) (i64.const 3)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 0x1_0000_0000) (i64.const 0) (i64.const 1)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 0) (i64.const 0x1_0000_0000) (i64.const 1)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 0) (i64.const 0) (i64.const 0x1_0000_0000)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const -1) (i64.const 0) (i64.const 2)) "out of bounds table access")
(assert_trap (invoke "copy_wide" (i64.const 2) (i64.const 1) (i64.const -1)) "out of bounds table access")
(assert_return (invoke "wide" (i64.const 0)) (i32.const 0))

;; copy between tables
(invoke "to_wide" (i64.const 4) (i32.const 3) (i32.const 2))
(assert_return (invoke "wide" (i64.const 4)) (i32.const 3))
(assert_return (invoke "wide" (i64.const 5)) (i32.const 4))
(invoke "to_narrow" (i32.const 0) (i64.const 1) (i32.const 2))
(assert_return (invoke "narrow" (i32.const 0)) (i32.const 1))
(assert_return (invoke "narrow" (i32.const 1)) (i32.const 2))
(assert_trap (invoke "narrow" (i32.const 2)) "uninitialized element")
(assert_trap (invoke "to_wide" (i64.const 5) (i32.const 0) (i32.const 2)) "out of bounds table access")
(assert_trap (invoke "to_wide" (i64.const 0) (i32.const -1) (i32.const 1)) "out of bounds table access")
(assert_trap (invoke "to_wide" (i64.const 0) (i32.const 0) (i32.const -1)) "out of bounds table access")
(assert_trap (invoke "to_wide" (i64.const 0x1_0000_0000) (i32.const 0) (i32.const 1)) "out of bounds table access")
(assert_trap (invoke "to_narrow" (i32.const 0) (i64.const 0x1_0000_0000) (i32.const 1)) "out of bounds table access")
(assert_trap (invoke "to_narrow" (i32.const 5) (i64.const 0) (i32.const 2)) "out of bounds table access")
(assert_return (invoke "wide" (i64.const 5)) (i32.const 4))

;; init
(invoke "init" (i64.const 0) (i32.const 0) (i32.const 2))
(assert_return (invoke "wide" (i64.const 0)) (i32.const 5))
(assert_return (invoke "wide" (i64.const 1)) (i32.const 4))
(assert_return (invoke "wide" (i64.const 2)) (i32.const 2))
(invoke "init" (i64.const 6) (i32.const 3) (i32.const 0))
(assert_trap (invoke "init" (i64.const 5) (i32.const 0) (i32.const 2)) "out of bounds table access")
(assert_trap (invoke "init" (i64.const 0) (i32.const 2) (i32.const 2)) "out of bounds table access")
(assert_trap (invoke "init" (i64.const 7) (i32.const 0) (i32.const 0)) "out of bounds table access")
(assert_trap (invoke "init" (i64.const 0) (i32.const 4) (i32.const 0)) "out of bounds table access")
(assert_trap (invoke "init" (i64.const 0x1_0000_0000) (i32.const 0) (i32.const 1)) "out of bounds table access")
(assert_trap (invoke "init" (i64.const -1) (i32.const 0) (i32.const 1)) "out of bounds table access")
(assert_trap (invoke "init" (i64.const 0) (i32.const 0) (i32.const -1)) "out of bounds table access")
(assert_return (invoke "wide" (i64.const 5)) (i32.const 4))
(invoke "drop")
(invoke "drop")
(invoke "init" (i64.const 0) (i32.const 0) (i32.const 0))
(assert_trap (invoke "init" (i64.const 0) (i32.const 0) (i32.const 1)) "out of bounds table access")

;; Active segments. What was written before a segment that does not fit stays.
(module $target
  (type $result (func (result i32)))
  (table (export "table") i64 4 funcref)
  (func (export "call") (param i64) (result i32) (call_indirect (type $result) (local.get 0)))
)
(register "target" $target)
(assert_trap
  (module
    (import "target" "table" (table i64 4 funcref))
    (elem (i64.const 3) func $seven)
    (elem (i64.const 4) func $seven)
    (func $seven (result i32) (i32.const 7)))
  "out of bounds table access")
(assert_return (invoke $target "call" (i64.const 3)) (i32.const 7))
(assert_trap
  (module (import "target" "table" (table i64 4 funcref)) (elem (i64.const 0x1_0000_0000) func $f) (func $f))
  "out of bounds table access")
(assert_trap
  (module (import "target" "table" (table i64 4 funcref)) (elem (i64.const -1) func $f) (func $f))
  "out of bounds table access")
(assert_trap
  (module (import "target" "table" (table i64 4 funcref)) (elem (i64.const 5) func))
  "out of bounds table access")
(module (import "target" "table" (table i64 4 funcref)) (elem (i64.const 4) func))
(assert_trap (invoke $target "call" (i64.const 0)) "uninitialized element")

(assert_invalid
  (module (table i64 1 funcref) (elem (i32.const 0) func))
  "type mismatch")
(assert_invalid
  (module (table 1 funcref) (elem (i64.const 0) func))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (table.copy 0 0 (i32.const 0) (i64.const 0) (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (func (table.copy 0 0 (i64.const 0) (i64.const 0) (i32.const 0))))
  "type mismatch")
(assert_invalid
  (module (table $a i64 1 funcref) (table $b 1 funcref)
    (func (table.copy $a $b (i64.const 0) (i32.const 0) (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (table $a i64 1 funcref) (table $b 1 funcref)
    (func (table.copy $b $a (i64.const 0) (i64.const 0) (i32.const 0))))
  "type mismatch")
(assert_invalid
  (module (table $a i64 1 funcref) (table $b i64 1 externref)
    (func (table.copy $a $b (i64.const 0) (i64.const 0) (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (elem func) (func (table.init 0 (i32.const 0) (i32.const 0) (i32.const 0))))
  "type mismatch")
(assert_invalid
  (module (table i64 1 funcref) (elem func) (func (table.init 0 (i64.const 0) (i64.const 0) (i64.const 0))))
  "type mismatch")
