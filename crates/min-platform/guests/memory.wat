;; One page, at most three; a table; contents from the beginning.
(module
  (memory (export "memory") 1 3)
  (data (i32.const 16) "cwasm")
  (table (export "table") 2 4 funcref)
  (global (export "answer") (mut i64) (i64.const 42))
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "load64") (param i32) (result i64) (i64.load offset=8 (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "pages") (result i32) (memory.size)))
