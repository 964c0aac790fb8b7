// Whether two logs are the same, up to what engines may choose.

import { Wrong } from "./kind.js";
import type { Log } from "./steps.js";

/** What Wasmtime calls a trap, and what V8 says of it. */
const words: [code: string, v8: RegExp][] = [
  ["unreachableCodeReached", /^unreachable$/],
  ["memoryOutOfBounds", /^memory access out of bounds$|data segment( \d+)? is out of bounds/],
  ["tableOutOfBounds", /table index is out of bounds$/],
  ["integerDivisionByZero", /^(divide|remainder) by zero$/],
  ["integerOverflow", /^divide result unrepresentable$|^float unrepresentable in integer range$/],
  ["badConversionToInteger", /^float unrepresentable in integer range$/],
  // V8 has one message for both.
  ["indirectCallToNull", /^null function or function signature mismatch$/],
  ["badSignature", /^null function or function signature mismatch$/],
  ["nullReference", /^dereferencing a null pointer$/],
];

export function compare(here: Log, there: Log): void {
  // A stack that is full ends the comparison where it happens.
  const stopped = here.stopped !== undefined || there.stopped !== undefined;
  const length = stopped ? Math.min(here.lines.length, there.lines.length) - 1 : Math.max(here.lines.length, there.lines.length);
  for (let i = 0; i < length; i++) {
    const [ours, theirs] = [here.traps.get(i), there.traps.get(i)];
    const sameTrap = ours === theirs || words.some(([code, v8]) => code === ours && v8.test(theirs ?? ""));
    if (here.lines[i] === there.lines[i] && sameTrap) continue;
    const shown = ({ lines, traps }: Log) => `${lines[i] ?? "nothing more"}${traps.has(i) ? `: ${traps.get(i)}` : ""}`;
    throw new Wrong(`line ${i}\n    here   ${shown(here)}\n    in V8  ${shown(there)}`);
  }
}
