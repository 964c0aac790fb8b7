// What the specs of shared memories, atomics and threads share: a guest on a shared memory, and workers that have it too.

import type { ExecutionContext } from "ava";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Instance, Memory, Store } from "../index.js";
import { engineOf, load } from "./helper.js";

export const engine = engineOf();
export const fresh = (options?: object) => new Store(engine, options);
export const shared = (type: object = {}, store = fresh()) => new Memory(store, { initial: 1, maximum: 4, shared: true, ...type });
export const show = (value: unknown) =>
  typeof value === "object" && value ? JSON.stringify(value) : `${typeof value} ${String(value)}`;

export const guest = `(module
  (import "env" "m" (memory 1 4 shared)) (export "m" (memory 0))
  (func (export "add") (param i32 i32) (result i32) (i32.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "add64") (param i32 i64) (result i64) (i64.atomic.rmw.add (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.atomic.load (local.get 0)))
  (func (export "store") (param i32 i32) (i32.atomic.store (local.get 0) (local.get 1)))
  (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "wait") (param i32 i32 i64) (result i32) (memory.atomic.wait32 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "wait64") (param i32 i64 i64) (result i32) (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2)))
  (func (export "notify") (param i32 i32) (result i32) (memory.atomic.notify (local.get 0) (local.get 1)))
  (func (export "count") (param i32 i32) (loop (drop (i32.atomic.rmw.add (local.get 0) (i32.const 1)))
    (br_if 0 (local.tee 1 (i32.sub (local.get 1) (i32.const 1)))))))`;

/** A guest with a shared memory that JavaScript has made. */
export function together() {
  const { module, engine } = load(guest);
  const store = new Store(engine);
  const memory = shared({}, store);
  return { module, store, memory, exports: new Instance(store, module, { env: { m: memory } }).exports };
}

/** What a worker does before its own part: the guest on the memory it was given. */
export const prelude = `
  const { parentPort, workerData } = await import("node:worker_threads");
  const { Engine, Instance, Linker, Memory, Module, Store, Trap } = await import("@cwasm/wasmtime");
  const post = (value) => parentPort.postMessage(value);
  const caught = (f) => { try { return f() } catch (error) { return error.trapCode ?? error.code ?? String(error) } };
  const module = workerData.module && Module.fromShared(workerData.module), engine = module?.engine;
  const store = module && new Store(engine), memory = workerData.memory && Memory.fromShared(store, workerData.memory);
  const exports = memory && new Instance(store, module, { env: { m: memory } }).exports;`;
// Data URLs have no folder to find packages from, and eval has the working directory.
export function worker(t: ExecutionContext, body: string, workerData: object): Worker {
  const made = new Worker(
    `import("node:vm").then(() => (async () => {${prelude}\n${body}})()).catch((error) => { throw error })`,
    {
      eval: true,
      workerData,
    },
  );
  t.teardown(() => made.terminate());
  return made;
}
/** The first messages of workers. An error of one rejects. */
export const messages = (...workers: Worker[]) => Promise.all(workers.map(async (each) => (await once(each, "message"))[0]));
export const handles = ({ module, memory }: ReturnType<typeof together>) => ({ module: module.share(), memory: memory.share() });
export const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
