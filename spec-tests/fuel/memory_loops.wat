;; Loops over memory, of the kind that translators combine instructions in.
(module
  (memory 1)
  (data (i32.const 0) "\05\00\00\00\06\00\00\00\07\00\00\00")
  (func (export "sum") (param i32 i32) (result i32)
    (local i32)
    (block $out
      (br_if $out (i32.eqz (local.get 1)))
      (loop $l
        (local.set 2 (i32.add (local.get 2) (i32.load (local.get 0))))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (br_if $l (local.tee 1 (i32.sub (local.get 1) (i32.const 1))))))
    (local.get 2))
  (func (export "strlen") (param i32) (result i32)
    (local i32)
    (local.set 1 (local.get 0))
    (block $out
      (loop $l
        (br_if $out (i32.eqz (i32.load8_u (local.get 1))))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br $l)))
    (i32.sub (local.get 1) (local.get 0)))
  (func (export "fill") (param i32 i32 i32)
    (loop $l
      (i32.store8 (local.get 0) (local.get 1))
      (local.set 0 (i32.add (local.get 0) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get 0) (local.get 2)))))
  (func (export "update") (param i32) (result i32)
    (i32.store (local.get 0) (i32.add (i32.load (local.get 0)) (i32.const 1)))
    (i32.load (local.get 0))))
;;! invoke sum 0 3
;;> return 18, used 48
;;! invoke sum 0 3 fuel=0 refuel=exact
;;> out of fuel: needs 4, has 0, used 0, at block (func 0, 0x52)
;;> out of fuel: needs 15, has 0, used 4, at loop (func 0, 0x59)
;;> out of fuel: needs 14, has 0, used 19, at local_get (func 0, 0x5b)
;;> out of fuel: needs 14, has 0, used 33, at local_get (func 0, 0x5b)
;;> out of fuel: needs 1, has 0, used 47, at local_get (func 0, 0x77)
;;> return 18, used 48
;;! invoke sum 65528 3
;;> trap: out of bounds memory access, used 36, at i32_load (func 0, 0x5f)
;;! invoke sum 65528 3 fuel=20 refuel=5
;;> out of fuel: needs 14, has 1, used 19, at local_get (func 0, 0x5b)
;;> out of fuel: needs 14, has 6, used 19, at local_get (func 0, 0x5b)
;;> out of fuel: needs 14, has 11, used 19, at local_get (func 0, 0x5b)
;;> out of fuel: needs 14, has 2, used 33, at local_get (func 0, 0x5b)
;;> out of fuel: needs 14, has 7, used 33, at local_get (func 0, 0x5b)
;;> out of fuel: needs 14, has 12, used 33, at local_get (func 0, 0x5b)
;;> trap: out of bounds memory access, used 36, at i32_load (func 0, 0x5f)
;;! invoke sum 0 0
;;> return 0, used 5
;;! invoke fill 100 65 104
;;> return, used 45
;;! invoke strlen 100
;;> return 4, used 47
;;! invoke strlen 100 fuel=17 refuel=exact
;;> out of fuel: needs 5, has 0, used 17, at local_get (func 1, 0x8e)
;;> out of fuel: needs 4, has 0, used 22, at local_get (func 1, 0x86)
;;> out of fuel: needs 5, has 0, used 26, at local_get (func 1, 0x8e)
;;> out of fuel: needs 4, has 0, used 31, at local_get (func 1, 0x86)
;;> out of fuel: needs 5, has 0, used 35, at local_get (func 1, 0x8e)
;;> out of fuel: needs 4, has 0, used 40, at local_get (func 1, 0x86)
;;> out of fuel: needs 3, has 0, used 44, at local_get (func 1, 0x99)
;;> return 4, used 47
;;! invoke fill 65534 1 65537
;;> trap: out of bounds memory access, used 26, at i32_store8 (func 2, 0xa7)
;;! invoke update 0
;;> return 6, used 8
;;! invoke update 65533
;;> trap: out of bounds memory access, used 3, at i32_load (func 3, 0xc0)
