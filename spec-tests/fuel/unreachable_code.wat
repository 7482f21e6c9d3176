;; Code that cannot be reached costs nothing, and ends where a branch goes.
(module
  (func (export "behind_br") (result i32)
    (block (br 0) (drop (i32.div_u (i32.const 1) (i32.const 0))) (nop) (br 0))
    (i32.const 1))
  (func (export "behind_return") (result i32)
    (return (i32.const 2))
    (nop) (nop) (drop) (i32.const 3))
  (func (export "blocks_behind_br") (result i32)
    (block (br 0) (block (nop) (loop (nop) (br 0))) (if (i32.const 1) (then (nop)) (else (nop))))
    (i32.const 3))
  (func (export "dead_if_end") (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 4))) (else (return (i32.const 5))))
    (nop) (nop)
    (unreachable))
  (func (export "dead_else") (param i32) (result i32)
    (block
      (br 0)
      (if (i32.const 1) (then (nop)) (else (nop))))
    (if (local.get 0) (then (br 0)) (else (nop)))
    (i32.const 6))
  (func (export "unreachable") (nop) (unreachable) (nop) (nop))
  (func (export "dead_block") (result i32)
    (unreachable)
    (block (result i32) (i32.const 1))
    (i32.add (i32.const 1))))
;;! invoke behind_br
;;> return 1, used 3
;;! invoke behind_br fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at i32_const (func 0, 0x9b)
;;> return 1, used 3
;;! invoke behind_return
;;> return 2, used 2
;;! invoke blocks_behind_br
;;> return 3, used 3
;;! invoke blocks_behind_br fuel=2 refuel=exact
;;> out of fuel: needs 1, has 0, used 2, at i32_const (func 2, 0xc2)
;;> return 3, used 3
;;! invoke dead_if_end 0
;;> return 5, used 4
;;! invoke dead_if_end 1
;;> return 4, used 4
;;! invoke dead_else 0
;;> return 6, used 6
;;! invoke dead_else 1
;;> return 6, used 6
;;! invoke unreachable
;;> trap: unreachable, used 2, at unreachable (func 5, 0xf5)
;;! invoke unreachable fuel=1
;;> out of fuel: needs 2, has 1, used 0, at nop (func 5, 0xf4)
;;! invoke dead_block
;;> trap: unreachable, used 1, at unreachable (func 6, 0xfb)
