// Runs every hostile guest of __test__/hostile.ts under every limit and in every way, and writes the table in docs/limits.md.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Attack, type Entry, type Limit, attacks, entries, strike, timeoutMs } from "../__test__/hostile.js";
import { root } from "./measure.js";

const rounds = Number(process.argv[2] ?? 5);
const lines = [
  "| a guest that | is held by | started as | ends with | past the deadline: median, worst | afterwards |",
  "| --- | --- | --- | --- | --- | --- |",
];
for (const attack of attacks) for (const limit of attack.limits) await measure(attack, limit);

const file = join(root, "docs", "limits.md");
const [before, , after] = readFileSync(file, "utf8").split(/(<!-- table -->\n[^]*?<!-- end -->)/);
writeFileSync(file, `${before}<!-- table -->\n\n${lines.join("\n")}\n\n<!-- end -->${after}`);
console.log(lines.join("\n"));

async function measure(attack: Attack, limit: Limit): Promise<void> {
  const ways = attack.entries ?? entries;
  const ends = new Map<Entry, string>();
  const late: number[] = [];
  let works = true;
  for (const entry of ways) {
    for (let round = 0; round < rounds; round++) {
      const outcome = await strike(attack, limit, entry);
      ends.set(entry, outcome.end);
      works &&= outcome.after;
      // A process of its own takes time to start.
      if (limit.options.timeoutMs !== undefined && entry !== "cwasm run") late.push(outcome.took - timeoutMs);
    }
  }
  const all = late.sort((a, b) => a - b);
  const ms = (n: number) => `${n.toFixed(1)} ms`;
  const past = all.length > 0 ? `${ms(all[all.length >> 1]!)}, ${ms(all.at(-1)!)}` : "";
  const started = attack.entries?.join(", ") ?? "each";
  const command = ends.get("cwasm run");
  ends.delete("cwasm run");
  const said = [...new Set(ends.values())].map((end) => `\`${end}\``).join(", ") + (command ? `; the command \`${command}\`` : "");
  lines.push(`| ${attack.name} | ${limit.name} | ${started} | ${said} | ${past} | ${works ? "all goes on" : "**broken**"} |`);
}
