// Shared memories by themselves: bytes, growth, what they are exported and imported as, and their end. What is atomic in them is in
// atomics.spec.ts, who shares them in share.spec.ts.

import always from "ava";
import { ClosedError, Instance, LinkError, Linker, Memory, features } from "../index.js";
import { isAnyLacking, load, needing, rangeError, start, thrown, typeError } from "./helper.js";
import { engine, fresh, guest, shared, together } from "./shared-guest.js";

const test = needing("threads");

always("a build with threads has shared memories", (t) => {
  t.true(features.has("threads") || isAnyLacking(thrown(shared)), "all of these specs are about it");
});

test("a shared memory has a type, pages, bytes and strings, and no buffer", (t) => {
  const memory = shared();
  t.deepEqual(memory.type, { initial: 1, maximum: 4, address: "i32", shared: true, pageSize: 65536 });
  t.deepEqual([memory.pages, memory.byteLength], [1, 65536]);
  t.throws(() => memory.buffer, { ...typeError, message: /read, write/ });
  t.is(memory.writeString(3, "höhe ☃"), 9);
  t.is(memory.readString(3, 9), "höhe ☃");
  for (const at of [4, 5]) t.throws(() => memory.readString(at, 1, { fatal: true }), { instanceOf: TypeError });
  memory.write(100, new Uint16Array([0x0201]) as any);
  t.deepEqual([...memory.read(99, 4)], [0, 1, 2, 0]);
});

test("bytes at every alignment and of every length are read and written in order, and no others", (t) => {
  const memory = shared();
  const source = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
  for (let at = 0; at < 10; at++) {
    for (let length = 0; length <= 40; length++) {
      memory.write(0, new Uint8Array(64).fill(0xee));
      memory.write(at, source.subarray(0, length));
      const all = memory.read(0, 64);
      const wanted = new Uint8Array(64).fill(0xee);
      wanted.set(source.subarray(0, length), at);
      if (Buffer.compare(all, wanted) !== 0) t.fail(`${at} ${length}`);
      if (Buffer.compare(memory.read(at, length), source.subarray(0, length)) !== 0) t.fail(`${at} ${length}`);
    }
  }
  memory.write(65_529, source.subarray(0, 7));
  t.deepEqual([...memory.read(65_529, 7)], [1, 2, 3, 4, 5, 6, 7]);
});

test("a shared memory grows in place, up to its maximum", (t) => {
  const { memory, exports } = together();
  memory.write(65_535, Uint8Array.of(7));
  t.is(memory.grow(0), 1);
  t.is(memory.grow(1), 1);
  t.is(exports.grow(1), 2);
  t.deepEqual([memory.pages, memory.byteLength, exports.size()], [3, 3 * 65536, 3]);
  t.throws(() => memory.grow(2), rangeError);
  t.is(exports.grow(2), -1);
  t.deepEqual([...memory.read(65_535, 2)], [7, 0]);
  memory.write(3 * 65536 - 1, Uint8Array.of(8));
  t.is(exports.byte(3 * 65536 - 1), 8);
  t.is(memory.type.initial, 1);
  for (const wrong of [-1, 0.5, NaN, 2 ** 60, 2n ** 64n]) t.throws(() => memory.grow(wrong), rangeError);
});

test("places outside of a shared memory are a RangeError, and nothing is written", (t) => {
  const memory = shared();
  for (const [offset, length] of [
    [65_536, 1],
    [65_535, 2],
    [0, 65_537],
    [2n ** 64n - 1n, 1],
    [2 ** 53 - 1, 8],
    [-1, 1],
    [0.5, 1],
  ] as const) {
    t.throws(() => memory.read(offset, length), rangeError);
    t.throws(() => memory.readString(offset, length), rangeError);
    t.throws(() => memory.write(offset, new Uint8Array(length).fill(9)), rangeError);
    t.throws(() => memory.writeString(offset, "9".repeat(length)), rangeError);
  }
  t.true(memory.read(0, 65_536).every((byte) => byte === 0));
  t.is(memory.read(65_536, 0).length, 0);
});

const types: [what: string, type: object, error: object][] = [
  ["no maximum", { maximum: undefined }, rangeError],
  ["a maximum below the initial size", { initial: 2, maximum: 1 }, rangeError],
  ["more than 4 GiB", { maximum: 65_537 }, rangeError],
  ["a shared that is no boolean", { shared: 1 }, typeError],
  ["pages of another size", { pageSize: 4096 }, rangeError],
];
for (const [what, type, error] of types) {
  always(`a shared memory is refused with ${what}`, (t) => {
    t.throws(() => shared(type), error);
  });
}

