// Guests on threads of their own: where their host functions run, what may touch their stores, and how they end.

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { threadId } from "node:worker_threads";
import { type ExecutionContext } from "ava";
import { DeadlineError, IncompatibleModuleError, Instance, Memory, Store, StoreBusyError, Trap, callInBackground, promising, requireFeature } from "../index.js";
import { collect, load, needing, start } from "./helper.js";

const test = needing("async");

const guest = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 10)
  (func (export "call") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "trap") (unreachable))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "count") (param i32) (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0)))) (local.get $i))
  (func (export "spin") (loop $l (br $l))))`;
function within(f: (x: number) => unknown, options: Parameters<typeof start>[2] = {}) {
  // A build without it is not asked what else it would do.
  requireFeature("async");
  return start(guest, { env: { f } }, options);
}

test("a guest computes on another thread, while the event loop turns", async (t) => {
  const { exports } = within((x) => x);
  let turns = 0;
  const called = callInBackground(exports.count, 300_000_000);
  let open = true;
  void called.finally(() => (open = false));
  while (open) {
    await turn();
    turns++;
  }
  t.is(await called, 300_000_000);
  t.true(turns > 1);
});

test("host functions are called on the JavaScript thread, and may return promises", async (t) => {
  const { exports } = within(async (x) => (t.is(threadId, thread), await pause(1), x * 2));
  const thread = threadId;
  t.is(await callInBackground(exports.call, 4), 9);
  const plain = within((x) => x + 1);
  for (let i = 0; i < 50; i++) t.is(await callInBackground(plain.exports.call, i), i + 2);
});

test("inside of a host function its store can be used, elsewhere it is busy", async (t) => {
  const { exports, store } = within((x) => {
    t.is(exports.add(1, 2), 3);
    (exports.memory as Memory).write(0, Buffer.from([7]));
    t.is((exports.memory as Memory).read(0, 1)[0], 7);
    t.throws(() => store.dispose(), { instanceOf: StoreBusyError });
    return x;
  });
  t.is(await callInBackground(exports.call, 1), 2);
  const called = callInBackground(exports.count, 100_000_000);
  for (const use of [() => exports.add(1, 2), () => (exports.memory as Memory).read(0, 1), () => (exports.memory as Memory).buffer, () => store.dispose()]) {
    t.throws(use, { instanceOf: StoreBusyError });
  }
  await t.throwsAsync(callInBackground(exports.count, 1), { instanceOf: StoreBusyError });
  const queued = promising(exports.count, { thread: "background", queue: true })(5);
  collect();
  t.is(await called, 100_000_000);
  t.is(await queued, 5);
});

test("views of its memory are detached when it leaves, and made anew", async (t) => {
  const { exports } = within((x) => x);
  const memory = exports.memory as Memory;
  const view = memory.buffer;
  t.is(await callInBackground(exports.grow), 1);
  t.is(view.byteLength, 0);
  t.is(memory.buffer.byteLength, 2 * 65536);
});

test("traps, and what host functions throw, reject, and the store works on", async (t) => {
  const { exports } = within((x) => {
    if (x === 1) throw new Error("mine");
    return Promise.reject(new Error("later"));
  });
  const trap = await t.throwsAsync(callInBackground(exports.trap), { instanceOf: Trap });
  t.is((trap as Trap).frames.length, 1);
  await t.throwsAsync(callInBackground(exports.call, 1), { message: "mine" });
  await t.throwsAsync(callInBackground(exports.call, 2), { message: "later" });
  t.is(exports.add(1, 2), 3);
});

test("a signal and a deadline end a guest that computes there, and one that waits for a promise", async (t) => {
  const { exports } = within(() => new Promise(() => undefined), { profile: "sandbox" });
  for (const fn of [exports.spin, exports.call]) {
    const control = new AbortController();
    const called = promising(fn, { thread: "background", signal: control.signal })(1);
    await pause(20);
    control.abort("enough");
    t.is(await called.catch((error) => error), "enough");
    await t.throwsAsync(promising(fn, { thread: "background", timeoutMs: 20 })(1), { instanceOf: DeadlineError });
    t.is(exports.add(1, 2), 3);
  }
});

test("a guest without a brake can have no signal and no deadline there", async (t) => {
  const { exports } = within((x) => x, { profile: "debug" });
  const { signal } = new AbortController();
  for (const options of [{ signal }, { timeoutMs: 5 }]) {
    const called = promising(exports.call, { thread: "background", ...options })(1);
    const error = await t.throwsAsync(called, { instanceOf: IncompatibleModuleError });
    t.is((error as IncompatibleModuleError).setting, "interruption");
  }
});

test("many guests at once, more than there are threads", async (t) => {
  const guests = Array.from({ length: 60 }, (_, i) => within((x) => pause(1, x + i)));
  const results = await Promise.all(guests.map(({ exports }) => callInBackground(exports.call, 1)));
  t.deepEqual(
    results,
    guests.map((_, i) => i + 2),
  );
});

needing("async", "gc")("references cross between the threads' calls", async (t: ExecutionContext) => {
  const wat = `(module (import "env" "f" (func $f (param externref) (result externref)))
    (import "env" "g" (func $g))
    (func (export "call") (param externref) (result externref) (call $f (call $f (local.get 0))))
    (func (export "catch") (result i32) (block $b (try_table (catch_all $b) (call $g)) (return (i32.const 0))) (i32.const 1)))`;
  const seen: unknown[] = [];
  const { exports, store } = start(wat, {
    env: {
      f: (value: unknown) => {
        store.gc();
        collect();
        seen.push(value);
        return { value };
      },
      g: () => {
        throw new Error("caught");
      },
    },
  });
  const value = { some: "thing" };
  for (let i = 0; i < 20; i++) t.deepEqual(await callInBackground(exports.call, value), { value: { value } });
  t.is(seen[0], value);
  t.is(await callInBackground(exports.catch), 1);
});

needing("async", "threads")("guests in the background wait for each other over a shared memory", async (t: ExecutionContext) => {
  const wat = `(module (import "env" "memory" (memory 1 1 shared))
    (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 20000000000)))
    (func (export "notify") (result i32) (local $n i32)
      (loop $l (br_if $l (i32.eqz (local.tee $n (memory.atomic.notify (i32.const 0) (i32.const 1)))))) (local.get $n)))`;
  const { engine, module } = load(wat, { profile: "sandbox" });
  const [one, other] = [new Store(engine), new Store(engine)];
  const memory = new Memory(one, { initial: 1, maximum: 1, shared: true });
  const waits = new Instance<any>(one, module, { env: { memory } }).exports;
  const notifies = new Instance<any>(other, module, { env: { memory: Memory.fromShared(other, memory.share()) } }).exports;
  t.deepEqual(await Promise.all([callInBackground(waits.wait), callInBackground(notifies.notify)]), [0, 1]);
});
