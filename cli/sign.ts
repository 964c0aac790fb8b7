// cwasm sign and cwasm verify

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Manifest, SignatureError, sign as signArtifact } from "../index.js";
import { isManifest } from "../lib/manifest.js";
import { signManifest } from "../lib/sign.js";
import { check, sha256, trusted } from "../lib/signature.js";
import { beside } from "../lib/verified.js";
import type { Command } from "./cwasm.js";
import { type Flags, UsageError, readFlags } from "./flags.js";
import { replace } from "./replace.js";

const signHelp = `cwasm sign --key NAME.key FILE…: sign artifacts and manifests of artifacts. Writes FILE.sig.

  --key FILE                the private key, which \`cwasm keygen\` made`;

function signMain(args: string[]): number {
  let key: string | undefined;
  const files = filesAndFlags(args, { "--key": (value: string) => void (key = value) });
  if (key === undefined) throw new UsageError("--key NAME.key is missing");
  const secret = readFileSync(key);
  const signatures = files.map((file) => [`${file}.sig`, signed(readFileSync(file), secret)] as const);
  for (const [path, text] of signatures) replace(path, text);
  return 0;
}

/** The content of FILE.sig, for an artifact or a manifest of artifacts. */
export function signed(bytes: Uint8Array, key: Uint8Array): string {
  return manifestIn(bytes) ? signManifest(bytes, key) : signArtifact(bytes, key);
}
function manifestIn(bytes: Uint8Array): Manifest | undefined {
  if (bytes[0] !== 0x7b) return undefined;
  try {
    const manifest: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return isManifest(manifest) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** All FILEs; flags may also come between and after them, as there is no guest here. */
function filesAndFlags(args: string[], flags: Flags): string[] {
  const files: string[] = [];
  for (let rest = readFlags(args, flags); rest.length > 0; rest = readFlags(rest, flags)) files.push(rest.shift()!);
  if (files.length === 0) throw new UsageError("a FILE is missing");
  return files;
}

const verifyHelp = `cwasm verify --key NAME.pub FILE…: check the signatures of artifacts and of manifests, FILE.sig.

  --key FILE                a public key that you trust; may be given several times

Of a manifest the artifacts that it names are checked too. Prints what was signed. The exit status is 1 if none of the keys has
signed each FILE as it is.`;

function verifyMain(args: string[]): number {
  const keys: Uint8Array[] = [];
  const files = filesAndFlags(args, { "--key": (value: string) => void keys.push(readFileSync(value)) });
  if (keys.length === 0) throw new UsageError("--key NAME.pub is missing");
  const list = trusted(keys);
  for (const file of files) {
    const bytes = readFileSync(file);
    const manifest = manifestIn(bytes);
    const { stamp, target, wasmSha256, time, key } = check(bytes, beside(file), list, manifest ? "manifest" : "artifact");
    const artifacts = manifest ? checkArtifacts(manifest, dirname(file)) : undefined;
    const what = [stamp, target, wasmSha256 && `of wasm ${wasmSha256}`, artifacts].filter(Boolean).map((text) => `, ${text}`);
    console.log(`${file}: signed ${time}, key ${key.slice(0, 16)}…${what.join("")}`);
  }
  return 0;
}

/** A manifest that is as it was signed vouches for these by their hashes. */
function checkArtifacts({ modules }: Manifest, folder: string): string {
  const artifacts = Object.values(modules).flatMap(({ artifacts }) => artifacts);
  for (const { file, sha256: hash } of artifacts) {
    const path = join(folder, file);
    if (existsSync(path) && sha256(readFileSync(path)) === hash) continue;
    throw new SignatureError(`${path} is ${existsSync(path) ? "not the artifact that the manifest names" : "not there"}`, { reason: "mismatch" });
  }
  return `${artifacts.length} artifacts`;
}

export const sign: Command = { help: signHelp, main: signMain };
export const verify: Command = { help: verifyHelp, main: verifyMain };
