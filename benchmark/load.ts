// Loading esbuild.wasm (14 MB): V8's first compilation of it in a process beside an artifact from file. Each figure is of a
// process of its own.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { inMs, root, table } from "./measure.js";

const wasm = join(root, "target/quickstart/node_modules/@esbuild/wasi-preview1/esbuild.wasm");
const cwasm = join(root, "target/quickstart/esbuild.cwasm");
if (!existsSync(cwasm)) throw new Error("run `npm run quickstart` first: it fetches and compiles the guest");

const scripts: Record<string, string> = {
  "V8: new WebAssembly.Module(bytes)": `
    const bytes = fs.readFileSync(${JSON.stringify(wasm)});
    time(() => new WebAssembly.Module(bytes));`,
  "cwasm: Module.deserializeFile(engine, path)": `
    const { Engine, Module } = await import("@cwasm/wasmtime");
    const engine = new Engine();
    time(() => Module.deserializeFile(engine, ${JSON.stringify(cwasm)}));`,
  "cwasm: Module.deserialize(engine, bytes)": `
    const { Engine, Module } = await import("@cwasm/wasmtime");
    const engine = new Engine();
    const bytes = fs.readFileSync(${JSON.stringify(cwasm)});
    time(() => Module.deserialize(engine, bytes));`,
};
const head = `import fs from "node:fs";
function time(f) { const start = process.hrtime.bigint(); f(); console.log(String(process.hrtime.bigint() - start)); }`;

const figures = new Map<string, number>();
for (let round = 0; round < 7; round++) {
  for (const [name, script] of Object.entries(scripts)) {
    const args = ["--input-type=module", "--eval", head + script];
    const ns = Number(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }));
    figures.set(name, Math.min(ns, figures.get(name) ?? Infinity));
  }
}
table("Loading esbuild", figures, inMs, Object.keys(scripts)[0]!);
