;; WebAssembly 1.0 only: what every set of features accepts.
(module
  (type $binary (func (param i32 i32) (result i32)))
  (import "env" "add" (func $add (type $binary)))
  (import "env" "offset" (global $offset i32))
  (memory 1 4)
  (table 3 funcref)
  (global $g (mut i32) (i32.const 65536))
  (export "fib" (func $fib))
  (export "sum" (func $sum))
  (elem (i32.const 0) $add $fib2 $sum2)
  (data (i32.const 1024) "\00\01\02\03")
  (data (global.get $offset) "x")
  (func $fib (param i32) (result i32)
    (if (result i32) (i32.lt_s (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else
        (i32.add
          (call $fib (i32.sub (local.get 0) (i32.const 1)))
          (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
  (func $fib2 (type $binary) (call $fib (local.get 1)))
  (func $sum2 (type $binary)
    (call_indirect (type $binary) (local.get 0) (i32.const 9) (i32.const 0)))
  (func $sum (param $at i32) (param $end i32) (result i64) (local $sum i64)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $sum (i64.add (local.get $sum) (i64.load8_u offset=128 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (global.set $g (i32.wrap_i64 (local.get $sum)))
    (drop (memory.grow (memory.size)))
    (local.get $sum)))
