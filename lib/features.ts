// What a build may lack, and what it says then. One row per Cargo feature of crates/node-api.

import { FeatureUnavailableError } from "./errors.js";
import { packages } from "./platforms.js";

interface Feature {
  /** Names it brings: `Class.static`, `Class#member` or `function`. Absent ones are replaced by throwers at load. */
  names: string[];
  /** What to do without it. */
  hint: string;
}

const full = "install @cwasm/wasmtime, which has every feature";
const compile =
  "compile ahead of time with @cwasm/wasmtime (`cwasm compile FILE`) and load the result with Module.deserializeFile, or install @cwasm/wasmtime here";

/** What a build is. */
export interface Build {
  variant: string;
  features: ReadonlySet<string>;
}

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
  async: { names: ["Linker#instantiateAsync", "InstancePre#instantiateAsync", "Instance.create", "madeInstance"], hint: full },
  gc: { names: ["Store#gc", "Store#jsTag", "StructRef", "ArrayRef", "Tag", "tagKinds"], hint: full },
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
export function unavailable(feature: string, what: string, build: Build): FeatureUnavailableError {
  const { variant } = build;
  const hint = (featureTable[feature as FeatureName]?.hint ?? full) + hintOfOwn(feature, build);
  const message = `${what} needs the feature '${feature}', which this build (${variant}) lacks: ${hint}`;
  return new FeatureUnavailableError(message, { feature, variant, hint });
}

/** Who has chosen the features of a build can choose others; and artifacts are compiled for those it has. */
function hintOfOwn(feature: string, { variant, features }: Build): string {
  if (Object.hasOwn(packages, variant)) return "";
  const wanted = Object.keys(featureTable).filter((name) => name === feature || features.has(name));
  const own = `; or build '${variant}' with \`npm run build:custom -- --features ${wanted.join(",")}\``;
  const bearing = ["gc", "threads"].filter((name) => features.has(name));
  if (feature !== "cranelift" || bearing.length === 2) return own;
  return `${own}. This build loads what is compiled with \`--features ${bearing.join(",") || "none"}\``;
}

type Names = Record<string, any>;
const hidden = { configurable: true, writable: true, enumerable: false };

/** Puts a thrower wherever the table names something that the addon does not have. */
export function refuseAbsent(native: Names, build: Build): void {
  for (const [feature, { names }] of Object.entries(featureTable)) {
    if (build.features.has(feature)) continue;
    for (const name of names) {
      const [owner, key, kind] = locate(native, name);
      // No arrow function: some of these are constructors.
      const refuse = function () {
        throw unavailable(feature, publicNames[name] ?? name.replace("#", "."), build);
      };
      // What returns a promise rejects, and a member that is read, and not called, throws when it is read.
      if (kind === "promise") Object.defineProperty(owner, key, { value: async () => refuse(), ...hidden });
      else if (kind === "getter") Object.defineProperty(owner, key, { get: refuse, configurable: true, enumerable: false });
      else Object.defineProperty(owner, key, { value: refuse, ...hidden });
    }
  }
}

/** What users call that which the addon has under another name. */
const publicNames: Record<string, string> = {
  runCommand: "run",
  runCommandSync: "runSync",
  wasiFunctions: "wasiImports",
  adoptWasi: "WASI",
  tagKinds: "Exception",
};

type Kind = "getter" | "promise" | "method";
const kinds: Record<string, Kind> = {
  "Store#wasi": "getter",
  "Store#jsTag": "getter",
  "Module.compile": "promise",
  "Linker#instantiateAsync": "promise",
  "InstancePre#instantiateAsync": "promise",
  "Instance.create": "promise",
  "Engine#precompile": "promise",
  runCommand: "promise",
};

function locate(native: Names, name: string): [object, string, Kind] {
  const kind = kinds[name] ?? "method";
  const [, owner, separator, key] = /^(\w+)([.#])(\w+)$/.exec(name) ?? [];
  if (owner === undefined) return [native, name, kind];
  return [separator === "#" ? native[owner].prototype : native[owner], key!, kind];
}
