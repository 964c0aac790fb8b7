// Deadlines: guests that compute or wait no longer than they may, whichever way they were started. Nothing here depends on
// how long a tick takes: a guest that is not stopped runs for ever, and the spec with it.

import test from "ava";
import {
  DeadlineError,
  Engine,
  IncompatibleModuleError,
  Instance,
  Linker,
  Module,
  Store,
  callMany,
  run,
  runSync,
} from "../index.js";
import { artifact, engineOf, load, needing, node, rangeError, start, thrown, typeError } from "./helper.js";

const guest = `(module (import "env" "f" (func $f))
  (memory (export "memory") 1)
  (func $spin (export "spin") (loop $l (br $l)))
  (func $deep (export "deep") (call $deep))
  (func (export "spinOn") (param i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 3)) (then (call $spin))) (local.get 0))
  (func (export "callThenSpin") (call $f) (call $spin))
  (func (export "call") (call $f))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
const starting = `(module (func $spin (loop $l (br $l))) (start $spin))`;
const waits = (body: string) => `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") ${body}))`;
/** An hour by the monotonic clock. */
const sleeps = waits(`(i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 3600000000000))
  (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`);
const reads = waits(`(i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1))
  (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))`);
const computes = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`;
const ends = `(module (memory (export "memory") 1) (func (export "_start")))`;

const late = { instanceOf: DeadlineError, code: "ERR_WASMTIME_DEADLINE" };
for (const profile of ["default", "sandbox", "metered", "no-signals"] as const) {
  const made = (f: () => unknown = () => undefined, timeoutMs: number | undefined = 30) => start(guest, { env: { f } }, { profile, timeoutMs });

  test(`a guest that computes for ever ends at its deadline, and its store goes on: ${profile}`, (t) => {
    const { exports } = made();
    for (let i = 0; i < 3; i++) {
      const error = t.throws(() => exports.spin(), late);
      t.is(error!.trapCode, "interrupt");
      t.true(error!.frames.length > 0);
      t.is(exports.add(1, 2), 3);
    }
  });

  test(`start functions have the deadline too, whichever way they are started: ${profile}`, (t) => {
    const { engine, module } = load(starting, { profile });
    const store = () => new Store(engine, { timeoutMs: 20 });
    const linker = new Linker(engine);
    t.throws(() => new Instance(store(), module), late);
    t.throws(() => linker.instantiate(store(), module), late);
    t.throws(() => linker.instantiatePre(module).instantiate(store()), late);
    t.throws(() => linker.defineModule(store(), "m", module), late);
  });

  test(`a batch ends at the deadline of its one call, and the rows before stand in out: ${profile}`, (t) => {
    const { exports } = made();
    const out = new Int32Array(4);
    t.throws(() => callMany(exports.spinOn, new Int32Array([1, 2, 3, 4]), out), late);
    t.deepEqual([...out], [1, 2, 0, 0]);
  });

  test(`a batch ends at the deadline too where the function has no loop: ${profile}`, (t) => {
    const { exports } = made(undefined, 5);
    const rows = 8_000_000;
    const out = new Int32Array(rows);
    t.throws(() => callMany(exports.add, new Int32Array(2 * rows).fill(1), out), late);
    t.is(out[0], 2);
    t.is(out[rows - 1], 0);
  });

  test(`the deadline is of the outermost call: host functions and what they call count for it: ${profile}`, (t) => {
    let inner: unknown;
    const { exports } = made(() => {
      inner = thrown(() => exports.spin());
      t.throws(() => exports.add(1, 2), late, "nothing more is run inside of it");
      throw inner;
    });
    t.is(thrown(() => exports.call()), inner);
    t.true(inner instanceof DeadlineError);
    t.is(exports.add(2, 3), 5);
  });

  test(`time that a host function takes is the guest's: ${profile}`, (t) => {
    const wait = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    const { exports } = made(() => wait(60));
    t.throws(() => exports.callThenSpin(), late);
  });

  needing("gc")(`no guest can catch its deadline, nor that of what it has called through JavaScript: ${profile}`, (t) => {
    const catching = guest.replace(/\)$/, `(func (export "catches") (block $h (try_table (catch_all $h) (call $f)))))`);
    const { exports } = start(catching, { env: { f: () => exports.spin() } }, { profile, timeoutMs: 30 });
    t.throws(() => exports.catches(), late);
  });

  test(`a call of another store inside of a timed one must end with it, and leaves no deadline behind: ${profile}`, (t) => {
    const other = start(guest, { env: { f: () => undefined } }, { profile }).exports;
    const { exports } = made(() => other.spin());
    t.throws(() => exports.call(), late);
    const longer = start(guest, { env: { f: () => undefined } }, { profile, timeoutMs: 3_600_000 }).exports;
    const outer = made(() => longer.spin()).exports;
    t.throws(() => outer.call(), late);
    t.is(other.add(1, 1), 2);
  });

  test(`a store that was under way before a timed call must end with it too, and goes on as it was: ${profile}`, (t) => {
    for (const timeoutMs of [undefined, 3_600_000]) {
      let depth = 0;
      const f = () => {
        if (depth++ > 0) return;
        t.throws(() => timed.call(), late);
        t.is(outer.add(1, 2), 3);
      };
      const outer: any = start(guest, { env: { f } }, { profile, timeoutMs }).exports;
      const timed: any = made(() => outer.spin()).exports;
      outer.call();
      t.is(outer.add(2, 2), 4);
      t.is(timed.add(2, 3), 5);
    }
  });

  test(`a shorter deadline inside of a longer one is its own, and the outer call goes on: ${profile}`, (t) => {
    const short = made().exports;
    let error: unknown;
    const { exports } = made(() => void (error = thrown(() => short.spin())), 3_600_000);
    exports.call();
    t.true(error instanceof DeadlineError);
  });

  test(`timeoutMs is read and set, for the calls that begin after it: ${profile}`, (t) => {
    const { store, exports } = made();
    t.is(store.timeoutMs, 30);
    store.timeoutMs = undefined;
    t.is(store.timeoutMs, undefined);
    t.is(exports.add(1, 2), 3);
    store.timeoutMs = 0.5;
    t.is(store.timeoutMs, 0.5);
    t.throws(() => exports.spin(), late);
    store.timeoutMs = Number.MAX_SAFE_INTEGER;
    t.is(exports.add(1, 2), 3);
    for (const wrong of [0, -1, NaN, Infinity]) t.throws(() => (store.timeoutMs = wrong), rangeError, String(wrong));
    for (const wrong of ["5", null, 5n, {}] as any[]) t.throws(() => (store.timeoutMs = wrong), typeError, String(wrong));
    t.is(store.timeoutMs, Number.MAX_SAFE_INTEGER);
    t.throws(() => new Store(engineOf(profile), { timeoutMs: 0 }), rangeError);
  });

  for (const [what, text] of [
    ["computes", computes],
    ["sleeps", sleeps],
  ] as const) {
    needing("wasi")(`run and runSync end a command that ${what}: ${profile}`, async (t) => {
      const command = Module.deserializeFile(engineOf(profile), artifact(text, profile));
      await t.throwsAsync(run(command, { timeoutMs: 30, stdin: "ignore" }), late);
      t.throws(() => runSync(command, { timeoutMs: 30, stdin: "ignore" }), late);
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => run(command, { timeoutMs: 30, stdin: "ignore" })));
      t.true(results.every((result) => result.status === "rejected" && result.reason instanceof DeadlineError));
    });
  }

  needing("wasi")(`a command that ends in time is not touched by its deadline: ${profile}`, async (t) => {
    const command = Module.deserializeFile(engineOf(profile), artifact(ends, profile));
    t.is((await run(command, { timeoutMs: 3_600_000, stdin: "ignore" })).exitCode, 0);
    t.is(runSync(command, { timeoutMs: 3_600_000, stdin: "ignore" }).exitCode, 0);
  });

  needing("wasi")(`an export that sleeps in WASI ends at the store's deadline: ${profile}`, (t) => {
    const { engine, module } = load(sleeps, { profile });
    const store = new Store(engine, { timeoutMs: 30, wasi: {} });
    const { exports } = new Linker(engine).defineWasi().instantiate(store, module);
    t.throws(() => exports._start(), late);
  });

  needing("wasi")(`a guest that waits for an input which never comes ends at its deadline, and the process ends: ${profile}`, (t) => {
    const script = `
      import { spawn } from "node:child_process";
      const inner = ${JSON.stringify(`
        import { Engine, Module, runSync } from "@cwasm/wasmtime";
        try { runSync(Module.deserializeFile(new Engine({ profile: NAMED }), FILE), { timeoutMs: 50 }); }
        catch (error) { console.log(error.code); }`)}.replace("FILE", () => JSON.stringify($(file))).replace("NAMED", () => JSON.stringify($(profile)));
      const child = spawn(process.execPath, ["--input-type=module", "--eval", inner], { stdio: ["pipe", "inherit", "inherit"] });
      child.on("exit", (code) => process.exit(code ?? 9)); // its stdin stays open`;
    const { status, stdout, stderr } = node(script, { values: { file: artifact(reads, profile), profile } });
    t.deepEqual([status, stdout.trim()], [0, "ERR_WASMTIME_DEADLINE"], stderr);
  });

  test(`many engines and threads are timed at once, and the thread that ticks comes back when it is needed again: ${profile}`, async (t) => {
    const { status, signal, stderr } = node(
      `
      import { Worker } from "node:worker_threads";
      const source = \`
        (async () => {
          const { DeadlineError, Engine, Instance, Module, Store } = await import("@cwasm/wasmtime");
          for (let round = 0; round < 3; round++) {
            for (let i = 0; i < 3; i++) {
              const engine = new Engine({ profile: \${JSON.stringify($(profile))} });
              const store = new Store(engine, { timeoutMs: 20 });
              const { exports } = new Instance(store, Module.deserializeFile(engine, \${JSON.stringify($(file))}), { env: { f() {} } });
              try { exports.spin(); throw new Error("no deadline"); } catch (error) { if (!(error instanceof DeadlineError)) throw error; }
              if (exports.add(1, 2) !== 3) throw new Error("broken");
            }
            await new Promise((done) => setTimeout(done, 1200));
          }
        })()\`;
      await Promise.all(Array.from({ length: 3 }, () => new Promise((done, fail) =>
        new Worker(source, { eval: true }).on("error", fail).on("exit", done))));`,
      { values: { file: artifact(guest, profile), profile } },
    );
    t.deepEqual([status, signal], [0, null], stderr);
  });

  test(`a store that is disposed or forgotten while others are timed does no harm: ${profile}`, (t) => {
    const engine = new Engine({ profile });
    const { module } = load(guest, { engine });
    for (let i = 0; i < 50; i++) {
      const store = new Store(engine, { timeoutMs: 1 });
      const { exports } = new Instance(store, module, { env: { f: () => undefined } });
      if (i % 10 === 0) t.throws(() => exports.spin(), late);
      if (i % 2) store.dispose();
    }
  });
}

needing("wasi")("a guest whose code has no brake is not run with a deadline, and the error says what to do", async (t) => {
  const { engine, module } = load(guest, { profile: "debug" });
  const store = new Store(engine, { timeoutMs: 50 });
  const error = t.throws(() => new Instance(store, module, { env: { f: () => 0 } }), { instanceOf: IncompatibleModuleError });
  t.like(error, { reason: "setting", setting: "interruption", expected: "debug+epochs", found: "debug" });
  t.regex(error!.hint, /debug\+epochs/);
  const command = Module.deserializeFile(engineOf("debug"), artifact(ends, "debug"));
  await t.throwsAsync(run(command, { timeoutMs: 50 }), { instanceOf: IncompatibleModuleError });
  t.throws(() => runSync(command, { timeoutMs: 50 }), { instanceOf: IncompatibleModuleError });
});
