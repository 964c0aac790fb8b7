// cwasm sign and cwasm verify

import { readFileSync, writeFileSync } from "node:fs";
import { sign as signArtifact } from "../index.js";
import { check, trusted } from "../lib/signature.js";
import { beside } from "../lib/verified.js";
import type { Command } from "./cwasm.js";
import { UsageError, oneFile, readFlags } from "./flags.js";

const signHelp = `cwasm sign --key NAME.key FILE: sign an artifact. Writes FILE.sig.

  --key FILE                the private key, which \`cwasm keygen\` made`;

function signMain(args: string[]): number {
  let key: string | undefined;
  const rest = readFlags(args, { "--key": (value: string) => void (key = value) });
  if (key === undefined) throw new UsageError("--key NAME.key is missing");
  const file = oneFile(rest);
  signFile(file, readFileSync(file), key);
  return 0;
}

/** Signs what is in a file, with the key in another. */
export function signFile(file: string, artifact: Uint8Array, key: string): void {
  writeFileSync(`${file}.sig`, signArtifact(artifact, readFileSync(key)));
}

const verifyHelp = `cwasm verify --key NAME.pub FILE: check the signature of an artifact or a manifest, FILE.sig.

  --key FILE                a public key that you trust; may be given several times

Prints what was signed. The exit status is 1 if none of the keys has signed FILE as it is.`;

function verifyMain(args: string[]): number {
  const keys: Uint8Array[] = [];
  const rest = readFlags(args, { "--key": (value: string) => void keys.push(readFileSync(value)) });
  if (keys.length === 0) throw new UsageError("--key NAME.pub is missing");
  const file = oneFile(rest);
  const bytes = readFileSync(file);
  const kind = bytes[0] === 0x7f ? "artifact" : "manifest";
  const { stamp, target, wasmSha256, time, key } = check(bytes, beside(file), trusted(keys), kind);
  const what = [stamp, target, wasmSha256 && `of wasm ${wasmSha256}`].filter(Boolean).map((text) => `, ${text}`);
  console.log(`${file}: signed ${time}, key ${key.slice(0, 16)}…${what.join("")}`);
  return 0;
}

export const sign: Command = { help: signHelp, main: signMain };
export const verify: Command = { help: verifyHelp, main: verifyMain };
