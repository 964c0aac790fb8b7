// A process stays as it is, however much comes and goes in it. benchmark/leak.ts does the same for longer.

import test, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { artifact, needing, nodeJson, root } from "./helper.js";
import type { Figures } from "./leak.js";
import { type Guest, guests, kinds, profileOf, slow } from "./leak-kinds.js";

const files = () => Object.fromEntries(Object.entries(guests).map(([name, wat]) => [name, artifact(wat, profileOf(name as Guest))]));
/** What the process has at each tenth of the way. */
function measure(t: ExecutionContext, kind: string, cycles: number): Figures[] {
  t.timeout(240_000);
  const words = ["--expose-gc", join(root, "dist/__test__/leak.js"), JSON.stringify(files()), kind, String(cycles)];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  t.deepEqual([status, signal], [0, null], stderr);
  return JSON.parse(stdout);
}
const megabytes = (all: Figures[]) => all.map(({ rss }) => (rss / 2 ** 20).toFixed(1)).join(" ");

// In 20,000 a leak of 80 bytes each would still pass.
const many = 60_000;
for (const kind of ["closures that capture the instance, disposed", "views, left"]) {
  needing("gc")(`resident memory is flat over ${many} stores with ${kind}`, (t) => {
    const all = measure(t, kind, many);
    t.log(megabytes(all), "MB");
    // The first fifth is warming up.
    t.true(all.at(-1)!.rss <= all[1]!.rss * 1.05, megabytes(all));
  });
}

/** Of those that every build has guests for. */
const plain = [
  ...["memories and their views", "engines", "engines that are shared", "wrapped functions of stores of a hundred", "misuse", "start functions that trap"],
  ...["instantiations without an import", "instantiations with an import that throws", "calls that end with their deadline"],
];
/** One guest with references serves most of the others, and some are about shared memories, pools or commands. */
const most = ["async", "gc", "threads", "pooling-allocator", "wasi"] as const;
for (const [kind, cycles] of [...Object.keys(kinds).map((kind) => [kind, 5000]), ...Object.keys(slow).map((kind) => [kind, 100])] as [string, number][]) {
  needing(...(plain.includes(kind) ? [] : most))(`memory, threads, descriptors and mappings are flat over ${cycles} cycles of ${kind}`, (t) => {
    const all = measure(t, kind, cycles);
    const [early, last] = [all[2]!, all.at(-1)!];
    t.log(megabytes(all), "MB");
    // V8's own heap may still take a step or two of 4 MB; 3,500 leaks of 2.5 KB each are more.
    t.true(last.rss <= early.rss + 8.5 * 2 ** 20, megabytes(all));
    if (early.threads === undefined) return;
    // The ticker of deadlines comes and goes; V8's heap and a hundred stores that wait for their finalizers have mappings.
    t.true(last.threads! <= early.threads + 1, `${early.threads} to ${last.threads} threads`);
    t.true(last.descriptors! <= early.descriptors!, `${early.descriptors} to ${last.descriptors} descriptors`);
    t.true(last.mappings! <= early.mappings! + 300, `${early.mappings} to ${last.mappings} mappings`);
  });
}

// V8 is told how much memory hangs on a store, so that it collects in time without anybody asking.
for (const turns of [1, 10]) {
  test(`stores of 64 MB that are forgotten are collected in time, with a turn of the event loop per ${turns}`, (t) => {
    const script = `
      import { Engine, Memory, Store } from "@cwasm/wasmtime";
      const engine = new Engine(), bytes = new Uint8Array(8 << 20).fill(1);
      let most = 0;
      for (let i = 1; i <= 300; i++) {
        new Memory(new Store(engine), { initial: 1024 }).write(0, bytes);
        if (i % $(turns) === 0) await new Promise(setImmediate);
        most = Math.max(most, process.memoryUsage.rss() / 2 ** 20);
      }
      console.log(most);`;
    const most: number = nodeJson(t, script, { values: { turns } });
    t.log(most.toFixed(0), "MB at most");
    t.true(most < 1000, `${most} MB; all of them are 2,400`);
  });
}
// Finalizers wait for a turn of the event loop.
test("stores of 64 MB that are forgotten are collected in time in a loop that never yields", (t) => {
  const script = `
    import { Engine, Memory, Store } from "@cwasm/wasmtime";
    const engine = new Engine(), bytes = new Uint8Array(8 << 20).fill(1);
    for (let i = 0; i < 300; i++) new Memory(new Store(engine), { initial: 1024 }).write(0, bytes);
    console.log(process.memoryUsage.rss() / 2 ** 20);`;
  const most: number = nodeJson(t, script);
  t.true(most < 1000, `${most} MB`);
});
