;; Calls, tail calls, memories, tables and globals across instances.

;; Tail calls between two instances that call each other through imports and a table. Each instance has a memory
;; and a global of its own, so a call that kept the caller's instance would show.
(module $even
  (type $step (func (param i64 i64) (result i64 i32)))
  (table (export "table") 2 funcref)
  (memory 1)
  (data (i32.const 0) "\01")
  (global $calls (export "calls") (mut i64) (i64.const 0))
  (func (export "even") (type $step)
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (if (i64.eqz (local.get 0))
      (then (return (local.get 1) (i32.load8_u (i32.const 0)))))
    (return_call_indirect (type $step)
      (i64.sub (local.get 0) (i64.const 1))
      (i64.add (local.get 1) (i64.const 10))
      (i32.const 1)))
)
(register "even" $even)
(module $odd
  (type $step (func (param i64 i64) (result i64 i32)))
  (import "even" "even" (func $even (type $step)))
  (import "even" "table" (table 2 funcref))
  (memory 1)
  (data (i32.const 0) "\02")
  (global $calls (export "calls") (mut i64) (i64.const 0))
  (elem (i32.const 0) func $even $odd)
  (func $odd (export "odd") (type $step)
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (if (i64.eqz (local.get 0))
      (then (return (local.get 1) (i32.load8_u (i32.const 0)))))
    (return_call $even
      (i64.sub (local.get 0) (i64.const 1))
      (i64.add (local.get 1) (i64.const 100))))
  ;; After a call to the other instance the own memory and global are back.
  (func (export "call_then_load") (param i64) (result i64 i32 i32)
    (call $even (local.get 0) (i64.const 0))
    (i32.load8_u (i32.const 0)))
)
(assert_return (invoke $even "even" (i64.const 0) (i64.const 5)) (i64.const 5) (i32.const 1))
(assert_return (invoke $even "even" (i64.const 1) (i64.const 0)) (i64.const 10) (i32.const 2))
(assert_return (invoke $even "even" (i64.const 2) (i64.const 0)) (i64.const 110) (i32.const 1))
(assert_return (invoke $odd "odd" (i64.const 3) (i64.const 0)) (i64.const 210) (i32.const 1))
;; A chain much longer than any stack.
(assert_return (invoke $even "even" (i64.const 300001) (i64.const 0)) (i64.const 16500010) (i32.const 2))
(assert_return (get $even "calls") (i64.const 150007))
(assert_return (get $odd "calls") (i64.const 150005))
(assert_return (invoke $odd "call_then_load" (i64.const 1)) (i64.const 10) (i32.const 2) (i32.const 2))
(assert_return (invoke $odd "call_then_load" (i64.const 2)) (i64.const 110) (i32.const 1) (i32.const 2))

;; A tail call with more arguments, and one with fewer, than the caller has parameters, locals and operands.
(module
  (func $sum8 (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.add
      (i32.add (i32.add (local.get 0) (local.get 1)) (i32.add (local.get 2) (local.get 3)))
      (i32.add (i32.add (local.get 4) (local.get 5)) (i32.add (local.get 6) (local.get 7)))))
  (func $reverse (param i32 i32 i32) (result i32)
    (i32.add
      (i32.mul (local.get 0) (i32.const 100))
      (i32.add (i32.mul (local.get 1) (i32.const 10)) (local.get 2))))
  (func $one (param i32) (result i32) (local i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32)
    (return_call $sum8
      (local.get 0) (i32.const 2) (local.get 0) (i32.const 4)
      (local.get 0) (i32.const 6) (local.get 0) (i32.const 8)))
  ;; Arguments are the caller's parameters in another order: the moves are parallel.
  (func (export "permute") (param i32 i32 i32) (result i32)
    (return_call $reverse (local.get 2) (local.get 1) (local.get 0)))
  (func (export "rotate") (param i32 i32 i32) (result i32)
    (return_call $reverse (local.get 1) (local.get 2) (local.get 0)))
  (func (export "duplicate") (param i32 i32 i32) (result i32)
    (return_call $reverse (local.get 2) (local.get 0) (local.get 0)))
  (func (export "shrink") (param i32 i32 i32 i32 i32) (result i32)
    (local i64 i64)
    (local.set 5 (i64.const -1))
    (local.set 6 (i64.const -1))
    (i32.const 1) (i32.const 2) (i32.const 3)
    (return_call $one (local.get 4)))
  ;; In a block and below operands.
  (func (export "in_block") (param i32) (result i32)
    (i32.const 77)
    (block (result i32)
      (i32.const 88)
      (if (local.get 0) (then (return_call $one (i32.const 5))))
      (br 0))
    (i32.add))
)
(assert_return (invoke "grow" (i32.const 1)) (i32.const 24))
(assert_return (invoke "permute" (i32.const 1) (i32.const 2) (i32.const 3)) (i32.const 321))
(assert_return (invoke "rotate" (i32.const 1) (i32.const 2) (i32.const 3)) (i32.const 231))
(assert_return (invoke "duplicate" (i32.const 1) (i32.const 2) (i32.const 3)) (i32.const 311))
(assert_return (invoke "shrink" (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 9)) (i32.const 9))
(assert_return (invoke "in_block" (i32.const 1)) (i32.const 5))
(assert_return (invoke "in_block" (i32.const 0)) (i32.const 165))

;; A tail call to a function of the host.
(module
  (import "spectest" "print_i32" (func $print (param i32)))
  (func (export "print") (param i32) (return_call $print (i32.add (local.get 0) (i32.const 1))))
)
(assert_return (invoke "print" (i32.const 1)))

