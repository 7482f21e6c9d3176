;; A trap gives back what the instructions of its region behind the trapping one cost.
(module
  (memory 1)
  (table 2 funcref)
  (global $g (mut i32) (i32.const 0))
  (func (export "div") (param i32 i32) (result i32)
    (nop)
    (i32.div_s (local.get 0) (local.get 1))
    (nop) (nop) (nop))
  (func (export "rem64") (param i64 i64) (result i64)
    (i64.rem_u (local.get 0) (local.get 1))
    (block (param i64) (result i64) (nop))
    (nop))
  (func (export "trunc") (param f64) (result i32)
    (i32.trunc_f64_s (local.get 0))
    (nop) (nop))
  (func (export "load") (param i32) (result i64)
    (nop)
    (i64.load offset=4 (local.get 0))
    (nop))
  (func (export "load8") (param i32) (result i32)
    (i32.add (i32.load8_u (local.get 0)) (i32.load8_s offset=65535 (local.get 0))))
  (func (export "store") (param i32)
    (i32.store (local.get 0) (i32.const 7))
    (nop) (nop))
  (func (export "table_get") (param i32)
    (drop (table.get (local.get 0)))
    (nop))
  (func (export "table_set") (param i32)
    (table.set (local.get 0) (ref.null func))
    (nop) (nop))
  (func (export "unreachable") (nop) (unreachable))
  (func (export "effects") (param i32) (result i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (drop (i32.div_u (i32.const 1) (local.get 0)))
    (global.set $g (i32.add (global.get $g) (i32.const 100)))
    (global.get $g))
  (func (export "g") (result i32) (global.get $g)))
;;! invoke div 7 2
;;> return 3, used 7
;;! invoke div 7 0
;;> trap: integer divide by zero, used 4, at i32_div_s (func 0, 0xc6)
;;! invoke div -2147483648 -1
;;> trap: integer overflow, used 4, at i32_div_s (func 0, 0xc6)
;;! invoke div 7 0 fuel=7
;;> trap: integer divide by zero, used 4, at i32_div_s (func 0, 0xc6)
;;! invoke div 7 0 fuel=6
;;> out of fuel: needs 7, has 6, used 0, at nop (func 0, 0xc1)
;;! invoke div 7 0 fuel=6 refuel=exact
;;> out of fuel: needs 7, has 6, used 0, at nop (func 0, 0xc1)
;;> trap: integer divide by zero, used 4, at i32_div_s (func 0, 0xc6)
;;! invoke rem64 7 0
;;> trap: integer divide by zero, used 3, at i64_rem_u (func 1, 0xd1)
;;! invoke trunc nan
;;> trap: invalid conversion to integer, used 2, at i32_trunc_f64_s (func 2, 0xdc)
;;! invoke trunc 1e20
;;> trap: integer overflow, used 2, at i32_trunc_f64_s (func 2, 0xdc)
;;! invoke trunc 1
;;> return 1, used 4
;;! invoke load 65524
;;> return 0, used 4
;;! invoke load 65525
;;> trap: out of bounds memory access, used 3, at i64_load (func 3, 0xe5)
;;! invoke load -1
;;> trap: out of bounds memory access, used 3, at i64_load (func 3, 0xe5)
;;! invoke load8 1
;;> trap: out of bounds memory access, used 4, at i32_load8_s (func 4, 0xf3)
;;! invoke load8 65536
;;> trap: out of bounds memory access, used 2, at i32_load8_u (func 4, 0xee)
;;! invoke store 65532
;;> return, used 5
;;! invoke store 65533
;;> trap: out of bounds memory access, used 3, at i32_store (func 5, 0x100)
;;! invoke table_get 1
;;> return, used 4
;;! invoke table_get 2
;;> trap: out of bounds table access, used 2, at table_get (func 6, 0x10a)
;;! invoke table_set 2
;;> trap: out of bounds table access, used 3, at table_set (func 7, 0x115)
;;! invoke unreachable
;;> trap: unreachable, used 2, at unreachable (func 8, 0x11d)
;;! invoke effects 1
;;> return 101, used 13
;;! invoke effects 0
;;> trap: integer divide by zero, used 7, at i32_div_u (func 9, 0x12c)
;;! invoke g
;;> return 102, used 1
