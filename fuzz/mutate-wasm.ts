// Damages modules.

import type { Dice } from "./dice.js";

const interesting = [0x00, 0x01, 0x0b, 0x40, 0x41, 0x60, 0x63, 0x64, 0x6f, 0x70, 0x7b, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xff];

/** A number as LEB128, sometimes longer than it must be. */
function leb(value: number, padding: number): number[] {
  const bytes = [];
  let left = value >>> 0;
  do {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  } while (left > 0);
  for (let i = 0; i < padding; i++) bytes.push(0x80);
  bytes.push(bytes.pop()! & 0x7f);
  return bytes;
}

/** Where the length of each section stands, and where it ends. */
function sections(bytes: Uint8Array): { start: number; size: number; end: number }[] {
  const found = [];
  for (let start = 8; start < bytes.length;) {
    let [length, shift, size] = [0, 0, start + 1];
    do {
      length += ((bytes[size] ?? 0) & 0x7f) * 2 ** shift;
      shift += 7;
    } while ((bytes[size++] ?? 0) & 0x80);
    found.push({ start, size: start + 1, end: size + length });
    start = size + length;
  }
  return found;
}

const splice = (bytes: Uint8Array, at: number, dropped: number, put: ArrayLike<number>) =>
  Uint8Array.from([...bytes.subarray(0, at), ...Array.from(put), ...bytes.subarray(at + dropped)]);

type Mutation = (bytes: Uint8Array, dice: Dice, other: Uint8Array) => Uint8Array;
const mutations: Mutation[] = [
  // A bit, a byte.
  (bytes, dice) => {
    const at = dice.below(bytes.length);
    return splice(bytes, at, 1, [bytes[at]! ^ (1 << dice.below(8))]);
  },
  (bytes, dice) => splice(bytes, dice.below(bytes.length), 1, [dice.onceIn(2) ? dice.pick(interesting) : dice.below(256)]),
  // More, fewer, the same in another place, those of another module.
  (bytes, dice) => splice(bytes, dice.below(bytes.length), 0, dice.bytes(dice.between(1, 8))),
  (bytes, dice) => splice(bytes, dice.below(bytes.length), dice.between(1, 8), []),
  (bytes, dice) => bytes.subarray(0, dice.below(bytes.length)),
  (bytes, dice) => splice(bytes, dice.below(bytes.length), 0, piece(bytes, dice)),
  (bytes, dice, other) => splice(bytes, dice.below(bytes.length), dice.below(16), piece(other, dice)),
  // A number in LEB128, which most bytes are.
  (bytes, dice) => {
    const at = dice.below(bytes.length);
    const value = dice.pick([0, 1, 2, 127, 128, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]);
    return splice(bytes, at, 1, leb(value, dice.onceIn(4) ? dice.between(1, 6) : 0));
  },
  // A section: its length, its kind, twice, not at all, in another place.
  (bytes, dice) => {
    const section = dice.pick(sections(bytes));
    if (!section) return bytes;
    const whole = bytes.subarray(section.start, section.end);
    switch (dice.below(5)) {
      case 0:
        return splice(bytes, section.size, 1, leb(dice.onceIn(2) ? dice.below(256) : 2 ** 32 - 1, dice.below(3)));
      case 1:
        return splice(bytes, section.start, 1, [dice.below(15)]);
      case 2:
        return splice(bytes, section.end, 0, whole);
      case 3:
        return splice(bytes, section.start, whole.length, []);
      default:
        return splice(bytes, dice.pick(sections(bytes)).start, 0, whole);
    }
  },
];
function piece(bytes: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.below(bytes.length);
  return bytes.subarray(at, at + dice.between(1, 32));
}

/** The module with some damage. */
export function mutate(bytes: Uint8Array, dice: Dice, other: Uint8Array): Uint8Array {
  let mutated = bytes;
  for (let left = dice.pick([1, 1, 1, 2, 3, 8]); left > 0; left--) {
    // A module of nothing can only become longer.
    mutated = mutated.length === 0 ? dice.bytes(8) : dice.pick(mutations)(mutated, dice, other);
  }
  return mutated;
}
