;; `call_indirect` is a call; when it traps, all up to and including it is paid.
(module
  (type $f (func (param i32) (result i32)))
  (type $other (func (result i64)))
  (table 5 funcref)
  (elem (i32.const 0) $double $inc $wrong)
  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func $inc (type $f) (i32.add (local.get 0) (i32.const 1)))
  (func $wrong (result i64) (i64.const 1))
  (func (export "call") (param i32 i32) (result i32)
    (call_indirect (type $f) (local.get 1) (local.get 0))
    (nop) (nop))
  (func (export "constant") (result i32)
    (i32.add (call_indirect (type $f) (i32.const 20) (i32.const 1)) (i32.const 0)))
  (func (export "loop") (param i32) (result i32)
    (local i32)
    (loop
      (local.set 1 (call_indirect (type $f) (local.get 1) (i32.and (local.get 0) (i32.const 1))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1)))
;;! invoke call 0 21
;;> return 42, used 8
;;! invoke call 1 21
;;> return 22, used 8
;;! invoke call 2 21
;;> trap: indirect call type mismatch, used 3, at call_indirect (func 3, 0x72)
;;! invoke call 3 21
;;> trap: uninitialized element, used 3, at call_indirect (func 3, 0x72)
;;! invoke call 5 21
;;> trap: undefined element, used 3, at call_indirect (func 3, 0x72)
;;! invoke call 0 21 fuel=2
;;> out of fuel: needs 3, has 2, used 0, at local_get (func 3, 0x6e)
;;! invoke call 0 21 fuel=3 refuel=exact
;;> out of fuel: needs 3, has 0, used 3, at local_get (func 0, 0x59)
;;> out of fuel: needs 2, has 0, used 6, at nop (func 3, 0x75)
;;> return 42, used 8
;;! invoke call 0 21 fuel=6 refuel=exact
;;> out of fuel: needs 2, has 0, used 6, at nop (func 3, 0x75)
;;> return 42, used 8
;;! invoke call 5 21 fuel=3
;;> trap: undefined element, used 3, at call_indirect (func 3, 0x72)
;;! invoke constant
;;> return 21, used 8
;;! invoke loop 4
;;> return 3, used 58
;;! invoke loop 4 fuel=30 refuel=5
;;> out of fuel: needs 5, has 1, used 29, at local_get (func 5, 0x8b)
;;> out of fuel: needs 3, has 1, used 34, at local_get (func 0, 0x59)
;;> out of fuel: needs 6, has 3, used 37, at local_set (func 5, 0x95)
;;> out of fuel: needs 5, has 2, used 43, at local_get (func 5, 0x8b)
;;> out of fuel: needs 3, has 2, used 48, at local_get (func 1, 0x61)
;;> out of fuel: needs 6, has 4, used 51, at local_set (func 5, 0x95)
;;> return 3, used 58
