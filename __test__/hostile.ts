// Guests that mean harm, the limits that hold them, and the ways in which they are run: the table behind hostile.spec.ts and
// docs/limits.md (benchmark/limits.ts).

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { FeatureUnavailableError, Instance, Linker, Module, type ProfileName, Store, type StoreLimits, callMany, features, run, runSync } from "../index.js";
import { artifact, engineOf, root } from "./artifacts.js";

export interface Attack {
  name: string;
  /** Declarations, and the body of a function without parameters and results. */
  wat: string;
  body: string;
  /** What holds it. */
  limits: Limit[];
  /** Where it is started; everywhere unless said. */
  entries?: Entry[];
}
export interface Limit {
  name: string;
  profile: ProfileName;
  options: { timeoutMs?: number; fuel?: bigint; limits?: StoreLimits };
  /** Of `cwasm run`. */
  flags: string[];
  /** How the guest ends: the class and the trap's code. */
  end: string;
}
export type Entry = (typeof entries)[number];
export const entries = ["export", "host function", "start function", "callMany", "InstancePre", "run", "runSync", "cwasm run"] as const;

export const timeoutMs = 50;
const deadline: Limit = {
  name: `\`timeoutMs: ${timeoutMs}\``,
  profile: "default",
  options: { timeoutMs },
  flags: ["-W", `timeout=${timeoutMs}ms`],
  end: "DeadlineError interrupt",
};
const epochs: Limit = {
  ...deadline,
  name: `\`timeoutMs: ${timeoutMs}\`, profile \`sandbox\``,
  profile: "sandbox",
};
const fuel: Limit = {
  name: "`fuel: 1000000n`",
  profile: "metered",
  options: { fuel: 1_000_000n },
  flags: ["-W", "fuel=1000000"],
  end: "OutOfFuelError outOfFuel",
};
const memory = (end: string, limits: StoreLimits = {}): Limit => ({
  name: `\`memoryBytes: 16777216\`${Object.keys(limits).length > 0 ? ", `trapOnGrowFailure: true`" : ""}`,
  profile: "default",
  options: { limits: { memoryBytes: 16 << 20, ...limits } },
  flags: ["-W", `max-memory-size=${16 << 20}${Object.keys(limits).length > 0 ? ",trap-on-grow-failure" : ""}`],
  end,
});
const trapping = { trapOnGrowFailure: true };
const stack: Limit = { name: "the stack (`maxWasmStack`)", profile: "default", options: {}, flags: [], end: "Trap stackOverflow" };

const brakes = [deadline, epochs, fuel];
const wasi = (name: string) =>
  `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param i32 i32 i32 i32) (result i32))) (data (i32.const 16) "\\01")`;
const commands: Entry[] = ["export", "host function", "run", "runSync", "cwasm run"];
export const attacks: Attack[] = [
  { name: "loops for ever", wat: "", body: "(loop $l (br $l))", limits: brakes },
  { name: "calls itself in the tail for ever", wat: "", body: "(return_call $attack)", limits: brakes },
  {
    name: "calls through a table for ever",
    wat: "(type $v (func)) (table $t 1 funcref) (elem (table $t) (i32.const 0) func $leaf) (func $leaf)",
    body: "(loop $l (call_indirect $t (type $v) (i32.const 0)) (br $l))",
    limits: brakes,
  },
  {
    name: "calls its host for ever",
    wat: "",
    body: "(loop $l (call $f) (br $l))",
    limits: brakes,
    entries: ["export", "host function", "start function", "callMany", "InstancePre"],
  },
  {
    name: "fills 16 MB, again and again",
    wat: "",
    body: `(drop (memory.grow (i32.const 255)))
      (loop $l (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x1000000)) (br $l))`,
    limits: brakes,
  },
  {
    name: "grows its memory, and tries again for ever",
    wat: "",
    body: "(loop $l (drop (memory.grow (i32.const 1))) (br $l))",
    limits: [deadline, epochs, fuel, memory("MemoryLimitError memoryLimit", trapping)],
  },
  {
    name: "grows its memory until it is refused",
    wat: "",
    body: "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)",
    limits: [memory("Trap unreachableCodeReached")],
  },
  {
    name: "grows a table",
    wat: "(table $t 1 funcref)",
    body: "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) (unreachable)",
    limits: [{ ...memory("Trap unreachableCodeReached"), name: "a table's 10,000,000 elements (the default)" }],
  },
  { name: "calls itself", wat: "", body: "(call $attack)", limits: [stack] },
  {
    name: "calls itself through its host",
    wat: "",
    body: "(call $again)",
    limits: [{ ...stack, end: "RangeError or Trap stackOverflow" }],
    entries: ["export", "host function", "callMany"],
  },
  {
    name: "sleeps for an hour",
    wat: wasi("poll_oneoff"),
    body: `(i64.store (i32.const 24) (i64.const 3600000000000))
      (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))`,
    limits: [deadline],
    entries: commands,
  },
  {
    name: "prints for ever",
    wat: wasi("fd_write"),
    body: `(i32.store (i32.const 4) (i32.const 4096))
      (loop $l (br_if $l (i32.eqz (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))) (unreachable)`,
    limits: [{ ...stack, name: "`stdout: 'capture'`, `maxOutputBytes: 65536`", end: "Trap unreachableCodeReached" }],
    entries: ["export", "host function", "run", "runSync"],
  },
];
if (features.has("gc")) {
  attacks.push({
    name: "keeps objects of its heap",
    wat: "(type $a (array i32)) (table $kept 10000 anyref) (global $n (mut i32) (i32.const 0))",
    body: `(loop $l (table.set $kept (global.get $n) (array.new $a (i32.const 0) (i32.const 10000)))
      (global.set $n (i32.add (global.get $n) (i32.const 1))) (br $l))`,
    limits: [memory("MemoryLimitError memoryLimit")],
  });
}

