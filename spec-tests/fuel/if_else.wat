;; `if` ends a region, the chosen arm begins one. The first arm's ends before `else`, and behind the `end` another
;; begins; the second arm's runs on through the `end`.
(module
  (func (export "both") (param i32) (result i32)
    (if (local.get 0) (then (nop)) (else (nop) (nop)))
    (i32.const 1))
  (func (export "results") (param i32) (result i32)
    (i32.add
      (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2)))
      (i32.const 10)))
  (func (export "without_else") (param i32) (result i32)
    (if (local.get 0) (then (nop) (nop)))
    (i32.const 1))
  (func (export "empty_arms") (param i32)
    (if (local.get 0) (then) (else)))
  (func (export "empty_first") (param i32) (result i32)
    (if (local.get 0) (then) (else (nop)))
    (i32.const 1))
  (func (export "at_the_end") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (nop) (i32.const 1)) (else (i32.const 2))))
  (func (export "no_way_down") (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))) (else (nop)))
    (i32.const 2))
  (func (export "branch_out") (param i32) (result i32)
    (block (if (local.get 0) (then (br 0) (nop)) (else (br 1))) (nop))
    (i32.const 2)))
;;! invoke both 1
;;> return 1, used 4
;;! invoke both 0
;;> return 1, used 5
;;! invoke both 1 fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at nop (func 0, 0x8e)
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 0, 0x93)
;;> return 1, used 4
;;! invoke both 0 fuel=2 refuel=exact
;;> out of fuel: needs 3, has 0, used 2, at nop (func 0, 0x90)
;;> return 1, used 5
;;! invoke both 0 fuel=4
;;> out of fuel: needs 3, has 2, used 2, at nop (func 0, 0x90)
;;! invoke both 1 fuel=3
;;> out of fuel: needs 1, has 0, used 3, at i32_const (func 0, 0x93)
;;! invoke results 1
;;> return 11, used 5
;;! invoke results 0
;;> return 12, used 5
;;! invoke results 1 fuel=3 refuel=exact
;;> out of fuel: needs 2, has 0, used 3, at i32_const (func 1, 0xa2)
;;> return 11, used 5
;;! invoke results 0 fuel=2 refuel=exact
;;> out of fuel: needs 3, has 0, used 2, at i32_const (func 1, 0x9f)
;;> return 12, used 5
;;! invoke without_else 1
;;> return 1, used 5
;;! invoke without_else 0
;;> return 1, used 3
;;! invoke without_else 1 fuel=2 refuel=exact
;;> out of fuel: needs 3, has 0, used 2, at nop (func 2, 0xac)
;;> return 1, used 5
;;! invoke without_else 0 fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at i32_const (func 2, 0xaf)
;;> return 1, used 3
;;! invoke empty_arms 0
;;> return, used 2
;;! invoke empty_arms 1
;;> return, used 2
;;! invoke empty_arms 1 fuel=2
;;> return, used 2
;;! invoke empty_first 0
;;> return 1, used 4
;;! invoke empty_first 1
;;> return 1, used 3
;;! invoke empty_first 1 fuel=2
;;> out of fuel: needs 1, has 0, used 2, at i32_const (func 4, 0xc4)
;;! invoke at_the_end 0
;;> return 2, used 3
;;! invoke at_the_end 1
;;> return 1, used 4
;;! invoke no_way_down 0
;;> return 2, used 4
;;! invoke no_way_down 1
;;> return 1, used 4
;;! invoke branch_out 0
;;> return 2, used 5
;;! invoke branch_out 1
;;> return 2, used 6
;;! invoke branch_out 1 fuel=4 refuel=exact
;;> out of fuel: needs 2, has 0, used 4, at nop (func 7, 0xf3)
;;> return 2, used 6
