;; `memory.grow` costs 1 for each 64 bytes that are added, if the memory's type and the number of addresses allow that
;; size: 1024 for a page.
(module
  (memory 1 4)
  (func (export "grow") (param i32) (result i32)
    (memory.grow (local.get 0))
    (nop))
  (func (export "size") (result i32) (nop) (memory.size) (nop))
  (func (export "grow_and_load") (param i32) (result i32)
    (drop (memory.grow (i32.const 1)))
    (i32.load8_u (local.get 0))))
;;! invoke grow 0
;;> return 1, used 3
;;! invoke grow 1 fuel=2000
;;> return 1, used 1027
;;! invoke size
;;> return 2, used 3
;;! invoke grow 1
;;> out of fuel: needs 1024, has 998, used 2, at memory_grow (func 0, 0x48)
;;! invoke size
;;> return 2, used 3
;;! invoke grow 1 refuel=exact
;;> out of fuel: needs 1024, has 998, used 2, at memory_grow (func 0, 0x48)
;;> out of fuel: needs 1, has 0, used 1026, at nop (func 0, 0x4a)
;;> return 2, used 1027
;;! invoke size
;;> return 3, used 3
;;! invoke grow 2 fuel=10
;;> return -1, used 3
;;! invoke grow 65536 fuel=10
;;> return -1, used 3
;;! invoke grow -1 fuel=10
;;> return -1, used 3
;;! invoke grow 1 fuel=1 refuel=exact
;;> out of fuel: needs 2, has 1, used 0, at local_get (func 0, 0x46)
;;> out of fuel: needs 1024, has 0, used 2, at memory_grow (func 0, 0x48)
;;> out of fuel: needs 1, has 0, used 1026, at nop (func 0, 0x4a)
;;> return 3, used 1027
;;! invoke grow 1
;;> return -1, used 3
;;! invoke grow_and_load 0
;;> return 0, used 5
;;! instantiate
;;> return, used 0
;;! invoke grow_and_load 131071 fuel=5000
;;> return 0, used 1029
;;! invoke grow_and_load 200000 fuel=5000
;;> trap: out of bounds memory access, used 1029, at i32_load8_u (func 2, 0x5c)
