// cwasm run

import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { type RunOptions, runSync } from "../index.js";
import type { ProfileName } from "../index.js";
import type { Command } from "./cwasm.js";
import { UsageError, oneFile, readFlags, wholeNumber } from "./flags.js";

const help = `cwasm run [OPTION…] FILE [ARG…]: run a WASI command. All after FILE is the guest's.

  --dir HOST[::GUEST]       let the guest read and write a directory, as GUEST
  --env NAME=VALUE          set an environment variable; NAME alone passes this process's on
  --argv0 NAME              what the guest sees as its own name
  -W KEY=VALUE[,…]          limits: fuel=N, timeout=TIME (100ms, 2s), max-memory-size=BYTES, max-table-elements=N,
                            max-instances=N, max-tables=N, max-memories=N, trap-on-grow-failure=y
  --profile NAME            compile with this profile: default, sandbox, metered, no-signals,
                            small-address-space; the last two also with +epochs, +fuel
  --precompiled             FILE is a .cwasm: native code, so only run what you made yourself
  --allow-precompiled       the same, if it is one
  --verify KEY              FILE is a .cwasm that the owner of this public key has signed (FILE.sig); may be repeated

The exit status is the guest's; 134 if it trapped, 1 if it could not be run.`;

function main(args: string[]): number {
  const options: RunOptions & { dirs: object; env: Record<string, string> } = { dirs: {}, env: {} };
  let precompiled: "yes" | "allowed" | undefined;
  const keys: Uint8Array[] = [];
  const rest = readFlags(args, {
    "--dir": (value: string) => readDir(options, value),
    "--env": (value: string) => readEnv(options, value),
    "--argv0": (value: string) => void (options.argv0 = value),
    "-W": (value: string) => readLimits(options, value),
    "--wasm": (value: string) => readLimits(options, value),
    "--profile": (value: string) => void (options.profile = value as ProfileName),
    "--verify": (value: string) => void keys.push(readFileSync(value)),
    "--precompiled": () => void (precompiled = "yes"),
    "--allow-precompiled": () => void (precompiled ??= "allowed"),
  });
  const file = oneFile(rest);
  if (precompiled === "yes" || (precompiled === "allowed" && isArtifact(file))) options.precompiled = true;
  if (keys.length > 0) options.verify = keys;
  return runSync(file, { ...options, args: rest.slice(1) }).exitCode;
}

function readDir(options: RunOptions, value: string): void {
  const [host, guest = host] = value.split("::") as [string, string | undefined];
  options.dirs![guest] = { host, access: "read-write" };
}

function readEnv(options: { env: Record<string, string> }, value: string): void {
  const at = value.indexOf("=");
  if (at > 0) options.env[value.slice(0, at)] = value.slice(at + 1);
  else if (process.env[value] !== undefined) options.env[value] = process.env[value];
  else throw new UsageError(`--env ${value}: this process has no such variable`);
}

const limits: Record<string, (options: RunOptions, value: string) => void> = {
  fuel: (options, value) => void (options.fuel = wholeNumber("fuel", value)),
  timeout: (options, value) => void (options.timeoutMs = milliseconds(value)),
  "max-memory-size": (options, value) => void (options.memoryBytes = Number(wholeNumber("max-memory-size", value))),
  "max-table-elements": (options, value) => void (options.tableElements = Number(wholeNumber("max-table-elements", value))),
  "max-instances": (options, value) => void (options.instances = Number(wholeNumber("max-instances", value))),
  "max-tables": (options, value) => void (options.tables = Number(wholeNumber("max-tables", value))),
  "max-memories": (options, value) => void (options.memories = Number(wholeNumber("max-memories", value))),
  "trap-on-grow-failure": (options, value) => void (options.trapOnGrowFailure = yes("trap-on-grow-failure", value)),
};

function readLimits(options: RunOptions, list: string): void {
  for (const item of list.split(",")) {
    const [name, value = "y"] = item.split("=") as [string, string | undefined];
    const limit = Object.hasOwn(limits, name) ? limits[name] : undefined;
    if (!limit) throw new UsageError(`-W has no '${name}'; it has ${Object.keys(limits).join(", ")}`);
    limit(options, value);
  }
}

const units: Record<string, number> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3600e3 };
/** Seconds, unless it names another unit. */
function milliseconds(value: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)?$/.exec(value) ?? [];
  const ms = Number(number) * units[unit]!;
  if (ms > 0) return ms;
  throw new UsageError(`timeout must be a time such as 100ms or 2s, got '${value}'`);
}

function yes(name: string, value: string): boolean {
  if (["y", "yes", "true"].includes(value)) return true;
  if (["n", "no", "false"].includes(value)) return false;
  throw new UsageError(`${name} must be y or n, got '${value}'`);
}

/** Whether a file begins as artifacts do; asked only where the caller allows them. */
function isArtifact(file: string): boolean {
  const start = Buffer.alloc(4);
  const opened = openSync(file, "r");
  try {
    readSync(opened, start, 0, 4, 0);
  } finally {
    closeSync(opened);
  }
  return start.toString("latin1") === "\x7fELF";
}

export const run: Command = { help, main };
