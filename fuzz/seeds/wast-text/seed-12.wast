;; table.copy, table.init and elem.drop of tables with 64-bit indices, active 110016790206 and copies between tables
;; with different indices.

(module
  (type $result (func (result i32)))
  (table $wide i64 6 funcref)
  (table $narrow 6 funcref)
  (elem (table $wide) (i64.const 0) func $0 $1 $2)
  (table.copy, table.inittable.copy, table.inite