;; The sieve of Eratosthenes.
;;
;;     rotifer run examples/primes.wat 10000000
;;
;; prints how many primes there are below ten million, and the largest of them.

(module
  ;; One bit for each odd number: bit i stands for 2 * i + 1 and is set once the number is known to be composite.
  (memory 0)

  (func $byte_address (param $number i32) (result i32)
    (i32.shr_u (local.get $number) (i32.const 4)))

  (func $bit_mask (param $number i32) (result i32)
    (i32.shl
      (i32.const 1)
      (i32.and (i32.shr_u (local.get $number) (i32.const 1)) (i32.const 7))))

  (func $is_composite (param $odd i32) (result i32)
    (i32.and
      (i32.load8_u (call $byte_address (local.get $odd)))
      (call $bit_mask (local.get $odd))))

  (func $mark_composite (param $odd i32)
    (local $address i32)
    (i32.store8
      (local.tee $address (call $byte_address (local.get $odd)))
      (i32.or
        (i32.load8_u (local.get $address))
        (call $bit_mask (local.get $odd)))))

  ;; Makes room for numbers below $limit, or traps.
  (func $reserve (param $limit i32)
    (local $pages i32)
    (local.set $pages
      (i32.add (i32.shr_u (call $byte_address (local.get $limit)) (i32.const 16)) (i32.const 1)))
    (if (i32.gt_u (local.get $pages) (memory.size))
      (then
        (if (i32.eq (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1))
          (then (unreachable))))))

  ;; Marks the odd multiples of $prime, from its square on: smaller ones have a smaller factor.
  (func $mark_multiples (param $prime i32) (param $limit i32)
    (local $multiple i32)
    (local.set $multiple (i32.mul (local.get $prime) (local.get $prime)))
    (loop $next
      (call $mark_composite (local.get $multiple))
      (local.set $multiple
        (i32.add (local.get $multiple) (i32.shl (local.get $prime) (i32.const 1))))
      (br_if $next (i32.lt_u (local.get $multiple) (local.get $limit)))))

  (func (export "main") (param $limit i32) (result i32 i32)
    (local $number i32)
    (local $count i32)
    (local $largest i32)
    ;; A billion fits the arithmetic of 32 bits: no multiple overflows.
    (if (i32.gt_u (local.get $limit) (i32.const 1_000_000_000)) (then (unreachable)))
    (if (i32.le_u (local.get $limit) (i32.const 2)) (then (return (i32.const 0) (i32.const 0))))
    (call $reserve (local.get $limit))
    ;; The only even prime.
    (local.set $count (i32.const 1))
    (local.set $largest (i32.const 2))
    (local.set $number (i32.const 3))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $number) (local.get $limit)))
        (if (i32.eqz (call $is_composite (local.get $number)))
          (then
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (local.set $largest (local.get $number))
            ;; number * number < limit, without overflow
            (if (i32.lt_u (local.get $number) (i32.const 31623))
              (then
                (if (i32.lt_u (i32.mul (local.get $number) (local.get $number)) (local.get $limit))
                  (then (call $mark_multiples (local.get $number) (local.get $limit))))))))
        (local.set $number (i32.add (local.get $number) (i32.const 2)))
        (br $next)))
    (local.get $count)
    (local.get $largest))
)
