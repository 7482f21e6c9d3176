(module
  (memory 1)
  ;; A loop whose body is an `if`: the branch back repeats the test and stays, or goes on behind the `if`.
  (func (param $to i32) (param $end i32) (param $by i32)
    (loop $next
      (if (i32.ne (local.get $to) (local.get $end))
        (then
          (i32.store8 (local.get $to) (i32.const 0))
          (local.set $to (i32.add (local.get $to) (local.get $by)))
          (br $next)))))
  ;; With a second arm, which is where the test goes if it fails.
  (func (param $n i64) (result i64)
    (loop $next (result i64)
      (if (result i64) (i64.gt_s (local.get $n) (i64.const 9))
        (then
          (local.set $n (i64.sub (local.get $n) (i64.const 3)))
          (br $next))
        (else (i64.const 7)))))
  ;; Behind the `if` there is no way into its second arm any more: the branch back goes to the test.
  (func (param $n i32)
    (loop $next
      (if (local.get $n) (then (local.set $n (i32.shr_u (local.get $n) (i32.const 1)))))
      (br $next)))
)
;; function 0, 7 slots
;;   0: br_unless i32.ne.ss 0, 1 -> 13
;;   3: loop 0, 0, 0
;;   5: i32.store8.si [0 + 0] <- #0, stream
;;   8: 0 <- 0 + 2; br_if.loop i32.ne acc, 1
;;   11: return
;;   13: return
;; function 1, 5 slots
;;   0: br_unless i64.gt_s.si 0, #9 -> 11
;;   4: loop 0, 0, 0
;;   6: 0 <- 0 + #-3; br_if.loop i64.gt_s acc, #9
;;   9: br -> 11
;;   11: const32 3 <- #7
;;   13: return.a
;; function 2, 5 slots
;;   0: br_eqz.s 0 -> 7
;;   3: loop 0, 0, 0
;;   5: i32.shr_u.si.s 0 <- 0, #1
;;   7: br -> 0
;;   9: return
