;; Growth that the type allows but the embedder refuses is charged.
;;! config memory=131072
(module
  (memory 1)
  (memory $limited 1 2)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)) (nop))
  (func (export "grow_limited") (param i32) (result i32) (memory.grow $limited (local.get 0)) (nop))
  (func (export "size") (result i32) (memory.size)))
;;! invoke grow 2 fuel=5000
;;> return -1, used 2051
;;! invoke grow 2
;;> out of fuel: needs 2048, has 998, used 2, at memory_grow (func 0, 0x49)
;;! invoke grow 2 refuel=exact
;;> out of fuel: needs 2048, has 998, used 2, at memory_grow (func 0, 0x49)
;;> out of fuel: needs 1, has 0, used 2050, at nop (func 0, 0x4b)
;;> return -1, used 2051
;;! invoke size
;;> return 1, used 1
;;! invoke grow 1 fuel=5000
;;> return 1, used 1027
;;! invoke grow 65535 fuel=100000000
;;> return -1, used 3
;;! invoke grow 65534 fuel=100000000
;;> return -1, used 67106819
;;! invoke grow_limited 2 fuel=5000
;;> return -1, used 3
;;! invoke grow_limited 1 fuel=5000
;;> return 1, used 1027
