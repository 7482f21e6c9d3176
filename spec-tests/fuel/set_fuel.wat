;; What the host sets is there at once.
(module
  (import "host" "set_fuel" (func $set (param i64)))
  (import "host" "charge" (func $charge (param i64)))
  (import "host" "fuel" (func $fuel (result i64)))
  (func $four (result i64) (i64.add (i64.const 1) (i64.add (i64.const 1) (call $fuel))))
  (func (export "set") (param i64) (result i64)
    (call $set (local.get 0))
    (nop) (nop)
    (i64.add (call $fuel) (i64.const 0)))
  (func (export "charge") (param i64) (result i64)
    (nop)
    (call $charge (local.get 0))
    (call $four))
  (func (export "tail") (param i64) (return_call $charge (local.get 0)))
  (func (export "after_tail") (param i64) (result i64)
    (call $do_tail (local.get 0))
    (nop) (nop)
    (i64.const 3))
  (func $do_tail (param i64) (return_call $set (local.get 0))))
;;! invoke set 100
;;> set_fuel(100), used 2
;;> fuel(), used 5
;;> return 97, used 7
;;! invoke set 3
;;> set_fuel(3), used 2
;;> fuel(), used 5
;;> out of fuel: needs 2, has 0, used 5, at i64_const (func 4, 0x8c)
;;! invoke set 2
;;> set_fuel(2), used 2
;;> out of fuel: needs 3, has 2, used 2, at nop (func 4, 0x88)
;;! invoke set 2 refuel=exact
;;> set_fuel(2), used 2
;;> out of fuel: needs 3, has 2, used 2, at nop (func 4, 0x88)
;;> fuel(), used 5
;;> out of fuel: needs 2, has 0, used 5, at i64_const (func 4, 0x8c)
;;> return 0, used 7
;;! invoke set 0 refuel=1
;;> set_fuel(0), used 2
;;> out of fuel: needs 3, has 0, used 2, at nop (func 4, 0x88)
;;> out of fuel: needs 3, has 1, used 2, at nop (func 4, 0x88)
;;> out of fuel: needs 3, has 2, used 2, at nop (func 4, 0x88)
;;> fuel(), used 5
;;> out of fuel: needs 2, has 0, used 5, at i64_const (func 4, 0x8c)
;;> out of fuel: needs 2, has 1, used 5, at i64_const (func 4, 0x8c)
;;> return 0, used 7
;;! invoke set 18446744073709551615
;;> set_fuel(-1), used 2
;;> fuel(), used 5
;;> return -4, used 7
;;! invoke set 100 fuel=2
;;> set_fuel(100), used 2
;;> fuel(), used 5
;;> return 97, used 7
;;! invoke charge 10
;;> charge(10), used 3
;;> fuel(), used 7
;;> return 985, used 9
;;! invoke charge 1000
;;> charge(1000), used 3
;;> out of fuel: needs 1, has 0, used 3, at call (func 5, 0x97)
;;! invoke charge 992
;;> charge(992), used 3
;;> fuel(), used 7
;;> out of fuel: needs 2, has 1, used 7, at i64_add (func 3, 0x7f)
;;! invoke charge 992 refuel=exact
;;> charge(992), used 3
;;> fuel(), used 7
;;> out of fuel: needs 2, has 1, used 7, at i64_add (func 3, 0x7f)
;;> return 3, used 9
;;! invoke tail 7
;;> charge(7), used 2
;;> return, used 2
;;! invoke tail 7000
;;> charge(7000), used 2
;;> return, used 2
;;! invoke after_tail 3
;;> set_fuel(3), used 4
;;> return 3, used 7
;;! invoke after_tail 2 refuel=exact
;;> set_fuel(2), used 4
;;> out of fuel: needs 3, has 2, used 4, at nop (func 7, 0xa7)
;;> return 3, used 7
