// What a request costs: a store with limits and a deadline, an instance, a call and its end, of the guest of examples/serve. V8 has none of
// the limits. With a body, it is written into the memory and the answer is read. Collecting the garbage of all that counts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Engine, Linker, Module, Store } from "@cwasm/wasmtime";
import { V8, inUs, measure, root, table } from "./measure.js";
import { wasm } from "./wasm.js";

const bytes = wasm(readFileSync(join(root, "examples/serve/escape.wat"), "utf8"));
const body = Buffer.from(`<p class="note">${"Fish & chips, ".repeat(16)}</p>`);
const memoryBytes = 16 << 20;
const limits = { timeoutMs: 50, limits: { memoryBytes, trapOnGrowFailure: true } };
const pool = { totalCoreInstances: 1, totalMemories: 2, totalTables: 1, maxMemorySize: memoryBytes, linearMemoryKeepResident: 1 << 16 };

function ours(pooling: boolean) {
  const engine = new Engine({ profile: "sandbox", pooling: pooling && pool });
  return { engine, pre: new Linker(engine).instantiatePre(Module.deserialize(engine, engine.precompileSync(bytes))) };
}
const pooled = ours(true);
const plain = ours(false);
const v8 = new V8.Module(bytes);

type Request = () => unknown;
const called =
  ({ engine, pre }: ReturnType<typeof ours>, options: object): Request =>
  () => {
    const store = new Store(engine, options);
    const { handle } = pre.instantiate(store).exports;
    const [, length] = handle(0, 24);
    store.dispose();
    return length;
  };
const answered =
  ({ engine, pre }: ReturnType<typeof ours>): Request =>
  () => {
    const store = new Store(engine, limits);
    const { memory, alloc, handle } = pre.instantiate(store).exports;
    const at = alloc(body.length);
    memory.write(at, body);
    const [from, length] = handle(at, body.length);
    const answer = memory.read(from, length);
    store.dispose();
    return answer.length;
  };
const requests: Record<string, Request> = {
  "V8: instance, call": () => new V8.Instance(v8).exports.handle(0, 24)[1],
  "cwasm: store, instance, call, dispose; pooling": called(pooled, {}),
  "the same with limits and a deadline": called(pooled, limits),
  "the same on demand": called(plain, limits),
};
const withBody: Record<string, Request> = {
  "V8: instance, body, answer": () => {
    const { memory, alloc, handle } = new V8.Instance(v8).exports;
    const at = alloc(body.length);
    new Uint8Array(memory.buffer).set(body, at);
    const [from, length] = handle(at, body.length);
    return Buffer.from(new Uint8Array(memory.buffer, from, length)).length;
  },
  "cwasm: with limits and a deadline; pooling": answered(pooled),
  "the same on demand": answered(plain),
};

for (const [title, all] of Object.entries({ "A request": requests, [`A request with a body of ${body.length} bytes`]: withBody })) {
  const results = new Set(Object.values(all).map((request) => request()));
  if (results.size !== 1) throw new Error(`they differ: ${[...results].join(", ")}`);
  const cases = Object.entries(all).map(([name, request]) => ({ name, run: (n: number) => { for (let i = 0; i < n; i++) request(); } }));
  table(title, measure(cases, 2000), inUs, cases[0]!.name);
}
