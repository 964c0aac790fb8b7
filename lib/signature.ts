// Signatures of artifacts: Ed25519, in a file of their own beside the artifact (FILE.sig), by node:crypto. What is signed is a
// statement about the artifact; a reader trusts it if a key that the caller trusts has signed it and the hash is the artifact's.

import { KeyObject, createHash, createPublicKey, verify as verifyBytes } from "node:crypto";
import { types } from "node:util";
import { SignatureError, wrongType } from "./errors.js";
import type { Key } from "./types.js";

/** What is signed. */
export interface Statement {
  /** Of the artifact or the manifest, in hexadecimal. */
  sha256: string;
  kind: "artifact" | "manifest";
  /** What an artifact is stamped with: Wasmtime's version and the profile, `48.0.8+sandbox`. */
  stamp?: string;
  /** The exact version of Wasmtime that compiled it, and what for. */
  wasmtime?: string;
  profile?: string;
  target?: string;
  /** Of the wasm that it was compiled from. */
  wasmSha256?: string;
  /** When it was signed, as ISO 8601. */
  time: string;
  /** Which key has signed: the SHA-256 of its public part (SPKI, DER), in hexadecimal. */
  key: string;
}

/** No other kind of message that the key signs begins like this. */
export const context = "cwasm signature 1\n";
export const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Keys that a caller trusts, one or several. */
export function trusted(keys: Key | readonly Key[]): KeyObject[] {
  const list = Array.isArray(keys) ? (keys as Key[]) : [keys as Key];
  if (list.length === 0) throw wrongType("verify must have a key");
  return list.map((key) => read(key, "verify", createPublicKey, "public"));
}

/** Returns the statement that one of the keys has signed about these bytes, which nobody else can change meanwhile. */
export function check(bytes: Uint8Array, signature: string | undefined, keys: KeyObject[], kind: Statement["kind"] = "artifact"): Statement {
  if (signature === undefined) throw refusal("missing", "this artifact has no signature");
  const signed = parse(signature);
  const key = keys.find((key) => fingerprint(key) === signed.statement.key);
  if (!key) throw refusal("unknownKey", `this artifact was signed with another key, ${String(signed.statement.key).slice(0, 16)}…`);
  if (!verifyBytes(null, Buffer.from(context + signed.text), key, signed.signature)) {
    throw refusal("forged", "this signature was not made with the key that it names");
  }
  if (signed.statement.kind !== kind) throw refusal("mismatch", `this signature is of a thing of kind '${signed.statement.kind}', not '${kind}'`);
  if (signed.statement.sha256 !== sha256(bytes)) throw refusal("mismatch", "this signature is of another artifact, or this one was changed");
  return signed.statement;
}

export function parse(signature: string): { text: string; statement: Statement; signature: Buffer } {
  try {
    const { statement: text, signature: base64 } = JSON.parse(signature) as Record<string, unknown>;
    const statement: unknown = JSON.parse(String(text));
    const isStatement = (value: any): value is Statement => ["sha256", "kind", "time", "key"].every((name) => typeof value?.[name] === "string");
    if (typeof text === "string" && typeof base64 === "string" && isStatement(statement)) {
      return { text, statement, signature: Buffer.from(base64, "base64") };
    }
  } catch {
    // Said below.
  }
  throw refusal("malformed", "this is no signature of cwasm");
}

function refusal(reason: string, message: string): SignatureError {
  return new SignatureError(message, { reason });
}
export function fingerprint(publicKey: KeyObject): string {
  return sha256(publicKey.export({ type: "spki", format: "der" }));
}

/** An options object that has nothing but these. */
export function known<O extends object>(options: O, ...names: (keyof O & string)[]): O {
  if (typeof options !== "object" || options === null) throw wrongType("options must be an object");
  const unknown = Object.keys(options).find((name) => !(names as string[]).includes(name));
  if (unknown === undefined) return options;
  throw wrongType(`options has no option '${unknown}'; it has ${names.join(", ")}`);
}

/** Bytes that nobody changes between the check and the use. */
export function copied(bytes: Uint8Array): Buffer {
  if (types.isUint8Array(bytes)) return Buffer.from(bytes);
  throw wrongType(`bytes must be a Uint8Array, got ${typeof bytes}`);
}
export function text(signature: string | Uint8Array): string {
  if (typeof signature === "string") return signature;
  if (types.isUint8Array(signature)) return Buffer.from(signature).toString("utf8");
  throw wrongType("signature must be a string or bytes");
}

export function read(key: Key, what: string, make: (key: any) => KeyObject, kind: "private" | "public"): KeyObject {
  const isBytes = types.isUint8Array(key);
  if (typeof key !== "string" && !isBytes && !(key instanceof KeyObject)) throw wrongType(`${what} must be a key as PEM, or a KeyObject`);
  let made: KeyObject;
  try {
    made = key instanceof KeyObject && key.type === kind ? key : make(isBytes ? Buffer.from(key) : key);
  } catch (cause) {
    throw Object.assign(wrongType(`${what} is no ${kind} key: ${(cause as Error).message}`), { cause });
  }
  if (made.asymmetricKeyType !== "ed25519") throw wrongType(`${what} must be an Ed25519 key, not ${made.asymmetricKeyType}`);
  return made;
}
