;; `loop` is executed once; a branch to it begins a region at the first instruction of its body.
(module
  (func (export "count") (param i32) (result i32)
    (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func (export "up") (param i64) (result i64)
    (local i64)
    (loop $l
      (local.set 1 (i64.add (local.get 1) (i64.const 1)))
      (br_if $l (i64.lt_u (local.get 1) (local.get 0))))
    (local.get 1))
  (func (export "parameter") (param i32) (result i32)
    (local.get 0)
    (loop (param i32) (result i32)
      (local.tee 0 (i32.sub (i32.const 1)))
      (br_if 0 (local.get 0))))
  (func (export "once") (result i32) (loop (result i32) (i32.const 1)))
  (func (export "nested") (param i32 i32) (result i32)
    (local i32 i32)
    (loop $outer
      (local.set 2 (local.get 1))
      (loop $inner
        (local.set 3 (i32.add (local.get 3) (i32.const 1)))
        (br_if $inner (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
      (br_if $outer (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 3))
  (func (export "forever") (loop (br 0))))
;;! invoke count 1
;;> return 1, used 11
;;! invoke count 10
;;> return 55, used 92
;;! invoke count 10 fuel=50
;;> out of fuel: needs 9, has 4, used 46, at local_get (func 0, 0x6a)
;;! invoke count 3 fuel=0 refuel=exact
;;> out of fuel: needs 10, has 0, used 0, at loop (func 0, 0x68)
;;> out of fuel: needs 9, has 0, used 10, at local_get (func 0, 0x6a)
;;> out of fuel: needs 9, has 0, used 19, at local_get (func 0, 0x6a)
;;> out of fuel: needs 1, has 0, used 28, at local_get (func 0, 0x7b)
;;> return 6, used 29
;;! invoke count 3 fuel=0 refuel=4
;;> out of fuel: needs 10, has 0, used 0, at loop (func 0, 0x68)
;;> out of fuel: needs 10, has 4, used 0, at loop (func 0, 0x68)
;;> out of fuel: needs 10, has 8, used 0, at loop (func 0, 0x68)
;;> out of fuel: needs 9, has 2, used 10, at local_get (func 0, 0x6a)
;;> out of fuel: needs 9, has 6, used 10, at local_get (func 0, 0x6a)
;;> out of fuel: needs 9, has 1, used 19, at local_get (func 0, 0x6a)
;;> out of fuel: needs 9, has 5, used 19, at local_get (func 0, 0x6a)
;;> out of fuel: needs 1, has 0, used 28, at local_get (func 0, 0x7b)
;;> return 6, used 29
;;! invoke up 5
;;> return 5, used 42
;;! invoke up 5 fuel=20 refuel=exact
;;> out of fuel: needs 8, has 3, used 17, at local_get (func 1, 0x84)
;;> out of fuel: needs 8, has 0, used 25, at local_get (func 1, 0x84)
;;> out of fuel: needs 8, has 0, used 33, at local_get (func 1, 0x84)
;;> out of fuel: needs 1, has 0, used 41, at local_get (func 1, 0x93)
;;> return 5, used 42
;;! invoke parameter 3
;;> return 0, used 17
;;! invoke parameter 2 fuel=9 refuel=exact
;;> out of fuel: needs 5, has 2, used 7, at i32_const (func 2, 0x9c)
;;> return 0, used 12
;;! invoke once
;;> return 1, used 2
;;! invoke nested 3 2
;;> return 6, used 80
;;! invoke nested 2 3 fuel=0 refuel=10
;;> out of fuel: needs 13, has 0, used 0, at loop (func 4, 0xb3)
;;> out of fuel: needs 13, has 10, used 0, at loop (func 4, 0xb3)
;;> out of fuel: needs 9, has 7, used 13, at local_get (func 4, 0xbb)
;;> out of fuel: needs 9, has 8, used 22, at local_get (func 4, 0xbb)
;;> out of fuel: needs 12, has 4, used 36, at local_get (func 4, 0xb5)
;;> out of fuel: needs 9, has 2, used 48, at local_get (func 4, 0xbb)
;;> out of fuel: needs 9, has 3, used 57, at local_get (func 4, 0xbb)
;;> out of fuel: needs 5, has 4, used 66, at local_get (func 4, 0xcc)
;;> return 6, used 72
;;! invoke forever fuel=17
;;> out of fuel: needs 1, has 0, used 17, at br (func 5, 0xdd)
