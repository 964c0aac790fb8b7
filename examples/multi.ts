// Functions with several results, both ways.
// prints: callback(1, 2n)
// prints: [ 3, 1n ]

import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";

const engine = new Engine();
const module = Module.compileSync(engine, `
  (module
    (import "env" "callback" (func $callback (param i32 i64) (result i64 i32)))
    (func (export "swap") (param i32 i64) (result i32 i64)
      (local $a i64) (local $b i32)
      (call $callback (local.get 0) (local.get 1))
      (local.set $b) (local.set $a)
      (local.get $b) (local.get $a)))`);

const { exports } = new Instance(new Store(engine), module, {
  env: {
    callback(a: number, b: bigint) {
      console.log(`callback(${a}, ${b}n)`);
      return [b - 1n, a + 2]; // any iterable
    },
  },
});
console.log(exports.swap(1, 2n));
