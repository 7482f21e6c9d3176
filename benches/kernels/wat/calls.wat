;; Crossings between host and WebAssembly, for the set `calls`: no kernel, each function does nothing but cross.
;; Those with a loop count up to their parameter.
(module
  (import "host" "nothing" (func $nothing))
  (import "host" "next" (func $next (param i32) (result i32)))
  (import "host" "fuel" (func $fuel (param i32) (result i32)))
  (import "host" "error" (func $error (param i32) (result i32)))
  (import "host" "suspend" (func $suspend (param i32) (result i32)))

  (func (export "next") (param $i i32) (result i32)
    (i32.add (local.get $i) (i32.const 1)))

  (func (export "loop") (param $n i32) (result i32) (local $i i32)
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))

  (func (export "host_nothing") (param $n i32) (result i32) (local $i i32)
    (loop $again
      (call $nothing)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))

  (func (export "host_next") (param $n i32) (result i32) (local $i i32)
    (loop $again
      (local.set $i (call $next (local.get $i)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))

  (func (export "host_fuel") (param $n i32) (result i32) (local $i i32)
    (loop $again
      (local.set $i (call $fuel (local.get $i)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))

  (func (export "host_error") (param $n i32) (result i32) (local $i i32)
    (loop $again
      (local.set $i (call $error (local.get $i)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i))

  (func (export "host_suspend") (param $n i32) (result i32) (local $i i32)
    (loop $again
      (local.set $i (call $suspend (local.get $i)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $i)))
