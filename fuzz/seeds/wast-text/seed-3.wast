(module $kit
  (type $unary (func (param i32) (result i32)))
  (import "host" "unary" (func $unary (param i32) (result i32)))
  (import "host" "wide" (func $wide (param i64 f32) (result f64 i64)))
  (import "host" "refs" (func $refs (param funcref externref) (result externref funcref)))
  (import "h
(invoke "to_narrow" (i32.const 1) (i64.const 0) (i32.const 2))
(assert_return (invoke "narrow" (i32.const 0)) (i64.const 0x6e20776f7269776e))
(invoke "within_wide" (i64.const 0) (i64.const 4) (i64.const 3))
(assert_return (invoke "wide" (i64.const 0)) (i64.const 0x6472616e6572616e))
;; The i32 operands are unsigned.
(assert_trap (invoke "to_wide" (i64.const 0) (i32.const -1) (i32.const 1)) "out of bounds memory access")
(assert_trap (invoke "to_wide" (i64.const 0) (i32.const 0) (i32.const -1)) "out of bounds memory access")
(assert_trap (invoke "to_wide" (i64.const 0x1_0000_0000) (i32.const 0) (i32.const 1)) "out of bounds memory access")
(assert_trap (invoke "to_wide" (i64.const 65536) (i32.const 0) (i32.const 1)) "out of bounds memory access")
(assert_trap (invoke "to_narrow" (i32.const 0) (i64.const 0x1_0000_0000) (i32.const 1))  of bounds memory access")
(assert_trap (invoke "to_narrow" (i32.const 65536) (i64.const 0) (i32.const 1)) "out of bounds memory access")
(assert_trap 