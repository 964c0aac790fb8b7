// The kinds of memories and tables that newer proposals bring: 64-bit ones, pages of a byte, several in a module.

import test from "ava";
import { Instance, LinkError, Memory, RefType, Store, Table, type Trap } from "../index.js";
import { collect, load, needing, rangeError, start, thrown, typeError, wrap } from "./helper.js";
import { fresh, show } from "./shared-guest.js";

// ---- 64-bit memories and tables

const wide = `(module (memory (export "m") i64 1 3)
  (table (export "t") i64 2 5 externref) (table $f (export "f") i64 1 funcref)
  (func (export "byte") (param i64) (result i32) (i32.load8_u (local.get 0)))
  (func (export "size") (result i64) (memory.size)) (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "get") (param i64) (result externref) (table.get 0 (local.get 0)))
  (func (export "length") (result i64) (table.size 0))
  (func (export "call") (param i64) (result i32) (call_indirect $f (result i32) (local.get 0))))`;

needing("gc")("a 64-bit memory has sizes and offsets as bigints, and takes numbers", (t) => {
  const { exports } = start(wide);
  const { m } = exports;
  t.deepEqual(m.type, { initial: 1n, maximum: 3n, address: "i64", shared: false, pageSize: 65536 });
  t.is(m.pages, 1n);
  m.write(65_535n, Uint8Array.of(9));
  t.deepEqual([m.read(65_535n, 1)[0], m.read(65_535, 1)[0], exports.byte(65_535n)], [9, 9, 9]);
  t.deepEqual([m.grow(1n), m.grow(1), exports.size(), m.pages], [1n, 2n, 3n, 3n]);
  t.is(exports.grow(1n), -1n);
  t.is(m.writeString(65_540n, "hi"), 2);
  t.is(m.readString(65_540n, 2), "hi");
  for (const wrong of [3n * 65_536n, 2n ** 64n - 1n, 2n ** 63n, 2 ** 53 - 1, -1n, 2n ** 64n]) {
    t.throws(() => m.read(wrong, 1), rangeError, String(wrong));
    t.throws(() => m.write(wrong, new Uint8Array(1)), rangeError, String(wrong));
  }
  for (const wrong of [1n, 2n ** 48n, 2n ** 64n - 1n, 2n ** 64n, -1n]) t.throws(() => m.grow(wrong), rangeError, String(wrong));
  t.is((thrown(() => exports.byte(2n ** 63n)) as Trap).trapCode, "memoryOutOfBounds");
  t.is((thrown(() => exports.byte(-1n)) as Trap).trapCode, "memoryOutOfBounds");
});

test("a 64-bit memory that JavaScript makes is imported as one, and described", (t) => {
  const { module, engine } = load(
    `(module (import "e" "m" (memory i64 1 2)) (export "m" (memory 0)) (func (export "size") (result i64) (memory.size)))`,
  );
  const store = new Store(engine);
  const m = new Memory(store, { initial: 1n, maximum: 2n, address: "i64" });
  const { exports } = new Instance(store, module, { e: { m } });
  t.is(exports.m, m);
  t.is(exports.size(), 1n);
  t.deepEqual(module.imports[0]!.type, { initial: 1n, maximum: 2n, address: "i64", shared: false, pageSize: 65536 });
  t.throws(() => new Instance(store, module, { e: { m: new Memory(store, { initial: 1, maximum: 2 }) } }), {
    instanceOf: LinkError,
  });
  const narrow = load(`(module (import "e" "m" (memory 1 2)))`).module;
  t.throws(() => new Instance(store, narrow, { e: { m } }), { instanceOf: LinkError });
  t.is(new Memory(store, { initial: 0, maximum: 2 ** 40, address: "i64" }).type.maximum, 2n ** 40n);
  for (const type of [
    { initial: 2n ** 64n },
    { initial: -1n },
    { initial: 2n, maximum: 1n },
    { initial: 2n ** 62n },
    { initial: 2n ** 64n - 1n },
  ]) {
    t.throws(
      () => new Memory(store, { ...type, address: "i64" }),
      rangeError,
      show({ ...type, initial: String(type.initial), maximum: 0 }),
    );
  }
});

