;; Lengths of 64 bits.
(module
  (memory i64 1 8)
  (memory $small 1)
  (func (export "fill") (param i64 i64) (memory.fill (local.get 0) (i32.const 1) (local.get 1)) (nop))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)) (nop))
  (func (export "copy") (param i32 i64 i32)
    (memory.copy $small 0 (local.get 0) (local.get 1) (local.get 2)) (nop))
  (func (export "load") (param i64) (result i32) (i32.load offset=0xFFFFFFFFFFFFFFFF (local.get 0)) (nop)))
;;! invoke fill 0 100
;;> return, used 7
;;! invoke fill 0 -1
;;> out of fuel: needs 288230376151711744, has 996, used 4, at memory_fill (func 0, 0x59)
;;! invoke fill 0 -1 fuel=18446744073709551615
;;> trap: out of bounds memory access, used 288230376151711748, at memory_fill (func 0, 0x59)
;;! invoke grow 1 fuel=5000
;;> return 1, used 1027
;;! invoke grow -1
;;> return -1, used 3
;;! invoke grow 281474976710655
;;> return -1, used 3
;;! invoke grow 6 fuel=10 refuel=exact
;;> out of fuel: needs 6144, has 8, used 2, at memory_grow (func 1, 0x62)
;;> out of fuel: needs 1, has 0, used 6146, at nop (func 1, 0x64)
;;> return 2, used 6147
;;! invoke copy 0 0 100
;;> return, used 7
;;! invoke copy 0 0 65537 fuel=5000
;;> trap: out of bounds memory access, used 1029, at memory_copy (func 2, 0x6e)
;;! invoke load 1
;;> trap: out of bounds memory access, used 2, at i32_load (func 3, 0x78)
;;! invoke load 0
;;> trap: out of bounds memory access, used 2, at i32_load (func 3, 0x78)
