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
;;   4: copy 3 <- 0
;;   6: return.s 3
;;   8: i64.add.si.s 3 <- 0, #-1
;;   11: call frame 3
;;   14: i64.add.si.s 4 <- 0, #-2
;;   17: call frame 4
;;   20: i64.add.sa.s 3 <- 3, acc
;;   22: return.s 3
