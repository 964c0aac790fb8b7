// The flags of `cwasm run`: those of `wasmtime run`, with its meaning, and a few of our own.

import { readFileSync } from "node:fs";
import type { Config, ProfileName, StoreLimits } from "../index.js";
import * as elsewhere from "./elsewhere.js";
import { type Flag, type Setting, UsageError } from "./flags.js";
import type { Loading } from "./load.js";
import { choice, count, milliseconds, wholeNumber, yes } from "./settings.js";
import { shown } from "./text.js";

/** What the flags of a run ask for. */
export interface Wishes {
  loading: Loading & { config: Config; verify?: Uint8Array[] };
  limits: StoreLimits;
  /** Host directories by the path that the guest sees. */
  dirs: Map<string, string>;
  env: Map<string, string>;
  inheritEnv: boolean;
  /** Streams that are not this process's. */
  ignored: Set<"stdin" | "stdout" | "stderr">;
  argv0?: string;
  invoke?: string;
  preloads: [name: string, file: string][];
  unknownImportsTrap: boolean;
}
export const noWishes = (): Wishes => ({
  loading: { config: {} },
  limits: {},
  dirs: new Map(),
  env: new Map(),
  inheritEnv: false,
  ignored: new Set(),
  preloads: [],
  unknownImportsTrap: false,
});

type Limit = Exclude<keyof StoreLimits, "trapOnGrowFailure">;
const limit = (key: string, name: Limit, help: string): Setting<Wishes> => ({
  key,
  value: "=N",
  help,
  read: ({ limits }, value) => void (limits[name] = count(key, value)),
});
const wasm: Setting<Wishes>[] = [
  { key: "fuel", value: "=N", help: "trap after so much fuel; an instruction costs about one", read: ({ loading }, value) => void (loading.fuel = wholeNumber("fuel", value)) },
  { key: "timeout", value: "=TIME", help: "end the guest after this time (100ms, 2s), also while it waits", read: ({ loading }, value) => void (loading.timeoutMs = milliseconds("timeout", value)) },
  limit("max-memory-size", "memoryBytes", "bytes that its memories may have"),
  limit("max-table-elements", "tableElements", "elements that its tables may have"),
  limit("max-instances", "instances", "instances there may be"),
  limit("max-tables", "tables", "tables there may be"),
  limit("max-memories", "memories", "memories there may be"),
  { key: "trap-on-grow-failure", value: "[=y|n]", help: "trap where memory.grow or table.grow would return -1", read: ({ limits }, value) => void (limits.trapOnGrowFailure = yes("trap-on-grow-failure", value)) },
  { key: "max-wasm-stack", value: "=BYTES", help: "stack that it may use", read: ({ loading }, value) => void (loading.config.maxWasmStack = count("max-wasm-stack", value)) },
  { key: "nan-canonicalization", value: "[=y|n]", help: "compile so that every NaN made has the same bits", read: ({ loading }, value) => compiler(loading, { nanCanonicalization: yes("nan-canonicalization", value) }) },
  { key: "unknown-imports-trap", value: "[=y|n]", help: "functions that FILE imports and nothing defines trap when they are called", read: (wishes, value) => void (wishes.unknownImportsTrap = yes("unknown-imports-trap", value)) },
];
const optimize: Setting<Wishes>[] = [
  {
    key: "opt-level",
    value: "=0|1|2|s",
    help: "how well to compile; 0 compiles fast",
    read: ({ loading }, value) => compiler(loading, { optLevel: choice("opt-level", value, { 0: "none", 1: "speed", 2: "speed", s: "speed-and-size" }) }),
  },
];
const codegen: Setting<Wishes>[] = [
  { key: "cache", value: "[=y|n]", help: "keep what was compiled on disk and find it again; off unless asked for", read: ({ loading }, value) => void (loading.config.cache = yes("cache", value)) },
  { key: "parallel-compilation", value: "[=y|n]", help: "compile on several threads; on unless told otherwise", read: ({ loading }, value) => compiler(loading, { parallel: yes("parallel-compilation", value) }) },
];
function compiler({ config }: Wishes["loading"], more: NonNullable<Config["compiler"]>): void {
  config.compiler = { ...config.compiler, ...more };
}

