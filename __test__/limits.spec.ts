// What a store's guests may take.

import test from "ava";
import { Engine, Instance, Linker, Memory, MemoryLimitError, Store, type StoreLimits, Table, Trap, WasmtimeError } from "../index.js";
import { engineOf, load, needing, needs, rangeError, start, thrown, typeError } from "./helper.js";

const page = 65536;
const wat = `(module (memory (export "m") 1) (table $t (export "t") 2 funcref)
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "growTable") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))`;
const guest = (limits: StoreLimits) => start(wat, {}, { limits });
const isMemoryLimit = { instanceOf: MemoryLimitError, code: "ERR_WASMTIME_MEMORY_LIMIT" };

test("memory grows up to memoryBytes, and beyond it the guest sees -1", (t) => {
  const { exports } = guest({ memoryBytes: 3 * page });
  t.is(exports.grow(2), 1);
  t.is(exports.grow(1), -1);
  t.throws(() => exports.m.grow(1), { instanceOf: RangeError });
  t.is(exports.m.pages, 3);
});

test("with trapOnGrowFailure the guest ends with MemoryLimitError, and the store can be used further", (t) => {
  const { exports } = guest({ memoryBytes: 3 * page, tableElements: 5, trapOnGrowFailure: true });
  const error = t.throws(() => exports.grow(3), isMemoryLimit) as MemoryLimitError;
  t.true(error instanceof Trap);
  t.is(error.trapCode, "memoryLimit");
  t.is(error.frames.length, 1);
  t.true(error.message.includes(String(4 * page)) && error.message.includes(String(3 * page)), error.message);
  t.throws(() => exports.growTable(4), { ...isMemoryLimit, message: /6 table elements.* 5/ });
  t.is(exports.grow(2), 1);
  t.is(exports.growTable(3), 2);
});

test("growth beyond the memory's own maximum ends the guest with trapOnGrowFailure too", (t) => {
  const { exports } = start(
    `(module (memory 1 2) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`,
    {},
    { limits: { trapOnGrowFailure: true } },
  );
  t.is(exports.grow(1), 1);
  const error = t.throws(() => exports.grow(1), isMemoryLimit) as MemoryLimitError;
  t.notRegex(error.message, /backtrace/);
  t.is(error.frames.length, 1);
});

test("memoryBytes is for all memories of the store together", (t) => {
  const { engine, module } = load(wat);
  const store = new Store(engine, { limits: { memoryBytes: 3 * page } });
  const [a, b] = [new Instance(store, module).exports, new Instance(store, module).exports];
  t.is(a.grow(1), 1);
  t.is(b.grow(1), -1);
  t.throws(() => new Memory(store, { initial: 1 }), { instanceOf: RangeError });
  t.true(thrown(() => new Instance(store, module)) instanceof WasmtimeError);
  const other = new Store(engine, { limits: { memoryBytes: 3 * page } });
  t.is(new Instance(other, module).exports.grow(2), 1, "and not for others");
});

test("a growth that fails for another reason does not count", (t) => {
  const { exports } = start(
    `(module (memory (export "m") 1 2) (memory (export "n") 1)
    (func (export "grow") (param i32) (result i32) (memory.grow 0 (local.get 0)))
    (func (export "growOther") (param i32) (result i32) (memory.grow 1 (local.get 0))))`,
    {},
    { limits: { memoryBytes: 5 * page } },
  );
  for (let i = 0; i < 10; i++) t.is(exports.grow(2), -1);
  t.is(exports.grow(1), 1);
  t.is(exports.growOther(2), 1);
  t.is(exports.growOther(1), -1);
});

test("an instantiation that needs more memory or elements than allowed is an error, and takes nothing", (t) => {
  const { engine, module } = load(wat);
  for (const limits of [{ memoryBytes: page - 1 }, { memoryBytes: 0 }, { tableElements: 1 }]) {
    for (const trapOnGrowFailure of [false, true]) {
      const store = new Store(engine, { limits: { ...limits, trapOnGrowFailure } });
      for (let i = 0; i < 5; i++) {
        const error = thrown(() => new Instance(store, module)) as WasmtimeError;
        t.true(error instanceof WasmtimeError, String(error));
        if (trapOnGrowFailure) t.true(error instanceof MemoryLimitError, String(error));
      }
      store.limits = {};
      t.notThrows(() => new Instance(store, module));
    }
  }
});

test("tables grow up to tableElements, all of the store together", (t) => {
  const { exports, store } = guest({ tableElements: 7 });
  t.is(exports.growTable(3), 2);
  t.is(exports.growTable(3), -1);
  t.throws(() => exports.t.grow(3), { instanceOf: RangeError });
  t.is(exports.t.length, 5);
  t.throws(() => new Table(store, { element: "funcref", initial: 3 }), { instanceOf: RangeError });
  t.notThrows(() => new Table(store, { element: "funcref", initial: 2 }));
  t.is(exports.growTable(1), -1);
});

test("growth of a table beyond its own maximum takes nothing", (t) => {
  const { exports } = start(
    `(module (table $t 1 3 funcref) (table $u 1 funcref)
    (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
    (func (export "growOther") (param i32) (result i32) (table.grow $u (ref.null func) (local.get 0))))`,
    {},
    { limits: { tableElements: 6 } },
  );
  for (let i = 0; i < 5; i++) t.is(exports.grow(3), -1);
  t.is(exports.grow(2), 1);
  t.is(exports.growOther(2), 1);
  t.is(exports.growOther(1), -1);
});

