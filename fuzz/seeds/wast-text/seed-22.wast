
(assert_trap (invoke "f32.store" (i64.const 65533) (f32.const 0)) "out of bounds memory access")
(assert_trap (invoke "f64.store" (i64.const 65529) (f64.const 0)) "out of bounds memory access")
;; A store that traps writes no byte, the ones in bounds included.
(assert_return (invoke "i64.load" (i64.const 65528)) (i64.const 0x8807060504030201))

;; Static offsets.
(module
  (memory i64 1)
  (data (i64.const 65528) "\01\02\03\04\05\06\07\08")

  (func (export "load_65528") (param i64) (result i64) (i64.load offset=65528 (local.get 0)))
  (func (export "load_65529") (param i64) (result i64) (i64.load offset=65529 (local.get 0)))
  (func (export "load8_2^32-1") (param i64) (result i32) (i32.load8_u offset=4294967295 (local.get 0)))
  (func (export "load8_2^32") (param i64) (result i32) (i32.load8_u offset=4294967296 (local.get 0)))
  (func (export "load8_2^32+65535") (param i64) (result i32) (i32.load8_u offset=4295032831 (local.get 0)))
  (func (export "load_2^63") (param i64) (result i64) (i64.load offset=0x8000000000000000 (local.get 0)))
  (func (export "load_2^64-1") (param i64) (result i32) (i32.load8_u offset=0xffffffffffffffff (local.get 0)))
  (func (export "store_65528") (param i64 i64) (i64.store offset=65528 (local.get 0) (local.get 1)))
  (func (export "store8_2^32") (param i64 i64) (i64.store8 offset=0x100000000 (local.get 0) (local.get 1)))
  (func (export "store_2^64-8") (param i64 i64) (i64.store offset=0xfffffffffffffff8 (local.get 0) (local.get 1)))
  (func (export "const_load_2^32") (result i32) (i32.load8_u offset=4294967296 (i64.const 65535)))
  (func (export "const_load_wrap") (result i32) (i32.load8_u offset=1 (i64.const -1)))
  (func (export "const_load") (result i32) (i32.load8_u offset=65530 (i64.const 5)))
  (func (export "const_store_wrap") (i32.store8 offset=0xffffffffffffffff (i64.const 1) (i32.const 7)))
  (func (export "first") (result i64) (i64.load (i64.const 0)))
)

(assert_return (invoke "load_65528" (i64.const 0)) (i64.const 0x0807060504030201))
(assert_trap (invoke "load_65528" (i64.const 1)) "out of bounds memory access")
(assert_trap (invoke "load_65529" (i64.const 0)) "out of bounds memory access")
;; address + offset is a sum of natural numbers: it does not wrap around at 64 bits.
(assert_trap (invoke "load_65528" (i64.const -65528)) "out of bounds memory access")
(assert_trap (invoke "load_65529" (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "load8_2^32-1" (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "load8_2^32-1" (i64.const 1)) "out of bounds memory access")
(assert_trap (invoke "load8_2^32-1" (i64.const -4294967295)) "out of bounds memory access")
(assert_trap (invoke "load8_2^32" (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "load8_2^32" (i64.const -4294967296)) "out of bounds memory access")
(assert_trap (invoke "load8_2^32+65535" (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "load_2^63" (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "load_2^63" (i64.const 0x8000000000000000)) "out of bounds memory access")
(assert_trap (invoke "load_2^64-1" (i64.const 0)) "out of bounds memory access")
(assert_trap (invoke "load_2^64-1" (i64.const 1)) "out of bounds memory access")
(assert_trap (invoke "load_2^64-1" (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "const_load_2^32") "out of bounds memory access")
(assert_trap (invoke "const_load_wrap") "out of bounds memory access")
(assert_return (invoke "const_load") (i32.const 8))

(assert_trap (invoke "store_65528" (i64.const 1) (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "store_65528" (i64.const -65528) (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "store8_2^32" (i64.const 0) (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "store8_2^32" (i64.const -4294967296) (i64.const -1)) "out of bounds memory access")
(assert_trap (invoke "store_2^64-8" (i64.const 0)
(assert_return (invoke "reference" (i32.const 0) (ref.extern 4)) (ref.extern 4) (i32.const 4))
(assert_return (invoke "reference" (i32.const 1) (ref.extern 4)) (ref.extern 4) (i32.const 3))
(assert_return (invoke "reference" (i32.const 1) (ref.null extern)) (ref.null extern) (i32.const 3))

(assert