// Guests that wait in WASI in calls that may wait: the event loop goes on, and so does their store.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { DeadlineError, Instance, Linker, type Memory, Store, StoreBusyError, type WasiOptions, callAsync, callInBackground, promising, wasiImports } from "../index.js";
import { artifact, collect, heard, load, needing, root } from "./helper.js";
import { Wasi, cat, command, everything, hello, sleep } from "./wasi-guest.js";

const test = needing("async", "wasi");

function within(wat: string, wasi: WasiOptions = {}, profile?: "sandbox") {
  const { engine, module } = load(wat, { profile });
  const store = new Store(engine, { wasi });
  const { exports } = new Linker(engine).defineWasi().instantiate<any>(store, module);
  return { store, module, exports };
}
/** A subscription to a clock, in this many milliseconds. */
function clock(memory: Memory, ms: number): void {
  const subscription = new DataView(new ArrayBuffer(48));
  subscription.setUint32(16, 1, true);
  subscription.setBigUint64(24, BigInt(ms) * 1_000_000n, true);
  memory.write(1024, new Uint8Array(subscription.buffer));
}

for (const call of [callAsync, callInBackground]) {
  test(`a guest that sleeps lets the event loop go on: ${call.name}`, async (t) => {
    const { exports, store } = within(sleep, { stdout: "capture" });
    let turned = false;
    setImmediate(() => (turned = true));
    const called = call(exports._start);
    collect();
    await called;
    t.true(turned);
    t.is(String(store.wasi!.stdout), "awake");
  });
}

test("while it sleeps its store can be used, but for WASI's functions", async (t) => {
  const { exports, store, module } = within(everything, { stdout: "capture" });
  const wasi = new Wasi(exports);
  clock(wasi.memory, 60);
  const called = callAsync(exports.poll_oneoff, 1024, 2048, 1, 0);
  await pause(1);
  t.is(wasi.memory.read(1040, 1)[0], 1);
  t.is(wasi.memory.grow(1), 2);
  t.throws(() => wasi.write(1, "x"), { instanceOf: StoreBusyError });
  t.throws(() => store.dispose(), { instanceOf: StoreBusyError });
  const other = new Instance<any>(store, module, wasiImports());
  t.is(other.exports.memory.pages, 2);
  t.deepEqual(store.wasi!.stdout, Buffer.alloc(0));
  t.is(await called, 0);
  t.is(wasi.u32(0), 1);
  t.is(wasi.write(1, "now"), 0);
  t.is(String(store.wasi!.stdout), "now");
});

test("a deadline and a signal end a guest that sleeps, and its store works on", async (t) => {
  const { exports, store } = within(everything, { stdout: "capture" }, "sandbox");
  const wasi = new Wasi(exports);
  clock(wasi.memory, 60_000);
  const poll = [1024, 2048, 1, 0] as const;
  await t.throwsAsync(promising(exports.poll_oneoff, { timeoutMs: 20 })(...poll), { instanceOf: DeadlineError });
  const control = new AbortController();
  const called = promising(exports.poll_oneoff, { signal: control.signal })(...poll);
  await pause(5);
  control.abort("enough");
  t.is(await called.catch((error) => error), "enough");
  const beside = promising(exports.poll_oneoff, { thread: "background", timeoutMs: 20 })(...poll);
  await t.throwsAsync(beside, { instanceOf: DeadlineError });
  t.is(wasi.write(1, "on"), 0);
  t.is(String(store.wasi!.stdout), "on");
  t.deepEqual(wasi.sleep(1), [0, 1]);
});

for (const call of [callAsync, callInBackground]) {
  test(`functions take the guest's output on the JavaScript thread, and may use the store: ${call.name}`, async (t) => {
    let got = "";
    const written: string[] = [];
    const { exports, store } = within(hello, {
      stdout: (chunk) => {
        got += chunk;
        written.push(exports.memory.readString(1024, 3));
        t.throws(() => store.dispose(), { instanceOf: StoreBusyError });
      },
      stderr: (chunk) => (got += chunk),
    });
    await call(exports._start);
    t.is(got, "out\nerr\n");
    t.deepEqual(written, ["out"]);
  });
}

test("what such a function throws ends the guest, and comes out as itself", async (t) => {
  const reason = new Error("mine");
  const stdout = () => {
    throw reason;
  };
  for (const call of [callAsync, callInBackground]) {
    const { exports } = within(hello, { stdout });
    t.is(await t.throwsAsync(call(exports._start)), reason);
  }
});

test("proc_exit rejects with WasiExit, from wherever it is called", async (t) => {
  for (const call of [callAsync, callInBackground]) {
    const { exports, store } = within(command("(call $proc_exit (i32.const 7))"));
    await t.throwsAsync(call(exports._start), { code: "ERR_WASMTIME_WASI_EXIT" });
    t.is(store.wasi!.exitCode, 7);
  }
});

for (const name of ["callAsync", "callInBackground"]) {
  test(`a guest that waits for standard input lets the event loop go on: ${name}`, async (t) => {
    // The process at the other end writes when this one's event loop has turned.
    const script = `
      import { Engine, Linker, Module, Store, ${name} } from "@cwasm/wasmtime";
      const engine = new Engine();
      const store = new Store(engine, { wasi: { stdin: "inherit", stdout: "capture" } });
      const { exports } = new Linker(engine).defineWasi().instantiate(store, Module.deserializeFile(engine, $(file)));
      setTimeout(() => process.stderr.write("turned"), 20);
      await ${name}(exports._start);
      process.stdout.write(store.wasi.stdout);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script.replace("$(file)", JSON.stringify(artifact(cat)))], { cwd: root });
    t.teardown(() => child.kill("SIGKILL"));
    let [out, err] = ["", ""];
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => {
      err += chunk;
      if (err === "turned") child.stdin.end("from outside");
    });
    const [status] = await once(child, "close");
    heard(err);
    t.deepEqual([status, out, err], [0, "from outside", "turned"]);
  });
}

test("many guests sleep at once", async (t) => {
  const guests = Array.from({ length: 100 }, () => within(sleep, { stdout: "capture" }));
  await Promise.all(guests.map(({ exports }) => callAsync(exports._start)));
  t.true(guests.every(({ store }) => String(store.wasi!.stdout) === "awake"));
});
