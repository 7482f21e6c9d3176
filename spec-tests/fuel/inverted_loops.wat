;; Loops that test at their head and jump back at their foot. A translator may test at the foot instead: it must
;; charge what the head and the foot cost.
(module
  (func (export "while") (param i32) (result i32)
    (local i32)
    (block $out
      (loop $l
        (br_if $out (i32.eqz (local.get 0)))
        (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br $l)))
    (local.get 1))
  (func (export "compare") (param i32) (result i32)
    (local i32)
    (block $out
      (loop $l
        (br_if $out (i32.ge_u (local.get 1) (local.get 0)))
        (local.set 1 (i32.add (local.get 1) (i32.const 3)))
        (br $l)))
    (local.get 1))
  (func (export "long_head") (param i64 i64) (result i64)
    (local i64)
    (block $out
      (loop $l
        (local.set 2 (i64.add (local.get 2) (i64.const 1)))
        (br_if $out (i64.eq (i64.mul (local.get 2) (local.get 1)) (local.get 0)))
        (nop)
        (br $l)))
    (local.get 2))
  (func (export "with_if") (param i32) (result i32)
    (local i32)
    (loop $l
      (if (i32.lt_s (local.get 1) (local.get 0))
        (then
          (local.set 1 (i32.add (local.get 1) (i32.const 1)))
          (br $l))))
    (local.get 1))
  (func (export "two_ways_out") (param i32 i32) (result i32)
    (local i32)
    (block $out
      (loop $l
        (br_if $out (i32.eq (local.get 2) (local.get 0)))
        (br_if $out (i32.eq (local.get 2) (local.get 1)))
        (local.set 2 (i32.add (local.get 2) (i32.const 1)))
        (br $l)))
    (local.get 2))
  (func (export "value_out") (param i32) (result i32)
    (block $out (result i32)
      (loop $l
        (drop (br_if $out (i32.const 5) (i32.eqz (local.get 0))))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br $l))
      (unreachable))))
;;! invoke while 0
;;> return 0, used 6
;;! invoke while 1
;;> return 1, used 18
;;! invoke while 4
;;> return 10, used 54
;;! invoke while 2 fuel=0 refuel=exact
;;> out of fuel: needs 5, has 0, used 0, at block (func 0, 0x73)
;;> out of fuel: needs 9, has 0, used 5, at local_get (func 0, 0x7c)
;;> out of fuel: needs 3, has 0, used 14, at local_get (func 0, 0x77)
;;> out of fuel: needs 9, has 0, used 17, at local_get (func 0, 0x7c)
;;> out of fuel: needs 3, has 0, used 26, at local_get (func 0, 0x77)
;;> out of fuel: needs 1, has 0, used 29, at local_get (func 0, 0x8e)
;;> return 3, used 30
;;! invoke while 2 fuel=0 refuel=6
;;> out of fuel: needs 5, has 0, used 0, at block (func 0, 0x73)
;;> out of fuel: needs 9, has 1, used 5, at local_get (func 0, 0x7c)
;;> out of fuel: needs 9, has 7, used 5, at local_get (func 0, 0x7c)
;;> out of fuel: needs 9, has 1, used 17, at local_get (func 0, 0x7c)
;;> out of fuel: needs 9, has 7, used 17, at local_get (func 0, 0x7c)
;;> return 3, used 30
;;! invoke compare 7
;;> return 9, used 34
;;! invoke compare 7 fuel=13 refuel=exact
;;> out of fuel: needs 4, has 2, used 11, at local_get (func 1, 0x99)
;;> out of fuel: needs 5, has 0, used 15, at local_get (func 1, 0xa0)
;;> out of fuel: needs 4, has 0, used 20, at local_get (func 1, 0x99)
;;> out of fuel: needs 5, has 0, used 24, at local_get (func 1, 0xa0)
;;> out of fuel: needs 4, has 0, used 29, at local_get (func 1, 0x99)
;;> out of fuel: needs 1, has 0, used 33, at local_get (func 1, 0xab)
;;> return 9, used 34
;;! invoke long_head 12 4
;;> return 3, used 37
;;! invoke long_head 12 4 fuel=12 refuel=exact
;;> out of fuel: needs 2, has 0, used 12, at nop (func 2, 0xc7)
;;> out of fuel: needs 10, has 0, used 14, at local_get (func 2, 0xb6)
;;> out of fuel: needs 2, has 0, used 24, at nop (func 2, 0xc7)
;;> out of fuel: needs 10, has 0, used 26, at local_get (func 2, 0xb6)
;;> out of fuel: needs 1, has 0, used 36, at local_get (func 2, 0xcc)
;;> return 3, used 37
;;! invoke with_if 3
;;> return 3, used 33
;;! invoke with_if 3 fuel=14 refuel=exact
;;> out of fuel: needs 5, has 0, used 14, at local_get (func 3, 0xdc)
;;> out of fuel: needs 4, has 0, used 19, at local_get (func 3, 0xd5)
;;> out of fuel: needs 5, has 0, used 23, at local_get (func 3, 0xdc)
;;> out of fuel: needs 4, has 0, used 28, at local_get (func 3, 0xd5)
;;> out of fuel: needs 1, has 0, used 32, at local_get (func 3, 0xe7)
;;> return 3, used 33
;;! invoke two_ways_out 9 3
;;> return 3, used 50
;;! invoke two_ways_out 2 3
;;> return 2, used 33
;;! invoke two_ways_out 2 3 fuel=16 refuel=1
;;> out of fuel: needs 4, has 1, used 15, at local_get (func 4, 0xf2)
;;> out of fuel: needs 4, has 2, used 15, at local_get (func 4, 0xf2)
;;> out of fuel: needs 4, has 3, used 15, at local_get (func 4, 0xf2)
;;> out of fuel: needs 4, has 0, used 19, at local_get (func 4, 0xf9)
;;> out of fuel: needs 4, has 1, used 19, at local_get (func 4, 0xf9)
;;> out of fuel: needs 4, has 2, used 19, at local_get (func 4, 0xf9)
;;> out of fuel: needs 4, has 3, used 19, at local_get (func 4, 0xf9)
;;> out of fuel: needs 5, has 0, used 23, at local_get (func 4, 0x100)
;;> out of fuel: needs 5, has 1, used 23, at local_get (func 4, 0x100)
;;> out of fuel: needs 5, has 2, used 23, at local_get (func 4, 0x100)
;;> out of fuel: needs 5, has 3, used 23, at local_get (func 4, 0x100)
;;> out of fuel: needs 5, has 4, used 23, at local_get (func 4, 0x100)
;;> out of fuel: needs 4, has 0, used 28, at local_get (func 4, 0xf2)
;;> out of fuel: needs 4, has 1, used 28, at local_get (func 4, 0xf2)
;;> out of fuel: needs 4, has 2, used 28, at local_get (func 4, 0xf2)
;;> out of fuel: needs 4, has 3, used 28, at local_get (func 4, 0xf2)
;;> out of fuel: needs 1, has 0, used 32, at local_get (func 4, 0x10b)
;;> return 2, used 33
;;! invoke value_out 2
;;> return 5, used 26
;;! invoke value_out 1 fuel=4 refuel=exact
;;> out of fuel: needs 6, has 4, used 0, at block (func 5, 0x110)
;;> out of fuel: needs 6, has 0, used 6, at drop (func 5, 0x11b)
;;> out of fuel: needs 4, has 0, used 12, at i32_const (func 5, 0x114)
;;> return 5, used 16
