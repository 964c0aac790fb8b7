// Calls that wait, where something happens at an odd moment: a turn from inside, an abort on top, a promise that is no good one, a
// queue that is long, a thread that ends.

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { Instance, Linker, Store, callAsync, callInBackground, promising, requireFeature, startCall } from "../index.js";
import { artifact, collect, load, needing, start } from "./helper.js";
import { command, hello } from "./wasi-guest.js";

const test = needing("async");

const guest = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "call") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))
  (func (export "count") (param i32) (result i32) (local $i i32)
    (drop (call $f (i32.const 0)))
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0)))) (local.get $i))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
function within(f: (x: number) => unknown, options: Parameters<typeof start>[2] = {}) {
  // A build without it is not asked what else it would do.
  requireFeature("async");
  return start(guest, { env: { f } }, options);
}
const never = () => new Promise<number>(() => undefined);
const reasonOf = (call: Promise<unknown>) => call.then((value) => `resolved with ${String(value)}`, (reason) => reason);

test("a call has no turn while something on top of it is under way", async (t) => {
  let resolve!: (x: number) => void;
  const { exports } = within((x) => {
    if (x === 0) return new Promise((r) => (resolve = r));
    t.false(call.poll());
    collect();
    return x;
  });
  const call = startCall(exports.call, 0) as { poll(): boolean; result: unknown };
  call.poll();
  resolve(10);
  await turn();
  t.is(exports.call(5), 6);
  t.true(call.poll());
  t.is(call.result, 11);
});

test("a call that is aborted on top of it, or before it waits, ends at once", async (t) => {
  for (const x of [0, 1]) {
    const control = new AbortController();
    const { exports, store } = within((y) => {
      if (y === x) control.abort("enough");
      return y === 1 ? 1 : never();
    });
    const called = promising(exports.call, { signal: control.signal })(0);
    if (x === 1) t.is(exports.call(1), 2);
    t.is(await reasonOf(called), "enough");
    t.is(exports.add(1, 2), 3);
    store.dispose();
  }
});

test("an import that aborts its own call and rejects then is no unhandled rejection", async (t) => {
  const control = new AbortController();
  const { exports } = within(async () => {
    control.abort("enough");
    throw new Error("too late");
  });
  t.is(await reasonOf(promising(exports.call, { signal: control.signal })(0)), "enough");
  await turn();
});

test("no guest of a queue begins after the signal of all has been aborted", async (t) => {
  let ran = 0;
  const { exports } = within(() => (ran++, never()));
  const control = new AbortController();
  const queued = promising(exports.call, { signal: control.signal, queue: true });
  const calls = [queued(1), queued(2), queued(3)];
  await turn();
  control.abort("enough");
  t.deepEqual(await Promise.all(calls.map(reasonOf)), ["enough", "enough", "enough"]);
  t.is(ran, 1);
});

test("a queue may be long", async (t) => {
  const { exports } = within((x) => (x === 0 ? pause(1, 0) : x));
  const queued = promising(exports.call, { queue: true });
  const calls = Array.from({ length: 5000 }, (_, i) => queued(i));
  t.deepEqual(
    await Promise.all(calls),
    calls.map((_, i) => i + 1),
  );
});

const hostile: Record<string, () => unknown> = {
  "whose constructor throws": () => Object.defineProperty(Promise.resolve(1), "constructor", { get: () => { throw new Error("mine"); } }),
  "whose then throws": () => ({ then: () => { throw new Error("mine"); } }),
  "whose then throws when it is asked for a second time": () => {
    let asked = 0;
    return Object.defineProperty({}, "then", { get: () => { if (asked++ > 0) throw new Error("mine"); return () => undefined; } });
  },
};
for (const [name, promise] of Object.entries(hostile)) {
  test(`a promise ${name} is a rejected one`, async (t) => {
    let good = false;
    const { exports, store } = within((x) => (good ? x : promise()), { profile: "sandbox" });
    const outcome = await reasonOf(callAsync(exports.call, 1));
    t.true(outcome instanceof Error ? outcome.message === "mine" : outcome === "resolved with 2", String(outcome));
    good = true;
    t.is(await promising(exports.call, { queue: true })(1), 2);
    store.dispose();
  });
}
test("a promise that calls back at once, and often, settles once", async (t) => {
  const { exports } = within((x) => ({ then: (done: (y: number) => void) => (done(x), done(7), done(8)) }));
  for (let i = 0; i < 100; i++) t.is(await callAsync(exports.call, i), i + 1);
});

