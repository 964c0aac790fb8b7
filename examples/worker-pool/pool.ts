// Threads that run one module, which is compiled or loaded once: each has it by its handle. Tasks wait in a queue until a thread is free.

import { Worker } from "node:worker_threads";
import type { Module } from "@cwasm/wasmtime";
import type { Done } from "./worker.js";

interface Task {
  words: unknown[];
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Pool {
  readonly #module: Module; // kept, as a handle does not keep it
  readonly #threads: number;
  readonly #queue: Task[] = [];
  readonly #idle: Worker[] = [];
  /** All that there are; what an idle one is at is undefined. */
  readonly #workers = new Map<Worker, Task | undefined>();
  #closed = false;

  constructor(module: Module, threads: number) {
    this.#module = module;
    this.#threads = threads;
  }

  /** Calls an export of a new instance, on the first thread that is free. What is thrown there is thrown here. */
  call(name: string, ...args: unknown[]): Promise<any> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new Error("the pool is closed");
      this.#queue.push({ words: structuredClone([name, ...args]), resolve, reject });
      this.#next();
    });
  }

  /** Ends the threads, and rejects what is not done. A guest that runs is stopped, as its profile has a brake. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#queue.splice(0)) reject(new Error("the pool is closed"));
    await Promise.all([...this.#workers.keys()].map((worker) => worker.terminate()));
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? this.#start();
      if (!worker) return;
      const task = this.#queue.shift()!;
      this.#workers.set(worker, task);
      worker.postMessage(task.words);
    }
  }

  #start(): Worker | undefined {
    if (this.#closed || this.#workers.size === this.#threads) return undefined;
    const worker = new Worker(new URL("worker.js", import.meta.url), { workerData: this.#module.share() });
    this.#workers.set(worker, undefined);
    worker.on("message", (done: Done) => {
      const task = this.#workers.get(worker)!;
      this.#workers.set(worker, undefined);
      this.#idle.push(worker);
      if ("error" in done) task.reject(Object.assign(new Error(), done.error));
      else task.resolve(done.result);
      this.#next();
    });
    // No guest ends a thread, but a module that does not link does, or a JavaScript heap that is full. The next task starts another.
    let reason = new Error("the thread has ended");
    worker.on("error", (error) => (reason = error as Error));
    worker.once("exit", () => {
      this.#workers.get(worker)?.reject(reason);
      this.#workers.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      this.#next();
    });
    return worker;
  }
}