test("shared memories of no pages, of 64 bits and with pages of a byte", (t) => {
  const [none, other] = [shared({ initial: 0, maximum: 0 }), shared({ initial: 0, maximum: 0 })];
  t.not(none, other);
  t.deepEqual([none.byteLength, none.pages, none.read(0, 0).length], [0, 0, 0]);
  t.throws(() => none.atomicLoad("i32", 0), rangeError);
  const wide = shared({ address: "i64", initial: 1n, maximum: 2n });
  t.deepEqual([wide.pages, wide.grow(1n), wide.pages], [1n, 1n, 2n]);
  t.is(wide.atomicRmw("i64", "add", 131_064n, 5n), 0n);
  t.is(wide.atomicLoad("i64", 131_064), 5n);
  const bytes = shared({ initial: 7, maximum: 12, pageSize: 1 });
  t.deepEqual([bytes.pages, bytes.byteLength, bytes.grow(4), bytes.byteLength, bytes.type.pageSize], [7, 7, 7, 11, 1]);
  t.is(bytes.atomicLoad("i32", 4), 0);
  t.throws(() => bytes.atomicLoad("i32", 8), rangeError);
  t.throws(() => bytes.grow(2), rangeError);
});

test("what a module exports as a shared memory is one, the same each time and for all who import it", (t) => {
  const { exports, store } = start(`(module (memory (export "m") 1 4 shared) (memory (export "own") 1 4)
    (func (export "add") (result i32) (i32.atomic.rmw.add (i32.const 8) (i32.const 1))))`);
  t.deepEqual([exports.m.type.shared, exports.own.type.shared], [true, false]);
  t.is(exports.m, exports.m);
  exports.add();
  t.is(exports.m.atomicLoad("i32", 8), 1);
  const user = new Instance(store, load(guest).module, { env: { m: exports.m } }).exports;
  t.is(user.m, exports.m);
  t.is(user.add(8, 1), 1);
  t.is(exports.add(), 2);
  const linker = new Linker(engine).define("env", "m", exports.m);
  t.is(linker.get(store, "env", "m"), exports.m);
  t.is(linker.instantiate(store, load(guest).module).exports.m, exports.m);
});

test("a memory that is shared and one that is not do not go for each other", (t) => {
  const { module } = load(guest);
  const store = fresh();
  const plain = load(`(module (import "env" "m" (memory 1 4)))`).module;
  t.throws(() => new Instance(store, module, { env: { m: new Memory(store, { initial: 1, maximum: 4 }) } }), {
    instanceOf: LinkError,
  });
  t.throws(() => new Instance(store, plain, { env: { m: shared({}, store) } }), { instanceOf: LinkError });
  t.throws(() => new Instance(store, module, { env: { m: shared({ maximum: 5 }, store) } }), { instanceOf: LinkError });
  t.throws(() => new Instance(store, module, { env: { m: shared() } }), typeError, "of another store");
  t.throws(() => new Linker(engine).define("a", "b", shared()).define("a", "c", shared()), typeError);
});

test("after dispose every use of a shared memory throws ClosedError, also where it is another store's too", (t) => {
  const { memory, store } = together();
  const other = fresh();
  const same = Memory.fromShared(other, memory.share());
  store.dispose();
  const uses = [
    () => memory.byteLength,
    () => memory.pages,
    () => memory.type,
    () => memory.grow(0),
    () => memory.read(0, 1),
    () => memory.write(0, new Uint8Array(1)),
    () => memory.readString(0, 1),
    () => memory.writeString(0, "x"),
    () => memory.atomicLoad("i32", 0),
    () => memory.atomicStore("i32", 0, 1),
    () => memory.atomicRmw("i32", "add", 0, 1),
    () => memory.atomicCompareExchange("i32", 0, 0, 1),
    () => memory.atomicWait("i32", 0, 0, 0),
    () => memory.atomicNotify(0),
    () => new Memory(store, { initial: 1, maximum: 1, shared: true }),
  ];
  for (const use of uses) t.throws(use, { instanceOf: ClosedError, code: "ERR_WASMTIME_CLOSED" }, String(use));
  same.atomicStore("i32", 0, 5);
  t.is(same.atomicLoad("i32", 0), 5);
  other.dispose();
  t.throws(() => same.atomicLoad("i32", 0), { instanceOf: ClosedError });
});

test("a shared memory that JavaScript makes counts for no store's limits, as documented", (t) => {
  const store = fresh({ limits: { memoryBytes: 65_536 } });
  const memory = shared({ initial: 2 }, store);
  t.is(memory.grow(2), 2);
  t.throws(() => new Memory(store, { initial: 2 }), rangeError);
  t.throws(() => start(`(module (memory 2 2 shared))`, {}, { limits: { memoryBytes: 65_536 } }), { message: /memory limits/ });
});
