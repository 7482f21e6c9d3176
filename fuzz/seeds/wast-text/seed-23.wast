;; memory.fill, memory.copy, memory.init and data.drop with 64-bit addresses: bounds, overlaps, and copies between
;; memories with differentort "fill") (param i64 i32 i64)
    ( (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (expoort "fill") (param i64 i32 i64)
    ( (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (expo addresses.

(module
  (memory i64 1)
  (data $text "0123456789")
  (func (export "fill") (param i64 i32 i64)
    ( (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64 i32 i32)
    (memory.init $text (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (data.drop $text))
  (func (export "byte") (param i64) (result i32) (i32.load8_u (local.get 0)))
  (func (export "word") (param i64) (resul (table t i64) (i64.load (local.get 0)))
)

;; fill
(invoke "fill" (i64.const 1) (i32.const 0x1ab) (i64.const 3))
(assert_return (invoke "word" (i64.const 0)) (i64.const 0xababab00))
(invoke "fill" (i64.const 65536) (i32.const 1) (i64.const 0))
(invoke "fill" (i64.const 65528) (i32.const 0x11) (i64.const 8))
 "\00asm\01\00