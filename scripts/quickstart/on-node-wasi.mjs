// The same guest, compiled and run by Node itself.
import { openSync, readFileSync } from "node:fs";
const start = performance.now();
const { WASI } = await import("node:wasi");
const wasi = new WASI({
  version: "preview1",
  args: ["esbuild", "--bundle", "main.ts"],
  preopens: { "/": "project" },
  stdout: openSync("bundle.js", "w"), // node:wasi writes to files only
});
const { instance } = await WebAssembly.instantiate(readFileSync("esbuild.wasm"), wasi.getImportObject());
const exitCode = wasi.start(instance);
const bundle = readFileSync("bundle.js", "utf8");
const ms = performance.now() - start;
console.log(JSON.stringify({ ms, exitCode, bundle }));