test("guests give others their turn also after a host function that has taken long", async (t) => {
  const block = () => {
    for (const end = performance.now() + 300; performance.now() < end; );
    return 0;
  };
  const { exports } = within(block, { profile: "sandbox" });
  const control = new AbortController();
  const called = promising(exports.count, { signal: control.signal })(-1);
  setTimeout(() => control.abort("enough"), 400);
  t.is(await reasonOf(called), "enough");
});

needing("async", "gc")("what a call was given that has not begun is let go", async (t) => {
  const { exports, store } = start(`(module (func (export "take") (param externref)))`);
  let freed = 0;
  const registry = new FinalizationRegistry(() => freed++);
  const round = () => {
    for (let i = 0; i < 2000; i++) {
      const given = { i };
      registry.register(given, 0);
      startCall(exports.take, given).cancel();
    }
  };
  round();
  for (let i = 0; i < 3000; i++) exports.take({ i });
  store.gc();
  if (!globalThis.gc) return t.pass();
  for (let i = 0; i < 20 && freed < 1900; i++) {
    globalThis.gc();
    await pause(5);
  }
  t.true(freed >= 1900, String(freed));
});

needing("async", "wasi")("a function for output that throws, or aborts, leaves the store as it was", async (t) => {
  const reason = new Error("mine");
  for (const call of [callAsync, callInBackground]) {
    const { engine, module } = load(hello);
    const store = new Store(engine, { wasi: { stdout: () => { throw reason; } } });
    const { exports } = new Linker(engine).defineWasi().instantiate<any>(store, module);
    for (let i = 0; i < 3; i++) t.is(await reasonOf(call(exports._start)), reason);
    t.throws(() => exports._start(), { is: reason });
    store.dispose();
  }
  const { engine, module } = load(command("(call $print (i32.const 1) (i32.const 1024) (i32.const 2))", { data: "hi" }));
  const control = new AbortController();
  const store = new Store(engine, { wasi: { stdout: () => control.abort("enough") } });
  const { exports } = new Linker(engine).defineWasi().instantiate<any>(store, module);
  const waiting = new Instance(store, load(guest, { engine }).module, { env: { f: never } }).exports;
  const called = promising(waiting.call as (x: number) => number, { signal: control.signal })(1);
  exports._start();
  t.is(await reasonOf(called), "enough");
  store.dispose();
});

test("a worker ends also where a guest computes on top of one that waits, or as it starts", async (t) => {
  requireFeature("async");
  const spin = `(module (import "env" "f" (func $f)) (func (export "call") (call $f)) (func (export "spin") (loop $l (br $l))))`;
  const starts = `(module (func $s (loop $l (br $l))) (start $s))`;
  const files = [spin, starts].map((wat) => artifact(wat, "sandbox"));
  const script = (then: string) => `
    import { parentPort, workerData } from "node:worker_threads";
    import { Engine, Instance, Module, Store, callAsync } from "@cwasm/wasmtime";
    const engine = new Engine({ profile: "sandbox" });
    const [guest, starts] = workerData.map((file) => Module.deserializeFile(engine, file));
    const store = new Store(engine);
    const { exports } = new Instance(store, guest, { env: { f: () => new Promise(() => {}) } });
    void callAsync(exports.call);
    parentPort.postMessage("");
    ${then}`;
  for (const then of ["exports.spin();", "new Instance(store, starts);"]) {
    const worker = new Worker(script(then), { eval: true, workerData: files, execArgv: ["--input-type=module"] });
    const failed = new Promise<never>((_, reject) => worker.once("error", reject));
    await Promise.race([new Promise((done) => worker.once("message", done)), failed]);
    await pause(50);
    await worker.terminate();
  }
  t.pass();
});
