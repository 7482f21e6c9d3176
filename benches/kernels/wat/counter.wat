;; The shortest loops there are: two counters in locals, one counting down to zero, one up to a bound, with
;; a little arithmetic between. In text form because a compiler computes the result without a loop.
(module
  (func (export "run") (param $n i32) (result i64)
    (local $i i32) (local $sum i64)
    (local.set $i (local.get $n))
    (loop $down
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $down (local.get $i)))
    (loop $up
      (local.set $sum
        (i64.add
          (i64.mul (local.get $sum) (i64.const 3))
          (i64.extend_i32_u (i32.xor (local.get $i) (i32.const 5)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $up (i32.lt_s (local.get $i) (local.get $n))))
    (local.get $sum)))
