;; Arms within arms, with several `end` and `else` behind each other: each first arm that ends at `else` begins a
;; region behind the `end`, even an empty one.
(module
  (func (export "nested") (param i32 i32) (result i32)
    (if (result i32) (local.get 0)
      (then (if (result i32) (local.get 1) (then (i32.const 1)) (else (i32.const 2))))
      (else (if (result i32) (local.get 1) (then (i32.const 3)) (else (i32.const 4)))))
    (i32.add (i32.const 10)))
  (func (export "ends") (param i32) (result i32)
    (block (block (if (local.get 0) (then (nop)) (else (nop)))))
    (i32.const 1))
  (func (export "chain") (param i32) (result i32)
    (if (result i32) (i32.eq (local.get 0) (i32.const 0))
      (then (i32.const 10))
      (else (if (result i32) (i32.eq (local.get 0) (i32.const 1))
        (then (i32.const 11))
        (else (if (result i32) (i32.eq (local.get 0) (i32.const 2))
          (then (i32.const 12))
          (else (i32.const 13)))))))))
;;! invoke nested 0 0
;;> return 14, used 7
;;! invoke nested 0 1
;;> return 13, used 7
;;! invoke nested 1 0
;;> return 12, used 7
;;! invoke nested 1 1
;;> return 11, used 7
;;! invoke nested 1 1 fuel=5 refuel=exact
;;> out of fuel: needs 2, has 0, used 5, at i32_const (func 0, 0x56)
;;> return 11, used 7
;;! invoke nested 0 1 fuel=5 refuel=exact
;;> out of fuel: needs 2, has 0, used 5, at i32_const (func 0, 0x56)
;;> return 13, used 7
;;! invoke nested 0 0 fuel=5 refuel=exact
;;> out of fuel: needs 3, has 1, used 4, at i32_const (func 0, 0x52)
;;> return 14, used 7
;;! invoke ends 0
;;> return 1, used 6
;;! invoke ends 1
;;> return 1, used 6
;;! invoke ends 1 fuel=5 refuel=exact
;;> out of fuel: needs 1, has 0, used 5, at i32_const (func 1, 0x6a)
;;> return 1, used 6
;;! invoke chain 0
;;> return 10, used 5
;;! invoke chain 1
;;> return 11, used 9
;;! invoke chain 2
;;> return 12, used 13
;;! invoke chain 3
;;> return 13, used 13
;;! invoke chain 3 fuel=4 refuel=1
;;> out of fuel: needs 4, has 0, used 4, at local_get (func 2, 0x79)
;;> out of fuel: needs 4, has 1, used 4, at local_get (func 2, 0x79)
;;> out of fuel: needs 4, has 2, used 4, at local_get (func 2, 0x79)
;;> out of fuel: needs 4, has 3, used 4, at local_get (func 2, 0x79)
;;> out of fuel: needs 4, has 0, used 8, at local_get (func 2, 0x83)
;;> out of fuel: needs 4, has 1, used 8, at local_get (func 2, 0x83)
;;> out of fuel: needs 4, has 2, used 8, at local_get (func 2, 0x83)
;;> out of fuel: needs 4, has 3, used 8, at local_get (func 2, 0x83)
;;> out of fuel: needs 1, has 0, used 12, at i32_const (func 2, 0x8d)
;;> return 13, used 13
