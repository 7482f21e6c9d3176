;; `block`, `loop` and `end` that are reached from above end no region: it runs on through them.
(module
  (func (export "through") (result i32)
    (block (nop) (block (nop)) (nop))
    (loop (nop))
    (i32.const 1))
  (func (export "values") (param i32) (result i32)
    (block (result i32) (i32.add (local.get 0) (i32.const 1))))
  (func (export "empty") (block (block (loop (block))))))
;;! invoke through
;;> return 1, used 8
;;! invoke through fuel=8
;;> return 1, used 8
;;! invoke through fuel=7
;;> out of fuel: needs 8, has 7, used 0, at block (func 0, 0x40)
;;! invoke values 4
;;> return 5, used 4
;;! invoke values 4 fuel=3 refuel=exact
;;> out of fuel: needs 4, has 3, used 0, at block (func 1, 0x52)
;;> return 5, used 4
;;! invoke empty
;;> return, used 4
;;! invoke empty fuel=3
;;> out of fuel: needs 4, has 3, used 0, at block (func 2, 0x5d)
