(module
  (memory 1)
  ;; An operator and the one that consumes its result are one op, if both are worth it and immediates fit.
  (func (param $a i32) (param $b i32) (result i32)
    (i32.add (local.get $b) (i32.shl (local.get $a) (i32.const 4))))
  (func (param $a i64) (param $b i64) (result i64)
    (i64.rotl (i64.xor (local.get $a) (i64.mul (local.get $a) (local.get $b))) (i64.const 63)))
  (func (param $a i64) (result i64)
    (i64.shr_u (i64.add (local.get $a) (i64.const 0x123456789)) (i64.const 7)))
  (func (param $a f64) (param $b f64) (param $c f64) (result f64)
    (f64.sub (local.get $c) (f64.mul (local.get $a) (local.get $b))))
  ;; A result that a local keeps has an op of its own.
  (func (param $a i32) (param $b i32) (result i32)
    (i32.xor (local.tee $a (i32.xor (local.get $a) (local.get $b))) (local.get $b)))
  ;; Addresses: of an element, and with a constant that may wrap around.
  (func (param $base i32) (param $i i32) (result i32)
    (i32.add
      (i32.load offset=8 (i32.add (local.get $base) (i32.shl (local.get $i) (i32.const 2))))
      (i32.load offset=4 (i32.sub (local.get $i) (i32.const 8)))))
  (func (param $i i32) (param $v i64)
    (i64.store offset=8 (i32.add (local.get $i) (i32.const 4)) (local.get $v)))
  ;; What is computed is stored at once, and kept if a local wants it.
  (func (param $p i32) (param $v i32)
    (i32.store (local.get $p) (i32.add (local.get $v) (i32.const 1)))
    (i32.store offset=4 (local.get $p) (local.tee $v (i32.add (local.get $v) (i32.const 1)))))
  ;; Branches on common bits.
  (func (param $a i32) (param $b i32) (result i32)
    (if (i32.and (local.get $a) (i32.const 1)) (then (return (i32.const 1))))
    (if (i32.eqz (i32.and (local.get $a) (local.get $b))) (then (return (i32.const 2))))
    (i32.const 3))
  ;; The same bits as another type.
  (func (param $a i64) (param $b f64) (result i32)
    (i32.add (i32.wrap_i64 (local.get $a)) (i32.wrap_i64 (i64.reinterpret_f64 (f64.neg (local.get $b))))))
  ;; Two copies.
  (func (param $a i32) (param $b i32) (local $t i32)
    (local.set $t (local.get $a))
    (local.set $a (local.get $b))
    (local.set $b (local.get $t)))
  ;; Branches on what they load.
  (func (param $p i32) (param $i i32) (result i32)
    (if (i32.eq (i32.load8_u offset=3 (i32.add (local.get $p) (local.get $i))) (i32.const 34))
      (then (return (i32.const 1))))
    (if (i32.load (local.get $p)) (then (return (i32.const 2))))
    (i32.const 3))
)
;; function 0, 7 slots
;;   0: i32.add<i32.shl.si:s>.a acc <- 0, #4; 1
;;   3: return.a
;; function 1, 7 slots
;;   0: i64.xor<i64.mul.ss:s>.a acc <- 0, 1; 0
;;   3: i64.rotl.ai.a acc <- acc, #63
;;   6: return.a
;; function 2, 5 slots
;;   0: i64.add.si.a acc <- 0, #4886718345
;;   3: i64.shr_u.ai.a acc <- acc, #7
;;   6: return.a
;; function 3, 8 slots
;;   0: f64.sub<s:f64.mul.ss>.a acc <- 0, 1; 2
;;   3: return.af
;; function 4, 6 slots
;;   0: i32.xor.ss.s 0 <- 0, 1
;;   2: i32.xor.as.a acc <- acc, 1
;;   4: return.a
;; function 5, 7 slots
;;   0: i32.load.s<<i+s.s 4 <- [(1 << #2) + 0 + 8]
;;   3: i32.load.s+i.a acc <- [1 + #-8 + #4]
;;   6: i32.add.sa.a acc <- 4, acc
;;   8: return.a
;; function 6, 6 slots
;;   0: i64.store.s+i.s [0 + #4 + #8] <- 1
;;   3: return
;; function 7, 7 slots
;;   0: i32.store<s:i32.add.si>.a [0 + 0], acc <- 1, #1
;;   3: i32.store<s:i32.add.si>.s [0 + 4], 1 <- 1, #1
;;   6: return
;; function 8, 6 slots
;;   0: br_unless.test.si 0, #1 -> 7
;;   3: const32 4 <- #1
;;   5: return.a
;;   7: br_if.test.ss 0, 1 -> 14
;;   10: const32 4 <- #2
;;   12: return.a
;;   14: const32 4 <- #3
;;   16: return.a
;; function 9, 6 slots
;;   0: f64.neg.s.s 5 <- 1
;;   2: i32.add.ss.a acc <- 0, 5
;;   4: return.a
;; function 10, 6 slots
;;   0: const32 4 <- #0
;;   2: copy.two 4 <- 0, 0 <- 1
;;   5: copy 1 <- 4
;;   7: return
;; function 11, 6 slots
;;   0: br_unless.eq<i32.load8_u.s+s:i> [0 + 1 + 3], #34 -> 8
;;   4: const32 4 <- #1
;;   6: return.a
;;   8: br_if.eq<i32.load.s:i> [0 + 0], #0 -> 16
;;   12: const32 4 <- #2
;;   14: return.a
;;   16: const32 4 <- #3
;;   18: return.a
