// The guests of compute.ts. What each computes, its text says.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./measure.js";

/** Which there are, and with which argument the slowest variant takes 30 to 100 ms. */
export const kernels = {
  fib: 33,
  sieve: 200,
  matmul: 240,
  nbody: 500_000,
  mandelbrot: 500,
  sha256: 100_000,
  qsort: 400_000,
  interp: 500_000,
  icall: 10_000_000,
  memcpy: 2_000,
  base64: 4_000,
};
export type Kernel = keyof typeof kernels;
export const names = Object.keys(kernels) as Kernel[];

/** A module without imports that exports `run(n: i32)`, which returns a checksum. */
export const text = (name: Kernel) => readFileSync(join(root, "benchmark", "kernels", `${name}.wat`), "utf8");
