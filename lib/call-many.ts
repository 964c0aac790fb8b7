import { exported } from "./host-table.js";
import { native } from "./load.js";
import type { ExportedFunction } from "./types.js";

/** Numbers of one wasm type: i32, f32, f64 and i64. */
export type Numbers = Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array;

/**
 * Calls a function once for each row of `args`, in one crossing: for hot loops over functions that do little. `args` holds
 * the arguments of all calls one after another, `out` gets their results the same way, and the number of calls is returned.
 * A function without parameters is called as often as `out` has room for its results. The parameters must be of one numeric
 * type, the results too, and the arrays of these.
 *
 * What ends a call, such as a `Trap`, ends the batch and is thrown; results of the calls before it stand in `out`.
 *
 * Throws `TypeError` for what is no exported function, for other types and other arrays, `RangeError` for `args` that is not
 * of whole rows and an `out` that is too small.
 *
 * @example
 * ```ts
 * const sums = new Float64Array(1000)
 * callMany(instance.exports.add, pairs, sums) // pairs: a Float64Array of 2,000
 * ```
 */
export function callMany(fn: ExportedFunction, args: Numbers, out: Numbers): number {
  const { store, func } = exported(fn);
  return native.callMany(store, func, args, out);
}
