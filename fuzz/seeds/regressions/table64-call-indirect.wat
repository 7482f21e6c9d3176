;; executor/translator: call_indirect (and return_call_indirect?) through a 64-bit table truncates the index to 32 bits.
;; expected: trap "undefined element" (index 0x3ff0_0000_0000_0000 is beyond the table); actual: index 0 is called (here: uninitialized element trap; with an element there it is CALLED).
(module
  (type $t (func (result i32)))
  (table i64 6 20 funcref)
  (elem (i64.const 0) $g)
  (func $g (type $t) i32.const 7)
  (func (export "f") (result i32)
    i64.const 0x3ff0000000000000
    call_indirect (type $t)))
