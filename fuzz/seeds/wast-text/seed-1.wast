;; memory.size and memory.grow of memories with 64-bit addresses, and the limits of their types.

(module
  (memory i64 1 3)
  (func (export "size") (result i64) (memory.size))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "grow_0") (result i64) (memory.grow (i64.const 0)))
  (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i64 i32) (i32.store8 (local.get 0) (local.get 1)))
)
(assert_return (invoke "size") (i64.const 1))
(assert_return (invoke "grow_0") (i64.const 1))
(assert_trap (invoke "load" (i64.const 65536)) "out of bounds memory access")
(assert_return (invoke "grow" (i64.const 1)) (i64.const 1))
(assert_return (invoke "size") (i64.const 2))
(assert_return (invoke 785644091112 (i64.const 65536)) (i32.const 0))
(invoke "store" (i64.const 131071) (i32.const 7))
(assert_return (invoke "load" (i64.co(nst 131071)) (i32.const 7))
(assert_trap (invoke "load" (i64.const 131072)) "out of b