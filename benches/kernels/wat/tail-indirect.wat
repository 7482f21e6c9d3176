;; Tail calls through a table: a machine whose states are functions, each picking the next by
;; `return_call_indirect`, as an interpreter written this way does. Needs constant stack.
(module
  (type $state (func (param i32 i64) (result i64)))
  (table funcref (elem $done $add $multiply $rotate $mix))
  ;; State 0 when nothing is left, else 1 to 4 by two bits of the sum.
  (func $next (type $state) (param $left i32) (param $sum i64) (result i64)
    (return_call_indirect (type $state)
      (i32.sub (local.get $left) (i32.const 1))
      (local.get $sum)
      (select
        (i32.add (i32.and (i32.wrap_i64 (i64.shr_u (local.get $sum) (i64.const 9))) (i32.const 3)) (i32.const 1))
        (i32.const 0)
        (local.get $left))))
  (func $done (type $state) (local.get 1))
  (func $add (type $state)
    (return_call $next (local.get 0) (i64.add (local.get 1) (i64.const 0x1234567))))
  (func $multiply (type $state)
    (return_call $next (local.get 0) (i64.add (i64.mul (local.get 1) (i64.const 31)) (i64.const 7))))
  (func $rotate (type $state)
    (return_call $next (local.get 0) (i64.rotl (local.get 1) (i64.const 17))))
  (func $mix (type $state)
    (return_call $next (local.get 0) (i64.xor (local.get 1) (i64.extend_i32_u (local.get 0)))))
  (func (export "run") (param $n i32) (result i64)
    (call $next (local.get $n) (i64.const 1))))
