;; Encodes 12 KiB in base64, n times, each time from n bytes (modulo 256) further on, n counted down; returns a hash of the
;; last text. The byte at an address is 13 times the address, from 1024 on.
(module
  (memory 1)
  (data (i32.const 0) "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  (func $encode (param $to i32) (param $from i32) (param $length i32)
    (local $bits i32)
    (loop $three
      (local.set $bits
        (i32.or
          (i32.or
            (i32.shl (i32.load8_u offset=0 (local.get $from)) (i32.const 16))
            (i32.shl (i32.load8_u offset=1 (local.get $from)) (i32.const 8)))
          (i32.load8_u offset=2 (local.get $from))))
      (i32.store8 offset=0 (local.get $to) (i32.load8_u (i32.shr_u (local.get $bits) (i32.const 18))))
      (i32.store8 offset=1 (local.get $to)
        (i32.load8_u (i32.and (i32.shr_u (local.get $bits) (i32.const 12)) (i32.const 63))))
      (i32.store8 offset=2 (local.get $to)
        (i32.load8_u (i32.and (i32.shr_u (local.get $bits) (i32.const 6)) (i32.const 63))))
      (i32.store8 offset=3 (local.get $to) (i32.load8_u (i32.and (local.get $bits) (i32.const 63))))
      (local.set $from (i32.add (local.get $from) (i32.const 3)))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (local.set $length (i32.sub (local.get $length) (i32.const 3)))
      (br_if $three (local.get $length))))

  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $hash i32)
    (local.set $at (i32.const 1024))
    (loop $fill
      (i32.store8 (local.get $at) (i32.mul (local.get $at) (i32.const 13)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $fill (i32.lt_u (local.get $at) (i32.const 32768))))
    (loop $again
      (call $encode
        (i32.const 32768)
        (i32.add (i32.const 1024) (i32.and (local.get $n) (i32.const 255)))
        (i32.const 12288))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (loop $sum
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (i32.load8_u (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $sum (i32.lt_u (local.get $at) (i32.const 49152))))
    (local.get $hash)))
