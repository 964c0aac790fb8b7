// The greatest common divisor, computed by a guest.
// prints: gcd(6, 27) = 3

import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";

const engine = new Engine();
const module = Module.compileSync(engine, `
  (module
    (func $gcd (export "gcd") (param $a i32) (param $b i32) (result i32)
      (if (result i32) (i32.eqz (local.get $b))
        (then (local.get $a))
        (else (call $gcd (local.get $b) (i32.rem_u (local.get $a) (local.get $b)))))))`);

// A type for the exports, if you like.
interface Gcd {
  gcd(a: number, b: number): number;
}
const { gcd } = new Instance<Gcd>(new Store(engine), module).exports;
console.log(`gcd(6, 27) = ${gcd(6, 27)}`);
