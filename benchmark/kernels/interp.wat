;; An interpreter of bytecode for a machine with a stack and two variables. Its program repeats n times, with n counted down
;; in variable 0: x = (x * 31 + n) ^ (x >> 7), unsigned, in variable 1. Returns x.
(module
  ;; From 0: variables. From 256: the stack. From 1024: the program.
  (memory 1)
  (data (i32.const 1024)
    "\02\01" "\01\1f" "\06" "\02\00" "\04"        ;; get x, constant 31, multiply, get n, add
    "\02\01" "\01\07" "\08" "\07" "\03\01"        ;; get x, constant 7, shift, exclusive or, set x
    "\02\00" "\01\01" "\05" "\03\00"              ;; get n, constant 1, subtract, set n
    "\02\00" "\09\00"                             ;; get n, if it is not zero jump to 0
    "\00")                                        ;; end

  (func (export "run") (param $n i32) (result i32)
    (local $pc i32) (local $sp i32)
    (i32.store (i32.const 0) (local.get $n))
    (i32.store (i32.const 4) (i32.const 1))
    (local.set $pc (i32.const 1024))
    (local.set $sp (i32.const 256))
    (loop $next
      (block $jump (block $shift (block $xor (block $multiply (block $subtract (block $add
      (block $set (block $get (block $constant (block $end
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br_table $end $constant $get $set $add $subtract $multiply $xor $shift $jump
          (i32.load8_u (i32.sub (local.get $pc) (i32.const 1)))))
      (; end ;)
        (return (i32.load (i32.const 4))))
      (; constant ;)
        (i32.store (local.get $sp) (i32.load8_u (local.get $pc)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (local.set $sp (i32.add (local.get $sp) (i32.const 4)))
        (br $next))
      (; get ;)
        (i32.store (local.get $sp) (i32.load (i32.shl (i32.load8_u (local.get $pc)) (i32.const 2))))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (local.set $sp (i32.add (local.get $sp) (i32.const 4)))
        (br $next))
      (; set ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (i32.store (i32.shl (i32.load8_u (local.get $pc)) (i32.const 2)) (i32.load (local.get $sp)))
        (local.set $pc (i32.add (local.get $pc) (i32.const 1)))
        (br $next))
      (; add ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (i32.store (i32.sub (local.get $sp) (i32.const 4))
          (i32.add (i32.load (i32.sub (local.get $sp) (i32.const 4))) (i32.load (local.get $sp))))
        (br $next))
      (; subtract ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (i32.store (i32.sub (local.get $sp) (i32.const 4))
          (i32.sub (i32.load (i32.sub (local.get $sp) (i32.const 4))) (i32.load (local.get $sp))))
        (br $next))
      (; multiply ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (i32.store (i32.sub (local.get $sp) (i32.const 4))
          (i32.mul (i32.load (i32.sub (local.get $sp) (i32.const 4))) (i32.load (local.get $sp))))
        (br $next))
      (; exclusive or ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (i32.store (i32.sub (local.get $sp) (i32.const 4))
          (i32.xor (i32.load (i32.sub (local.get $sp) (i32.const 4))) (i32.load (local.get $sp))))
        (br $next))
      (; shift ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (i32.store (i32.sub (local.get $sp) (i32.const 4))
          (i32.shr_u (i32.load (i32.sub (local.get $sp) (i32.const 4))) (i32.load (local.get $sp))))
        (br $next))
      (; jump, from the start of the program, if what is popped is not zero ;)
        (local.set $sp (i32.sub (local.get $sp) (i32.const 4)))
        (local.set $pc
          (select
            (i32.add (i32.load8_u (local.get $pc)) (i32.const 1024))
            (i32.add (local.get $pc) (i32.const 1))
            (i32.load (local.get $sp))))
        (br $next))
    (unreachable)))
