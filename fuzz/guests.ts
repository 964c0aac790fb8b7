// The guests of misuse-table.ts as artifacts, which the full build makes before anything else and all processes load.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Files, guests } from "../__test__/misuse-table.js";
import { Engine } from "../index.js";
import { folder } from "./kinds.js";

const names = Object.keys(guests) as (keyof typeof guests)[];
export const files = Object.fromEntries(names.map((name) => [name, join(folder, "guests", `${name}.cwasm`)])) as Files;

/** On the full build. */
export function compileGuests(): void {
  const engine = new Engine();
  mkdirSync(join(folder, "guests"), { recursive: true });
  for (const name of names) {
    // By rename, as other processes may have it mapped.
    writeFileSync(`${files[name]}.new`, engine.precompileSync(guests[name]));
    renameSync(`${files[name]}.new`, files[name]);
  }
}
