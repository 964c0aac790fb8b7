// Handles of engines, modules and shared memories: what they are, what they give on which thread, and for how long.

import test from "ava";
import { ClosedError, Engine, Instance, Memory, Module, Store } from "../index.js";
import { artifact, load, needing, nodeJson, start, thrown, typeError } from "./helper.js";
import { engine, fresh, shared, show, together } from "./shared-guest.js";

needing("threads")("a handle is a plain value of kind and key, the same one each time, that can be copied", (t) => {
  const { module, memory } = together();
  for (const [kind, thing] of [
    ["engine", engine],
    ["module", module],
    ["memory", memory],
  ] as const) {
    const handle = thing.share();
    t.deepEqual(Object.keys(handle), ["kind", "key"]);
    t.is(handle.kind, kind);
    t.regex(handle.key, /^[0-9a-f]{32}$/);
    t.deepEqual(thing.share(), handle);
    t.deepEqual(structuredClone(handle), handle);
    t.deepEqual(JSON.parse(JSON.stringify(handle)), handle);
  }
  t.is(new Set(Array.from({ length: 100 }, () => shared().share().key)).size, 100);
});

needing("threads")("on one thread a handle gives an equal engine and module, and each store's one object for a memory", (t) => {
  const { module, memory, store, exports } = together();
  const same = Engine.fromShared({ ...engine.share() });
  t.not(same, engine);
  t.deepEqual([same.profile, same.target, same.share()], [engine.profile, engine.target, engine.share()]);
  const again = Module.fromShared(module.share());
  t.deepEqual(
    [again.engine === again.engine, again.exports.length, again.share()],
    [true, module.exports.length, module.share()],
  );
  t.is(new Instance(new Store(same), load('(module (func (export "f") (result i32) (i32.const 3)))').module).exports.f(), 3);
  t.is(Memory.fromShared(store, memory.share()), memory);
  const other = new Store(again.engine);
  const there = Memory.fromShared(other, memory.share());
  t.not(there, memory);
  t.is(Memory.fromShared(other, memory.share()), there);
  t.deepEqual(there.share(), memory.share());
  const instance = new Instance(other, again, { env: { m: there } });
  t.is(instance.exports.m, there);
  instance.exports.store(0, 9);
  t.is(exports.load(0), 9);
  const { exports: exporting } = start(`(module (memory (export "m") 1 1 shared))`);
  t.is(Memory.fromShared(other, exporting.m.share()).type.maximum, 1);
});

needing("threads")("what is no handle, and one of another kind, is a TypeError", (t) => {
  const { module, memory, store } = together();
  const wrong: unknown[] = [undefined, null, 5, "engine", Symbol("s"), {}, [], () => 1, engine, module, memory];
  for (const kind of ["engine", "module", "memory"]) {
    const key = "0".repeat(32);
    wrong.push(
      { kind },
      { kind, key: "" },
      { kind, key },
      { kind, key: 5 },
      { kind, key: null },
      { kind, key: { toString: () => key } },
    );
    wrong.push({ kind, key: "__proto__" }, { kind, key: "x".repeat(100_000) });
  }
  wrong.push(
    { key: engine.share().key },
    { kind: "store", key: engine.share().key },
    { kind: ["engine"], key: engine.share().key },
  );
  const all = { engine: engine.share(), module: module.share(), memory: memory.share() };
  const finds: [kind: string, find: (handle: any) => unknown][] = [
    ["engine", Engine.fromShared],
    ["module", Module.fromShared],
    ["memory", (handle) => Memory.fromShared(store, handle)],
  ];
  for (const [kind, find] of finds) {
    for (const handle of wrong) t.throws(() => find(handle), typeError, `${kind} ${show(handle)?.slice(0, 80)}`);
    for (const [other, handle] of Object.entries(all))
      if (other !== kind) t.throws(() => find(handle), typeError, `${kind} ${other}`);
    const error = new Error("mine");
    for (const name of ["kind", "key"]) {
      const getting = Object.defineProperty({ kind, key: "x" }, name, {
        get() {
          throw error;
        },
      });
      t.is(
        thrown(() => find(getting)),
        error,
      );
    }
  }
  t.notThrows(() => Engine.fromShared(Object.create(all.engine)));
});

