// One run of the leak measurement, in a process of its own with --expose-gc: cycles of {store, instance with a host closure
// that captures the instance}. Prints resident memory at each tenth of the way. Used by leak.spec.ts and benchmark/leak.ts.

import { readFileSync } from "node:fs";
import { Engine, Instance, Module, Store } from "../index.js";

const [file, kind, count] = process.argv.slice(2) as [string, string, string];
const cycles = Number(count);
const engine = new Engine();
const module = Module.deserialize(engine, readFileSync(file));

function cycle(i: number): void {
  const store = new Store(engine);
  const instance = new Instance(store, module, { env: { f: (x: number) => (instance.exports.m.byteLength > 0 ? x + i : 0) } });
  const { exports } = instance;
  exports.call(1);
  exports.g.value = exports;
  if (kind.includes("view")) new Uint8Array(exports.m.buffer)[0] = 1;
  if (kind.includes("dispose")) store.dispose();
}

const figures: number[] = [];
for (let i = 1; i <= cycles; i++) {
  cycle(i);
  // Finalizers run between turns of the event loop.
  if (i % 100 === 0) {
    globalThis.gc!();
    await new Promise(setImmediate);
  }
  if (i % (cycles / 10) === 0) {
    for (let n = 0; n < 3; n++) {
      globalThis.gc!();
      await new Promise((done) => setTimeout(done, 10));
    }
    figures.push(process.memoryUsage.rss());
  }
}
console.log(JSON.stringify(figures));
