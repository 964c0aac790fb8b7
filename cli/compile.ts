// cwasm compile

import { readFileSync, statSync } from "node:fs";
import { basename, extname } from "node:path";
import { Engine, type PrecompileOptions, type ProfileName } from "../index.js";
import { compileAll } from "./compile-all.js";
import type { Command } from "./cwasm.js";
import { UsageError, readFlags } from "./flags.js";
import { replaceAll } from "./replace.js";
import { signed } from "./sign.js";

const help = `cwasm compile [OPTION…] FILE…: compile FILE (.wasm, or .wat) ahead of time.

  -o, --output OUT          where to write; by default FILE's name with .cwasm, here. A folder (OUT/, or one that is there) for several
                            files, patterns ('dist/**/*.wasm') or targets: each artifact goes to OUT/NAME.TARGET.cwasm, and
                            OUT/cwasm.json says which is which (loadFrom reads it)
  --target TRIPLE           what it is for, such as aarch64-unknown-linux-gnu, or pulley64 for any machine; may be given several
                            times. By default this machine
  --profile NAME            default (fastest), sandbox (with epochs), metered (with fuel and epochs), no-signals,
                            small-address-space, deterministic, debug, embedded; all but the first three also with +epochs, +fuel
  --cpu NAME                the CPU it needs: baseline, x86-64-v2 (default on x64), x86-64-v3, native, or features (avx2,bmi1)
  --native                  the same as --cpu native: this machine's CPU
  --strip LEVEL             leave out names of functions (names), or also offsets of traps and custom sections (all)
  --sign KEY                sign the result with this private key: OUT.sig

The result loads where version, profile, architecture and operating system are the same.`;

/** What the flags ask for. */
export interface Wishes {
  profile: ProfileName;
  targets: string[];
  options: PrecompileOptions;
  /** The file of the private key. */
  key?: string;
}

async function main(args: string[]): Promise<number> {
  let output: string | undefined;
  const wishes: Wishes = { profile: "default", targets: [], options: {} };
  const { options } = wishes;
  const out = (value: string) => void (output = value);
  const flags = {
    "-o": out,
    "--output": out,
    "--target": (value: string) => void wishes.targets.push(value),
    "--profile": (value: string) => void (wishes.profile = value as ProfileName),
    "--cpu": (value: string) => void (options.cpu = cpu(value)),
    "--strip": (value: string) => void (options.strip = value as NonNullable<PrecompileOptions["strip"]>),
    "--sign": (value: string) => void (wishes.key = value),
    "--native": () => void (options.cpu = "native"),
  };
  // Flags may also come between and after the files, as there is no guest here.
  const patterns: string[] = [];
  for (let rest = readFlags(args, flags); rest.length > 0; rest = readFlags(rest, flags)) patterns.push(rest.shift()!);
  if (patterns.length === 0) throw new UsageError("a FILE is missing");
  const several = patterns.length > 1 || wishes.targets.length > 1 || /[*?{]/.test(patterns[0]!) || isFolder(output);
  if (several) {
    if (output === undefined) throw new UsageError("several files or targets need a folder to write to: -o OUT/");
    return compileAll(patterns, output, wishes);
  }
  const file = patterns[0]!;
  const [target] = wishes.targets;
  const artifact = await new Engine({ profile: wishes.profile }).precompile(source(file), { ...options, ...(target !== undefined && { target }) });
  output ??= `${basename(file, extname(file))}.cwasm`;
  const files: [string, Uint8Array | string][] = [[output, artifact]];
  if (wishes.key !== undefined) files.push([`${output}.sig`, signed(artifact, readFileSync(wishes.key))]);
  replaceAll(files);
  return 0;
}

function isFolder(path: string | undefined): boolean {
  return path !== undefined && (/[\\/]$/.test(path) || (statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false));
}

function cpu(value: string): NonNullable<PrecompileOptions["cpu"]> {
  const named = ["baseline", "x86-64-v2", "x86-64-v3", "native"];
  return named.includes(value) ? (value as "native") : value.split(",");
}

/** Binary wasm begins with a NUL, which text does not have; an artifact is refused by the compiler. */
export function source(file: string): Uint8Array | string {
  const bytes = readFileSync(file);
  const binary = bytes.length === 0 || bytes[0] === 0 || bytes[0] === 0x7f;
  return binary ? bytes : bytes.toString("utf8");
}

export const compile: Command = { help, main };
