;; The Sun and the four outer planets over n steps of 0.01 years, as in the Computer Language Benchmarks Game; returns their
;; energy at the end in billionths. A body is seven f64: where it is (x, y, z), how fast it goes (x, y, z) and its mass.
(module
  (memory 1)
  ;; Speeds are given per day and masses in Suns, as tables have them, and kept per year and with a Sun of mass 4π².
  (func $body (param $at i32) (param $x f64) (param $y f64) (param $z f64)
    (param $vx f64) (param $vy f64) (param $vz f64) (param $mass f64)
    (f64.store offset=0 (local.get $at) (local.get $x))
    (f64.store offset=8 (local.get $at) (local.get $y))
    (f64.store offset=16 (local.get $at) (local.get $z))
    (f64.store offset=24 (local.get $at) (f64.mul (local.get $vx) (f64.const 365.24)))
    (f64.store offset=32 (local.get $at) (f64.mul (local.get $vy) (f64.const 365.24)))
    (f64.store offset=40 (local.get $at) (f64.mul (local.get $vz) (f64.const 365.24)))
    (f64.store offset=48 (local.get $at) (f64.mul (local.get $mass) (f64.const 39.47841760435743))))

  (func $begin
    (call $body (i32.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0) (f64.const 0)
      (f64.const 1))
    (call $body (i32.const 56)
      (f64.const 4.84143144246472090e+00) (f64.const -1.16032004402742839e+00) (f64.const -1.03622044471123109e-01)
      (f64.const 1.66007664274403694e-03) (f64.const 7.69901118419740425e-03) (f64.const -6.90460016972063023e-05)
      (f64.const 9.54791938424326609e-04))
    (call $body (i32.const 112)
      (f64.const 8.34336671824457987e+00) (f64.const 4.12479856412430479e+00) (f64.const -4.03523417114321381e-01)
      (f64.const -2.76742510726411160e-03) (f64.const 4.99852801234917238e-03) (f64.const 2.30417297573763929e-05)
      (f64.const 2.85885980666130812e-04))
    (call $body (i32.const 168)
      (f64.const 1.28943695621391310e+01) (f64.const -1.51111514016986312e+01) (f64.const -2.23307578892655734e-01)
      (f64.const 2.96460137564761618e-03) (f64.const 2.37847173959480950e-03) (f64.const -2.96589568540237556e-05)
      (f64.const 4.36624404335156298e-05))
    (call $body (i32.const 224)
      (f64.const 1.53796971148509165e+01) (f64.const -2.59193146099879641e+01) (f64.const 1.79258772950371181e-01)
      (f64.const 2.68067772490389322e-03) (f64.const 1.62824170038242295e-03) (f64.const -9.51592254519715870e-05)
      (f64.const 5.15138902046611451e-05))
    ;; The Sun moves so that all of it together stands still.
    (f64.store (i32.const 24) (call $momentum (i32.const 24)))
    (f64.store (i32.const 32) (call $momentum (i32.const 32)))
    (f64.store (i32.const 40) (call $momentum (i32.const 40))))

  ;; Of the planets against that of the Sun, in one of the three directions.
  (func $momentum (param $axis i32) (result f64)
    (local $at i32) (local $sum f64)
    (local.set $at (i32.const 56))
    (loop $planets
      (local.set $sum
        (f64.add (local.get $sum)
          (f64.mul (f64.load (i32.add (local.get $at) (local.get $axis))) (f64.load offset=48 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 56)))
      (br_if $planets (i32.lt_u (local.get $at) (i32.const 280))))
    (f64.div (f64.neg (local.get $sum)) (f64.load (i32.const 48))))

  (func $step
    (local $a i32) (local $b i32) (local $dx f64) (local $dy f64) (local $dz f64)
    (local $square f64) (local $pull f64) (local $force f64)
    (loop $bodies
      (local.set $b (i32.add (local.get $a) (i32.const 56)))
      (block $paired
        (loop $others
          (br_if $paired (i32.ge_u (local.get $b) (i32.const 280)))
          (local.set $dx (f64.sub (f64.load offset=0 (local.get $a)) (f64.load offset=0 (local.get $b))))
          (local.set $dy (f64.sub (f64.load offset=8 (local.get $a)) (f64.load offset=8 (local.get $b))))
          (local.set $dz (f64.sub (f64.load offset=16 (local.get $a)) (f64.load offset=16 (local.get $b))))
          (local.set $square
            (f64.add
              (f64.add (f64.mul (local.get $dx) (local.get $dx)) (f64.mul (local.get $dy) (local.get $dy)))
              (f64.mul (local.get $dz) (local.get $dz))))
          (local.set $pull
            (f64.div (f64.const 0.01) (f64.mul (local.get $square) (f64.sqrt (local.get $square)))))
          (local.set $force (f64.mul (f64.load offset=48 (local.get $b)) (local.get $pull)))
          (f64.store offset=24 (local.get $a)
            (f64.sub (f64.load offset=24 (local.get $a)) (f64.mul (local.get $dx) (local.get $force))))
          (f64.store offset=32 (local.get $a)
            (f64.sub (f64.load offset=32 (local.get $a)) (f64.mul (local.get $dy) (local.get $force))))
          (f64.store offset=40 (local.get $a)
            (f64.sub (f64.load offset=40 (local.get $a)) (f64.mul (local.get $dz) (local.get $force))))
          (local.set $force (f64.mul (f64.load offset=48 (local.get $a)) (local.get $pull)))
          (f64.store offset=24 (local.get $b)
            (f64.add (f64.load offset=24 (local.get $b)) (f64.mul (local.get $dx) (local.get $force))))
          (f64.store offset=32 (local.get $b)
            (f64.add (f64.load offset=32 (local.get $b)) (f64.mul (local.get $dy) (local.get $force))))
          (f64.store offset=40 (local.get $b)
            (f64.add (f64.load offset=40 (local.get $b)) (f64.mul (local.get $dz) (local.get $force))))
          (local.set $b (i32.add (local.get $b) (i32.const 56)))
          (br $others)))
      (local.set $a (i32.add (local.get $a) (i32.const 56)))
      (br_if $bodies (i32.lt_u (local.get $a) (i32.const 280))))
    (local.set $a (i32.const 0))
    (loop $moves
      (f64.store offset=0 (local.get $a)
        (f64.add (f64.load offset=0 (local.get $a)) (f64.mul (f64.const 0.01) (f64.load offset=24 (local.get $a)))))
      (f64.store offset=8 (local.get $a)
        (f64.add (f64.load offset=8 (local.get $a)) (f64.mul (f64.const 0.01) (f64.load offset=32 (local.get $a)))))
      (f64.store offset=16 (local.get $a)
        (f64.add (f64.load offset=16 (local.get $a)) (f64.mul (f64.const 0.01) (f64.load offset=40 (local.get $a)))))
      (local.set $a (i32.add (local.get $a) (i32.const 56)))
      (br_if $moves (i32.lt_u (local.get $a) (i32.const 280)))))

  (func $energy (result f64)
    (local $a i32) (local $b i32) (local $dx f64) (local $dy f64) (local $dz f64) (local $sum f64)
    (loop $bodies
      (local.set $dx (f64.load offset=24 (local.get $a)))
      (local.set $dy (f64.load offset=32 (local.get $a)))
      (local.set $dz (f64.load offset=40 (local.get $a)))
      (local.set $sum
        (f64.add (local.get $sum)
          (f64.mul
            (f64.mul (f64.const 0.5) (f64.load offset=48 (local.get $a)))
            (f64.add
              (f64.add (f64.mul (local.get $dx) (local.get $dx)) (f64.mul (local.get $dy) (local.get $dy)))
              (f64.mul (local.get $dz) (local.get $dz))))))
      (local.set $b (i32.add (local.get $a) (i32.const 56)))
      (block $paired
        (loop $others
          (br_if $paired (i32.ge_u (local.get $b) (i32.const 280)))
          (local.set $dx (f64.sub (f64.load offset=0 (local.get $a)) (f64.load offset=0 (local.get $b))))
          (local.set $dy (f64.sub (f64.load offset=8 (local.get $a)) (f64.load offset=8 (local.get $b))))
          (local.set $dz (f64.sub (f64.load offset=16 (local.get $a)) (f64.load offset=16 (local.get $b))))
          (local.set $sum
            (f64.sub (local.get $sum)
              (f64.div
                (f64.mul (f64.load offset=48 (local.get $a)) (f64.load offset=48 (local.get $b)))
                (f64.sqrt
                  (f64.add
                    (f64.add (f64.mul (local.get $dx) (local.get $dx)) (f64.mul (local.get $dy) (local.get $dy)))
                    (f64.mul (local.get $dz) (local.get $dz)))))))
          (local.set $b (i32.add (local.get $b) (i32.const 56)))
          (br $others)))
      (local.set $a (i32.add (local.get $a) (i32.const 56)))
      (br_if $bodies (i32.lt_u (local.get $a) (i32.const 280))))
    (local.get $sum))

  (func (export "run") (param $n i32) (result i64)
    (call $begin)
    (loop $steps
      (call $step)
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $steps (local.get $n)))
    (i64.trunc_f64_s (f64.nearest (f64.mul (call $energy) (f64.const 1e9))))))
