// The guests of misuse-table.ts as artifacts, which the full build makes before anything else and all processes load.

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Files, guests } from "../__test__/misuse-table.js";
import { Engine } from "../index.js";
import { folder } from "./kinds.js";

const names = Object.keys(guests) as (keyof typeof guests)[];
/** As stock Wasmtime makes them, of the same settings: without our block, so that its own loader sees all damage. */
export const images = names.map((name) => join(folder, "guests", `${name}.image`));
export const files = Object.fromEntries(names.map((name) => [name, join(folder, "guests", `${name}.cwasm`)])) as Files;

/** On the full build. */
export function compileGuests(): void {
  const [engine, stock] = [new Engine(), new Engine({ moduleVersion: "wasmtime" })];
  mkdirSync(join(folder, "guests"), { recursive: true });
  for (const [i, name] of names.entries()) {
    replace(files[name], engine.precompileSync(guests[name]));
    const artifact = stock.precompileSync(guests[name]);
    replace(images[i]!, artifact.subarray(0, Number(artifact.readBigUInt64LE(artifact.length - 40))));
  }
}
/** By rename, as other processes may have it mapped. */
function replace(file: string, bytes: Uint8Array): void {
  writeFileSync(`${file}.new`, bytes);
  renameSync(`${file}.new`, file);
}
