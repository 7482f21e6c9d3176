(module
  (memory 1)
  ;; Bytes are copied: the counter is made the second summand.
  (func (param $to i32) (param $from i32) (param $n i32) (local $i i32)
    (loop $again
      (i32.store8 offset=4 (i32.add (local.get $i) (local.get $to))
        (i32.load8_u (i32.add (local.get $from) (local.get $i))))
      (br_if $again (i32.ne (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n)))))
  ;; What is counted is stored, too: no stream.
  (func (param $n i32) (local $i i32)
    (loop $again
      (i32.store (local.get $i) (local.get $i))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 4))) (local.get $n)))))
  ;; More than a store and a latch: no stream.
  (func (param $p i32) (param $n i32) (local $i i32)
    (loop $again
      (i64.store (i32.add (local.get $p) (local.get $i)) (i64.const -1))
      (i64.store offset=8 (i32.add (local.get $p) (local.get $i)) (i64.const -1))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 16))) (local.get $n)))))
  ;; Bytes are filled from the end: the addition executes the rounds.
  (func (param $p i32) (param $n i32)
    (loop $again
      (if (local.get $n)
        (then
          (i32.store8 (i32.add (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (local.get $p)) (i32.const 0))
          (br $again))))))
;; function 0, 9 slots
;;   0: const32 5 <- #0
;;   2: loop 0, 0, 0
;;   4: move8<s+s:s+s>+stream [0 + 5 + 4] <- [1 + 5 + 0]
;;   7: 5 <- 5 + #1; br_if.loop i32.ne acc, 2
;;   10: return
;; function 1, 6 slots
;;   0: const32 3 <- #0
;;   2: loop 3, 0, 0
;;   4: i32.store.ss [3 + 0] <- 3
;;   6: 3 <- 3 + #4; br_if.loop i32.lt_u acc, 0
;;   9: return
;; function 2, 7 slots
;;   0: const32 4 <- #0
;;   2: loop 4, 0, 0
;;   4: i64.store.s+si [0 + 4 + 0] <- #-1
;;   7: i64.store.s+si [0 + 4 + 8] <- #-1
;;   10: 4 <- 4 + #16; br_if.loop i32.lt_u acc, 1
;;   13: return
;; function 3, 6 slots
;;   0: br_eqz.s 1 -> 14
;;   3: loop 0, 0, 0
;;   5: i32.add.si.s 1 <- 1, #-1, stream
;;   7: i32.store8.s+si [0 + 1 + 0] <- #0
;;   10: br_nez.s.loop 1
;;   12: return
;;   14: return
