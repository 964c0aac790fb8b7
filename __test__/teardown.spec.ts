// Ends: of workers and of the process, at any time and in the middle of anything. They are prompt, with the right code, and
// what is left goes on. A script that hangs is killed.

import { features } from "../index.js";
import { artifact, needing } from "./helper.js";
import { scripts } from "./scripts.js";
import { spin } from "./wasi-guest.js";

const test = needing("wasi");

const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1 10)
  (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
  (func (export "bounds") (drop (i32.load (i32.const 0xf0000))))
  (func $spin (export "spin") (loop $l (br $l)))
  (func (export "row") (param i32) (result i32) (call $spin) (local.get 0))
  (func (export "work") (local i32) (local.set 0 (i32.const 200_000_000))
    (loop $l (br_if $l (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))`;
/** An hour by the monotonic clock. */
const sleeps = `(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (i32.store (i32.const 16) (i32.const 1)) (i64.store (i32.const 24) (i64.const 3600000000000))
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`;
const endless = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`;
const starting = `(module (func $spin (loop $l (br $l))) (start $spin))`;
/** Seconds of compilation. */
const large = `"(module" + "(func (param i32 f64) (result f64) local.get 1 ${"local.get 0 f64.convert_i32_s f64.add ".repeat(100)})".repeat(3000) + ")"`;

const data = {
  brakeless: artifact(wat),
  guest: artifact(wat, "sandbox"),
  sleeps: artifact(sleeps, "sandbox"),
  endless: artifact(endless, "sandbox"),
  unbraked: artifact(endless),
  starting: artifact(starting, "sandbox"),
  short: artifact(spin(20_000_000)),
};
/** What scripts and workers have: an instance with a host function of theirs, and its store. */
const library = `
  const cwasm = () => import("@cwasm/wasmtime");
  const guest = async (f = (n) => n, { profile = "sandbox", file = profile === "sandbox" ? data.guest : data.brakeless } = {}) => {
    const { Engine, Instance, Linker, Module, Store } = await cwasm();
    const engine = new Engine({ profile }), store = new Store(engine, { wasi: {} });
    const { exports } = new Instance(store, Module.deserializeFile(engine, file), { env: { f } });
    const trapped = () => { try { exports.bounds() } catch (error) { return error.trapCode } };
    const linker = new Linker(engine).defineWasi();
    return { engine, store, exports, trapped, start: (file) => linker.instantiate(store, Module.deserializeFile(engine, file)).exports };
  };
  const cpu = (before) => { const { user, system } = process.cpuUsage(before); return (user + system) / 1000 };
  /** Whether something computes, however little of the processor it gets. */
  const busy = async (before = process.cpuUsage()) => { for (let i = 0; i < 50; i++) if (cpu(before) > 150) return true; else await wait(200); return false };
  const idle = async () => { for (let i = 0; i < 10; i++) { const before = process.cpuUsage(); await wait(500); if (cpu(before) < 20) return true } return false };`;
const { run, json } = scripts(data, library);
const compiles = features.has("cranelift");

const middles: [what: string, body: string, waits?: "waits"][] = [
  ["calls that each take a while", `const { exports } = await guest(undefined, { profile: "default" }); ready(); for (;;) exports.work()`],
  ["an endless call", `const { exports } = await guest(); ready(); exports.spin()`],
  [
    "an endless call below others",
    `const { exports } = await guest((n) => n ? exports.call(n - 1) : exports.spin()); ready(); exports.call(9)`,
  ],
  ["a host function", `const { exports } = await guest(() => { for (;;); }); ready(); exports.call(1)`],
  [
    "a host function that catches",
    `const { exports } = await guest(() => { for (;;) try { exports.bounds() } catch {} }); ready(); exports.call(1)`,
  ],
  ["a start function", `const { start } = await guest(); ready(); start(data.starting)`],
  [
    "a batch",
    `const { exports } = await guest(), { callMany } = await cwasm(); ready(); callMany(exports.row, new Int32Array(4), new Int32Array(4))`,
  ],
  ["a command of runSync", `const { runSync } = await cwasm(); ready(); runSync(data.endless, { precompiled: true, stdin: "ignore" })`],
  [
    "commands of run",
    `const { run } = await cwasm(); for (let i = 0; i < 8; i++) run(data.endless, { precompiled: true, stdin: "ignore" }); ready()`,
  ],
  ["a sleep in an export", `const { start } = await guest(), { _start } = start(data.sleeps); ready(); _start()`, "waits"],
  [
    "a sleep in runSync",
    `const { runSync } = await cwasm(); ready(); runSync(data.sleeps, { precompiled: true, stdin: "ignore" })`,
    "waits",
  ],
  [
    "sleeps in run",
    `const { run } = await cwasm(); for (let i = 0; i < 8; i++) run(data.sleeps, { precompiled: true, stdin: "ignore" }); ready()`,
    "waits",
  ],
];
const compiling: typeof middles = [
  ["a compilation", `const { engine } = await guest(), { Module } = await cwasm(); ready(); Module.compileSync(engine, ${large})`],
  ["compilations elsewhere", `const { engine } = await guest(), { Module } = await cwasm(); Module.compile(engine, ${large}); ready()`],
];
for (const [what, body, waits] of [...middles, ...(compiles ? compiling : [])]) {
  test(`a worker can be terminated in the middle of ${what}, of which nothing remains`, (t) => {
    const script = `
      const worker = await thread(${JSON.stringify(`const ready = () => say("ready"); ${body}`)});
      await new Promise((done, fail) => worker.on("message", done).on("error", fail));
      const computed = ${waits ? "void await wait(200)" : "await busy()"};
      const code = await worker.terminate();
      const stopped = await idle();
      const { run } = await cwasm(), { exports, trapped } = await guest();
      const { exitCode } = await run(data.short, { precompiled: true }); // threads are free for others
      say({ computed, code, stopped, exitCode, trapped: trapped(), called: exports.call(3) });`;
    const rest = { code: 1, stopped: true, exitCode: 0, trapped: "memoryOutOfBounds", called: 3 };
    t.deepEqual(json(t, script), waits ? rest : { computed: true, ...rest });
  });
}

const nested = (end: string) => `
  process.on("exit", (code) => say("exit " + code));
  const a = await guest((n) => { try { return n ? b.exports.call(n - 1) : ${end} } finally { say("unwound") } });
  const b = await guest((n) => { try { return a.exports.call(n - 1) } catch (error) { say("caught"); throw error } });
  a.exports.call(20);
  say("came back");`;

test("process.exit in a host function, 20 deep over two stores, ends the process there", (t) => {
  const { status, signal, stdout, stderr } = run(nested("process.exit(7)"));
  t.deepEqual([status, signal, stdout], [7, null, `"exit 7"\n`], stderr);
});

test("process.exit in a host function, 20 deep over two stores, ends a worker there", (t) => {
  const script = `
    const ends = [];
    for (let i = 0; i < 10; i++) ends.push(await told(${JSON.stringify(nested("process.exit(7)"))}));
    const { trapped } = await guest();
    say([ends, trapped()]);`;
  t.deepEqual(json(t, script), [Array(10).fill([["exit 7"], 7]), "memoryOutOfBounds"]);
});

test("an exception that nobody catches, 20 deep over two stores, ends the process as usual", (t) => {
  const { status, signal, stdout, stderr } = run(nested(`(() => { throw new Error("of the host") })()`));
  const steps = [...Array(10).fill(["unwound", "caught"]).flat(), "unwound", "exit 1"];
  t.deepEqual([status, signal, stdout], [1, null, steps.map((step) => `"${step}"\n`).join("")], stderr);
  t.regex(stderr, /Error: of the host/);
  const handled = run(`process.on("uncaughtException", (error) => process.exit(error.trapCode ? 4 : 5));
    const { exports } = await guest(); setTimeout(() => exports.bounds());`);
  t.deepEqual([handled.status, handled.signal], [4, null], handled.stderr);
});

const exits: [what: string, times: number, body: string][] = [
  [
    "while commands run that no clock ends",
    20,
    `const { run } = await cwasm();
    for (let i = 0; i < 8; i++) run(i % 2 ? data.endless : data.unbraked, { precompiled: true, stdin: "ignore" });
    await wait(20); process.exit(3)`,
  ],
  [
    "while commands sleep",
    5,
    `const { run } = await cwasm();
    for (let i = 0; i < 8; i++) run(data.sleeps, { precompiled: true, stdin: "ignore" });
    await wait(20); process.exit(3)`,
  ],
  [
    "while a worker is in an endless call",
    5,
    `const worker = await thread("const { exports } = await guest(); say('ready'); exports.spin()");
    worker.on("message", () => setTimeout(() => process.exit(3), 100))`,
  ],
  [
    "before it would have ended by itself",
    5,
    `const { trapped } = await guest();
    process.on("beforeExit", () => process.exit(trapped() === "memoryOutOfBounds" ? 3 : 4))`,
  ],
];
const exitsCompiling: typeof exits = [
  [
    "while modules compile",
    3,
    `const { engine } = await guest(), { Module } = await cwasm();
    for (let i = 0; i < 3; i++) Module.compile(engine, ${large});
    await wait(50); process.exit(3)`,
  ],
];
for (const [what, times, body] of [...exits, ...(compiles ? exitsCompiling : [])]) {
  test(`a process that exits ${what} does so at once, each time`, (t) => {
    for (let i = 0; i < times; i++) {
      const start = Date.now();
      const { status, signal, stderr } = run(body);
      if (status !== 3) return t.deepEqual([status, signal], [3, null], `time ${i}: ${stderr}`);
      t.true(Date.now() - start < 8000, `${Date.now() - start} ms`);
    }
  });
}

test("the addon may come in a worker, go with it, come in the main thread, and in workers again", (t) => {
  const script = `
    const used = (count) => Promise.all(Array.from({ length: count }, () => told(${JSON.stringify(`const { exports, trapped } = await guest(); say(exports.call(1) + trapped())`)})));
    const seen = [await used(1), await used(2)];
    const { exports, trapped } = await guest();
    const here = () => [[[exports.call(1) + trapped()], 0]];
    seen.push(here(), await used(3), here(), await used(1));
    say(seen.flat());`;
  t.deepEqual(json(t, script), Array(9).fill([["1memoryOutOfBounds"], 0]));
});

const linux = process.platform === "linux" ? test : test.skip;
const workers = Number(process.env["CWASM_WORKERS"] ?? 250);
linux(`${workers} workers that come and go leave no memory, mapping, thread or file`, (t) => {
  t.timeout(600_000);
  const body = `const { store, exports, trapped } = await guest(), { Store } = await cwasm(), other = await guest();
    new Uint8Array(exports.m.buffer)[0] = 1; globalThis.kept = [store, exports, other, new Store(other.engine)];
    say(trapped() + other.trapped())`;
  const script = `
    const { readFileSync, readdirSync } = await import("node:fs");
    const figures = [];
    let lost = 0;
    for (let i = 1; i <= ${workers}; i++) {
      const [[said], code] = await told(${JSON.stringify(body)});
      if (said !== "memoryOutOfBounds".repeat(2) || code !== 0) lost++;
      if (i % ${workers / 10} === 0) {
        gc(); await wait(20);
        figures.push({
          megabytes: Math.round(process.memoryUsage.rss() / 2 ** 20),
          mappings: readFileSync("/proc/self/maps", "latin1").split("\\n").length,
          threads: readdirSync("/proc/self/task").length,
          files: readdirSync("/proc/self/fd").length,
        });
      }
    }
    say({ lost, figures });`;
  const { lost, figures } = json(t, script, { flags: ["--expose-gc"], timeout: 600_000 });
  for (const name of Object.keys(figures[0])) t.log(name, figures.map((one: Record<string, number>) => one[name]).join(" "));
  t.is(lost, 0);
  // The first third is warming up; malloc's arenas are a mapping or two each.
  const [early, last] = [figures[3], figures.at(-1)];
  t.true(last.megabytes <= early.megabytes * 1.1 + 8);
  t.true(last.mappings <= early.mappings + 30);
  t.true(last.threads <= early.threads && last.files <= early.files);
});

test("a process ends well by itself with everything alive, each of 30 times", (t) => {
  const script = `
    const { Func, Memory, Store, run } = await cwasm();
    const { engine, store, exports, trapped } = await guest((n) => n + 1);
    globalThis.kept = [store, exports, new Memory(store, { initial: 1 }).buffer, exports.m.buffer, new Store(engine),
      Func.wrap(store, { parameters: [], results: [] }, () => kept)];
    setInterval(() => {}, 1000).unref(); clearTimeout(setTimeout(() => {}, 1000));
    for (let i = 0; i < 3; i++) run(data.short, { precompiled: true, stdin: "ignore" }).then(() => process.exitCode++);
    process.exitCode = trapped() === "memoryOutOfBounds" ? exports.call(1) : 0;`;
  for (let i = 0; i < 30; i++) {
    const { status, signal, stderr } = run(script);
    t.deepEqual([status, signal, stderr], [5, null, ""]);
  }
});

for (const where of ["the process", "a worker"]) {
  test(`objects work in listeners of 'exit' of ${where}, also while their like are collected`, (t) => {
    const body = `
      const { Memory, Store } = await cwasm(), registry = new FinalizationRegistry(() => exports.call(1));
      const { engine, store, exports, trapped } = await guest((n) => n + 1);
      for (let i = 0; i < 100; i++) {
        const one = new Store(engine), view = new Memory(one, { initial: 1 }).buffer;
        registry.register(one); registry.register(view);
      }
      process.on("exit", () => {
        gc();
        const view = new Memory(store, { initial: 1 }).buffer, seen = [exports.call(1), trapped(), view.byteLength];
        store.dispose();
        gc();
        try { exports.call(1) } catch (error) { seen.push(error.code) }
        new Store(engine).dispose();
        say(seen);
      });`;
    const script = where === "a worker" ? `say(...(await told(${JSON.stringify(body)}))[0])` : body;
    t.deepEqual(json(t, script, { flags: ["--expose-gc"] }), [2, "memoryOutOfBounds", 65536, "ERR_WASMTIME_CLOSED"]);
  });
}
