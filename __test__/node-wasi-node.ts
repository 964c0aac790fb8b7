// Does one case of node-wasi-cases.ts or node-wasi-differences.ts with Node's class WASI and V8's WebAssembly, and prints what came out.

import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { WASI } from "node:wasi";
import { join } from "node:path";
import { type Kit, cases } from "./node-wasi-cases.js";
import { differences } from "./node-wasi-differences.js";

const [, , title, folder] = process.argv as [string, string, string, string];
const V8 = (globalThis as any).WebAssembly;
const dir = join(folder, String(process.pid));
mkdirSync(dir);
const make = (guest: string, imports: object) => new V8.Instance(new V8.Module(readFileSync(join(folder, `${guest}.wasm`))), imports);
const kit: Kit = { WASI, make, memory: asOurs, dir };
const body = cases[title] ?? differences[title]![0];
console.log(JSON.stringify(body(kit)));
rmSync(dir, { recursive: true });

function asOurs(memory: { buffer: ArrayBuffer }) {
  const bytes = (at: number, length?: number) => Buffer.from(memory.buffer, at, length);
  return {
    write: (at: number, from: Uint8Array) => bytes(at).set(from),
    read: (at: number, length: number) => Buffer.from(bytes(at, length)),
    writeString: (at: number, text: string) => bytes(at).write(text),
    readString: (at: number, length: number) => String(bytes(at, length)),
  };
}
