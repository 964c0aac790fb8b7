// Atomic operations of JavaScript on memories of every kind, and of guests beside them.

import { ClosedError, Memory, type Trap } from "../index.js";
import { needing, rangeError, thrown, typeError } from "./helper.js";
import { fresh, shared, show, together } from "./shared-guest.js";

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
const on = (name: string) => needing(...(name === "a shared memory" ? ["threads" as const] : []));
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

    on(name)(`every ${type} operation on ${name} returns what was, leaves what is, and wraps around`, (t) => {
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

    on(name)(`${type} is compared and exchanged on ${name}`, (t) => {
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

needing("threads")("values are converted as by a call, and little-endian", (t) => {
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
  needing("threads")(`${name} refuses places that are not aligned, outside or none, and types that are none`, (t) => {
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

needing("threads")("operations that are none are a TypeError", (t) => {
  const memory = shared() as any;
  for (const wrong of ["nand", "", "ADD", "toString", "__proto__", 0, null, undefined, {}]) {
    t.throws(() => memory.atomicRmw("i32", wrong, 0, 1), typeError, show(wrong));
  }
  t.is(memory.atomicLoad("i32", 0), 0);
});

needing("threads")("guests and JavaScript see each other's atomics", (t) => {
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
