// node scripts/upstream.mjs: builds stock Wasmtime (crates/upstream), which __test__/stock.spec.ts exchanges artifacts with.

import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inRoot, run, say } from "./commands.mjs";

export function upstream() {
  say("Building stock Wasmtime, to exchange artifacts with (minutes the first time)…");
  run("cargo", ["build", "--quiet", "--package", "cwasm-upstream", "--locked", "--target-dir", inRoot("target")]);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) upstream();
