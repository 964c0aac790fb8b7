// How values of each type cross: coercions are the JS API's.

import test from "ava";
import { Global, Store, features } from "../index.js";
import { engineOf, needing, start, thrown, typeError } from "./helper.js";

const types = ["i32", "i64", "f32", "f64", "v128", ...(features.has("gc") ? ["externref"] : []), "funcref"];
const imports = types.map((type) => `(import "env" "${type}" (func $${type} (param ${type}) (result ${type})))`);
const wat = `(module ${imports.join("\n")} ${types
  .map(
    (type) => `(func (export "${type}") (param ${type}) (result ${type}) (local.get 0))
      (func (export "host-${type}") (param ${type}) (result ${type}) (call $${type} (local.get 0)))`,
  )
  .join("\n")})`;

/** Where a value of a type can go in: as an argument, as a host function's result, into a global. */
function ways(type: string): [where: string, pass: (value: unknown) => unknown][] {
  let result: unknown;
  const { exports } = start(wat, { env: Object.fromEntries(types.map((name) => [name, () => result])) });
  const zero = { i64: 0n, v128: new Uint8Array(16), externref: null, funcref: null }[type] ?? 0;
  return [
    ["an argument", (value) => exports[type](value)],
    ["a host function's result", (value) => ((result = value), exports[`host-${type}`](zero))],
    [
      "a global",
      (value) => {
        const global = new Global(new Store(engineOf()), { type, mutable: true });
        global.value = value;
        return global.value;
      },
    ],
  ];
}

const valueOf = (value: unknown) => ({ valueOf: () => value });
const symbol = Symbol("s");
const max = 2n ** 63n - 1n;
const min = -(2n ** 63n);
const nan = NaN;

const coercions: Record<string, [given: unknown, becomes: unknown][]> = {
  i32: [
    [0, 0],
    [-0, 0],
    [1, 1],
    [-1, -1],
    [2 ** 31 - 1, 2 ** 31 - 1],
    [2 ** 31, -(2 ** 31)],
    [2 ** 32, 0],
    [2 ** 32 + 5, 5],
    [1e300, 0],
    [-1.9, -1],
    [1.9, 1],
    [nan, 0],
    [Infinity, 0],
    [-Infinity, 0],
    ["12", 12],
    ["0x10", 16],
    ["x", 0],
    ["", 0],
    [true, 1],
    [null, 0],
    [undefined, 0],
    [[], 0],
    [[7], 7],
    [{}, 0],
    [valueOf(5.5), 5],
    [new Date(7), 7],
  ],
  i64: [
    [0n, 0n],
    [-1n, -1n],
    [max, max],
    [min, min],
    [max + 1n, min],
    [2n ** 64n, 0n],
    [2n ** 64n - 1n, -1n],
    [-(2n ** 64n) - 3n, -3n],
    [2n ** 200n + 9n, 9n],
    ["12", 12n],
    ["0x10", 16n],
    ["", 0n],
    [true, 1n],
    [false, 0n],
    [[], 0n],
    [["5"], 5n],
    [valueOf(6n), 6n],
    [valueOf("7"), 7n],
  ],
  f32: [
    [0, 0],
    [-0, -0],
    [1.5, 1.5],
    [0.1, Math.fround(0.1)],
    [1e300, Infinity],
    [-1e300, -Infinity],
    [1e-50, 0],
    [-1e-50, -0],
    [2 ** -149, 2 ** -149],
    [16777217, 16777216],
    [3.4028234663852886e38, 3.4028234663852886e38],
    [nan, nan],
    [Infinity, Infinity],
    ["1.5", 1.5],
    ["x", nan],
    [true, 1],
    [null, 0],
    [undefined, nan],
    [{}, nan],
    [valueOf(0.5), 0.5],
  ],
  f64: [
    [0, 0],
    [-0, -0],
    [0.1, 0.1],
    [Number.MAX_VALUE, Number.MAX_VALUE],
    [Number.MIN_VALUE, Number.MIN_VALUE],
    [-Number.MIN_VALUE, -Number.MIN_VALUE],
    [2 ** 53 + 2, 2 ** 53 + 2],
    [nan, nan],
    [Infinity, Infinity],
    [-Infinity, -Infinity],
    ["1e3", 1000],
    ["", 0],
    ["x", nan],
    [true, 1],
    [null, 0],
    [undefined, nan],
    [[5], 5],
    [valueOf(2.5), 2.5],
  ],
};
for (const [type, cases] of Object.entries(coercions)) {
  for (const [where, pass] of ways(type)) {
    test(`${where} of type ${type} is converted as the JS API does`, (t) => {
      for (const [given, becomes] of cases) {
        const found = pass(given);
        t.true(Object.is(found, becomes), `${typeof given} ${String(given)}: ${String(found)}, not ${String(becomes)}`);
      }
    });
  }
}

