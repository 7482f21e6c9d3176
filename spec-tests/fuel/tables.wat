;; Lengths of `table.fill`, `table.copy` and `table.init` cost 1 for each 8 elements or part of 8 elements, and so does
;; growth, if the table's type allows it.
(module
  (table $t 20 40 funcref)
  (table $u 10 externref)
  (elem $e func $f $f $f $f $f $f $f $f $f)
  (func $f)
  (func (export "fill") (param i32 i32) (table.fill $t (local.get 0) (ref.func $f) (local.get 1)) (nop))
  (func (export "copy") (param i32 i32 i32)
    (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)) (nop) (nop))
  (func (export "init") (param i32 i32 i32) (table.init $t $e (local.get 0) (local.get 1) (local.get 2)) (nop))
  (func (export "drop") (elem.drop $e) (nop))
  (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)) (nop))
  (func (export "size") (result i32) (table.size $t) (nop))
  (func (export "get") (param i32) (result funcref) (table.get $t (local.get 0))))
;;! invoke fill 0 0
;;> return, used 5
;;! invoke fill 0 8
;;> return, used 6
;;! invoke fill 0 9
;;> return, used 7
;;! invoke fill 19 2
;;> trap: out of bounds table access, used 5, at table_fill (func 1, 0x8c)
;;! invoke fill 0 -1
;;> out of fuel: needs 536870912, has 996, used 4, at table_fill (func 1, 0x8c)
;;! invoke fill 10 10 fuel=4 refuel=exact
;;> out of fuel: needs 2, has 0, used 4, at table_fill (func 1, 0x8c)
;;> out of fuel: needs 1, has 0, used 6, at nop (func 1, 0x8f)
;;> return, used 7
;;! invoke fill 10 10 fuel=3
;;> out of fuel: needs 4, has 3, used 0, at local_get (func 1, 0x86)
;;! invoke get 10
;;> return func, used 2
;;! invoke get 20
;;> trap: out of bounds table access, used 2, at table_get (func 7, 0xcb)
;;! invoke copy 0 1 17
;;> return, used 9
;;! invoke copy 0 1 20
;;> trap: out of bounds table access, used 7, at table_copy (func 2, 0x99)
;;! invoke copy 0 1 16 fuel=5 refuel=1
;;> out of fuel: needs 2, has 1, used 4, at table_copy (func 2, 0x99)
;;> out of fuel: needs 2, has 0, used 6, at nop (func 2, 0x9d)
;;> out of fuel: needs 2, has 1, used 6, at nop (func 2, 0x9d)
;;> return, used 8
;;! invoke init 0 0 9
;;> return, used 7
;;! invoke init 0 0 10
;;> trap: out of bounds table access, used 6, at table_init (func 3, 0xa8)
;;! invoke drop
;;> return, used 2
;;! invoke init 0 0 0
;;> return, used 5
;;! invoke init 0 0 1
;;> trap: out of bounds table access, used 5, at table_init (func 3, 0xa8)
;;! invoke grow 0
;;> return 20, used 4
;;! invoke grow 9
;;> return 20, used 6
;;! invoke grow 12
;;> return -1, used 4
;;! invoke grow -1
;;> return -1, used 4
;;! invoke grow 11 fuel=2 refuel=exact
;;> out of fuel: needs 3, has 2, used 0, at ref_null (func 5, 0xb7)
;;> out of fuel: needs 2, has 0, used 3, at table_grow (func 5, 0xbb)
;;> out of fuel: needs 1, has 0, used 5, at nop (func 5, 0xbe)
;;> return 29, used 6
;;! invoke size
;;> return 40, used 2
