;; A memory that the platform can't give: 64 MiB at once, and any number of pages more.
(module
  (memory (export "memory") 1024)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))
