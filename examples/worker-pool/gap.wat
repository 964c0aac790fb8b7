;; A guest for the pool: how far primes below `n` are apart on average. Divides by zero where there are none, and takes long where there are many.
(module
  (func (export "gap") (param $n i32) (result i32)
    (local $candidate i32) (local $divisor i32) (local $primes i32)
    (local.set $candidate (i32.const 2))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $candidate) (local.get $n)))
        (local.set $divisor (i32.const 2))
        (block $composite
          (loop $divide
            (if (i32.le_u (i32.mul (local.get $divisor) (local.get $divisor)) (local.get $candidate))
              (then
                (br_if $composite (i32.eqz (i32.rem_u (local.get $candidate) (local.get $divisor))))
                (local.set $divisor (i32.add (local.get $divisor) (i32.const 1)))
                (br $divide))))
          (local.set $primes (i32.add (local.get $primes) (i32.const 1))))
        (local.set $candidate (i32.add (local.get $candidate) (i32.const 1)))
        (br $next)))
    (i32.div_u (local.get $n) (local.get $primes))))
