// The runs of this thread that JavaScript serves. Native code asks for them by their numbers, and every copy of this package in the
// thread has the same native code.

import type { RunImports } from "./run-imports.js";
import type { Stdio } from "./streams.js";

interface Runs {
  last: number;
  readonly stdio: Map<number, Stdio>;
  readonly imports: Map<number, RunImports>;
}
const shared = Symbol.for("@cwasm/wasmtime: runs");

export const runs: Runs = ((process as { [shared]?: Runs })[shared] ??= { last: 0, stdio: new Map(), imports: new Map() });
/** A number for a run. */
export const nextRun = () => (runs.last = (runs.last + 1) >>> 0);
