// `Module.deserialize` and `Module.deserializeFile` with `{ verify }`: what was verified is what is loaded.

import { readFileSync } from "node:fs";
import { wrongType } from "./errors.js";
import { check, copied, known, text, trusted } from "./signature.js";
import type { DeserializeOptions } from "./types.js";

/** A copy of the bytes, which are as one of the keys has signed them; nothing where there are no keys. */
export function verified(bytes: Uint8Array, options: DeserializeOptions): Buffer | undefined {
  if (!wanted(options)) return undefined;
  const { verify, signature } = options;
  const keys = trusted(verify!);
  const copy = copied(bytes);
  check(copy, signature === undefined ? undefined : text(signature), keys);
  return copy;
}
/** The content of a file, which is as one of the keys has signed it; nothing where there are no keys. */
export function verifiedFile(path: string, options: DeserializeOptions): Buffer | undefined {
  if (!wanted(options)) return undefined;
  const { verify, signature } = options;
  const keys = trusted(verify!);
  const bytes = readFileSync(path);
  check(bytes, signature === undefined ? beside(path) : text(signature), keys);
  return bytes;
}
/** The signature in `FILE.sig`, if it is there. */
export function beside(path: string): string | undefined {
  try {
    return readFileSync(`${path}.sig`, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function wanted(options: DeserializeOptions): boolean {
  const { verify, signature } = known(options, "verify", "signature");
  if (verify !== undefined) return true;
  // Of a key that was not found nobody wants that anything is trusted.
  if ("verify" in options) throw wrongType("verify is given, and is undefined: which key?");
  if (signature !== undefined) throw wrongType("a signature is nothing without verify, the key to check it with");
  return false;
}
