(module
  (memory 1)
  ;; Interrupts: a loop with the test at its end: the latch pays for the body.
  (func (param $n i32) (result i32) (local $i i32)
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))
  ;; One with the test at its start, inverted: the cell at the end pays for the test and what is behind it.
  (func (param $n i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (i32.store (local.get $n) (i32.const 1))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (i32.store (i32.const 0) (local.get $n)))
  ;; Labels that are reached from above end no region; traps refund.
  (func (param $a i32) (param $b i32) (result i32)
    (block $out
      (br_if $out (local.get $a))
      (drop (i32.div_u (local.get $a) (local.get $b)))
      (drop (i32.const 1)))
    (if (result i32) (local.get $b)
      (then (i32.load (local.get $a)))
      (else (i32.const 7))))
)
;; function 0, 6 slots
;;   entry costs 12
;;   0: const32 3 <- #0
;;   2: loop 3, 0, 0
;;   4: 3 <- 3 + #1; br_if.loop i32.lt_u acc, 0
;;   8: return.a
;; function 1, 5 slots
;;   entry costs 19
;;   0: br_eqz.s 0 -> 14
;;   3: loop 0, 0, 0
;;   5: i32.store.si [0 + 0] <- #1, stream
;;   8: 0 <- 0 + #-1; br_unless.loop i32.eq acc, #0
;;   12: br -> 14
;;   14: const32 3 <- #0
;;   16: i32.store.as [acc + 0] <- 0
;;   18: return
;; function 2, 6 slots
;;   entry costs 18
;;   0: br_nez.s 0 -> 5
;;   3: i32.div_u.ss.s 4 <- 0, 1
;;   5: br_eqz.s 1 -> 12
;;   8: i32.load.s.s 4 <- [0 + 0]
;;   10: return.s 4
;;   12: const32 4 <- #7
;;   14: return.a
