import test from "ava";
import { Func, Trap, callMany } from "../index.js";
import { needing, rangeError, start, typeError } from "./helper.js";

const wat = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "mul") (param f64 f64) (result f64) (f64.mul (local.get 0) (local.get 1)))
  (func (export "half") (param f32) (result f32) (f32.div (local.get 0) (f32.const 2)))
  (func (export "swap") (param i64 i64) (result i64 i64) (local.get 1) (local.get 0))
  (func (export "less") (param f64 f64) (result i32) (f64.lt (local.get 0) (local.get 1)))
  (func (export "div") (param i32 i32) (result i32) (i32.div_s (local.get 0) (local.get 1)))
  (func (export "host") (param i32) (result i32) (call $f (local.get 0)))
  (global $n (export "n") (mut i32) (i32.const 0))
  (func (export "next") (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "sum") (param i32) (global.set $n (i32.add (global.get $n) (local.get 0))))
  (func (export "nothing"))
  (func (export "mixed") (param i32 f64))
  (func (export "v") (param v128)))`;
const made = (f: (x: number) => unknown = (x) => x) => start(wat, { env: { f } });

test("callMany calls once per row, for every numeric type", (t) => {
  const { exports } = made();
  const sums = new Int32Array(3);
  t.is(callMany(exports.add, new Int32Array([1, 2, -3, 4, 2 ** 31 - 1, 1]), sums), 3);
  t.deepEqual([...sums], [3, 1, -(2 ** 31)]);
  const unsigned = new Uint32Array(1);
  callMany(exports.add, new Uint32Array([2 ** 32 - 1, 0]), unsigned);
  t.deepEqual([...unsigned], [2 ** 32 - 1]);
  const products = new Float64Array(2);
  callMany(exports.mul, new Float64Array([1.5, 2, -0, 3]), products);
  t.deepEqual([...products], [3, -0]);
  const halves = new Float32Array(2);
  callMany(exports.half, new Float32Array([1, NaN]), halves);
  t.deepEqual([...halves], [0.5, NaN]);
  const swapped = new BigInt64Array(4);
  t.is(callMany(exports.swap, new BigInt64Array([1n, -2n, 3n, 4n]), swapped), 2);
  t.deepEqual([...swapped], [-2n, 1n, 4n, 3n]);
  callMany(exports.swap, new BigUint64Array([2n ** 64n - 1n, 0n]), new BigUint64Array(2));
  const less = new Int32Array(2);
  callMany(exports.less, new Float64Array([1, 2, 2, 1]), less);
  t.deepEqual([...less], [1, 0]);
});

test("a function without parameters is called as often as there is room, one without results for each row", (t) => {
  const { exports } = made();
  const out = new Int32Array(5);
  t.is(callMany(exports.next, new Int32Array(), out), 5);
  t.deepEqual([...out], [1, 2, 3, 4, 5]);
  t.is(callMany(exports.sum, new Int32Array([10, 20, 30]), new Int32Array()), 3);
  t.is(exports.n.value, 65);
  t.is(callMany(exports.add, new Int32Array(), out), 0);
  t.throws(() => callMany(exports.nothing, new Int32Array(), out), typeError);
});

test("a trap ends the batch, and the rows before it stand in out", (t) => {
  const { exports } = made();
  const out = new Int32Array(4).fill(-1);
  const error = t.throws(() => callMany(exports.div, new Int32Array([6, 2, 8, 2, 1, 0, 9, 3]), out), { instanceOf: Trap });
  t.is(error!.trapCode, "integerDivisionByZero");
  t.deepEqual([...out], [3, 4, -1, -1]);
  t.is(exports.div(9, 3), 3);
});

test("host functions run inside of a batch, and what they throw comes out", (t) => {
  const failure = new Error("no");
  const { exports } = made((x) => {
    if (x === 3) throw failure;
    return exports.add(x, 100);
  });
  const out = new Int32Array(4);
  t.is(t.throws(() => callMany(exports.host, new Int32Array([1, 2, 3, 4]), out)), failure);
  t.deepEqual([...out], [101, 102, 0, 0]);
});

test("a host function that takes the arrays away does no harm", (t) => {
  const args = new Int32Array([1, 2, 3]);
  const out = new Int32Array(3);
  const { exports } = made((x) => {
    if (x === 2) structuredClone([args, out], { transfer: [args.buffer, out.buffer] });
    return x;
  });
  t.throws(() => callMany(exports.host, args, out), typeError);
  const overwritten = new Int32Array([1, 2, 3]);
  const inside = made((x) => (overwritten.fill(9), x)).exports;
  const results = new Int32Array(3);
  callMany(inside.host, overwritten, results);
  t.deepEqual([...results], [1, 2, 3], "the arguments are those of the beginning");
});

test("callMany of a host function made with Func.wrap, and within its own store", (t) => {
  const { store } = made();
  const double = Func.wrap(store, { parameters: ["i32"], results: ["i32"] }, (x: number) => x * 2);
  const out = new Int32Array(2);
  callMany(double, new Int32Array([3, 4]), out);
  t.deepEqual([...out], [6, 8]);
});

test("args and out may be parts of one buffer, at any place", (t) => {
  const { exports } = made();
  const all = new Int32Array([0, 1, 2, 3, 4, 0, 0]);
  callMany(exports.add, all.subarray(1, 5), all.subarray(4, 6));
  t.deepEqual([...all], [0, 1, 2, 3, 3, 7, 0]);
});

needing("gc")("callMany refuses a function that takes references", (t) => {
  const { exports } = start(`(module (func (export "ref") (param externref)))`);
  t.throws(() => callMany(exports.ref, new Int32Array(2), new Int32Array(1)), typeError);
});

test("callMany refuses what is no exported function, other types, other arrays and other sizes", (t) => {
  const { exports, store } = made();
  const [args, out] = [new Int32Array(2), new Int32Array(1)];
  for (const wrong of [undefined, null, {}, () => 1, "add"] as any[]) t.throws(() => callMany(wrong, args, out), typeError);
  for (const name of ["mixed", "v"]) t.throws(() => callMany(exports[name], args, out), typeError, name);
  for (const wrong of [undefined, null, [1, 2], new Float64Array(2), new Uint8Array(8), new DataView(args.buffer), args.buffer] as any[]) {
    t.throws(() => callMany(exports.add, wrong, out), typeError);
    t.throws(() => callMany(exports.add, args, wrong), typeError);
  }
  t.throws(() => callMany(exports.add, new Int32Array(3), new Int32Array(9)), rangeError);
  t.throws(() => callMany(exports.add, new Int32Array(4), out), rangeError);
  store.dispose();
  t.throws(() => callMany(exports.add, args, out), { code: "ERR_WASMTIME_CLOSED" });
});
