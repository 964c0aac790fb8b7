// Connects the two sides, once per environment: native code gets the error classes, the slots and the functions of
// lib/host-table.ts, and names that this build lacks are replaced by throwers.

import { isMainThread } from "node:worker_threads";
import { abortable, notAborted } from "./abort.js";
import type { Config, Instance } from "./binding.js";
import { setEnter, slots, transfer } from "./call.js";
import * as errors from "./errors.js";
import { exportsOf } from "./exports.js";
import { type FeatureName, refuseAbsent, unavailable } from "./features.js";
import { untold } from "./exception.js";
import { type Hidden as ForTable, type HostTable, facade, setNative } from "./host-table.js";
import { complete, hasten } from "./memory.js";
import { native as addon } from "./native.js";
import { follow, wake } from "./promising.js";
import { importCall } from "./run-imports.js";
import { shareSignals } from "./signals.js";
import { readStoreOptions } from "./store-options.js";
import { streams } from "./streams.js";
import { verified, verifiedFile } from "./verified.js";

interface Hidden extends ForTable {
  init(facade: object, slots: ArrayBuffer, transfer: ArrayBuffer, isWorker: boolean): () => unknown;
  mendSignals?(): void;
  endBySignal?(signal: number): void;
  features(): FeatureName[];
  parts(artifact: string | Uint8Array): ArtifactParts;
  configFor(artifact: string | Uint8Array): Config;
  sameCode(a: string, b: string): boolean;
  checkArtifact(artifact: string | Uint8Array, config: Config): void;
  runCommand(request: Request): Promise<unknown>;
  stopCommand(number: number): boolean;
  madeInstance(store: number): Instance;
  wasiFunctions(): [module: string, name: string][];
  callMany(store: number, func: number, args: NodeJS.TypedArray, out: NodeJS.TypedArray): number;
  runCommandSync(request: Request): unknown;
  guestMemory(run: number, offset?: number, length?: number, bytes?: Uint8Array): unknown;
}

/** A run, as native code is asked for it. */
export interface Request {
  source: object;
  wasi: object;
  limits: object;
  fuel: bigint | undefined;
  timeoutMs: number | undefined;
  /** What the run is called here. */
  number: number;
  /** Whether it may have to be stopped. */
  stoppable: boolean;
  /** Which stdio is served here: 1 for stdin, 2 for stdout, 4 for stderr; 8 if stderr is the same as stdout. */
  streamed: number;
  /** The functions that are served here. */
  imports: [module: string, name: string][] | undefined;
}

/** What native code reads of an artifact. */
export interface ArtifactParts {
  stamp: string;
  isComponent: boolean;
  bytes: number;
  /** Name and length, of the ELF image's sections and of the module's custom ones. */
  sections: [string, number][];
  customs?: [string, number][];
  /** `name=value` lines. */
  settings?: string;
  /** JSON. */
  facts?: string;
}

/** The addon with the parts that are not public. */
export const native = addon as typeof addon & Hidden;

/** Version of this package, whose major is Wasmtime's. */
export const version: string = native.version;
/** The exact version of Wasmtime inside. */
export const wasmtimeVersion: string = native.wasmtimeVersion;
/** Which build this is: `full`, `min`, or the name that a custom build was given. */
export const variant: "full" | "min" | (string & {}) = native.variant;
/** What this build can do. */
export const features: ReadonlySet<FeatureName> = new Set(native.features());

/** Throws `FeatureUnavailableError`, with what to do, unless this build has the feature. */
export function requireFeature(feature: FeatureName): void {
  if (typeof feature !== "string") throw errors.wrongType("feature must be a string");
  need(feature, "this program");
}
/** The same for something of ours. */
export function need(feature: FeatureName, what: string): void {
  if (!features.has(feature)) throw unavailable(feature, what, { variant, features });
}

/** Native code knows only the feature; the rest of the error is made here. */
function FeatureUnavailable(message: string, { feature }: { feature: string }) {
  return unavailable(feature, message, { variant, features });
}

const { named: _, isOurs: __, wrongType: TypeError, outOfRange: RangeError, systemError: Error, ...classes } = errors;
const thrown = {
  ...classes,
  FeatureUnavailableError: FeatureUnavailable,
  Exception: function () {
    return untold();
  },
  TypeError,
  RangeError,
  Error,
};
const alive = () => undefined;
const ofCalls = { wake, follow: (table: HostTable) => follow(table, native.madeInstance) };
const functions = { ...facade, readStoreOptions, ...streams, ...ofCalls, importCall, alive, verified, verifiedFile, abortable, notAborted };
setEnter(native.init({ ...functions, errors: thrown }, slots, transfer, !isMainThread));
setNative(native);
refuseAbsent(native, { variant, features });
if (isMainThread) shareSignals(native);

// An accessor that is used on anything else than an object of its class fails in napi, with an error of no class. Methods
// fail in V8, which does it right.
for (const owner of Object.values(native) as (Function & { prototype?: object })[]) {
  const { prototype } = owner;
  if (!prototype) continue;
  Object.defineProperty(prototype, Symbol.toStringTag, { value: owner.name, configurable: true });
  for (const [name, { get, set }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (get) Object.defineProperty(prototype, name, { get: onOwn(get, name), set: set && onOwn(set, name) });
  }
}
function onOwn<F extends (this: any, ...args: any[]) => any>(accessor: F, name: string) {
  return function (this: unknown, ...args: Parameters<F>): ReturnType<F> {
    try {
      return accessor.apply(this, args);
    } catch (error) {
      // Anything may come out of a conversion, and is looked at without running its code.
      const field = (name: string) => Object.getOwnPropertyDescriptor(Object(error), name)?.value;
      const ours = field("code") === "InvalidArg" ? String(field("message")) : "";
      if (/^Missing argument/.test(ours)) throw errors.wrongType(`${name} can't be set without a value`);
      if (!/^Failed to unwrap|^Value is not an instance/.test(ours)) throw error;
      throw errors.wrongType(`${name} is used on something else than an object of its class`);
    }
  };
}

const { get } = Object.getOwnPropertyDescriptor(native.Instance.prototype, "exports")!;
Object.defineProperty(native.Instance.prototype, "exports", { get: exportsOf(get!) });

const { dispose } = native.Store.prototype;
Object.defineProperty(native.Store.prototype, Symbol.dispose, { value: dispose, configurable: true, writable: true });

complete(native.Memory.prototype);
hasten(native.Memory.prototype);

// As in the JS API an element that is not given is null (undefined where any value of JavaScript can be one), and undefined is
// converted like any other value. Native code can't tell the two apart.
const { set } = native.Table.prototype;
native.Table.prototype.set = function (index, ...value) {
  if (value.length > 0) return set.call(this, index, value[0]);
  const { element } = this.type;
  return set.call(this, index, typeof element === "string" && element.includes("extern") ? undefined : null);
};
