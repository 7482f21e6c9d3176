(module
  (type $t (func (param i32) (result i32)))
  (import "host" "f" (func $import (param i32) (result i32)))
  (table 1 funcref)
  (memory 1)
  (func $callee (param i32) (result i32) (local.get 0))
  (func (param i32) (result i32)
    (call $import (call $callee (local.get 0)))
    (call_indirect (type $t) (i32.const 0))
    (drop (memory.grow (i32.const 1)))
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))
    (return_call $callee (local.get 0)))
  ;; Conditions that are known still end regions.
  (func (result i32)
    (block $a (br_if $a (i32.const 0)) (nop) (br_if $a (i32.const 1)) (nop))
    (i32.const 3))
  (func (param i32) (result i32)
    (block $a
      (block $b
        (br_table $b $a (local.get 0)))
      (nop)
      (return (i32.const 6)))
    (nop)
    (i32.const 7))
)
;; function 1, 4 slots
;;   entry costs 1
;;   0: return.s 0
;; function 2, 7 slots
;;   entry costs 2
;;   0: call.copy frame 3, 3 <- 0 (0, 1)
;;   5: call.import import 0 frame 3 (0, 2)
;;   8: const32 4 <- #0
;;   10: call_indirect.a element acc frame 3 (0, 2)
;;   14: const32 4 <- #1
;;   16: slow memory.grow 4 #0 (0, 5)
;;   19: memory.fill.of #0, #1, #2
;;   22: memory.fill 4 (0, 2)
;;   25: copy 4 <- 0
;;   27: return_call
;; function 3, 3 slots
;;   entry costs 3
;;   0: br -> 3 (3, 0)
;;   3: br -> 6 (1, 2)
;;   6: const32 2 <- #3
;;   8: return.a
;; function 4, 4 slots
;;   entry costs 4
;;   0: br_table.s 0 -> 6 10 (3, 0) (2, 0)
;;   6: const32 3 <- #6
;;   8: return.a
;;   10: const32 3 <- #7
;;   12: return.a
