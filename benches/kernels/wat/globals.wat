;; Mutable globals of both integer types: a generator whose whole state lives in them. Compilers use
;; globals for little but the stack pointer.
(module
  (global $state (mut i64) (i64.const 1))
  (global $count (mut i32) (i32.const 0))
  (global $sum (mut i64) (i64.const 0))
  (global $multiplier i64 (i64.const 6364136223846793005))
  (func $next
    (global.set $state
      (i64.add
        (i64.mul (global.get $state) (global.get $multiplier))
        (i64.const 1442695040888963407)))
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.set $sum
      (i64.add
        (global.get $sum)
        (i64.shr_u (global.get $state) (i64.extend_i32_u (i32.and (global.get $count) (i32.const 31)))))))
  (func (export "run") (param $n i32) (result i64)
    (global.set $state (i64.const 1))
    (global.set $count (i32.const 0))
    (global.set $sum (i64.const 0))
    (loop $steps
      (call $next)
      (br_if $steps (i32.lt_u (global.get $count) (local.get $n))))
    (i64.xor (global.get $sum) (global.get $state))))
