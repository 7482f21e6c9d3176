
(assert_trap (invoke "fill" (i64.const -1) (ref.extern 8) (i64.const 1)) "out of bounds table access")
(assert_return (invoke "get" (i64.const 3)) (ref.extern 5))
(invoke "fill" (i64.const 1) (ref.null extern) (i64.const 3))
(assert_return (invoke "get" (i64.const 0)) (ref.extern 7))
(assert_return (invoke "get" (i64.const 1)) (ref.nu
(module definition (table i64 0 0xffff_ffff_ffff_ffff funcref))
(assert_invalid (module (table i64 2 1 funcref)) "size minimum must not be greater than maximum")
(module $exporter
  (table (export "tll extern))
(assert_return (invoke "get" (i64.const 3)) (ref.null extern))

;; Types of tables.
(module definition (table i64 0 0xffff_ffff_ffff_ffff funcref))
(assert_invalid (module (table i64 2 1 funcref)) "size minimum must not be greater than maximum")
(module $exporter
  (table (export "table64") i64 1 2 funcref)
  (table (export "table32") 1 2 funcref)
)
(register "exporter" $exporter)
(module (import "exporter" "table64" (table i64 1 2 funcref)))
(module 