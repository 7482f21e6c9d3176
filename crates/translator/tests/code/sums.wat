;; The sum of two locals is not computed before it is needed: loads and stores add in place, and a local that is
;; overwritten meanwhile has the sum computed first.
(module
  (memory 1)
  (func $copy_byte (param $to i32) (param $from i32) (param $i i32)
    (i32.store8 (i32.add (local.get $to) (local.get $i))
      (i32.load8_u offset=3 (i32.add (local.get $from) (local.get $i)))))
  (func $scaled (param $base i32) (param $i i32) (result i64)
    (i64.load (i32.add (local.get $base) (i32.shl (local.get $i) (i32.const 3)))))
  (func $overwritten (param $a i32) (param $b i32) (result i32)
    (i32.add (local.get $a) (local.get $b))
    (local.set $a (i32.const 5))
    (i32.mul (local.get $a)))
  (func $large_offset (param $a i32) (param $b i32)
    (i32.store offset=65536 (i32.add (local.get $a) (local.get $b)) (i32.const 1)))
  (func $condition (param $a i32) (param $b i32) (result i32)
    (select (i32.const 1) (i32.const 2) (i32.add (local.get $a) (local.get $b)))))
;; function 0, 8 slots
;;   0: move8<s+s:s+s> [0 + 2 + 0] <- [1 + 2 + 3]
;;   3: return
;; function 1, 7 slots
;;   0: i64.load.s<<i+s.a acc <- [(1 << #3) + 0 + 0]
;;   3: return.a
;; function 2, 6 slots
;;   0: i32.add.ss.s 4 <- 0, 1
;;   2: const32 0 <- #5
;;   4: i32.mul.sa.a acc <- 4, acc
;;   6: return.a
;; function 3, 6 slots
;;   0: i32.add.ss.a acc <- 0, 1
;;   2: i32.store.ai [acc + 65536] <- #1
;;   5: return
;; function 4, 8 slots
;;   0: const32 4 <- #1
;;   2: const32 5 <- #2
;;   4: i32.add.ss.a acc <- 0, 1
;;   6: select.a 4 <- acc ? 4 : ..
;;   9: return.a
