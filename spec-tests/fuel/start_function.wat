;; A start function is charged like any function; segments and initialisers are not charged.
(module
  (import "host" "fuel" (func $fuel (result i64)))
  (memory 1)
  (table 20 funcref)
  (global $g (mut i64) (i64.add (i64.const 1) (i64.const 2)))
  (data (i32.const 0) "0123456789012345678901234567890123456789012345678901234567890123456789")
  (elem (i32.const 0) $start $start $start)
  (func $start
    (nop)
    (global.set $g (call $fuel))
    (call $callee))
  (func $callee (nop) (nop))
  (func (export "g") (result i64) (global.get $g))
  (start $start))
;;! instantiate
;;> fuel(), used 2
;;> return, used 6
;;! invoke g
;;> return 998, used 1
;;! instantiate fuel=6
;;> fuel(), used 2
;;> return, used 6
;;! invoke g
;;> return 4, used 1
;;! instantiate fuel=7
;;> fuel(), used 2
;;> return, used 6
;;! instantiate fuel=5
;;> fuel(), used 2
;;> out of fuel: needs 2, has 1, used 4, at nop (func 2, 0x61)
;;! instantiate fuel=2
;;> fuel(), used 2
;;> out of fuel: needs 2, has 0, used 2, at global_set (func 1, 0x5a)
;;! instantiate fuel=1
;;> out of fuel: needs 2, has 1, used 0, at nop (func 1, 0x57)
;;! instantiate fuel=0
;;> out of fuel: needs 2, has 0, used 0, at nop (func 1, 0x57)
