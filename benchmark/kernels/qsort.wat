;; Fills an array with n pseudo-random numbers, sorts it by recursive quicksort (Hoare's partition) and returns a hash of it
;; in order.
(module
  (memory 32)
  ;; The addresses of the first and the last number.
  (func $sort (param $first i32) (param $last i32)
    (local $up i32) (local $down i32) (local $pivot i32) (local $x i32)
    (if (i32.ge_u (local.get $first) (local.get $last)) (then (return)))
    ;; The number in the middle.
    (local.set $pivot
      (i32.load
        (i32.add
          (local.get $first)
          (i32.shl (i32.shr_u (i32.sub (local.get $last) (local.get $first)) (i32.const 3)) (i32.const 2)))))
    (local.set $up (i32.sub (local.get $first) (i32.const 4)))
    (local.set $down (i32.add (local.get $last) (i32.const 4)))
    (block $parted
      (loop $part
        (loop $less
          (local.set $up (i32.add (local.get $up) (i32.const 4)))
          (br_if $less (i32.lt_u (i32.load (local.get $up)) (local.get $pivot))))
        (loop $greater
          (local.set $down (i32.sub (local.get $down) (i32.const 4)))
          (br_if $greater (i32.gt_u (i32.load (local.get $down)) (local.get $pivot))))
        (br_if $parted (i32.ge_u (local.get $up) (local.get $down)))
        (local.set $x (i32.load (local.get $up)))
        (i32.store (local.get $up) (i32.load (local.get $down)))
        (i32.store (local.get $down) (local.get $x))
        (br $part)))
    (call $sort (local.get $first) (local.get $down))
    (call $sort (i32.add (local.get $down) (i32.const 4)) (local.get $last)))

  (func (export "run") (param $n i32) (result i32)
    (local $at i32) (local $end i32) (local $x i32) (local $hash i32)
    (local.set $end (i32.mul (local.get $n) (i32.const 4)))
    (local.set $x (i32.const 1))
    (loop $fill
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (i32.store (local.get $at) (local.get $x))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $fill (i32.lt_u (local.get $at) (local.get $end))))
    (call $sort (i32.const 0) (i32.sub (local.get $end) (i32.const 4)))
    (local.set $at (i32.const 0))
    (loop $sum
      (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31)) (i32.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $sum (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $hash)))
