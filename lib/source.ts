// What `run` is given, and what becomes of it: a module, compiled, or an artifact. The command loads what it runs in the same way.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Config, Engine, Module } from "./binding.js";
import { CompileError, wrongType } from "./errors.js";
import { native } from "./load.js";
import type { RunOptions } from "./run.js";
import { verified, verifiedFile } from "./verified.js";

export type Source = string | URL | Uint8Array | Module;
/** The options that say how it is loaded, or ask something of its engine. */
export type Own = Pick<RunOptions, "precompiled" | "verify" | "signature" | "profile" | "fuel" | "timeoutMs" | "signal" | "imports"> & {
  /** What else the engine is made of. */
  config?: Config;
};

export function path(source: string | URL): string {
  return typeof source === "string" ? source : fileURLToPath(source);
}

const engines = new Map<string, Engine>();

/** One engine per configuration for all runs. */
function engineOf(config: Config): Engine {
  const key = JSON.stringify(config);
  let engine = engines.get(key);
  if (!engine) engines.set(key, (engine = new native.Engine(config)));
  return engine;
}
function configFor({ profile, fuel, config }: Own): Config {
  return { profile: profile ?? (fuel !== undefined ? "metered" : "default"), ...config };
}
/** The engine to compile with. */
export const engineFor = (own: Own) => engineOf(configFor(own));

/** An artifact and the engine for it: native code loads it for one run, and lets go of it then. */
export interface Artifact {
  engine: Engine;
  artifact: string | Uint8Array;
}
function artifact(source: string | URL | Uint8Array, { verify, signature, config }: Own): Artifact {
  let artifact = source instanceof Uint8Array ? source : path(source);
  if (verify !== undefined) {
    const keys = { verify, signature };
    artifact = (typeof artifact === "string" ? verifiedFile(artifact, keys) : verified(artifact, keys))!;
  }
  return { engine: engineOf({ ...native.configFor(artifact), ...config }), artifact };
}

/** What is to be run, in an engine that can do what the options ask. */
export async function loadCommand(source: Source, own: Own): Promise<Module | Artifact> {
  if (source instanceof native.Module) return source;
  check(source);
  if (own.precompiled) return artifact(source, own);
  const wasm = source instanceof Uint8Array ? source : await readFile(source);
  refuseArtifact(wasm);
  return native.Module.compile(engineFor(own), wasm, own.signal && { signal: own.signal });
}

export function loadCommandSync(source: Source, own: Own): Module | Artifact {
  if (source instanceof native.Module) return source;
  check(source);
  if (own.precompiled) return artifact(source, own);
  const wasm = source instanceof Uint8Array ? source : readFileSync(source);
  refuseArtifact(wasm);
  return native.Module.compileSync(engineFor(own), wasm);
}

/** The same as a module. */
export function loadSync(source: Source, own: Own): Module {
  const loaded = loadCommandSync(source, own);
  if (loaded instanceof native.Module) return loaded;
  const { engine, artifact } = loaded;
  return typeof artifact === "string" ? native.Module.deserializeFile(engine, artifact) : native.Module.deserialize(engine, artifact);
}

/** Native code is not run because it happens to be given. */
function refuseArtifact(bytes: Uint8Array): void {
  if (Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(4, bytes.length)).toString("latin1") !== "\x7fELF") return;
  throw new CompileError("this is an artifact compiled ahead of time, not wasm: to run it, say { precompiled: true }");
}

function check(source: unknown): void {
  if (typeof source === "string" || source instanceof URL || source instanceof Uint8Array) return;
  throw wrongType(`source must be a path, a URL, bytes or a Module, got ${typeof source}`);
}
