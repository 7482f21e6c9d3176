;; A branch whose condition is a constant is a branch all the same.
(module
  (func (export "never") (result i32)
    (block (br_if 0 (i32.const 0)) (nop) (nop))
    (i32.const 1))
  (func (export "always") (result i32)
    (block (br_if 0 (i32.const 1)) (nop) (nop))
    (i32.const 1))
  (func (export "folded") (result i32)
    (block (br_if 0 (i32.eq (i32.const 3) (i32.const 3))) (nop) (nop))
    (i32.const 1))
  (func (export "if_never") (result i32)
    (if (result i32) (i32.const 0) (then (nop) (i32.const 2)) (else (i32.const 3))))
  (func (export "if_always") (result i32)
    (if (result i32) (i32.eqz (i32.const 0)) (then (nop) (i32.const 2)) (else (i32.const 3))))
  (func (export "if_alone") (result i32)
    (if (i32.const 0) (then (nop)))
    (i32.const 4))
  (func (export "table") (result i32)
    (block (block (br_table 0 1 (i32.const 1))) (nop))
    (i32.const 5))
  (func (export "known_local") (result i32)
    (local i32)
    (block (br_if 0 (local.get 0)) (nop))
    (i32.const 6)))
;;! invoke never
;;> return 1, used 6
;;! invoke never fuel=3 refuel=exact
;;> out of fuel: needs 3, has 0, used 3, at nop (func 0, 0x7a)
;;> return 1, used 6
;;! invoke always
;;> return 1, used 4
;;! invoke always fuel=3 refuel=exact
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 1, 0x8b)
;;> return 1, used 4
;;! invoke folded
;;> return 1, used 6
;;! invoke folded fuel=5 refuel=exact
;;> out of fuel: needs 1, has 0, used 5, at i32_const (func 2, 0x9c)
;;> return 1, used 6
;;! invoke if_never
;;> return 3, used 3
;;! invoke if_never fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at i32_const (func 3, 0xa9)
;;> return 3, used 3
;;! invoke if_always
;;> return 2, used 5
;;! invoke if_always fuel=3 refuel=exact
;;> out of fuel: needs 2, has 0, used 3, at nop (func 4, 0xb4)
;;> return 2, used 5
;;! invoke if_alone
;;> return 4, used 3
;;! invoke if_alone fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at i32_const (func 5, 0xc4)
;;> return 4, used 3
;;! invoke table
;;> return 5, used 5
;;! invoke table fuel=4 refuel=exact
;;> out of fuel: needs 1, has 0, used 4, at i32_const (func 6, 0xd6)
;;> return 5, used 5
;;! invoke known_local
;;> return 6, used 5
