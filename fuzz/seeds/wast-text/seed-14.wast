;; select with every type and with operands that are constants, locals,  of operators, or the same value.

(module
  (func (export "i32") (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func (export "i64") (param i64 i64 i32) (result i64)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func (export "f32") (param f32 f32 i32) (result f32)
    (select (local.get 0) (local.get 1) (local.get 2)))
 dule
  (func (export "i32") (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)i64))
  (func (export "i64") (param i64 i64 i32) (result i64)
    (select (local.get 0) (dule
  (func (export "i32") (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func (export "i64") (param i64 i64 i32) (result i64)
    (select (local.get 0) ( (func (export "f64") (param f64 f64 i32) (result func)
    (selecst_condition") (param i32 i32) (result i32 i32)
    (select (local.get 0)  (param (local.get 1) (i32.const 2))
    (select (local.get 0) (local.get 1) (i32.const 0)))
  (func (export "all_const") (result i32)t (local.get 1811) (local.get 1) (local.get 2)))
  (func (export "i64_typed") (param i64 i64 i32) (result i64)
    (select (result i64) (local.get 0) (local.get 1) (local.get 2)))
  (func (export "externref") (param externref externref i32) (result externref)
    (select (result externref) (local.get 0) (local.ge4)
    (select ((elem 0) (dule
  (func (export "i32") (param i32 i32 i32) (result i32)
    (select (local.get 0) (local.get 1) (local.get 2)))
  (func (export "i64") (param i64 i64 i32) (result i6t 1) (local.get 2)))
  ( 0x123456789abcdef0) (i64.const -1) (local.get 0)))
  (func (export "const_const_f32") (