// WASI of `@cwasm/wasmtime/node-wasi`: what it does as Node's does (node-wasi-cases.ts), and what differs (node-wasi-differences.ts and
// here), as docs/from-node-wasi.md says.

import always, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Instance, Memory, Store, wasiImports } from "../index.js";
import { WASI } from "../lib/node-wasi.js";
import { artifact, folder, load, needing, node, nodeJson, thrown, typeError, wasm } from "./helper.js";
import { type Kit, cases, driven, guests, told } from "./node-wasi-cases.js";
import { differences } from "./node-wasi-differences.js";
import { Wasi } from "./wasi-guest.js";

const test = needing("wasi");

const preview1 = { version: "preview1" } as const;
const started = { instanceOf: Error, code: "ERR_WASI_ALREADY_STARTED" };
const make = (guest: string, imports: any, options = {}, { engine, module } = load(guests[guest]!)): Instance =>
  new Instance(new Store(engine, options), module, imports);
const ours = (t: ExecutionContext): Kit => ({ WASI, make, memory: (memory) => memory, dir: folder(t) });
const json = (value: unknown) => JSON.parse(JSON.stringify(value));

const binaries = mkdtempSync(join(tmpdir(), "cwasm-node-wasi-"));
test.before(() => {
  for (const [name, wat] of Object.entries(guests)) writeFileSync(join(binaries, `${name}.wasm`), wasm(wat));
});
test.after.always(() => rmSync(binaries, { recursive: true, force: true }));
/** What comes out with Node's, in a process of its own: many guests in one end it in Node 20. */
function theirs(title: string): unknown {
  const script = fileURLToPath(new URL("node-wasi-node.js", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", script, title, binaries], { encoding: "utf8" });
  if (status !== 0) throw new Error(`node:wasi, ${title}: ${stderr}`);
  return JSON.parse(stdout);
}
for (const [title, steps] of Object.entries(cases)) {
  // One needs no options, and fails before there is WASI.
  (title === "the class needs new" ? always : test)(`as node:wasi: ${title}`, (t) => {
    t.deepEqual(json(steps(ours(t))), theirs(title));
  });
}
for (const [title, [steps, node, here]] of Object.entries(differences)) {
  test(`unlike node:wasi: ${title}`, (t) => {
    t.deepEqual(json(steps(ours(t))), here);
    t.deepEqual(theirs(title), node);
  });
}

/** Ends a process of its own by a guest. */
const leaving = (which: "ours" | "node", rest: string, guest = "exit 200") =>
  node(
    `import { readFileSync } from "node:fs";
    import { WASI } from ${which === "ours" ? '"@cwasm/wasmtime/node-wasi"' : '"node:wasi"'};
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    const engine = new Engine();
    const made = (imports) => ${which === "ours" ? "new Instance(new Store(engine), Module.deserializeFile(engine, $(artifact)), imports)" : "new WebAssembly.Instance(new WebAssembly.Module(readFileSync($(wasm))), imports)"};
    process.on("exit", () => console.log("listener"));
    const wasi = new WASI({ version: "preview1", returnOnExit: false });
    const instance = made(wasi.getImportObject());
    ${rest}
    console.log("went on");`,
    { values: { artifact: artifact(guests[guest]!), wasm: join(binaries, `${guest}.wasm`) } },
  );
test("with returnOnExit: false the process ends with the guest's code; here listeners to its exit are called first", (t) => {
  for (const [which, said] of [["ours", "listener\n"], ["node", ""]] as const) {
    t.like(leaving(which, "wasi.start(instance);"), { status: 200, stdout: said }, which);
    t.like(leaving(which, "wasi.initialize(instance); instance.exports.leave(3);", "reactor"), { status: 3, stdout: `ran!${said}` }, which);
    t.like(leaving(which, "console.log(wasi.start(instance));", "noWasi"), { status: 0, stdout: "0\nwent on\nlistener\n" }, which);
  }
});
test("with returnOnExit: false a guest in a worker ends the worker here, and the process in Node", (t) => {
  const script = (which: string, make: string) => `
    import { Worker } from "node:worker_threads";
    const worker = new Worker(\`import("node:fs").then(async ({ readFileSync }) => {
      const { WASI } = await import(${which});
      const { Engine, Instance, Module, Store } = await import("@cwasm/wasmtime");
      const wasi = new WASI({ version: "preview1", returnOnExit: false });
      wasi.start(${make});
    })\`, { eval: true });
    worker.on("exit", (code) => console.log("worker", code));`;
  const values = { artifact: artifact(guests["exit 7"]!), wasm: join(binaries, "exit 7.wasm") };
  const here = script('"@cwasm/wasmtime/node-wasi"', "((engine) => new Instance(new Store(engine), Module.deserializeFile(engine, $(artifact)), wasi.getImportObject()))(new Engine())");
  const there = script('"node:wasi"', "new WebAssembly.Instance(new WebAssembly.Module(readFileSync($(wasm))), wasi.getImportObject())");
  t.like(node(here, { values }), { status: 0, stdout: "worker 7\n" });
  t.like(node(there, { values }), { status: 7, stdout: "" });
});

test("an instance of V8's WebAssembly is refused, and says whose instance is wanted", (t) => {
  const V8 = (globalThis as any).WebAssembly;
  const instance = new V8.Instance(new V8.Module(wasm(guests["noWasi"]!)), {});
  t.throws(() => new WASI(preview1).start(instance), { ...typeError, message: /a Memory of this package/ });
});
test("the instances of one store share a WASI, each with its own memory", (t) => {
  const { engine, module } = load(guests["everything"]!);
  const store = new Store(engine);
  const wasi = new WASI({ ...preview1, args: ["a"], preopens: { "/": folder(t) } });
  const two = [1, 2].map(() => new Wasi(new Instance(store, module, wasi.getImportObject()).exports));
  t.is(two[0]!.open("f", { create: true, write: true }), 4);
  t.is(two[1]!.write(4, "text"), 0);
  t.deepEqual(two.map((each) => each.list("args")), [["a"], ["a"]]);
});
test("a store with a WASI refuses another, and the refused one goes elsewhere", (t) => {
  const wasi = new WASI(preview1);
  t.throws(() => make("exit 0", wasi.getImportObject(), { wasi: {} }), typeError);
  const loaded = load(guests["hello"]!);
  t.throws(() => make("hello", wasi.getImportObject(), { wasi: {} }, loaded), typeError);
  const store = new Store(loaded.engine);
  const first = new Instance(store, loaded.module, wasi.getImportObject());
  const other = new WASI(preview1);
  t.throws(() => new Instance(store, loaded.module, other.getImportObject()), typeError);
  t.truthy(first.exports);
  t.truthy(make("hello", other.getImportObject()));
  t.throws(() => make("hello", wasi.getImportObject()), typeError, "its store is another");
});
test("a guest whose store has the WASI is started too, and its exit is a WasiExit", (t) => {
  t.like(thrown(() => new WASI(preview1).start(make("exit 7", wasiImports(), { wasi: {} }))), { code: "ERR_WASMTIME_WASI_EXIT", exitCode: 7 });
  const output = make("hello", wasiImports(), { wasi: { stdout: "capture" } });
  t.is(new WASI(preview1).start(output), 0);
});
test("finalizeBindings takes the exported memory alone, and start then throws", (t) => {
  const wasi = new WASI(preview1);
  const { engine, module } = load(guests["plain"]!);
  const store = new Store(engine);
  const instance = new Instance(store, module, wasi.getImportObject());
  const memory = new Memory(store, { initial: 1 });
  for (const wrong of [memory, null, {}, 5]) t.throws(() => wasi.finalizeBindings(instance, { memory: wrong as any }), typeError);
  for (const wrong of [null, 5]) t.throws(() => wasi.finalizeBindings(instance, wrong as any), typeError);
  t.is(wasi.finalizeBindings(instance, { memory: instance.exports.memory }), undefined);
  for (const method of ["finalizeBindings", "start", "initialize"] as const) t.throws(() => wasi[method](instance), started);
});
test("an instance that is refused does not use the object up, as in Node from 22.19 and 24.4", (t) => {
  const wasi = new WASI(preview1);
  for (const wrong of [undefined, {}, { exports: {} }]) t.throws(() => wasi.start(wrong as any), typeError);
  t.is(wasi.start(make("exit 7", wasi.getImportObject())), 7);
});
test("a directory is the one that it was when the object was made", (t) => {
  const dir = folder(t);
  for (const name of ["a", "b"]) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, `in ${name}`), "");
  }
  const link = join(dir, "link");
  symlinkSync("a", link);
  const wasi = new WASI({ ...preview1, preopens: { "/": link } });
  symlinkSync("b", join(dir, "other"));
  renameSync(join(dir, "other"), link);
  t.deepEqual(new Wasi(make("everything", wasi.getImportObject()).exports).entries().filter((name) => !name.startsWith(".")), ["in a"]);
  const script = `
    import { WASI } from "@cwasm/wasmtime/node-wasi";
    import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";
    process.chdir($(dir));
    const wasi = new WASI({ version: "preview1", preopens: { "/": "a" } });
    process.chdir("b");
    const engine = new Engine();
    const { exports } = new Instance(new Store(engine), Module.deserializeFile(engine, $(file)), wasi.getImportObject());
    exports.memory.writeString(1024, "in a");
    console.log(exports.path_filestat_get(3, 0, 1024, 4, 2048));`;
  t.is(nodeJson(t, script, { values: { dir, file: artifact(guests["everything"]!) } }), 0);
});
test("what the caller changes later changes nothing", (t) => {
  const [args, env, preopens] = [["a"], { A: "1" }, {} as Record<string, string>];
  const options = { ...preview1, args, env, preopens };
  const wasi = new WASI(options);
  args.push("b");
  env.A = "2";
  preopens["/"] = folder(t);
  const guest = driven({ ...ours(t), WASI: function () { return wasi } as any }, {});
  t.deepEqual([guest.list("args"), guest.list("environ"), guest.preopens()], [["a"], ["A=1"], []]);
});
test("names as __proto__ are like any other", (t) => {
  const own = (value: string) => JSON.parse(`{ "__proto__": ${JSON.stringify(value)} }`);
  const guest = driven(ours(t), { env: own("1"), preopens: own(folder(t)) });
  t.deepEqual([guest.list("environ"), guest.preopens()], [["__proto__=1"], ["__proto__"]]);
});
test("getters and conversions of options that throw come out as they are, and leave nothing", (t) => {
  const sentinel = new Error("sentinel");
  const throws = () => {
    throw sentinel;
  };
  for (const name of ["version", "args", "env", "preopens", "returnOnExit", "stdin", "stdout", "stderr"])
    t.is(thrown(() => new WASI(Object.defineProperty({ ...preview1 }, name, { get: throws }) as any)), sentinel, name);
  t.is(thrown(() => new WASI({ ...preview1, args: [{ toString: throws }] })), sentinel);
  t.is(thrown(() => new WASI({ ...preview1, env: { A: { toString: throws } } })), sentinel);
  const wasi = new WASI(preview1);
  t.is(thrown(() => wasi.start({ get exports(): object { return throws() } })), sentinel);
  t.is(wasi.start(make("exit 7", wasi.getImportObject())), 7);
});
always("methods on other objects are a TypeError", (t) => {
  for (const name of ["start", "initialize", "finalizeBindings", "getImportObject"] as const)
    for (const other of [undefined, {}, Object.create(WASI.prototype)])
      t.is((told(() => Reflect.apply(WASI.prototype[name], other, [make("noWasi", {})])) as any).name, "TypeError");
});
