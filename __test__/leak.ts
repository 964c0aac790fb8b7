// One run of the leak measurement, in a process of its own with --expose-gc: so many cycles of a kind. Prints what the process
// has at each tenth of the way. Used by leak.spec.ts and benchmark/leak.ts.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { Engine, Module, Store } from "../index.js";
import { type Guest, kinds, profileOf, slow } from "./leak-kinds.js";

const [files, kind, count] = process.argv.slice(2) as [string, string, string];
const file = JSON.parse(files) as Record<Guest, string>;
const cycles = Number(count);

const engine = new Engine();
const engineFor = (name: Guest) => (profileOf(name) === "default" ? engine : new Engine({ profile: profileOf(name) }));
const module = (name: Guest, engine = engineFor(name)) => Module.deserializeFile(engine, file[name]);
const cycle = { ...kinds, ...slow }[kind]!({ module, engine, store: new Store(engine) });

/** Bytes, and on Linux how many there are of the rest. */
function figures() {
  const rss = process.memoryUsage.rss();
  if (!existsSync("/proc/self/maps")) return { rss };
  const count = (folder: string) => readdirSync(`/proc/self/${folder}`).length;
  return { rss, threads: count("task"), descriptors: count("fd"), mappings: readFileSync("/proc/self/maps", "utf8").split("\n").length };
}
export type Figures = { rss: number; threads?: number; descriptors?: number; mappings?: number };

const all: Figures[] = [];
for (let i = 1; i <= cycles; i++) {
  await cycle(i);
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
    all.push(figures());
  }
}
console.log(JSON.stringify(all));
