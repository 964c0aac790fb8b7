// Calls that may wait: what host functions promise, what may happen to the store meanwhile, and how such calls end.

import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import plain, { type ExecutionContext } from "ava";
import { DeadlineError, IncompatibleModuleError, Instance, Linker, Memory, Store, StoreBusyError, Trap, callAsync, promising, requireFeature } from "../index.js";
import { collect, load, needing, rangeError, start, typeError } from "./helper.js";

const test = needing("async");

const guest = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (memory (export "memory") 1 10)
  (func (export "call") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))
  (func (export "twice") (param i32) (result i32) (call $f (call $f (local.get 0))))
  (func (export "times") (param i32) (result i32) (local $i i32) (local $sum i32)
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (call $f (local.get $i))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get 0))))
    (local.get $sum))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "trap") (unreachable))
  (func (export "callTrap") (drop (call $f (i32.const 1))) (unreachable))
  (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "spin") (loop $l (br $l))))`;
function within(f: (x: number) => unknown, options: Parameters<typeof start>[2] = {}) {
  // A build without it is not asked what else it would do.
  requireFeature("async");
  return start(guest, { env: { f } }, options);
}

test("a call whose host function returns a promise sleeps until it is settled, and the event loop goes on", async (t) => {
  let resolve!: (value: number) => void;
  const { exports } = within(() => new Promise<number>((r) => (resolve = r)));
  const called = callAsync(exports.call, 1);
  let turns = 0;
  while (turns < 10) {
    await turn();
    collect();
    turns++;
  }
  resolve(41);
  t.is(await called, 42);
});

test("what is no promise goes back at once, in the same call", async (t) => {
  const { exports } = within((x) => x * 2);
  t.is(await callAsync(exports.call, 4), 9);
  t.is(await callAsync(exports.times, 1000), 999000);
});

test("promises, values and thenables may follow each other in one call", async (t) => {
  let i = 0;
  const { exports } = within((x) => {
    const kinds = [x, Promise.resolve(x), pause(1, x), { then: (done: (x: number) => void) => done(x) }];
    return kinds[i++ % kinds.length];
  });
  t.is(await callAsync(exports.times, 40), 780);
  t.is(i, 40);
});

test("all types come through, several results too", async (t) => {
  const wat = `(module (import "env" "f" (func $f (param i32 i64 f32 f64) (result f64 f32 i64 i32)))
    (func (export "call") (param i32 i64 f32 f64) (result f64 f32 i64 i32) (call $f (local.get 0) (local.get 1) (local.get 2) (local.get 3))))`;
  const { exports } = start(wat, { env: { f: async (a: number, b: bigint, c: number, d: number) => (await turn(), [d, c, b, a]) } });
  t.deepEqual(await callAsync(exports.call, -1, -(2n ** 63n), 0.5, NaN), [NaN, 0.5, -(2n ** 63n), -1]);
});

test("what a promise does not convert to is an error of the call, as in a call that does not wait", async (t) => {
  const { exports } = within(async () => 1n);
  await t.throwsAsync(callAsync(exports.call, 1), { instanceOf: TypeError });
  t.is(exports.add(1, 2), 3);
});

for (const reason of [new Error("x"), 42, null, undefined, Object.freeze({})]) {
  test(`what a promise is rejected with comes out as itself: ${String(reason)}`, async (t) => {
    const { exports } = within(async () => (await turn(), Promise.reject(reason)));
    const outcome = await callAsync(exports.call, 1).then(
      () => t.fail(),
      (error) => ({ error }),
    );
    t.true(Object.is((outcome as { error: unknown }).error, reason));
    t.is(exports.add(1, 2), 3);
  });
  test(`what a host function throws in such a call comes out as itself: ${String(reason)}`, async (t) => {
    const { exports } = within(() => {
      throw reason;
    });
    const outcome = await callAsync(exports.call, 1).then(
      () => t.fail(),
      (error) => ({ error }),
    );
    t.true(Object.is((outcome as { error: unknown }).error, reason));
  });
}

test("a trap rejects, with its frames, before and after the guest has waited", async (t) => {
  const { exports } = within(() => turn(1));
  for (const fn of [exports.trap, exports.callTrap]) {
    const error = await t.throwsAsync(callAsync(fn), { instanceOf: Trap });
    t.is((error as Trap).trapCode, "unreachableCodeReached");
    t.is((error as Trap).frames.length, 1);
  }
  t.is(await callAsync(exports.call, 1), 2);
});

test("arguments are converted when the call is made, and what fails there rejects", async (t) => {
  const { exports } = within((x) => x);
  t.is(await callAsync(exports.call, { valueOf: () => exports.add(2, 3) } as never), 6);
  const failing = { valueOf: () => { throw new RangeError("mine"); } };
  await t.throwsAsync(callAsync(exports.call, failing as never), { instanceOf: RangeError, message: "mine" });
});

test("arguments of a queued call are converted once, when it is made", async (t) => {
  const { exports } = within((x) => pause(1, x));
  let conversions = 0;
  const x = { valueOf: () => ++conversions };
  const queued = promising(exports.call, { queue: true });
  const calls = [queued(x as never), queued(x as never), queued(x as never)];
  t.is(conversions, 3);
  t.deepEqual(await Promise.all(calls), [2, 3, 4]);
  const busy = new StoreBusyError("mine");
  await t.throwsAsync(queued({ valueOf: () => { throw busy; } } as never), { is: busy });
  t.is(conversions, 3);
});

test("promising is for exported functions and known options", (t) => {
  const { exports } = within((x) => x);
  for (const wrong of [() => 1, undefined, {}, class {}]) t.throws(() => promising(wrong as never), typeError);
  const wrong = [null, 1, { signal: {} }, { timeoutMs: "1" }, { queue: 1 }, { thread: "other" }, { unknown: 1 }];
  for (const options of wrong) t.throws(() => promising(exports.call, options as never), typeError);
  for (const timeoutMs of [0, -1, NaN, Infinity]) t.throws(() => promising(exports.call, { timeoutMs }), rangeError);
});

test("while the guest waits its store can be called, read, written, grown and instantiated in, by anybody", async (t) => {
  let resolve!: (value: number) => void;
  const { exports, store, module } = within(() => new Promise<number>((r) => (resolve = r)));
  const memory = exports.memory as Memory;
  const called = callAsync(exports.call, 1);
  await turn();
  t.is(exports.add(2, 3), 5);
  exports.store(16, 77);
  t.is(exports.load(16), 77);
  t.is(memory.read(16, 1)[0], 77);
  memory.write(16, Buffer.from([78]));
  t.is(new Uint8Array(memory.buffer)[16], 78);
  const before = memory.buffer;
  t.is(exports.grow(), 1);
  t.is(memory.pages, 2);
  t.is(before.byteLength, 0);
  t.is(memory.grow(1), 2);
  const trapped = t.throws(() => exports.trap(), { instanceOf: Trap });
  t.is(trapped!.frames[0]!.funcIndex, 6);
  const other = new Instance(store, module, { env: { f: (x: number) => exports.add(x, 100) } });
  t.is(other.exports.call(1), 102);
  t.is(other.exports.times(10), 1045);
  collect();
  await turn();
  resolve(10);
  t.is(await called, 11);
  t.is(exports.load(16), 78);
  t.is(exports.call.length, 1);
});

test("a host function called on the way may do all that too, and throw through it", async (t) => {
  const { exports, store, module } = within((x) => {
    if (x === 3) throw new Error("three");
    if (x === 4) return pause(1, exports.add(x, 1));
    const error = x === 0 ? undefined : t.throws(() => exports.call(3), { message: "three" });
    t.is(error?.message, x === 0 ? undefined : "three");
    const inner = new Instance(store, module, { env: { f: (y: number) => exports.add(y, x) } });
    return inner.exports.twice(1);
  });
  t.is(await callAsync(exports.times, 3), 1 + 3 + 5);
  t.is(await callAsync(exports.call, 4), 6);
});

test("calls that do not wait are what they were, before, during and after one that does", async (t) => {
  const { exports, store, module } = within((x) => x + 1);
  t.is(exports.times(100), 5050);
  await callAsync(exports.call, 1);
  t.is(exports.times(100), 5050);
  t.is(new Instance(store, module, { env: { f: () => 1 } }).exports.call(1), 2);
  const linker = new Linker(store.engine).defineFunc("env", "f", { parameters: ["i32"], results: ["i32"] }, (x: number) => x);
  t.is(linker.instantiate(store, module).exports.call(1), 2);
  t.is(linker.instantiatePre(module).instantiate(store).exports.call(1), 2);
  t.throws(() => exports.trap(), { instanceOf: Trap });
  t.is(exports.grow(), 1);
});

plain("a promise that a call returns nothing waits for converts as any object does", (t) => {
  const { exports } = start(guest, { env: { f: () => Promise.resolve(5) } });
  t.is(exports.call(1), 1);
});
test("nor does one in a call inside of one that waits", async (t) => {
  const { exports } = within((x) => (x === 1 ? exports.call(2) : Promise.resolve(5)));
  t.is(await callAsync(exports.call, 1), 2);
});

test("a second call that may wait is refused, or has its turn afterwards", async (t) => {
  const resolvers: ((value: number) => void)[] = [];
  const { exports } = within(() => new Promise<number>((resolve) => resolvers.push(resolve)));
  const first = callAsync(exports.call, 1);
  await t.throwsAsync(callAsync(exports.call, 2), { instanceOf: StoreBusyError });
  const queued = promising(exports.call, { queue: true });
  const others = [queued(2), queued(3)];
  await turn();
  t.is(resolvers.length, 1);
  for (const [i, call] of [first, ...others].entries()) {
    resolvers[i]!(i * 10);
    t.is(await call, i * 10 + 1);
    await turn();
  }
});

test("a queued call from inside of a call that does not wait begins after it", async (t) => {
  const later: Promise<unknown>[] = [];
  const { exports } = within((x) => {
    if (x === 1) later.push(promising(exports.call, { queue: true })(5), callAsync(exports.call, 6).catch((error) => error));
    return x;
  });
  t.is(exports.call(1), 2);
  const [queued, refused] = await Promise.all(later);
  t.is(queued, 6);
  t.true(refused instanceof StoreBusyError);
});

test("a store can't be disposed while a call waits in it, and can afterwards", async (t) => {
  let resolve!: (value: number) => void;
  const { exports, store } = within(() => new Promise<number>((r) => (resolve = r)));
  const called = callAsync(exports.call, 1);
  t.throws(() => store.dispose(), { instanceOf: StoreBusyError });
  resolve(1);
  t.is(await called, 2);
  store.dispose();
  await t.throwsAsync(callAsync(exports.call, 1), { code: "ERR_WASMTIME_CLOSED" });
});

test("a signal ends a call that waits for a promise, and the store works on", async (t) => {
  const { exports } = within(() => new Promise(() => undefined));
  const control = new AbortController();
  const called = promising(exports.call, { signal: control.signal })(1);
  await turn();
  const reason = new Error("mine");
  control.abort(reason);
  t.is(await t.throwsAsync(called), reason);
  t.is(exports.add(1, 2), 3);
  const again = promising(exports.call, { signal: AbortSignal.timeout(5) })(1);
  t.is((await again.catch((error) => error) as Error).name, "TimeoutError");
  await t.throwsAsync(promising(exports.call, { signal: AbortSignal.abort(reason) })(1), { is: reason });
});

test("a signal ends a call that waits for its turn, and one that is aborted by a host function of its own", async (t) => {
  const control = new AbortController();
  let began = 0;
  const { exports } = within((x) => {
    began++;
    if (x === 7) control.abort("own");
    return x === 7 ? 7 : pause(5, 1);
  });
  const first = callAsync(exports.call, 1);
  const queue = new AbortController();
  const queued = promising(exports.call, { queue: true, signal: queue.signal })(2);
  queue.abort("queued");
  t.is(await queued.catch((error) => error), "queued");
  t.is(await first, 2);
  t.is(began, 1);
  t.is(await promising(exports.twice, { signal: control.signal })(7).catch((error) => error), "own");
  t.is(began, 2);
  t.is(exports.add(1, 2), 3);
});

test("a deadline ends a call that computes, and one that waits", async (t) => {
  const { exports, store } = within(() => new Promise(() => undefined), { profile: "sandbox" });
  for (const fn of [exports.spin, exports.call]) {
    await t.throwsAsync(promising(fn, { timeoutMs: 30 })(1), { instanceOf: DeadlineError, code: "ERR_WASMTIME_DEADLINE" });
    t.is(exports.add(1, 2), 3);
  }
  store.timeoutMs = 30;
  for (const fn of [exports.spin, exports.call]) await t.throwsAsync(callAsync(fn, 1), { instanceOf: DeadlineError });
  t.throws(() => exports.spin(), { instanceOf: DeadlineError });
});

test("a deadline needs a guest that can be stopped", async (t) => {
  const { exports } = within((x) => x, { profile: "debug" });
  const error = await t.throwsAsync(promising(exports.call, { timeoutMs: 30 })(1), { instanceOf: IncompatibleModuleError });
  t.is((error as IncompatibleModuleError).setting, "interruption");
  t.is(await callAsync(exports.call, 1), 2);
});

test("guests that compute let the event loop and each other have their turn, and can be stopped", async (t) => {
  const control = new AbortController();
  const guests = Array.from({ length: 5 }, () => within((x) => x, { profile: "sandbox" }));
  const spinning = guests.map(({ exports }) => promising(exports.spin, { signal: control.signal })());
  let turns = 0;
  for (; turns < 5; turns++) await pause(1);
  t.throws(() => guests[0]!.exports.add(1, 2), { instanceOf: StoreBusyError });
  t.throws(() => guests[0]!.store.dispose(), { instanceOf: StoreBusyError });
  const other = within((x) => pause(1, x), { profile: "sandbox" });
  t.is(await callAsync(other.exports.call, 1), 2);
  control.abort("enough");
  t.deepEqual(await Promise.all(spinning.map((call) => call.catch((error) => error))), Array(5).fill("enough"));
  t.is(guests[0]!.exports.add(1, 2), 3);
});

test("start functions may wait: Instance.create, Linker.instantiateAsync, InstancePre.instantiateAsync", async (t) => {
  const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (global $g (mut i32) (i32.const 0))
    (func $start (global.set $g (call $f (i32.const 5)))) (start $start)
    (func (export "get") (result i32) (global.get $g)))`;
  requireFeature("async");
  const { engine, module } = load(wat);
  const f = async (x: number) => (await turn(), x * 3);
  const linker = new Linker(engine).defineFunc("env", "f", { parameters: ["i32"], results: ["i32"] }, f);
  const pre = linker.instantiatePre(module);
  const store = new Store(engine);
  const ways = [() => Instance.create(store, module, { env: { f } }), () => linker.instantiateAsync(store, module), () => pre.instantiateAsync(store)];
  for (const way of ways) {
    const making = way();
    t.throws(() => store.dispose(), { instanceOf: StoreBusyError });
    const instance = await making;
    t.true(instance instanceof Instance);
    t.is(instance.exports.get(), 15);
  }
  await t.throwsAsync(Instance.create(store, module), { code: "ERR_WASMTIME_LINK" });
  const failing = Instance.create(store, module, { env: { f: () => Promise.reject(new Error("no")) } });
  await t.throwsAsync(failing, { message: "no" });
  t.is((await pre.instantiateAsync(new Store(engine))).exports.get(), 15);
});

