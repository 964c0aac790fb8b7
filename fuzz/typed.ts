// What may be thrown.

import { FeatureUnavailableError, InternalError, WasmtimeError, features } from "../index.js";
import { Wrong } from "./kind.js";

/** What user code throws on purpose. */
export class Thrown extends Error {}

/** What is wrong with something that was thrown, whatever it was asked for. */
export function fault(error: unknown): string | undefined {
  if (error instanceof Thrown) return undefined;
  if (!(error instanceof Error)) return `thrown was no error, but ${typeof error}`;
  const { name, message, code } = error as Error & { code?: unknown };
  const words = `${name} ${String(code)}: ${message}`;
  if (error instanceof InternalError) return words;
  if (error instanceof FeatureUnavailableError) return features.has(error.feature as never) ? words : undefined;
  if (error instanceof WasmtimeError) return /^ERR_WASMTIME/.test(error.code) ? undefined : words;
  // V8's own have no code, Node's and ours do.
  const usual = code === undefined || /^ERR_/.test(String(code));
  if (error instanceof TypeError || error instanceof RangeError) return usual ? undefined : words;
  // JavaScript's own, of BigInt("x").
  if (error instanceof SyntaxError && /to a BigInt$/.test(message)) return undefined;
  return words;
}

/** Runs a step that may fail with a typed error. Returns what it returns, or that error. */
export function typed<T>(what: string, step: () => T): T | Error {
  try {
    return step();
  } catch (error) {
    const wrong = fault(error);
    if (wrong !== undefined) throw new Wrong(`${what}: ${wrong}`);
    return error as Error;
  }
}
