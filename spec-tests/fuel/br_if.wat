;; `br_if` ends a region. Behind it, if it is not taken, another begins; so it does where it goes.
(module
  (func (export "skip") (param i32) (result i32)
    (block (br_if 0 (local.get 0)) (nop) (nop) (nop))
    (i32.const 1))
  (func (export "value") (param i32) (result i32)
    (block (result i32)
      (br_if 0 (i32.const 10) (local.get 0))
      (i32.add (i32.const 1))))
  (func (export "compare") (param i64 i64) (result i32)
    (block
      (br_if 0 (i64.lt_s (local.get 0) (local.get 1)))
      (return (i32.const 1)))
    (i32.const 0))
  (func (export "twice") (param i32 i32) (result i32)
    (block
      (br_if 0 (local.get 0))
      (br_if 0 (i32.eqz (local.get 1)))
      (nop))
    (i32.const 7))
  (func (export "from_function") (param i32)
    (br_if 0 (local.get 0))
    (nop)))
;;! invoke skip 0
;;> return 1, used 7
;;! invoke skip 1
;;> return 1, used 4
;;! invoke skip 0 fuel=3
;;> out of fuel: needs 4, has 0, used 3, at nop (func 0, 0x67)
;;! invoke skip 0 fuel=6 refuel=exact
;;> out of fuel: needs 4, has 3, used 3, at nop (func 0, 0x67)
;;> return 1, used 7
;;! invoke skip 1 fuel=3
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 0, 0x6b)
;;! invoke skip 1 fuel=2 refuel=exact
;;> out of fuel: needs 3, has 2, used 0, at block (func 0, 0x61)
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 0, 0x6b)
;;> return 1, used 4
;;! invoke value 0
;;> return 11, used 6
;;! invoke value 1
;;> return 10, used 4
;;! invoke value 1 fuel=4
;;> return 10, used 4
;;! invoke compare 1 2
;;> return 0, used 6
;;! invoke compare 2 1
;;> return 1, used 7
;;! invoke compare 2 1 fuel=5 refuel=1
;;> out of fuel: needs 2, has 0, used 5, at i32_const (func 2, 0x88)
;;> out of fuel: needs 2, has 1, used 5, at i32_const (func 2, 0x88)
;;> return 1, used 7
;;! invoke twice 0 0
;;> return 7, used 7
;;! invoke twice 0 1
;;> return 7, used 8
;;! invoke twice 1 0
;;> return 7, used 4
;;! invoke twice 0 1 fuel=3 refuel=exact
;;> out of fuel: needs 3, has 0, used 3, at local_get (func 3, 0x97)
;;> out of fuel: needs 2, has 0, used 6, at nop (func 3, 0x9c)
;;> return 7, used 8
;;! invoke from_function 0
;;> return, used 3
;;! invoke from_function 1
;;> return, used 2
