// What the specs share. Modules come from WAT on both builds: one that has no compiler loads the artifact that the other
// one made of the same text.

import test, { type ExecutionContext } from "ava";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import wabt from "wabt";
import {
  Engine,
  FeatureUnavailableError,
  type Feature,
  Func,
  type Imports,
  Instance,
  Linker,
  Module,
  type ProfileName,
  Store,
  type StoreOptions,
  features,
  variant,
} from "../index.js";
import { HostTable } from "../lib/host-table.js";
import { artifact, engineOf, root } from "./artifacts.js";
import { heard } from "./needing.js";

export * from "./artifacts.js";
export * from "./needing.js";

export interface Loading {
  profile?: ProfileName;
  engine?: Engine;
}

/** A module of text, in an engine of the profile. */
export function load(wat: string, { profile, engine = engineOf(profile) }: Loading = {}) {
  collect();
  const file = artifact(wat, engine.profile as ProfileName);
  const module = features.has("cranelift") ? Module.compileSync(engine, wat) : Module.deserializeFile(engine, file);
  return { engine, module };
}

/** An instance of text in a store of its own. */
export function start(wat: string, imports?: Imports, options: Loading & StoreOptions = {}) {
  const { profile, engine: given, ...rest } = options;
  const { engine, module } = load(wat, options);
  const store = new Store(engine, rest);
  const instance = new Instance(store, module, imports);
  return { engine, module, store, instance, exports: instance.exports };
}

const tools = await wabt();
/** Binary wasm of text, without our own compiler. */
export function wasm(wat: string): Uint8Array {
  return tools.parseWat("test.wat", wat).toBinary({}).buffer;
}

/** A folder that goes away with the test. */
export function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "cwasm-test-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** Runs a script in a process of its own, which is what a crash would end. `$(name)` in it is the JSON of a value. One that hangs
 * is killed after `timeout` milliseconds: its signal is SIGKILL. */
export function node(
  script: string,
  {
    values = {},
    flags = [],
    env = {},
    input = "",
    timeout,
  }: { values?: Record<string, unknown>; flags?: string[]; env?: NodeJS.ProcessEnv; input?: string; timeout?: number } = {},
) {
  const text = script.replace(/\$\((\w+)\)/g, (_, name) => JSON.stringify(values[name]));
  const ended = spawnSync(process.execPath, [...flags, "--input-type=module", "--eval", text], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: "utf8",
    input,
    maxBuffer: 1 << 26,
    timeout,
    killSignal: "SIGKILL",
  });
  heard(ended.stderr);
  return ended;
}
/** The same for a script that prints JSON, and must end well. */
export function nodeJson(t: ExecutionContext, script: string, options?: Parameters<typeof node>[1]): any {
  const { status, signal, stdout, stderr } = node(script, options);
  t.deepEqual([status, signal], [0, null], stderr);
  return JSON.parse(stdout);
}

/** What t.throws expects of misuse. */
export const typeError = { instanceOf: TypeError, code: "ERR_INVALID_ARG_TYPE" };
export const rangeError = { instanceOf: RangeError, code: "ERR_OUT_OF_RANGE" };

/** What a function throws, which may be anything. */
export function thrown(fn: () => unknown): unknown {
  let result: unknown;
  try {
    result = fn();
  } catch (error) {
    return error;
  }
  throw new Error(`nothing was thrown, but returned: ${String(result)}`);
}

/** Asserts that something needs a feature which this build lacks. */
export function isUnavailable(t: ExecutionContext, feature: Feature, error: unknown) {
  if (!(error instanceof FeatureUnavailableError)) return t.fail(`not a FeatureUnavailableError: ${String(error)}`);
  t.is(error.code, "ERR_WASMTIME_FEATURE_UNAVAILABLE");
  t.is(error.feature, feature);
  t.is(error.variant, variant);
  t.true(error.hint.length > 0 && error.message.includes(error.hint) && error.message.includes(feature));
}
/** Where the build has a feature, `check`; else that `use` throws FeatureUnavailableError. */
export function needs(t: ExecutionContext, feature: Feature, use: () => unknown, check: () => unknown) {
  return features.has(feature) ? check() : isUnavailable(t, feature, thrown(use));
}

/** In the pass that collects garbage all the time: now. */
export function collect(): void {
  if (stressed) globalThis.gc!();
}
const stressed = process.env["CWASM_GC_STRESS"] === "1" && globalThis.gc !== undefined;
if (stressed) {
  let calls = 0;
  // Not at each of a million calls.
  const now = () => void ((calls < 100 || calls % 50_000 === 0) && globalThis.gc!(), calls++);
  const around =
    (fn: Function) =>
    (...args: unknown[]) => {
      now();
      const returned = fn(...args);
      now();
      return returned;
    };
  const { import: add } = HostTable.prototype;
  HostTable.prototype.import = function (sig, fn) {
    return add.call(this, sig, around(fn));
  };
  const { defineFunc } = Linker.prototype;
  Linker.prototype.defineFunc = function (module, name, type, fn) {
    return defineFunc.call(this, module, name, type, typeof fn === "function" ? around(fn) : fn);
  };
  test.beforeEach(collect);
  test.afterEach.always(collect);
}

/** A host function of a type, as wasm sees it. */
export const wrap = (store: Store, parameters: string[], results: string[], fn: (...args: any[]) => unknown) =>
  Func.wrap(store, { parameters, results }, fn);
