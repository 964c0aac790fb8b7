// Functions that JavaScript calls, or makes for wasm: arguments and results, types, identity.

import test from "ava";
import { Func, Instance, LinkError, Store, Table } from "../index.js";
import { artifact, engineOf, load, needing, node, nodeJson, start, thrown, typeError, wrap } from "./helper.js";

test("an exported function is called with numbers and returns one", (t) => {
  const { exports } = start(`(module
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "nothing")))`);
  t.is(exports.add(40, 2), 42);
  t.is(exports.nothing(), undefined);
  t.is(typeof exports.add, "function");
  t.is(exports.add.length, 2);
});

test("missing arguments are undefined, and those too many are ignored", (t) => {
  const { exports } = start(`(module
    (func (export "i") (param i32) (result i32) (local.get 0))
    (func (export "f") (param f64) (result f64) (local.get 0)))`);
  t.is(exports.i(), 0);
  t.is(exports.f(), NaN);
  t.is(exports.i(7, 8, 9), 7);
});

test("several results are an array, of host functions any iterable", (t) => {
  const wat = `(module (import "env" "f" (func $f (result i32 i64 f64)))
    (func (export "call") (result i32 i64 f64) (call $f))
    (func (export "swap") (param i32 f64) (result f64 i32) (local.get 1) (local.get 0)))`;
  const returns = (value: unknown) => start(wat, { env: { f: () => value } }).exports;
  t.deepEqual(returns(0).swap(1, 2.5), [2.5, 1]);
  t.deepEqual(returns([1, 2n, 3.5]).call(), [1, 2n, 3.5]);
  t.deepEqual(returns(new Set([1, 2n, 3.5])).call(), [1, 2n, 3.5]);
  for (const wrong of [[1, 2n], [1, 2n, 3, 4], [], 5, undefined, null]) {
    t.throws(() => returns(wrong).call(), { instanceOf: TypeError }, String(wrong));
  }
});

for (const count of [1, 16, 17, 1000]) {
  test(`a function with ${count} parameters and ${count} results works both ways`, (t) => {
    const types = Array.from({ length: count }, (_, i) => ["i32", "i64", "f32", "f64"][i % 4]!);
    const list = types.join(" ");
    const { exports } = start(
      `(module (import "env" "f" (func $f (param ${list}) (result ${list})))
        (func (export "call") (param ${list}) (result ${list}) ${types.map((_, i) => `(local.get ${i})`).join(" ")} (call $f)))`,
      { env: { f: (...args: unknown[]) => (count === 1 ? args[0] : args) } },
    );
    const values = types.map((type, i) => (type === "i64" ? BigInt(i) : i));
    t.deepEqual(exports.call(...values), count === 1 ? values[0] : values);
    t.is(exports.call.length, count);
  });
}

test("Func.wrap makes a function of the store, which coerces by its type", (t) => {
  const { store } = start("(module)");
  const double = wrap(store, ["i32"], ["i32"], (x) => x * 2);
  t.is(double(21), 42);
  t.is(double("0x10"), 32);
  t.is(double(2 ** 31), 0);
  const pair = wrap(store, ["i32", "i64"], ["i64", "i32"], (a, b) => [b, a]);
  t.deepEqual(pair(1, 2n), [2n, 1]);
  t.deepEqual(wrap(store, [], [], () => 5)(), undefined);
  const error = new Error("of a wrapped function");
  t.is(
    thrown(
      wrap(store, [], [], () => {
        throw error;
      }),
    ),
    error,
  );
});

test("a wrapped function is imported, put into tables and called by wasm as the same function", (t) => {
  const { store, engine } = start("(module)");
  const double = wrap(store, ["i32"], ["i32"], (x) => x * 2);
  const table = new Table(store, { element: "funcref", initial: 2 });
  table.set(0, double);
  const { module } = load(
    `(module (import "env" "table" (table 2 funcref)) (import "env" "f" (func $f (param i32) (result i32)))
      (type $t (func (param i32) (result i32)))
      (func (export "indirect") (param i32) (result i32) (call_indirect (type $t) (local.get 0) (i32.const 0)))
      (export "same" (func $f)))`,
    { engine },
  );
  const { exports } = new Instance(store, module, { env: { table, f: double } });
  t.is(exports.indirect(4), 8);
  t.is(exports.same, double);
  t.is(table.get(0), double);
});

test("the same wasm function is the same JavaScript function wherever it appears", (t) => {
  const { exports, store, module } = start(`(module
    (func $f (export "f") (result i32) (i32.const 1)) (export "alias" (func $f))
    (table (export "table") 1 funcref) (elem (i32.const 0) $f)
    (global (export "global") funcref (ref.func $f))
    (func (export "get") (result funcref) (ref.func $f)))`);
  for (const other of [exports.alias, exports.table.get(0), exports.global.value, exports.get()]) t.is(other, exports.f);
  t.not(new Instance(store, module).exports.f, exports.f);
});

