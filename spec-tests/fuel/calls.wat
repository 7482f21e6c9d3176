;; A call ends a region; the callee's begins at its first instruction, and behind the call, when it has returned,
;; there begins another.
(module
  (func $add (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func $nothing)
  (func $one (nop))
  (func (export "call") (result i32)
    (i32.mul (call $add (i32.const 1) (i32.const 2)) (i32.const 3)))
  (func (export "calls") (result i32)
    (call $nothing) (call $one) (call $nothing)
    (i32.const 1))
  (func (export "last") (call $one))
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else
        (i32.add
          (call $fib (i32.sub (local.get 0) (i32.const 1)))
          (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "in_block") (param i32) (result i32)
    (block (br_if 0 (local.get 0)) (call $one))
    (i32.const 1))
  (func (export "in_loop") (param i32)
    (loop
      (call $one)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
;;! invoke call
;;> return 9, used 8
;;! invoke call fuel=2
;;> out of fuel: needs 3, has 2, used 0, at i32_const (func 3, 0x75)
;;! invoke call fuel=3 refuel=exact
;;> out of fuel: needs 3, has 0, used 3, at local_get (func 0, 0x66)
;;> out of fuel: needs 2, has 0, used 6, at i32_const (func 3, 0x7b)
;;> return 9, used 8
;;! invoke call fuel=7 refuel=exact
;;> out of fuel: needs 2, has 1, used 6, at i32_const (func 3, 0x7b)
;;> return 9, used 8
;;! invoke calls
;;> return 1, used 5
;;! invoke calls fuel=1 refuel=exact
;;> out of fuel: needs 1, has 0, used 1, at call (func 4, 0x83)
;;> out of fuel: needs 1, has 0, used 2, at nop (func 2, 0x71)
;;> out of fuel: needs 1, has 0, used 3, at call (func 4, 0x85)
;;> out of fuel: needs 1, has 0, used 4, at i32_const (func 4, 0x87)
;;> return 1, used 5
;;! invoke last
;;> return, used 2
;;! invoke last fuel=1
;;> out of fuel: needs 1, has 0, used 1, at nop (func 2, 0x71)
;;! invoke fib 5
;;> return 5, used 131
;;! invoke fib 3 fuel=0 refuel=exact
;;> out of fuel: needs 4, has 0, used 0, at local_get (func 6, 0x91)
;;> out of fuel: needs 4, has 0, used 4, at local_get (func 6, 0x9b)
;;> out of fuel: needs 4, has 0, used 8, at local_get (func 6, 0x91)
;;> out of fuel: needs 4, has 0, used 12, at local_get (func 6, 0x9b)
;;> out of fuel: needs 4, has 0, used 16, at local_get (func 6, 0x91)
;;> out of fuel: needs 1, has 0, used 20, at local_get (func 6, 0x98)
;;> out of fuel: needs 4, has 0, used 21, at local_get (func 6, 0xa2)
;;> out of fuel: needs 4, has 0, used 25, at local_get (func 6, 0x91)
;;> out of fuel: needs 1, has 0, used 29, at local_get (func 6, 0x98)
;;> out of fuel: needs 1, has 0, used 30, at i32_add (func 6, 0xa9)
;;> out of fuel: needs 4, has 0, used 31, at local_get (func 6, 0xa2)
;;> out of fuel: needs 4, has 0, used 35, at local_get (func 6, 0x91)
;;> out of fuel: needs 1, has 0, used 39, at local_get (func 6, 0x98)
;;> out of fuel: needs 1, has 0, used 40, at i32_add (func 6, 0xa9)
;;> return 2, used 41
;;! invoke fib 3 fuel=0 refuel=7
;;> out of fuel: needs 4, has 0, used 0, at local_get (func 6, 0x91)
;;> out of fuel: needs 4, has 3, used 4, at local_get (func 6, 0x9b)
;;> out of fuel: needs 4, has 2, used 12, at local_get (func 6, 0x9b)
;;> out of fuel: needs 4, has 0, used 21, at local_get (func 6, 0xa2)
;;> out of fuel: needs 4, has 3, used 25, at local_get (func 6, 0x91)
;;> out of fuel: needs 4, has 0, used 35, at local_get (func 6, 0x91)
;;> return 2, used 41
;;! invoke in_block 0
;;> return 1, used 6
;;! invoke in_block 1
;;> return 1, used 4
;;! invoke in_loop 3
;;> return, used 22
;;! invoke in_loop 3 fuel=7 refuel=exact
;;> out of fuel: needs 5, has 4, used 3, at local_get (func 8, 0xc0)
;;> out of fuel: needs 1, has 0, used 8, at call (func 8, 0xbe)
;;> out of fuel: needs 1, has 0, used 9, at nop (func 2, 0x71)
;;> out of fuel: needs 5, has 0, used 10, at local_get (func 8, 0xc0)
;;> out of fuel: needs 1, has 0, used 15, at call (func 8, 0xbe)
;;> out of fuel: needs 1, has 0, used 16, at nop (func 2, 0x71)
;;> out of fuel: needs 5, has 0, used 17, at local_get (func 8, 0xc0)
;;> return, used 22
