// What a process has over 100,000 cycles of each kind in __test__/leak-kinds.ts, a hundredth of that where they wait. What
// counts is what has grown from 20 % of the way to the end: memory by 5 % at most, mappings by a hundred (V8 has some), no descriptors.
// node dist/benchmark/leak.js [CYCLES [PART OF A NAME]]

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "@cwasm/wasmtime";
import type { Figures } from "../__test__/leak.js";
import { type Guest, guests, kinds, profileOf, slow } from "../__test__/leak-kinds.js";
import { root } from "./measure.js";

const folder = mkdtempSync(join(tmpdir(), "cwasm-leak-"));
const files: Record<string, string> = {};
for (const [name, wat] of Object.entries(guests)) {
  files[name] = join(folder, `${name}.cwasm`);
  writeFileSync(files[name], new Engine({ profile: profileOf(name as Guest) }).precompileSync(wat));
}
const [count = "100000", part = ""] = process.argv.slice(2);
const cycles = Number(count);

let failed = false;
for (const kind of [...Object.keys(kinds), ...Object.keys(slow)].filter((kind) => kind.includes(part))) {
  const start = process.hrtime.bigint();
  const words = ["--expose-gc", join(root, "dist/__test__/leak.js"), JSON.stringify(files), kind];
  words.push(String(kind in slow ? cycles / 100 : cycles));
  const all: Figures[] = JSON.parse(execFileSync(process.execPath, words, { encoding: "utf8" }));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const [early, last] = [all[1]!, all.at(-1)!];
  const change = 100 * (last.rss / early.rss - 1);
  const counts = (["threads", "descriptors", "mappings"] as const).map((name) => `${early[name]} to ${last[name]} ${name}`);
  const megabytes = all.map(({ rss }) => (rss / 2 ** 20).toFixed(1)).join(" ");
  console.log(`${kind}: ${change.toFixed(1)} %, ${counts.join(", ")}, ${seconds.toFixed(0)} s\n  ${megabytes} MB`);
  failed ||= change > 5 || last.threads! > early.threads! + 1 || last.mappings! > early.mappings! + 100;
  failed ||= last.descriptors! > early.descriptors!;
}
rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
