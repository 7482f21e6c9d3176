
(module
  ;; One value; each label sees it and adds its own number. The operands below it must vanish.
  (func (export "one") (param i32) (result i32)
    (block $c (result i32)
      (i32.const 1000)
      (block $b (result i32)
        (i32.const 2000)
        (i32.const 3000)
        (block $a (result i32)
          (i32.const 4000)
          (i32.const 5)
          (br_table $a $b $c (local.get 0)))
        ;; $a: 2000 3000 5
        (i32.add) (i32.add)
        (i32.const 1)
        (i32.add))
      ;; $b: 1000 x
      (i32.add)
      (i32.const 2)
      (i32.add))
    ;; $c: x
    (i32.const 3)
    (i32.add))

  ;; Three values of different types, in order.
  (func (export "three") (param i32) (result i64 f32 i32)
    (block $outer (result i64 f32 i32)
      (f64.const 99)
      (block $inner (result i64 f32 i32)
        (i32.const 77)
        (i64.const -5)
        (f32.const 0.5)
        (i32.const 6)
        (br_table $outer $inner $outer (local.get 0)))
      ;; $inner: f64 i64 f32 i32, of which the last three change.
      (i32.const 1)
      (i32.add)
      (br $outer)))

  ;; The default label only.
  (func (export "default") (param i32) (result i32)
    (block (result i32)
      (i32.const 8)
      (br_table 0 (local.get 0))))

  ;; The labels are a loop with a parameter and a block: the loop goes round with the value it is given.
  (func (export "loop") (param i32) (result i32 i32)
    (local $rounds i32)
    (block $out (result i32)
      (local.get 0)
      (loop $again (param i32) (result i32)
        (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
        (i32.const 1)
        (i32.sub)
        (local.tee 0)
        (br_table $out $again (i32.ne (local.get 0) (i32.const 0)))))
    (local.get $rounds))

  ;; Out of the function.
  (func (export "return") (param i32) (result i32 i32)
    (i32.const 1) (i32.const 2) (i32.const 3)
    (block (param i32) (result i32)
      (i32.const 40)
      (i32.add)
      (i32.const 50)
      (local.get 0)
      (i32.const 60)
      (br_if 1 (i32.eq (local.get 0) (i32.const 9)))
      (drop)
      (drop)
      (br_table 1 1 (local.get 0)))
    (unreachable))

  ;; The index is computed from the value that is carried.
  (func (export "index_is_value") (param i32) (result i32)
    (block $b (result i32)
      (block $a (result i32)
        (local.get 0)
        (br_table $a $b $a (local.get 0)))
      (i32.const 100)
      (i32.add)))

  ;; The same label many times, and an index that is unsigned.
  (func ( "many") (param i32) (result i32)
    (block $far (result i32)
      (block $near (result i32)
        (i32.const 1)
        (local.get 0)
        (br_table $near $far $near $far $near $far $near $far $near $far $near $far $near $far $near $far $near))
      (i32.const 10)
      (i32.add)))

  ;; A reference and a constant of each type as values.
  (func (export "reference") (param i32 externref) (result externref i32)
    (block $out (result externref i32)
      (block $in (result externref i32)
        (f64.const 1)
        (local.get 1)
        (i32.const 3)
        (local.get 0)
        (br_table $in $out))
      (i32.const 1)
      (i32.add)))
)
;; $a: 2000 + (3000 + 5) + 1 = 5006; $b: 1000 + 5006 + 2 = 6008; $c: + 3.
(assert_return (invoke "one" (i32.const 0)) (i32.const 6011))
;; $b: 1000 + 5 + 2, $c: + 3.
(assert_return (invoke "one" (i32.const 1)) (i32.const 1010))
(assert_return (invoke "one" (i32.const 2)) (i32.const 8))
(assert_return (invoke "one" (i32.const 3)) (i32.const 8))
(assert_return (invoke "one" (i32.const -1)) (i32.const 8))
(assert_return (invoke "three" (i32.const 0)) (i64.const -5) (f32.const 0.5) (i32.const 6))
(assert_return (invoke "three" (i32.const 1)) (i64.const -5) (f32.const 0.5) (i32.const 7))
(assert_return (invoke "three" (i32.const 2)) (i64.const -5) (f32.const 0.5) (i32.const 6))
(assert_return (invoke "three" (i32.const 0x80000001)) (i64.const -5) (f32.const 0.5) (i32.const 6))
(assert_return (invoke "default" (i3
(assert_invalid
  (module (memory i64 1) (func (result i32) (memory.grow (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (memory 1) (func (result i64) (memory.size)))
  "type mismatch")
(assert_invalid
  (module (memory 1) (func (result i32) (memory.grow (i64.const 0))))
  "type misma