;; An operand that refers to a local is copied out before the local is overwritten, and where paths part.
(module
  (func (param i32 i32) (result i32)
    (local.get 0)
    (local.set 0 (local.get 1))
    (local.get 0)
    i32.sub)
  (func (param i32 i32) (result i32)
    (local.get 0)
    (block
      (br_if 0 (local.get 1))
      (local.set 0 (i32.const 7)))
    (local.get 0)
    i32.sub)
  (func (param i32) (result i32)
    (i32.mul (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (local.get 0))))
;; function 0, 6 slots
;;   0: copy.two 4 <- 0, 0 <- 1
;;   3: i32.sub.sa.a acc <- 4, acc
;;   5: return.a
;; function 1, 6 slots
;;   0: copy 4 <- 0
;;   2: br_nez.s 1 -> 7
;;   5: const32 0 <- #7
;;   7: i32.sub.ss.a acc <- 4, 0
;;   9: return.a
;; function 2, 5 slots
;;   0: i32.add.si.s 0 <- 0, #1
;;   2: i32.square.a acc <- acc
;;   4: return.a
