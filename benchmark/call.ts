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

/** A loop of its own for each case, as V8 keeps one memory of types for all uses of a piece of code. */
function loop(name: string, g: Function, body: string) {
  const run = new Function("g", `return function (n) { let s = 0, b = 0n; for (let i = 0; i < n; i++) { ${body} } return s + Number(b); }`)(g);
  return { name, run: run as (n: number) => unknown };
}
const floorAdd = "raw Node-API add(i32, i32), no wasm";

table(
  "JavaScript to wasm, one call",
  measure(
    [
      loop(floorAdd, raw.add, "s = g(s, i) | 0"),
      loop("raw Node-API, no arguments", raw.noop, "g()"),
      loop("cwasm, no arguments", ours.nothing, "g()"),
      loop("cwasm add(i32, i32)", ours.i32, "s = g(s, i) | 0"),
      loop("cwasm add(f64, f64)", ours.f64, "s = g(s, i)"),
      loop("cwasm add(i64, i64)", ours.i64, "b = g(b, 1n)"),
      loop("cwasm, eight i32", ours.eight, "s = g(1, 2, 3, 4, 5, 6, 7, i)"),
      loop("V8 add(i32, i32)", v8.i32, "s = g(s, i) | 0"),
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
