;; Calls four small functions in turn through a table, n times in all, each with what the one before returned.
(module
  (type $unary (func (param i32) (result i32)))
  (table 4 funcref)
  (elem (i32.const 0) $add $times $xor $rotate)
  (func $add (type $unary) (i32.add (local.get 0) (i32.const 12345)))
  (func $times (type $unary) (i32.mul (local.get 0) (i32.const 31)))
  (func $xor (type $unary) (i32.xor (local.get 0) (i32.const 0x5bd1e995)))
  (func $rotate (type $unary) (i32.rotl (local.get 0) (i32.const 5)))
  (func (export "run") (param $n i32) (result i32)
    (local $x i32)
    (loop $again
      (local.set $x (call_indirect (type $unary) (local.get $x) (i32.and (local.get $n) (i32.const 3))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (local.get $x)))
