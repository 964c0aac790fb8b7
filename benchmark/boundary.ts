// What a call costs by how many values of which type cross, in both directions, between two instances and in batches.
// `--instructions` counts them instead, under valgrind, which says the same each time.

import { Engine, Func, Instance, Module, Store, callMany } from "@cwasm/wasmtime";
import { type Case, floor, inNs, measure, table } from "./measure.js";
import { inInstructions, instructions } from "./instructions.js";

const types = ["i32", "i64", "f32", "f64", "v128", "externref", "anyref", "funcref"];
const counts = [1, 2, 8];
const list = (of: string, type: string, count: number) => (count ? ` (${of}${` ${type}`.repeat(count)})` : "");
const name = (type: string, count: number) => `${type} × ${count}`;

/** For each type: functions that take so many and return one, and loops that call a host function with so many. */
const text = (type: string) => `
  (import "env" "${type}" (func $${type} (param ${type}) (result ${type})))
  ${counts.map((n) => `(func (export "${name(type, n)}")${list("param", type, n)} (result ${type}) (local.get 0))`).join("\n")}
  (func (export "loop ${type}") (param $n i32) (param $x ${type})
    (loop $again
      (local.set $x (call $${type} (local.get $x)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))`;
const wat = `(module
  ${types.map((type) => /\(import.*/.exec(text(type))![0]).join("\n")}
  (import "env" "other" (func $other (param i32 i32) (result i32)))
  ${types.map((type) => text(type).replace(/\(import.*/, "")).join("\n")}
  (func (export "nothing"))
  (func (export "two results") (param i32 i32) (result i32 i32) (local.get 0) (local.get 1))
  (func (export "eight results") (param i32) (result i32 i32 i32 i32 i32 i32 i32 i32)
    ${"(local.get 0)".repeat(8)})
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "loop other") (param $n i32) (param i32)
    (loop $again
      (drop (call $other (local.get $n) (local.get 1)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))`;

const engine = new Engine();
const store = new Store(engine);
const id = Object.fromEntries(types.map((type) => [type, (x: unknown) => x]));
const add = new Instance(
  store,
  Module.compileSync(engine, `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`),
).exports.add;
const { exports } = new Instance(store, Module.compileSync(engine, wat), { env: { ...id, other: add } });
const values: Record<string, unknown> = {
  i32: 7,
  i64: 7n,
  f32: 7,
  f64: 7,
  v128: new Uint8Array(16),
  externref: {},
  anyref: {},
  funcref: Func.wrap(store, { parameters: [], results: [] }, () => undefined),
};

/** A loop of its own for each case, as V8 keeps one memory of types for all uses of a piece of code. */
function loop(name: string, g: Function, args: unknown[]): Case {
  const a = args.map((_, i) => `a${i}`).join(", ");
  const make = new Function("g", "args", `const [${a}] = args; return (n) => { for (let i = 0; i < n; i++) g(${a}); }`);
  return { name, run: make(g, args) };
}
const raw = floor();
const floorAdd = "raw Node-API add(i32, i32), no wasm";
const floorCall = "a loop of napi_call_function, no wasm";
const into: Case[] = [
  loop(floorAdd, raw.add, [1, 2]),
  loop("no values", exports.nothing, []),
  ...types.flatMap((type) => counts.map((n) => loop(name(type, n), exports[name(type, n)], Array(n).fill(values[type])))),
  loop("i32 × 2, two results", exports["two results"], [1, 2]),
  loop("i32 × 1, eight results", exports["eight results"], [1]),
];
const outOf: Case[] = [
  { name: floorCall, run: (n) => raw.callLoop((x) => x, n) },
  ...types.map((type) => ({ name: type, run: (n: number) => exports[`loop ${type}`](n, values[type]) })),
];
const across: Case[] = [
  loop(floorAdd, raw.add, [1, 2]),
  { name: "a call of another instance's add(i32, i32), inside wasm", run: (n) => exports["loop other"](n, 1) },
  ...[10, 1000, 10_000].map((rows) => {
    const args = new Int32Array(2 * rows);
    const out = new Int32Array(rows);
    return {
      name: `callMany of add(i32, i32), ${rows} rows`,
      run: (n: number) => {
        for (let done = 0; done < n; done += rows) callMany(exports.add, args, out);
      },
    };
  }),
];

const parts: [title: string, cases: Case[], floor: string][] = [
  ["JavaScript to wasm: arguments, and one result of the type", into, floorAdd],
  ["Wasm to JavaScript: one argument, and one result of the type", outOf, floorCall],
  ["Many calls at once", across, floorAdd],
];
if (process.argv.includes("--instructions")) {
  const all = instructions(parts.flatMap(([, cases]) => cases));
  if (all) for (const [title, cases, base] of parts) table(title, new Map(cases.map(({ name }) => [name, all.get(name)!])), inInstructions, base);
} else {
  for (const [title, cases, base] of parts) table(title, measure(cases, 200_000), inNs, base);
}
