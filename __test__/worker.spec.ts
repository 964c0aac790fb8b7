// Worker threads: each has the addon to itself, and may end at any time.

import test from "ava";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Instance, Memory, Module, Store } from "../index.js";
import { artifact, needing, node, nodeJson, start, thrown, typeError } from "./helper.js";
import { spin } from "./wasi-guest.js";

const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1 10)
  (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "trap") unreachable) (func $deep (export "deep") (call $deep)) (func (export "spin") (loop (br 0)))
  (func (export "oob") (result i32) (i32.load (i32.const -1))))`;

/** What a worker does before its own part: an instance, under short names. */
const prelude = `
  const { parentPort, workerData, threadId } = await import("node:worker_threads");
  const { Engine, Instance, Module, Store, Func, Memory, run, runSync } = await import("@cwasm/wasmtime");
  const engine = new Engine(), module = Module.deserializeFile(engine, workerData.file);
  const store = new Store(engine);
  const { exports } = new Instance(store, module, { env: { f: (x) => x + threadId } });
  const caught = (f) => { try { return f() } catch (error) { return error.trapCode ?? error.constructor.name + ": " + error.message } };`;
// Data URLs have no folder to find packages from, and eval has the working directory.
const make = (body: string, options: object = {}) =>
  new Worker(`import("node:vm").then(() => (async () => {${prelude}\n${body}})()).catch((error) => { throw error })`, {
    eval: true,
    workerData: { file: artifact(wat) },
    ...options,
  });

test("a worker runs guests of its own", async (t) => {
  const worker = make(
    `parentPort.postMessage([exports.call(1) - threadId, caught(exports.trap), caught(exports.deep), caught(exports.oob)])`,
  );
  const [message] = await once(worker, "message");
  t.deepEqual(message, [1, "unreachableCodeReached", "stackOverflow", "memoryOutOfBounds"]);
  await worker.terminate();
});

test("many workers and this thread run guests at the same time", async (t) => {
  const workers = Array.from({ length: 8 }, () =>
    make(
      `let sum = 0; for (let i = 0; i < 2000; i++) { sum += exports.call(1) - threadId; caught(exports.oob); } parentPort.postMessage(sum)`,
    ),
  );
  const messages = workers.map((worker) => once(worker, "message"));
  const { exports } = start(wat, { env: { f: (x: number) => x } });
  for (let i = 0; i < 2000; i++) {
    t.is(exports.call(i), i);
    thrown(() => exports.oob());
  }
  t.deepEqual((await Promise.all(messages)).flat(), Array(8).fill(2000));
  await Promise.all(workers.map((worker) => worker.terminate()));
});

test("objects of this thread sent to a worker, or copied, are nothing that can be used", (t) => {
  const { engine, module, store } = start(wat, { env: { f: (x: number) => x } });
  for (const object of [engine, module, store, new Memory(store, { initial: 1 })]) {
    let copy: any;
    try {
      copy = structuredClone(object);
    } catch (error) {
      t.is((error as Error).name, "DataCloneError");
      continue;
    }
    t.throws(() => new Store(copy), typeError);
    t.throws(() => new Instance(store, copy), typeError);
    t.throws(() => new Memory(copy, { initial: 1 }), typeError);
    t.throws(() => Module.deserialize(copy, new Uint8Array(1)), typeError);
  }
});

test("a worker with a small stack gets an exception for deep recursion", async (t) => {
  for (const stackSizeMb of [1, 2, 8]) {
    const body = `const round = (n) => exports2.call(n + 1);
      const exports2 = new Instance(store, module, { env: { f: round } }).exports;
      parentPort.postMessage([caught(exports.deep), caught(() => round(0)), exports.call(0) - threadId])`;
    const worker = make(body, { resourceLimits: { stackSizeMb } });
    const [[deep, mutual, after]] = await once(worker, "message");
    t.regex(deep, /^stackOverflow$|^RangeError/);
    t.regex(mutual, /^stackOverflow$|^RangeError/);
    t.is(after, 0);
    await worker.terminate();
  }
});

const ends: [what: string, body: string][] = [
  ["when it is done", ``],
  ["with open stores, views and exceptions", `globalThis.kept = [exports.m.buffer, new Store(engine), caught(exports.deep)]`],
  ["by process.exit() in a host function", `new Instance(store, module, { env: { f: () => process.exit(0) } }).exports.call(1)`],
  [
    "by an exception in a host function",
    `process.on("uncaughtException", () => process.exit(0)); new Instance(store, module, { env: { f() { throw new Error("x") } } }).exports.call(1)`,
  ],
  [
    "while guests run on other threads",
    `for (let i = 0; i < 3; i++) run(workerData.busy, { precompiled: true, stdin: "ignore" }); setTimeout(() => process.exit(0), 5)`,
  ],
  [
    "while it compiles",
    `for (let i = 0; i < 20; i++) { try { Module.compile(engine, "(module (func) (func) (func))").catch(() => {}) } catch {} } process.exit(0)`,
  ],
];
for (const [what, body] of ends) {
  needing(...(body.includes("run(") ? ["wasi" as const] : []))(`a worker that ends ${what} leaves this process in order`, (t) => {
    const script = `
      import { Worker } from "node:worker_threads";
      import { once } from "node:events";
      import { Engine, Instance, Module, Store, features, run } from "@cwasm/wasmtime";
      const text = $(text), workerData = { file: $(file), busy: $(busy) };
      const codes = new Set();
      for (let i = 0; i < 10; i++) {
        const workers = [0, 1].map(() => new Worker(text, { eval: true, workerData }));
        for (const worker of workers) worker.on("error", (error) => codes.add(error.message));
        for (const [code] of await Promise.all(workers.map((worker) => once(worker, "exit")))) codes.add(code);
      }
      // What was under way in the workers ends now, with nobody to tell.
      const { exitCode } = features.has("wasi") ? await run($(busy), { precompiled: true }) : { exitCode: 0 };
      const engine = new Engine();
      const { exports } = new Instance(new Store(engine), Module.deserializeFile(engine, $(file)), { env: { f: (x) => x + exitCode } });
      let trapped = 0;
      for (let i = 0; i < 100; i++) try { exports.oob() } catch { trapped++ }
      console.log(JSON.stringify({ codes: [...codes], trapped, call: exports.call(5) }));`;
    const text = `(async () => {${prelude}\n${body}})()`;
    t.deepEqual(nodeJson(t, script, { values: { text, file: artifact(wat), busy: artifact(spin(50_000_000)) } }), {
      codes: [0],
      trapped: 100,
      call: 5,
    });
  });
}

test("workers can be terminated at any time, also in the middle of traps, and V8's own wasm traps on", (t) => {
  const script = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    const text = $(text), workerData = { file: $(file) };
    for (let i = 0; i < 40; i++) {
      const worker = new Worker(text, { eval: true, workerData });
      await once(worker, "message");
      if (i % 2) await new Promise((done) => setTimeout(done, i / 4));
      await worker.terminate();
    }
    const own = new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array([0,97,115,109,1,0,0,0,1,4,1,96,0,0,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,12,1,10,0,65,128,128,4,40,2,0,26,11]))).exports;
    let trapped = 0;
    for (let i = 0; i < 100; i++) try { own.f() } catch { trapped++ }
    console.log(trapped);`;
  const text = `(async () => {${prelude}\n parentPort.postMessage("ready"); for (;;) { caught(exports.oob); caught(exports.deep); exports.call(1); exports.m.buffer; new Store(engine); } })()`;
  t.is(nodeJson(t, script, { values: { text, file: artifact(wat) } }), 100);
});

test("the addon loads in workers only, again and again", (t) => {
  const script = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    let sum = 0;
    for (let i = 0; i < 15; i++) {
      const worker = new Worker($(text), { eval: true, workerData: { file: $(file) } });
      // Both may come in one turn.
      const [[message]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
      sum += message;
    }
    console.log(sum);`;
  const text = `(async () => {${prelude}\n parentPort.postMessage(exports.call(1) - threadId) })()`;
  t.is(nodeJson(t, script, { values: { text, file: artifact(wat) } }), 15);
});

test("a process that exits while a worker runs a guest ends", (t) => {
  const script = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    const worker = new Worker($(text), { eval: true, workerData: { file: $(file) } });
    await once(worker, "message");
    process.exit(7);`;
  const text = `(async () => {${prelude}\n parentPort.postMessage("ready"); for (;;) exports.call(1); })()`;
  const { status, signal } = node(script, { values: { text, file: artifact(wat) } });
  t.deepEqual([status, signal], [7, null]);
});
