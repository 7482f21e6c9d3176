;; A loop that begins with the test by which it is left is tested at its end instead: one op less a round. Not if
;; the test leads to somewhere in the loop, nor after a call, which changes the loop register.
(module
  (func $f)
  (func (param $i i32) (param $n i32)
    (block $done
      (loop $again
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again))))
  (func (param $i i32)
    (loop $again
      (block $inside
        (br_if $inside (local.get $i))
        (return))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br $again)))
  (func (param $i i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $i)))
        (call $f)
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br $again)))))
;; function 0, 2 slots
;;   0: return
;; function 1, 6 slots
;;   0: br_if i32.ge_u.ss 0, 1 -> 10
;;   3: loop 0, 0, 0
;;   5: 0 <- 0 + #1; br_unless.loop i32.ge_u acc, 1
;;   8: return
;;   10: return
;; function 2, 5 slots
;;   0: loop 0, 0, 0
;;   2: br_nez.a -> 7
;;   5: return
;;   7: i32.add.si.s 0 <- 0, #-1
;;   9: br.loop
;;   10: return
;; function 3, 5 slots
;;   0: br_eqz.s 0 -> 12
;;   3: loop 0, 0, 0
;;   5: call frame 3
;;   8: i32.add.si.s 0 <- 0, #-1
;;   10: br -> 0
;;   12: return
