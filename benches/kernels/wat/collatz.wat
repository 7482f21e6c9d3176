;; Branches that no predictor knows: the steps of the Collatz sequence of every start up to n, summed, with
;; the longest. In text form because a compiler makes the branch a `select`.
(module
  (func $steps (param $value i64) (result i32)
    (local $steps i32)
    (block $done
      (loop $next
        (br_if $done (i64.le_u (local.get $value) (i64.const 1)))
        (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
        (if (i64.eqz (i64.and (local.get $value) (i64.const 1)))
          (then
            (local.set $value (i64.shr_u (local.get $value) (i64.const 1)))
            (br $next)))
        (local.set $value (i64.add (i64.mul (local.get $value) (i64.const 3)) (i64.const 1)))
        (br $next)))
    (local.get $steps))
  (func (export "run") (param $n i32) (result i64)
    (local $start i32) (local $steps i32) (local $longest i32) (local $at i32) (local $total i64)
    (block $done
      (loop $starts
        (br_if $done (i32.ge_u (local.get $start) (local.get $n)))
        (local.set $start (i32.add (local.get $start) (i32.const 1)))
        (local.set $steps (call $steps (i64.extend_i32_u (local.get $start))))
        (local.set $total (i64.add (local.get $total) (i64.extend_i32_u (local.get $steps))))
        (br_if $starts (i32.le_u (local.get $steps) (local.get $longest)))
        (local.set $longest (local.get $steps))
        (local.set $at (local.get $start))
        (br $starts)))
    (i64.xor (i64.shl (local.get $total) (i64.const 20)) (i64.extend_i32_u (local.get $at)))))
