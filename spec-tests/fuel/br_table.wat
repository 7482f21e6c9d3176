;; `br_table` ends a region, and one begins wherever it goes.
(module
  (func (export "switch") (param i32) (result i32)
    (block $default
      (block $two
        (block $one
          (block $zero
            (br_table $zero $one $two $one $default (local.get 0)))
          (return (i32.const 10)))
        (nop)
        (return (i32.const 11)))
      (nop) (nop))
    (nop) (nop) (nop)
    (i32.const 12))
  (func (export "values") (param i32) (result i32)
    (block $a (result i32)
      (block $b (result i32)
        (br_table $a $b (i32.const 5) (local.get 0)))
      (i32.add (i32.const 1))))
  (func (export "loop") (param i32) (result i32)
    (local i32)
    (block $out
      (loop $l
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_table $l $l $out (local.tee 0 (i32.add (local.get 0) (i32.const 1))))))
    (local.get 1))
  (func (export "only_default") (param i32)
    (block (br_table 0 (local.get 0)))
    (nop))
  (func (export "out_of_function") (param i32) (result i32)
    (drop (block (result i32) (br_table 0 1 (i32.const 3) (local.get 0)) (nop)))
    (i32.const 4)))
;;! invoke switch 0
;;> return 10, used 8
;;! invoke switch 1
;;> return 11, used 9
;;! invoke switch 2
;;> return 12, used 12
;;! invoke switch 3
;;> return 11, used 9
;;! invoke switch 4
;;> return 12, used 10
;;! invoke switch -1
;;> return 12, used 10
;;! invoke switch 2 fuel=6 refuel=exact
;;> out of fuel: needs 6, has 0, used 6, at nop (func 0, 0x79)
;;> return 12, used 12
;;! invoke switch 4 fuel=6 refuel=exact
;;> out of fuel: needs 4, has 0, used 6, at nop (func 0, 0x7c)
;;> return 12, used 10
;;! invoke values 0
;;> return 5, used 5
;;! invoke values 1
;;> return 6, used 7
;;! invoke values 1 fuel=5 refuel=exact
;;> out of fuel: needs 2, has 0, used 5, at i32_const (func 1, 0x91)
;;> return 6, used 7
;;! invoke loop -1
;;> return 3, used 30
;;! invoke loop 5
;;> return 1, used 12
;;! invoke loop -1 fuel=10 refuel=exact
;;> out of fuel: needs 11, has 10, used 0, at block (func 2, 0x9a)
;;> out of fuel: needs 9, has 0, used 11, at local_get (func 2, 0x9e)
;;> out of fuel: needs 9, has 0, used 20, at local_get (func 2, 0x9e)
;;> out of fuel: needs 1, has 0, used 29, at local_get (func 2, 0xb3)
;;> return 3, used 30
;;! invoke only_default 8
;;> return, used 4
;;! invoke out_of_function 0
;;> return 4, used 6
;;! invoke out_of_function 1
;;> return 3, used 4