needing("threads")("Memory.fromShared wants a store, an open one, of the memory's engine", (t) => {
  const handle = shared().share();
  for (const wrong of [engine, undefined, null, {}, handle])
    t.throws(() => Memory.fromShared(wrong as any, handle), typeError, show(wrong));
  t.throws(() => Memory.fromShared(new Store(new Engine()), handle), { ...typeError, message: /engine/ });
  const store = fresh();
  const late = {
    kind: "memory" as const,
    get key() {
      store.dispose();
      return handle.key;
    },
  };
  t.throws(() => Memory.fromShared(store, late), { instanceOf: ClosedError });
  t.throws(() => Memory.fromShared(store, handle), { instanceOf: ClosedError });
});

test("a memory that is not shared has no handle", (t) => {
  for (const memory of [new Memory(fresh(), { initial: 1 }), start(`(module (memory (export "m") 1))`).exports.m]) {
    t.throws(() => memory.share(), { ...typeError, message: /shared/ });
  }
});

needing("threads")("share and fromShared refuse objects of other classes", (t) => {
  const { memory, module } = together();
  for (const [owner, objects] of [
    [Engine, [module, memory, {}, null]],
    [Module, [engine, memory, {}, null]],
    [Memory, [engine, module, {}, null]],
  ] as const) {
    for (const object of objects) t.throws(() => (owner.prototype as any).share.call(object), { instanceOf: TypeError });
  }
});

needing("threads")("handles of what is gone are a TypeError, and what others hold is not gone", (t) => {
  const script = `
    import { Engine, Instance, Memory, Module, Store } from "@cwasm/wasmtime";
    const rest = async () => { for (let i = 0; i < 8; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); } };
    const caught = (f) => { try { f(); return "found" } catch (error) { return error.constructor.name + " " + error.code + " " + /no such/.test(error.message) } };
    const make = () => { const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), store = new Store(engine); return { engine, module, memory: new Memory(store, { initial: 1, maximum: 1, shared: true }) } };
    const share = (all) => Object.values(all).map((thing) => thing.share());
    const lost = (() => share(make()))();
    let all = make();
    const [engine, module, memory] = share(all);
    await rest();
    const here = new Store(Engine.fromShared(engine));
    const result = [caught(() => Engine.fromShared(lost[0])), caught(() => Module.fromShared(lost[1])), caught(() => Memory.fromShared(here, lost[2]))];
    let mine = Memory.fromShared(here, memory), again = Module.fromShared(module);
    mine.atomicStore("i32", 0, 5);
    all = undefined;
    await rest();
    result.push(caught(() => Module.fromShared(module)), caught(() => Memory.fromShared(here, memory)), mine.atomicLoad("i32", 0), new Instance(new Store(again.engine), again).exports.f());
    again = undefined;
    await rest();
    result.push(caught(() => Module.fromShared(module)));
    console.log(JSON.stringify(result));`;
  const gone = "TypeError ERR_INVALID_ARG_TYPE true";
  const result = nodeJson(t, script, {
    flags: ["--expose-gc"],
    values: { file: artifact(`(module (func (export "f") (result i32) (i32.const 6)))`) },
  });
  t.deepEqual(result, [gone, gone, gone, "found", "found", 5, 6, gone]);
});

needing("threads")("resident memory is flat over thousands of handles, engines and shared memories", (t) => {
  t.timeout(240_000);
  const script = `
    import { Engine, Instance, Memory, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), figures = [];
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 500; i++) {
        const store = new Store(engine), memory = new Memory(store, { initial: 1, maximum: 1, shared: true });
        const other = new Store(Engine.fromShared(engine.share())), mine = Memory.fromShared(other, memory.share());
        new Instance(other, Module.fromShared(module.share()), { env: { m: mine } });
        mine.atomicStore("i32", 0, i);
        if (memory.atomicWait("i32", 0, i, 0) !== "timed-out" || memory.atomicNotify(0) !== 0) throw new Error("wrong");
        if (i % 20 === 0) { gc(); await new Promise(setImmediate); }
      }
      for (let i = 0; i < 3; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); }
      figures.push(Math.round(process.memoryUsage.rss() / 2 ** 18) / 4);
    }
    console.log(JSON.stringify(figures));`;
  const figures: number[] = nodeJson(t, script, {
    flags: ["--expose-gc"],
    values: { file: artifact(`(module (import "env" "m" (memory 1 1 shared)))`) },
  });
  t.log(figures.join(" "), "MB");
  t.true(figures.at(-1)! <= figures[2]! + 8.5, figures.join(" "));
});
