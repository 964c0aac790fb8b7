// The modules that crates/fuzz-cases makes.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Batch } from "./kind.js";

const program = fileURLToPath(new URL(`../../target/debug/cwasm-fuzz-cases${process.platform === "win32" ? ".exe" : ""}`, import.meta.url));

/** The modules of a batch, by the numbers of its cases. */
export function generated(kind: "differential" | "any", { seed, from, to }: Batch): (number: number) => Uint8Array {
  const out = execFileSync(program, [kind, seed, from, to].map(String), { maxBuffer: 1 << 30 });
  const modules: Uint8Array[] = [];
  for (let at = 0; at < out.length;) {
    const end = at + 4 + out.readUInt32LE(at);
    modules.push(new Uint8Array(out.subarray(at + 4, end)));
    at = end;
  }
  return (number) => modules[number - from]!;
}
