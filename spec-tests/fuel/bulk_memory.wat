;; Lengths of `memory.fill`, `memory.copy` and `memory.init` cost 1 for each 64 bytes or part of 64 bytes, before any
;; effect and before it is known whether they trap. The operators end regions.
(module
  (memory 1)
  (data $d "0123456789012345678901234567890123456789012345678901234567890123456789")
  (func (export "fill") (param i32 i32)
    (memory.fill (local.get 0) (i32.const 7) (local.get 1))
    (nop) (nop))
  (func (export "copy") (param i32 i32 i32) (result i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2))
    (i32.load8_u (local.get 0)))
  (func (export "init") (param i32 i32 i32) (result i32)
    (memory.init $d (local.get 0) (local.get 1) (local.get 2))
    (i32.load8_u (local.get 0)))
  (func (export "drop") (nop) (data.drop $d) (nop))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "constant") (memory.fill (i32.const 0) (i32.const 0) (i32.const 100)))
  (func (export "two")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 65))
    (memory.copy (i32.const 8) (i32.const 0) (i32.const 64))))
;;! invoke fill 0 0
;;> return, used 6
;;! invoke fill 0 1
;;> return, used 7
;;! invoke fill 0 64
;;> return, used 7
;;! invoke fill 0 65
;;> return, used 8
;;! invoke fill 0 65536
;;> out of fuel: needs 1024, has 996, used 4, at memory_fill (func 0, 0x73)
;;! invoke fill 0 65536 refuel=exact
;;> out of fuel: needs 1024, has 996, used 4, at memory_fill (func 0, 0x73)
;;> out of fuel: needs 2, has 0, used 1028, at nop (func 0, 0x76)
;;> return, used 1030
;;! invoke fill 100 128 fuel=4 refuel=exact
;;> out of fuel: needs 2, has 0, used 4, at memory_fill (func 0, 0x73)
;;> out of fuel: needs 2, has 0, used 6, at nop (func 0, 0x76)
;;> return, used 8
;;! invoke load 100
;;> return 7, used 2
;;! invoke fill 200 128 fuel=5
;;> out of fuel: needs 2, has 1, used 4, at memory_fill (func 0, 0x73)
;;! invoke load 200
;;> return 7, used 2
;;! invoke fill 200 128 fuel=6 refuel=exact
;;> out of fuel: needs 2, has 0, used 6, at nop (func 0, 0x76)
;;> return, used 8
;;! invoke load 200
;;> return 7, used 2
;;! invoke fill 65535 2
;;> trap: out of bounds memory access, used 5, at memory_fill (func 0, 0x73)
;;! invoke fill 65536 1
;;> trap: out of bounds memory access, used 5, at memory_fill (func 0, 0x73)
;;! invoke fill 1 -1
;;> out of fuel: needs 67108864, has 996, used 4, at memory_fill (func 0, 0x73)
;;! invoke fill 1 -1 fuel=1000000000
;;> trap: out of bounds memory access, used 67108868, at memory_fill (func 0, 0x73)
;;! invoke copy 0 200 10
;;> return 7, used 7
;;! invoke copy 0 65530 200
;;> trap: out of bounds memory access, used 8, at memory_copy (func 1, 0x81)
;;! invoke copy 0 0 640 fuel=10 refuel=1
;;> out of fuel: needs 10, has 6, used 4, at memory_copy (func 1, 0x81)
;;> out of fuel: needs 10, has 7, used 4, at memory_copy (func 1, 0x81)
;;> out of fuel: needs 10, has 8, used 4, at memory_copy (func 1, 0x81)
;;> out of fuel: needs 10, has 9, used 4, at memory_copy (func 1, 0x81)
;;> out of fuel: needs 2, has 0, used 14, at local_get (func 1, 0x85)
;;> out of fuel: needs 2, has 1, used 14, at local_get (func 1, 0x85)
;;> return 7, used 16
;;! invoke init 0 0 70
;;> return 48, used 8
;;! invoke init 0 60 11
;;> trap: out of bounds memory access, used 5, at memory_init (func 2, 0x93)
;;! invoke init 0 60 70 fuel=5 refuel=exact
;;> out of fuel: needs 2, has 1, used 4, at memory_init (func 2, 0x93)
;;> trap: out of bounds memory access, used 6, at memory_init (func 2, 0x93)
;;! invoke drop
;;> return, used 3
;;! invoke init 0 0 0
;;> return 48, used 6
;;! invoke init 0 0 65
;;> trap: out of bounds memory access, used 6, at memory_init (func 2, 0x93)
;;! invoke constant
;;> return, used 6
;;! invoke two
;;> return, used 11
;;! invoke two fuel=5 refuel=exact
;;> out of fuel: needs 2, has 1, used 4, at memory_fill (func 6, 0xc3)
;;> out of fuel: needs 4, has 0, used 6, at i32_const (func 6, 0xc6)
;;> out of fuel: needs 1, has 0, used 10, at memory_copy (func 6, 0xcd)
;;> return, used 11
