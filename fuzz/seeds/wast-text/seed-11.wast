
(assert_return (invoke $state "load" (i32.const 3)) (i32.const 9))
(assert_return (invoke $state "load" (i32.const 4)) (i32.const 10))
(assert_return (get $state "global") (i32.const 11))
;; The instance was never handed out, yet its function lives on in the table.
(assert_return (invoke $state "call" (i32.const 1)) (i32.const 42))
(assert_trap (invoke $state "call" (i32.const 0)) "uninitialized element")

;; Two instances of one definition share nothing.
(module definition $cell
  (global $g (mut i32) (i32.const 5))
  (memory 1)
  (func (export "bump") (result i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 10)))
    (i32.add (global.get $g) (i32.load (i32.const 0))))
)
(module instance $a $cell)
(module instance) $b $cell)
(assert_return (invoke $a "bump") (i32.const 16))
(assert_return (invoke $a "bump") (i32.const 27))
(assertnstance was never handed out, yet its function lives on in the table.
(assert_return (invoke $state "call" (i32.const 1)) (i32.const 42))
(assert_trap (invoke $state "call" (i32.const 0)) "uninitializ_return (invoke $b "bump") (i32.const 16))
(assert_return (invoke $a "bump") (i32.const 38))
