;; The host sees what is left when everything up to and including the call is paid, and nothing behind it.
(module
  (import "host" "fuel" (func $fuel (result i64)))
  (import "host" "log" (func $log (param i32 i64 f32 f64) (result i32)))
  (import "host" "nothing" (func $nothing))
  (import "host" "fail" (func $fail))
  (export "imported" (func $fuel))
  (func (export "fuel") (result i64)
    (nop)
    (call $fuel)
    (nop) (nop))
  (func (export "between") (result i64)
    (i64.sub (call $fuel) (call $fuel)))
  (func (export "log") (param i32) (result i32)
    (call $log (local.get 0) (i64.const -2) (f32.const 0.5) (f64.const -0.25))
    (i32.add (i32.const 1)))
  (func (export "nothing") (call $nothing) (call $nothing))
  (func (export "fail") (nop) (call $fail) (nop))
  (func (export "in_loop") (param i32)
    (loop
      (call $nothing)
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "in_arms") (param i32) (result i64)
    (if (result i64) (local.get 0) (then (call $fuel)) (else (nop) (call $fuel)))))
;;! invoke imported fuel=5
;;> fuel(), used 0
;;> return 5, used 0
;;! invoke imported fuel=0
;;> fuel(), used 0
;;> return 0, used 0
;;! invoke fuel
;;> fuel(), used 2
;;> return 998, used 4
;;! invoke fuel fuel=2 refuel=exact
;;> fuel(), used 2
;;> out of fuel: needs 2, has 0, used 2, at nop (func 4, 0xb9)
;;> return 0, used 4
;;! invoke between
;;> fuel(), used 1
;;> fuel(), used 2
;;> return 1, used 3
;;! invoke between fuel=1 refuel=1
;;> fuel(), used 1
;;> out of fuel: needs 1, has 0, used 1, at call (func 5, 0xc0)
;;> fuel(), used 2
;;> out of fuel: needs 1, has 0, used 2, at i64_sub (func 5, 0xc2)
;;> return 0, used 3
;;! invoke log 3
;;> log(3 -2 0.5 -0.25), used 5
;;> return -1592824547, used 7
;;! invoke log 3 fuel=5 refuel=exact
;;> log(3 -2 0.5 -0.25), used 5
;;> out of fuel: needs 2, has 0, used 5, at i32_const (func 6, 0xda)
;;> return -1592824547, used 7
;;! invoke nothing
;;> nothing(), used 1
;;> nothing(), used 2
;;> return, used 2
;;! invoke nothing fuel=1
;;> nothing(), used 1
;;> out of fuel: needs 1, has 0, used 1, at call (func 7, 0xe2)
;;! invoke fail
;;> fail(), used 2
;;> the host failed, used 2
;;! invoke in_loop 3
;;> nothing(), used 2
;;> nothing(), used 8
;;> nothing(), used 14
;;> return, used 19
;;! invoke in_loop 2 fuel=4 refuel=exact
;;> nothing(), used 2
;;> out of fuel: needs 5, has 2, used 2, at local_get (func 9, 0xf2)
;;> out of fuel: needs 1, has 0, used 7, at call (func 9, 0xf0)
;;> nothing(), used 8
;;> out of fuel: needs 5, has 0, used 8, at local_get (func 9, 0xf2)
;;> return, used 13
;;! invoke in_arms 0
;;> fuel(), used 4
;;> return 996, used 4
;;! invoke in_arms 1
;;> fuel(), used 3
;;> return 997, used 3
