;; Counting down to zero is a latch, whether the loop compares the count or tests it.
(module
  (func (param $i i32)
    (loop $again
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  (func (param $i i32)
    (loop $again
      (br_if $again (local.tee $i (i32.add (local.get $i) (i32.const -1))))))
  (func (param $i i32)
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const -4)))
      (br_if $again (i32.eqz (i32.eqz (local.get $i)))))))
;; function 0, 5 slots
;;   0: loop 0, 0, 0
;;   2: 0 <- 0 + #-1; br_if.loop i32.ne acc, #0
;;   5: return
;; function 1, 5 slots
;;   0: loop 0, 0, 0
;;   2: 0 <- 0 + #-1; br_if.loop i32.ne acc, #0
;;   5: return
;; function 2, 5 slots
;;   0: loop 0, 0, 0
;;   2: 0 <- 0 + #-4; br_if.loop i32.ne acc, #0
;;   5: return
