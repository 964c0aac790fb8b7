// Memory stays as it is, however many stores come and go. benchmark/leak.ts does the same for longer.

import test from "ava";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { artifact, nodeJson, root } from "./helper.js";

const wat = `(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1) (table 4 funcref)
  (global (export "g") (mut externref) (ref.null extern)) (func (export "call") (param i32) (result i32) (call $f (local.get 0))))`;
// In 20,000 a leak of 80 bytes each would still pass.
const cycles = 60_000;

for (const kind of ["dispose", "leave, view"]) {
  test(`resident memory is flat over ${cycles} stores with a closure that captures the instance: ${kind}`, (t) => {
    t.timeout(240_000);
    const script = join(root, "dist", "__test__", "leak.js");
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", script, artifact(wat), kind, String(cycles)], {
      encoding: "utf8",
    });
    t.deepEqual([status, signal], [0, null], stderr);
    const figures: number[] = JSON.parse(stdout);
    const megabytes = figures.map((bytes) => (bytes / 2 ** 20).toFixed(1));
    t.log(megabytes.join(" "), "MB");
    // The first fifth is warming up.
    const [early, last] = [figures[1]!, figures.at(-1)!];
    t.true(last <= early * 1.05, megabytes.join(" "));
  });
}

const small = artifact(`(module (func (export "f") (param externref) (result externref) (local.get 0)))`);
const loops: [what: string, body: string][] = [
  ["modules that are loaded", `Module.deserializeFile(engine, $(file))`],
  ["engines", `new Engine()`],
  [
    "linkers with functions",
    `new Linker(engine).defineFunc("a", "b", type, () => i).instantiatePre(module).instantiate(new Store(engine)).exports.f(i)`,
  ],
  ["wrapped functions in one store", `if (i % 100 === 0) globalThis.store = new Store(engine); Func.wrap(store, type, () => i)()`],
  ["values passed to one store", `exports.f({ i })`],
  ["calls that throw", `try { new Instance(shared, needy, 5) } catch {} try { new Store(5) } catch {} try { exports.f.call() } catch {}`],
  [
    "instantiations that fail in JavaScript",
    `try { new Instance(new Store(engine), needy, { get a() { throw new Error("x") } }) } catch {}`,
  ],
  ["memories and their views", `new Memory(new Store(engine), { initial: 1 }).buffer`],
  ["commands that run", `runSync(command, { stdin: "ignore", args: ["a", String(i)], stdout: "capture" })`],
];
for (const [what, body] of loops) {
  test(`resident memory is flat over thousands of ${what}`, (t) => {
    t.timeout(240_000);
    const script = `
      import { Engine, Func, Instance, Linker, Memory, Module, Store, runSync } from "@cwasm/wasmtime";
      const engine = new Engine(), module = Module.deserializeFile(engine, $(file)), type = { parameters: [], results: [] };
      const needy = Module.deserializeFile(engine, $(needy)), command = Module.deserializeFile(engine, $(command));
      const shared = new Store(engine), { exports } = new Instance(shared, module);
      globalThis.store = shared;
      const figures = [];
      for (let round = 0; round < 10; round++) {
        for (let i = 0; i < 1000; i++) { ${body}; if (i % 100 === 0) { gc(); await new Promise(setImmediate); } }
        for (let i = 0; i < 3; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); }
        figures.push(process.memoryUsage.rss() / 2 ** 20);
      }
      console.log(JSON.stringify(figures.map((n) => Number(n.toFixed(1)))));`;
    const values = {
      file: small,
      needy: artifact(`(module (import "a" "b" (func)))`),
      command: artifact(`(module (func (export "_start")))`),
    };
    const figures: number[] = nodeJson(t, script, { flags: ["--expose-gc"], values });
    t.log(figures.join(" "), "MB");
    // V8's own heap may still take a step or two of 4 MB; 7,000 leaks of 1.2 KB each are more.
    t.true(figures.at(-1)! <= figures[2]! + 8.5, figures.join(" "));
  });
}