needing("gc")("a 64-bit table has lengths and indices as bigints, and takes numbers", (t) => {
  const { exports, store } = start(wide);
  const { t: table, f } = exports;
  t.deepEqual(table.type, { element: "externref", initial: 2n, maximum: 5n, address: "i64" });
  table.set(1n, "one");
  t.deepEqual([table.length, table.get(1n), table.get(1), exports.get(1n)], [2n, "one", "one", "one"]);
  t.deepEqual([table.grow(1n, "new"), table.grow(1), table.length, exports.length()], [2n, 3n, 4n, 4n]);
  t.deepEqual([table.get(2n), table.get(3n)], ["new", undefined]);
  f.set(
    0n,
    wrap(store, [], ["i32"], () => 42),
  );
  t.is(exports.call(0n), 42);
  t.is((thrown(() => exports.call(2n ** 32n)) as Trap).trapCode, "tableOutOfBounds");
  for (const wrong of [4n, 4, 2n ** 32n, 2n ** 64n - 1n, -1n, 2n ** 64n, 0.5]) {
    t.throws(() => table.get(wrong), rangeError, String(wrong));
    t.throws(() => table.set(wrong, 1), rangeError, String(wrong));
  }
  for (const wrong of [2n, 2n ** 60n, 2n ** 64n - 1n, 2n ** 64n, -1n])
    t.throws(() => table.grow(wrong), rangeError, String(wrong));
  t.is(table.length, 4n);
});

needing("gc")("a 64-bit table that JavaScript makes is imported as one", (t) => {
  const { module, engine } = load(
    `(module (import "e" "t" (table i64 1 2 externref)) (export "t" (table 0)) (func (export "get") (result externref) (table.get 0 (i64.const 0))))`,
  );
  const store = new Store(engine);
  const table = new Table(store, { element: "externref", initial: 1n, maximum: 2n, address: "i64" }, "init");
  const { exports } = new Instance(store, module, { e: { t: table } });
  t.deepEqual([exports.t === table, exports.get()], [true, "init"]);
  t.throws(() => new Instance(store, module, { e: { t: new Table(store, { element: "externref", initial: 1, maximum: 2 }) } }), {
    instanceOf: LinkError,
  });
  t.is(new Table(store, { element: "anyref", initial: 0, maximum: 2n ** 64n - 1n, address: "i64" }).type.maximum, 2n ** 64n - 1n);
  for (const type of [{ initial: 2n ** 63n }, { initial: 2n ** 64n }, { initial: 2n, maximum: 1n }]) {
    t.throws(() => new Table(store, { element: "funcref", address: "i64", ...type }), rangeError, String(type.initial));
  }
  t.is(new Table(store, { element: RefType.struct(engine, []), initial: 1n, address: "i64" }).get(0n), null);
});

// ---- pages of a byte, several memories

const small = `(module (memory (export "m") 10 100 (pagesize 1)) (memory (export "big") 1)
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))) (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`;

test("a memory with pages of a byte grows by bytes, and ends where it ends", (t) => {
  const { exports, module } = start(small);
  const { m } = exports;
  t.deepEqual(m.type, { initial: 10, maximum: 100, address: "i32", shared: false, pageSize: 1 });
  t.deepEqual(module.exports[0]!.type, m.type);
  t.deepEqual([m.pages, m.byteLength, exports.size()], [10, 10, 10]);
  m.write(9, Uint8Array.of(5));
  t.is(exports.byte(9), 5);
  for (const at of [10, 11, 65_535]) {
    t.throws(() => m.read(at, 1), rangeError);
    t.is((thrown(() => exports.byte(at)) as Trap).trapCode, "memoryOutOfBounds", String(at));
  }
  t.throws(() => m.write(8, new Uint8Array(3)), { ...rangeError, message: /10 bytes/ });
  const { buffer } = m;
  t.is(buffer.byteLength, 10);
  t.is(m.grow(3), 10);
  t.is(exports.grow(4), 13);
  t.deepEqual([buffer.byteLength, m.buffer.byteLength, m.byteLength], [0, 17, 17]);
  t.is(new Uint8Array(m.buffer)[9], 5);
  t.throws(() => m.grow(84), rangeError);
  t.is(exports.grow(84), -1);
  t.is(exports.grow(83), 17);
  t.is(m.byteLength, 100);
  t.deepEqual([m.atomicRmw("i32", "add", 96, 5), m.atomicLoad("i32", 96)], [0, 5]);
});

