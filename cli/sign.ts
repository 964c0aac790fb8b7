// cwasm sign and cwasm verify

import { readFileSync, writeFileSync } from "node:fs";
import { sign as signArtifact } from "../index.js";
import { check, trusted } from "../lib/signature.js";
import { beside } from "../lib/verified.js";
import type { Command } from "./cwasm.js";
import { UsageError, oneFile, readFlags } from "./flags.js";

const signHelp = `cwasm sign --key NAME.key FILE: sign an artifact. Writes FILE.sig.

  --key FILE                the private key, which \`cwasm keygen\` made
  --wasm FILE               what it was compiled from: its hash is signed too`;

function signMain(args: string[]): number {
  let key: string | undefined;
  let wasm: string | undefined;
  const rest = readFlags(args, {
    "--key": (value: string) => void (key = value),
    "--wasm": (value: string) => void (wasm = value),
  });
  if (key === undefined) throw new UsageError("--key NAME.key is missing");
  const file = oneFile(rest);
  signFile(file, readFileSync(file), key, wasm === undefined ? undefined : readFileSync(wasm));
  return 0;
}

/** Signs what is in a file, with the key in another. */
export function signFile(file: string, artifact: Uint8Array, key: string, wasm?: Uint8Array): void {
  writeFileSync(`${file}.sig`, signArtifact(artifact, readFileSync(key), { wasm }));
}

const verifyHelp = `cwasm verify --key NAME.pub FILE: check an artifact's signature, FILE.sig.

  --key FILE                a public key that you trust; may be given several times

Prints what was signed. The exit status is 1 if none of the keys has signed FILE as it is.`;

function verifyMain(args: string[]): number {
  const keys: Uint8Array[] = [];
  const rest = readFlags(args, { "--key": (value: string) => void keys.push(readFileSync(value)) });
  if (keys.length === 0) throw new UsageError("--key NAME.pub is missing");
  const file = oneFile(rest);
  const { stamp, wasmSha256, time, key } = check(readFileSync(file), beside(file), trusted(keys));
  console.log(`${file}: signed ${time}, key ${key.slice(0, 16)}…, ${stamp}${wasmSha256 ? `, of wasm ${wasmSha256}` : ""}`);
  return 0;
}

export const sign: Command = { help: signHelp, main: signMain };
export const verify: Command = { help: verifyHelp, main: verifyMain };
