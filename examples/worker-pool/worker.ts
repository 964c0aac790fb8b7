// A thread of the pool: a store for each task, so nothing of one is there in the next, and what a guest does wrong is an answer.

import { parentPort, workerData } from "node:worker_threads";
import { Linker, Module, Store } from "@cwasm/wasmtime";

/** What a task ends with. Errors lose their class on the way, but not these. */
export type Done = { result: unknown } | { error: { name: string; code?: string; trapCode?: string; message: string } };

const module = Module.fromShared(workerData);
const { engine } = module;
const pre = new Linker(engine).instantiatePre(module);

parentPort!.on("message", ([name, ...args]: [string, ...unknown[]]) => {
  const store = new Store(engine, { timeoutMs: 500, limits: { memoryBytes: 16 << 20 } });
  const post = (done: Done) => parentPort!.postMessage(done);
  try {
    post({ result: pre.instantiate(store).exports[name](...args) });
  } catch (thrown) {
    const { name, code, trapCode, message } = thrown as Error & { code?: string; trapCode?: string };
    post({ error: { name, code, trapCode, message } });
  } finally {
    store.dispose();
  }
});
