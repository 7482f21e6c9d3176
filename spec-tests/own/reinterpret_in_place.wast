;; The same bits as a value of another type, in a local, behind a call whose result nobody wants. An engine that keeps
;; results of calls and of operators in accumulators must not take one for the other.

(module
  (func $f64 (result f64) (f64.const 5))
  (func $i64 (result i64) (i64.const -1))

  (func (export "f32") (param i32 i32) (result f32) (local f32)
    (drop (call $f64))
    (local.set 2 (f32.reinterpret_i32 (i32.shr_u (local.get 0) (local.get 1))))
    (select (local.get 2) (f32.const nan) (f32.eq (local.get 2) (local.get 2))))

  (func (export "f64") (param i64 i64) (result f64) (local f64)
    (drop (call $f64))
    (drop (f64.add (local.tee 2 (f64.reinterpret_i64 (i64.sub (local.get 0) (local.get 1)))) (f64.const 0)))
    (select (local.get 2) (f64.const nan) (f64.eq (local.get 2) (local.get 2))))

  (func (export "i32") (param f32 f32) (result i32) (local i32)
    (drop (call $i64))
    (local.set 2 (i32.reinterpret_f32 (f32.add (local.get 0) (local.get 1))))
    (i32.xor (local.get 2) (local.get 2)))

  (func (export "i64") (param f64 f64) (result i64) (local i64)
    (drop (call $i64))
    (local.set 2 (i64.reinterpret_f64 (f64.add (local.get 0) (local.get 1))))
    (i64.add (local.get 2) (i64.const 1))))

(assert_return (invoke "f32" (i32.const 4) (i32.const 1)) (f32.const 0x1p-148))
(assert_return (invoke "f64" (i64.const 7) (i64.const 5)) (f64.const 0x1p-1073))
(assert_return (invoke "i32" (f32.const 1) (f32.const 1)) (i32.const 0))
(assert_return (invoke "i64" (f64.const 1) (f64.const 1)) (i64.const 0x4000000000000001))
