// WASI for `new Instance`.

import { native, need } from "./load.js";
import type { Imports } from "./types.js";
import { type OwnWasi, standIns } from "./wasi-imports.js";

/**
 * The functions of WASI, preview 1 and preview 0, as imports for `new Instance`. An instance gets those of its store, whose
 * option `wasi` says what they grant. They can be mixed with functions of one's own, by name.
 *
 * Throws `FeatureUnavailableError` in a build without WASI.
 *
 * @example
 * ```ts
 * const store = new Store(engine, { wasi: { stdout: 'inherit' } })
 * const instance = new Instance(store, module, { ...wasiImports(), env: { now: () => Date.now() } })
 * ```
 */
export function wasiImports(): Imports {
  need("wasi", "wasiImports");
  return importsWith();
}

let names: [module: string, name: string][] | undefined;
/** The same, with a WASI that a store without one gets with them. */
export const importsWith = (own?: OwnWasi): Imports => standIns((names ??= native.wasiFunctions()), own);