const counts: [name: "instances" | "memories" | "tables", wat: string, said: RegExp][] = [
  ["instances", "(module)", /instance count/],
  ["memories", "(module (memory 1))", /memory count/],
  ["tables", "(module (table 1 funcref))", /table count/],
];
for (const [name, wat, said] of counts) {
  test(`a store has so many ${name} and no more`, (t) => {
    const { engine, module } = load(wat);
    const store = new Store(engine, { limits: { [name]: 2 } });
    for (let i = 0; i < 2; i++) new Instance(store, module);
    const error = thrown(() => new Instance(store, module)) as WasmtimeError;
    t.true(error instanceof WasmtimeError, String(error));
    t.regex(error.message, said);
    t.notThrows(() => new Instance(new Store(engine), module));
  });
}

test("limits are read and replaced, and what exists stays", (t) => {
  const { exports, store } = guest({ memoryBytes: 2 * page, instances: 7 });
  t.like(store.limits, { memoryBytes: 2 * page, instances: 7, trapOnGrowFailure: false });
  t.is(exports.grow(2), -1);
  store.limits = { memoryBytes: 4 * page };
  t.is(store.limits.instances === 7, false);
  t.is(exports.grow(3), 1);
  store.limits = { memoryBytes: page };
  t.is(exports.m.pages, 4);
  t.is(exports.grow(1), -1);
  t.is(exports.grow(0), 4);
  store.limits = {};
  t.is(exports.grow(1), 4);
});

test("a host function may change the limits of its caller", (t) => {
  const { exports, store } = start(
    `(module (import "env" "f" (func $f)) (memory 1) (func (export "call") (result i32) (call $f) (memory.grow (i32.const 1))))`,
    { env: { f: () => void (store.limits = { memoryBytes: 2 * page }) } },
    { limits: { memoryBytes: page } },
  );
  t.is(exports.call(), 1);
  t.is(exports.call(), -1);
});

test("limits of the wrong kind are a TypeError, and of the wrong size a RangeError", (t) => {
  const store = new Store(engineOf());
  for (const name of ["memoryBytes", "tableElements", "instances", "tables", "memories"]) {
    for (const wrong of ["5", null, {}, true]) {
      t.throws(() => new Store(engineOf(), { limits: { [name]: wrong } as any }), { ...typeError, message: new RegExp(name) });
      t.throws(() => void (store.limits = { [name]: wrong } as any), { ...typeError, message: new RegExp(name) });
    }
    for (const wrong of [-1, 0.5, NaN, Infinity])
      t.throws(() => new Store(engineOf(), { limits: { [name]: wrong } }), { instanceOf: RangeError, message: new RegExp(name) });
  }
  t.throws(() => void (store.limits = { memoryByte: 5 } as any), { ...typeError, message: /memoryByte/ });
  for (const wrong of [undefined, null, 5] as any[]) if (wrong !== undefined) t.throws(() => void (store.limits = wrong), typeError);
});

needing("gc")("a guest's heap counts as memory", (t) => {
  const { exports } = start(
    `(module (type $a (array i32)) (table $t 1000 anyref)
    (func (export "keep") (param i32) (table.set $t (local.get 0) (array.new $a (i32.const 0) (i32.const 10000)))))`,
    {},
    { limits: { memoryBytes: 4 * page } },
  );
  const error = thrown(() => {
    for (let i = 0; i < 1000; i++) exports.keep(i);
  }) as MemoryLimitError;
  t.true(error instanceof MemoryLimitError, String(error));
  t.is(error.trapCode, "memoryLimit");
  t.true(error.frames.length > 0);
});

test("a pool has a ceiling for the whole engine, and slots come back with dispose", (t) => {
  needs(
    t,
    "pooling-allocator",
    () => new Engine({ pooling: true }),
    () => {
      const { engine, module } = load("(module (memory 1))", {
        engine: new Engine({ pooling: { totalCoreInstances: 3, totalMemories: 3, totalTables: 3, maxMemorySize: 4 * page } }),
      });
      const stores = Array.from({ length: 3 }, () => new Store(engine));
      for (const store of stores) new Instance(store, module);
      const error = thrown(() => new Instance(new Store(engine), module)) as WasmtimeError;
      t.true(error instanceof WasmtimeError, String(error));
      t.regex(error.message, /3/);
      stores[0]!.dispose();
      t.notThrows(() => new Instance(new Store(engine), module));
    },
  );
});

test("what could not be made does not give a store more room", (t) => {
  const store = new Store(engineOf(), { limits: { memoryBytes: 1 << 20 } });
  t.truthy(new Memory(store, { initial: 16 }));
  for (let i = 0; i < 20; i++) t.throws(() => new Memory(store, { initial: 1n << 48n, address: "i64" }), rangeError);
  t.throws(() => new Memory(store, { initial: 1 }), rangeError);
});

test("a module that stays in the store though it could not be defined goes on counting", (t) => {
  const page64 = 64 * page;
  const { engine, module } = load(`(module (memory 64) (func (export "_initialize") (param i32)))`);
  const store = new Store(engine, { limits: { memoryBytes: 4 * page64 } });
  for (let i = 0; i < 8; i++) t.throws(() => new Linker(engine).defineModule(store, "m", module));
  t.throws(() => new Memory(store, { initial: 1 }), { instanceOf: RangeError });
  const named = load("(module (memory (export \"m\") 64))", { engine }).module;
  const other = new Store(engine, { limits: { memoryBytes: 4 * page64 } });
  const linker = new Linker(engine).defineModule(other, "m", named);
  for (let i = 0; i < 8; i++) t.throws(() => linker.defineModule(other, "m", named));
  t.throws(() => new Memory(other, { initial: 1 }), { instanceOf: RangeError });
});
