// Recursion without end, of guests and of JavaScript, on threads with much stack and with little: an error each time, and
// never the end of the process.

import test from "ava";
import { artifact, node } from "./helper.js";

const guest = artifact(`(module (import "env" "f" (func $f))
  (func $over (export "over") (call $over))
  (func (export "out") (call $f))
  (func (export "leaf") (result i32) (i32.const 7)))`);
const startsDeep = artifact(`(module (func $s (call $s)) (start $s))`);

/** What is tried, ever deeper in JavaScript's stack; each error is noted by its class. */
const body = `
  const { Engine, Instance, Linker, Module, Store, Trap, callMany } = await import("@cwasm/wasmtime");
  const engine = new Engine(), store = new Store(engine);
  const module = Module.deserializeFile(engine, $(guest)), starting = Module.deserializeFile(engine, $(startsDeep));
  const seen = {};
  const attempt = (name, use) => {
    try { use(); seen[name + ": fine"] = true; } catch (error) {
      if (!(error instanceof RangeError || error instanceof Trap)) throw error;
      seen[name + ": " + (error.trapCode ?? error.name)] = true;
    }
  };
  const { exports } = new Instance(store, module, { env: { f: () => exports.out() } });
  const linker = new Linker(engine), pre = linker.instantiatePre(starting);
  const uses = {
    over: () => exports.over(), out: () => exports.out(), leaf: () => exports.leaf(),
    many: () => callMany(exports.leaf, new Int32Array(), new Int32Array(1)),
    start: () => new Instance(new Store(engine), starting), linker: () => linker.instantiate(new Store(engine), starting),
    pre: () => pre.instantiate(new Store(engine)), read: () => exports.leaf.name,
  };
  for (const [name, use] of Object.entries(uses)) {
    attempt(name, use);
    // Once on the way back from where JavaScript's own stack ends, at each place where something is left of it.
    let tries = 0;
    const deeper = () => { try { deeper(); } catch {} if (tries++ < 200) attempt(name, use); };
    deeper();
  }
  if (exports.leaf() !== 7) throw new Error("the store is broken");
  return seen;`;
const values = { guest, startsDeep };

for (const [where, script] of [
  ["on the main thread", `const run = async () => {${body}}; console.log(JSON.stringify(await run()));`],
  ...[undefined, 1, 2, 8].map((size) => [
    size ? `in a worker with a stack of ${size} MB` : "in a worker",
    `import { Worker } from "node:worker_threads";
    const source = \`
      const run = async () => {\${$(body)}};
      const { parentPort } = await import("node:worker_threads");
      parentPort.postMessage(await run());\`;
    const worker = new Worker(source, { eval: true, resourceLimits: ${size ? `{ stackSizeMb: ${size} }` : "{}"} });
    worker.on("message", (seen) => console.log(JSON.stringify(seen))).on("error", (error) => { throw error; });`,
  ]),
] as [string, string][]) {
  test(`recursion without end is a Trap or a RangeError, and all goes on: ${where}`, (t) => {
    const inner = body.replace(/\$\((\w+)\)/g, (_, name: "guest") => JSON.stringify(values[name]));
    const { status, signal, stdout, stderr } = node(script, { values: { ...values, body: inner } });
    t.deepEqual([status, signal], [0, null], stderr);
    const seen = Object.keys(JSON.parse(stdout));
    for (const name of ["over", "out", "start", "linker", "pre"]) {
      t.true(seen.some((one) => one.startsWith(`${name}: stackOverflow`) || one.startsWith(`${name}: RangeError`)), seen.join());
    }
    t.false(seen.some((one) => /^(over|out|start|linker|pre): fine/.test(one)), seen.join());
    t.true(seen.includes("leaf: fine"), seen.join());
  });
}
