// The modules that `cwasm run` runs: binary wasm or text to compile, or artifacts where the flags allow them.

import { readFileSync } from "node:fs";
import { CompileError, type Engine, FeatureUnavailableError, Module, features, variant } from "../index.js";
import { type Own, engineFor, loadSync } from "../lib/source.js";

/** How the flags say that files are loaded. `allowed`: an artifact, if it is one. */
export interface Loading extends Omit<Own, "precompiled" | "signature"> {
  precompiled?: "yes" | "allowed";
}

/** `-` is what comes from stdin. */
const read = (file: string) => readFileSync(file === "-" ? 0 : file);

/** Loads FILE, in an engine that can do what the flags ask. */
export function loadMain(file: string, { precompiled, ...own }: Loading): Module {
  const artifact = (from: string | Uint8Array) => loadSync(from, { ...own, precompiled: true });
  if (own.verify !== undefined || (precompiled === "yes" && file !== "-")) return artifact(file);
  const bytes = read(file);
  if (precompiled !== "yes" && !isArtifact(bytes)) return compiled(() => engineFor(own), bytes);
  if (precompiled === undefined) throw refused(file);
  return artifact(file === "-" ? bytes : file);
}

/** Loads another module for the same engine. */
export function loadBeside({ engine }: Module, file: string, { precompiled, verify }: Loading): Module {
  if (verify !== undefined) return Module.deserializeFile(engine, file, { verify });
  const bytes = read(file);
  if (!isArtifact(bytes)) return compiled(() => engine, bytes);
  if (precompiled === undefined) throw refused(file);
  return Module.deserializeFile(engine, file);
}

function compiled(engine: () => Engine, bytes: Buffer): Module {
  if (features.has("cranelift")) return Module.compileSync(engine(), source(bytes));
  const hint = "compile it with @cwasm/wasmtime (`cwasm compile FILE`) and run the result with --precompiled, or install @cwasm/wasmtime here";
  throw new FeatureUnavailableError(`wasm has to be compiled, for which this build (${variant}) lacks the feature 'cranelift'`, { feature: "cranelift", variant, hint });
}

const isArtifact = (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, 4)).toString("latin1") === "\x7fELF";

/** Native code is not run because it happens to be given. */
const refused = (file: string) =>
  new CompileError(`${file} is an artifact compiled ahead of time, not wasm`, { hint: "it is native code; if you made it yourself, run it with --precompiled" });

/** Binary wasm begins with a NUL, which text does not have; an artifact is refused by the compiler. */
export function source(bytes: Buffer): Uint8Array | string {
  const binary = bytes.length === 0 || bytes[0] === 0 || bytes[0] === 0x7f;
  return binary ? bytes : bytes.toString("utf8");
}
