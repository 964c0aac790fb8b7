;; What somebody has written whom you need not trust: scores a number.
(module
  (func (export "score") (param $n i32) (result i32)
    (local $steps i32)
    (loop $next
      (if (i32.gt_u (local.get $n) (i32.const 1))
        (then
          (local.set $n
            (if (result i32) (i32.and (local.get $n) (i32.const 1))
              (then (i32.add (i32.mul (local.get $n) (i32.const 3)) (i32.const 1)))
              (else (i32.shr_u (local.get $n) (i32.const 1)))))
          (local.set $steps (i32.add (local.get $steps) (i32.const 1)))
          (br $next))))
    (local.get $steps)))
