// What the guest of a run may import of JavaScript: functions of numbers, and its memory for them.

import { type ExecutionContext } from "ava";
import { setTimeout as pause } from "node:timers/promises";
import { type GuestMemory, LinkError, type RunOptions, type RunResult, StoreBusyError, run, runSync } from "../index.js";
import { artifact, collect, needing, rangeError, typeError } from "./helper.js";
import { command } from "./wasi-guest.js";

const test = needing("wasi");

const precompiled = true as const;
const none = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
type Go = (wat: string, options: RunOptions, profile?: "sandbox") => Promise<RunResult>;
const away: Go = (wat, options, profile) => run(artifact(wat, profile), { precompiled, ...none, ...options });
const here: Go = async (wat, options, profile) => runSync(artifact(wat, profile), { precompiled, ...none, ...options });
function both(title: string, check: (t: ExecutionContext, go: Go) => Promise<void>) {
  test(`run ${title}`, (t) => check(t, away));
  test(`runSync ${title}`, (t) => check(t, here));
}
const importing = (extra: string, body: string, data = "") => command(body, { extra, data });

both("calls functions with what the guest gives, and gives back what they return", async (t, go) => {
  const wat = importing(
    `(import "env" "mix" (func $mix (param i32 i64 f32 f64 v128) (result i32 i64 f32 f64 v128)))`,
    `(call $mix (i32.const -1) (i64.const -9223372036854775808) (f32.const 0.1) (f64.const nan) (v128.const i32x4 1 2 3 4))
    (drop) (drop) (drop) (drop) (call $proc_exit)`,
  );
  const called: unknown[][] = [];
  const mix = (...params: unknown[]) => {
    called.push(params);
    return [7, 5n, 1.5, -0, new Uint8Array(16)];
  };
  t.is((await go(wat, { imports: { env: { mix } } })).exitCode, 7);
  t.deepEqual(called, [[-1, -(2n ** 63n), Math.fround(0.1), NaN, new Uint8Array([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0])]]);
});

both("converts results as the JS API does, and refuses what does not convert", async (t, go) => {
  const wat = (type: string) => importing(`(import "env" "f" (func $f (result ${type})))`, `(drop (call $f))`);
  const f = (value: unknown) => ({ imports: { env: { f: () => value } } });
  for (const value of [1, "5", undefined, null, true, 2 ** 40, [3]]) t.is((await go(wat("i32"), f(value))).exitCode, 0);
  await t.throwsAsync(go(wat("i64"), f(1)), { instanceOf: TypeError });
  await t.throwsAsync(go(wat("i32"), f(1n)), { instanceOf: TypeError });
  await t.throwsAsync(go(wat("f64"), f(Symbol("s"))), { instanceOf: TypeError });
  await t.throwsAsync(go(wat("v128"), f(new Uint8Array(15))), { instanceOf: TypeError });
});

both("lets functions read and write the guest's memory while they are called", async (t, go) => {
  let kept: GuestMemory | undefined;
  const wat = importing(
    `(import "env" "upper" (func $upper (param i32 i32) (result i32)))`,
    `(call $print (i32.const 1) (i32.const 2048) (call $upper (i32.const 1024) (i32.const 9)))`,
    "h\\c3\\b6he text",
  );
  const imports = (memory: GuestMemory) => {
    kept = memory;
    t.throws(() => memory.byteLength, { instanceOf: StoreBusyError });
    return {
      env: {
        upper(ptr: number, length: number) {
          collect();
          t.is(memory.byteLength, 65536);
          t.deepEqual(memory.read(ptr, 1), Buffer.from("h"));
          t.throws(() => memory.read(65536, 1), rangeError);
          t.throws(() => memory.read(-1, 1), rangeError);
          t.throws(() => memory.write(65535, new Uint8Array(2)), rangeError);
          t.throws(() => (memory as any).read(0), typeError);
          t.throws(() => memory.write(0, "text" as any), typeError);
          memory.write(4000, Buffer.from([0xff]));
          t.is(memory.readString(4000, 1), "\ufffd");
          t.throws(() => memory.readString(4000, 1, { fatal: true }), { instanceOf: TypeError });
          return memory.writeString(2048, memory.readString(ptr, length).toUpperCase());
        },
      },
    };
  };
  t.is(String((await go(wat, { imports, stdout: "capture" })).stdout), "HÖHE TEX");
  t.throws(() => kept!.read(0, 1), { instanceOf: StoreBusyError });
});

