// cwasm sign and cwasm verify

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Manifest, SignatureError, sign as signArtifact } from "../index.js";
import { isManifest } from "../lib/manifest.js";
import { signManifest } from "../lib/sign.js";
import { check, sha256, trusted } from "../lib/signature.js";
import { beside } from "../lib/verified.js";
import { type Command, UsageError, files } from "./flags.js";
import { replace } from "./replace.js";

interface Wishes {
  /** The files of the keys. */
  keys: string[];
}

function signMain({ keys }: Wishes, words: string[]): number {
  const key = keys.at(-1);
  if (key === undefined) throw new UsageError("--key NAME.key is missing");
  const secret = readFileSync(key);
  const signatures = files(words).map((file) => [`${file}.sig`, signed(readFileSync(file), secret)] as const);
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

function verifyMain({ keys }: Wishes, words: string[]): number {
  if (keys.length === 0) throw new UsageError("--key NAME.pub is missing");
  const list = trusted(keys.map((key) => readFileSync(key)));
  for (const file of files(words)) {
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

export const sign: Command<Wishes> = {
  name: "sign",
  usage: "--key NAME.key FILE…",
  about: "sign artifacts and manifests of artifacts: writes FILE.sig",
  flags: [{ names: "--key", value: "FILE", help: "the private key, which `cwasm keygen` made", read: ({ keys }, value) => void keys.push(value) }],
  begin: () => ({ keys: [] }),
  main: signMain,
};
export const verify: Command<Wishes> = {
  name: "verify",
  usage: "--key NAME.pub FILE…",
  about: "check the signatures of artifacts and of manifests, FILE.sig",
  flags: [{ names: "--key", value: "FILE", help: "a public key that you trust; may be given several times", read: ({ keys }, value) => void keys.push(value) }],
  details: `Of a manifest the artifacts that it names are checked too. Prints what was signed. The exit status is 1 if none of the keys has signed each FILE as it is.`,
  begin: () => ({ keys: [] }),
  main: verifyMain,
};
