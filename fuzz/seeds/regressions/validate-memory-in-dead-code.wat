;; validator: memory operators in dead code are accepted although there is no memory.
;; expected (wasmparser): invalid, "unknown memory 0"; actual: valid. (Live code is refused as it should be.)
;; Hint: only the clientless walk, i.e. the fast path walk/run.rs, where `address` is NONE without a memory.
(module (func unreachable i64.load16_u offset=1704 align=1 drop))
