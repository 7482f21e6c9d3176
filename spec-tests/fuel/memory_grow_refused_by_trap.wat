;; Growth that the embedder refuses with a trap is charged; the type is looked at first.
;;! config memory=131072 table=10 refused=trap
(module
  (memory 1 4)
  (table 8 20 funcref)
  (func (export "grow") (param i32) (result i32) (nop) (memory.grow (local.get 0)) (nop))
  (func (export "grow_table") (param i32) (result i32) (table.grow (ref.null func) (local.get 0)) (nop)))
;;! invoke grow 2 fuel=5000
;;> trap: growth operation limited, used 2051
;;! invoke grow 1 fuel=5000
;;> return 1, used 1028
;;! invoke grow 4 fuel=5000
;;> return -1, used 4
;;! invoke grow 2 fuel=100
;;> out of fuel: needs 2048, has 97, used 3, at memory_grow (func 0, 0x41)
;;! invoke grow_table 3
;;> trap: growth operation limited, used 4
;;! invoke grow_table 2
;;> return 8, used 5
;;! invoke grow_table 20
;;> return -1, used 4
