// Signing and verifying artifacts: lib/signature.ts has what is signed.

import { createPrivateKey, createPublicKey, sign as signBytes } from "node:crypto";
import { SignatureError } from "./errors.js";
import { inspect } from "./inspect.js";
import { type Statement, check, context, copied, fingerprint, read, sha256, text, trusted } from "./signature.js";
import type { Key } from "./types.js";

/**
 * Signs an artifact. Returns the content of `FILE.sig`: what is signed has the artifact's hash, what is known of how it was
 * compiled, the hash of its source, and the time.
 *
 * Throws `IncompatibleModuleError` for what is no artifact, `TypeError` for what is no Ed25519 private key.
 */
export function sign(bytes: Uint8Array, privateKey: Key): string {
  const copy = copied(bytes);
  // The key first: an artifact is not at fault where the key is none.
  const key = read(privateKey, "privateKey", createPrivateKey, "private");
  const { stamp, wasmtimeVersion, profile, target, wasm } = inspect(copy);
  return seal(copy, key, { kind: "artifact", stamp, wasmtime: wasmtimeVersion, profile, target, wasmSha256: wasm?.sha256 });
}

/** The same of a manifest of artifacts (lib/manifest.ts). */
export function signManifest(bytes: Uint8Array, privateKey: Key): string {
  return seal(bytes, read(privateKey, "privateKey", createPrivateKey, "private"), { kind: "manifest" });
}

type Known = { [name in Exclude<keyof Statement, "sha256" | "time" | "key">]?: Statement[name] | undefined };
function seal(bytes: Uint8Array, key: ReturnType<typeof createPrivateKey>, known: Known): string {
  const time = new Date().toISOString();
  const text = JSON.stringify({ sha256: sha256(bytes), ...known, time, key: fingerprint(createPublicKey(key)) });
  const signature = signBytes(null, Buffer.from(context + text), key).toString("base64");
  return `${JSON.stringify({ statement: text, signature }, null, 2)}\n`;
}

/**
 * Whether the owner of this key has signed these bytes.
 *
 * Throws `TypeError` for what is no Ed25519 key.
 */
export function verify(bytes: Uint8Array, signature: string | Uint8Array, publicKey: Key): boolean {
  const keys = trusted(publicKey);
  try {
    check(copied(bytes), text(signature), keys);
    return true;
  } catch (error) {
    if (error instanceof SignatureError) return false;
    throw error;
  }
}
