// A host function that returns a promise: the guest sleeps until it is settled, and the event loop goes on. No rebuild of the guest.
// prints: meanwhile
// prints: 42

import { setTimeout as pause } from "node:timers/promises";
import { Engine, Instance, Module, Store, promising } from "@cwasm/wasmtime";

const engine = new Engine();
const module = Module.compileSync(engine, `
  (module
    (import "env" "lookup" (func $lookup (param i32) (result i32)))
    (func (export "main") (param i32) (result i32) (i32.mul (call $lookup (local.get 0)) (i32.const 2))))`);

const { exports } = new Instance(new Store(engine), module, {
  env: {
    async lookup(id: number) {
      await pause(20);
      return id + 20;
    },
  },
});
const main = promising(exports.main, { signal: AbortSignal.timeout(5000) });
setTimeout(() => console.log("meanwhile"), 5);
console.log(await main(1));