;; An imported memory that a callee grows, in its own instance, in another one and by recursion: the caller must
;; see the new size at once.
(module $owner
  (memory (export "memory") 1 10)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "size") (result i32) (memory.size))
)
(register "owner" $owner)
(module $user
  (import "owner" "memory" (memory $m 1))
  (import "owner" "grow" (func $grow (param i32) (result i32)))
  (table funcref (elem $grow $grow_here))
  (type $grow (func (param i32) (result i32)))
  (func $grow_here (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "direct") (result i32 i32 i32)
    (local $last i32)
    (memory.size)
    (drop (call $grow (i32.const 1)))
    (local.set $last (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))
    (i32.store8 (local.get $last) (i32.const 11))
    (i32.load8_u (local.get $last))
    (memory.size))
  (func (export "indirect") (param i32) (result i32 i32)
    (drop (call_indirect (type $grow) (i32.const 1) (local.get 0)))
    (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 22))
    (i32.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)))
    (memory.size))
  ;; What is stored before and after growing is one memory.
  (func (export "keep") (result i32)
    (i32.store (i32.const 16) (i32.const 33))
    (drop (call $grow (i32.const 1)))
    (i32.load (i32.const 16)))
  ;; In a loop: the loop's body reads the size anew in each round.
  (func (export "until_full") (result i32)
    (local $rounds i32)
    (loop $again
      (if (i32.ne (call $grow (i32.const 1)) (i32.const -1))
        (then
          (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
          (i32.store8
            (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1))
            (local.get $rounds))
          (br $again))))
    (local.get $rounds))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
)
(assert_trap (invoke $user "load" (i32.const 65536)) "out of bounds memory access")
(assert_return (invoke $user "direct") (i32.const 1) (i32.const 11) (i32.const 2))
(assert_return (invoke $user "load" (i32.const 131071)) (i32.const 11))
(assert_return (invoke $owner "load" (i32.const 131071)) (i32.const 11))
(assert_return (invoke $user "indirect" (i32.const 0)) (i32.const 22) (i32.const 3))
(assert_return (invoke $user "indirect" (i32.const 1)) (i32.const 22) (i32.const 4))
(assert_return (invoke $user "keep") (i32.const 33))
(assert_return (invoke $user "until_full") (i32.const 5))
(assert_return (invoke $owner "size") (i32.const 10))
(assert_return (invoke $owner "load" (i32.const 655359)) (i32.const 5))
(assert_trap (invoke $user "load" (i32.const 655360)) "out of bounds memory access")

;; A memory that grows within its own instance, in the middle of an expression.
(module
  (memory 0 3)
  (func $grow (result i32) (memory.grow (i32.const 1)))
  (func (export "expression") (result i32)
    (i32.add
      (call $grow)
      (i32.add
        (i32.load offset=65532 (call $grow))
        (i32.load8_u offset=131070 (i32.sub (call $grow) (i32.const 1))))))
)
;; Sizes before: 0, 1, 2; loads from 1 + 65532 (reaches into the second page) and 1 + 131070 (the second page's last byte).
(assert_return (invoke "expression") (i32.const 0))

;; Imported globals: mutable ones are shared, the older value stays an operand.
(module $counter
  (global (export "count") (mut i32) (i32.const 0))
)
(register "counter" $counter)
(module $first
  (import "counter" "count" (global $count (mut i32)))
  (func (export "next") (result i32)
    (global.get $count)
    (global.set $count (i32.add (global.get $count) (i32.const 1))))
)
(register "first" $first)
(module $second
  (import "counter" "count" (global $count (mut i32)))
  (import "first" "next" (func $next (result i32)))
  (func (export "around") (result i32 i32 i32)
    (global.get $count)
    (call $next)
    (global.get $count))
)
(assert_return (invoke $first "next") (i32.const 0))
(assert_return (invoke $second "around") (i32.const 1) (i32.const 1) (i32.const 2))
(assert_return (get $counter "count") (i32.const 2))

;; A start function that fails leaves what it did before: writes to an imported memory, global and table.
(module $state
  (memory (export "memory") 1)
  (global (export "global") (mut i32) (i32.const 0))
  (table (export "table") 2 funcref)
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
)
(register "state" $state)
(assert_trap
  (module
    (import "state" "memory" (memory 1))
    (import "state" "global" (global $g (mut i32)))
    (import "state" "table" (table 2 funcref))
    (elem (i32.const 1) func $answer)
    (data (i32.const 3) "\09")
    (func $answer (result i32) (i32.const 42))
    (func $start
      (i32.store8 (i32.const 4) (i32.const 10))
      (global.set $g (i32.const 11))
      (unreachable))
    (start $start))
  "unreachable")
(assert_return (invoke $state "load" (i32.const 3)) (i32.const 9))
(assert_return (invoke $state "load" (i32.const 4)) (i32.const 10))
(assert_return (get $state "global") (i32.const 11))
;; The instance was never handed out, yet its function lives on in the table.
(assert_return (invoke $state "call" (i32.const 1)) (i32.const 42))
(assert_trap (invoke $state "call" (i32.const 0)) "uninitialized element")

;; Two instances of one definition share nothing.
(module definition $cell
  (global $g (mut i32) (i32.const 5))
  (memory 1)
  (func (export "bump") (result i32)
    (global.set $g (i32.add (global.get $g) (i32.const 1)))
    (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 10)))
    (i32.add (global.get $g) (i32.load (i32.const 0))))
)
(module instance $a $cell)
(module instance $b $cell)
(assert_return (invoke $a "bump") (i32.const 16))
(assert_return (invoke $a "bump") (i32.const 27))
(assert_return (invoke $b "bump") (i32.const 16))
(assert_return (invoke $a "bump") (i32.const 38))
