;; `br` ends a region; where it goes, behind the `end` of a block, another begins.
(module
  (func (export "over") (result i32)
    (block (nop) (br 0) (nop) (nop))
    (i32.const 1))
  (func (export "out") (result i32)
    (block (block (block (br 2))))
    (i32.const 2))
  (func (export "value") (result i32)
    (i32.add (i32.const 1) (block (result i32) (br 0 (i32.const 41)))))
  (func (export "to_the_end")
    (block (br 0)))
  (func (export "of_the_function") (result i32)
    (nop) (br 0 (i32.const 3)))
  (func (export "return") (result i32)
    (block (nop) (return (i32.const 4)))
    (i32.const 5)))
;;! invoke over
;;> return 1, used 4
;;! invoke over fuel=3
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 0, 0x68)
;;! invoke over fuel=3 refuel=exact
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 0, 0x68)
;;> return 1, used 4
;;! invoke out
;;> return 2, used 5
;;! invoke out fuel=4 refuel=1
;;> out of fuel: needs 1, has 0, used 4, at i32_const (func 1, 0x78)
;;> return 2, used 5
;;! invoke value
;;> return 42, used 5
;;! invoke value fuel=4 refuel=exact
;;> out of fuel: needs 1, has 0, used 4, at i32_add (func 2, 0x86)
;;> return 42, used 5
;;! invoke to_the_end
;;> return, used 2
;;! invoke to_the_end fuel=2
;;> return, used 2
;;! invoke of_the_function
;;> return 3, used 3
;;! invoke of_the_function fuel=2
;;> out of fuel: needs 3, has 2, used 0, at nop (func 4, 0x92)
;;! invoke return
;;> return 4, used 4
