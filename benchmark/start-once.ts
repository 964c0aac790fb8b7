// For start.ts: esbuild, a WASI command, transforms what comes in on stdin, by cwasm or by Node itself. Prints on stderr how many
// milliseconds that took without the start of Node. node dist/benchmark/start-once.js cwasm|v8|nothing FILE

import { readFileSync } from "node:fs";
import { V8 } from "./measure.js";

const start = performance.now();
const [way, file] = process.argv.slice(2) as [string, string];
const args = ["--loader=ts", "--minify"];
if (way === "cwasm") {
  const { run } = await import("@cwasm/wasmtime");
  await run(file, { precompiled: true, args, stdin: "inherit", stdout: "inherit" });
} else if (way === "v8") {
  const { WASI } = await import("node:wasi");
  const wasi = new WASI({ version: "preview1", args: ["esbuild", ...args] });
  const { instance } = await V8.instantiate(readFileSync(file), wasi.getImportObject());
  wasi.start(instance);
} else {
  process.stdout.write(readFileSync(0));
}
process.stderr.write(String(performance.now() - start));
