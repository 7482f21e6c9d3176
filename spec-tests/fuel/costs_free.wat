;; If everything is free, branches and calls still cost 1, so that no loop is free; `if`, `return` and lengths are
;; as they are set.
;;! config all=0 bytes=1000 elements=3
(module
  (memory 1)
  (table 10 funcref)
  (func $f (nop))
  (func (export "sum") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func (export "loop") (param i32)
    (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "forever") (loop (nop) (br 0)))
  (func (export "call") (call $f) (call $f))
  (func (export "if") (param i32) (result i32)
    (if (result i32) (local.get 0) (then (return (i32.const 1))) (else (i32.const 2))))
  (func (export "table") (param i32) (block (block (br_table 0 1 (local.get 0)))) (nop))
  (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 0) (local.get 0)) (call $f))
  (func (export "table_fill") (param i32) (table.fill (i32.const 0) (ref.null func) (local.get 0)))
  (func (export "trap") (param i32) (drop (i32.load (local.get 0))) (call $f)))
;;! invoke sum 4 fuel=0
;;> return 5, used 0
;;! invoke loop 5
;;> return, used 5
;;! invoke loop 5 fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at br_if (func 2, 0x92)
;;> out of fuel: needs 1, has 0, used 3, at br_if (func 2, 0x92)
;;> out of fuel: needs 1, has 0, used 4, at br_if (func 2, 0x92)
;;> return, used 5
;;! invoke forever fuel=100
;;> out of fuel: needs 1, has 0, used 100, at br (func 3, 0x9b)
;;! invoke call
;;> return, used 2
;;! invoke call fuel=1
;;> out of fuel: needs 1, has 0, used 1, at call (func 4, 0xa3)
;;! invoke call fuel=0 refuel=exact
;;> out of fuel: needs 1, has 0, used 0, at call (func 4, 0xa1)
;;> out of fuel: needs 1, has 0, used 1, at call (func 4, 0xa3)
;;> return, used 2
;;! invoke if 0 fuel=0
;;> return 2, used 0
;;! invoke if 1 fuel=0
;;> return 1, used 0
;;! invoke table 0
;;> return, used 1
;;! invoke table 0 fuel=0
;;> out of fuel: needs 1, has 0, used 0, at br_table (func 6, 0xbc)
;;! invoke fill 1001
;;> return, used 3
;;! invoke fill 1001 fuel=1 refuel=exact
;;> out of fuel: needs 2, has 1, used 0, at memory_fill (func 7, 0xcc)
;;> out of fuel: needs 1, has 0, used 2, at call (func 7, 0xcf)
;;> return, used 3
;;! invoke fill 1001 fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at call (func 7, 0xcf)
;;> return, used 3
;;! invoke table_fill 4
;;> return, used 2
;;! invoke table_fill 4 fuel=1
;;> out of fuel: needs 2, has 1, used 0, at table_fill (func 8, 0xda)
;;! invoke trap 0
;;> return, used 1
;;! invoke trap -1
;;> trap: out of bounds memory access, used 0, at i32_load (func 9, 0xe2)