const refusals: [type: string, values: unknown[], error: Function][] = [
  ["i32", [1n, symbol, valueOf(1n), valueOf(symbol), Object.create(null)], TypeError],
  ["i64", [0, 1, nan, undefined, null, symbol, valueOf(5), Object.create(null)], TypeError],
  ["i64", ["x", "1.5", "1n", {}], SyntaxError],
  ["f32", [1n, symbol, Object.create(null)], TypeError],
  ["f64", [1n, symbol, Object.create(null)], TypeError],
  [
    "v128",
    [0, 1n, "0".repeat(16), null, undefined, [], new Uint8Array(15), new Uint8Array(17), new ArrayBuffer(16), new Uint16Array(8)],
    TypeError,
  ],
  ["funcref", [undefined, 0, {}, () => 1, function () {}, class {}, "f", symbol], TypeError],
];
for (const [type, values, error] of refusals) {
  for (const [where, pass] of ways(type)) {
    test(`${where} of type ${type} that does not convert is a ${error.name}`, (t) => {
      for (const value of values) {
        const caught = thrown(() => pass(value)) as Error;
        t.is(caught.constructor, error, `${typeof value} ${describe(value)}: ${String(caught)}`);
      }
    });
  }
}
const describe = (value: unknown) => (typeof value === "object" ? JSON.stringify(value) : String(value));

test("the messages for references and v128 say what is wanted, with a code", (t) => {
  const { exports } = start(wat, { env: Object.fromEntries(types.map((name) => [name, () => 0])) });
  t.throws(() => exports.funcref(() => 1), { ...typeError, message: /Func\.wrap/ });
  t.throws(() => exports.v128([]), { ...typeError, message: /Uint8Array of 16 bytes/ });
});

for (const [where, pass] of ways("v128")) {
  test(`${where} of type v128 is 16 bytes, copied`, (t) => {
    const given = Uint8Array.from({ length: 16 }, (_, i) => i * 17);
    const found = pass(given) as Uint8Array;
    t.deepEqual(found, given);
    t.is(found.constructor, Uint8Array);
    t.not(found, given);
    t.deepEqual(pass(Buffer.from(given)), given);
  });
}

test("lanes of a v128 are little-endian", (t) => {
  const { exports } = start(`(module (func (export "lane") (param v128) (result i32) (i32x4.extract_lane 1 (local.get 0)))
    (func (export "make") (param i64) (result v128) (i64x2.splat (local.get 0))))`);
  t.is(exports.lane(Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0)), 0x04030201);
  t.deepEqual([...exports.make(0x0102n).slice(0, 9)], [2, 1, 0, 0, 0, 0, 0, 0, 2]);
});

test("the bits of a NaN and of the smallest numbers arrive in the guest", (t) => {
  const { exports } = start(`(module
    (func (export "bits32") (param f32) (result i32) (i32.reinterpret_f32 (local.get 0)))
    (func (export "bits64") (param f64) (result i64) (i64.reinterpret_f64 (local.get 0)))
    (func (export "from64") (param i64) (result f64) (f64.reinterpret_i64 (local.get 0))))`);
  t.is(exports.bits32(NaN) & 0x7fc00000, 0x7fc00000);
  t.is(exports.bits64(NaN) & 0x7ff8000000000000n, 0x7ff8000000000000n);
  t.is(exports.bits64(-0), -(2n ** 63n));
  t.is(exports.bits64(Number.MIN_VALUE), 1n);
  t.is(exports.bits32(2 ** -149), 1);
  t.is(exports.from64(0x7ff4000000000001n), NaN);
});

test("arguments are converted from left to right, before the call, and an exception ends it", (t) => {
  const order: string[] = [];
  let called = 0;
  const { exports } = start(`(module (import "env" "f" (func $f)) (func (export "call") (param i32 f64 i64) (call $f)))`, {
    env: { f: () => called++ },
  });
  const note = (name: string, value: unknown) => ({ valueOf: () => (order.push(name), value) });
  exports.call(note("a", 1), note("b", 2), note("c", 3n));
  t.deepEqual(order, ["a", "b", "c"]);
  t.is(called, 1);
  const error = new Error("b");
  t.is(
    thrown(() =>
      exports.call(
        note("a", 1),
        {
          valueOf: () => {
            throw error;
          },
        },
        note("never", 3n),
      ),
    ),
    error,
  );
  t.deepEqual(order, ["a", "b", "c", "a"]);
  t.is(called, 1);
});

