// Several threads with one memory, module or engine at the same time. That they wait for each other is in atomic-wait.spec.ts.

import test from "ava";
import { once } from "node:events";
import { Engine, Instance, Memory, Store, type Trap } from "../index.js";
import { artifact, load, needing, nodeJson, thrown } from "./helper.js";
import { guest, handles, messages, prelude, shared, together, worker } from "./shared-guest.js";

needing("threads")("guests on several threads and JavaScript count in one memory exactly", async (t) => {
  const here = together();
  const body = `post("ready"); await new Promise((go) => parentPort.once("message", go));
    exports.count(64, 200_000); for (let i = 0; i < 2000; i++) { memory.atomicRmw("i64", "add", 72, 1n); exports.add64(72, 1n); } post("done");`;
  const workers = [worker(t, body, handles(here)), worker(t, body, handles(here))];
  await messages(...workers);
  const done = messages(...workers);
  for (const each of workers) each.postMessage("go");
  here.exports.count(64, 200_000);
  for (let i = 0; i < 2000; i++) here.memory.atomicRmw("i64", "add", 72, 1n);
  t.deepEqual(await done, ["done", "done"]);
  t.is(here.memory.atomicLoad("i32", 64), 600_000);
  t.is(here.memory.atomicLoad("i64", 72), 10_000n);
});

needing("threads")("a memory that one thread grows has grown for all, and keeps its bytes", async (t) => {
  const here = together();
  here.memory.writeString(0, "before");
  const body = `const before = memory.pages; exports.grow(1); memory.grow(1); exports.store(65536, 7);
    post([before, memory.readString(0, 6), caught(() => memory.grow(2)), memory.byteLength])`;
  const [result] = await messages(worker(t, body, handles(here)));
  t.deepEqual(result, [1, "before", "ERR_OUT_OF_RANGE", 3 * 65536]);
  t.deepEqual([here.memory.pages, here.exports.size(), here.exports.load(65_536)], [3, 3, 7]);
});

needing("threads")("reading and writing while others write is in bounds and never stops", async (t) => {
  const here = together();
  const body = `const bytes = Buffer.alloc(3001, workerData.byte); post("ready");
    while (memory.atomicLoad("i32", 0) === 0) { memory.write(1001, bytes); memory.read(1003, 2999); memory.readString(1002, 100); } post("done");`;
  const workers = [0x61, 0x62].map((byte) => worker(t, body, { ...handles(here), byte }));
  await messages(...workers);
  const seen = new Set<number>();
  for (let i = 0; i < 300; i++) {
    for (const byte of here.memory.read(1001, 3001)) seen.add(byte);
    here.memory.writeString(999, "c".repeat(50));
    if (i % 100 === 0) here.memory.grow(1);
  }
  const done = messages(...workers);
  here.memory.atomicStore("i32", 0, 1);
  t.deepEqual(await done, ["done", "done"]);
  t.deepEqual(
    [...seen].filter((byte) => ![0, 0x61, 0x62, 0x63].includes(byte)),
    [],
  );
  t.is(here.memory.read(4002, 1)[0], 0);
});

test("a module that is shared runs in workers, with the engine it came with, and traps there", async (t) => {
  const { module } = load(`(module (import "e" "f" (func $f (param i32) (result i32))) (memory (export "m") 1)
    (func (export "call") (param i32) (result i32) (call $f (local.get 0)))
    (func (export "oob") (result i32) (i32.load (i32.const -1))) (func $deep (export "deep") (call $deep)))`);
  const body = `const here = new Instance(store, module, { e: { f: (x) => x * 3 } }).exports;
    const linked = new Linker(module.engine).defineFunc("e", "f", { parameters: ["i32"], results: ["i32"] }, (x) => x + 1).instantiate(store, module).exports;
    let trapped = 0; for (let i = 0; i < 500; i++) if (caught(here.oob) === "memoryOutOfBounds") trapped++;
    post([here.call(5), linked.call(5), trapped, caught(here.deep), store.engine === engine, module.engine === engine, engine.profile, module.imports, module.exports.length,
      caught(() => new Instance(new Store(new Engine()), module, { e: { f() {} } }))])`;
  const results = messages(...Array.from({ length: 3 }, () => worker(t, body, { module: module.share() })));
  const { exports } = new Instance(new Store(module.engine), module, { e: { f: (x: number) => x } });
  for (let i = 0; i < 500; i++) t.is((thrown(exports.oob) as Trap).trapCode, "memoryOutOfBounds");
  for (const result of await results) {
    t.deepEqual(result, [15, 6, 500, "stackOverflow", true, true, "default", module.imports, 4, "ERR_INVALID_ARG_TYPE"]);
  }
});

