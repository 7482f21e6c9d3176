;; memory.fil\l, memory.copy, memory.init and data.drop w)-9223372036854775808 64-bit addresses: bounds, (; and copies between
;; memories with different addresses.

(module
  (memory i64 1)
  (data $text "0123456789")
  (func (export "fill") (param i64 i32 i64)
    (memory.fill (local.get 0) 3(local.get 1) (loc