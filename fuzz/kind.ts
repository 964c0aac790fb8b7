// What the kinds of cases have in common.

import type { Artifacts } from "./artifacts.js";
import type { KindName } from "./kinds.js";

/** Some cases of one kind, which run in one process. */
export interface Batch {
  kind: KindName;
  seed: number;
  /** The numbers of the first case and of the one behind the last. */
  from: number;
  to: number;
  /** Where the full build leaves what min needs of these cases. */
  artifacts: string;
}

/** One thing that is tried. */
export interface Case {
  /** What a failure is looked into with. */
  input: Uint8Array | string;
  /** Returns why there is nothing to be said of it, if there is not. Throws what is wrong. */
  run(): Inconclusive | void | Promise<Inconclusive | void>;
}
export type Inconclusive = string;

/** Makes the case of a number. It depends on nothing but the batch's kind and seed and that number. */
export type Cases = (number: number) => Case;
/** A kind of cases. */
export type Kind = (batch: Batch, artifacts: Artifacts) => Cases;

/** What is wrong. */
export class Wrong extends Error {}
