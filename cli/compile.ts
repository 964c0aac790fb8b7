// cwasm compile

import { randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { Engine, type PrecompileOptions, type ProfileName } from "../index.js";
import type { Command } from "./cwasm.js";
import { UsageError, oneFile, readFlags } from "./flags.js";
import { signFile } from "./sign.js";

const help = `cwasm compile [OPTION…] FILE: compile FILE (.wasm, or .wat) ahead of time.

  -o, --output OUT          where to write; by default FILE's name with .cwasm, here
  --profile NAME            default (fastest), sandbox (with epochs), metered (with fuel and epochs), no-signals,
                            small-address-space; the last two also with +epochs, +fuel
  --cpu NAME                the CPU it needs: baseline, x86-64-v2 (default on x64), x86-64-v3, native
  --native                  the same as --cpu native: this machine's CPU
  --sign KEY                sign the result with this private key: OUT.sig

The result loads where version, profile, architecture and operating system are the same.`;

async function main(args: string[]): Promise<number> {
  let output: string | undefined;
  let profile: ProfileName = "default";
  let key: string | undefined;
  const options: PrecompileOptions = {};
  const out = (value: string) => void (output = value);
  const rest = readFlags(args, {
    "-o": out,
    "--output": out,
    "--profile": (value: string) => void (profile = value as ProfileName),
    "--cpu": (value: string) => void (options.cpu = value as NonNullable<PrecompileOptions["cpu"]>),
    "--sign": (value: string) => void (key = value),
    "--native": () => void (options.cpu = "native"),
  });
  const file = oneFile(rest);
  // Flags may also come after the file, as there is no guest here.
  const after = readFlags(rest.slice(1), { "-o": out, "--output": out });
  if (after.length > 0) throw new UsageError(`one FILE at a time; what is '${after[0]}'?`);
  const wasm = source(file);
  const artifact = await new Engine({ profile }).precompile(wasm, options);
  output ??= `${basename(file, extname(file))}.cwasm`;
  if (key !== undefined) signFile(output, artifact, key, Buffer.from(wasm));
  replace(output, artifact);
  return 0;
}

/** Binary wasm begins with a NUL, which text does not have; an artifact is refused by the compiler. */
function source(file: string): Uint8Array | string {
  const bytes = readFileSync(file);
  const binary = bytes.length === 0 || bytes[0] === 0 || bytes[0] === 0x7f;
  return binary ? bytes : bytes.toString("utf8");
}

/** By rename: somebody may have the old file mapped. */
function replace(path: string, bytes: Uint8Array): void {
  const made = `${path}.${randomUUID()}.part`;
  try {
    writeFileSync(made, bytes);
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { force: true });
    throw error;
  }
}

export const compile: Command = { help, main };
