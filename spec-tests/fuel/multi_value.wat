;; Blocks with parameters and several results.
(module
  (import "host" "pair" (func $pair (param i32) (result i32 i64)))
  (func $swap (export "swap") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
  (func (export "block") (param i32 i32) (result i32 i32)
    (local.get 0) (local.get 1)
    (block (param i32 i32) (result i32 i32)
      (br_if 0 (local.get 0))
      (i32.add)
      (i32.const 5)))
  (func (export "if") (param i32) (result i32 i32)
    (i32.const 1) (i32.const 2)
    (if (param i32 i32) (result i32 i32) (local.get 0)
      (then (i32.add) (i32.const 9))
      (else (drop) (i32.const 8) (nop))))
  (func (export "loop") (param i32) (result i32 i32)
    (local.get 0) (i32.const 0)
    (loop (param i32 i32) (result i32 i32)
      (i32.add (i32.const 1))
      (local.set 0)
      (i32.sub (i32.const 1))
      (local.get 0)
      (br_if 0 (i32.lt_u (local.get 0) (i32.const 3)))))
  (func (export "calls") (param i32) (result i64 i32)
    (call $pair (local.get 0))
    (call $swap)))
;;! invoke swap 1 2
;;> return 2 1, used 2
;;! invoke block 0 3
;;> return 3 5, used 7
;;! invoke block 1 3
;;> return 1 3, used 5
;;! invoke block 0 3 fuel=5 refuel=exact
;;> out of fuel: needs 2, has 0, used 5, at i32_add (func 2, 0x7e)
;;> return 3 5, used 7
;;! invoke if 0
;;> return 1 8, used 7
;;! invoke if 1
;;> return 3 9, used 6
;;! invoke if 1 fuel=4 refuel=exact
;;> out of fuel: needs 2, has 0, used 4, at i32_add (func 3, 0x8d)
;;> return 3 9, used 6
;;! invoke loop 10
;;> return 7 3, used 33
;;! invoke loop 10 fuel=9 refuel=exact
;;> out of fuel: needs 13, has 9, used 0, at local_get (func 4, 0x99)
;;> out of fuel: needs 10, has 0, used 13, at i32_const (func 4, 0x9f)
;;> out of fuel: needs 10, has 0, used 23, at i32_const (func 4, 0x9f)
;;> return 7 3, used 33
;;! invoke calls 4
;;> pair(4), used 2
;;> return 36 35, used 5
;;! invoke calls 4 fuel=2 refuel=exact
;;> pair(4), used 2
;;> out of fuel: needs 1, has 0, used 2, at call (func 5, 0xb8)
;;> out of fuel: needs 2, has 0, used 3, at local_get (func 1, 0x6d)
;;> return 36 35, used 5
