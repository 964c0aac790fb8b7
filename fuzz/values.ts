// Values of wasm types that are likely to be where something changes.

import { RefType, type ValType } from "../index.js";
import type { Dice } from "./dice.js";

const integers = [0, 1, -1, 2, 7, 8, 31, 32, 63, 64, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1];
const edges = [5e-324, 1e-45, 3.4e38, 3.5e38, 1e300, 2 ** 31, 2 ** 63, 2 ** 64, -(2 ** 63)];
const floats = [0, -0, 1, -1, 0.5, 1.5, -2.5, NaN, Infinity, -Infinity, ...edges];
const bigs = [0n, 1n, -1n, 63n, 64n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n];
/** What JavaScript converts to a number. */
const odd = [undefined, null, true, "12", " 1e3 ", "x", [], [5], {}, new Date(77)];
const stranger = Object.freeze({ stranger: true });
const anything = [null, undefined, 0, -0, 1, -1, 1.5, 2 ** 30, 2 ** 31, NaN, "text", true, 7n, Symbol.iterator, stranger, [], Math.max];

/** A value of a type. References of the guest's are null, or of those that it has given. */
export function valueOf(type: ValType, dice: Dice, given: readonly unknown[] = []): unknown {
  switch (type instanceof RefType ? "ref" : type) {
    case "i32":
      return dice.onceIn(16) ? dice.pick(odd) : dice.onceIn(2) ? dice.pick(integers) : dice.below(2 ** 32) | 0;
    case "i64":
      return dice.onceIn(2) ? dice.pick(bigs) : BigInt(dice.below(2 ** 32)) * BigInt(dice.below(2 ** 32));
    case "f32":
    case "f64":
      return dice.onceIn(16) ? dice.pick(odd) : dice.onceIn(2) ? dice.pick(floats) : dice.below(2 ** 32) / 1000 - 1e6;
    case "v128":
      return dice.bytes(16);
    case "externref":
    case "anyref":
      return given.length > 0 && dice.onceIn(3) ? dice.pick(given) : dice.pick(anything);
    default:
      return given.length > 0 && !dice.onceIn(3) ? dice.pick(given) : null;
  }
}
