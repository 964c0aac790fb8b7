// A module for a worker thread, which another has loaded: `module.share` and `Module.fromShared` beside posting V8's. What has to be
// posted anyway, the plain object tells. `first` is in a new thread, with code that no thread has run yet; on min, or what
// CWASM_VARIANT says. Figures are medians.
// Options: --rounds=N.

import { parseArgs } from "node:util";
import { version } from "@cwasm/wasmtime";
import { artifact, inProcess, label, made, variant } from "./artifacts.js";
import { markdown, median, us } from "./measure.js";
import type { Passed } from "./share-once.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "7" } } });
const rounds = Number(values.rounds);
if (!(rounds > 0)) throw new Error("--rounds is a number");
const keys = ["post", "take", "call"] as const;

const lines: string[][] = [];
for (const guest of made.slice(2)) {
  const cwasm = await artifact(guest);
  const processes = Array.from({ length: rounds }, () => inProcess<Record<string, Passed>[]>("share-once.js", cwasm, guest.wasm));
  const first = processes.map((all) => all[0]!);
  const later = processes.flatMap((all) => all.slice(1));
  for (const [i, way] of Object.keys(first[0]!).entries()) {
    const cells = (all: typeof first) => keys.map((key) => us(median(all.map((passed) => passed[way]![key]))));
    lines.push([i ? "" : label(guest, cwasm), way, ...cells(first), ...cells(later)]);
  }
}
const { node, v8 } = process.versions;
console.log(`Node ${node} (V8 ${v8}), cwasm ${version}, ${variant}, ${process.platform} ${process.arch}, median of ${rounds} processes`);
const steps = ["post µs", "take µs", "instance, call µs"];
const head = ["artifact", "what is posted", ...["first", "later"].flatMap((when) => steps.map((step) => `${when}: ${step}`))];
markdown("A module for a worker", head, lines);
