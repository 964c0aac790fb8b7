// For share.ts: what it takes until another thread has a module that this one has loaded. Prints the nanoseconds of each round.
// node dist/benchmark/share-once.js FILE.cwasm FILE.wasm, which export `run`. The worker is this file too.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { MessageChannel, type MessagePort, Worker, isMainThread, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
import { V8 } from "./measure.js";

export interface Passed {
  /** Until it is posted. */
  post: number;
  /** Until the worker has it, which waits in its port: how long a thread takes to wake up does not count. */
  take: number;
  /** An instance and its first call. */
  call: number;
}

const ways: Record<string, { take(message: any): any; call(taken: any): unknown }> = {
  "a plain object": { take: (message) => message, call() {} },
  "cwasm: `share`, `Module.fromShared`": {
    take: (handle) => Module.fromShared(handle),
    call: (module: Module) => new Instance(new Store(module.engine), module).exports.run(7),
  },
  "V8: a `WebAssembly.Module`": { take: (module) => module, call: (module) => new V8.Instance(module).exports.run(7) },
};

if (isMainThread) await post();
else serve();

async function post(): Promise<void> {
  const [cwasm, wasm] = process.argv.slice(2) as [string, string];
  const module = Module.deserializeFile(new Engine(), cwasm);
  const v8 = new V8.Module(readFileSync(wasm));
  const messages = [() => ({ kind: "module", key: "0".repeat(32) }), () => module.share(), () => v8];
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL(import.meta.url), { workerData: port2, transferList: [port2] });
  await once(worker, "message");
  const rounds: Record<string, Passed>[] = [];
  for (let round = 0; round < 50; round++) {
    const passed: Record<string, Passed> = {};
    for (const [i, way] of Object.keys(ways).entries()) {
      const start = process.hrtime.bigint();
      port1.postMessage(messages[i]!());
      const post = Number(process.hrtime.bigint() - start);
      worker.postMessage(way);
      const [answer] = await once(worker, "message");
      passed[way] = { post, ...answer };
    }
    rounds.push(passed);
  }
  await worker.terminate();
  port1.close();
  console.log(JSON.stringify(rounds));
}

function serve(): void {
  const port = workerData as MessagePort;
  parentPort!.on("message", (name: string) => {
    const way = ways[name]!;
    const start = process.hrtime.bigint();
    const taken = way.take(receiveMessageOnPort(port)!.message);
    const taking = process.hrtime.bigint();
    way.call(taken);
    const end = process.hrtime.bigint();
    parentPort!.postMessage({ take: Number(taking - start), call: Number(end - taking) });
  });
  parentPort!.postMessage("ready");
}
