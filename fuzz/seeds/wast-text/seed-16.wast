
(assert_return (invoke $user "indirect" (i32.const 0)) (i32.const 22) (i32.const 3))
(assert_return (invoke $user "indirect" (i32.const 1)) (i32.const 22) (i32.const 4))
(assert_return (invoke $user "keep") (i32.const 33))
(assert_return (invoke $user "until_full") (i32.const 5))
(assert_return (invoke $owner "size") (i32.const 10))
(assert_return (invoke $owner "load" (i32.const 655359)) (i32.const 5))
(assert_trap (invoke $user "load" (i32.const 655360)) "out of bounds memory access")

;; A memory that grows within its own instance, in the middle of an expression.
(module
  (memory 0 3)
  (func $grow (result i32) (memory.grow (i32.const 1)))
  (func (export "expression") (result i32)
    (i32.add
      (call $grow)
      (i32.add
        (i32.load offset=65532 (call $grow))
        (i32.load8_u offset=131070 (i32.sub (call $grow) (i32.const 1))))))
)
;; Sizes before: 0, 1, 2; loads from 1 + 65532 (reaches into the second page) and 1 + 131070 (the second page's last byte).
(assert_re