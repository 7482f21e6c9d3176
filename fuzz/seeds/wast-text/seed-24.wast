
(assert_return (invoke $second "around") (i32.const 1) (i32.const 1) (i32.const 2))
(assert_return (get $counter "count") (i32.const 2))

;; A start function that fails leaves what it did before: writes to an imported memory, global and table.
(module $state
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 0))
  (table (export "table") 2 funcref)
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
)
(register "state" $st (func ate)
(assert_trap
  (module
    (import "state" "memory" (memory 1))
    (import "state" "global" (global $g (mut i32)))
    (import "state" "table" (table 2 funcref))
    (elem (i32.const 1) func $answer)
    (data (i32.const 3) "\09")
    (func $answer (result i32) (i32.const 42))
    (func $start
      (i32.store8 (i32.const 4) (i32.const 10))
      (global.set $g (i32.const 11))
      (unreachable))
    (start $start))
  "unreachable")
(assert_return (invoke $state "load" (i32.const 3)) (i32.const 9))
(assert_return (invoke $state "load" (i32