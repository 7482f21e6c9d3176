;; memory.size and memory.grow of memories with 64-bit addresses, and the limits of their types.

(module
  (memory i64 1 3)
  (func (export "size") (result i64) (memory.size))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "grow_0") (result i64) (memory.grow (i64.const 0)))
  (func (export "load") (param i64) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i64 i32) (i32.store8 (local.get 0) (local.get 1)))
)
(assert_return (invoke "size") (i64.const 1))
(assert_return (invoke "grow_0") (i64.const 1))
(assert_trap (invoke "load" (i64.const 65536)) "out of bounds memory access")
(assert_return (invoke "grow" (i64.const 1)) (i64.const 1))
(assert_return (invoke "size") (i64.const 2))
(assert_return (invoke "load" (i64.const 65536)) (i32.const 0))
(invoke "store" (i64.const 131071) (i32.const 7))
(assert_return (invoke "load" (i64.const 131071)) (i32.const 7))
(assert_trap (invoke "load" (i64.const 131072)) "out of bounds memory access")
;; Failing to grow changes nothing; all 64 bits of the operand count.
(assert_return (invoke "grow" (i64.const 2)) (i64.const -1))
(assert_return (invoke "grow" (i64.const 0x1_0000_0000)) (i64.const -1))
(assert_return (invoke "grow" (i64.const 0x1_0000_0001)) (i64.const -1))
(assert_return (invoke "grow" (i64.const 0x8000_0000_0000_0000)) (i64.const -1))
(assert_return (invoke "grow" (i64.const -1)) (i64.const -1))
(assert_return (invoke "grow" (i64.const -2)) (i64.const -1))
(assert_return (invoke "size") (i64.const 2))
(assert_return (invoke "load" (i64.const 131071)) (i32.const 7))
(assert_return (invoke "grow" (i64.const 1)) (i64.const 2))
(assert_return (invoke "grow" (i64.const 1)) (i64.const -1))
(assert_return (invoke "grow" (i64.const 0)) (i64.const 3))
(assert_return (invoke "size") (i64.const 3))

;; Without a maximum the address space is the limit: 2^48 pages.
(module
  (memory i64 0)
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "size") (result i64) (memory.size))
)
(assert_return (invoke "grow" (i64.const 0x1_0000_0000_0001)) (i64.const -1))
(assert_return (invoke "grow" (i64.const 0xffff_ffff_ffff)) (i64.const -1))
(assert_return (invoke "size") (i64.const 0))
(assert_return (invoke "grow" (i64.const 2)) (i64.const 0))
(assert_return (invoke "size") (i64.const 2))

;; Limits of the type.
(module definition (memory i64 0 0x1_0000_0000_0000))
(module definition (memory i64 0 65537))
(assert_invalid (module (memory i64 0x1_0000_0000_0001)) "memory size must be at most")
(assert_invalid (module (memory i64 0 0x1_0000_0000_0001)) "memory size must be at most")
(assert_invalid (module (memory i64 2 1)) "size minimum must not be greater than maximum")
(assert_invalid (module (memory 65537)) "memory size must be at most 65536 pages (4GiB)")

;; The operand and the results are i64.
(assert_invalid
  (module (memory i64 1) (func (result i32) (memory.size)))
  "type mismatch")
(assert_invalid
  (module (memory i64 1) (func (result i64) (memory.grow (i32.const 0))))
  "type mismatch")
(assert_invalid
  (module (memory i64 1) (func (result i32) (memory.grow (i64.const 0))))
  "type mismatch")
(assert_invalid
  (module (memory 1) (func (result i64) (memory.size)))
  "type mismatch")
(assert_invalid
  (module (memory 1) (func (result i32) (memory.grow (i64.const 0))))
  "type mismatch")

;; Offsets of active segments are i64 too.
(module
  (memory i64 1)
  (data (i64.const 65535) "\2a")
  (func (export "last") (result i32) (i32.load8_u (i64.const 65535)))
)
(assert_return (invoke "last") (i32.const 42))
(assert_trap (module (memory i64 1) (data (i64.const 65536) "a")) "out of bounds memory access")
(assert_trap (module (memory i64 1) (data (i64.const 0x1_0000_0000) "a")) "out of bounds memory access")
(assert_trap (module (memory i64 1) (data (i64.const -1) "a")) "out of bounds memory access")
(assert_trap (module (memory i64 1) (data (i64.const -1) "")) "out of bounds memory access")
(assert_trap (module (memory i64 1) (data (i64.const 65537) "")) "out of bounds memory access")
(module (memory i64 1) (data (i64.const 65536) ""))
(assert_invalid (module (memory i64 1) (data (i32.const 0) "a")) "type mismatch")
(assert_invalid (module (memory 1) (data (i64.const 0) "a")) "type mismatch")

;; A memory with 64-bit addresses is not one with 32-bit addresses.
(module $exporter
  (memory (export "memory64") i64 1 2)
  (memory (export "memory32") 1 2)
)
(register "exporter" $exporter)
(module (import "exporter" "memory64" (memory i64 1 2)))
(module (import "exporter" "memory64" (memory i64 1)))
(module (import "exporter" "memory32" (memory i32 1)))
(assert_unlinkable
  (module (import "exporter" "memory64" (memory 1 2)))
  "incompatible import type")
(assert_unlinkable
  (module (import "exporter" "memory32" (memory i64 1 2)))
  "incompatible import type")
(assert_unlinkable
  (module (import "exporter" "memory64" (memory i64 2)))
  "incompatible import type")
(assert_unlinkable
  (module (import "exporter" "memory64" (memory i64 1 1)))
  "incompatible import type")
