// What runs at the edge, with `npm install @cwasm/wasmtime-min` there: it has no compiler, and loads only what CI has signed.
// With the full package the same file runs on a developer's machine.

import { readFile } from "node:fs/promises";
import { DeadlineError, Engine, Instance, SignatureError, Store, loadFrom } from "@cwasm/wasmtime-min";

const engine = new Engine({ profile: "sandbox" });
const verify = await readFile(new URL("ci.pub", import.meta.url));
const manifest = new URL("artifacts/cwasm.json", import.meta.url);

let module;
try {
  module = loadFrom(engine, manifest, "score.wat", { verify });
} catch (error) {
  if (!(error instanceof SignatureError)) throw error;
  console.error(`not started: ${error.message}`);
  process.exit(1);
}

/** One request: a store of its own, which has a deadline and little memory. */
function handle(n) {
  const store = new Store(engine, { timeoutMs: 50, limits: { memoryBytes: 1 << 20 } });
  try {
    return new Instance(store, module).exports.score(n);
  } catch (error) {
    if (error instanceof DeadlineError) return "too slow";
    throw error;
  } finally {
    store.dispose();
  }
}

console.log(`score(27) = ${handle(27)}`);
console.log(`score(1) = ${handle(1)}`);
