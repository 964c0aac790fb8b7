// Stores: their life, who may use them when, and that they are strangers to each other.

import test from "ava";
import {
  ClosedError,
  Engine,
  FeatureUnavailableError,
  Func,
  Global,
  Instance,
  Linker,
  Memory,
  Store,
  StoreBusyError,
  Table,
  features,
} from "../index.js";
import { artifact, engineOf, load, needing, node, start, thrown, typeError, wrap } from "./helper.js";

const wat = `(module (import "env" "f" (func $f)) (memory (export "m") 1) (table (export "t") 1 funcref)
  (global (export "g") (mut i32) (i32.const 5)) (func (export "call") (call $f)))`;
const isClosed = { instanceOf: ClosedError, code: "ERR_WASMTIME_CLOSED", message: /disposed/ };
const isBusy = { instanceOf: StoreBusyError, code: "ERR_WASMTIME_STORE_BUSY" };

test("a store has its engine, and is open until it is disposed", (t) => {
  const engine = new Engine();
  const store = new Store(engine);
  t.is(store.engine, engine);
  t.false(store.disposed);
  store.dispose();
  t.true(store.disposed);
  t.is(store.engine, engine);
});

test("disposing twice does nothing", (t) => {
  const { store } = start(wat, { env: { f() {} } });
  for (let i = 0; i < 3; i++) t.notThrows(() => store.dispose());
});

test("using disposes at the end of the block", (t) => {
  let kept: Store;
  {
    using store = new Store(engineOf());
    kept = store;
    t.false(kept.disposed);
  }
  t.true(kept.disposed);
  t.is(typeof Store.prototype[Symbol.dispose], "function");
});

needing("gc")("everything of a disposed store throws ClosedError", (t) => {
  const { engine, module } = load(wat);
  const empty = load("(module)").module;
  const store = new Store(engine);
  const { exports } = new Instance(store, module, { env: { f() {} } });
  const wrapped = wrap(store, ["i32"], ["i32"], (x) => x);
  const late = new Instance(store, module, { env: { f() {} } });
  const linker = new Linker(engine);
  store.dispose();
  const uses = [
    () => exports.call(),
    () => wrapped(1),
    () => late.exports,
    () => exports.m.buffer,
    () => exports.t.get(0),
    () => exports.t.set(0, null),
    () => exports.t.grow(1),
    () => exports.t.length,
    () => exports.g.value,
    () => void (exports.g.value = 1),
    () => store.fuel,
    () => store.limits,
    () => void (store.limits = {}),
    () => store.gc(),
    () => store.wasi,
    () => new Instance(store, empty),
    () => new Memory(store, { initial: 1 }),
    () => new Table(store, { element: "funcref", initial: 1 }),
    () => new Global(store, { type: "i32" }),
    () => Func.wrap(store, { parameters: [], results: [] }, () => {}),
    () => linker.instantiate(store, empty),
    () => linker.get(store, "a", "b"),
    () => linker.define("a", "b", exports.m),
    () => linker.define("a", "b", exports.call),
  ];
  for (const use of uses) t.throws(use, isClosed, String(use));
});

test("a store can't be disposed from inside: not by a host function, nor by one of a nested call or another store", (t) => {
  let outcome: unknown[] = [];
  const inner = start(wat, { env: { f: () => void outcome.push(thrown(() => outer.store.dispose())) } });
  const outer = start(wat, {
    env: {
      f() {
        outcome.push(
          thrown(() => outer.store.dispose()),
          thrown(() => outer.store[Symbol.dispose]()),
        );
        inner.exports.call();
      },
    },
  });
  outer.exports.call();
  t.is(outcome.length, 3);
  for (const error of outcome)
    t.throws(() => {
      throw error;
    }, isBusy);
  t.false(outer.store.disposed);
  t.notThrows(() => outer.exports.call());
  outer.store.dispose();
  t.throws(() => outer.exports.call(), isClosed);
});

test("a store can't be disposed while its start function runs, and can afterwards", (t) => {
  const { engine, module } = load(`(module (import "env" "f" (func $f)) (start $f))`);
  const store = new Store(engine);
  let error: unknown;
  new Instance(store, module, { env: { f: () => void (error = thrown(() => store.dispose())) } });
  t.true(error instanceof StoreBusyError);
  t.notThrows(() => store.dispose());
});

test("StoreBusyError thrown on comes out of the outer call as itself", (t) => {
  const { store, exports } = start(wat, { env: { f: () => store.dispose() } });
  t.throws(() => exports.call(), isBusy);
  t.is(exports.g.value, 5);
});

test("a host function may dispose another store, also the one of an outer call's arguments", (t) => {
  const other = start(wat, { env: { f() {} } });
  const { exports } = start(wat, { env: { f: () => other.store.dispose() } });
  exports.call();
  t.true(other.store.disposed);
  t.throws(() => other.exports.call(), isClosed);
});

test("each store has its own memory, tables and globals", (t) => {
  const { engine, module } = load(wat);
  const [a, b] = [0, 1].map(() => new Instance(new Store(engine), module, { env: { f() {} } }).exports);
  a.g.value = 9;
  a.m.write(0, Uint8Array.of(1));
  a.t.set(0, a.call);
  t.deepEqual([b.g.value, b.m.read(0, 1)[0], b.t.get(0)], [5, 0, null]);
});

