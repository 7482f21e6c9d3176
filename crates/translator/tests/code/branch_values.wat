;; Values that a branch carries are moved only on the path that takes it.
(module
  (func (param i32 i32) (result i32)
    (block (result i32)
      (local.get 0)
      (br_if 0 (local.get 1))
      (i32.const 3)
      i32.add))
  (func (param i32) (result i32)
    (block (result i32)
      (block (result i32)
        (i32.const 1) (i32.const 2)
        (br_table 0 1 2 (local.get 0)))
      (drop)
      (i32.const 5)))
  (func (param i32) (result i32 i32 i32 i32 i32)
    (block (result i32 i32 i32 i32 i32)
      (i32.const 9)
      (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (local.get 0)
      (br_if 0 (local.get 0))
      (br 0))))
;; function 0, 6 slots
;;   0: br_eqz.s 1 -> 7
;;   3: return.s 0
;;   5: return.s 4
;;   7: i32.add.si.s 4 <- 0, #3
;;   9: return.a
;; function 1, 6 slots
;;   0: br_table.s 0 -> 5 9 13
;;   5: const32 3 <- #2
;;   7: br -> 17
;;   9: const32 3 <- #2
;;   11: return.s 3
;;   13: const32 4 <- #2
;;   15: return.a
;;   17: const32 3 <- #5
;;   19: return.a
;; function 2, 10 slots
;;   0: const32 4 <- #1
;;   2: const32 5 <- #2
;;   4: const32 6 <- #3
;;   6: const32 7 <- #4
;;   8: copy 8 <- 0
;;   10: br_eqz.a -> 17
;;   13: copy.many 3.. <- 4.., 5 slots
;;   15: return.many 3.., 5 slots
;;   17: copy.many 3.. <- 4.., 5 slots
;;   19: return.many 3.., 5 slots
;;   21: return.many 3.., 5 slots
