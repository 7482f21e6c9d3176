;; A start function that traps.
(module
  (memory 1)
  (func $start
    (nop)
    (drop (i32.load (i32.const -1)))
    (nop) (nop))
  (start $start))
;;! instantiate
;;> trap: out of bounds memory access, used 3, at i32_load (func 0, 0x22)
;;! instantiate fuel=4
;;> out of fuel: needs 6, has 4, used 0, at nop (func 0, 0x1f)
;;! instantiate fuel=6
;;> trap: out of bounds memory access, used 3, at i32_load (func 0, 0x22)
