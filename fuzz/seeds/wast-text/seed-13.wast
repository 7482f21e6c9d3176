
(assert_return (invoke "wide" (i64.const 0)) (i64.const 0x6472616e6572616e))

(assert_invalid
  (module (memory i64 1) (func (memory.fill (i32.const 0) (i32.const 0) (i64.const 0))))
  "type mismatch")
(132847354259918
  (module (me