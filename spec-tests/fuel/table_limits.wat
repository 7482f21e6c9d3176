;; A table without a maximum cannot have more elements than its indices reach: such growth is not charged.
;;! config table=100
(module
  (table $t 1 funcref)
  (table $t64 i64 1 funcref)
  (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)) (nop))
  (func (export "grow64") (param i64) (result i64) (table.grow $t64 (ref.null func) (local.get 0)) (nop)))
;;! invoke grow -1 fuel=10
;;> return -1, used 4
;;! invoke grow -2 fuel=10
;;> out of fuel: needs 536870912, has 7, used 3, at table_grow (func 0, 0x3f)
;;! invoke grow -2 fuel=18446744073709551615
;;> return -1, used 536870916
;;! invoke grow 99
;;> return 1, used 17
;;! invoke grow64 -1 fuel=10
;;> return -1, used 4
;;! invoke grow64 -2 fuel=10
;;> out of fuel: needs 2305843009213693952, has 7, used 3, at table_grow (func 1, 0x4a)
;;! invoke grow64 99
;;> return 1, used 17
