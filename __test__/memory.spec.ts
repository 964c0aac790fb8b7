// Linear memory: sizes, growth, copies, strings. Its view is in memory-view.spec.ts.

import test from "ava";
import { ClosedError, Memory, Store } from "../index.js";
import { collect, engineOf, rangeError, start, typeError } from "./helper.js";

const wat = `(module (import "env" "f" (func $f)) (memory (export "memory") 1 5)
  (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "call") (call $f)))`;
const fresh = (f: () => unknown = () => {}) => start(wat, { env: { f } });
const made = (type: object) => new Memory(new Store(engineOf()), type as any);

test("growth by no pages returns the size, and JavaScript's makes a new view as in the JS API", (t) => {
  const { exports } = fresh();
  const { buffer } = exports.memory;
  t.is(exports.memory.grow(0), 1);
  t.is(buffer.byteLength, 0);
  t.is(exports.memory.buffer.byteLength, 65536);
});

test("growth beyond the maximum is a RangeError, -1 to the guest, and leaves the view alone", (t) => {
  const { exports } = fresh();
  const { buffer } = exports.memory;
  t.throws(() => exports.memory.grow(5), rangeError);
  t.is(exports.grow(5), -1);
  t.is(exports.grow(-1), -1);
  t.is(exports.memory.buffer, buffer);
  t.is(buffer.byteLength, 65536);
});

for (const wrong of [-1, 0.5, NaN, Infinity, 2 ** 60, 2n ** 64n, -1n]) {
  test(`grow(${String(wrong)}${typeof wrong === "bigint" ? "n" : ""}) is a RangeError`, (t) => {
    t.throws(() => fresh().exports.memory.grow(wrong), rangeError);
  });
}

test("after dispose the view is empty and everything else throws ClosedError", (t) => {
  const { exports, store } = fresh();
  const { memory } = exports;
  const view = new Uint8Array(memory.buffer);
  store.dispose();
  t.is(view.length, 0);
  const uses = [
    () => memory.buffer,
    () => memory.byteLength,
    () => memory.pages,
    () => memory.type,
    () => memory.grow(0),
    () => memory.read(0, 1),
    () => memory.write(0, new Uint8Array(1)),
    () => memory.readString(0, 1),
    () => memory.writeString(0, "x"),
  ];
  for (const use of uses) t.throws(use, { instanceOf: ClosedError, code: "ERR_WASMTIME_CLOSED" }, String(use));
});

test("read copies and write copies", (t) => {
  const memory = made({ initial: 1 }) as any;
  memory.write(10, Uint8Array.of(1, 2, 3));
  const copy = memory.read(9, 5);
  t.true(Buffer.isBuffer(copy));
  t.deepEqual([...copy], [0, 1, 2, 3, 0]);
  copy[1] = 9;
  t.is(memory.read(10, 1)[0], 1);
  memory.write(0, new Uint16Array([0x0201]));
  memory.write(2, new DataView(Uint8Array.of(0, 5, 6).buffer, 1));
  memory.write(4, Buffer.from("ab"));
  t.deepEqual([...memory.read(0, 6)], [1, 2, 5, 6, 97, 98]);
  memory.write(65536, new Uint8Array(0));
  t.is(memory.read(65536, 0).length, 0);
});

test("write takes a view of the same memory, overlapping or not", (t) => {
  const memory = made({ initial: 1 });
  memory.write(0, Uint8Array.of(1, 2, 3, 4));
  memory.write(1, new Uint8Array(memory.buffer, 0, 4));
  t.deepEqual([...memory.read(0, 5)], [1, 1, 2, 3, 4]);
});

const outside: [offset: number | bigint, length: number][] = [
  [65536, 1],
  [65535, 2],
  [0, 65537],
  [1e9, 3],
  [2 ** 53 - 1, 2 ** 53 - 1],
  [2n ** 64n - 1n, 1],
];
for (const [offset, length] of outside) {
  test(`${length} bytes at ${offset} are a RangeError`, (t) => {
    const memory = made({ initial: 1 });
    const error = { ...rangeError, message: /65536/ };
    t.throws(() => memory.read(offset, length), error);
    t.throws(() => memory.readString(offset, length), error);
    if (length > 1e6) return;
    memory.write(0, new Uint8Array(65536).fill(1));
    t.throws(() => memory.write(offset, new Uint8Array(length)), error);
    t.throws(() => memory.writeString(offset, "x".repeat(length)), error);
    t.deepEqual(new Set(memory.read(0, 65536)), new Set([1]), "nothing is written");
  });
}

