;; Regions run on through blocks, and so does what a trap gives back; but not beyond a branch, and not into an arm.
(module
  (memory 1)
  (func (export "through_ends") (param i32) (result i32)
    (block (block (drop (i32.load (local.get 0))) (nop)) (nop))
    (loop (nop))
    (i32.const 1))
  (func (export "before_br_if") (param i32 i32) (result i32)
    (block
      (drop (i32.load (local.get 0)))
      (br_if 0 (local.get 1))
      (nop) (nop))
    (i32.const 1))
  (func (export "condition") (param i32) (result i32)
    (if (result i32) (i32.load8_u (local.get 0)) (then (nop) (i32.const 1)) (else (i32.const 2))))
  (func (export "first_arm") (param i32 i32) (result i32)
    (if (local.get 0)
      (then (drop (i32.load (local.get 1))) (nop))
      (else (drop (i32.load (local.get 1))) (nop) (nop)))
    (i32.const 1))
  (func (export "loop") (param i32) (result i32)
    (local i32)
    (loop $l
      (local.set 1 (i32.add (local.get 1) (i32.load (local.get 0))))
      (local.set 0 (i32.add (local.get 0) (i32.const 4)))
      (br_if $l (i32.lt_u (local.get 0) (i32.const 65543))))
    (local.get 1))
  (func (export "compare_and_branch") (param i32) (result i32)
    (block
      (br_if 0 (i32.lt_u (i32.rem_u (i32.const 10) (local.get 0)) (i32.const 3)))
      (return (i32.const 0)))
    (i32.const 1))
  (func (export "before_call") (param i32)
    (call $sink (i32.div_s (i32.const 6) (local.get 0)) (i32.const 1)))
  (func (export "in_callee") (param i32)
    (call $sink (i32.const 1) (local.get 0)) (nop) (nop))
  (func $sink (param i32 i32) (drop (i32.div_u (local.get 0) (local.get 1))) (nop) (nop)))
;;! invoke through_ends 65532
;;> return 1, used 10
;;! invoke through_ends 65533
;;> trap: out of bounds memory access, used 4, at i32_load (func 0, 0xab)
;;! invoke before_br_if 65533 0
;;> trap: out of bounds memory access, used 3, at i32_load (func 1, 0xc0)
;;! invoke before_br_if 65533 1
;;> trap: out of bounds memory access, used 3, at i32_load (func 1, 0xc0)
;;! invoke condition 0
;;> return 2, used 4
;;! invoke condition 65536
;;> trap: out of bounds memory access, used 2, at i32_load8_u (func 2, 0xd2)
;;! invoke first_arm 1 65536
;;> trap: out of bounds memory access, used 4, at i32_load (func 3, 0xe7)
;;! invoke first_arm 0 65536
;;> trap: out of bounds memory access, used 4, at i32_load (func 3, 0xef)
;;! invoke first_arm 0 0
;;> return 1, used 8
;;! invoke loop 65528
;;> trap: out of bounds memory access, used 30, at i32_load (func 4, 0x103)
;;! invoke loop 65528 fuel=15 refuel=exact
;;> out of fuel: needs 13, has 1, used 14, at local_get (func 4, 0xff)
;;> out of fuel: needs 13, has 0, used 27, at local_get (func 4, 0xff)
;;> trap: out of bounds memory access, used 30, at i32_load (func 4, 0x103)
;;! invoke compare_and_branch 4
;;> return 1, used 8
;;! invoke compare_and_branch 0
;;> trap: integer divide by zero, used 4, at i32_rem_u (func 5, 0x125)
;;! invoke before_call 0
;;> trap: integer divide by zero, used 3, at i32_div_s (func 6, 0x138)
;;! invoke before_call 3
;;> return, used 11
;;! invoke in_callee 0
;;> trap: integer divide by zero, used 6, at i32_div_u (func 8, 0x14f)
