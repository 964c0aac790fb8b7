;; A guest of the server: escapes text for HTML. `alloc` says where the request's body goes, `handle` where the answer is.
(module
  (memory (export "memory") 1)
  (data (i32.const 0) "&amp;&lt;&gt;&quot;&#39;")

  ;; Room behind the entities for the text and for the answer, which is six times as long at most. The host takes no text that is too long.
  (func (export "alloc") (param $length i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.sub
      (i32.add (i32.div_u (i32.add (i32.mul (local.get $length) (i32.const 7)) (i32.const 64)) (i32.const 65536)) (i32.const 1))
      (memory.size)))
    (if (i32.gt_s (local.get $pages) (i32.const 0))
      (then (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1)) (then unreachable))))
    (i32.const 64))

  (func (export "handle") (param $from i32) (param $length i32) (result i32 i32)
    (local $end i32) (local $to i32) (local $byte i32)
    (local.set $end (i32.add (local.get $from) (local.get $length)))
    (local.set $to (local.get $end))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (local.set $byte (i32.load8_u (local.get $from)))
        (local.set $to (call $put (local.get $to) (local.get $byte)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (br $next)))
    (local.get $end)
    (i32.sub (local.get $to) (local.get $end)))

  ;; Writes a byte, or its entity, and says where the next one goes.
  (func $put (param $to i32) (param $byte i32) (result i32)
    (if (i32.eq (local.get $byte) (i32.const 0x26)) (then (return (call $entity (local.get $to) (i32.const 0) (i32.const 5)))))
    (if (i32.eq (local.get $byte) (i32.const 0x3c)) (then (return (call $entity (local.get $to) (i32.const 5) (i32.const 4)))))
    (if (i32.eq (local.get $byte) (i32.const 0x3e)) (then (return (call $entity (local.get $to) (i32.const 9) (i32.const 4)))))
    (if (i32.eq (local.get $byte) (i32.const 0x22)) (then (return (call $entity (local.get $to) (i32.const 13) (i32.const 6)))))
    (if (i32.eq (local.get $byte) (i32.const 0x27)) (then (return (call $entity (local.get $to) (i32.const 19) (i32.const 5)))))
    (i32.store8 (local.get $to) (local.get $byte))
    (i32.add (local.get $to) (i32.const 1)))
  (func $entity (param $to i32) (param $from i32) (param $length i32) (result i32)
    (memory.copy (local.get $to) (local.get $from) (local.get $length))
    (i32.add (local.get $to) (local.get $length))))
