// What a person reads when something went wrong, and the exit status of it.

import { inspect } from "node:util";
import { Exception, type Frame, InternalError, Trap, WasmtimeError } from "../index.js";
import { UsageError } from "./flags.js";
import { paints, shown } from "./text.js";

/** Prints an error on stderr and returns the exit status. */
export function report(error: unknown): number {
  const hint = (error as { hint?: string } | undefined)?.hint;
  if (error instanceof UsageError) return say(2, undefined, error.message, hint);
  if (error instanceof InternalError) return say(70, "InternalError", error.message);
  if (error instanceof Trap) return say(134, error.constructor.name, error.message, undefined, error.frames);
  if (error instanceof Exception) return say(134, "Exception", error.message);
  if (error instanceof WasmtimeError) return say(1, error.constructor.name, error.message, hint);
  // A value that an option can't have, a file that can't be read: the message says it. Anything else is a mistake of ours.
  const { code } = Object(error) as NodeJS.ErrnoException;
  return code === undefined ? say(1, undefined, inspect(error)) : say(1, undefined, (error as Error).message);
}

/** One clear line, below it where a trap happened, and what to do. What guests wrote into it is no command to the terminal. */
function say(status: number, name: string | undefined, message: string, hint?: string, frames: readonly Frame[] = []): number {
  const { red, bold, faint } = paints(2);
  // Messages of native errors end in their hint, for those who see nothing else.
  const text = (hint !== undefined && message.endsWith(hint) ? message.slice(0, -hint.length).replace(/[\s:;,.(]+$/, "") : message).split("\n").map(shown).join("\n");
  const told = hint === undefined || text.includes(hint) ? [] : [`  ${bold("hint:")} ${shown(hint)}`];
  const lines = [`${red(`cwasm: ${name === undefined ? "" : `${name}: `}`)}${text}`, ...frames.map((frame, i) => faint(frameText(frame, i))), ...told];
  process.stderr.write(`${lines.join("\n")}\n`);
  return status;
}

function frameText({ funcIndex, funcName, moduleName, moduleOffset, file, line }: Frame, i: number): string {
  const name = funcName ?? `function ${funcIndex}`;
  const where = moduleOffset === undefined ? "" : ` at 0x${moduleOffset.toString(16)}`;
  const source = file === undefined ? "" : ` (${file}${line === undefined ? "" : `:${line}`})`;
  return `  ${i}: ${shown(`${moduleName === undefined ? "" : `${moduleName}!`}${name}${where}${source}`)}`;
}