test("an import of another type is a LinkError, of another store a TypeError", (t) => {
  const wat = `(module (import "env" "f" (func (param i32) (result i32))))`;
  const { store, engine } = start("(module)");
  const { module } = load(wat, { engine });
  const other = new Store(engine);
  const error = thrown(() => new Instance(store, module, { env: { f: wrap(store, [], ["i32"], () => 1) } })) as LinkError;
  t.true(error instanceof LinkError);
  t.is(error.code, "ERR_WASMTIME_LINK");
  t.deepEqual([error.module, error.name], ["env", "f"]);
  t.regex(error.expected!, /param i32/);
  t.notRegex(error.found!, /param/);
  const foreign = wrap(other, ["i32"], ["i32"], (x) => x);
  t.throws(() => new Instance(store, module, { env: { f: foreign } }), { ...typeError, message: /imports\.env\.f.*another store/ });
});

const noTypes: [what: string, type: unknown][] = [
  ["no type", undefined],
  ["no results", { parameters: [] }],
  ["an unknown name", { parameters: ["i33"], results: [] }],
  ["a name that is no string", { parameters: [5], results: [] }],
  ["a list that is no array", { parameters: "i32", results: [] }],
];
for (const [what, type] of noTypes) {
  test(`Func.wrap refuses ${what}`, (t) => {
    const store = new Store(engineOf());
    t.throws(() => Func.wrap(store, type as any, () => 0), typeError);
  });
}

test("Func.wrap refuses what is no function, no store, and more than 1000 parameters", (t) => {
  const store = new Store(engineOf());
  const none = { parameters: [], results: [] };
  for (const fn of [undefined, null, {}, "f", 5]) t.throws(() => Func.wrap(store, none, fn as any), typeError);
  for (const other of [undefined, {}, engineOf()]) t.throws(() => Func.wrap(other as any, none, () => 0), typeError);
  t.throws(() => wrap(store, Array(1001).fill("i32"), [], () => 0), { instanceOf: RangeError });
});

const signatures = `(module
  (import "env" "f" (func $f (param i32 i64 f32 f64 v128 externref funcref) (result i32 i64 f32 f64 v128 externref funcref)))
  (import "env" "one" (func $one (param i32) (result i32))) (import "env" "none" (func $none))
  (export "f" (func $f)) (export "one" (func $one)) (export "none" (func $none))
  (func (export "all") (param i32 i64 f32 f64 v128 externref funcref) (result i32 i64 f32 f64 v128 externref funcref)
    (local.get 0) (local.get 1) (local.get 2) (local.get 3) (local.get 4) (local.get 5) (local.get 6) (call $f))
  (func (export "callOne") (param i32) (result i32) (call $one (local.get 0)))
  (func (export "callNone") (call $none)))`;
for (const flags of [[], ["--disallow-code-generation-from-strings"]]) {
  needing("gc")(`calls of many signatures work ${flags.length ? "where code can't be made from strings" : "in a process of its own"}`, (t) => {
    const script = `
      import { Engine, Func, Instance, Module, Store } from "@cwasm/wasmtime";
      import assert from "node:assert";
      const engine = new Engine(), store = new Store(engine), error = new Error("x");
      const module = Module.deserializeFile(engine, $(file));
      let called = 0;
      const imports = { env: { f: (...args) => args, one(n) { if (n < 0) throw error; return n + 1 }, none: () => void called++ } };
      const { exports } = new Instance(store, module, imports);
      const values = [1, -2n, 1.5, 2.5, new Uint8Array(16).fill(7), { some: "object" }, exports.all];
      for (const name of ["f", "all"]) {
        const back = exports[name](...values);
        assert.deepStrictEqual(back, values);
        assert(back[5] === values[5] && back[6] === exports.all);
        assert.strictEqual(exports[name].length, 7);
      }
      assert.strictEqual(exports.callOne("41"), 42);
      assert.throws(() => exports.callOne(-1), (thrown) => thrown === error);
      exports.callNone();
      assert.strictEqual(exports.none(), undefined);
      assert.strictEqual(Func.wrap(store, { parameters: ["i32"], results: ["i64", "f64"] }, (x) => [BigInt(x), x / 2])(3)[1], 1.5);
      assert.throws(() => exports.all(1, 2), TypeError);
      let dynamic = true;
      try { new Function("") } catch { dynamic = false }
      console.log(JSON.stringify({ called, dynamic }));`;
    t.deepEqual(nodeJson(t, script, { flags, values: { file: artifact(signatures) } }), { called: 2, dynamic: flags.length === 0 });
  });
}

needing("gc")("a host function of a store that is gone is never called: an exported function keeps it", (t) => {
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    const make = () => new Instance(new Store(engine), module, { env: { f: (...args) => args, one: (n) => n + 1, none() {} } }).exports.callOne;
    const functions = Array.from({ length: 200 }, make);
    for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
    console.log(functions.every((f, i) => f(i) === i + 1));`;
  const { status, stdout, stderr } = node(script, { flags: ["--expose-gc"], values: { file: artifact(signatures) } });
  t.is(stdout.trim(), "true", stderr);
  t.is(status, 0);
});

needing("gc")("Func.type says the type of an exported function, wasm's or wrapped, and of no other", (t) => {
  const { exports, store } = start(`(module (func (export "f") (param i32 externref) (result i64 f32) (i64.const 0) (f32.const 0)))`);
  t.deepEqual(Func.type(exports.f), { parameters: ["i32", "externref"], results: ["i64", "f32"] });
  t.deepEqual(Func.type(wrap(store, ["v128"], [], () => undefined)), { parameters: ["v128"], results: [] });
  for (const wrong of [undefined, null, 5, {}, () => 1, Math.max] as any[]) t.throws(() => Func.type(wrong), typeError);
});
