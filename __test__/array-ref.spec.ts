// ArrayRef: elements of every type, what an array is made of, and how much of them a store has room for.

import { ArrayRef, Global, RefType, Store } from "../index.js";
import { collect, needing, rangeError, start, thrown, typeError } from "./helper.js";
import { all, bytes, engine, fresh, show } from "./ref-guest.js";

const test = needing("gc");

const elements: [type: string, given: unknown[], becomes: unknown[]][] = [
  ["i8", [0, 255, 256, -1, "7"], [0, 255, 0, 255, 7]],
  ["i16", [65_535, 65_536, -1], [65_535, 0, 65_535]],
  ["i32", [2 ** 31, 1.9, null, undefined], [-(2 ** 31), 1, 0, 0]],
  ["i64", [2n ** 63n, -1n, "5"], [-(2n ** 63n), -1n, 5n]],
  ["f32", [0.1, 1e300, -0], [Math.fround(0.1), Infinity, -0]],
  ["f64", [0.1, NaN, -0], [0.1, NaN, -0]],
  ["externref", [null, undefined, engine, "s", 5, -0], [null, undefined, engine, "s", 5, -0]],
  ["anyref", [null, undefined, engine, 7n, true], [null, undefined, engine, 7n, true]],
  ["i31ref", [null, 0, -1], [null, 0, -1]],
];
for (const [type, given, becomes] of elements) {
  test(`an array of ${type} has the values it was made of, and takes others`, (t) => {
    const store = fresh();
    const ty = RefType.array(engine, { type, mutable: true });
    const array = new ArrayRef(store, ty, given);
    collect();
    t.is(array.length, given.length);
    for (const [i, value] of becomes.entries()) t.true(Object.is(array.get(i), value), `${i}: ${show(array.get(i))}`);
    for (const [i, value] of [...given].reverse().entries()) array.set(i, value);
    for (const [i, value] of [...becomes].reverse().entries())
      t.true(Object.is(array.get(i), value), `${i}: ${show(array.get(i))}`);
    t.true(array.type.matches(ty));
    t.false(array.type.nullable);
    const constant = new ArrayRef(store, RefType.array(engine, { type }), given);
    t.throws(() => constant.set(0, given[0]), { ...typeError, message: /constant/ });
    t.throws(() => constant.set(given.length, given[0]), rangeError);
  });
}

test("an array of v128, of nested arrays and of functions", (t) => {
  const { exports, store } = start(all);
  const vectors = new ArrayRef(store, RefType.array(engine, { type: "v128", mutable: true }), [bytes(1), bytes(2)]);
  vectors.set(0, vectors.get(1));
  t.deepEqual([vectors.get(0), vectors.get(1)], [bytes(2), bytes(2)]);
  const ints = RefType.array(engine, { type: "i32", mutable: true });
  const nested = new ArrayRef(store, RefType.array(engine, { type: ints, mutable: true }), [exports.ints(), null]);
  t.is(nested.get(0).get(1), 2);
  nested.set(1, nested.get(0));
  t.is(nested.get(1), nested.get(0));
  nested.get(1).set(0, 9);
  t.is(nested.get(0).get(0), 9);
  t.throws(() => nested.set(0, nested), typeError);
  t.throws(() => nested.set(0, [1]), typeError);
  const functions = new ArrayRef(store, RefType.array(engine, { type: "funcref", mutable: true }), [exports.inc, null]);
  t.is(functions.get(0), exports.inc);
  t.is(functions.get(0)(1), 2);
});

test("arrays are made of bytes, sets and generators, also of none and of many values", (t) => {
  const { exports, store } = start(`(module (type $b (array i8)) (type $i (array (mut i32)))
    (func (export "sum") (param (ref $b)) (result i32) (local i32 i32)
      (loop (if (i32.lt_u (local.get 1) (array.len (local.get 0))) (then
        (local.set 2 (i32.add (local.get 2) (array.get_u $b (local.get 0) (local.get 1))))
        (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br 1)))) (local.get 2))
    (func (export "big") (param i32) (result (ref $i)) (array.new $i (i32.const 3) (local.get 0))))`);
  const type = RefType.array(engine, { type: "i8" });
  t.is(exports.sum(new ArrayRef(store, type, Buffer.from("hello"))), 532);
  t.is(exports.sum(new ArrayRef(store, type, new Set(["1", "2", "3"]))), 6);
  t.is(exports.sum(new ArrayRef(store, type, new Map([["5", 1]]).keys())), 5);
  t.is(exports.sum(new ArrayRef(store, type, [])), 0);
  t.is(exports.sum(new ArrayRef(store, type, new Uint8Array(50_000).fill(2))), 100_000);
  const empty = new ArrayRef(store, type, []);
  t.is(empty.length, 0);
  t.throws(() => empty.get(0), rangeError);
  const big = exports.big(3_000_000) as ArrayRef;
  big.set(2_999_999, 8);
  t.deepEqual([big.length, big.get(2_999_999), big.get(2_999_998)], [3_000_000, 8, 3]);
});

test("structs and arrays beyond the store's limit are a MemoryLimitError, and the store goes on", (t) => {
  const store = new Store(engine, { limits: { memoryBytes: 1 << 20 } });
  const type = RefType.array(engine, { type: "i64" });
  const kept: unknown[] = [];
  const error = thrown(() => {
    for (;;) kept.push(new ArrayRef(store, type, new Array(1000).fill(0n)));
  }) as any;
  t.is(error.code, "ERR_WASMTIME_MEMORY_LIMIT", String(error));
  t.true(kept.length > 50 && kept.length < 131, String(kept.length));
  t.is((kept[0] as ArrayRef).get(999), 0n);
  t.is(new Global(store, { type: "i32" }, 5).value, 5);
});