test("many guests sleep at once, each in a store of its own", async (t) => {
  let open!: () => void;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { engine, module } = load(guest);
  const calls = Array.from({ length: 300 }, (_, i) => {
    const { exports } = new Instance(new Store(engine), module, { env: { f: (x: number) => gate.then(() => x + i) } });
    return callAsync(exports.call as (x: number) => number, 1);
  });
  collect();
  await turn();
  open();
  t.deepEqual(await Promise.all(calls), Array.from({ length: 300 }, (_, i) => i + 2));
});

test("calls between stores may wait on the way", async (t) => {
  const inner = within((x) => pause(1, x));
  const outer = within((x) => callAsync(inner.exports.call, x) as Promise<number>);
  t.is(await callAsync(outer.exports.twice, 1), 3);
});

test("recursion through sleeping guests ends as an error, and the store works on", async (t) => {
  const { exports } = within((x) => (x > 1e6 ? x : exports.call(x + 1)));
  const error = await callAsync(exports.call, 1).then(
    () => t.fail(),
    (error) => error,
  );
  t.true(error instanceof RangeError || error instanceof Trap, String(error));
  t.is(exports.add(1, 2), 3);
});

needing("async", "gc")("references come through, are collected, and are thrown and caught", async (t: ExecutionContext) => {
  const wat = `(module (import "env" "f" (func $f (param externref funcref) (result externref funcref)))
    (import "env" "g" (func $g))
    (func (export "call") (param externref funcref) (result externref funcref) (call $f (local.get 0) (local.get 1)))
    (func (export "catch") (result i32) (block $b (try_table (catch_all $b) (call $g)) (return (i32.const 0))) (i32.const 1)))`;
  let reject = true;
  const { exports, store } = start(wat, {
    env: {
      f: async (value: unknown, fn: unknown) => {
        await turn();
        store.gc();
        collect();
        return [value, fn];
      },
      g: () => (reject ? Promise.reject(new Error("caught")) : turn()),
    },
  });
  const value = { some: "thing" };
  for (let i = 0; i < 20; i++) t.deepEqual(await callAsync(exports.call, value, exports.call), [value, exports.call]);
  t.is(await callAsync(exports.catch), 1);
  reject = false;
  t.is(await callAsync(exports.catch), 0);
});

test("what waits for a promise that is never settled is collected with it", async (t) => {
  requireFeature("async");
  const { engine, module } = load(guest);
  for (let i = 0; i < 50; i++) {
    const { exports } = new Instance(new Store(engine), module, { env: { f: () => new Promise(() => undefined) } });
    void callAsync(exports.call as (x: number) => number, 1);
    if (i % 10 === 0) await turn();
    collect();
  }
  t.pass();
});

