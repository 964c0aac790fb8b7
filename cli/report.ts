// What a person reads when something went wrong, and the exit status of it.

import { inspect } from "node:util";
import { InternalError, Trap, WasmtimeError } from "../index.js";
import { UsageError } from "./flags.js";

/** Prints an error on stderr and returns the exit status. */
export function report(error: unknown): number {
  if (error instanceof UsageError) return say(error.message, 2);
  if (error instanceof InternalError) return say(`InternalError: ${error.message}`, 70);
  if (error instanceof Trap) return say([`${error.constructor.name}: ${error.message}`, ...frames(error)].join("\n"), 134);
  if (error instanceof WasmtimeError) {
    const { hint } = error as { hint?: string };
    const told = hint === undefined || error.message.includes(hint) ? "" : `\n  ${hint}`;
    return say(`${error.constructor.name}: ${error.message}${told}`, 1);
  }
  // A file that can't be read, a wrong option: the message says it. Anything else is a mistake of ours.
  const { code } = error as NodeJS.ErrnoException;
  return say(code === undefined ? inspect(error) : (error as Error).message, 1);
}

function frames(trap: Trap): string[] {
  return trap.frames.map(({ funcIndex, funcName, moduleName, moduleOffset, file, line }, i) => {
    const name = funcName ?? `function ${funcIndex}`;
    const where = moduleOffset === undefined ? "" : ` at 0x${moduleOffset.toString(16)}`;
    const source = file === undefined ? "" : ` (${file}${line === undefined ? "" : `:${line}`})`;
    return `  ${i}: ${moduleName === undefined ? "" : `${moduleName}!`}${name}${where}${source}`;
  });
}

function say(text: string, status: number): number {
  process.stderr.write(`cwasm: ${text}\n`);
  return status;
}
