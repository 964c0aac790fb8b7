// Whether V8 takes the same modules.

import type { Module } from "../index.js";
import { type Inconclusive, Wrong } from "./kind.js";

const { WebAssembly } = globalThis as any;

/** Where V8 says other things of a module than we do, and may. */
const acceptable: { ours: "compiles" | "refuses"; v8: RegExp; why: string }[] = [
  { ours: "compiles", v8: /is not allowed in constant expressions/, why: "extended constant expressions, which this V8 lacks" },
  { ours: "compiles", v8: /invalid value type 0x[67][0-9a-f]/, why: "reference types of GC and exceptions, which this V8 lacks" },
  { ours: "compiles", v8: /enable with --experimental/, why: "a proposal that this V8 has only behind a flag" },
];

export function disagreement(input: Uint8Array, module: Module | undefined): Inconclusive | undefined {
  const refused = refusal(input);
  if ((refused === undefined) === (module !== undefined)) return undefined;
  const ours = module ? "compiles" : "refuses";
  const known = acceptable.find((one) => one.ours === ours && one.v8.test(refused ?? ""));
  if (known) return known.why;
  throw new Wrong(`${ours} here, in V8: ${refused ?? "compiles"}`);
}

function refusal(input: Uint8Array): string | undefined {
  try {
    new WebAssembly.Module(input);
    return undefined;
  } catch (error) {
    if (error instanceof WebAssembly.CompileError) return (error as Error).message;
    throw error;
  }
}
