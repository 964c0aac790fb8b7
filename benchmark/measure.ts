// How the benchmarks measure: everything compared runs in turn in the same process, round by round, and the best round
// counts. What is quoted are ratios; absolute times are this machine's.

import { execFileSync } from "node:child_process";
import { copyFileSync, renameSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Case {
  name: string;
  /** Does it `times` times. */
  run(times: number): unknown;
}

/** Nanoseconds since some start. */
export type Clock = () => number;
const elapsed: Clock = () => Number(process.hrtime.bigint());
/**
 * What this process has had of the processors. For runs of many milliseconds, in which others get their turn: their time does
 * not count. Windows counts it in steps of 16 ms, so there it is that of the wall.
 */
export const processorTime: Clock =
  process.platform === "win32"
    ? elapsed
    : () => {
        const { user, system } = process.cpuUsage();
        return 1000 * (user + system);
      };

/** Nanoseconds per time of each case. */
export function measure(cases: Case[], times: number, rounds = 15, clock = elapsed): Map<string, number> {
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    for (const { name, run } of cases) {
      const start = clock();
      run(times);
      const ns = (clock() - start) / times;
      best.set(name, Math.min(ns, best.get(name) ?? Infinity));
    }
  }
  return best;
}

/** Prints each figure (of the best round, where there are rounds), and as a multiple of the one named. */
export function table(title: string, figures: Map<string, number>, unit: (ns: number) => string, against: string): void {
  console.log(`\n${title} (×: of '${against}')`);
  const base = figures.get(against)!;
  for (const [name, ns] of figures) {
    console.log(`  ${name.padEnd(52)} ${unit(ns).padStart(12)}  ×${(ns / base).toFixed(2)}`);
  }
}

/** Prints a table as docs have it. */
export function markdown(title: string, head: string[], lines: string[][]): void {
  const isFigure = (_: string, column: number) => lines.every((line) => /^(×?[\d.]+( [KM]B| %)?)?$/.test(line[column]!));
  const row = (cells: string[]) => console.log(`| ${cells.join(" | ")} |`);
  console.log(`\n${title}\n`);
  row(head);
  row(head.map((name, column) => (isFigure(name, column) ? "---:" : "---")));
  for (const line of lines) row(line);
}

export function median(list: number[]): number {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** In tables, with three digits. */
export const figure = (x: number) => (x < 100 ? x.toPrecision(3) : x.toFixed(0));
export const ms = (ns: number) => figure(ns / 1e6);
export const us = (ns: number) => figure(ns / 1e3);
export const times = (x: number) => `×${figure(x)}`;

export const inNs = (ns: number) => `${ns.toFixed(1)} ns`;
export const inUs = (ns: number) => `${(ns / 1e3).toFixed(2)} µs`;
export const inMs = (ns: number) => `${(ns / 1e6).toFixed(2)} ms`;

interface Floor {
  noop(): void;
  add(a: number, b: number): number;
  callLoop(fn: (i: number) => number, times: number): void;
  /** Does nothing; `instructions.ts` finds it. */
  mark(): void;
}

/** The same calls in raw Node-API, without wasm (crates/floor). */
export function floor(): Floor {
  execFileSync("cargo", ["build", "--quiet", "--release", "--package", "cwasm-floor"], { cwd: root, stdio: "inherit" });
  const prefix = process.platform === "win32" ? "" : "lib";
  const suffix = { darwin: "dylib", win32: "dll" }[process.platform as string] ?? "so";
  const built = join(root, "target", "release", `${prefix}cwasm_floor.${suffix}`);
  // By rename, as another process may have the old one mapped.
  const addon = join(root, "target", "floor.node");
  copyFileSync(built, `${addon}.${process.pid}`);
  renameSync(`${addon}.${process.pid}`, addon);
  return createRequire(import.meta.url)(addon);
}

/** V8's own WebAssembly, which Node's types leave to those of the web. */
export const V8: any = (globalThis as any).WebAssembly;