both("ends a guest whose import throws, with what it threw", async (t, go) => {
  const wat = importing(`(import "env" "f" (func $f))`, `(call $f) (call $proc_exit (i32.const 1))`);
  for (const error of [new Error("no"), "text", undefined]) {
    const ended = go(wat, { imports: { env: { f: () => { throw error } } } });
    t.is(await ended.then(() => t.fail("it went on"), (reason) => reason), error);
  }
});

both("takes nothing from an option that is called __proto__", async (t, go) => {
  const wat = command(`(call $proc_exit (call $fd_prestat_get (i32.const 3) (i32.const 0)))`);
  await t.throwsAsync(go(wat, JSON.parse(`{"__proto__":{"dirs":{"/x":"/"}}}`)), typeError);
  t.is((await go(wat, Object.create({ dirs: { "/x": "/" } }))).exitCode, 8);
});

both("puts functions in the place of WASI's", async (t, go) => {
  const wat = command(`(call $proc_exit (call $sched_yield))`);
  t.is((await go(wat, { imports: { wasi_snapshot_preview1: { sched_yield: () => 42 } } })).exitCode, 42);
});

both("refuses imports that are no functions of numbers, and tells of missing ones", async (t, go) => {
  const wat = importing(`(import "env" "f" (func $f (param externref)))`, "");
  await t.throwsAsync(go(wat, { imports: { env: { f() {} } } }), { instanceOf: LinkError, message: /env.*references/ });
  await t.throwsAsync(go(importing(`(import "env" "g" (global i32))`, ""), { imports: { env: { g() {} } } }), { instanceOf: LinkError, message: /global/ });
  await t.throwsAsync(go(wat, { imports: { env: {} } }), { instanceOf: LinkError });
  for (const imports of [5, null, "text", { env: 5 }, { env: { f: 5 } }, () => 5, { env: null }] as any[]) await t.throwsAsync(go(wat, { imports }), typeError);
  const error = new Error("thrown");
  t.is(await t.throwsAsync(go(wat, { imports: () => { throw error } })), error);
});

both("calls many times, also from within others' functions", async (t, go) => {
  const wat = importing(
    `(import "env" "add" (func $add (param i32) (result i32)))`,
    `(local $n i32) (loop (local.set $n (call $add (local.get $n))) (br_if 0 (i32.lt_s (local.get $n) (i32.const 2000)))) (call $proc_exit (i32.rem_u (local.get $n) (i32.const 100)))`,
  );
  let inner = 0;
  const add = (n: number) => {
    if (n === 5) inner = runSync(artifact(wat), { precompiled, ...none, imports: { env: { add: (n: number) => n + 999 } } }).exitCode;
    return n + 1;
  };
  t.is((await go(wat, { imports: { env: { add } } })).exitCode, 0);
  t.is(inner, 97);
});

test("run waits for promises, runSync refuses them", async (t) => {
  const wat = importing(`(import "env" "f" (func $f (param i32) (result i32)))`, `(call $proc_exit (call $f (i32.const 20)))`);
  const f = async (ms: number) => (await pause(ms), 3);
  t.is((await away(wat, { imports: { env: { f } } })).exitCode, 3);
  await t.throwsAsync(here(wat, { imports: { env: { f } } }), { instanceOf: TypeError, message: /promise/ });
  const error = new Error("later");
  t.is(await t.throwsAsync(away(wat, { imports: { env: { f: async () => { throw error } } } })), error);
  const thenable = (value: unknown) => ({ then: (resolve: (value: unknown) => void) => void setTimeout(resolve, 1, value) });
  t.is((await away(wat, { imports: { env: { f: () => thenable(thenable(4)) } } })).exitCode, 4);
  const all = await Promise.all(Array.from({ length: 20 }, (_, i) => away(wat, { imports: { env: { f: async () => (await pause(5), i) } } })));
  t.deepEqual(all.map(({ exitCode }) => exitCode), [...Array(20).keys()]);
});

test("a guest that waits for an import can be stopped, and what comes later is nobody's", async (t) => {
  const wat = importing(`(import "env" "f" (func $f))`, `(call $f)`);
  let release: (() => void) | undefined;
  let kept: GuestMemory | undefined;
  const imports = (memory: GuestMemory) => ((kept = memory), { env: { f: () => new Promise<void>((resolve) => (release = resolve)) } });
  await t.throwsAsync(away(wat, { imports, timeoutMs: 50 }, "sandbox"), { code: "ERR_WASMTIME_DEADLINE" });
  t.throws(() => kept!.read(0, 1), { instanceOf: StoreBusyError });
  release!();
  const controller = new AbortController();
  const reason = new Error("enough");
  const waiting = away(wat, { imports, signal: controller.signal }, "sandbox");
  setTimeout(() => controller.abort(reason), 30);
  t.is(await t.throwsAsync(waiting), reason);
  release!();
});
