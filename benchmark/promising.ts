// Calls that may wait: what they cost beside calls that don't, how long the event loop waits for guests that compute, and what sleeping
// guests take. `--sleepers=N`, 10,000 by default.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Engine, Instance, Module, Store, callAsync, callInBackground, promising } from "@cwasm/wasmtime";
import { figure, inNs, markdown, table } from "./measure.js";
import { wasm } from "./wasm.js";

const { values } = parseArgs({ options: { sleepers: { type: "string", default: "10000" } } });
const bytes = wasm(`(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "spin") (loop $l (br $l)))
  (func (export "loop") (param $n i32)
    (local $i i32)
    (loop $again
      (drop (call $f (local.get $i)))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))))`);

const engine = new Engine();
const module = Module.deserialize(engine, engine.precompileSync(bytes));
const within = (f: (x: number) => unknown) => new Instance(new Store(engine), module, { env: { f } }).exports;

/** Nanoseconds of each of `n`, in the best of ten rounds. */
async function best(n: number, run: (n: number) => unknown): Promise<number> {
  let best = Infinity;
  for (let round = 0; round < 10; round++) {
    const start = process.hrtime.bigint();
    await run(n);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / n);
  }
  return best;
}

const plain = within((x) => x);
const later = within(async (x) => x);
const imports = {
  "in a call that does not wait": await best(100_000, (n) => plain.loop(n)),
  "in callAsync": await best(100_000, (n) => callAsync(plain.loop, n)),
  "in callAsync, it returns a settled promise": await best(20_000, (n) => callAsync(later.loop, n)),
  "in callInBackground": await best(500, (n) => callInBackground(plain.loop, n)),
};
table("A host function called by a guest", new Map(Object.entries(imports)), inNs, "in a call that does not wait");
const { add } = plain;
const addLater = promising(add);
const calls = {
  "add(1, 2)": await best(100_000, (n) => { for (let i = 0; i < n; i++) add(1, i); }),
  "await promising(add)(1, 2)": await best(20_000, async (n) => { for (let i = 0; i < n; i++) await addLater(1, i); }),
  "await callInBackground(add, 1, 2)": await best(500, async (n) => { for (let i = 0; i < n; i++) await callInBackground(add, 1, i); }),
};
table("A call", new Map(Object.entries(calls)), inNs, "add(1, 2)");

// Guests of a profile with epochs give others their turn.
const fair = new Engine({ profile: "sandbox" });
const fairModule = Module.deserialize(fair, fair.precompileSync(bytes));
const delays: string[][] = [];
for (const count of [0, 1, 100]) {
  const control = new AbortController();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const spinning = Array.from({ length: count }, () => {
    const { exports } = new Instance(new Store(fair), fairModule, { env: { f: (x: number) => x } });
    return promising(exports.spin, { signal: control.signal })().catch(() => undefined);
  });
  delay.enable();
  await new Promise((done) => setTimeout(done, 2000));
  delay.disable();
  control.abort();
  await Promise.all(spinning);
  delays.push([String(count), ...[50, 99, 100].map((p) => figure(delay.percentile(p) / 1e6))]);
}
markdown("How late the event loop is, in ms, with guests that compute on its thread (sandbox)", ["guests", "median", "p99", "worst"], delays);

const sleepers = Number(values.sleepers);
const kib = (bytes: number) => (bytes / 1024 / sleepers).toFixed(1);
(globalThis as { gc?: () => void }).gc?.();
let open!: (x: number) => void;
const gate = new Promise<number>((resolve) => (open = resolve));
const before = process.memoryUsage.rss();
const start = performance.now();
const instances = Array.from({ length: sleepers }, () => within(() => gate));
const made = process.memoryUsage.rss();
const sleeping = instances.map((exports) => callAsync(exports.call, 1) as Promise<number>);
const asleep = process.memoryUsage.rss();
const began = performance.now();
open(7);
const sum = (await Promise.all(sleeping)).reduce((sum, x) => sum + x, 0);
if (sum !== 7 * sleepers) throw new Error(`${sum / 7} of ${sleepers} have come back`);
console.log(`\n${sleepers} guests asleep at once, each in a store of its own: ${kib(asleep - before)} KiB each, of which ${kib(asleep - made)} KiB are the sleep;`);
console.log(`made and begun in ${figure(began - start)} ms, all ended ${figure(performance.now() - began)} ms after their promise was settled`);
