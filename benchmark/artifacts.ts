// What load.ts, start.ts, share.ts and size.ts load: modules made by sized.ts and esbuild, and their artifacts. Artifacts of an earlier
// run are used again if nothing is newer.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Engine } from "@cwasm/wasmtime";
import { wasmOf } from "../guests/guest.js";
import { hostPlatform } from "../lib/platforms.js";
import { figure, root } from "./measure.js";
import { sized } from "./sized.js";

export interface Guest {
  name: string;
  wasm: string;
  /** Whether it is a WASI command. The others export `run`. */
  isCommand: boolean;
}

const folder = join(root, "target/load");
mkdirSync(folder, { recursive: true });
/** Names and how many functions it takes for an artifact of that size. */
const functions = { "15 KB": 1, "100 KB": 75, "1 MB": 900, "10 MB": 9_200, "30 MB": 27_500 };
export const made: Guest[] = Object.entries(functions).map(([name, count]) => {
  const wasm = join(folder, `${count}.wasm`);
  const bytes = sized(count);
  if (!existsSync(wasm) || !readFileSync(wasm).equals(bytes)) write(wasm, bytes);
  return { name, wasm, isCommand: false };
});

const wasm = wasmOf("esbuild");
if (!existsSync(wasm)) throw new Error("run `npm run guests -- esbuild` first: it fetches esbuild");
export const esbuild: Guest = { name: "esbuild", wasm, isCommand: true };

const addon = join(root, "npm/wasmtime", hostPlatform(), `cwasm.${hostPlatform()}.node`);
const engine = new Engine();
/** The path of an artifact, as `cwasm compile` makes it. */
export async function artifact({ wasm, name }: Guest, strip: "none" | "names" | "all" = "none"): Promise<string> {
  const cwasm = join(folder, `${name.replace(" ", "")}.${strip}.cwasm`);
  const newest = Math.max(statSync(wasm).mtimeMs, statSync(addon).mtimeMs);
  if (!existsSync(cwasm) || statSync(cwasm).mtimeMs < newest) write(cwasm, await engine.precompile(readFileSync(wasm), { strip }));
  return cwasm;
}
/** By rename: what is mapped stays as it is. */
function write(path: string, bytes: Uint8Array): void {
  writeFileSync(`${path}.new`, bytes);
  renameSync(`${path}.new`, path);
}

/** What loads artifacts where there is no compiler. */
export const variant = process.env["CWASM_VARIANT"] ?? "min";
export const env = { ...process.env, CWASM_VARIANT: variant };
export const script = (name: string) => join(root, "dist/benchmark", name);
/** Runs a script of this folder in a process of its own. */
export function inProcess<T>(name: string, ...words: string[]): T {
  return JSON.parse(execFileSync(process.execPath, ["--no-warnings", script(name), ...words], { env, encoding: "utf8" }));
}

export const size = (bytes: number) => (bytes < 1e6 ? `${figure(bytes / 1e3)} KB` : `${figure(bytes / 1e6)} MB`);
/** The first cell of a line. */
export const label = ({ name, wasm }: Guest, cwasm: string) =>
  `${name === "esbuild" ? `esbuild, ${size(statSync(cwasm).size)}` : name} of ${size(statSync(wasm).size)} wasm`;
