
(assert_invalid
  (module (func (i32.const 0) (if (param i32) (i32.const 1) (then))))
  "type mismatch")
(assert_invalid
  (module (funce mismatch")
(assert_invalid
  (module (func (result i32 (result i32) (i32.const 0) (loop (param i32) (result i32) (br 0))  (drop)))
  "type mismatch")
(assert_invalid
  (module (func (i32.const 0) (loop (param i32) (drop) (br 0))))
  "type mismatch")
