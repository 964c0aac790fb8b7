;; Numbers in and out: every type, and what the CPU must round itself.
(module
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "scale") (param f32 f32) (result f32) (f32.mul (local.get 0) (local.get 1)))
  (func (export "hypotenuse") (param f64 f64) (result f64)
    (f64.sqrt (f64.add (f64.mul (local.get 0) (local.get 0)) (f64.mul (local.get 1) (local.get 1)))))
  (func (export "both") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0))
  (func (export "lanes") (param v128 v128) (result v128) (i32x4.add (local.get 0) (local.get 1)))
  (func (export "reference") (param funcref) (result funcref) (local.get 0))
  (global $made (mut i32) (i32.const 0))
  (func (export "make") (result i32 funcref) (global.set $made (i32.const 1)) (global.get $made) (ref.null func))
  (func (export "is_made") (result i32) (global.get $made)))
