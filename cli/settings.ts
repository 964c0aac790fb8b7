// Values of flags: numbers, times, yes and no, as the `wasmtime` command reads them.

import { UsageError } from "./flags.js";
import { shown } from "./text.js";

/** What follows the key in `-W key=value`, where something has to. */
function given(key: string, value: string | undefined): string {
  if (value === undefined) throw new UsageError(`${key} needs a value: ${key}=…`);
  return value;
}

const most = 0xffff_ffff_ffff_ffffn;
/** A whole number, decimal or hexadecimal; `_` may group its digits. */
export function wholeNumber(key: string, value: string | undefined): bigint {
  const text = given(key, value).replaceAll("_", "");
  if (!/^(\d+|0x[\da-f]+)$/i.test(text)) throw new UsageError(`${key} must be a whole number, got '${shown(value!)}'`);
  const number = BigInt(text);
  if (number > most) throw new UsageError(`${key} must be below 2^64, got '${value}'`);
  return number;
}
/** The same, for what counts in JavaScript's numbers. More than those have is as much as there can be. */
export function count(key: string, value: string | undefined): number {
  return Math.min(Number(wholeNumber(key, value)), Number.MAX_SAFE_INTEGER);
}

const units: Record<string, number> = { ns: 1e-6, us: 1e-3, μs: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 };
/** Seconds, unless it names another unit. */
export function milliseconds(key: string, value: string | undefined): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ns|us|μs|ms|s|m|h)?$/.exec(given(key, value)) ?? [];
  const ms = Number(number) * units[unit]!;
  if (ms > 0) return ms;
  throw new UsageError(`${key} must be a time such as 100ms or 2s, got '${shown(value!)}'`);
}

/** A key alone is a yes. */
export function yes(key: string, value: string | undefined): boolean {
  if (value === undefined || ["y", "yes", "true"].includes(value)) return true;
  if (["n", "no", "false"].includes(value)) return false;
  throw new UsageError(`${key} must be y or n, got '${shown(value!)}'`);
}

/** One of some words. */
export function choice<T>(key: string, value: string | undefined, choices: Record<string, T>): T {
  const text = given(key, value);
  if (Object.hasOwn(choices, text)) return choices[text]!;
  throw new UsageError(`${key} must be one of ${Object.keys(choices).join(", ")}, got '${shown(text)}'`);
}
