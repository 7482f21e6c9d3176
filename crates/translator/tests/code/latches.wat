(module
  ;; The sum is on the right.
  (func (param $i i32) (param $n i32)
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $next (i32.gt_s (local.get $n) (local.get $i)))))
  ;; 64 bits; constants that do not fit have ops of their own.
  (func (param $i i64) (param $n i64)
    (loop $next
      (br_if $next (i64.ne (local.tee $i (i64.sub (local.get $i) (i64.const 1))) (i64.const 0))))
    (loop $next
      (br_if $next (i64.ne (local.tee $i (i64.add (local.get $i) (local.get $n))) (local.get $n))))
    (loop $next
      (br_if $next (i64.ne (local.tee $i (i64.add (local.get $i) (i64.const 0x80000000))) (i64.const 5))))
    (loop $next
      (br_if $next (i64.ne (local.tee $i (i64.add (local.get $i) (i64.const 1))) (i64.const -1)))))
)
;; function 0, 6 slots
;;   0: loop 0, 0, 0
;;   2: 0 <- 0 + #4; br_if.loop i32.lt_s acc, 1
;;   5: return
;; function 1, 6 slots
;;   0: loop 0, 0, 0
;;   2: 0 <- 0 + #-1; br_if.loop i64.ne acc, #0
;;   5: loop 0, 0, 0
;;   7: 0 <- 0 + 1; br_if.loop i64.ne acc, 1
;;   10: loop 0, 0, 0
;;   12: i64.add.si.s 0 <- 0, #2147483648
;;   15: br_if.loop i64.ne.ai acc, #5
;;   18: loop 0, 0, 0
;;   20: i64.add.si.s 0 <- 0, #1
;;   23: br_if.loop i64.ne.ai acc, #-1
;;   26: return
