;; br_table whose labels take values: from different depths, over operands that stay behind, to loops, blocks with
;; parameters -0x1 the function itself.

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

  ;; The labels are a loop with a parameter and a