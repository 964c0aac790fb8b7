// cwasm keygen

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { type Command, UsageError, oneFile } from "./flags.js";

function main(_: object, words: string[]): number {
  const name = oneFile(words);
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const files = [
    [`${name}.key`, privateKey.export({ type: "pkcs8", format: "pem" }), 0o600],
    [`${name}.pub`, publicKey.export({ type: "spki", format: "pem" }), 0o644],
  ] as const;
  for (const [file, pem, mode] of files) {
    try {
      writeFileSync(file, pem, { mode, flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      throw new UsageError(`${file} is there already: keys are not replaced`);
    }
  }
  return 0;
}

export const keygen: Command = {
  name: "keygen",
  usage: "NAME",
  about: "make a pair of Ed25519 keys to sign with, as PEM",
  flags: [],
  details: `NAME.key   the private one: whoever has it can sign in your name
NAME.pub   the public one, for those who verify

Files that are there already are left alone.`,
  begin: () => ({}),
  main,
};
