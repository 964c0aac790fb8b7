// What an artifact is, without loading it: nothing of it is run, and nothing of it is believed but by its checksums.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type IncompatibleModuleError, IncompatibleModuleError as Incompatible, SignatureError, wrongType } from "./errors.js";
import { type ArtifactParts, native } from "./load.js";
import { parse, sha256 } from "./signature.js";
import type { ExportType, ImportType } from "./types.js";
import { beside } from "./verified.js";

/** What an artifact says of itself. What is `undefined` is not known, as of most of an artifact of stock Wasmtime. */
export interface ArtifactInfo {
  kind: "module" | "component";
  /** What it is stamped with: the version of Wasmtime and the profile, `48.0.8+sandbox`. */
  stamp: string;
  /** The Wasmtime that compiled it. */
  wasmtimeVersion?: string;
  /** The package that compiled it. */
  packageVersion?: string;
  profile?: string;
  /**
   * How a guest is stopped that computes, which `timeoutMs` and `signal` need: `page` and `flag` are checks in its code (docs/limits.md),
   * `epochs` those of Wasmtime, `none` is none.
   */
  interruption?: string;
  /** The target triple. */
  target?: string;
  cpu?: {
    /** Features of the CPU that its code may use, by Cranelift's names. */
    features: string[];
  };
  compiler?: { strategy: string; optLevel: string; nanCanonicalization: boolean };
  /** Every setting that has to be the same where it is loaded. */
  settings?: Record<string, string>;
  /** What it was compiled from. */
  wasm?: { sha256: string; bytes: number };
  /** The module's name. */
  name?: string;
  /** How many functions it has beside those that it imports. */
  functions?: number;
  imports?: ImportType[];
  exports?: ExportType[];
  /** Custom sections that it has kept, with their sizes in bytes. */
  customSections?: { name: string; bytes: number }[];
  /** Parts of the file. */
  sections: { name: string; bytes: number }[];
  /** Bytes of the whole. */
  bytes: number;
  /** The SHA-256 of the whole, in hexadecimal. */
  sha256: string;
  /** What the signature beside a file says, which is not checked here: `cwasm verify` and `{ verify }` do. */
  signature?: { time: string; key: string; matches: boolean } | "malformed";
  /** Why an engine of its profile does not load it here; `undefined` where it does. */
  problem?: IncompatibleModuleError;
}

/**
 * Says what an artifact is, and whether this build on this machine can load it, without loading it. `artifact` is a path, a URL or
 * bytes.
 *
 * Throws `IncompatibleModuleError` for what is no artifact or a damaged one, and Node's own error for a file that can't be read.
 *
 * @example
 * ```ts
 * const { target, profile, problem } = inspect('plugin.cwasm')
 * if (problem) console.error(`for ${target}, ${profile}: ${problem.hint}`)
 * ```
 */
export function inspect(artifact: string | URL | Uint8Array): ArtifactInfo {
  const path = artifact instanceof URL ? fileURLToPath(artifact) : typeof artifact === "string" ? artifact : undefined;
  if (path === undefined && !(artifact instanceof Uint8Array)) throw wrongType(`artifact must be a path, a URL or bytes, got ${typeof artifact}`);
  const bytes = path === undefined ? (artifact as Uint8Array) : readFileSync(path);
  const parts = native.parts(bytes);
  const hash = sha256(bytes);
  const problem = problemOf(bytes);
  const signature = path === undefined ? undefined : signatureOf(path, hash);
  return { ...described(parts), sha256: hash, ...(signature && { signature }), ...(problem && { problem }) };
}

function described(parts: ArtifactParts): Omit<ArtifactInfo, "sha256"> {
  const { stamp, isComponent, bytes } = parts;
  const sized = ([name, bytes]: [string, number]) => ({ name, bytes });
  const { wasmtime, profile, target, cpu, interruption, sharedMemoryGrowth: _, ...settings } = lines(parts.settings);
  const info = {
    kind: isComponent ? ("component" as const) : ("module" as const),
    stamp,
    wasmtimeVersion: wasmtime,
    profile,
    interruption,
    target,
    cpu: cpu === undefined ? undefined : { features: cpu.split(",").filter(Boolean) },
    ...facts(parts.facts),
    settings: Object.keys(settings).length > 0 ? settings : undefined,
    customSections: parts.customs?.map(sized),
    sections: parts.sections.map(sized),
    bytes,
  };
  // What is not known is not there.
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== undefined)) as typeof info;
}

const isObject = (value: unknown): value is Record<string, any> => typeof value === "object" && value !== null && !Array.isArray(value);
const isExtern = (value: unknown) => isObject(value) && typeof value["name"] === "string" && typeof value["kind"] === "string" && isObject(value["type"]);

/** A block that was made by somebody else may have anything in it, behind a right checksum. */
function facts(text = "{}") {
  const facts = json(text || "{}");
  const { package: packageVersion, name, wasm, functions, imports, exports, compiler } = isObject(facts) ? facts : { wasm: "wrong" };
  const fits =
    ["string", "undefined"].includes(typeof packageVersion) &&
    (name == null || typeof name === "string") &&
    (wasm === undefined || (isObject(wasm) && typeof wasm["sha256"] === "string" && typeof wasm["bytes"] === "number")) &&
    ["number", "undefined"].includes(typeof functions) &&
    [imports, exports].every((list) => list === undefined || (Array.isArray(list) && list.every(isExtern))) &&
    (compiler === undefined || isObject(compiler));
  if (!fits) throw damaged("its metadata has other things in it than it should");
  return { packageVersion, name: name ?? undefined, wasm, functions, imports, exports, compiler };
}
function json(text: string): any {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw Object.assign(damaged("its metadata is no JSON"), { cause });
  }
}
function damaged(what: string): IncompatibleModuleError {
  return new Incompatible(`this artifact is damaged: ${what}`, { reason: "damaged", hint: "compile it again" });
}

/** The first of each name counts, as for native code. */
function lines(text = ""): Record<string, string> {
  const pairs = text.split("\n").filter(Boolean).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
  return Object.fromEntries(pairs.reverse());
}

/** Tried with an engine as it should be, as far as the artifact says. */
function problemOf(bytes: Uint8Array): IncompatibleModuleError | undefined {
  try {
    native.checkArtifact(bytes, native.configFor(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof Incompatible) return error;
    throw error;
  }
}

function signatureOf(path: string, hash: string): ArtifactInfo["signature"] {
  const text = beside(path);
  if (text === undefined) return undefined;
  try {
    const { time, key, sha256 } = parse(text).statement;
    return { time, key, matches: sha256 === hash };
  } catch (error) {
    if (error instanceof SignatureError) return "malformed";
    throw error;
  }
}
