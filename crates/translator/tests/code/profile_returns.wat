(module
  (type $binary (func (param i32 i32) (result i32)))
  (table 1 funcref)
  ;; A constant, and a local.
  (func $constant (result i32) (i32.const 7))
  (func $local (param i32) (result i32) (local i64) (local.get 0))
  ;; The accumulator outlives the probe: the product is not stored.
  (func $product (type $binary) (i32.mul (local.get 0) (local.get 1)))
  (func $nothing)
  (func $many (result i32 f64) (i32.const 1) (f64.const 2))
  ;; Every way out has its probe.
  (func $ways (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))))
    (drop (br_if 0 (i32.const 2) (i32.eqz (local.get 0))))
    (block (result i32) (br_table 0 1 (i32.const 3) (local.get 0))))
  (func $tail (type $binary) (return_call $product (local.get 1) (local.get 0)))
  (func $indirect (type $binary)
    (return_call_indirect (type $binary) (local.get 0) (local.get 1) (i32.const 0))))
;; function 0, 3 slots
;;   0: slow probe.enter 0 #0
;;   3: const32 2 <- #7
;;   5: slow probe.leave 0 #0
;;   8: return.a
;; function 1, 5 slots
;;   0: const32 3 <- #0
;;   2: slow probe.enter 0 #1
;;   5: slow probe.leave 0 #1
;;   8: return.s 0
;; function 2, 6 slots
;;   0: slow probe.enter 0 #2
;;   3: i32.mul.ss.a acc <- 0, 1
;;   5: slow probe.leave 0 #2
;;   8: return.a
;; function 3, 2 slots
;;   0: slow probe.enter 0 #3
;;   3: slow probe.leave 0 #3
;;   6: return
;; function 4, 4 slots
;;   0: slow probe.enter 0 #4
;;   3: const32 2 <- #1
;;   5: const64 3 <- #4611686018427387904
;;   8: slow probe.leave 0 #4
;;   11: return.many 2.., 2 slots
;; function 5, 5 slots
;;   0: slow probe.enter 0 #5
;;   3: br_eqz.s 0 -> 13
;;   6: const32 3 <- #1
;;   8: slow probe.leave 0 #5
;;   11: return.a
;;   13: br_nez.s 0 -> 23
;;   16: const32 3 <- #2
;;   18: slow probe.leave 0 #5
;;   21: return.a
;;   23: br_table.s 0 -> 27 31
;;   27: const32 3 <- #3
;;   29: br -> 38
;;   31: const32 3 <- #3
;;   33: slow probe.leave 0 #5
;;   36: return.a
;;   38: slow probe.leave 0 #5
;;   41: return.s 3
;; function 6, 6 slots
;;   0: slow probe.enter 0 #6
;;   3: copy.two 4 <- 1, 5 <- 0
;;   6: slow probe.leave 0 #6
;;   9: return_call
;; function 7, 7 slots
;;   0: slow probe.enter 0 #7
;;   3: const32 6 <- #0
;;   5: copy.two 4 <- 0, 5 <- 1
;;   8: slow probe.leave 0 #7
;;   11: return_call_indirect
