;; Multiplies two n×n matrices of f64, row by column, and returns the sum of the product's elements. They are small
;; integers, so that it is exact. An element of the first is (row + 2 column) mod 7, of the second (3 row + column) mod 5.
(module
  (memory 32)
  (func $fill (param $at i32) (param $n i32) (param $byRow i32) (param $byColumn i32) (param $modulus i32)
    (local $row i32) (local $column i32)
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (f64.store (local.get $at)
          (f64.convert_i32_u
            (i32.rem_u
              (i32.add
                (i32.mul (local.get $row) (local.get $byRow))
                (i32.mul (local.get $column) (local.get $byColumn)))
              (local.get $modulus))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $column (i32.add (local.get $column) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $column) (local.get $n))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $row) (local.get $n)))))

  (func (export "run") (param $n i32) (result i64)
    (local $stride i32) (local $first i32) (local $second i32) (local $product i32)
    (local $row i32) (local $column i32) (local $left i32) (local $above i32) (local $k i32)
    (local $dot f64) (local $sum f64)
    (local.set $stride (i32.mul (local.get $n) (i32.const 8)))
    (local.set $second (i32.mul (local.get $n) (local.get $stride)))
    (local.set $product (i32.mul (local.get $second) (i32.const 2)))
    (call $fill (local.get $first) (local.get $n) (i32.const 1) (i32.const 2) (i32.const 7))
    (call $fill (local.get $second) (local.get $n) (i32.const 3) (i32.const 1) (i32.const 5))
    (loop $rows
      (local.set $column (i32.const 0))
      (loop $columns
        (local.set $left (i32.add (local.get $first) (i32.mul (local.get $row) (local.get $stride))))
        (local.set $above (i32.add (local.get $second) (i32.mul (local.get $column) (i32.const 8))))
        (local.set $k (local.get $n))
        (local.set $dot (f64.const 0))
        (loop $elements
          (local.set $dot
            (f64.add (local.get $dot) (f64.mul (f64.load (local.get $left)) (f64.load (local.get $above)))))
          (local.set $left (i32.add (local.get $left) (i32.const 8)))
          (local.set $above (i32.add (local.get $above) (local.get $stride)))
          (local.set $k (i32.sub (local.get $k) (i32.const 1)))
          (br_if $elements (local.get $k)))
        (f64.store (local.get $product) (local.get $dot))
        (local.set $product (i32.add (local.get $product) (i32.const 8)))
        (local.set $sum (f64.add (local.get $sum) (local.get $dot)))
        (local.set $column (i32.add (local.get $column) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $column) (local.get $n))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $row) (local.get $n))))
    (i64.trunc_f64_s (local.get $sum))))
