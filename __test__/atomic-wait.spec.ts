// Waiting on a shared memory and waking who waits, by JavaScript and guests, here and in workers.

import { Memory, type Trap } from "../index.js";
import { needing, rangeError, start, thrown, typeError } from "./helper.js";
import { fresh, handles, messages, pause, shared, show, together, worker } from "./shared-guest.js";

const test = needing("threads");

test("a wait ends at once where the value is another, and by its timeout where nobody notifies", (t) => {
  const memory = shared();
  t.is(memory.atomicWait("i32", 0, 1), "not-equal");
  t.is(memory.atomicWait("i64", 8, -1n), "not-equal");
  t.is(memory.atomicWait("i32", 0, 2 ** 32, 0), "timed-out", "converted as by a call");
  for (const timeout of [0, -0, 5e-324, 1, 20]) {
    const start = performance.now();
    t.is(memory.atomicWait("i32", 0, 0, timeout), "timed-out");
    t.is(memory.atomicWait("i64", 0, 0n, timeout), "timed-out");
    const passed = performance.now() - start;
    t.true(passed >= 2 * timeout - 2 && passed < 2 * timeout + 2000, String(passed));
  }
  for (const forever of [Infinity, undefined, 1e22, Number.MAX_VALUE]) t.is(memory.atomicWait("i32", 0, 1, forever), "not-equal");
  for (const wrong of [-1, -Infinity, NaN]) t.throws(() => memory.atomicWait("i32", 0, 0, wrong), rangeError, String(wrong));
  for (const wrong of [null, "1", 1n, {}, true])
    t.throws(() => memory.atomicWait("i32", 0, 0, wrong as any), typeError, show(wrong));
});

test("only a shared memory can be waited on; a notification of another wakes nobody", (t) => {
  const memory = new Memory(fresh(), { initial: 1 });
  t.throws(() => memory.atomicWait("i32", 0, 0, 0), { ...typeError, message: /shared/ });
  t.throws(() => memory.atomicWait("i32", 0, 1), typeError);
  for (const each of [memory, shared()]) {
    t.is(each.atomicNotify(0), 0);
    t.is(each.atomicNotify(65_532n, 5), 0);
    t.is(each.atomicNotify(4, 0), 0);
    for (const wrong of [1, 2, 65_536, 65_534, -4, 0.5, 2n ** 64n - 4n])
      t.throws(() => each.atomicNotify(wrong), rangeError, String(wrong));
    for (const wrong of [-1, 0.5, NaN, 2 ** 32]) t.throws(() => each.atomicNotify(0, wrong), rangeError, String(wrong));
    for (const wrong of [null, "1", {}, true]) t.throws(() => each.atomicNotify(0, wrong as any), typeError, show(wrong));
    for (const wrong of [undefined, null, "0", {}]) t.throws(() => each.atomicNotify(wrong as any), typeError, show(wrong));
  }
});

test("a guest waits on a shared memory only, and ends by its timeout", (t) => {
  const { exports, memory } = together();
  t.is(exports.wait(0, 1, -1n), 1);
  t.is(exports.wait(0, 0, 1_000_000n), 2);
  t.is(exports.wait64(0, 0n, 0n), 2);
  t.is(exports.notify(0, 1), 0);
  t.is(memory.atomicNotify(0), 0);
  const own = start(
    `(module (memory 1) (func (export "wait") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0))))`,
  );
  t.is((thrown(own.exports.wait) as Trap).trapCode, "atomicWaitNonSharedMemory");
});

for (const [what, wait] of [
  ["a guest's wait of 32 bits", `["ok", "not-equal", "timed-out"][exports.wait(0, 0, -1n)]`],
  ["a guest's wait of 64 bits", `["ok", "not-equal", "timed-out"][exports.wait64(0, 0n, 60_000_000_000n)]`],
  ["atomicWait of 32 bits", `memory.atomicWait("i32", 0, 0)`],
  ["atomicWait of 64 bits", `memory.atomicWait("i64", 0n, 0n, 60_000)`],
] as const) {
  for (const [how, notify] of [
    ["atomicNotify", ({ memory }: ReturnType<typeof together>) => memory.atomicNotify(0, 1)],
    ["a guest's notify", ({ exports }: ReturnType<typeof together>) => exports.notify(0, 1)],
  ] as const) {
    test(`${what} in a worker is woken by ${how} here`, async (t) => {
      const here = together();
      const waiting = worker(t, `post("ready"); post(${wait});`, handles(here));
      await messages(waiting);
      const result = messages(waiting);
      while (notify(here) === 0) await pause(2);
      t.deepEqual(await result, ["ok"]);
      t.is(notify(here), 0);
    });
  }
}

test("atomicWait here is woken by a worker, which sees what was written before", async (t) => {
  const here = together();
  const body = `post("ready"); while (memory.atomicLoad("i32", 4) === 0); memory.write(100, Buffer.from("hello")); while (exports.notify(0, -1) === 0); post("done");`;
  const other = worker(t, body, handles(here));
  await messages(other);
  const done = messages(other);
  here.memory.atomicStore("i32", 4, 1);
  t.is(here.memory.atomicWait("i32", 0, 0, 60_000), "ok");
  t.is(here.memory.readString(100, 5), "hello");
  t.deepEqual(await done, ["done"]);
});

test("as many threads are woken as were asked for", async (t) => {
  const here = together();
  const workers = Array.from({ length: 3 }, () =>
    worker(t, `post("ready"); memory.atomicRmw("i32", "add", 8, 1); post(memory.atomicWait("i32", 0, 0));`, handles(here)),
  );
  await messages(...workers);
  const woken: unknown[] = [];
  for (const each of workers) each.on("message", (message) => woken.push(message));
  while (here.memory.atomicLoad("i32", 8) !== 3) await pause(2);
  await pause(100);
  t.is(here.memory.atomicNotify(0, 0), 0);
  t.is(here.memory.atomicNotify(4), 0, "another place");
  // All were about to wait, and may do so only now.
  for (let left = 2; left > 0; await pause(2)) left -= here.memory.atomicNotify(0, left);
  await pause(100);
  t.is(woken.length, 2);
  while (here.memory.atomicNotify(0) === 0) await pause(2);
  while (woken.length < 3) await pause(2);
  t.deepEqual(woken, ["ok", "ok", "ok"]);
});