const stream = (name: "stdin" | "stdout" | "stderr"): Setting<Wishes> => ({
  key: `inherit-${name}`,
  value: "[=y|n]",
  help: name === "stdin" ? "with n the guest reads nothing" : `with n what it writes to ${name} is dropped`,
  read: ({ ignored }, value) => void (yes(`inherit-${name}`, value) ? ignored.delete(name) : ignored.add(name)),
});
const wasi: Setting<Wishes>[] = [
  {
    key: "cli",
    value: "[=y]",
    help: "WASI itself, which is always there",
    read(_, value) {
      if (!yes("cli", value)) throw new UsageError("cli must be y: a guest sees nothing that is not granted");
    },
  },
  { key: "inherit-env", value: "[=y|n]", help: "pass all variables of this process on; --env comes on top", read: (wishes, value) => void (wishes.inheritEnv = yes("inherit-env", value)) },
  stream("stdin"),
  stream("stdout"),
  stream("stderr"),
];

const list = "KEY[=VALUE][,…]";
export const flags: Flag<Wishes>[] = [
  { names: "--dir", value: "HOST[::GUEST]", help: "let the guest read and write a directory, as GUEST", read: readDir },
  { names: "--env", value: "NAME[=VALUE]", help: "set an environment variable; NAME alone passes this process's on, if it has one", read: readEnv },
  { names: "--argv0", value: "NAME", help: "what the guest sees as its own name", read: (wishes, value) => void (wishes.argv0 = value) },
  {
    names: "--invoke",
    value: "NAME",
    help: "call this function that FILE exports instead of _start; each ARG is one of its parameters, as 12, -0x1f, 1.5e3, inf or nan, and its results are printed, one per line. A reactor is initialized first",
    read: (wishes, value) => void (wishes.invoke = value),
  },
  { names: "--preload", value: "NAME=FILE", help: "instantiate another module first, whose exports FILE imports as NAME; may be repeated", read: readPreload },
  { names: "-W, --wasm", value: list, help: "limits, and how wasm behaves:", settings: wasm, elsewhere: elsewhere.wasm },
  { names: "-S, --wasi", value: list, help: "what WASI grants:", settings: wasi, elsewhere: elsewhere.wasi },
  { names: "-O, --optimize", value: list, help: "what is compiled:", settings: optimize, elsewhere: elsewhere.optimize },
  { names: "-C, --codegen", value: list, help: "how it is compiled:", settings: codegen, elsewhere: elsewhere.codegen },
  {
    names: "--profile",
    value: "NAME",
    help: "compile with this profile: default, sandbox, metered, no-signals, small-address-space, deterministic, debug, embedded, embedded-signals; all but the first three also with +epochs, +fuel",
    read: readProfile,
  },
  { names: "--precompiled", help: "FILE is a .cwasm: native code, so only run what you made yourself", read: ({ loading }) => void (loading.precompiled = "yes") },
  { names: "--allow-precompiled", help: "the same, if it is one", read: ({ loading }) => void (loading.precompiled ??= "allowed") },
  {
    names: "--verify",
    value: "KEY",
    help: "FILE is a .cwasm that the owner of this public key has signed (FILE.sig); may be repeated",
    read: ({ loading }, value) => void (loading.verify ??= []).push(readFileSync(value)),
  },
];

function readDir({ dirs }: Wishes, value: string): void {
  const [host, guest = host] = value.split("::") as [string, string | undefined];
  dirs.set(guest, host);
}

function readEnv({ env }: Wishes, value: string): void {
  const at = value.indexOf("=");
  const name = at < 0 ? value : value.slice(0, at);
  if (name === "") throw new UsageError(`--env ${shown(value)}: a NAME is missing`);
  const text = at < 0 ? process.env[name] : value.slice(at + 1);
  if (text !== undefined) env.set(name, text);
}

function readPreload({ preloads }: Wishes, value: string): void {
  const at = value.indexOf("=");
  if (at < 0) throw new UsageError(`--preload must be NAME=FILE, got '${shown(value)}'`);
  preloads.push([value.slice(0, at), value.slice(at + 1)]);
}

function readProfile({ loading }: Wishes, value: string): void {
  if (/^(perfmap|jitdump|vtune|pulley|guest)(,|$)/.test(value)) {
    throw new UsageError(`wasmtime has --profile ${shown(value)}, cwasm has not`, "--profile says what to compile with here, as cwasm run --help has it");
  }
  loading.profile = value as ProfileName;
}
