// Writing a file that somebody may have mapped.

import { randomUUID } from "node:crypto";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Writes a file whole or not at all, by rename. */
export function replace(path: string, bytes: Uint8Array | string): void {
  replaceAll([[path, bytes]]);
}

/** The same for several: each is written whole before the first is renamed. */
export function replaceAll(files: [path: string, bytes: Uint8Array | string][]): void {
  const drafts = files.map(([path, bytes]) => ({ path, bytes, draft: `${path}.${randomUUID()}.part` }));
  try {
    for (const { path, bytes, draft } of drafts) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(draft, bytes);
    }
    for (const { path, draft } of drafts) renameSync(draft, path);
  } catch (error) {
    for (const { draft } of drafts) rmSync(draft, { force: true });
    throw error;
  }
}
