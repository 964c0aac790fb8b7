// The kinds of cases, for who hands them out: nothing of the package is loaded for that.

import { fileURLToPath } from "node:url";

/** Where all that is written goes. */
export const folder = fileURLToPath(new URL("../../target/fuzz/", import.meta.url));

export type KindName = "differential" | "wasm" | "cwasm" | "options";
/** How many of a hundred cases are of a kind, and whether what the full build compiles for it is what min runs. */
export const kinds: Record<KindName, { share: number; compiles: boolean }> = {
  differential: { share: 20, compiles: true },
  wasm: { share: 25, compiles: true },
  cwasm: { share: 30, compiles: false },
  options: { share: 25, compiles: false },
};
