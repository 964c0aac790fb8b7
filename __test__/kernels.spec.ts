// The kernels of the benchmark compute what they say: what JavaScript computes too, or what is published, in V8 and under each
// profile.

import test from "ava";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type Kernel, names, text } from "../benchmark/kernels.js";
import { root, start, wasm } from "./helper.js";
import { V8 } from "./v8.js";

const hash = (list: Iterable<number>) => [...list].reduce((sum, x) => (Math.imul(sum, 31) + x) | 0, 0);
/** The bytes that memcpy and base64 begin with. */
const bytes = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, i) => 13 * (from + i)));

function matmul(n: number) {
  let sum = 0;
  for (let row = 0; row < n; row++)
    for (let column = 0; column < n; column++)
      for (let k = 0; k < n; k++) sum += ((row + 2 * k) % 7) * ((3 * k + column) % 5);
  return BigInt(sum);
}
function mandelbrot(n: number) {
  let steps = 0;
  for (let row = 0; row < n; row++) {
    for (let column = 0; column < n; column++) {
      let [x, y] = [0, 0];
      for (let step = 0; step < 50 && x * x + y * y <= 4; step++, steps++) {
        [x, y] = [x * x - y * y + (column * (2 / n) - 1.5), 2 * x * y + (row * (2 / n) - 1)];
      }
    }
  }
  return steps;
}
function sorted(n: number) {
  const list = new Uint32Array(n);
  for (let i = 0, x = 1; i < n; i++) list[i] = x = Math.imul(x, 1664525) + 1013904223;
  return hash(list.sort());
}
function interpreted(n: number) {
  let x = 1;
  for (; n > 0; n--) x = (Math.imul(x, 31) + n) ^ (x >>> 7);
  return x;
}
function called(n: number) {
  const functions = [
    (x: number) => x + 12345,
    (x: number) => Math.imul(x, 31),
    (x: number) => x ^ 0x5bd1e995,
    (x: number) => (x << 5) | (x >>> 27),
  ];
  let x = 0;
  for (; n > 0; n--) x = functions[n & 3]!(x) | 0;
  return x;
}

const expected: Record<Kernel, [n: number, checksum: number | bigint]> = {
  fib: [15, 610],
  // There are 6,542 primes below 65536.
  sieve: [2, 2 * 6542],
  matmul: [20, matmul(20)],
  // As the Computer Language Benchmarks Game has it.
  nbody: [1000, -169_087_605n],
  mandelbrot: [20, mandelbrot(20)],
  sha256: [15_625, createHash("sha256").update("a".repeat(1_000_000)).digest().readBigInt64BE()],
  qsort: [1000, sorted(1000)],
  interp: [100, interpreted(100)],
  icall: [101, called(101)],
  // The last time, n is 1.
  memcpy: [3, hash(bytes(1, 16384))],
  base64: [3, hash(Buffer.from(bytes(1025, 12288).toString("base64")))],
};

test("every text is one of the kernels", (t) => {
  const files = readdirSync(join(root, "benchmark", "kernels"));
  t.deepEqual(files.sort(), names.map((name) => `${name}.wat`).sort());
});

for (const name of names) {
  test(`${name} computes the same in V8 and under each profile`, (t) => {
    const [n, checksum] = expected[name];
    const wat = text(name);
    t.is(new V8.Instance(new V8.Module(wasm(wat))).exports.run(n), checksum, "V8");
    for (const profile of ["default", "sandbox", "metered"] as const) {
      t.is(start(wat, {}, { profile }).exports.run(n), checksum, profile);
    }
  });
}
