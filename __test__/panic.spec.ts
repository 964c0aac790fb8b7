// A Rust panic costs its store, and nothing else. The addon has functions for this that are not public.

import test from "ava";
import { type Feature, Instance, InternalError, Linker, type Store, callAsync, callInBackground, features } from "../index.js";
import { native } from "../lib/load.js";
import { load, needing, node, start, thrown } from "./helper.js";

// Where it is set, panics are printed.
process.env["RUST_BACKTRACE"] = "0";

const hidden = native as unknown as {
  panicForSpecs(place: "body" | "store" | "callback" | "finalizer", store: Store): unknown;
  panicOffThread(back: boolean): Promise<never>;
};
/** Whether guests can catch anything. */
const catches = features.has("gc");
const wat = `(module (import "env" "f" (func $f (result i32))) (memory (export "m") 1)
  (func (export "call") (result i32) (call $f))
  ${catches ? `(func (export "catches") (result i32) (block $h (try_table (catch_all $h) (drop (call $f)))) (i32.const 1))` : ""}
  (func (export "one") (result i32) (i32.const 1)))`;
const made = (f: () => unknown = () => 5) => start(wat, { env: { f } });
const panicked = (text: string) => ({
  instanceOf: InternalError,
  code: "ERR_WASMTIME_INTERNAL",
  message: `a Rust panic was caught: ${text}`,
});
const poisoned = { instanceOf: InternalError, message: /when a Rust panic was caught/ };

test("a panic in a native function is an exception, and everything goes on", (t) => {
  const { store, exports } = made();
  for (let i = 0; i < 100; i++) t.throws(() => hidden.panicForSpecs("body", store), panicked("body"));
  t.is(exports.call(), 5);
});

test("a panic inside of a store poisons that store, and no other", (t) => {
  const { engine, module, store, exports } = made();
  const other = made().exports;
  t.throws(() => hidden.panicForSpecs("store", store), panicked("store"));
  t.throws(() => exports.one(), poisoned);
  t.throws(() => exports.m.grow(1), poisoned);
  t.throws(() => exports.m.read(0, 1), poisoned);
  if (features.has("gc")) t.throws(() => store.gc(), poisoned);
  t.throws(() => new Instance(store, module, { env: { f: () => 1 } }), poisoned);
  t.throws(() => new Linker(engine).defineFunc("env", "f", { parameters: [], results: ["i32"] }, () => 1).instantiate(store, module), poisoned);
  t.notThrows(() => store.dispose());
  t.is(other.call(), 5);
});

test("a panic in what wasm calls goes through wasm, where no guest can catch it", (t) => {
  for (const name of catches ? ["call", "catches"] : ["call"]) {
    const { engine, module, store } = made();
    const f = hidden.panicForSpecs("callback", store) as () => number;
    const { exports } = new Instance(store, module, { env: { f } });
    t.throws(() => exports[name](), panicked("callback"));
    t.throws(() => exports.one(), poisoned);
    t.throws(() => f(), poisoned);
    t.truthy(load(wat, { engine }));
  }
});

test("a panic below several stores and JavaScript functions poisons those it went through as a panic", (t) => {
  const inner = made();
  const f = hidden.panicForSpecs("callback", inner.store) as () => number;
  let seen: unknown;
  const outer = made(() => {
    seen = thrown(() => f());
    throw seen;
  });
  t.is(thrown(() => outer.exports.call()), seen);
  t.true(seen instanceof InternalError);
  t.is(outer.exports.one(), 1, "here it was an exception");
  t.throws(() => inner.exports.one(), poisoned);
});

for (const call of [callAsync, callInBackground]) {
  needing("async")(`a panic on a fiber costs its store: ${call.name}`, async (t) => {
    const { module, store } = made();
    const f = hidden.panicForSpecs("callback", store) as () => number;
    const { exports } = new Instance(store, module, { env: { f } });
    await t.throwsAsync(call(exports.call), panicked("callback"));
    await t.throwsAsync(call(exports.one), poisoned);
    t.throws(() => exports.one(), poisoned);
    t.is(await call(made().exports.one), 1);
    const around = made(() => {
      const promise = (async () => hidden.panicForSpecs("store", around.store))();
      // Nobody is left to wait for it.
      promise.catch(() => undefined);
      return promise;
    });
    await t.throwsAsync(call(around.exports.call), poisoned);
    t.throws(() => around.exports.one(), poisoned);
    const thrower = made(() => hidden.panicForSpecs("store", thrower.store));
    await t.throwsAsync(call(thrower.exports.call), panicked("store"));
    t.throws(() => thrower.exports.one(), poisoned);
  });
}

test("a panic off the JavaScript thread, or when its result comes back, rejects the promise", async (t) => {
  // Others than JavaScript's only compile, run commands, and guests.
  if (!["async", "cranelift", "wasi"].some((name) => features.has(name as Feature))) return t.false("panicOffThread" in native);
  for (let i = 0; i < 20; i++) {
    await t.throwsAsync(hidden.panicOffThread(false), panicked("off the thread"));
    await t.throwsAsync(hidden.panicOffThread(true), panicked("back"));
  }
});

for (const how of ["disposed", "collected", "left to the end of the process", "left to the end of a worker"]) {
  test(`a panic in what is freed with a store does no harm: ${how}`, (t) => {
    const script = `
      import { Engine, Store } from "@cwasm/wasmtime";
      import { Worker, isMainThread } from "node:worker_threads";
      const { native } = await import($(load));
      const engine = new Engine();
      const make = () => { const store = new Store(engine); native.panicForSpecs("finalizer", store); return store; };
      for (let i = 0; i < 50; i++) ${how === "disposed" ? "make().dispose()" : how === "collected" ? "make()" : "(globalThis.kept ??= []).push(make())"};
      for (let i = 0; i < 5; i++) { gc(); await new Promise(setImmediate); }
      console.log("alive");`;
    const values = { load: new URL("../lib/load.js", import.meta.url).href };
    const text = how.endsWith("worker")
      ? `import { Worker } from "node:worker_threads"; import { once } from "node:events";
         const code = ${JSON.stringify(script.replace("$(load)", JSON.stringify(values.load)))};
         const [status] = await once(new Worker(new URL("data:text/javascript," + encodeURIComponent(code.replaceAll('"@cwasm/wasmtime"', JSON.stringify(import.meta.resolve("@cwasm/wasmtime"))))), {}), "exit");
         process.exitCode = status;`
      : script;
    const { status, signal, stdout, stderr } = node(text, { flags: ["--expose-gc"], values });
    t.deepEqual([status, signal, stdout.trim(), stderr], [0, null, "alive", ""]);
  });
}
