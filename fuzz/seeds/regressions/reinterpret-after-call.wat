;; globals: a result of a call that nobody wants was taken for the value of a local, of other bits than its type has
(module
  (import "host" "h0" (func (param i64 i32 f32 externref) (result f64)))
  (global (mut f32) f32.const 525)
  (export "" (func 1))
  (export "1" (global 0))
  (func (param i64 i32 f32 externref) (result f64)
    (local i64 i64 i32 i64 externref i64)
    i32.const 0
    i64.const 0
    local.get 6
    local.get 2
    ref.null extern
    call 0
    drop
    local.get 6
    i32.shr_u
    f32.reinterpret_i32
    local.tee 2
    f32.const nan
    local.get 2
    local.get 2
    f32.eq
    select
    global.set 0
    f64.const 1
    f64.const 2
    f64.min))
