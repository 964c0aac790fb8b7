// One load for load.ts, in a process of its own: prints the nanoseconds of each step and what the first call has returned.
// node dist/benchmark/load-once.js WAY FILE [command]. A command is called with `--version`, other modules export `run`.

import { openSync, readFileSync } from "node:fs";
import { V8 } from "./measure.js";

export type Way = "deserializeFile" | "deserialize" | "module" | "compile";
export interface Once {
  /** The file into memory, where the way wants bytes. */
  read: number;
  /** A module of it. */
  load: number;
  /** An instance of that in a new store, and the first call of an export. */
  call: number;
  result: number;
}

const [way, file, kind] = process.argv.slice(2) as [Way, string, string?];
const isCommand = kind === "command";
const args = ["--version"];
const { read, load, call } = way.startsWith("deserialize") ? await ours() : await v8s();
const times = [process.hrtime.bigint()];
const lap = () => times.push(process.hrtime.bigint());
const bytes = read();
lap();
const made = load(bytes);
// Waiting for what is no promise would take a turn of the event loop.
const module = made instanceof Promise ? await made : made;
lap();
const result = call(module);
lap();
const [first, second, third] = times.slice(1).map((time, i) => Number(time - times[i]!));
console.log(JSON.stringify({ read: first!, load: second!, call: third!, result } satisfies Once));

interface Steps {
  read(): Uint8Array | undefined;
  load(bytes?: Uint8Array): unknown;
  call(module: any): number;
}

async function ours(): Promise<Steps> {
  const { Engine, Instance, Module, Store, runSync } = await import("@cwasm/wasmtime");
  const engine = new Engine();
  const mapped = way === "deserializeFile";
  return {
    read: () => (mapped ? undefined : readFileSync(file)),
    load: (bytes) => (mapped ? Module.deserializeFile(engine, file) : Module.deserialize(engine, bytes!)),
    call: (module) =>
      isCommand ? runSync(module, { args, stdout: "capture" }).exitCode : new Instance(new Store(engine), module).exports.run(7),
  };
}

async function v8s(): Promise<Steps> {
  const { WASI } = await import("node:wasi");
  return {
    read: () => readFileSync(file),
    load: (bytes) => (way === "compile" ? V8.compile(bytes) : new V8.Module(bytes)),
    call(module) {
      if (!isCommand) return new V8.Instance(module).exports.run(7);
      const stdout = openSync(process.platform === "win32" ? "NUL" : "/dev/null", "w");
      const wasi = new WASI({ version: "preview1", args: ["esbuild", ...args], stdout });
      return wasi.start(new V8.Instance(module, wasi.getImportObject())) as number;
    },
  };
}
