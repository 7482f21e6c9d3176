;; A tail call ends a region, and has none behind it.
(module
  (import "host" "log" (func $log (param i32) (result i32)))
  (type $f (func (param i32) (result i32)))
  (table 2 funcref)
  (elem (i32.const 0) $even)
  (func $even (export "even") (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
  (func $odd (param i32) (result i32)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
    (return_call $even (i32.sub (local.get 0) (i32.const 1))))
  (func (export "called") (param i32) (result i32)
    (i32.add (call $even (local.get 0)) (i32.const 100)))
  (func (export "indirect") (param i32 i32) (result i32)
    (return_call_indirect (type $f) (local.get 1) (local.get 0)))
  (func $host (export "host") (param i32) (result i32)
    (nop)
    (return_call $log (local.get 0)))
  (func (export "then_host") (param i32) (result i32)
    (call $host (local.get 0))
    (drop)
    (nop)
    (call $host (i32.const 2))))
;;! invoke even 0
;;> return 1, used 5
;;! invoke even 1
;;> return 0, used 12
;;! invoke even 4
;;> return 1, used 33
;;! invoke even 4 fuel=20 refuel=exact
;;> out of fuel: needs 4, has 3, used 17, at local_get (func 1, 0x7b)
;;> out of fuel: needs 3, has 0, used 21, at local_get (func 2, 0x85)
;;> out of fuel: needs 4, has 0, used 24, at local_get (func 2, 0x8e)
;;> out of fuel: needs 3, has 0, used 28, at local_get (func 1, 0x72)
;;> out of fuel: needs 2, has 0, used 31, at i32_const (func 1, 0x77)
;;> return 1, used 33
;;! invoke called 3
;;> return 100, used 30
;;! invoke called 3 fuel=27 refuel=exact
;;> out of fuel: needs 2, has 1, used 26, at i32_const (func 2, 0x8a)
;;> out of fuel: needs 2, has 0, used 28, at i32_const (func 3, 0x9c)
;;> return 100, used 30
;;! invoke indirect 0 2
;;> return 1, used 22
;;! invoke indirect 1 2
;;> trap: uninitialized element, used 3, at return_call_indirect (func 4, 0xa7)
;;! invoke indirect 2 2
;;> trap: undefined element, used 3, at return_call_indirect (func 4, 0xa7)
;;! invoke host 5
;;> log(5), used 3
;;> return 36, used 3
;;! invoke host 5 fuel=2 refuel=exact
;;> out of fuel: needs 3, has 2, used 0, at nop (func 5, 0xad)
;;> log(5), used 3
;;> return 36, used 3
;;! invoke then_host 5
;;> log(5), used 5
;;> log(2), used 12
;;> return 33, used 12
;;! invoke then_host 5 fuel=5 refuel=exact
;;> log(5), used 5
;;> out of fuel: needs 4, has 0, used 5, at drop (func 6, 0xb9)
;;> out of fuel: needs 3, has 0, used 9, at nop (func 5, 0xad)
;;> log(2), used 12
;;> return 33, used 12
