// Damages artifacts: only where something looks before native code is run. That is the image's own structure, and the section
// in which Wasmtime writes version and settings. What else is in it is trusted, so it stays as it is.

import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { wasmtimeVersion } from "../index.js";
import type { Dice } from "./dice.js";

/** A section's header, and what it describes. */
interface Section {
  header: number;
  name: string;
  offset: number;
  size: number;
}

function sectionsOf(elf: Buffer): Section[] {
  const table = Number(elf.readBigUInt64LE(0x28));
  const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => elf.readUInt16LE(at)) as [number, number, number];
  const headers = Array.from({ length: count }, (_, i) => table + i * size);
  const strings = Number(elf.readBigUInt64LE(headers[names]! + 0x18));
  return headers.map((header) => {
    const name = strings + elf.readUInt32LE(header);
    return {
      header,
      name: elf.toString("latin1", name, elf.indexOf(0, name)),
      offset: Number(elf.readBigUInt64LE(header + 0x18)),
      size: Number(elf.readBigUInt64LE(header + 0x20)),
    };
  });
}

/** Where a section's header has numbers, and how long they are. */
const fields: [at: number, size: 4 | 8][] = [
  ...[0x00, 0x04, 0x28, 0x2c].map((at): [number, 4] => [at, 4]),
  ...[0x08, 0x10, 0x18, 0x20, 0x30, 0x38].map((at): [number, 8] => [at, 8]),
];
const ofProfiles = ["+default", "+metered", "+sandbox", "+", "", "+default\0", "+\ud800"];
const stamps = [wasmtimeVersion, "48.0.0", "47.0.0", "\0", ""].flatMap((version) => ofProfiles.map((profile) => version + profile));

/** A number that someone may forget to check. */
function number(elf: Buffer, dice: Dice): bigint {
  const at = BigInt(dice.pick(sectionsOf(elf)).offset);
  const length = BigInt(elf.length);
  const own = [at, at + 1n, length, length - 1n, length + 1n];
  const powers = [64n, 4096n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 63n, 2n ** 64n - 1n];
  return dice.pick([0n, 1n, 2n, 3n, 7n, ...own, ...powers, BigInt(dice.below(2 ** 32))]);
}
function put(elf: Buffer, at: number, size: 4 | 8, value: bigint): Buffer {
  if (size === 8) elf.writeBigUInt64LE(BigInt.asUintN(64, value), at);
  else elf.writeUInt32LE(Number(BigInt.asUintN(32, value)), at);
  return elf;
}
function flip(elf: Buffer, from: number, length: number, dice: Dice): Buffer {
  for (let left = dice.pick([1, 1, 2, 8]); left > 0; left--) {
    elf[from + dice.below(length)]! ^= dice.onceIn(2) ? 1 << dice.below(8) : dice.below(256);
  }
  return elf;
}

/** Another program, which is an ELF image too (where there are any). */
let program: Buffer | undefined;

type Mutation = (elf: Buffer, dice: Dice) => Uint8Array;
const mutations: Mutation[] = [
  // Shorter; at the edges of something too; and longer.
  (elf, dice) => elf.subarray(0, dice.below(elf.length)),
  (elf, dice) => elf.subarray(0, dice.below(200)),
  (elf, dice) => {
    const { header, offset, size } = dice.pick(sectionsOf(elf));
    return elf.subarray(0, Math.max(0, dice.pick([header, offset, offset + size]) + dice.between(-1, 1)));
  },
  (elf, dice) => Buffer.concat([elf, dice.bytes(dice.below(100))]),
  (elf, dice) => Buffer.concat([dice.bytes(dice.below(16)), elf]),
  // The header.
  (elf, dice) => flip(elf, 0, 64, dice),
  (elf, dice) => put(elf, dice.pick([0x18, 0x20, 0x28]), 8, number(elf, dice)),
  (elf, dice) => put(elf, dice.pick([0x10, 0x14, 0x30, 0x34, 0x38, 0x3a, 0x3c]), 4, number(elf, dice)),
  // The headers of sections, and their names.
  (elf, dice) => {
    const [at, size] = dice.pick(fields);
    return put(elf, dice.pick(sectionsOf(elf)).header + at, size, number(elf, dice));
  },
  (elf, dice) => flip(elf, dice.pick(sectionsOf(elf)).header, 64, dice),
  (elf, dice) => {
    const names = sectionsOf(elf).find(({ name }) => name === ".shstrtab" || name === ".strtab")!;
    return flip(elf, names.offset, names.size, dice);
  },
  // The stamp: a format, a length, the text; and the settings behind it.
  (elf, dice) => flip(elf, engineSection(elf).offset, 24, dice),
  (elf, dice) => {
    const { offset, size } = engineSection(elf);
    return flip(elf, offset, size, dice);
  },
  (elf, dice) => {
    const stamp = Buffer.from(dice.pick(stamps));
    const { offset } = engineSection(elf);
    elf[offset + 1] = dice.onceIn(4) ? dice.below(256) : stamp.length;
    stamp.copy(elf, offset + 2);
    return elf;
  },
  // What stands behind the image: its footer; and its entries, with the right checksum.
  (elf, dice) => flip(elf, elf.length - 40, 40, dice),
  (elf, dice) => {
    const [start, end] = blockOf(elf);
    return end > start ? flip(elf, start, end - start, dice) : elf;
  },
  (elf, dice) => {
    const [start, end] = blockOf(elf);
    if (end <= start) return elf;
    flip(elf, start, dice.onceIn(2) ? 16 : end - start, dice);
    elf.writeUInt32LE(crc32(elf.subarray(start, end)), end + 16);
    return elf;
  },
  // Something else.
  (elf, dice) => dice.bytes(dice.below(elf.length)),
  (_, dice) => (program ??= readFileSync(process.execPath).subarray(0, 1 << 18)).subarray(0, 1 << dice.between(3, 18)),
  (elf, dice) => Buffer.concat([elf.subarray(0, 64), dice.bytes(1000)]),
];
/** Where our block begins and ends; an image of stock Wasmtime has none. */
function blockOf(elf: Buffer): [start: number, end: number] {
  const end = elf.length - 40;
  return elf.toString("latin1", end + 33, end + 38) === "cwasm" ? [Number(elf.readBigUInt64LE(end)), end] : [0, 0];
}
const engineSection = (elf: Buffer) => sectionsOf(elf).find(({ name }) => name === ".wasmtime.engine")!;

export function mutate(artifact: Uint8Array, dice: Dice): Uint8Array {
  return dice.pick(mutations)(Buffer.from(artifact), dice);
}
