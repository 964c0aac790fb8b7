// A manifest says which artifact is for which machine. `cwasm compile -o DIR/` writes it beside the artifacts, as `cwasm.json`.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Engine, Module } from "./binding.js";
import { IncompatibleModuleError, SignatureError, wrongType } from "./errors.js";
import { native } from "./load.js";
import { check, known, sha256, trusted } from "./signature.js";
import type { Key } from "./types.js";
import { beside } from "./verified.js";

/** What stands in `cwasm.json`. */
export interface Manifest {
  format: 1;
  /** By the path of the wasm, from where the compilation began, with `/`. */
  modules: Record<string, { sha256: string; artifacts: ManifestArtifact[] }>;
}
/** One of a module's artifacts. */
export interface ManifestArtifact {
  target: string;
  profile: string;
  /** Beside the manifest, with `/`. */
  file: string;
  sha256: string;
  bytes: number;
}
/** How `loadFrom` trusts what it finds. */
export interface LoadOptions {
  /** Keys of which one must have signed the manifest, in `cwasm.json.sig`; it holds the hashes of the artifacts. */
  verify?: Key | readonly Key[];
}

/**
 * Loads the artifact of a module that is for what the engine runs (this machine, or `pulley64`) and its profile. `manifest` is the path of `cwasm.json`, `name` the path that
 * the wasm had or its SHA-256 in hexadecimal.
 *
 * Throws `IncompatibleModuleError` with the reason `missing` where no artifact fits, and as `Module.deserializeFile` does.
 * With `verify` files are read, not mapped, and `SignatureError` is thrown for a manifest that no key has signed or an artifact that
 * is not the one it names.
 *
 * @example
 * ```ts
 * const engine = new Engine({ profile: 'sandbox' })
 * const module = loadFrom(engine, 'dist/cwasm.json', 'plugins/resize.wasm', { verify: publicKey })
 * ```
 */
export function loadFrom(engine: Engine, manifest: string | URL, name: string, options: LoadOptions = {}): Module {
  if (!(engine instanceof native.Engine)) throw wrongType("engine must be an Engine");
  if (typeof name !== "string") throw wrongType(`name must be a string, got ${typeof name}`);
  if (typeof manifest !== "string" && !(manifest instanceof URL)) throw wrongType("manifest must be the path of cwasm.json");
  const { verify } = known(options, "verify");
  if ("verify" in options && verify === undefined) throw wrongType("verify is given, and is undefined: which key?");
  const path = manifest instanceof URL ? fileURLToPath(manifest) : manifest;
  const bytes = readFileSync(path);
  if (verify !== undefined) check(bytes, beside(path), trusted(verify), "manifest");
  const artifact = find(parse(bytes, path), name, engine);
  const file = join(dirname(path), artifact.file);
  if (verify === undefined) return native.Module.deserializeFile(engine, file);
  const content = readFileSync(file);
  if (sha256(content) === artifact.sha256) return native.Module.deserialize(engine, content);
  throw new SignatureError(`${artifact.file} is not the artifact that the manifest names`, { reason: "mismatch" });
}

function parse(bytes: Buffer, path: string): Manifest {
  try {
    const manifest: unknown = JSON.parse(bytes.toString("utf8"));
    if (isManifest(manifest)) return manifest;
  } catch {
    // Said below.
  }
  throw new IncompatibleModuleError(`${path} is no manifest of artifacts`, {
    reason: "notAnArtifact",
    hint: "make one with `cwasm compile -o DIR/ FILE…`",
  });
}
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
/** Nothing outside of the manifest's folder is an artifact of its. */
const isInside = (file: unknown) => typeof file === "string" && !/^([\\/]|[a-z]:)|(^|[\\/])\.\.([\\/]|$)|\0/i.test(file);

/** Whether it is one, with all that is read of it. */
export function isManifest(value: unknown): value is Manifest {
  const isArtifact = (value: unknown) =>
    isObject(value) && ["target", "profile", "sha256"].every((name) => typeof value[name] === "string") && isInside(value["file"]);
  const isModule = (value: unknown) =>
    isObject(value) && typeof value["sha256"] === "string" && Array.isArray(value["artifacts"]) && value["artifacts"].every(isArtifact);
  return isObject(value) && value["format"] === 1 && isObject(value["modules"]) && Object.values(value["modules"]).every(isModule);
}

function find({ modules }: Manifest, name: string, engine: Engine): ManifestArtifact {
  const module = Object.hasOwn(modules, name) ? modules[name] : Object.values(modules).find(({ sha256 }) => sha256 === name);
  if (!module) {
    throw new IncompatibleModuleError(`the manifest has no module '${name}'`, {
      reason: "missing",
      found: Object.keys(modules).join(", "),
      hint: "compile it too, and name it as the manifest does",
    });
  }
  const { artifacts } = module;
  const fitting = artifacts.find(({ target, profile }) => profile === engine.profile && native.sameCode(target, engine.target));
  if (fitting) return fitting;
  const there = artifacts.map(({ target, profile }) => `${target} (${profile})`).join(", ");
  throw new IncompatibleModuleError(`'${name}' has no artifact for ${engine.target} with the profile '${engine.profile}', only ${there}`, {
    reason: "missing",
    expected: `${engine.target} (${engine.profile})`,
    found: there,
    hint: `compile it with --target ${engine.target} --profile ${engine.profile}`,
  });
}