test("a valueOf may call exports of the same store: the arguments of both calls are right", (t) => {
  const { exports } = start(`(module
    (func (export "list") (param i32 i64 f64 i32) (result i32 i64 f64 i32) (local.get 0) (local.get 1) (local.get 2) (local.get 3)))`);
  const again = (depth: number, value: unknown): unknown => ({
    valueOf() {
      if (depth > 0) t.deepEqual(exports.list(again(depth - 1, 90), -91n, -92, -93), [90, -91n, -92, -93]);
      return value;
    },
  });
  t.deepEqual(exports.list(1, again(2, 2n), again(3, 3.5), again(1, 4)), [1, 2n, 3.5, 4]);
});

test("a valueOf of a host function's results may call exports of the same store", (t) => {
  const { exports } = start(
    `(module (import "env" "f" (func $f (result i32 i64 i32)))
      (func (export "call") (result i32 i64 i32) (call $f))
      (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`,
    { env: { f: () => [1, { valueOf: () => BigInt(exports.add(20, 1)) }, { valueOf: () => exports.add(30, 1) }] } },
  );
  t.deepEqual(exports.call(), [1, 21n, 31]);
});

test("a valueOf may dispose the store: then the call is refused", (t) => {
  const { exports, store } = start(`(module (func (export "f") (param i32)) (global (export "g") (mut i32) (i32.const 0)))`);
  const error = thrown(() => exports.f({ valueOf: () => (store.dispose(), 1) })) as any;
  t.is(error.code, "ERR_WASMTIME_CLOSED");
  const second = start(`(module (global (export "g") (mut i32) (i32.const 0)))`);
  const late = thrown(() => void (second.exports.g.value = { valueOf: () => (second.store.dispose(), 1) })) as any;
  t.is(late.code, "ERR_WASMTIME_CLOSED");
});

test("an argument of a v128 can't be changed by the conversion of the next", (t) => {
  const { exports } = start(`(module (func (export "first") (param v128 i32) (result v128) (local.get 0)))`);
  const bytes = new Uint8Array(16).fill(1);
  t.deepEqual(exports.first(bytes, { valueOf: () => (bytes.fill(9), 0) }), new Uint8Array(16).fill(1));
});

needing("gc")("an i31 is a number, and takes no other", (t) => {
  const { exports } = start(`(module (func (export "id") (param i31ref) (result i31ref) (local.get 0))
    (global (export "g") i31ref (ref.i31 (i32.const -1))))`);
  for (const fits of [0, 1, -1, 2 ** 30 - 1, -(2 ** 30), null]) t.is(exports.id(fits), fits);
  for (const wrong of [2 ** 30, -(2 ** 30) - 1, 0.5, -0, NaN, "1", 1n, undefined, {}]) {
    t.throws(() => exports.id(wrong), { ...typeError, message: /i31/ }, String(wrong));
  }
  t.is(exports.g.value, -1);
});

needing("gc")("(ref extern) takes all but null, (ref func) functions only", (t) => {
  const { exports } = start(`(module (func (export "e") (param (ref extern)) (result (ref extern)) (local.get 0))
    (func $f (export "f") (param (ref func)) (result (ref func)) (local.get 0)))`);
  const object = {};
  t.is(exports.e(object), object);
  t.is(exports.e(undefined), undefined);
  t.throws(() => exports.e(null), { instanceOf: TypeError });
  t.is(exports.f(exports.e), exports.e);
  for (const wrong of [null, undefined, () => 1]) t.throws(() => exports.f(wrong), { instanceOf: TypeError });
});

test("a v128 is copied before other arguments are coerced, whatever its class, and gives nobody the slots", (t) => {
  const { exports } = start(`(module
    (func (export "both") (param v128 i32) (result v128) (local.get 0))
    (func (export "zero") (param i32) (result i32) (local.get 0)))`);
  const given = Buffer.alloc(16, 7);
  const changing = { valueOf: () => (given.fill(9), 0) };
  t.deepEqual(exports.both(given, changing), new Uint8Array(16).fill(7));
  class Hostile extends Uint8Array {
    override slice(): any {
      return { length: 1, get 0() { return exports.zero(0); } };
    }
  }
  t.deepEqual(exports.both(new Hostile(16).fill(3), 0), new Uint8Array(16).fill(3));
  const shared = Object.getPrototypeOf(Uint8Array.prototype);
  const { set, slice } = shared;
  let seen = 0;
  shared.set = shared.slice = () => (seen++, new Uint8Array(16));
  try {
    t.deepEqual(exports.both(given, 0), new Uint8Array(16).fill(9));
  } finally {
    Object.assign(shared, { set, slice });
  }
  t.is(seen, 0);
});
