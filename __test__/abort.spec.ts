// AbortSignal: runs that nobody wants any more.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { IncompatibleModuleError, Module, features, run, runSync } from "../index.js";
import { artifact, engineOf, folder, needing, node, nodeJson, typeError } from "./helper.js";

const test = needing("wasi");

const computes = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`;
const ends = `(module (memory (export "memory") 1) (func (export "_start")))`;
const traps = `(module (memory (export "memory") 1) (func (export "_start") unreachable))`;
/** Polls for an hour, by the flags of its clock. */
const sleeps = (flags: number) => `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 0x7fffffffffffffff))
    (i32.store16 (i32.const 40) (i32.const ${flags}))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`;
const command = (text: string) => Module.deserializeFile(engineOf("sandbox"), artifact(text, "sandbox"));
const stdin = "ignore" as const;

for (const [what, text] of [
  ["computes", computes],
  ["sleeps", sleeps(0)],
  ["waits for a time of the clock", sleeps(1)],
] as const) {
  test(`a run that ${what} ends when its signal is aborted, with the signal's reason`, async (t) => {
    const module = command(text);
    for (const reason of [new Error("enough"), 5, undefined]) {
      const controller = new AbortController();
      const running = run(module, { signal: controller.signal, stdin });
      setTimeout(() => controller.abort(reason), 30);
      const error = await running.then(
        () => t.fail(),
        (error) => error,
      );
      t.is(error, controller.signal.reason);
    }
    await t.throwsAsync(run(module, { signal: AbortSignal.timeout(20), stdin }), { any: true, name: "TimeoutError" });
  });
}

test("a signal that is aborted already runs nothing", async (t) => {
  const reason = new Error("before");
  const signal = AbortSignal.abort(reason);
  for (const source of [command(computes), "no such file"]) {
    t.is(await t.throwsAsync(run(source, { signal, stdin })), reason);
    t.is(t.throws(() => runSync(source, { signal, stdin })), reason);
  }
});

if (process.platform !== "win32") {
  test("a run whose file is still being read, or compiled, is rejected at once", async (t) => {
    const pipe = join(folder(t), "pipe");
    t.is(spawnSync("mkfifo", [pipe]).status, 0);
    const controller = new AbortController();
    const running = run(pipe, { signal: controller.signal, stdin });
    controller.abort("enough");
    t.is(await running.catch((error) => error), "enough");
    writeFileSync(pipe, "");
  });
}

test("a run that waits for a thread is rejected at once, and one that has ended is not", async (t) => {
  const [endless, module] = [command(computes), command(ends)];
  t.is((await run(module, { stdin })).exitCode, 0);
  const [first, second] = [new AbortController(), new AbortController()];
  const busy = Array.from({ length: 100 }, () => run(endless, { signal: first.signal, stdin }));
  const waiting = run(module, { signal: second.signal, stdin });
  second.abort("no more");
  t.is(await waiting.catch((error) => error), "no more");
  first.abort("enough");
  t.deepEqual(await Promise.all(busy.map((running) => running.catch((error) => error))), Array(100).fill("enough"));
  const late = new AbortController();
  t.is((await run(module, { signal: late.signal, stdin })).exitCode, 0);
  late.abort();
  t.is((await run(module, { stdin })).exitCode, 0);
});

test("guests that wait hold up neither other guests nor compilations", async (t) => {
  const controller = new AbortController();
  const [asleep, module] = [command(sleeps(0)), command(ends)];
  t.is((await run(module, { stdin })).exitCode, 0);
  const waiting = Array.from({ length: 20 }, () => run(asleep, { signal: controller.signal, stdin }));
  for (let i = 0; i < 10; i++) t.is((await run(module, { stdin })).exitCode, 0);
  if (features.has("cranelift")) t.truthy(await Module.compile(engineOf(), "(module)"));
  controller.abort("enough");
  t.deepEqual(await Promise.all(waiting.map((running) => running.catch((error) => error))), Array(20).fill("enough"));
});

test("what goes wrong in a run with a signal comes out as it is", async (t) => {
  const { signal } = new AbortController();
  await t.throwsAsync(run(command(traps), { signal, stdin }), { code: "ERR_WASMTIME_TRAP" });
  await t.throwsAsync(run("no such file", { signal, stdin }), { code: "ENOENT" });
});

test("a signal and a deadline go together: what comes first counts", async (t) => {
  const module = command(computes);
  await t.throwsAsync(run(module, { signal: AbortSignal.timeout(3_600_000), timeoutMs: 20, stdin }), { code: "ERR_WASMTIME_DEADLINE" });
  await t.throwsAsync(run(module, { signal: AbortSignal.timeout(20), timeoutMs: 3_600_000, stdin }), { any: true, name: "TimeoutError" });
});

test("a signal leaves no listener behind, and none of its aborts does harm later", async (t) => {
  const script = `
    import { Engine, Module, run } from "@cwasm/wasmtime";
    import { getEventListeners } from "node:events";
    const module = Module.deserializeFile(new Engine({ profile: "sandbox" }), $(file));
    const { signal } = new AbortController();
    for (let i = 0; i < 50; i++) await run(module, { signal, stdin: "ignore" });
    await new Promise(setImmediate);
    console.log(getEventListeners(signal, "abort").length);`;
  t.is(nodeJson(t, script, { values: { file: artifact(ends, "sandbox") } }), 0);
});

test("a guest without a brake is not run with a signal, and what is no signal is refused", async (t) => {
  const module = Module.deserializeFile(engineOf("debug"), artifact(computes, "debug"));
  const error = await t.throwsAsync(run(module, { signal: new AbortController().signal, stdin }), {
    instanceOf: IncompatibleModuleError,
  });
  t.like(error, { setting: "interruption", expected: "debug+epochs", found: "debug" });
  for (const signal of [null, 5, {}, "abort", new EventTarget()] as any[]) {
    await t.throwsAsync(run(module, { signal, stdin }), typeError);
    t.throws(() => runSync(module, { signal, stdin }), typeError);
  }
});

test("a process whose runs are never stopped exits all the same", (t) => {
  const script = `
    import { Engine, Module, run } from "@cwasm/wasmtime";
    const module = Module.deserializeFile(new Engine({ profile: "sandbox" }), $(file));
    for (let i = 0; i < 10; i++) run(module, { signal: new AbortController().signal, stdin: "ignore" });
    setTimeout(() => process.exit(7), 50);`;
  const { status, signal, stderr } = node(script, { values: { file: artifact(computes, "sandbox") } });
  t.deepEqual([status, signal], [7, null], stderr);
});