test("objects of another store are a TypeError", (t) => {
  const a = start(wat, { env: { f() {} } });
  const b = start(wat, { env: { f() {} } });
  const anotherStore = { ...typeError, message: /another store/ };
  t.throws(() => a.exports.t.set(0, b.exports.call), anotherStore);
  t.throws(() => a.exports.t.grow(1, b.exports.call), anotherStore);
  t.throws(() => new Table(a.store, { element: "funcref", initial: 1 }, b.exports.call), anotherStore);
  t.throws(() => new Global(a.store, { type: "funcref" }, b.exports.call), anotherStore);
  const c = start(
    `(module (import "env" "g" (func $g (result funcref))) (func (export "f") (param funcref))
      (func (export "g") (result funcref) (call $g)))`,
    { env: { g: () => b.exports.call } },
  );
  t.throws(() => c.exports.f(a.exports.call), anotherStore);
  t.throws(() => c.exports.g(), anotherStore);
});

test("a store of an engine works with modules of that engine only, even of the same profile", (t) => {
  const { module } = load(wat);
  for (const engine of [new Engine(), engineOf("metered")]) {
    t.throws(() => new Instance(new Store(engine), module, { env: { f() {} } }), { ...typeError, message: /another engine/ });
  }
});

const refused: [what: string, options: unknown, message: RegExp][] = [
  ["an option it does not know", { fuels: 1n }, /'fuels'.*fuel/],
  ["options that are no object", 5, /options/],
  ["options of null", null, /options/],
  ["fuel that is a number", { fuel: 5 }, /fuel.*bigint/],
  ["limits that are no object", { limits: 5 }, /limits/],
  ["a limit it does not know", { limits: { memory: 5 } }, /'memory'.*memoryBytes/],
  ["a limit of the wrong type", { limits: { instances: "5" } }, /limits\.instances/],
  ["a switch of the wrong type", { limits: { trapOnGrowFailure: 1 } }, /trapOnGrowFailure/],
];
for (const [what, options, message] of refused) {
  test(`new Store refuses ${what}`, (t) => {
    t.throws(() => new Store(engineOf("metered"), options as any), { ...typeError, message });
  });
}

test("new Store refuses what is no engine", (t) => {
  for (const wrong of [undefined, null, {}, 5, Engine, load("(module)").module, Object.create(engineOf())] as any[]) {
    t.throws(() => new Store(wrong), { ...typeError, message: /engine must be an Engine/ });
  }
});

test("options may be absent or undefined", (t) => {
  for (const options of [undefined, {}, { limits: undefined, fuel: undefined, wasi: undefined }] as any[])
    t.notThrows(() => new Store(engineOf(), options));
});

test("a getter of options runs once, and what it throws comes out", (t) => {
  let reads = 0;
  new Store(engineOf(), {
    get limits() {
      return (reads++, {});
    },
  });
  t.is(reads, 1);
  const error = new Error("getter");
  t.is(
    thrown(
      () =>
        new Store(engineOf(), {
          get limits(): never {
            throw error;
          },
        }),
    ),
    error,
  );
});

test("a subclass of Store is a store", (t) => {
  class Mine extends Store {
    readonly mine = 1;
  }
  const store = new Mine(engineOf());
  t.true(store instanceof Mine && store.mine === 1);
  t.notThrows(() => new Instance(store, load("(module)").module));
});

test("a thousand stores live side by side", (t) => {
  const { engine, module } = load(wat);
  const calls: number[] = [];
  const all = Array.from(
    { length: 1000 },
    (_, i) => new Instance(new Store(engine), module, { env: { f: () => void calls.push(i) } }).exports,
  );
  for (const { call } of all) call();
  t.deepEqual(calls, [...all.keys()]);
});

test("gc() runs at any time, also in a host function", (t) => {
  const { store, exports } = start(wat, { env: { f: () => (features.has("gc") ? store.gc() : undefined) } });
  if (!features.has("gc")) return void t.throws(() => store.gc(), { instanceOf: FeatureUnavailableError });
  t.is(store.gc(), undefined);
  t.notThrows(() => exports.call());
});

test("a store's objects that outlive the process's end do no harm", (t) => {
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    globalThis.kept = Array.from({ length: 50 }, () => new Instance(new Store(engine), module, { env: { f() {} } }).exports.m.buffer);
    process.on("exit", () => kept.push(new Store(engine)));`;
  const { status, signal, stderr } = node(script, { values: { file: artifact(wat) } });
  t.deepEqual([status, signal, stderr], [0, null, ""]);
});

test("an exception that ends the process inside of wasm is reported as any other", (t) => {
  const script = `
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    const { exports } = new Instance(new Store(engine), module, { env: { f() { $(exit) ? process.exit(4) : (() => { throw new Error("the host's own") })() } } });
    exports.call();`;
  const file = artifact(wat);
  const failing = node(script, { values: { file, exit: false } });
  t.is(failing.status, 1);
  t.regex(failing.stderr, /Error: the host's own/);
  const exiting = node(script, { values: { file, exit: true } });
  t.deepEqual([exiting.status, exiting.signal, exiting.stderr], [4, null, ""]);
});
