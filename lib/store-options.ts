// The options of a store as they usually are, read in a fraction of the time that native code (crates/node-api/src/store.rs) takes. Each
// getter runs once, in the same order.

import type { StoreLimits, StoreOptions } from "./binding.js";
import { setNumbers } from "./call.js";

const limitNames: readonly string[] = ["memoryBytes", "tableElements", "instances", "tables", "memories", "trapOnGrowFailure"];
const optionNames: readonly string[] = ["limits", "fuel", "timeoutMs", "wasi"];

/** Puts the numbers into the slots, and returns the fuel; else an object that native code shall read instead: it takes what is
 * unusual, and says what is wrong. */
export function readStoreOptions(options: StoreOptions): bigint | undefined | object {
  if (!isObjectOf(options, optionNames)) return options;
  const given = options.limits;
  const limits = given === undefined ? none : isObjectOf(given, limitNames) ? readLimits(given) : undefined;
  const { fuel, timeoutMs, wasi } = options;
  const isUsual = limits !== undefined && (fuel === undefined || typeof fuel === "bigint") && wasi === undefined && isTimeout(timeoutMs);
  if (!isUsual || !areUsual(limits)) return { limits: limits ?? given, fuel, timeoutMs, wasi };
  const { memoryBytes, tableElements, instances, tables, memories, trapOnGrowFailure } = limits;
  setNumbers(trapOnGrowFailure === true ? 1 : 0, timeoutMs, memoryBytes, tableElements, instances, tables, memories);
  return fuel;
}

function readLimits({ memoryBytes, tableElements, instances, tables, memories, trapOnGrowFailure }: StoreLimits): StoreLimits {
  return { memoryBytes, tableElements, instances, tables, memories, trapOnGrowFailure } as StoreLimits;
}
const none = readLimits({});

function isObjectOf(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== "object" || value === null) return false;
  const keys = Object.keys(value);
  // By index: iterators of arrays can be replaced.
  for (let i = 0; i < keys.length; i++) if (!names.includes(keys[i]!)) return false;
  return true;
}
const isTimeout = (value: unknown) => value === undefined || (typeof value === "number" && value > 0 && value <= Number.MAX_SAFE_INTEGER);
const isLimit = (value: unknown) => value === undefined || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0);
const areUsual = ({ memoryBytes, tableElements, instances, tables, memories, trapOnGrowFailure }: StoreLimits) =>
  isLimit(memoryBytes) && isLimit(tableElements) && isLimit(instances) && isLimit(tables) && isLimit(memories) &&
  (trapOnGrowFailure === undefined || typeof trapOnGrowFailure === "boolean");
