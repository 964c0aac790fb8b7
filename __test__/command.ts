// The `cwasm` command, in a process of its own.

import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ProfileName, features } from "../index.js";
import { artifact, heard } from "./helper.js";

/** Its script. */
export const cwasm = fileURLToPath(new URL("../cli/cwasm.js", import.meta.url));

export interface Ended {
  status: number;
  stdout: string;
  stderr: string;
}
/** Runs it to its end. */
export function command(args: string[], { cwd, input = "", env = {} }: { cwd?: string; input?: string | undefined; env?: object } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [cwasm, ...args],
      { cwd, env: { ...process.env, NODE_OPTIONS: "", FORCE_COLOR: undefined, ...env } },
      (error, stdout, stderr) => {
        try {
          heard(stderr);
          resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
        } catch (lacking) {
          reject(lacking);
        }
      },
    );
    child.stdin!.end(input);
  });
}

const folder = mkdtempSync(join(tmpdir(), "cwasm-guests-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
let guests = 0;

/** A guest as a file that this build can run, behind the flags that it takes. */
export function guest(text: string, profile: ProfileName = "default"): string[] {
  if (!features.has("cranelift")) return ["--precompiled", artifact(text, profile)];
  const file = join(folder, `guest${guests++}.wat`);
  writeFileSync(file, text);
  return [file];
}
