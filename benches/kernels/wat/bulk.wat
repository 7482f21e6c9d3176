;; Bulk memory: fills, copies (forward, backward, overlapping) and initialisation from a passive segment,
;; of sizes from 1 byte to 8 KiB. A compiler emits memory.copy and memory.fill, but never in this density.
(module
  (memory 2)
  (data $seed "the quick brown fox jumps over the lazy dog, and the dog does not mind at all.")
  (func (export "run") (param $n i32) (result i64)
    (local $round i32) (local $size i32) (local $sum i64) (local $at i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 131072))
    (loop $rounds
      ;; 1, 2, 4 ... 8192 bytes in turn, plus a few
      (local.set $size
        (i32.add
          (i32.shl (i32.const 1) (i32.rem_u (local.get $round) (i32.const 14)))
          (i32.and (local.get $round) (i32.const 7))))
      (memory.init $seed (i32.and (local.get $round) (i32.const 0x3ff)) (i32.const 3) (i32.const 64))
      (memory.copy (i32.const 32768) (i32.const 0) (local.get $size))
      (memory.copy (i32.const 32771) (i32.const 32768) (local.get $size))
      (memory.copy (i32.const 65536) (i32.const 65539) (local.get $size))
      (memory.copy (i32.const 65600) (i32.const 32768) (local.get $size))
      (memory.fill (i32.const 98304) (local.get $round) (local.get $size))
      (memory.copy (i32.const 80) (i32.const 98304) (i32.and (local.get $size) (i32.const 0x1f)))
      (local.set $sum
        (i64.add
          (i64.mul (local.get $sum) (i64.const 31))
          (i64.xor
            (i64.load (i32.add (i32.const 65536) (i32.and (local.get $size) (i32.const 0xff8))))
            (i64.load (i32.add (i32.const 98300) (i32.and (local.get $round) (i32.const 7)))))))
      (local.set $round (i32.add (local.get $round) (i32.const 1)))
      (br_if $rounds (i32.lt_u (local.get $round) (local.get $n))))
    (loop $digest
      (local.set $sum
        (i64.add (i64.rotl (local.get $sum) (i64.const 5)) (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1024)))
      (br_if $digest (i32.lt_u (local.get $at) (i32.const 131072))))
    (local.get $sum)))
