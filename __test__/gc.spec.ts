// externref: JavaScript values in the hands of guests, as long as they hold them and no longer.

import test from "ava";
import { Instance, Store, features } from "../index.js";
import { artifact, collect, engineOf, isLacking, load, needing, nodeJson, start, thrown } from "./helper.js";

const wat = `(module (import "env" "f" (func $f (param externref) (result externref)))
  (table $t (export "t") 4 externref) (global $g (export "g") (mut externref) (ref.null extern))
  (func (export "id") (param externref) (result externref) (local.get 0))
  (func (export "call") (param externref) (result externref) (call $f (local.get 0)))
  (func (export "keep") (param i32 externref) (table.set $t (local.get 0) (local.get 1)))
  (func (export "kept") (param i32) (result externref) (table.get $t (local.get 0)))
  (func (export "setGlobal") (param externref) (global.set $g (local.get 0)))
  (func (export "isNull") (param externref) (result i32) (ref.is_null (local.get 0)))
  (func (export "two") (param externref externref) (result externref externref) (local.get 1) (local.get 0))
  (func (export "drop") (param externref)))`;
const object = { some: "object" };
const values: unknown[] = [
  object,
  [],
  () => 1,
  class {},
  Symbol("s"),
  Symbol.iterator,
  5,
  -0,
  NaN,
  "text",
  "",
  7n,
  true,
  false,
  undefined,
  new Proxy({}, {}),
  Object.create(null),
  new WeakMap(),
  globalThis,
];

test("a build with gc passes values, one without refuses such modules", (t) => {
  if (features.has("gc")) return t.is(start(wat, { env: { f: (x: unknown) => x } }).exports.id(object), object);
  t.true(isLacking(thrown(() => load(wat)), "gc"));
});

needing("gc")("any value goes through arguments, results, host functions, tables and globals as itself", (t) => {
  const { exports } = start(wat, { env: { f: (x: unknown) => x } });
  for (const value of values) {
    const name = typeof value === "symbol" || typeof value !== "object" ? String(value) : Object.prototype.toString.call(value);
    t.true(Object.is(exports.id(value), value), name);
    t.true(Object.is(exports.call(value), value), name);
    exports.keep(1, value);
    collect();
    t.true(Object.is(exports.kept(1), value), name);
    t.true(Object.is(exports.t.get(1), value), name);
    exports.setGlobal(value);
    t.true(Object.is(exports.g.value, value), name);
    t.is(exports.isNull(value), 0, name);
  }
  t.is(exports.isNull(null), 1);
  t.is(exports.id(null), null);
  t.is(exports.id(), undefined);
  t.deepEqual(exports.two("a", object), [object, "a"]);
  t.is(exports.two("a", object)[0], object);
});

needing("gc")("a host function's result that is undefined or null arrives as itself", (t) => {
  let result: unknown;
  const { exports } = start(wat, { env: { f: () => result } });
  for (result of [undefined, null, object]) t.is(exports.call("x"), result);
});

needing("gc")("the same value held many times is the same value each time", (t) => {
  const { exports } = start(wat, { env: { f: (x: unknown) => x } });
  for (let i = 0; i < 4; i++) exports.keep(i, object);
  collect();
  for (let i = 0; i < 4; i++) t.is(exports.kept(i), object);
});

needing("gc")("a hundred thousand values pass, and what the guest kept is still right", (t) => {
  const { exports, store } = start(wat, { env: { f: (x: any) => ({ n: x.n + 1 }) } });
  exports.keep(0, object);
  for (let n = 0; n < 100_000; n++) {
    if (exports.call({ n }).n !== n + 1) t.fail(String(n));
    if (n % 30_000 === 0) store.gc();
  }
  t.is(exports.kept(0), object);
});

needing("gc")("references inside of structs and arrays of the guest's heap keep their values", (t) => {
  const { exports, store } = start(`(module (type $s (struct (field externref))) (global $g (mut (ref null $s)) (ref.null $s))
    (func (export "set") (param externref) (global.set $g (struct.new $s (local.get 0))))
    (func (export "get") (result externref) (struct.get $s 0 (global.get $g)))
    (func (export "garbage") (param i32) (loop (drop (struct.new $s (ref.null extern))) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`);
  exports.set(object);
  exports.garbage(200_000);
  store.gc();
  t.is(exports.get(), object);
});

needing("gc")("growth of the guest's heap leaves memory views alone", (t) => {
  const { exports } = start(`(module (memory (export "m") 1) (table $t 60000 externref)
    (func (export "keep") (param i32 externref) (table.set $t (local.get 0) (local.get 1))))`);
  const { buffer } = exports.m;
  for (let i = 0; i < 60_000; i++) exports.keep(i, i);
  t.is(exports.m.buffer, buffer);
  t.is(buffer.byteLength, 65536);
});

/** Counts how many of `count` objects are collected, by what `use` does with each. */
const collected = `
  import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
  const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
  const store = new Store(engine), { exports } = new Instance(store, module, { env: { f: (x) => x } });
  let gone = 0;
  const registry = new FinalizationRegistry(() => void gone++);
  const uses = {
    drop: (x) => exports.drop(x), call: (x) => void exports.call(x), keep: (x, i) => exports.keep(i % 4, x),
    wrong: (x) => { try { exports.two(x, { get [Symbol.toPrimitive]() { return x } }); exports.none(x) } catch {} },
    table: (x) => exports.t.set(3, x), global: (x) => void (exports.g.value = x),
    throwing: (x) => { try { new Instance(store, module, { env: { get f() { throw x } } }) } catch {} },
  };
  const use = uses[$(name)];
  for (let i = 0; i < 5000; i++) { const x = { i }; registry.register(x); use(x, i); }
  for (let i = 0; i < 10; i++) { store.gc(); for (let n = 0; n < 3000; n++) exports.drop(String(n)); gc(); await new Promise((done) => setTimeout(done, 5)); }
  if (!exports.id) throw new Error("gone");
  console.log(gone);`;
for (const [name, kept] of [
  ["drop", 0],
  ["call", 0],
  ["keep", 4],
  ["wrong", 0],
  ["table", 1],
  ["global", 1],
  ["throwing", 0],
] as [string, number][]) {
  needing("gc")(`values that the guest has let go are collected: ${name}`, (t) => {
    const gone = nodeJson(t, collected, { values: { file: artifact(wat), name }, flags: ["--expose-gc"] });
    // A few may wait for the next collection of either side.
    t.true(gone >= 5000 - kept - 50 && gone <= 5000 - kept, String(gone));
  });
}

needing("gc")("values are let go with their store, disposed or not", (t) => {
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    let gone = 0;
    const registry = new FinalizationRegistry(() => void gone++);
    for (let i = 0; i < 200; i++) {
      const store = new Store(engine), x = { i };
      registry.register(x);
      const { exports } = new Instance(store, module, { env: { f: () => exports } });
      exports.keep(0, x);
      x.exports = exports;
      if (i % 2) store.dispose();
    }
    for (let i = 0; i < 10; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); }
    console.log(gone);`;
  t.true(nodeJson(t, script, { values: { file: artifact(wat) }, flags: ["--expose-gc"] }) >= 198);
});

needing("gc")("an exported function given as externref is itself", (t) => {
  const { exports } = start(wat, { env: { f: (x: unknown) => x } });
  t.is(exports.id(exports.id), exports.id);
  const other = new Instance(new Store(engineOf()), load('(module (func (export "g")))').module).exports.g;
  t.is(exports.id(other), other, "also of another store");
});
