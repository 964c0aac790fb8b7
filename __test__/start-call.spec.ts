// Calls that go on when they are polled.

import { setImmediate as turn } from "node:timers/promises";
import { PendingCall, StoreBusyError, Trap, WasmtimeError, callAsync, startCall } from "../index.js";
import { needing, start, typeError } from "./helper.js";

const test = needing("async");

const guest = `(module
  (import "env" "f" (func $f (param i32) (result i32)))
  (func (export "call") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1)))
  (func (export "pair") (result i32 i32) (i32.const 1) (i32.const 2))
  (func (export "trap") (unreachable))
  (func (export "count") (result i32) (local $i i32)
    (loop $l (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000000)))) (local.get $i)))`;
const within = (f: (x: number) => unknown, options: Parameters<typeof start>[2] = {}) => start(guest, { env: { f } }, options);

test("nothing runs before the first poll, and one is enough for a guest that does not wait", (t) => {
  let calls = 0;
  const { exports } = within((x) => (calls++, x));
  const call = startCall(exports.call, 4);
  t.true(call instanceof PendingCall);
  t.false(call.done);
  t.is(calls, 0);
  t.throws(() => call.result, { instanceOf: WasmtimeError });
  t.true(call.poll());
  t.true(call.done && call.poll());
  t.is(call.result, 5);
  t.is(calls, 1);
  const pair = startCall(exports.pair);
  t.true(pair.poll());
  t.deepEqual(pair.result, [1, 2]);
});

test("a poll is no use while a promise is pending, and the next one after it goes on", async (t) => {
  let resolve!: (x: number) => void;
  const { exports } = within(() => new Promise<number>((r) => (resolve = r)));
  const call = startCall(exports.call, 1);
  for (let i = 0; i < 5; i++) t.false(call.poll());
  resolve(7);
  t.false(call.poll());
  await turn();
  t.false(call.done);
  t.true(call.poll());
  t.is(call.result, 8);
});

test("what fails is thrown by result", async (t) => {
  const { exports } = within(() => Promise.reject(new Error("mine")));
  const trap = startCall(exports.trap);
  t.true(trap.poll());
  t.throws(() => trap.result, { instanceOf: Trap });
  const call = startCall(exports.call, 1);
  t.false(call.poll());
  await turn();
  t.true(call.poll());
  t.throws(() => call.result, { message: "mine" });
  t.throws(() => startCall((() => 1) as never), typeError);
});

test("a store with such a call is busy until it has ended or was cancelled", (t) => {
  const { exports, store } = within((x) => x);
  const call = startCall(exports.call, 1);
  t.throws(() => startCall(exports.call, 1), { instanceOf: StoreBusyError });
  t.throws(() => exports.call(1), { instanceOf: StoreBusyError });
  t.throws(() => store.dispose(), { instanceOf: StoreBusyError });
  const reason = new Error("enough");
  call.cancel(reason);
  t.true(call.done);
  t.throws(() => call.result, { is: reason });
  call.cancel();
  t.throws(() => call.result, { is: reason });
  t.is(exports.call(1), 2);
});

test("guests that compute have a slice of time in each poll", async (t) => {
  const { exports } = within((x) => x, { profile: "sandbox" });
  const call = startCall(exports.count);
  let polls = 0;
  while (!call.poll()) polls++;
  t.is(call.result, 100_000_000);
  t.true(polls > 0);
  t.is(await callAsync(exports.call, 1), 2);
});
