;; Stores that note what they write to.
(module
  (memory 1)
  (memory $other 1)
  (func $fill (param $to i32) (param $i i32) (param $value i64)
    (i32.store8 (i32.add (local.get $to) (local.get $i)) (i32.const 7))
    (i64.store offset=8 (local.get $to) (local.get $value))
    (i64.store32 (i32.mul (local.get $to) (local.get $i)) (local.get $value))
    (i32.store $other (local.get $to) (local.get $i))))
;; function 0, 7 slots
;;   0: i32.store8.s+si [0 + 1 + 0] <- #7, tracked
;;   3: i64.store.ss [0 + 8] <- 2, tracked
;;   5: i32.mul.ss.a acc <- 0, 1
;;   7: i64.store32.as [acc + 0] <- 2, tracked
;;   9: i32.store.any [0] memory 1 <- 1, tracked
;;   12: return
