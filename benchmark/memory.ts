// Getting bytes into a guest's memory and out of it, beside copies between plain typed arrays of JavaScript.

import { Engine, Memory, Store } from "@cwasm/wasmtime";
import { type Case, inNs, measure, table } from "./measure.js";

const memory = new Memory(new Store(new Engine()), { initial: 64 });
const view = new Uint8Array(memory.buffer);
const plain = new Uint8Array(64 * 65536);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

for (const [size, times] of [
  [16, 100_000],
  [1024, 50_000],
  [65536, 2_000],
  [1 << 20, 100],
] as const) {
  const bytes = new Uint8Array(size).fill(97);
  const text = "a".repeat(size);
  const repeated = (name: string, body: () => unknown): Case => ({
    name,
    run(times) {
      for (let i = 0; i < times; i++) body();
    },
  });
  const copyIn = "typed array: set(bytes)";
  const copyOut = "typed array: slice()";
  const encode = "TextEncoder.encodeInto, typed array";
  const decode = "TextDecoder.decode, typed array";
  for (const [title, base, cases] of [
    ["into it", copyIn, [repeated(copyIn, () => plain.set(bytes, 64)), repeated("memory.write", () => memory.write(64, bytes)), repeated("view of memory.buffer: set(bytes)", () => view.set(bytes, 64))]],
    ["out of it", copyOut, [repeated(copyOut, () => plain.slice(64, 64 + size)), repeated("memory.read", () => memory.read(64, size)), repeated("view of memory.buffer: slice()", () => view.slice(64, 64 + size))]],
    ["a string into it", encode, [repeated(encode, () => encoder.encodeInto(text, plain)), repeated("memory.writeString", () => memory.writeString(64, text))]],
    ["a string out of it", decode, [repeated(decode, () => decoder.decode(plain.subarray(64, 64 + size))), repeated("memory.readString", () => memory.readString(64, size))]],
  ] as [string, string, Case[]][]) {
    table(`${size} bytes ${title}`, measure(cases, times, 9), inNs, base);
  }
}
