// What a process has resident with 1 and with 8 worker threads that run one module, each in an instance of its own: shared by its
// handle, loaded by each, and V8's, posted. The module is one of sized.ts, which each worker runs all over. On min, or what CWASM_VARIANT
// says. Figures are medians. Options: --rounds=N, --functions=N.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Engine, version } from "@cwasm/wasmtime";
import { figure, markdown, median, root } from "./measure.js";
import { sized } from "./sized.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" }, functions: { type: "string", default: "9200" } } });
const [rounds, functions] = [Number(values.rounds), Number(values.functions)];
if (!(rounds > 0 && functions > 0)) throw new Error("--rounds and --functions are numbers");
const threads = [1, 8];
const ways = ["no module", "`share`, `Module.fromShared`", "`deserializeFile` in each", "V8: a `WebAssembly.Module`, posted"];

const folder = mkdtempSync(join(tmpdir(), "cwasm-workers-"));
const [cwasm, wasm] = [join(folder, "sized.cwasm"), join(folder, "sized.wasm")];
const bytes = sized(functions);
writeFileSync(wasm, bytes);
const artifact = await new Engine().precompile(bytes);
writeFileSync(cwasm, artifact);

const variant = process.env["CWASM_VARIANT"] ?? "min";
const env = { ...process.env, CWASM_VARIANT: variant };
const script = join(root, "dist/benchmark/workers-once.js");
const once = (way: string, count: number) =>
  Number(execFileSync(process.execPath, ["--no-warnings", script, way, String(count), cwasm, wasm], { env, encoding: "utf8" }));
const figures = new Map<string, number[][]>(ways.map((way) => [way, threads.map(() => [])]));
for (let round = 0; round < rounds; round++) {
  for (const [way, all] of figures) for (const [i, count] of threads.entries()) all[i]!.push(once(way, count));
}
rmSync(folder, { recursive: true });

const { node, v8 } = process.versions;
const mb = (bytes: number) => figure(bytes / 1e6);
const what = `median of ${rounds} processes, an artifact of ${mb(artifact.length)} MB`;
console.log(`Node ${node} (V8 ${v8}), cwasm ${version}, ${variant}, ${process.platform} ${process.arch}, ${what}`);
const without = figures.get(ways[0]!)!.map(median);
markdown(
  "Resident memory of workers with one module",
  ["", ...threads.map((count) => `MB with ${count}`), "MB for each more", "of that the module's"],
  ways.map((way) => {
    const [few, many] = figures.get(way)!.map(median) as [number, number];
    const each = (of: number[]) => (of[1]! - of[0]!) / (threads[1]! - threads[0]!);
    return [way, mb(few), mb(many), mb(each([few, many])), way === ways[0] ? "" : mb(Math.max(0, each([few, many]) - each(without)))];
  }),
);
