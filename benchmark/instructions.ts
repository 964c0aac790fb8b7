// Counts instructions with valgrind's callgrind, which writes down what it has counted whenever the floor's marker is called.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Case, floor, root } from "./measure.js";

/** Inside valgrind: runs the cases between marks, and returns nothing. Outside: instructions per time of each case. */
export function instructions(cases: Case[], times = 20_000): Map<string, number> | undefined {
  if (process.env["CWASM_COUNTED"]) {
    const { mark } = floor();
    for (const { run } of cases) {
      // Until V8 has compiled what it will.
      for (let i = 0; i < 5; i++) run(times);
      mark();
      run(times);
      mark();
    }
    return undefined;
  }
  const folder = mkdtempSync(join(root, "target", "callgrind-"));
  const out = join(folder, "out");
  const flags = ["--tool=callgrind", "--smc-check=all-non-file", "--dump-before=cwasm_mark", `--callgrind-out-file=${out}`];
  const args = [...flags, process.execPath, "--single-threaded", ...process.argv.slice(1)];
  const { status, stderr } = spawnSync("valgrind", args, {
    env: { ...process.env, CWASM_COUNTED: "1" },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`valgrind failed: ${stderr ?? "is it installed?"}`);
  const dumps = readdirSync(folder)
    .map((file) => /\.(\d+)$/.exec(file))
    .filter((found) => found !== null)
    .sort((a, b) => Number(a[1]) - Number(b[1]))
    .map(({ input }) => Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(join(folder, input), "utf8"))![1]));
  rmSync(folder, { recursive: true });
  // Dumps alternate: what was before a mark, and what was measured.
  return new Map(cases.map(({ name }, i) => [name, dumps[2 * i + 1]! / times]));
}

export const inInstructions = (n: number) => `${Math.round(n)} instr.`;
