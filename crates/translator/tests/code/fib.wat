;; Compares become branches, arguments are computed in place, results come back in the accumulator.
(module
  (func $fib (param i64) (result i64)
    (if (result i64) (i64.lt_s (local.get 0) (i64.const 2))
      (then (local.get 0))
      (else
        (i64.add
          (call $fib (i64.sub (local.get 0) (i64.const 1)))
          (call $fib (i64.sub (local.get 0) (i64.const 2))))))))
;; function 0, 6 slots
;;   0: br_unless i64.lt_s.si 0, #2 -> 8
;;   4: return.s 0
;;   6: return.s 3
;;   8: call.add64 frame 3, 3 <- 0 + #-1
;;   12: call.add64 frame 4, 4 <- 0 + #-2
;;   16: i64.add.sa.s 3 <- 3, acc
;;   18: return.a
