;; Tail calls: three functions that hand a counter round by `return_call`. Needs constant stack.
(module
  (func $add (param $left i32) (param $sum i64) (result i64)
    (if (i32.eqz (local.get $left)) (then (return (local.get $sum))))
    (return_call $multiply
      (i32.sub (local.get $left) (i32.const 1))
      (i64.add (local.get $sum) (i64.extend_i32_u (local.get $left)))))
  (func $multiply (param $left i32) (param $sum i64) (result i64)
    (if (i32.eqz (local.get $left)) (then (return (local.get $sum))))
    (return_call $rotate
      (i32.sub (local.get $left) (i32.const 1))
      (i64.mul (local.get $sum) (i64.const 31))))
  (func $rotate (param $left i32) (param $sum i64) (result i64)
    (if (i32.eqz (local.get $left)) (then (return (local.get $sum))))
    (return_call $add
      (i32.sub (local.get $left) (i32.const 1))
      (i64.rotl (local.get $sum) (i64.const 7))))
  (func (export "run") (param $n i32) (result i64)
    (call $add (local.get $n) (i64.const 1))))
