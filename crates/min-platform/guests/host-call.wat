;; Calls the host, which may read the guest's memory and call it again.
(module
  (import "host" "multiply" (func $multiply (param i32 i32) (result i32)))
  (import "host" "print" (func $print (param i32 i32)))
  (import "host" "again" (func $again (param i32) (result i32)))
  (import "host" "mix" (func $mix (param i64 f32 f64) (result f64 i64)))
  (memory (export "memory") 1)
  (data (i32.const 8) "hello from the guest")
  (func (export "multiply_add") (param i32 i32 i32) (result i32)
    (i32.add (call $multiply (local.get 0) (local.get 1)) (local.get 2)))
  (func (export "hello") (call $print (i32.const 8) (i32.const 20)))
  ;; 1 + again(n), where the host calls depth(n - 1) until n is 0.
  (func (export "depth") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call $again (i32.sub (local.get 0) (i32.const 1)))))
      (else (i32.const 0))))
  (func (export "mix") (param i64 f32 f64) (result f64 i64)
    (call $mix (local.get 0) (local.get 1) (local.get 2))))
