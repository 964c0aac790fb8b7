// Compiles guests, in a process of its own: on the full build, whatever the others run on.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Engine, type ProfileName } from "../index.js";

const [profile, jobs] = process.argv.slice(2) as [ProfileName, string];
const engine = new Engine({ profile });
for (const { wasm, artifact } of JSON.parse(jobs) as { wasm: string; artifact: string }[]) {
  mkdirSync(dirname(artifact), { recursive: true });
  writeFileSync(`${artifact}.draft`, engine.precompileSync(readFileSync(wasm)));
  renameSync(`${artifact}.draft`, artifact);
}
