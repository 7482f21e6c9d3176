(module
  ;; Costs and refunds are those of the code without probes.
  (memory 1)
  (func $walk (param $n i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $n)))
        (local.set $sum (i32.add (local.get $sum) (i32.load (local.get $n))))
        (local.set $n (i32.sub (local.get $n) (i32.const 4)))
        (br $again)))
    (if (local.get $sum) (then (return (call $walk (i32.const 0)))))
    (local.get $sum)))
;; function 0, 6 slots
;;   entry costs 5
;;   0: const32 3 <- #0
;;   2: slow probe.enter 0 #0
;;   5: br_eqz.s 0 -> 22 (2, 10)
;;   9: loop 0, 0, 0
;;   11: i32.load.a.a acc <- [acc + 0]
;;   13: i32.add.sa.s 3 <- 3, acc
;;   15: 0 <- 0 + #-4; br_unless.loop i32.eq acc, #0 (13, 3)
;;   19: br -> 22 (2, 0)
;;   22: br_eqz.s 3 -> 37 (1, 2)
;;   26: const32 4 <- #0
;;   28: call frame 4 (0, 1)
;;   32: slow probe.leave 0 #0
;;   35: return.a
;;   37: slow probe.leave 0 #0
;;   40: return.s 3
;;   18: splits 3 for 5
;;   11: refunds 7
