// What stands behind an artifact's image: damage to it, and to the version, is always found.

import test from "ava";
import { crc32 } from "node:zlib";
import { IncompatibleModuleError, Module, inspect, wasmtimeVersion } from "../index.js";
import { artifact, artifactBytes, engineOf, nodeJson, thrown } from "./helper.js";

const wat = `(module $m (import "env" "f" (func (param i32))) (memory (export "m") 1)
  ${Array.from({ length: 40 }, (_, i) => `(func (export "f${i}") (result i32) (i32.const ${i}))`).join("\n")} (@custom "own" "${"x".repeat(300)}"))`;
const bytes = artifactBytes(wat);
const footer = bytes.length - 40;
const image = Number(bytes.readBigUInt64LE(footer));

test("the footer is as docs/artifacts.md says", (t) => {
  t.is(image + Number(bytes.readBigUInt64LE(footer + 8)), footer);
  t.is(bytes.readUInt32LE(footer + 16), crc32(bytes.subarray(image, footer)));
  t.deepEqual([bytes.readUInt32LE(footer + 24), bytes.readUInt32LE(footer + 28)], [1, 0]);
  t.is(bytes.toString("latin1", footer + 32), "\0cwasm\r\n");
});

test("100,000 random flips in the version section and in the metadata are each a typed error", (t) => {
  // In a process of its own, as a crash would end it.
  const script = `
    import { Engine, IncompatibleModuleError, Module, inspect } from "@cwasm/wasmtime";
    import { readFileSync } from "node:fs";
    const engine = new Engine(), bytes = readFileSync($(file)), image = $(image);
    // The section of the version is the first: from the ELF header to the page of the text.
    const start = bytes.indexOf($(stamp)) - 2, end = start + $(length);
    let state = 1;
    const random = (n) => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) % n;
    const counts = {};
    for (let i = 0; i < 100_000; i++) {
      const at = i % 2 ? start + random(end - start) : image + random(bytes.length - image);
      const before = bytes[at];
      bytes[at] ^= 1 << (state >>> 13) % 8;
      for (const use of i % 100 ? [() => Module.deserialize(engine, bytes)] : [() => Module.deserialize(engine, bytes), () => inspect(bytes)]) {
        let outcome = "loaded";
        try { const info = use(); if (info.problem) throw info.problem; }
        catch (error) { outcome = error instanceof IncompatibleModuleError && error.hint ? error.reason : String(error); }
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
      bytes[at] = before;
    }
    Module.deserialize(engine, bytes);
    console.log(JSON.stringify(counts));`;
  const { sections } = inspect(bytes);
  const length = sections.find(({ name }) => name === ".wasmtime.engine")!.bytes;
  const counts = nodeJson(t, script, { values: { file: artifact(wat), image, stamp: `${wasmtimeVersion}+default`, length } });
  const known = ["damaged", "version", "profile", "notAnArtifact"];
  t.deepEqual(Object.keys(counts).filter((outcome) => !known.includes(outcome)), []);
  t.true(counts.damaged > 50_000 && counts.version > 100);
});

test("a cut at every 4 KB, and one byte more or less, is a typed error", (t) => {
  const large = artifactBytes(`(module ${Array.from({ length: 3000 }, (_, i) => `(func (export "f${i}") (param i32) (result i32) (i32.mul (local.get 0) (i32.const ${i})))`).join("")})`);
  t.true(large.length > 300_000);
  const cuts = new Set<number>();
  for (let cut = 0; cut < large.length; cut += 4096) for (const near of [cut - 1, cut, cut + 1]) if (near >= 0 && near < large.length) cuts.add(near);
  for (const cut of cuts) {
    for (const use of [() => Module.deserialize(engineOf(), large.subarray(0, cut)), () => inspect(large.subarray(0, cut))]) {
      const error = thrown(use) as IncompatibleModuleError;
      t.true(error instanceof IncompatibleModuleError && error.hint.length > 0, `${cut}: ${String(error)}`);
    }
  }
});

/** The artifact with another footer, whose checksums are right. */
function withFooter(change: (footer: Buffer) => void): Buffer {
  const changed = Buffer.from(bytes);
  change(changed.subarray(footer));
  return changed;
}
const wrong: [what: string, bytes: Buffer][] = [
  ["a format of the future", withFooter((footer) => footer.writeUInt32LE(2, 24))],
  ["lengths beyond the file", withFooter((footer) => footer.writeBigUInt64LE(1n << 60n, 8))],
  ["lengths whose sum is the right one, after an overflow", withFooter((footer) => (footer.writeBigUInt64LE(2n ** 64n - 1n, 0), footer.writeBigUInt64LE(BigInt(image) + 1n, 8)))],
  ["no block", Buffer.concat([bytes.subarray(0, image), bytes.subarray(footer)])],
  ["something behind it", Buffer.concat([bytes, Buffer.of(0)])],
  ["another artifact behind it", Buffer.concat([bytes, bytes])],
];
for (const [what, changed] of wrong) {
  test(`an artifact with ${what} is refused as damaged`, (t) => {
    const error = thrown(() => Module.deserialize(engineOf(), changed)) as IncompatibleModuleError;
    t.is(error.reason, "damaged", String(error));
    t.is((thrown(() => inspect(changed)) as IncompatibleModuleError).reason, "damaged");
  });
}

test("entries that make no sense behind a right checksum are no crash", (t) => {
  for (const block of [Buffer.alloc(15), Buffer.alloc(16, 0xff), Buffer.concat([bytes.subarray(image, image + 40), Buffer.alloc(40, 0x7f)])]) {
    const changed = Buffer.concat([bytes.subarray(0, image), block, bytes.subarray(footer)]);
    const at = changed.length - 40;
    changed.writeBigUInt64LE(BigInt(block.length), at + 8);
    changed.writeUInt32LE(crc32(block), at + 16);
    const error = thrown(() => Module.deserialize(engineOf(), changed)) as IncompatibleModuleError;
    t.true(error instanceof IncompatibleModuleError, String(error));
    t.notThrows(() => inspect(changed));
  }
});
