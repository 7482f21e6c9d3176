;; A body without choices is one region, charged at its first instruction. `nop`, `drop` and constants cost as much
;; as everything else; the `end` of a function costs nothing.
(module
  (func (export "empty"))
  (func (export "nothing") (nop) (nop))
  (func (export "sum") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "long") (param i64) (result i64)
    (local i64)
    (local.set 1 (i64.mul (local.get 0) (i64.const 3)))
    (drop (i64.add (local.get 0) (local.get 1)))
    (i64.sub (local.tee 1 (i64.const 5)) (local.get 0)))
  (func (export "select") (param i32) (result i32)
    (select (i32.const 1) (i32.const 2) (local.get 0))))
;;! invoke empty fuel=0
;;> return, used 0
;;! invoke nothing
;;> return, used 2
;;! invoke sum 1 2
;;> return 3, used 3
;;! invoke sum 1 2 fuel=3
;;> return 3, used 3
;;! invoke sum 1 2 fuel=2
;;> out of fuel: needs 3, has 2, used 0, at local_get (func 2, 0x5e)
;;! invoke sum 1 2 fuel=0 refuel=exact
;;> out of fuel: needs 3, has 0, used 0, at local_get (func 2, 0x5e)
;;> return 3, used 3
;;! invoke sum 1 2 fuel=0 refuel=1
;;> out of fuel: needs 3, has 0, used 0, at local_get (func 2, 0x5e)
;;> out of fuel: needs 3, has 1, used 0, at local_get (func 2, 0x5e)
;;> out of fuel: needs 3, has 2, used 0, at local_get (func 2, 0x5e)
;;> return 3, used 3
;;! invoke long 7
;;> return -2, used 12
;;! invoke long 7 fuel=10 refuel=1
;;> out of fuel: needs 12, has 10, used 0, at local_get (func 3, 0x68)
;;> out of fuel: needs 12, has 11, used 0, at local_get (func 3, 0x68)
;;> return -2, used 12
;;! invoke select 0
;;> return 2, used 4
