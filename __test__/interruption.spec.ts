// Checks in a guest's code: what they are seen by, that each loop has one, and that they stop the guest they are to stop and no other.

import test from "ava";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CompileError,
  type Config,
  DeadlineError,
  IncompatibleModuleError,
  Instance,
  Linker,
  Module,
  type ProfileName,
  Store,
  Trap,
  callAsync,
  callInBackground,
  features,
  inspect,
  promising,
} from "../index.js";
import { artifact, artifactWith, engineOf, engineWith, load, needing, nodeJson, profiles, root, start, thrown } from "./helper.js";

const late = { instanceOf: DeadlineError, code: "ERR_WASMTIME_DEADLINE" };
const unchecked: Config = { compiler: { interruptible: false } };
/** Of what has no checks, in an engine for what has. */
const plain = (wat: string) => Module.deserializeFile(engineOf(), artifactWith(wat, unchecked));
const guest = `(module (import "env" "f" (func $f)) (memory (export "memory") 1) (func (export "g") (call $f))
  (func (export "spin") (loop $l (br $l)))
  (func (export "count") (param i32) (result i32) (local i32)
    (loop $l (local.set 1 (i32.add (local.get 1) (i32.const 1))) (br_if $l (i32.lt_u (local.get 1) (local.get 0)))) (local.get 1))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
const env = { env: { f: () => undefined } };

/** What guests of each profile are stopped by. */
function brakeOf(profile: ProfileName): string {
  if (/epochs|sandbox|metered/.test(profile)) return "epochs";
  if (/^(debug|embedded)/.test(profile)) return "none";
  return profile.startsWith("no-signals") ? "flag" : "page";
}
for (const profile of profiles) {
  test(`an artifact says how a guest is stopped: ${profile}`, (t) => {
    t.is(inspect(artifact(guest, profile)).interruption, brakeOf(profile));
  });
}
test("artifacts that were compiled without checks, or are for other embedders, say so", (t) => {
  t.is(inspect(artifactWith(guest, unchecked)).interruption, "none");
  t.is(inspect(artifactWith(guest, { moduleVersion: "wasmtime" })).interruption, "none");
  t.is(inspect(artifactWith(guest, { moduleVersion: "ours" })).interruption, "none");
  t.is(inspect(artifactWith(guest, { moduleVersion: "ours", compiler: { interruptible: true } })).interruption, "page");
});

test("nothing of the checks can be seen: imports, exports, resources, limits and what a linker has", (t) => {
  const { engine, module } = load(guest);
  t.deepEqual(
    module.imports.map(({ module, name }) => [module, name]),
    [["env", "f"]],
  );
  t.is(module.exports.length, 6);
  t.deepEqual(module.resources, { numMemories: 1, maxInitialMemorySize: 1, numTables: 0 });
  const store = new Store(engine, { limits: { memoryBytes: 65536, memories: 1, instances: 2 } });
  const linker = new Linker(engine).defineFunc("env", "f", { parameters: [], results: [] }, () => undefined);
  t.deepEqual(Object.keys(linker.instantiate(store, module).exports as object).sort(), ["add", "count", "g", "load", "memory", "spin"]);
  t.throws(() => linker.instantiate(store, module), undefined, "the one memory is there");
  const other = new Store(engine);
  linker.defineModule(other, "m", module);
  t.is(linker.get(other, "cwasm:interrupt", "page"), undefined);
});
needing("cranelift")("a module can't import what checks read", (t) => {
  for (const name of ["page", "other"]) {
    const wat = `(module (import "cwasm:interrupt" "${name}" (memory 1)))`;
    t.throws(() => Module.compileSync(engineOf(), wat), { instanceOf: CompileError, message: /cwasm:interrupt/ });
  }
});

/** Loops and cycles of calls of every form: the body of a function, which may call `$self` and the table's only entry, itself. */
const forever: Record<string, string> = {
  empty: `(loop $l (br $l))`,
  "with a condition": `(loop $l (br_if $l (i32.const 1)))`,
  nested: `(loop $a (loop $b (br_if $b (i32.and (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 7)))) (br $a))`,
  "behind a check that has read the same": `(call $leaf) (loop $l (br $l))`,
  "that only load": `(loop $l (local.set 0 (i32.load8_u (i32.and (local.get 0) (i32.const 255)))) (br $l))`,
  "that store": `(loop $l (i32.store (i32.const 0) (local.get 0)) (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $l))`,
  "that are tight": `(loop $l (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $l (i32.or (local.get 0) (i32.const 1))))`,
  "that are tight and store": `(loop $l (i32.store8 (i32.and (local.get 0) (i32.const 255)) (local.get 0))
    (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br_if $l (i32.or (local.get 0) (i32.const 1))))`,
  "of many branches": `(loop $l (block $a (block $b (br_table $a $b $l (i32.and (local.get 0) (i32.const 3))))) (local.set 0 (i32.add (local.get 0) (i32.const 1))) (br $l))`,
  "with values": `(drop (loop $l (param i32) (result i32) (br $l (i32.add (i32.const 1)))))`.replace("(drop (loop", "(drop (i32.const 0) (loop"),
  "at the end of many": `${"(loop)".repeat(200)} (loop $l (br $l))`,
  "that call": `(loop $l (call $leaf) (br $l))`,
  "that call through a table": `(loop $l (call_indirect (i32.const 0)) (br $l))`,
  "of tail calls": `(return_call $self (local.get 0))`,
  "of tail calls through a table": `(return_call_indirect $t (param i32) (local.get 0) (i32.const 0))`,
  "of calls that come back": `(call $twice (i32.const 60))`,
};
const loops = (body: string) => `(module (memory 1) (table 1 funcref) (table $t 1 funcref) (elem (i32.const 0) func $leaf) (elem (table $t) (i32.const 0) func $self)
  (func $leaf) (func $twice (param i32)
    (if (local.get 0) (then (call $twice (i32.sub (local.get 0) (i32.const 1))) (call $twice (i32.sub (local.get 0) (i32.const 1))))))
  (func $self (export "run") (param i32) ${body}))`;
const stoppable: [string, Config][] = (["default", "no-signals", "small-address-space", "deterministic"] as const).map((profile) => [profile, { profile }]);
if (features.has("pulley")) stoppable.push(["pulley64", { target: "pulley64" }]);
for (const [name, config] of stoppable) {
  test(`each loop and each cycle of calls is stopped, again and again: ${name}`, (t) => {
    for (const [form, body] of Object.entries(forever)) {
      const engine = engineWith(config);
      const module = Module.deserializeFile(engine, artifactWith(loops(body), config));
      const exports: any = new Instance(new Store(engine, { timeoutMs: 2 }), module).exports;
      for (let i = 0; i < 3; i++) t.throws(() => exports.run(0), late, form);
    }
  });
  test(`the kernels of the benchmarks are stopped: ${name}`, (t) => {
    for (const kernel of ["interp", "nbody", "icall", "sha256", "memcpy", "base64", "fib"]) {
      const engine = engineWith(config);
      const wat = readFileSync(join(root, "benchmark", "kernels", `${kernel}.wat`), "utf8");
      const module = Module.deserializeFile(engine, artifactWith(wat, config));
      const exports: any = new Instance(new Store(engine, { timeoutMs: 5 }), module).exports;
      t.throws(() => exports.run(kernel === "fib" ? 60 : 2 ** 31 - 1), late, kernel);
    }
  });
}

test("a guest's own access out of bounds stays what it is, also where it has no memory at all", (t) => {
  for (const pages of [0, 1]) {
    const wat = `(module (memory ${pages}) (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
      (func (export "spin") (loop $l (br $l))) (func (export "loop") (param i32)
        (loop $l (drop (i32.load (local.get 0))) (local.set 0 (i32.add (local.get 0) (i32.const 4))) (br $l))))`;
    const { exports } = start(wat, {}, { timeoutMs: 20 });
    for (let i = 0; i < 3; i++) {
      t.throws(() => exports.spin(), late);
      for (const at of [65536 * pages, -1, -65536])
        t.is((thrown(() => exports.load(at)) as Trap).trapCode, "memoryOutOfBounds", `${pages} pages, at ${at}`);
      t.is((thrown(() => exports.loop(0)) as Trap).trapCode, "memoryOutOfBounds");
    }
  }
});

const kinds: Config[] = features.has("pooling-allocator") ? [{}, { pooling: true }] : [{}];
for (const config of kinds) test(`only the store stops whose time is over: not another of the thread, nor one on another thread, nor the next in its place: ${JSON.stringify(config)}`, async (t) => {
  const { engine, module } = load(guest, { engine: engineWith(config) });
  const other: any = new Instance(new Store(engine), module, env).exports;
  const counted = features.has("async") ? callInBackground(other.count, 300_000_000) : 300_000_000;
  for (let i = 0; i < 100; i++) {
    const store = new Store(engine, { timeoutMs: 0.5 });
    const exports: any = new Instance(store, module, env).exports;
    t.throws(() => exports.spin(), late);
    // Its memory is the next one's.
    if (i % 2) store.dispose();
    t.is((new Instance(new Store(engine), module, env).exports as any).count(1000), 1000);
  }
  t.is(await counted, 300_000_000);
});

test("10,000 guests in a row are stopped while V8's own trap on the same thread, and nothing is left behind", (t) => {
  const script = `
    import { Engine, Linker, Module, Store } from "@cwasm/wasmtime";
    import { readFileSync } from "node:fs";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    const linker = new Linker(engine).defineFunc("env", "f", { parameters: [], results: [] }, () => undefined);
    const pre = linker.instantiatePre(module);
    const load = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from([0,0x61,0x73,0x6d,1,0,0,0,1,6,1,0x60,1,0x7f,1,0x7f,3,2,1,0,5,3,1,0,1,7,5,1,1,0x66,0,0,10,9,1,7,0,0x20,0,0x28,2,0,0x0b]))).exports.f;
    const counts = {};
    const note = (call) => { try { call(); counts.none = (counts.none ?? 0) + 1; } catch (error) { const name = error.constructor.name; counts[name] = (counts[name] ?? 0) + 1; } };
    const maps = () => process.platform === "linux" ? readFileSync("/proc/self/maps", "utf8").split("\\n").length : 0;
    let store, exports, before;
    for (let i = 0; i < 10_000; i++) {
      if (i % 10 === 0) { store?.dispose(); store = new Store(engine, { timeoutMs: 0.05 }); exports = pre.instantiate(store).exports; }
      if (i === 1000) before = maps();
      note(() => exports.spin());
      note(() => load(-1));
    }
    console.log(JSON.stringify({ counts, more: maps() - before }));`;
  const { counts, more } = nodeJson(t, script, { values: { file: artifact(guest) } });
  t.deepEqual(counts, { DeadlineError: 10_000, RuntimeError: 10_000 });
  t.true(more < 100, `${more} more mappings`);
});

needing("async")("calls that wait, and those on another thread, are stopped too, and the store goes on", async (t) => {
  const { exports } = start(guest, env, {});
  for (const thread of ["js", "background"] as const) {
    await t.throwsAsync(promising(exports.spin, { timeoutMs: 10, thread })(), late);
    t.is(await callAsync(exports.add, 1, 2), 3);
  }
  const control = new AbortController();
  const called = promising(exports.spin, { thread: "background", signal: control.signal })();
  setTimeout(() => control.abort("enough"), 20);
  t.is(await called.catch((error: unknown) => error), "enough");
  t.is(exports.count(1000), 1000);
});

test("a store with a deadline takes no guest without checks, and one with such a guest no deadline", (t) => {
  const module = plain(guest);
  const wrong = { instanceOf: IncompatibleModuleError, message: /interruptible/ };
  const timed = new Store(engineOf(), { timeoutMs: 50 });
  t.throws(() => new Instance(timed, module, env), wrong);
  const exports: any = new Instance(timed, load(guest).module, env).exports;
  t.is(exports.add(1, 2), 3, "nothing is left of the one that was refused");
  t.throws(() => exports.spin(), late);
  const store = new Store(engineOf());
  const others: any = new Instance(store, module, env).exports;
  t.is(others.count(10), 10);
  store.timeoutMs = 50;
  t.throws(() => others.count(10), wrong);
  store.timeoutMs = undefined;
  t.is(others.count(10), 10);
});

test("frames of traps say where the code was that its author wrote", (t) => {
  const wat = `(module (import "env" "f" (func $f)) (import "env" "m" (memory 1)) (memory $own 1)
    (func $first (call $f))
    (func $load (param i32) (result i32) (call $f) (i32.load $own offset=0x1000 (local.get 0)))
    (func (export "load") (param i32) (result i32) (local i64) (call $f) (loop (call $f)) (call $load (local.get 0)))
    (func (export "tight") (param i32)
      (loop $l (i32.store $own (local.get 0) (i32.const 1)) (local.set 0 (i32.add (local.get 0) (i32.const 4096))) (br_if $l (local.get 0))))
    (func (export "last") (param i32) (unreachable)))`;
  const placed = (config: Config) => {
    const engine = engineOf();
    const store = new Store(engine);
    const { memory } = new Instance(store, load(`(module (memory (export "memory") 1))`).module).exports as any;
    const module = Module.deserializeFile(engine, artifactWith(wat, config));
    const exports: any = new Instance(store, module, { env: { f: () => undefined, m: memory } }).exports;
    return (["load", "tight", "last"] as const).map((name) => (thrown(() => exports[name](61440)) as Trap).frames);
  };
  const expected = placed(unchecked);
  t.true(expected.every((frames) => frames.every(({ moduleOffset, funcOffset }) => moduleOffset! > funcOffset! && funcOffset! > 0)));
  t.deepEqual(placed({ profile: "default" }), expected);
});

test("guests that come while a call is under way end with it, also the first of its store", (t) => {
  const { engine, module } = load(guest);
  const store = new Store(engine, { timeoutMs: 30 });
  let inner: unknown;
  const f = () => {
    const exports: any = new Instance(store, module, env).exports;
    inner = thrown(() => exports.spin());
  };
  const host = new Instance(store, module, { env: { f } }).exports as any;
  t.throws(() => (host.g(), host.spin()), late);
  t.true(inner instanceof DeadlineError);
});

needing("async")("threads that end while the time of their guests is over leave the memory of others alone", (t) => {
  const script = `
    import { Worker } from "node:worker_threads";
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const source = \`(async () => {
      const { Engine, Instance, Module, Store, promising } = await import("@cwasm/wasmtime");
      const engine = new Engine(), module = Module.deserializeFile(engine, \${JSON.stringify($(file))});
      for (let i = 0; i < 5; i++) {
        const { exports } = new Instance(new Store(engine), module, { env: { f: () => new Promise(() => {}) } });
        promising(exports.g, { timeoutMs: 5 })().catch(() => {});
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 25);
      process.exit(); // of this thread
    })()\`;
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file));
    let ended = 0, sum = 0, rounds = 0;
    for (let i = 0; i < 20; i++) new Worker(source, { eval: true }).on("exit", () => ended++);
    while (ended < 20) {
      for (let i = 0; i < 50; i++) {
        const store = new Store(engine, { timeoutMs: 10_000 });
        const { exports } = new Instance(store, module, { env: { f() {} } });
        sum += exports.count(100) + exports.load(0); rounds++;
        store.dispose();
      }
      await new Promise((done) => setImmediate(done));
    }
    console.log(JSON.stringify({ ended, right: sum === rounds * 100 }));`;
  t.deepEqual(nodeJson(t, script, { values: { file: artifact(guest) } }), { ended: 20, right: true });
});
