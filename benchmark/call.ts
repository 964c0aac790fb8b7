// One call across the boundary, in both directions, beside raw Node-API without wasm and beside V8's WebAssembly.

import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
import { V8, floor, inNs, measure, table } from "./measure.js";
import { wasm } from "./wasm.js";

const bytes = wasm(`(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "nothing"))
  (func (export "i32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "f64") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
  (func (export "i64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
  (func (export "eight") (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (local.get 7))
  (func (export "loop") (param $n i32)
    (local $i i32)
    (loop $again
      (drop (call $f (local.get $i)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))))`);

const f = (x: number) => x;
const engine = new Engine();
const ours = new Instance(new Store(engine), Module.deserialize(engine, engine.precompileSync(bytes)), { env: { f } }).exports;
const v8 = new V8.Instance(new V8.Module(bytes), { env: { f } }).exports;
const raw = floor();

const times = 1_000_000;
const add = (name: string, g: (a: number, b: number) => number) => ({
  name,
  run(n: number) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = g(sum, i);
    return sum;
  },
});
const floorAdd = "raw Node-API add(i32, i32), no wasm";

table(
  "JavaScript to wasm, one call",
  measure(
    [
      add(floorAdd, raw.add),
      { name: "cwasm, no arguments", run: (n) => { for (let i = 0; i < n; i++) ours.nothing(); } },
      add("cwasm add(i32, i32)", ours.i32),
      add("cwasm add(f64, f64)", ours.f64),
      { name: "cwasm add(i64, i64)", run: (n) => { let s = 0n; for (let i = 0; i < n; i++) s = ours.i64(s, 1n); return s; } },
      { name: "cwasm, eight i32", run: (n) => { for (let i = 0; i < n; i++) ours.eight(1, 2, 3, 4, 5, 6, 7, i); } },
      add("V8 add(i32, i32)", v8.i32),
    ],
    times,
  ),
  inNs,
  floorAdd,
);

const floorCall = "a loop of napi_call_function, no wasm";
table(
  "Wasm to JavaScript, one call of f(i32): i32",
  measure(
    [
      { name: floorCall, run: (n) => raw.callLoop(f, n) },
      { name: "cwasm", run: (n) => ours.loop(n) },
      { name: "V8", run: (n) => v8.loop(n) },
    ],
    times,
  ),
  inNs,
  floorCall,
);
