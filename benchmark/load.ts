// Modules from file: an artifact (mapped, or read) beside V8's compilation of the same wasm, from 15 KB to 43 MB. Each time in a
// process of its own, which has an engine already; on min, or what CWASM_VARIANT says. Figures are medians.
//
// V8 checks a module when it loads it, but compiles each function when that is first called: what it saves at loading it pays later.
// Hence the first call too. It goes through 16 functions all over a module and those they call (20 to 80); esbuild, a WASI command,
// prints its version.
// Options: --rounds=N.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { version } from "@cwasm/wasmtime";
import { type Guest, artifact, esbuild, inProcess, label, made, variant } from "./artifacts.js";
import type { Once, Way } from "./load-once.js";
import { markdown, median, ms, times } from "./measure.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "9" } } });
const rounds = Number(values.rounds);
if (!(rounds > 0)) throw new Error("--rounds is a number");
const ways: Record<Way, string> = {
  deserializeFile: "`Module.deserializeFile`",
  deserialize: "`Module.deserialize`",
  module: "V8: `new WebAssembly.Module`",
  compile: "V8: `await WebAssembly.compile`",
};
const names = Object.keys(ways) as Way[];
// Only Linux's dd can drop the pages of a file.
const caches = process.platform === "linux" ? ["warm", "cold"] : ["warm"];
const guests = [...made, esbuild];

const { node, v8 } = process.versions;
console.log(`Node ${node} (V8 ${v8}), cwasm ${version}, ${variant}, ${process.platform} ${process.arch}, median of ${rounds} rounds`);
const artifacts = new Map<Guest, string>();
for (const guest of guests) artifacts.set(guest, await artifact(guest));
const figures = new Map<string, Once[]>();
const of = (guest: Guest, cache: string, way: Way) => {
  const key = [guest.name, cache, way].join();
  if (!figures.has(key)) figures.set(key, []);
  return figures.get(key)!;
};
for (let round = 0; round < rounds; round++) {
  for (const guest of guests) for (const cache of caches) for (const way of names) of(guest, cache, way).push(once(guest, cache, way));
}
for (const cache of caches) report(cache);

function once(guest: Guest, cache: string, way: Way): Once {
  const file = way.startsWith("deserialize") ? artifacts.get(guest)! : guest.wasm;
  if (cache === "cold") dropPages(file);
  else readFileSync(file);
  return inProcess("load-once.js", way, file, ...(guest.isCommand ? ["command"] : []));
}

/** Takes a file out of the page cache, without being root: `fincore` then says that none of it is there. */
function dropPages(file: string): void {
  execFileSync("dd", ["if=/dev/null", `of=${file}`, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"]);
}

function report(cache: string): void {
  const lines = guests.flatMap((guest) => {
    const base = typical(of(guest, cache, "module"));
    const results = new Set(names.flatMap((way) => of(guest, cache, way)).map(({ result }) => result));
    if (results.size !== 1) throw new Error(`${guest.name} gave ${[...results].join(", ")}`);
    return names.map((way, i) => {
      const { read, load, call, sum } = typical(of(guest, cache, way));
      const name = i ? "" : label(guest, artifacts.get(guest)!);
      const reading = way === "deserializeFile" ? "" : ms(read);
      return [name, ways[way], reading, ms(load), ms(call), ms(sum), times(base.load / load), times(base.sum / sum)];
    });
  });
  const head = ["artifact", "way", "read ms", "module ms", "instance, first call ms", "sum ms", "V8's module / this", "V8's sum / this"];
  markdown(cache === "warm" ? "Warm: the file is in memory" : "Cold: nothing of the file is in memory", head, lines);
}

function typical(list: Once[]) {
  const of = (figure: (once: Once) => number) => median(list.map(figure));
  const sum = of(({ read, load, call }) => read + load + call);
  return { read: of(({ read }) => read), load: of(({ load }) => load), call: of(({ call }) => call), sum };
}
