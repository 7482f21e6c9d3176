(module
  (memory 1)
  ;; What is loaded and only stored is one op, whose parts have a safepoint each.
  (func (param $to i32) (param $from i32) (param $i i32)
    (i64.store offset=8 (local.get $to) (i64.load offset=16 (local.get $from)))
    (i32.store8 (i32.add (local.get $to) (local.get $i)) (i32.load8_u (i32.add (local.get $from) (local.get $i))))
    (i32.store16 (local.get $to) (i32.load (local.get $from))))
  ;; Neighbouring additions to locals are one op.
  (func (param $a i32) (param $b i32)
    (local.set $a (i32.add (local.get $a) (i32.const 4)))
    (local.set $b (i32.sub (local.get $b) (i32.const 1))))
  ;; A branch to a return returns.
  (func (param $n i32) (result i32)
    (if (result i32) (local.get $n)
      (then (local.get $n))
      (else (i32.const 7))))
  ;; The high half of a computed i32 is zero.
  (func (param $a i32) (param $b i64) (result i64)
    (i64.add (local.get $b) (i64.extend_i32_u (i32.xor (local.get $a) (i32.const 5)))))
)
;; function 0, 8 slots
;;   0: move64<s:s> [0 + 8] <- [1 + 16]
;;   3: move8<s+s:s+s> [0 + 2 + 0] <- [1 + 2 + 0]
;;   6: i32.load.s.a acc <- [1 + 0]
;;   8: i32.store16.sa [0 + 0] <- acc
;;   10: return
;; function 1, 6 slots
;;   0: add.two 0 <- 0 + #4, 1 <- 1 + #-1
;;   3: return
;; function 2, 4 slots
;;   0: br_eqz.s 0 -> 7
;;   3: return.s 0
;;   5: return.s 3
;;   7: const32 3 <- #7
;;   9: return.a
;; function 3, 7 slots
;;   0: i32.xor.si.a acc <- 0, #5
;;   2: i64.add.sa.a acc <- 1, acc
;;   4: return.a
