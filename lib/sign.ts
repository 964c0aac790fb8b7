// Signing and verifying artifacts: lib/signature.ts has what is signed.

import { createPrivateKey, createPublicKey, sign as signBytes } from "node:crypto";
import { SignatureError } from "./errors.js";
import { native } from "./load.js";
import { type Statement, check, context, copied, fingerprint, known, read, sha256, text, trusted } from "./signature.js";
import type { Key, SignOptions } from "./types.js";

/**
 * Signs an artifact. Returns the content of `FILE.sig`.
 *
 * Throws `IncompatibleModuleError` for what is no artifact, `TypeError` for what is no Ed25519 private key.
 */
export function sign(bytes: Uint8Array, privateKey: Key, options: SignOptions = {}): string {
  const { wasm } = known<SignOptions>(options, "wasm");
  const key = read(privateKey, "privateKey", createPrivateKey, "private");
  const copy = copied(bytes);
  const statement: Statement = {
    sha256: sha256(copy),
    stamp: native.stamp(copy),
    ...(wasm !== undefined && { wasmSha256: sha256(copied(wasm)) }),
    time: new Date().toISOString(),
    key: fingerprint(createPublicKey(key)),
  };
  const text = JSON.stringify(statement);
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
