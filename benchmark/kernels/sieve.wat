;; Counts the primes below 65536, n times, with the sieve of Eratosthenes: a byte for each number, 1 if it is crossed out.
(module
  (memory 1)
  (func (export "run") (param $n i32) (result i32)
    (local $i i32) (local $multiple i32) (local $count i32)
    (loop $again
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
      (local.set $i (i32.const 2))
      (loop $number
        (if (i32.eqz (i32.load8_u (local.get $i)))
          (then
            (local.set $count (i32.add (local.get $count) (i32.const 1)))
            (local.set $multiple (i32.mul (local.get $i) (local.get $i)))
            (block $all
              (loop $cross
                (br_if $all (i32.ge_u (local.get $multiple) (i32.const 65536)))
                (i32.store8 (local.get $multiple) (i32.const 1))
                (local.set $multiple (i32.add (local.get $multiple) (local.get $i)))
                (br $cross)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $number (i32.lt_u (local.get $i) (i32.const 65536))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (local.get $count)))
