// A guest that may only do so much.
// prints: fibonacci(10) = 55
// prints: OutOfFuelError: wasm trap: all fuel consumed by WebAssembly

import { Engine, Instance, Module, OutOfFuelError, Store } from "@cwasm/wasmtime";

const engine = new Engine({ profile: "metered" });
const module = Module.compileSync(engine, `
  (module
    (func $fibonacci (export "fibonacci") (param $n i32) (result i32)
      (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
        (then (local.get $n))
        (else (i32.add
          (call $fibonacci (i32.sub (local.get $n) (i32.const 1)))
          (call $fibonacci (i32.sub (local.get $n) (i32.const 2))))))))`);

const store = new Store(engine, { fuel: 100_000n });
const { fibonacci } = new Instance(store, module).exports;
console.log(`fibonacci(10) = ${fibonacci(10)}`);
try {
  fibonacci(40);
} catch (error) {
  if (!(error instanceof OutOfFuelError)) throw error;
  console.log(`${error.name}: ${error.message}`);
}
store.fuel = 100_000n; // the store works on
