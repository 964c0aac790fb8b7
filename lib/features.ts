// What a build may lack, and what it says then. One row per Cargo feature of crates/node-api.

import { FeatureUnavailableError } from "./errors.js";

interface Feature {
  /** Names it brings: `Class.static`, `Class#member` or `function`. Absent ones are replaced by throwers at load. */
  names: string[];
  /** What to do without it. */
  hint: string;
}

const full = "install @cwasm/wasmtime, which has every feature";
const compile =
  "compile ahead of time with @cwasm/wasmtime (`cwasm compile FILE`) and load the result with Module.deserializeFile, or install @cwasm/wasmtime here";

export const featureTable = {
  cranelift: {
    names: [
      "Module.compile",
      "Module.compileSync",
      "Module.validate",
      "Module#serialize",
      "Engine#precompile",
      "Engine#precompileSync",
    ],
    hint: compile,
  },
  wat: { names: [], hint: `give binary wasm, or ${full}` },
  cache: { names: [], hint: full },
  "parallel-compilation": { names: [], hint: full },
  async: { names: [], hint: full },
  gc: { names: ["Store#gc", "Store#jsTag", "StructRef", "ArrayRef"], hint: full },
  threads: { names: ["Memory#atomicWait", "Memory#atomicNotify"], hint: full },
  "pooling-allocator": { names: [], hint: full },
  wasi: { names: ["Linker#defineWasi", "Store#wasi", "runCommand", "runCommandSync", "stopCommand", "wasiFunctions", "adoptWasi", "guestMemory"], hint: full },
  demangle: { names: [], hint: full },
  addr2line: { names: [], hint: full },
  pulley: { names: [], hint: full },
  "all-arch": { names: [], hint: full },
} satisfies Record<string, Feature>;

/** What a build can do, named as Wasmtime names it. */
export type FeatureName = keyof typeof featureTable;

/** The error for something that this build has no code for. */
export function unavailable(feature: string, what: string, variant: string): FeatureUnavailableError {
  const hint = featureTable[feature as FeatureName]?.hint ?? full;
  const message = `${what} needs the feature '${feature}', which this build (${variant}) lacks: ${hint}`;
  return new FeatureUnavailableError(message, { feature, variant, hint });
}

type Names = Record<string, any>;

/** Puts a thrower wherever the table names something that the addon does not have. */
export function refuseAbsent(native: Names, features: ReadonlySet<string>, variant: string): void {
  for (const [feature, { names }] of Object.entries(featureTable)) {
    if (features.has(feature)) continue;
    for (const name of names) {
      const [owner, key, kind] = locate(native, name);
      // No arrow function: some of these are constructors.
      const refuse = function () {
        throw unavailable(feature, name.replace("#", "."), variant);
      };
      // What returns a promise rejects, and a member that is read, and not called, throws when it is read.
      if (kind === "promise") Object.defineProperty(owner, key, { value: async () => refuse(), configurable: true, writable: true });
      else if (kind === "getter") Object.defineProperty(owner, key, { get: refuse, configurable: true });
      else Object.defineProperty(owner, key, { value: refuse, configurable: true, writable: true });
    }
  }
}

type Kind = "getter" | "promise" | "method";
const kinds: Record<string, Kind> = {
  "Store#wasi": "getter",
  "Store#jsTag": "getter",
  "Module.compile": "promise",
  "Engine#precompile": "promise",
  runCommand: "promise",
};

function locate(native: Names, name: string): [object, string, Kind] {
  const kind = kinds[name] ?? "method";
  const [, owner, separator, key] = /^(\w+)([.#])(\w+)$/.exec(name) ?? [];
  if (owner === undefined) return [native, name, kind];
  return [separator === "#" ? native[owner].prototype : native[owner], key!, kind];
}
