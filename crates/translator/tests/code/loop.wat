;; A loop without calls continues through the loop register; locals are written in place.
(module
  (memory 1)
  (func (param $n i32) (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (i32.load offset=8 (i32.shl (local.get $i) (i32.const 2)))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum))
  ;; The outer loop has lost the register to the inner one.
  (func (param $n i32) (local $i i32) (local $j i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $inner (i32.ne (local.get $j) (local.get $n))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $outer (i32.eqz (i32.eq (local.get $i) (local.get $n)))))))
;; function 0, 8 slots
;;   0: enter 3..5
;;   2: loop 3, 3, 0
;;   4: i32.load.a<<i.a acc <- [(acc << #2) + 8]
;;   6: i32.add.sa.s 4 <- 4, acc
;;   8: 3 <- 3 + #1; br_if.loop i32.lt_u acc, 0
;;   11: return.s 4
;; function 1, 7 slots
;;   0: enter 3..5
;;   2: loop 0, 0, 0
;;   4: const32 4 <- #0
;;   6: loop 4, 0, 0
;;   8: 4 <- 4 + #1; br_if.loop i32.ne acc, 0
;;   11: 3 <- 3 + #1; br_if i32.ne acc, 0 -> 4
;;   15: return
