// cwasm compile

import { readFileSync, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { type Config, Engine, type PrecompileOptions, type ProfileName } from "../index.js";
import { compileAll } from "./compile-all.js";
import { type Command, type Flag, UsageError, files } from "./flags.js";
import { source } from "./load.js";
import { replaceAll } from "./replace.js";
import { signed } from "./sign.js";

/** What the flags ask for. */
export interface Wishes {
  config: Config;
  targets: string[];
  options: PrecompileOptions;
  /** The file of the private key. */
  key?: string;
  output?: string;
}

const flags: Flag<Wishes>[] = [
  {
    names: "-o, --output",
    value: "OUT",
    help: "where to write; by default FILE's name with .cwasm, here. A folder (OUT/, or one that is there) for several files, patterns ('dist/**/*.wasm') or targets: each artifact goes to OUT/NAME.TARGET.cwasm, and OUT/cwasm.json says which is which (loadFrom reads it)",
    read: (wishes, value) => void (wishes.output = value),
  },
  {
    names: "--target",
    value: "TRIPLE",
    help: "what it is for, such as aarch64-unknown-linux-gnu, or pulley64 for any machine; may be given several times. By default this machine",
    read: ({ targets }, value) => void targets.push(value),
  },
  {
    names: "--profile",
    value: "NAME",
    help: "default (fastest), sandbox (with epochs), metered (with fuel and epochs), no-signals, small-address-space, deterministic, debug, embedded, embedded-signals; all but the first three also with +epochs, +fuel",
    read: (wishes, value) => void (wishes.config.profile = value as ProfileName),
  },
  {
    names: "--cpu",
    value: "NAME",
    help: "the CPU it needs: baseline, x86-64-v2 (default on x64), x86-64-v3, native, or features (avx2,bmi1)",
    read: ({ options }, value) => void (options.cpu = cpu(value)),
  },
  { names: "--native", help: "the same as --cpu native: this machine's CPU", read: ({ options }) => void (options.cpu = "native") },
  {
    names: "--strip",
    value: "LEVEL",
    help: "leave out names of functions (names), or also offsets of traps and custom sections (all)",
    read: ({ options }, value) => void (options.strip = value as NonNullable<PrecompileOptions["strip"]>),
  },
  {
    names: "--features",
    value: "LIST",
    help: "what the build that loads it has, such as gc,wasi, or none: without gc or threads it loads only what was compiled without them",
    read: ({ options }, value) => void (options.features = value === "none" ? [] : (value.split(",") as NonNullable<PrecompileOptions["features"]>)),
  },
  {
    names: "--no-checks",
    help: "leave out the checks by which guests are stopped: then they can have no timeout",
    read: ({ config }) => void (config.compiler = { interruptible: false }),
  },
  { names: "--sign", value: "KEY", help: "sign the result with this private key: OUT.sig", read: (wishes, value) => void (wishes.key = value) },
];

async function main(wishes: Wishes, words: string[]): Promise<number> {
  const { options } = wishes;
  let { output } = wishes;
  const patterns = [...files(words)];
  const several = patterns.length > 1 || wishes.targets.length > 1 || /[*?{]/.test(patterns[0]!) || isFolder(output);
  if (several) {
    if (output === undefined) throw new UsageError("several files or targets need a folder to write to: -o OUT/");
    return compileAll(patterns, output, wishes);
  }
  const file = patterns[0]!;
  const [target] = wishes.targets;
  const artifact = await new Engine(wishes.config).precompile(source(readFileSync(file)), { ...options, ...(target !== undefined && { target }) });
  output ??= `${basename(file, extname(file))}.cwasm`;
  const written: [string, Uint8Array | string][] = [[output, artifact]];
  if (wishes.key !== undefined) written.push([`${output}.sig`, signed(artifact, readFileSync(wishes.key))]);
  replaceAll(written);
  return 0;
}

function isFolder(path: string | undefined): boolean {
  return path !== undefined && (/[\\/]$/.test(path) || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false));
}

function cpu(value: string): NonNullable<PrecompileOptions["cpu"]> {
  const named = ["baseline", "x86-64-v2", "x86-64-v3", "native"];
  return named.includes(value) ? (value as "native") : value.split(",");
}

export const compile: Command<Wishes> = {
  name: "compile",
  usage: "[OPTION…] FILE…",
  about: "compile FILE (.wasm, or .wat) ahead of time",
  flags,
  details: "The result loads where version, profile, architecture and operating system are the same.",
  begin: () => ({ config: {}, targets: [], options: {} }),
  main,
};
