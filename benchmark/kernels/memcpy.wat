;; Copies 16 KiB byte by byte, n times, each time from n bytes (modulo 256) further on, n counted down; returns a hash of
;; the last copy. The byte at an address is 13 times the address to begin with.
(module
  (memory 1)
  (func $copy (param $to i32) (param $from i32) (param $length i32)
    (loop $bytes
      (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br_if $bytes (local.get $length))))

  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $hash i32)
    (loop $fill
      (i32.store8 (local.get $at) (i32.mul (local.get $at) (i32.const 13)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $fill (i32.lt_u (local.get $at) (i32.const 32768))))
    (loop $again
      (call $copy (i32.const 32768) (i32.and (local.get $n) (i32.const 255)) (i32.const 16384))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (loop $sum
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (i32.load8_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $sum (i32.lt_u (local.get $at) (i32.const 49152))))
    (local.get $hash)))
