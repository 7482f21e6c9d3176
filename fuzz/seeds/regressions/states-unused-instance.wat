;; A warm instance whose memory was recorded but never written to kept what a former store had asked for, so that its
;; first snapshot had no data.
(module
  (memory 1 1)
  (data (i32.const 0) "\90"))