test("wrong arguments are a TypeError or RangeError with a code", (t) => {
  const memory = made({ initial: 1 }) as any;
  for (const wrong of [undefined, null, "0", {}, [], Symbol("s"), true]) {
    for (const use of [
      () => memory.read(wrong, 1),
      () => memory.read(0, wrong),
      () => memory.write(wrong, new Uint8Array(1)),
      () => memory.write(0, wrong),
      () => memory.readString(wrong, 1),
      () => memory.readString(0, wrong),
      () => memory.writeString(wrong, ""),
      () => memory.grow(wrong),
    ]) {
      t.throws(use, typeError, `${String(use)} ${String(wrong)}`);
    }
  }
  for (const wrong of [undefined, null, 5, {}]) t.throws(() => memory.writeString(0, wrong), typeError);
  for (const wrong of [5, "fatal", { fatal: 1 }]) t.throws(() => memory.readString(0, 1, wrong), typeError);
  for (const wrong of [-1, 0.5, NaN]) t.throws(() => memory.read(wrong, 1), rangeError);
});

const strings = ["", "plain", "höhe ☃ 😀", "nul\0nul", "\ufeffmark", "a".repeat(10_000)];
for (const text of strings) {
  test(`the string ${JSON.stringify(text.slice(0, 12))} is written as UTF-8 and read back`, (t) => {
    const memory = made({ initial: 1 });
    const bytes = Buffer.from(text);
    t.is(memory.writeString(8, text), bytes.length);
    t.deepEqual(memory.read(8, bytes.length), bytes);
    t.is(memory.read(8 + bytes.length, 1)[0], 0);
    t.is(memory.readString(8, bytes.length), text);
    t.is(memory.readString(8, bytes.length, { fatal: true }), text);
  });
}

const wrongUtf8 = [[0xff], [0xc3], [0xe2, 0x82], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x61, 0x80, 0x62]];
for (const bytes of wrongUtf8) {
  test(`the bytes ${Buffer.from(bytes).toString("hex")} are read as TextDecoder reads them`, (t) => {
    const memory = made({ initial: 1 });
    memory.write(0, Uint8Array.from(bytes));
    t.is(memory.readString(0, bytes.length), new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes)));
    t.throws(() => memory.readString(0, bytes.length, { fatal: true }), { instanceOf: TypeError });
  });
}

test("a lone surrogate is written as U+FFFD", (t) => {
  const memory = made({ initial: 1 });
  t.is(memory.writeString(0, "\ud800"), 3);
  t.is(memory.readString(0, 3), "\ufffd");
});

const types: [what: string, type: unknown, error: typeof typeError | typeof rangeError][] = [
  ["no type", undefined, typeError],
  ["no initial size", {}, typeError],
  ["a size that is no number", { initial: "1" }, typeError],
  ["a negative size", { initial: -1 }, rangeError],
  ["a maximum below the initial size", { initial: 2, maximum: 1 }, rangeError],
  ["more than 4 GiB", { initial: 65537 }, rangeError],
  ["an address that is none", { initial: 1, address: "i16" }, typeError],
];
for (const [what, type, error] of types) {
  test(`new Memory refuses ${what}`, (t) => {
    t.throws(() => made(type as object), error);
  });
}

test("the type says what it was made with", (t) => {
  const memory = made({ initial: 2, maximum: 7 });
  memory.grow(1);
  t.deepEqual(memory.type, { initial: 2, maximum: 7, address: "i32", shared: false, pageSize: 65536 });
  t.is(memory.pages, 3);
});

test("a 64-bit memory is used with bigints, and has no view as it may move", (t) => {
  const memory = made({ initial: 1n, address: "i64" });
  t.is(memory.pages, 1n);
  t.is(memory.grow(1n), 1n);
  memory.write(65536n, Uint8Array.of(5));
  t.is(memory.read(65536, 1)[0], 5);
  t.throws(() => memory.buffer, { ...typeError, message: /read and write/ });
});

test("a memory outlives its store's own object for as long as it is held", (t) => {
  const { memory } = fresh().exports;
  const { buffer } = memory;
  for (let i = 0; i < 3; i++) collect();
  memory.write(0, Uint8Array.of(1));
  t.is(new Uint8Array(buffer)[0], 1);
});
