;; Draws the Mandelbrot set between -1.5-1i and 0.5+1i with n×n points, and returns how many steps all points took together
;; until they were further than 2 from 0, of 50 at most.
(module
  (func (export "run") (param $n i32) (result i32)
    (local $row i32) (local $column i32) (local $step i32) (local $steps i32)
    (local $cx f64) (local $cy f64) (local $x f64) (local $y f64) (local $xx f64) (local $yy f64) (local $unit f64)
    (local.set $unit (f64.div (f64.const 2) (f64.convert_i32_u (local.get $n))))
    (loop $rows
      (local.set $cy (f64.sub (f64.mul (f64.convert_i32_u (local.get $row)) (local.get $unit)) (f64.const 1)))
      (local.set $column (i32.const 0))
      (loop $columns
        (local.set $cx (f64.sub (f64.mul (f64.convert_i32_u (local.get $column)) (local.get $unit)) (f64.const 1.5)))
        (local.set $x (f64.const 0))
        (local.set $y (f64.const 0))
        (local.set $xx (f64.const 0))
        (local.set $yy (f64.const 0))
        (local.set $step (i32.const 0))
        (block $far
          (loop $steps
            (br_if $far (f64.gt (f64.add (local.get $xx) (local.get $yy)) (f64.const 4)))
            (local.set $y
              (f64.add (f64.mul (f64.mul (f64.const 2) (local.get $x)) (local.get $y)) (local.get $cy)))
            (local.set $x (f64.add (f64.sub (local.get $xx) (local.get $yy)) (local.get $cx)))
            (local.set $xx (f64.mul (local.get $x) (local.get $x)))
            (local.set $yy (f64.mul (local.get $y) (local.get $y)))
            (local.set $step (i32.add (local.get $step) (i32.const 1)))
            (br_if $steps (i32.lt_u (local.get $step) (i32.const 50)))))
        (local.set $steps (i32.add (local.get $steps) (local.get $step)))
        (local.set $column (i32.add (local.get $column) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $column) (local.get $n))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $row) (local.get $n))))
    (local.get $steps)))
