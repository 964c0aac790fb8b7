// Threads: shared memories, atomics, and what workers share by handles. And the other kinds of memories and tables that newer
// proposals bring: 64-bit ones, pages of a byte, several in a module.

import test, { type ExecutionContext } from "ava";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import {
  ClosedError,
  Engine,
  Instance,
  LinkError,
  Linker,
  Memory,
  Module,
  RefType,
  Store,
  Table,
  Trap,
  features,
} from "../index.js";
import { artifact, collect, engineOf, load, nodeJson, rangeError, start, thrown, typeError, wrap } from "./helper.js";

const engine = engineOf();
const fresh = (options?: object) => new Store(engine, options);
const shared = (type: object = {}, store = fresh()) => new Memory(store, { initial: 1, maximum: 4, shared: true, ...type });
const show = (value: unknown) =>
  typeof value === "object" && value ? JSON.stringify(value) : `${typeof value} ${String(value)}`;

test("a build with threads has shared memories", (t) => {
  t.true(features.has("threads"), "all of these specs are about it");
});

const guest = `(module
  (import "env" "m" (memory 1 4 shared)) (export "m" (memory 0))
  (func (export "add") (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i32 i64) (result i64) (i64.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "wait") (param i32 i32 i64) (result i32) (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32) (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "count") (param i32 i32) (loop (drop (i32.atomic.rmw.add (local.get 0) (i32.const 1)))
    (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))`;

/** A guest with a shared memory that JavaScript has made. */
function together() {
  const { module, engine } = load(guest);
  const store = new Store(engine);
  const memory = shared({}, store);
  return { module, store, memory, exports: new Instance(store, module, { env: { m: memory } }).exports };
}

