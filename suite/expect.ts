// What a command should come to, and what it came to.

import { Trap } from "../index.js";
import { showJs } from "./values.js";

/** The command came to something else than what it should. */
export class Mismatch extends Error {
  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super();
  }
}
/** The command needs a module that failed. */
export class Consequence extends Error {
  constructor(readonly line: number) {
    super();
  }
}

/** What a function throws. */
export function attempt(fn: () => unknown): unknown {
  let returned: unknown;
  try {
    returned = fn();
  } catch (error) {
    if (error instanceof Consequence) throw error;
    return error;
  }
  return new Mismatch("", `no error, but ${showJs(returned)}`);
}

export function expect(right: boolean, expected: string, got: unknown): void {
  if (!right) throw new Mismatch(expected, got instanceof Mismatch ? got.got : showJs(got));
}

/** The suite's words for traps. Where they say less than Wasmtime does, any of these. */
const trapCodes: Record<string, string[]> = {
  "call stack exhausted": ["stackOverflow"],
  "cast failure": ["castFailure"],
  "indirect call": ["badSignature"],
  "indirect call type mismatch": ["badSignature"],
  "integer divide by zero": ["integerDivisionByZero"],
  "integer overflow": ["integerOverflow"],
  "invalid conversion to integer": ["badConversionToInteger"],
  "null array reference": ["nullReference"],
  "null function reference": ["nullReference", "indirectCallToNull"],
  "null i31 reference": ["nullReference"],
  "null reference": ["nullReference"],
  "null structure reference": ["nullReference"],
  "out of bounds": ["memoryOutOfBounds", "tableOutOfBounds"],
  "out of bounds array access": ["arrayOutOfBounds"],
  "out of bounds memory access": ["memoryOutOfBounds"],
  "out of bounds table access": ["tableOutOfBounds"],
  "unaligned atomic": ["heapMisaligned"],
  undefined: ["tableOutOfBounds"],
  "undefined element": ["tableOutOfBounds"],
  uninitialized: ["indirectCallToNull"],
  "uninitialized element": ["indirectCallToNull"],
  "uninitialized element 2": ["indirectCallToNull"],
  unreachable: ["unreachableCodeReached"],
};

/** That it is a trap of the suite's words. */
export function isTrap(got: unknown, text: string): void {
  const codes = trapCodes[text];
  if (!codes) throw new Error(`the runner knows no trap '${text}'`);
  expect(got instanceof Trap && codes.includes(got.trapCode), `Trap (${codes.join(" or ")}): ${text}`, got);
}
