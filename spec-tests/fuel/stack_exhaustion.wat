;; Whether there is stack for a call is decided before the callee's first region is charged.
;;! config depth=4
(module
  (import "host" "nothing" (func $nothing))
  (type $f (func (param i32)))
  (table 1 funcref)
  (elem (i32.const 0) $indirect)
  (func $direct (export "direct") (param i32)
    (nop)
    (call $direct (i32.add (local.get 0) (i32.const 1)))
    (nop))
  (func $indirect (export "indirect") (param i32)
    (call_indirect (type $f) (local.get 0) (i32.const 0))
    (nop) (nop))
  (func $leaf (export "leaf") (param i32) (if (local.get 0) (then (call $leaf (i32.sub (local.get 0) (i32.const 1))))))
  (func $host (export "host") (param i32)
    (if (local.get 0)
      (then (call $host (i32.sub (local.get 0) (i32.const 1))))
      (else (call $nothing))))
  (func $tail (export "tail") (param i32)
    (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1)))))))
;;! invoke direct 0
;;> trap: call stack exhausted, used 20, at call (func 1, 0x72)
;;! invoke direct 0 fuel=20
;;> trap: call stack exhausted, used 20, at call (func 1, 0x72)
;;! invoke direct 0 fuel=19
;;> out of fuel: needs 5, has 4, used 15, at nop (func 1, 0x6c)
;;! invoke direct 0 fuel=0 refuel=exact
;;> out of fuel: needs 5, has 0, used 0, at nop (func 1, 0x6c)
;;> out of fuel: needs 5, has 0, used 5, at nop (func 1, 0x6c)
;;> out of fuel: needs 5, has 0, used 10, at nop (func 1, 0x6c)
;;> out of fuel: needs 5, has 0, used 15, at nop (func 1, 0x6c)
;;> trap: call stack exhausted, used 20, at call (func 1, 0x72)
;;! invoke indirect 0
;;> trap: call stack exhausted, used 12, at call_indirect (func 2, 0x7c)
;;! invoke leaf 3
;;> return, used 20
;;! invoke leaf 4
;;> trap: call stack exhausted, used 24, at call (func 3, 0x8d)
;;! invoke host 3
;;> nothing(), used 21
;;> return, used 21
;;! invoke host 4
;;> trap: call stack exhausted, used 24, at call (func 4, 0x9c)
;;! invoke tail 10
;;> return, used 62
