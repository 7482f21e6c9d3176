;; Indirect calls of four small functions of one type and two of another, the index computed from the last
;; result: what `dispatch` does, without the loads of a vtable.
(module
  (type $unary (func (param i64) (result i64)))
  (type $binary (func (param i64 i64) (result i64)))
  (table funcref (elem $increment $double $swap $fold $combine $spread))
  (func $increment (type $unary) (i64.add (local.get 0) (i64.const 0x9e3779b9)))
  (func $double (type $unary) (i64.add (i64.shl (local.get 0) (i64.const 1)) (i64.const 1)))
  (func $swap (type $unary) (i64.rotl (local.get 0) (i64.const 32)))
  (func $fold (type $unary) (i64.xor (local.get 0) (i64.shr_u (local.get 0) (i64.const 29))))
  (func $combine (type $binary) (i64.add (i64.mul (local.get 0) (i64.const 5)) (local.get 1)))
  (func $spread (type $binary) (i64.xor (i64.mul (local.get 0) (i64.const 7)) (i64.shl (local.get 1) (i64.const 40))))
  (func (export "run") (param $n i32) (result i64)
    (local $value i64)
    (local.set $value (i64.const 1))
    (loop $steps
      (local.set $value
        (call_indirect (type $binary)
          (call_indirect (type $unary)
            (local.get $value)
            (i32.and (i32.wrap_i64 (i64.shr_u (local.get $value) (i64.const 7))) (i32.const 3)))
          (i64.extend_i32_u (local.get $n))
          (i32.add (i32.const 4) (i32.and (local.get $n) (i32.const 1)))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $steps (local.get $n)))
    (local.get $value)))
