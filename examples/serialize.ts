// Compile in one place, load in another that has no compiler.
// prints: 42

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine, Instance, Module, Store } from "@cwasm/wasmtime";

const folder = mkdtempSync(join(tmpdir(), "cwasm-"));
const file = join(folder, "answer.cwasm");
try {
  // In CI, with @cwasm/wasmtime. `cwasm compile` does the same.
  const artifact = await new Engine().precompile(`(module (func (export "answer") (result i32) (i32.const 42)))`);
  writeFileSync(file, artifact);

  // At the edge, with @cwasm/wasmtime-min: an engine of the same profile. An artifact is native code, so load only your own.
  const engine = new Engine();
  const module = Module.deserializeFile(engine, file);
  console.log(new Instance(new Store(engine), module).exports.answer());
} finally {
  rmSync(folder, { recursive: true });
}
