// What all instances of a module export is found out once, and objects are made of as little as will do: nobody sees it.

import test from "ava";
import { Global, Instance, Linker, Memory, Store, Table } from "../index.js";
import { collect, load, typeError } from "./helper.js";

const wat = `(module (import "env" "f" (func $f (result i32))) (memory (export "m") 1 4) (table (export "t") 1 funcref)
  (global (export "g") (mut i32) (i32.const 1)) (func (result i32) (i32.const 0))
  (func $own (export "own") (result i32) (call $f)) (export "again" (func $own)) (export "imported" (func $f)))`;
const type = { parameters: [], results: ["i32"] };

test("the exports of each instance are its own, and look alike, however many there were", (t) => {
  const { engine, module } = load(wat);
  let calls = 0;
  const pre = new Linker(engine).defineFunc("env", "f", type, () => ++calls).instantiatePre(module);
  const all = Array.from({ length: 50 }, () => new Store(engine)).map((store) => pre.instantiate(store));
  for (const [i, instance] of all.entries()) {
    const { exports } = instance;
    t.is(instance.exports, exports);
    t.deepEqual(Object.keys(exports), ["m", "t", "g", "own", "again", "imported"]);
    t.true(exports.m instanceof Memory && exports.t instanceof Table && exports.g instanceof Global);
    t.is(exports.again, exports.own);
    t.deepEqual([exports.own.name, exports.imported.name, exports.own.length], ["2", all[0]!.exports.imported.name, 0]);
    t.deepEqual(Object.getOwnPropertyDescriptor(exports.own, "name"), { value: "2", writable: false, enumerable: false, configurable: true });
    t.is(exports.own(), i + 1);
    exports.t.set(0, exports.own);
    t.is(exports.t.get(0), exports.own);
  }
  t.is(new Set(all.flatMap(({ exports }) => Object.values(exports))).size, 50 * 5);
});

test("modules that come and go have exports of their own", (t) => {
  for (let i = 0; i < 40; i++) {
    const { engine, module } = load(`(module (func (export "f${i % 4}") (result i32) (i32.const ${i % 4})))`);
    for (let j = 0; j < 20; j++) t.is(new Instance(new Store(engine), module).exports[`f${i % 4}`](), i % 4);
    collect();
  }
});

test("so many exports that there is no room for their numbers are all there", (t) => {
  const exports = Array.from({ length: 1500 }, (_, i) => `(func (export "f${i}") (result i32) (i32.const ${i}))`);
  const { engine, module } = load(`(module ${exports.join("\n")})`);
  for (let i = 0; i < 20; i++) {
    const { exports } = new Instance(new Store(engine), module);
    t.deepEqual([exports.f0(), exports.f1023(), exports.f1024(), exports.f1499(), exports.f7.name], [0, 1023, 1024, 1499, "7"]);
  }
});

test("a memory that an instance exports does all that a memory does", (t) => {
  const { engine, module } = load(`(module (memory (export "m") 1 4) (func (export "size") (result i32) (memory.size)))`);
  const store = new Store(engine);
  const { m, size } = new Instance(store, module).exports;
  t.deepEqual([m.byteLength, m.pages, m.buffer.byteLength, m.type.maximum], [65536, 1, 65536, 4]);
  t.is(m.buffer, m.buffer);
  t.deepEqual([m.grow(1), m.pages, size()], [1, 2, 2]);
  m.writeString(65536, "hello");
  t.is(Buffer.from(m.buffer).toString("utf8", 65536, 65541), "hello");
  const user = load(`(module (import "env" "m" (memory 1)) (export "same" (memory 0)) (func (export "at") (param i32) (result i32) (i32.load8_u (local.get 0))))`);
  const other = new Instance(store, user.module, { env: { m } }).exports;
  t.deepEqual([other.same === m, other.at(65536)], [true, 104]);
  const linked = new Linker(engine).define("env", "m", m);
  t.is(linked.instantiate(store, user.module).exports.same, m);
  t.is(linked.get(store, "env", "m"), m);
  t.throws(() => new Instance(new Store(engine), user.module, { env: { m } }), typeError);
  t.throws(() => (Memory as any).call(m, store, { initial: 1 }), { ...typeError, message: /without 'new'/ });
  const made = new Linker(engine).instantiate(store, module);
  t.throws(() => (Instance as any).call(made, store, module), { ...typeError, message: /without 'new'/ });
  store.dispose();
  t.throws(() => m.pages, { code: "ERR_WASMTIME_CLOSED" });
});