/** The attack as a module, to be started in this way. */
function text({ wat, body }: Attack, entry: Entry): string {
  const imports = wat.match(/^\(import .*?\)\)\)/)?.[0] ?? "";
  // A command has no host but WASI.
  const command = /run/.test(entry);
  const host = command ? "" : `(import "env" "f" (func $f)) (import "env" "again" (func $again))`;
  return `(module ${imports} ${host} (memory (export "memory") 1) ${wat.slice(imports.length)}
    (func $attack (export "attack") ${body})
    ${command ? `(export "_start" (func $attack))` : ""} ${/start|Pre/.test(entry) ? "(start $attack)" : ""}
    (func (export "row") (param i32) (result i32) (call $attack) (local.get 0))
    ${command ? "" : `(func (export "host") (call $f))`}
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
}

export const needsWasi = ({ wat }: Attack, entry: Entry) => /run/.test(entry) || wat.includes("wasi_snapshot_preview1");

export interface Outcome {
  /** The error's class and its trap's code. */
  end: string;
  /** Milliseconds from the start. */
  took: number;
  /** Whether what is left of it works: the store, or where nothing is another guest. */
  after: boolean;
}

/** Runs it, and says how it ended. */
export async function strike(attack: Attack, limit: Limit, entry: Entry): Promise<Outcome> {
  const engine = engineOf(limit.profile);
  const file = artifact(text(attack, entry), limit.profile);
  const module = Module.deserializeFile(engine, file);
  const { limits, ...rest } = limit.options;
  const quiet = { stdin: "ignore", stdout: "capture", maxOutputBytes: 65536 } as const;
  const wasi = features.has("wasi");
  const store = new Store(engine, { ...limit.options, wasi: wasi ? quiet : undefined });
  let exports: any;
  const imports = { f: () => exports && !attack.body.includes("$f") && exports.attack(), again: () => exports.attack() };
  const linker = new Linker(engine);
  if (wasi || needsWasi(attack, entry)) linker.defineWasi();
  for (const [name, f] of Object.entries(imports)) linker.defineFunc("env", name, { parameters: [], results: [] }, f);
  if (!/run|start|Pre/.test(entry)) exports = linker.instantiate(store, module).exports;
  const ways: Record<Entry, () => unknown> = {
    export: () => exports.attack(),
    "host function": () => exports.host() ?? exports.attack(),
    "start function": () => linker.instantiate(store, module),
    InstancePre: () => linker.instantiatePre(module).instantiate(store),
    callMany: () => callMany(exports.row, new Int32Array(2), new Int32Array(2)),
    run: () => run(module, { ...quiet, ...limits, ...rest }),
    runSync: () => runSync(module, { ...quiet, ...limits, ...rest }),
    "cwasm run": () => command([...limit.flags, "--precompiled", file]),
  };
  const start = performance.now();
  let end;
  try {
    end = String(await ways[entry]());
  } catch (error) {
    if (error instanceof FeatureUnavailableError) throw error;
    const { trapCode } = error as { trapCode?: string };
    end = `${(error as Error).constructor.name}${trapCode === undefined ? "" : ` ${trapCode}`}`;
  }
  const took = performance.now() - start;
  if (limit.options.fuel !== undefined && exports) store.fuel = 1000n;
  return { end, took, after: works(exports, limit.profile) };
}

/** Runs the command, and says what it says first, and its status. */
function command(args: string[]): string {
  const cli = join(root, "dist", "cli", "cwasm.js");
  const { status, signal, stderr } = spawnSync(process.execPath, [cli, "run", ...args], { encoding: "utf8" });
  if (stderr.startsWith("cwasm: FeatureUnavailableError")) return stderr;
  return `${/^cwasm: (\w+)/.exec(stderr)?.[1]}, status ${signal ?? status}`;
}
/** How a guest ends that is started in this way. */
export function expected({ end }: Limit, entry: Entry): string {
  const [name] = end.split(" ");
  return entry === "cwasm run" ? `${name}, status ${name === "WasmtimeError" ? 1 : 134}` : end;
}

function works(exports: any, profile: ProfileName): boolean {
  if (exports) return exports.add(1, 2) === 3;
  const wat = `(module (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))`;
  const engine = engineOf(profile);
  return new Instance(new Store(engine), Module.deserializeFile(engine, artifact(wat, profile))).exports.add(1, 2) === 3;
}
