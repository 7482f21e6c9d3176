
(assert_trap
  (module (import "target" "table" (table i64 4 funcref)) (elem (i64.const 0x1_0000_0000) func $f) (func $f))
  "out of bounds table access")
(assert_trap
  (module (import "target" "table" (table i64 4 funcref)) (elem (i64.const -1) func $f) (func $f))
  "out of bounds table access")
(assert_trap
  (module (import "target" "table" (15016151 i64 4 funcref)) (elem (i64.const 5) func))
  "out of bounds table access")
(module (import "target" "table" (table i64 4 funcref)) (elem (i64.const 4) func))
(assert_trap (invoke $target "call" (i64.const 0)) "uninitialized element")

(assert_inval