test("a memory with pages of a byte that JavaScript makes is imported as one", (t) => {
  const { module, engine } = load(`(module (import "e" "m" (memory 10 20 (pagesize 1))) (export "m" (memory 0)))`);
  const store = new Store(engine);
  const m = new Memory(store, { initial: 10, maximum: 20, pageSize: 1 });
  t.is(new Instance(store, module, { e: { m } }).exports.m, m);
  t.throws(() => new Instance(store, module, { e: { m: new Memory(store, { initial: 10, maximum: 20 }) } }), {
    instanceOf: LinkError,
  });
  t.throws(() => new Instance(store, load(`(module (import "e" "m" (memory 0)))`).module, { e: { m } }), {
    instanceOf: LinkError,
  });
  t.is(new Memory(store, { initial: 1, pageSize: 65_536 }).byteLength, 65_536);
  t.is(new Memory(store, { initial: 0, pageSize: 1 }).byteLength, 0);
  const free = new Memory(store, { initial: 1, pageSize: 1 });
  t.deepEqual([free.grow(70_000), free.byteLength, free.buffer.byteLength], [1, 70_001, 70_001]);
  const wide = new Memory(store, { initial: 3n, maximum: 2n ** 64n - 1n, pageSize: 1, address: "i64" });
  t.deepEqual([wide.grow(2n), wide.pages, wide.byteLength], [3n, 5n, 5]);
  for (const pageSize of [0, 2, 4096, 65_535, 131_072, -1, NaN, 1.5])
    t.throws(() => new Memory(store, { initial: 1, pageSize }), rangeError, String(pageSize));
  for (const pageSize of ["1", null, {}, true])
    t.throws(() => new Memory(store, { initial: 1, pageSize: pageSize as any }), typeError, show(pageSize));
  t.throws(() => new Memory(store, { initial: 2 ** 32 + 1, pageSize: 1 }), rangeError);
});

test("limits count the bytes of small pages", (t) => {
  const store = fresh({ limits: { memoryBytes: 1000 } });
  const m = new Memory(store, { initial: 900, pageSize: 1 });
  t.is(m.grow(100), 900);
  t.throws(() => m.grow(1), rangeError);
  t.is(m.byteLength, 1000);
});

needing("threads")("several memories of a module are several objects, each with its own kind, growth and view", (t) => {
  const { exports, module } =
    start(`(module (memory $a (export "a") 1 4) (memory $b (export "b") 2) (memory $c (export "c") i64 1)
    (memory $d (export "d") 3 9 (pagesize 1)) (memory $e (export "e") 1 2 shared) (export "again" (memory $a))
    (func (export "copy") (memory.copy $b $a (i32.const 8) (i32.const 0) (i32.const 4)) (memory.copy $e $a (i32.const 8) (i32.const 0) (i32.const 4)))
    (func (export "growB") (result i32) (memory.grow $b (i32.const 1)))
    (func (export "sizes") (result i32 i32 i64 i32 i32) (memory.size $a) (memory.size $b) (memory.size $c) (memory.size $d) (memory.size $e)))`);
  const { a, b, c, d, e } = exports;
  t.is(new Set([a, b, c, d, e]).size, 5);
  t.is(exports.again, a);
  t.deepEqual(exports.sizes(), [1, 2, 1n, 3, 1]);
  t.deepEqual(
    module.exports.slice(0, 5).map(({ type }: any) => [type.initial, type.address, type.shared, type.pageSize]),
    [
      [1, "i32", false, 65536],
      [2, "i32", false, 65536],
      [1n, "i64", false, 65536],
      [3, "i32", false, 1],
      [1, "i32", true, 65536],
    ],
  );
  a.write(0, Uint8Array.of(1, 2, 3, 4));
  exports.copy();
  collect();
  t.deepEqual([...b.read(8, 4), ...e.read(8, 4)], [1, 2, 3, 4, 1, 2, 3, 4]);
  const [viewA, viewB] = [a.buffer, b.buffer];
  exports.growB();
  t.deepEqual([a.buffer === viewA, viewB.byteLength, b.buffer.byteLength], [true, 0, 3 * 65536]);
  d.grow(6);
  e.grow(1);
  t.deepEqual(exports.sizes(), [1, 3, 1n, 9, 2]);
  t.is(a.buffer, viewA);
});