needing("threads")("an engine that is shared is the same engine in a worker", async (t) => {
  const own = new Engine({ profile: "sandbox" });
  const { module } = load(`(module (func (export "f") (result i32) (i32.const 5)))`, { engine: own });
  const memory = shared({}, new Store(own));
  memory.atomicStore("i32", 0, 77);
  const body = `const mine = Engine.fromShared(workerData.engine), loaded = Module.fromShared(workerData.shared), s = new Store(mine);
    post([mine.profile, mine.target, new Instance(s, loaded).exports.f(), Memory.fromShared(s, workerData.words).atomicLoad("i32", 0),
      Memory.fromShared(new Store(loaded.engine), workerData.words).atomicLoad("i32", 0), caught(() => Memory.fromShared(new Store(new Engine({ profile: "sandbox" })), workerData.words))])`;
  const [result] = await messages(worker(t, body, { engine: own.share(), shared: module.share(), words: memory.share() }));
  t.deepEqual(result, ["sandbox", own.target, 5, 77, 77, "ERR_INVALID_ARG_TYPE"]);
});

needing("threads")("a worker shares things too, and they outlive it for who has them", async (t) => {
  const here = together();
  const body = `const own = new Memory(store, { initial: 1, maximum: 2, shared: true }); own.writeString(0, "from the worker");
    globalThis.kept = own; parentPort.once("message", () => process.exit()); post([own.share(), module.share(), engine.share(), memory.share()]);`;
  const other = worker(t, body, handles(here));
  const [[memory, module, workersEngine, same]] = await messages(other);
  t.deepEqual([module, same], [here.module.share(), here.memory.share()], "what came from here has the same handle");
  const mine = Memory.fromShared(here.store, memory);
  t.is(Memory.fromShared(here.store, same), here.memory);
  const engineToo = Engine.fromShared(workersEngine);
  other.postMessage("end");
  await once(other, "exit");
  t.is(mine.readString(0, 15), "from the worker");
  t.is(Memory.fromShared(new Store(engineToo), mine.share()).readString(0, 4), "from");
  t.is(new Instance(here.store, here.module, { env: { m: mine } }).exports.byte(0), 0x66);
});

needing("threads")("many workers come and go on one memory", async (t) => {
  const here = together();
  for (let round = 0; round < 5; round++) {
    const workers = Array.from({ length: 4 }, () =>
      worker(t, `exports.count(0, 1000); store.dispose(); post("done")`, handles(here)),
    );
    await messages(...workers);
    await Promise.all(workers.map((each) => each.terminate()));
  }
  t.is(here.memory.atomicLoad("i32", 0), 20_000);
});

needing("threads")("a worker that ends while it holds shared things leaves this process in order", (t) => {
  const script = `
    import { Worker } from "node:worker_threads";
    import { once } from "node:events";
    import { Engine, Instance, Memory, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), store = new Store(engine);
    const memory = new Memory(store, { initial: 1, maximum: 4, shared: true }), { exports } = new Instance(store, module, { env: { m: memory } });
    const codes = new Set(), workerData = { module: module.share(), memory: memory.share() };
    for (const end of $(ends)) {
      for (let i = 0; i < 4; i++) {
        const worker = new Worker("(async () => {" + $(prelude) + end + "})()", { eval: true, workerData });
        worker.on("error", (error) => codes.add(error.message));
        const exit = once(worker, "exit");
        if (end.includes("for (;;)")) { await once(worker, "message"); await worker.terminate(); } else codes.add((await exit)[0]);
      }
    }
    memory.atomicStore("i32", 0, 0);
    exports.count(0, 100);
    console.log(JSON.stringify([[...codes], memory.atomicLoad("i32", 0)]));`;
  const ends = [
    "",
    "process.exit(0)",
    "globalThis.kept = [memory, module, engine.share()]",
    "store.dispose(); Memory.fromShared(new Store(engine), workerData.memory).atomicWait('i32', 4, 0, 20)",
    "post('ready'); for (;;) { exports.add(0, 1); caught(() => exports.load(1)); memory.read(0, 100); }",
    "post('ready'); for (;;) memory.atomicWait('i32', 4, 0, 1);",
  ];
  const result = nodeJson(t, script, { values: { file: artifact(guest), prelude, ends } });
  t.deepEqual(result, [[0], 100]);
});
