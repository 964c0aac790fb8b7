// Whether V8 takes the same modules.

import { type CompileError, Module } from "../index.js";
import { type Inconclusive, Wrong } from "./kind.js";

const { WebAssembly } = globalThis as any;

/** What one of the two may say of a module that the other one compiles. */
const acceptable: { by: "us" | "V8"; says: RegExp; why: string }[] = [
  { by: "us", says: /legacy_exceptions feature required/, why: "legacy exceptions, which Wasmtime does not have" },
  { by: "V8", says: /is not allowed in constant expressions/, why: "extended constant expressions, which this V8 lacks" },
  { by: "V8", says: /invalid value type 0x[67][0-9a-f]/, why: "reference types of GC and exceptions, which this V8 lacks" },
  { by: "V8", says: /Invalid opcode 0xa\b|Unknown heap type -/, why: "exceptions and reference types, which this V8 lacks" },
  { by: "us", says: /malformed reference type/, why: "an element segment of numbers, which V8 takes if it is empty" },
  { by: "V8", says: /enable (with|via) --experimental/, why: "a proposal that this V8 has only behind a flag" },
];

/** What was made of the input here is a module, or what was thrown. */
export function disagreement(input: Uint8Array, ours: Module | CompileError): Inconclusive | undefined {
  const theirs = refusal(input);
  if (ours instanceof Module ? theirs === undefined : theirs !== undefined) return undefined;
  const [by, words] = ours instanceof Module ? (["V8", theirs!] as const) : (["us", ours.message] as const);
  const known = acceptable.find((one) => one.by === by && one.says.test(words));
  if (known) return known.why;
  throw new Wrong(`refused only by ${by}: ${words}`);
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