// ---- a shared memory by itself

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
  test(`a shared memory is refused with ${what}`, (t) => {
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

// ---- atomics

const operations: Record<string, (before: bigint, value: bigint) => bigint> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  xchg: (_, b) => b,
};
const kinds: [name: string, memory: () => Memory][] = [
  ["a shared memory", () => shared()],
  ["a memory that is not shared", () => new Memory(fresh(), { initial: 1 })],
  ["a 64-bit memory", () => new Memory(fresh(), { initial: 1, address: "i64" })],
];
for (const [name, make] of kinds) {
  for (const [type, bits] of [
    ["i32", 32],
    ["i64", 64],
  ] as const) {
    const from = (n: bigint) => (type === "i32" ? Number(BigInt.asIntN(32, n)) : BigInt.asIntN(64, n));
    const values = [
      0n,
      1n,
      -1n,
      2n ** BigInt(bits - 1) - 1n,
      -(2n ** BigInt(bits - 1)),
      0x0f0f0f0f0f0f0f0fn,
      2n ** BigInt(bits) - 2n,
    ];

    test(`every ${type} operation on ${name} returns what was, leaves what is, and wraps around`, (t) => {
      const memory = make();
      memory.write(0, new Uint8Array(32).fill(0xaa));
      for (const [operation, compute] of Object.entries(operations)) {
        for (const before of values) {
          for (const value of values) {
            memory.atomicStore(type, 8, from(before));
            const found = memory.atomicRmw(type, operation as "add", 8n, from(value));
            const is = memory.atomicLoad(type, 8);
            if (found !== from(before) || is !== from(compute(before, value)))
              t.fail(`${operation} ${before} ${value}: ${found} ${is}`);
          }
        }
      }
      const around = [...memory.read(0, 8), ...memory.read(8 + bits / 8, 8)];
      t.deepEqual(new Set(around), new Set([0xaa]), "nothing beside it");
    });

    test(`${type} is compared and exchanged on ${name}`, (t) => {
      const memory = make();
      for (const before of values) {
        for (const expected of values) {
          memory.atomicStore(type, 16, from(before));
          t.is(memory.atomicCompareExchange(type, 16, from(expected), from(7n)), from(before));
          t.is(memory.atomicLoad(type, 16), from(before) === from(expected) ? from(7n) : from(before));
        }
      }
    });
  }
}

test("values are converted as by a call, and little-endian", (t) => {
  const memory = shared();
  memory.atomicStore("i32", 0, "0x10" as any);
  t.is(memory.atomicLoad("i32", 0), 16);
  memory.atomicStore("i32", 0, 2 ** 32 + 0x01020304);
  t.deepEqual([...memory.read(0, 4)], [4, 3, 2, 1]);
  memory.atomicStore("i64", 8, -(2n ** 64n) - 2n);
  t.is(memory.atomicLoad("i64", 8), -2n);
  memory.atomicStore("i64", 8, true as any);
  t.is(memory.atomicRmw("i64", "add", 8, "5" as any), 1n);
  t.is(memory.atomicRmw("i32", "add", 0, undefined as any), 0x01020304);
  t.is(memory.atomicCompareExchange("i32", 0, { valueOf: () => 0x01020304 } as any, null as any), 0x01020304);
  t.is(memory.atomicLoad("i32", 0), 0);
});

type Use = (memory: any, type: unknown, offset: unknown, value: unknown) => unknown;
const uses: [name: string, use: Use][] = [
  ["atomicLoad", (m, type, offset) => m.atomicLoad(type, offset)],
  ["atomicStore", (m, type, offset, value) => m.atomicStore(type, offset, value)],
  ["atomicRmw", (m, type, offset, value) => m.atomicRmw(type, "add", offset, value)],
  ["atomicCompareExchange", (m, type, offset, value) => m.atomicCompareExchange(type, offset, value, value)],
  ["atomicWait", (m, type, offset, value) => m.atomicWait(type, offset, value, 0)],
];
for (const [name, use] of uses) {
  test(`${name} refuses places that are not aligned, outside or none, and types that are none`, (t) => {
    const memory = shared();
    memory.write(0, new Uint8Array(65_536).fill(0x11));
    const check = (type: unknown, offset: unknown, error: object) =>
      t.throws(() => use(memory, type, offset, type === "i64" ? 1n : 1), error, `${String(type)} ${String(offset)}`);
    for (const offset of [
      1,
      2,
      3,
      5,
      65_534,
      65_536,
      65_540,
      2 ** 32,
      2 ** 53 - 1,
      2n ** 64n - 4n,
      2n ** 64n,
      -4,
      -1n,
      0.5,
      NaN,
      Infinity,
    ]) {
      check("i32", offset, rangeError);
    }
    for (const offset of [1, 4, 12, 65_532, 65_536, 2n ** 64n - 8n]) check("i64", offset, rangeError);
    for (const offset of [undefined, null, "0", {}, { valueOf: () => 0 }, Symbol("s"), true]) check("i32", offset, typeError);
    for (const type of [
      "i8",
      "i16",
      "f32",
      "f64",
      "I32",
      "",
      "i32\0",
      "__proto__",
      32,
      null,
      undefined,
      {},
      Symbol("s"),
      ["i32"],
    ])
      check(type, 0, typeError);
    t.true(
      memory.read(0, 65_536).every((byte) => byte === 0x11),
      "nothing is written",
    );
    if (name === "atomicLoad") return;
    for (const wrong of [1n, Symbol("s"), Object.create(null)])
      t.throws(() => use(memory, "i32", 0, wrong), { instanceOf: TypeError });
    for (const wrong of [1, undefined, null, Symbol("s")])
      t.throws(() => use(memory, "i64", 0, wrong), { instanceOf: TypeError });
    const error = new Error("mine");
    const failing = {
      valueOf: () => {
        throw error;
      },
    };
    t.is(
      thrown(() => use(memory, "i32", 0, failing)),
      error,
    );
    const growing = shared();
    const store = fresh();
    const victim = shared({}, store);
    t.throws(() => use(victim, "i32", 0, { valueOf: () => (store.dispose(), 1) }), { instanceOf: ClosedError });
    t.is(use(growing, "i32", 0, { valueOf: () => (growing.grow(1), 1) }) === undefined, name === "atomicStore");
  });
}

test("operations that are none are a TypeError", (t) => {
  const memory = shared() as any;
  for (const wrong of ["nand", "", "ADD", "toString", "__proto__", 0, null, undefined, {}]) {
    t.throws(() => memory.atomicRmw("i32", wrong, 0, 1), typeError, show(wrong));
  }
  t.is(memory.atomicLoad("i32", 0), 0);
});

test("guests and JavaScript see each other's atomics", (t) => {
  const { memory, exports } = together();
  memory.atomicStore("i32", 16, 40);
  t.is(exports.add(16, 2), 40);
  t.is(memory.atomicRmw("i32", "sub", 16, 2), 42);
  t.is(exports.load(16), 40);
  exports.add64(24, -1n);
  t.is(memory.atomicLoad("i64", 24), -1n);
  t.is(exports.add64(24, 2n), -1n);
  t.is((thrown(() => exports.load(2)) as Trap).trapCode, "heapMisaligned");
  t.is((thrown(() => exports.load(65_536)) as Trap).trapCode, "memoryOutOfBounds");
});

// ---- waiting

test("a wait ends at once where the value is another, and by its timeout where nobody notifies", (t) => {
  const memory = shared();
  t.is(memory.atomicWait("i32", 0, 1), "not-equal");
  t.is(memory.atomicWait("i64", 8, -1n), "not-equal");
  t.is(memory.atomicWait("i32", 0, 2 ** 32, 0), "timed-out", "converted as by a call");
  for (const timeout of [0, -0, 5e-324, 1, 20]) {
    const start = performance.now();
    t.is(memory.atomicWait("i32", 0, 0, timeout), "timed-out");
    t.is(memory.atomicWait("i64", 0, 0n, timeout), "timed-out");
    const passed = performance.now() - start;
    t.true(passed >= 2 * timeout - 2 && passed < 2 * timeout + 2000, String(passed));
  }
  for (const forever of [Infinity, undefined, 1e22, Number.MAX_VALUE]) t.is(memory.atomicWait("i32", 0, 1, forever), "not-equal");
  for (const wrong of [-1, -Infinity, NaN]) t.throws(() => memory.atomicWait("i32", 0, 0, wrong), rangeError, String(wrong));
  for (const wrong of [null, "1", 1n, {}, true])
    t.throws(() => memory.atomicWait("i32", 0, 0, wrong as any), typeError, show(wrong));
});

test("only a shared memory can be waited on; a notification of another wakes nobody", (t) => {
  const memory = new Memory(fresh(), { initial: 1 });
  t.throws(() => memory.atomicWait("i32", 0, 0, 0), { ...typeError, message: /shared/ });
  t.throws(() => memory.atomicWait("i32", 0, 1), typeError);
  for (const each of [memory, shared()]) {
    t.is(each.atomicNotify(0), 0);
    t.is(each.atomicNotify(65_532n, 5), 0);
    t.is(each.atomicNotify(4, 0), 0);
    for (const wrong of [1, 2, 65_536, 65_534, -4, 0.5, 2n ** 64n - 4n])
      t.throws(() => each.atomicNotify(wrong), rangeError, String(wrong));
    for (const wrong of [-1, 0.5, NaN, 2 ** 32]) t.throws(() => each.atomicNotify(0, wrong), rangeError, String(wrong));
    for (const wrong of [null, "1", {}, true]) t.throws(() => each.atomicNotify(0, wrong as any), typeError, show(wrong));
    for (const wrong of [undefined, null, "0", {}]) t.throws(() => each.atomicNotify(wrong as any), typeError, show(wrong));
  }
});

test("a guest waits on a shared memory only, and ends by its timeout", (t) => {
  const { exports, memory } = together();
  t.is(exports.wait(0, 1, -1n), 1);
  t.is(exports.wait(0, 0, 1_000_000n), 2);
  t.is(exports.wait64(0, 0n, 0n), 2);
  t.is(exports.notify(0, 1), 0);
  t.is(memory.atomicNotify(0), 0);
  const own = start(
    `(module (memory 1) (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))))`,
  );
  t.is((thrown(own.exports.wait) as Trap).trapCode, "atomicWaitNonSharedMemory");
});

// ---- other threads

/** What a worker does before its own part: the guest on the memory it was given. */
const prelude = `
  const { parentPort, workerData } = await import("node:worker_threads");
  const { Engine, Instance, Linker, Memory, Module, Store, Trap } = await import("@cwasm/wasmtime");
  const post = (value) => parentPort.postMessage(value);
  const caught = (f) => { try { return f() } catch (error) { return error.trapCode ?? error.code ?? String(error) } };
  const module = workerData.module && Module.fromShared(workerData.module), engine = module?.engine;
  const store = module && new Store(engine), memory = workerData.memory && Memory.fromShared(store, workerData.memory);
  const exports = memory && new Instance(store, module, { env: { m: memory } }).exports;`;
// Data URLs have no folder to find packages from, and eval has the working directory.
function worker(t: ExecutionContext, body: string, workerData: object): Worker {
  const made = new Worker(
    `import("node:vm").then(() => (async () => {${prelude}\n${body}})()).catch((error) => { throw error })`,
    {
      eval: true,
      workerData,
    },
  );
  t.teardown(() => made.terminate());
  return made;
}
/** The first messages of workers. An error of one rejects. */
const messages = (...workers: Worker[]) => Promise.all(workers.map(async (each) => (await once(each, "message"))[0]));
const handles = ({ module, memory }: ReturnType<typeof together>) => ({ module: module.share(), memory: memory.share() });
const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

test("guests on several threads and JavaScript count in one memory exactly", async (t) => {
  const here = together();
  const body = `post("ready"); await new Promise((go) => parentPort.once("message", go));
    exports.count(64, 200_000); for (let i = 0; i < 2000; i++) { memory.atomicRmw("i64", "add", 72, 1n); exports.add64(72, 1n); } post("done");`;
  const workers = [worker(t, body, handles(here)), worker(t, body, handles(here))];
  await messages(...workers);
  const done = messages(...workers);
  for (const each of workers) each.postMessage("go");
  here.exports.count(64, 200_000);
  for (let i = 0; i < 2000; i++) here.memory.atomicRmw("i64", "add", 72, 1n);
  t.deepEqual(await done, ["done", "done"]);
  t.is(here.memory.atomicLoad("i32", 64), 600_000);
  t.is(here.memory.atomicLoad("i64", 72), 10_000n);
});

for (const [what, wait] of [
  ["a guest's wait of 32 bits", `["ok", "not-equal", "timed-out"][exports.wait(0, 0, -1n)]`],
  ["a guest's wait of 64 bits", `["ok", "not-equal", "timed-out"][exports.wait64(0, 0n, 60_000_000_000n)]`],
  ["atomicWait of 32 bits", `memory.atomicWait("i32", 0, 0)`],
  ["atomicWait of 64 bits", `memory.atomicWait("i64", 0n, 0n, 60_000)`],
] as const) {
  for (const [how, notify] of [
    ["atomicNotify", ({ memory }: ReturnType<typeof together>) => memory.atomicNotify(0, 1)],
    ["a guest's notify", ({ exports }: ReturnType<typeof together>) => exports.notify(0, 1)],
  ] as const) {
    test(`${what} in a worker is woken by ${how} here`, async (t) => {
      const here = together();
      const waiting = worker(t, `post("ready"); post(${wait});`, handles(here));
      await messages(waiting);
      const result = messages(waiting);
      while (notify(here) === 0) await pause(2);
      t.deepEqual(await result, ["ok"]);
      t.is(notify(here), 0);
    });
  }
}

test("atomicWait here is woken by a worker, which sees what was written before", async (t) => {
  const here = together();
  const body = `post("ready"); while (memory.atomicLoad("i32", 4) === 0); memory.write(100, Buffer.from("hello")); while (exports.notify(0, -1) === 0); post("done");`;
  const other = worker(t, body, handles(here));
  await messages(other);
  const done = messages(other);
  here.memory.atomicStore("i32", 4, 1);
  t.is(here.memory.atomicWait("i32", 0, 0, 60_000), "ok");
  t.is(here.memory.readString(100, 5), "hello");
  t.deepEqual(await done, ["done"]);
});

test("as many threads are woken as were asked for", async (t) => {
  const here = together();
  const workers = Array.from({ length: 3 }, () =>
    worker(t, `post("ready"); memory.atomicRmw("i32", "add", 8, 1); post(memory.atomicWait("i32", 0, 0));`, handles(here)),
  );
  await messages(...workers);
  const woken: unknown[] = [];
  for (const each of workers) each.on("message", (message) => woken.push(message));
  while (here.memory.atomicLoad("i32", 8) !== 3) await pause(2);
  await pause(100);
  t.is(here.memory.atomicNotify(0, 0), 0);
  t.is(here.memory.atomicNotify(4), 0, "another place");
  // All were about to wait, and may do so only now.
  for (let left = 2; left > 0; await pause(2)) left -= here.memory.atomicNotify(0, left);
  await pause(100);
  t.is(woken.length, 2);
  while (here.memory.atomicNotify(0) === 0) await pause(2);
  while (woken.length < 3) await pause(2);
  t.deepEqual(woken, ["ok", "ok", "ok"]);
});

test("a memory that one thread grows has grown for all, and keeps its bytes", async (t) => {
  const here = together();
  here.memory.writeString(0, "before");
  const body = `const before = memory.pages; exports.grow(1); memory.grow(1); exports.store(65536, 7);
    post([before, memory.readString(0, 6), caught(() => memory.grow(2)), memory.byteLength])`;
  const [result] = await messages(worker(t, body, handles(here)));
  t.deepEqual(result, [1, "before", "ERR_OUT_OF_RANGE", 3 * 65536]);
  t.deepEqual([here.memory.pages, here.exports.size(), here.exports.load(65_536)], [3, 3, 7]);
});

test("reading and writing while others write is in bounds and never stops", async (t) => {
  const here = together();
  const body = `const bytes = Buffer.alloc(3001, workerData.byte); post("ready");
    while (memory.atomicLoad("i32", 0) === 0) { memory.write(1001, bytes); memory.read(1003, 2999); memory.readString(1002, 100); } post("done");`;
  const workers = [0x61, 0x62].map((byte) => worker(t, body, { ...handles(here), byte }));
  await messages(...workers);
  const seen = new Set<number>();
  for (let i = 0; i < 300; i++) {
    for (const byte of here.memory.read(1001, 3001)) seen.add(byte);
    here.memory.writeString(999, "c".repeat(50));
    if (i % 100 === 0) here.memory.grow(1);
  }
  const done = messages(...workers);
  here.memory.atomicStore("i32", 0, 1);
  t.deepEqual(await done, ["done", "done"]);
  t.deepEqual(
    [...seen].filter((byte) => ![0, 0x61, 0x62, 0x63].includes(byte)),
    [],
  );
  t.is(here.memory.read(4002, 1)[0], 0);
});

test("a module that is shared runs in workers, with the engine it came with, and traps there", async (t) => {
  const { module } = load(`(module (import "e" "f" (func $f (param i32) (result i32))) (memory (export "m") 1)
    (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
    (func (export "oob") (result i32) (i32.load (i32.const -1))) (func $deep (export "deep") (call $deep)))`);
  const body = `const here = new Instance(store, module, { e: { f: (x) => x * 3 } }).exports;
    const linked = new Linker(module.engine).defineFunc("e", "f", { parameters: ["i32"], results: ["i32"] }, (x) => x + 1).instantiate(store, module).exports;
    let trapped = 0; for (let i = 0; i < 500; i++) if (caught(here.oob) === "memoryOutOfBounds") trapped++;
    post([here.call(5), linked.call(5), trapped, caught(here.deep), store.engine === engine, module.engine === engine, engine.profile, module.imports, module.exports.length,
      caught(() => new Instance(new Store(new Engine()), module, { e: { f() {} } }))])`;
  const results = messages(...Array.from({ length: 3 }, () => worker(t, body, { module: module.share() })));
  const { exports } = new Instance(new Store(module.engine), module, { e: { f: (x: number) => x } });
  for (let i = 0; i < 500; i++) t.is((thrown(exports.oob) as Trap).trapCode, "memoryOutOfBounds");
  for (const result of await results) {
    t.deepEqual(result, [15, 6, 500, "stackOverflow", true, true, "default", module.imports, 4, "ERR_INVALID_ARG_TYPE"]);
  }
});

test("an engine that is shared is the same engine in a worker", async (t) => {
  const own = new Engine({ profile: "sandbox" });
  const { module } = load(`(module (func (export "f") (result i32) (i32.const 5)))`, { engine: own });
  const memory = shared({}, new Store(own));
  memory.atomicStore("i32", 0, 77);
  const body = `const mine = Engine.fromShared(workerData.engine), loaded = Module.fromShared(workerData.shared), s = new Store(mine);
    post([mine.profile, mine.target, new Instance(s, loaded).exports.f(), Memory.fromShared(s, workerData.words).atomicLoad("i32", 0),
      Memory.fromShared(new Store(loaded.engine), workerData.words).atomicLoad("i32", 0), caught(() => Memory.fromShared(new Store(new Engine({ profile: "sandbox" })), workerData.words))])`;
  const [result] = await messages(worker(t, body, { engine: own.share(), shared: module.share(), words: memory.share() }));
  t.deepEqual(result, ["sandbox", own.target, 5, 77, 77, "ERR_INVALID_ARG_TYPE"]);
});

test("a worker shares things too, and they outlive it for who has them", async (t) => {
  const here = together();
  const body = `const own = new Memory(store, { initial: 1, maximum: 2, shared: true }); own.writeString(0, "from the worker");
    globalThis.kept = own; parentPort.once("message", () => process.exit()); post([own.share(), module.share(), engine.share(), memory.share()]);`;
  const other = worker(t, body, handles(here));
  const [[memory, module, workersEngine, same]] = await messages(other);
  t.deepEqual([module, same], [here.module.share(), here.memory.share()], "what came from here has the same handle");
  const mine = Memory.fromShared(here.store, memory);
  t.is(Memory.fromShared(here.store, same), here.memory);
  const engineToo = Engine.fromShared(workersEngine);
  other.postMessage("end");
  await once(other, "exit");
  t.is(mine.readString(0, 15), "from the worker");
  t.is(Memory.fromShared(new Store(engineToo), mine.share()).readString(0, 4), "from");
  t.is(new Instance(here.store, here.module, { env: { m: mine } }).exports.byte(0), 0x66);
});

test("many workers come and go on one memory", async (t) => {
  const here = together();
  for (let round = 0; round < 5; round++) {
    const workers = Array.from({ length: 4 }, () =>
      worker(t, `exports.count(0, 1000); store.dispose(); post("done")`, handles(here)),
    );
    await messages(...workers);
    await Promise.all(workers.map((each) => each.terminate()));
  }
  t.is(here.memory.atomicLoad("i32", 0), 20_000);
});

// ---- handles

test("a handle is a plain value of kind and key, the same one each time, that can be copied", (t) => {
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

test("on one thread a handle gives an equal engine and module, and each store's one object for a memory", (t) => {
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

test("what is no handle, and one of another kind, is a TypeError", (t) => {
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

test("Memory.fromShared wants a store, an open one, of the memory's engine", (t) => {
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

test("share and fromShared refuse objects of other classes", (t) => {
  const { memory, module } = together();
  for (const [owner, objects] of [
    [Engine, [module, memory, {}, null]],
    [Module, [engine, memory, {}, null]],
    [Memory, [engine, module, {}, null]],
  ] as const) {
    for (const object of objects) t.throws(() => (owner.prototype as any).share.call(object), { instanceOf: TypeError });
  }
});

test("handles of what is gone are a TypeError, and what others hold is not gone", (t) => {
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

test("resident memory is flat over thousands of handles, engines and shared memories", (t) => {
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

test("a worker that ends while it holds shared things leaves this process in order", (t) => {
  const script = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    import { Engine, Instance, Memory, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), store = new Store(engine);
    const memory = new Memory(store, { initial: 1, maximum: 4, shared: true }), { exports } = new Instance(store, module, { env: { m: memory } });
    const codes = new Set(), workerData = { module: module.share(), memory: memory.share() };
    for (const end of $(ends)) {
      for (let i = 0; i < 4; i++) {
        const worker = new Worker("(async () => {" + $(prelude) + end + "})()", { eval: true, workerData });
        worker.on("error", (error) => codes.add(error.message));
        const exit = once(worker, "exit");
        if (end.includes("for (;;)")) { await once(worker, "message"); await worker.terminate(); } else codes.add((await exit)[0]);
      }
    }
    memory.atomicStore("i32", 0, 0);
    exports.count(0, 100);
    console.log(JSON.stringify([[...codes], memory.atomicLoad("i32", 0)]));`;
  const ends = [
    "",
    "process.exit(0)",
    "globalThis.kept = [memory, module, engine.share()]",
    "store.dispose(); Memory.fromShared(new Store(engine), workerData.memory).atomicWait('i32', 4, 0, 20)",
    "post('ready'); for (;;) { exports.add(0, 1); caught(() => exports.load(1)); memory.read(0, 100); }",
    "post('ready'); for (;;) memory.atomicWait('i32', 4, 0, 1);",
  ];
  const result = nodeJson(t, script, { values: { file: artifact(guest), prelude, ends } });
  t.deepEqual(result, [[0], 100]);
});

test("a shared memory that JavaScript makes counts for no store's limits, as documented", (t) => {
  const store = fresh({ limits: { memoryBytes: 65_536 } });
  const memory = shared({ initial: 2 }, store);
  t.is(memory.grow(2), 2);
  t.throws(() => new Memory(store, { initial: 2 }), rangeError);
  t.throws(() => start(`(module (memory 2 2 shared))`, {}, { limits: { memoryBytes: 65_536 } }), { message: /memory limits/ });
});

// ---- 64-bit memories and tables

const wide = `(module (memory (export "m") i64 1 3)
  (table (export "t") i64 2 5 externref) (table $f (export "f") i64 1 funcref)
  (func (export "byte") (param i64) (result i32) (i32.load8_u (local.get 0)))
  (func (export "size") (result i64) (memory.size)) (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "get") (param i64) (result externref) (table.get 0 (local.get 0)))
  (func (export "length") (result i64) (table.size 0))
  (func (export "call") (param i64) (result i32) (call_indirect $f (result i32) (local.get 0))))`;

test("a 64-bit memory has sizes and offsets as bigints, and takes numbers", (t) => {
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

test("a 64-bit table has lengths and indices as bigints, and takes numbers", (t) => {
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

test("a 64-bit table that JavaScript makes is imported as one", (t) => {
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

test("several memories of a module are several objects, each with its own kind, growth and view", (t) => {
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
