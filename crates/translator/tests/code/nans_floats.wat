(module
  (func (param f64 f64) (result f32)
    (f32.demote_f64 (f64.add (f64.mul (local.get 0) (local.get 1)) (f64.sqrt (local.get 0)))))
  (func (param f64) (result f64) (f64.sub (local.get 0) (f64.const 1.5)))
)
;; function 0, 6 slots
;;   0: f64.mul.ss.s 4 <- 0, 1, canonical
;;   2: f64.sqrt.s.a acc <- 0
;;   4: f64.add.sa.a acc <- 4, acc, canonical
;;   6: f32.demote_f64.a.a acc <- acc, canonical
;;   8: return.af
;; function 1, 5 slots
;;   0: f64.sub.si.a acc <- 0, #4609434218613702656, canonical
;;   3: return.af
