;; Costs of classes and of instructions.
;;! config all=2 entity=7 load=3 store=5 call=20 i64.mul=100 nop=0 bytes=16
(module
  (memory 1)
  (global $g (mut i64) (i64.const 4))
  (func $nothing)
  (func (export "mul") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)) (nop))
  (func (export "store") (param i32) (i32.store8 (local.get 0) (i32.const 1)))
  (func (export "global") (result i64) (global.set $g (i64.const 1)) (global.get $g))
  (func (export "size") (result i32) (memory.size))
  (func (export "call") (call $nothing) (block (nop)))
  (func (export "nop") (nop) (nop))
  (func (export "fill") (param i32) (memory.fill (i32.const 0) (i32.const 1) (local.get 0)))
  (func (export "loop") (param i32)
    (loop (nop) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "trap") (param i32) (result i64)
    (nop)
    (drop (i32.load (local.get 0)))
    (i64.mul (i64.const 1) (i64.const 2))))
;;! invoke mul 5
;;> return 15, used 104
;;! invoke mul 5 fuel=103
;;> out of fuel: needs 104, has 103, used 0, at local_get (func 1, 0x96)
;;! invoke load 0
;;> return 0, used 5
;;! invoke load 65536
;;> trap: out of bounds memory access, used 5, at i32_load (func 2, 0xa0)
;;! invoke store 0
;;> return, used 9
;;! invoke store 65536
;;> trap: out of bounds memory access, used 9, at i32_store8 (func 3, 0xab)
;;! invoke global
;;> return 1, used 16
;;! invoke size
;;> return 1, used 7
;;! invoke call
;;> return, used 22
;;! invoke call fuel=21 refuel=exact
;;> out of fuel: needs 2, has 1, used 20, at block (func 6, 0xc1)
;;> return, used 22
;;! invoke nop fuel=0
;;> return, used 0
;;! invoke fill 17
;;> return, used 15
;;! invoke fill 17 fuel=14 refuel=exact
;;> out of fuel: needs 2, has 1, used 13, at memory_fill (func 8, 0xd3)
;;> return, used 15
;;! invoke loop 3
;;> return, used 32
;;! invoke loop 2 fuel=20 refuel=exact
;;> out of fuel: needs 10, has 8, used 12, at local_get (func 9, 0xdc)
;;> return, used 22
;;! invoke trap 0
;;> return 2, used 111
;;! invoke trap -1
;;> trap: out of bounds memory access, used 5, at i32_load (func 10, 0xec)
;;! invoke trap -1 fuel=111
;;> trap: out of bounds memory access, used 5, at i32_load (func 10, 0xec)
