// Resident memory over 100,000 stores, each with an instance and a host closure that captures it, with and without
// dispose(). What counts is that the last figure is within 5 % of the one at 20,000.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "@cwasm/wasmtime";
import { root } from "./measure.js";
import { wasm } from "./wasm.js";

const bytes = wasm(`(module (import "env" "f" (func $f (param i32) (result i32))) (memory (export "m") 1) (table 4 funcref)
  (global (export "g") (mut externref) (ref.null extern)) (func (export "call") (param i32) (result i32) (call $f (local.get 0))))`);
const folder = mkdtempSync(join(tmpdir(), "cwasm-leak-"));
const file = join(folder, "leak.cwasm");
writeFileSync(file, new Engine().precompileSync(bytes));
const cycles = Number(process.argv[2] ?? 100_000);

let failed = false;
for (const kind of ["dispose", "leave", "leave, view", "dispose, view"]) {
  const start = process.hrtime.bigint();
  const script = join(root, "dist/__test__/leak.js");
  const output = execFileSync(process.execPath, ["--expose-gc", script, file, kind, String(cycles)], { encoding: "utf8" });
  const figures: number[] = JSON.parse(output);
  const change = 100 * (figures.at(-1)! / figures[1]! - 1);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(
    `${kind.padEnd(14)} ${figures.map((rss) => (rss / 2 ** 20).toFixed(1)).join(" ")} MB, ${change.toFixed(1)} % from 20 % of the way to the end, ${seconds.toFixed(0)} s`,
  );
  failed ||= change > 5;
}
rmSync(folder, { recursive: true });
process.exitCode = failed ? 1 : 0;
