;; Rounds floats: instructions of the CPU if it was compiled for one that has them, calls otherwise.
(module
  (func (export "floor") (param f64) (result f64) (f64.floor (local.get 0)))
  (func (export "nearest") (param f32) (result f32) (f32.nearest (local.get 0))))
