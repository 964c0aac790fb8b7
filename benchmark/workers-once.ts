// Workers with a module for workers.ts, in a process of their own: prints its resident memory in bytes, when each has called `run`.
// node dist/benchmark/workers-once.js WAY THREADS FILE.cwasm FILE.wasm. The workers are this file too.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
import { V8 } from "./measure.js";

interface Way {
  /** What the main thread gives to the workers. */
  give(cwasm: string, wasm: string): unknown;
  run(given: any): unknown;
}
const call = (module: Module) => new Instance(new Store(module.engine), module).exports.run(7);
const ways: Record<string, Way> = {
  "no module": { give: () => undefined, run() {} },
  "`share`, `Module.fromShared`": {
    give(cwasm) {
      kept = Module.deserializeFile(new Engine(), cwasm);
      return kept.share();
    },
    run: (handle) => call(Module.fromShared(handle)),
  },
  "`deserializeFile` in each": { give: (cwasm) => cwasm, run: (cwasm) => call(Module.deserializeFile(new Engine(), cwasm)) },
  "V8: a `WebAssembly.Module`, posted": { give: (_, wasm) => new V8.Module(readFileSync(wasm)), run: (module) => new V8.Instance(module).exports.run(7) },
};
let kept: Module;

if (isMainThread) {
  const [way, threads, cwasm, wasm] = process.argv.slice(2) as [string, string, string, string];
  const data = { way, given: ways[way]!.give(cwasm, wasm) };
  const workers = Array.from({ length: Number(threads) }, () => new Worker(new URL(import.meta.url), { workerData: data }));
  const results = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  if (new Set(results).size > 1) throw new Error(`they differ: ${results.join(", ")}`);
  console.log(process.memoryUsage.rss());
  process.exit();
} else {
  const { way, given } = workerData;
  parentPort!.on("message", () => {}); // stays
  parentPort!.postMessage(ways[way]!.run(given));
}
